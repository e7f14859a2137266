# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a replacement: its content, its owner, and whether it is valid. Pure.

The journal is also the endpoint's lock. It is stored as JSON: the fields of Journal, and `format`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_arn, partition_of
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import MODIFIED, RECREATED
from ansible_collections.datalake.dms.plugins.module_utils._replacement import run_identity
from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import TaskEntry


class LockTaken(DatalakeError):
    """Another run has the lock, and this run never had it."""


FORMAT = 1
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# Name of a member -> whether a value has its shape.
_Shape = Mapping[str, Callable[[Any], bool]]


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types)


def _line(value: Any) -> bool:
    """A text that messages have: no line break in it."""
    return isinstance(value, str) and value.isprintable()


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _text_by_name(value: Any) -> bool:
    return isinstance(value, dict) and _texts([*value.values()])


def _request(value: Any) -> bool:
    """Parameters of CreateReplicationTask are texts."""
    return _text_by_name(value) and {"MigrationType", "SourceEndpointArn", "ReplicationInstanceArn"} <= value.keys()


def _settings(value: Any) -> bool:
    """Settings have no inner members."""
    return value is None or (
        isinstance(value, dict) and not any(isinstance(one, dict | list) for one in value.values())
    )


# The parts of a journal.
_NONE = type(None)
_RUN = {"owner": _line, "id": _line, "expires": _line}
_TASK = {
    "identifier": _line,
    "arn": _line,
    "request": _request,
    "tags": _text_by_name,
    "declared_type": _is(str),
    "running": _is(bool),
    "has_run": _is(bool),
    "loaded": _is(bool),
    "checkpoint": _is(str, _NONE),
}
_SUBSCRIPTION = {
    "name": _is(str),
    "topic_arn": _is(str),
    "event_categories": _texts,
    "source_ids": _texts,
    "enabled": _is(bool),
}
_ENDPOINT = {
    "endpoint_arn": _is(str),
    "s3_settings": _settings,
    "extra_connection_attributes": _is(str, _NONE),
    "tags": _text_by_name,
}
# Members that older journals do not have.
_LATER = {"access_mode": _is(str)}
_LATER_OF_SUBSCRIPTION = {"tags": _text_by_name}
_LATER_OF_ENDPOINT = {"external_id": _is(str, _NONE), "described_settings": _settings, "sent_attributes": _text_by_name}
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:", re.ASCII)


@dataclass(frozen=True)
class Scope:
    """What a journal was written for. A journal with another scope is refused."""

    host: str
    api_host: str
    account_id: str
    region: str
    endpoint_identifier: str


@dataclass(frozen=True)
class Journal:
    """A replacement that has begun: everything that is needed to finish it or to roll it back.

    :ivar began: UTC time, such as 2026-01-31T12:00:00Z. :ivar action: "recreated" or "modified". :ivar accept: the consents, valid until its end.
    :ivar lock: the run that replaces the endpoint (see run_identity), and `expires`. :ivar endpoint: see endpoint_plan.definition.
    :ivar event_subscriptions: those that name the tasks, see event_subscriptions.list_subscriptions.
    :ivar access_mode: that the endpoint is to have; empty in older journals.
    """

    scope: Scope
    began: str
    action: str
    accept: list[str]
    lock: dict[str, Any]
    endpoint: dict[str, Any]
    tasks: list[TaskEntry]
    event_subscriptions: list[dict[str, Any]]
    access_mode: str = ""

    @classmethod
    def of(cls, text: str) -> Journal:
        """The journal of a text that was checked, see `read_journal`."""
        parts = {name: value for name, value in json.loads(text).items() if name != "format"}
        tasks = [TaskEntry(**{name: task[name] for name in _TASK}) for task in parts["tasks"]]
        known = {field.name: parts[field.name] for field in fields(cls) if field.name in parts}
        return cls(**{**known, "scope": Scope(**parts["scope"]), "tasks": tasks})

    @property
    def begun(self) -> datetime:
        """When the replacement began."""
        return _time(self.began)

    def text(self) -> str:
        """The journal as it is stored."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True)

    def as_result(self) -> dict[str, Any]:
        """The journal as a module returns it."""
        return {
            "began": self.began,
            "owner": self.lock["owner"],
            "expires": self.lock["expires"],
            "action": self.action,
            "endpoint": self.endpoint,
            "tasks": [entry.identifier for entry in self.tasks],
        }


def new_journal(
    scope: Scope,
    action: str,
    accept: list[str],
    endpoint: dict[str, Any],
    tasks: list[TaskEntry],
    subscriptions: list[dict[str, Any]],
    access_mode: str,
    lock: dict[str, Any],
    now: datetime,
) -> Journal:
    """The journal at the beginning of a replacement, see Journal."""
    began = now.strftime(_TIME_FORMAT)
    return Journal(scope, began, action, accept, lock, endpoint, tasks, subscriptions, access_mode)


def digest(journal: Journal) -> str:
    """A hash of what does not change in a journal, 32 hexadecimal digits: not the lock, and not how far its tasks were."""
    moving = {"running", "has_run", "loaded", "checkpoint"}
    whole = asdict(journal)
    kept = {name: value for name, value in whole.items() if name not in ("lock", "action", "tasks")}
    tasks = [{name: value for name, value in task.items() if name not in moving} for task in whole["tasks"]]
    text = json.dumps({**kept, "tasks": sorted(tasks, key=lambda task: str(task["identifier"]))}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def new_lock(run: dict[str, Any], now: datetime, seconds: float) -> dict[str, Any]:
    """The lock of a run, which expires in this number of seconds."""
    return {**run, "expires": (now + timedelta(seconds=seconds)).strftime(_TIME_FORMAT)}


def is_ours(journal: Journal, run: dict[str, Any]) -> bool:
    """Whether this run has the lock."""
    return bool(journal.lock["id"] == run["id"])


def is_free(journal: Journal, now: datetime) -> bool:
    """Whether the lock is free: it was released, it expired, or its run is dead."""
    lock = journal.lock
    return _time(lock["expires"]) <= now or run_identity.is_dead(lock)


def check_lock(journal: Journal, run: dict[str, Any], now: datetime) -> None:
    """
    :raises LockTaken: another run has the lock; the message names it.
    """
    if is_ours(journal, run) or is_free(journal, now):
        return
    lock = journal.lock
    raise LockTaken(
        message=f"The endpoint {journal.scope.endpoint_identifier} is being replaced by {lock['owner']} (run {lock['id']}, begun {journal.began}), "
        f"whose lock expires {lock['expires']}; wait until that run has ended, or if it is dead, release the lock with playbooks/unlock.yml --limit "
        f"{journal.scope.host}."
    )


def read_journal(text: str, scope: Scope, trusted_accounts: Iterable[str]) -> Journal:
    """The journal of a text. It is valid only if everything in it belongs to this endpoint.

    :param trusted_accounts: ids of accounts whose roles, keys and topics the journal may name, in addition to the endpoint's account.
    :raises DatalakeError: it is not a journal, has another scope, or names resources of other accounts.
    """
    try:
        problem = _problem(text, scope, {scope.account_id, *trusted_accounts})
    except RecursionError:
        problem = "it is nested too deeply"
    if problem:
        raise DatalakeError(
            message=f"The journal of {scope.endpoint_identifier} is not valid: {problem}; compare it with earlier versions of the object, "
            "and remove it only when all of its tasks exist."
        )
    return Journal.of(text)


def untrusted_resource(
    scope: Scope,
    endpoint: dict[str, Any],
    tasks: list[TaskEntry],
    subscriptions: list[dict[str, Any]],
    trusted_accounts: Iterable[str],
) -> str | None:
    """The first ARN of an account that is not allowed, as a sentence; None if there is none. Roles, keys and topics may be of trusted accounts.

    :param endpoint: see Journal, and so are `tasks` and `subscriptions`.
    """
    endpoint_arn = endpoint.get("endpoint_arn") or ""
    if not is_arn(endpoint_arn, "endpoint"):
        return "it has no endpoint_arn"
    found = [*_arns([endpoint, *(task.request for task in tasks)])]
    found += [task.arn for task in tasks]
    found += [subscription["topic_arn"] for subscription in subscriptions]
    for arn in found:
        _arn, partition, service, region, account = f"{arn}:::::".split(":")[:5]
        own = {scope.account_id}
        if service in ("iam", "kms", "sns"):
            own |= {*trusted_accounts}
        if partition != partition_of(endpoint_arn) or account not in own or region not in ("", scope.region):
            return f"it names {arn}"
    return None


def _problem(text: str, scope: Scope, accounts: set[str]) -> str | None:
    try:
        journal = json.loads(text)
    except ValueError:
        return "it is not JSON"
    if not isinstance(journal, dict) or journal.get("format") != FORMAT:
        return (
            f"it is not of format {FORMAT}, and was written by another version of this collection, or by something else"
        )
    if journal.get("scope") != asdict(scope):
        given = journal["scope"] if isinstance(journal.get("scope"), dict) else {}
        differing = [k for k, v in asdict(scope).items() if given.get(k) != v] or ["scope"]
        return f"it was written for another {', '.join(differing)}"
    problem = _shape_problem(journal)
    if problem:
        return problem
    read = Journal.of(text)
    return untrusted_resource(scope, read.endpoint, read.tasks, read.event_subscriptions, accounts)


def _shape_problem(journal: dict[str, Any]) -> str | None:
    """The first part that is missing or has another type, as a sentence; None if there is none."""
    lists = [journal.get("tasks"), journal.get("event_subscriptions")]
    if not all(isinstance(part, list) for part in lists) or not isinstance(journal.get("endpoint"), dict):
        return "it has no endpoint, tasks and event_subscriptions"
    if journal.get("action") not in (RECREATED, MODIFIED) or not _has(journal.get("lock"), _RUN):
        return "it has no action and lock"
    wrong = _wrong(journal, {"accept": _texts, "began": _line}, _LATER)
    if wrong:
        return f"its {wrong} is missing or has another type"
    return _endpoint_problem(journal["endpoint"]) or _parts_problem(journal)


def _endpoint_problem(endpoint: dict[str, Any]) -> str | None:
    if not endpoint.get("endpoint_arn"):
        return "it has no endpoint_arn"
    return None if _has(endpoint, _ENDPOINT, _LATER_OF_ENDPOINT) else "its endpoint is incomplete"


def _parts_problem(journal: dict[str, Any]) -> str | None:
    if not all(_has(task, _TASK) for task in journal["tasks"]):
        return "its tasks are incomplete"
    if not all(_has(one, _SUBSCRIPTION, _LATER_OF_SUBSCRIPTION) for one in journal["event_subscriptions"]):
        return "its event_subscriptions are incomplete"
    for text, problem in (
        (journal["began"], "its began is no time"),
        (journal["lock"]["expires"], "its lock has no time"),
    ):
        try:
            _time(text)
        except ValueError:
            return problem
    return None


def _arns(value: Any) -> Iterable[str]:
    """All strings within a value that are an ARN."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _arns(item)
    elif isinstance(value, str) and _ARN.match(value):
        yield value


def _has(value: Any, required: _Shape, later: _Shape = MappingProxyType({})) -> bool:
    return isinstance(value, dict) and _wrong(value, required, later) is None


def _wrong(value: dict[str, Any], required: _Shape, later: _Shape) -> str | None:
    """The first member that is required and missing, or that has another shape."""
    for name, fits in {**required, **later}.items():
        if not fits(value[name]) if name in value else name in required:
            return name
    return None


def _time(text: str) -> datetime:
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
