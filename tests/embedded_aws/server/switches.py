# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches: each behaviour of AWS that is unknown or varies, with the ways it may go.

Switches belong to an account. `applies_to` says which account of an environment a switch in a landscape goes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["dms", "lake", "both"]


@dataclass(frozen=True)
class Switch:
    """One switch; `allowed` is a tuple of values, or the name of a kind of value (see `_fits`)."""

    default: Any
    allowed: tuple[str, ...] | Literal["count", "seconds", "true or false", "optional seconds", "optional bucket"]
    meaning: str
    applies_to: Role = "dms"


SWITCHES: dict[str, Switch] = {
    "create_endpoint": Switch(
        "stays",
        ("stays", "answer_only", "id_later", "access_denied_kept", "access_denied_lost", "pass_role_denied"),
        "what CreateEndpoint does with a role of another account",
    ),
    "answer_only_calls": Switch(1, "count", "answer_only: calls per identifier that answer with the ExternalId alone"),
    "id_later_polls": Switch(2, "count", "id_later: describes of an endpoint before its ExternalId shows"),
    "access_denied_calls": Switch(1, "count", "access_denied_lost: refused calls per identifier"),
    "trust_checked": Switch(
        "on_test",
        ("on_test", "at_creation", "at_creation_without_keys"),
        "when the trust of a role of another account is evaluated; without keys: DMS sends no ExternalId and no source",
    ),
    "external_id": Switch("per_endpoint", ("per_endpoint", "per_account"), "what an ExternalId belongs to"),
    "external_id_on_recreate": Switch("new", ("new", "same"), "the ExternalId after a delete and a create"),
    "modify_remote": Switch(
        "refused", ("refused", "accepted"), "ModifyEndpoint of an endpoint with a role of another account"
    ),
    "absent_endpoint": Switch(
        "fault", ("fault", "empty"), "a filtered describe of endpoints, tasks or instances that matches nothing"
    ),
    "returned_spelling": Switch("aws", ("aws", "as_sent"), "the spelling of returned enum values in S3Settings"),
    "returned_kms_key": Switch("as_sent", ("as_sent", "arn", "id"), "the form of a returned KMS key"),
    "cdc_path_in_settings": Switch(
        "kept", ("kept", "dropped"), "CdcPath that is in S3Settings and not in ExtraConnectionAttributes (TF#28277)"
    ),
    "resource_identifier_reuse": Switch(
        "allowed", ("allowed", "refused"), "a ResourceIdentifier that a deleted endpoint or task had"
    ),
    "creating_polls": Switch(0, "count", "describes of a new endpoint that show `creating`"),
    "deleting_polls": Switch(0, "count", "describes of a deleted endpoint that show `deleting`"),
    "test_polls": Switch(1, "count", "describes of a connection that show `testing`"),
    "test_failure": Switch(
        "explained", ("explained", "unexplained"), "whether LastFailureMessage of an S3 endpoint names a cause"
    ),
    "test_seconds": Switch(0, "seconds", "seconds in which describes show `testing`, however many there are"),
    "stale_polls": Switch(0, "count", "describes after TestConnection that still show the state before it"),
    "task_polls": Switch(
        0, "count", "describes of a task that show `creating`, `starting`, `stopping`, `deleting` or `modifying`"
    ),
    "full_load_polls": Switch(0, "count", "describes of a running task that show its full load unfinished"),
    "tables_errored": Switch(0, "count", "tables in error of a task with a full load, whose load ends nevertheless"),
    "recovery_checkpoint": Switch(
        "shown", ("shown", "absent"), "whether tasks that capture changes have a RecoveryCheckpoint"
    ),
    "event_sources_on_task_delete": Switch(
        "kept", ("kept", "dropped"), "a deleted task's identifier in the SourceIdsList of event subscriptions"
    ),
    "start_needs_connection": Switch(
        False, "true or false", "whether a task starts only after a successful test of its target's connection"
    ),
    "dms_throttle": Switch(
        None, "optional bucket", 'token bucket per region for DMS calls: {"burst": calls, "refill": calls per second}'
    ),
    "iam_propagation_uses": Switch(0, "count", "evaluations of a role that still see it as it was before", "lake"),
    "iam_propagation_seconds": Switch(0, "seconds", "seconds in which evaluations see a role as it was", "lake"),
    "roles_quota": Switch(1000, "count", "the account's quota of roles, which AWS raises to 5000 on request", "lake"),
    "session_seconds": Switch(None, "optional seconds", "validity of AssumeRole's credentials at most", "both"),
}


class InvalidSwitch(ValueError):
    """An unknown switch, or a value that it cannot have."""


class Switches:
    """The switches of one account; read as `switches["test_polls"]`."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._values.get(name, SWITCHES[name].default)

    def update(self, values: dict[str, Any]) -> None:
        """Set all of `values`, or none of them when one is wrong."""
        for name, value in values.items():
            check_switch(name, value)
        self._values.update(values)

    def as_set(self) -> dict[str, Any]:
        """Only those that were set."""
        return dict(self._values)

    def as_dict(self) -> dict[str, Any]:
        return {name: self[name] for name in SWITCHES}


def check_switch(name: str, value: Any) -> None:
    """Raise InvalidSwitch, which names what is wrong, unless `value` suits the switch `name`."""
    switch = SWITCHES.get(name)
    if switch is None:
        raise InvalidSwitch(f"unknown switch {name!r}; known: {', '.join(sorted(SWITCHES))}")
    if not _fits(value, switch.allowed):
        raise InvalidSwitch(f"switch {name!r} cannot be {value!r}; allowed: {_describe(switch.allowed)}")


def _fits(value: Any, allowed: tuple[str, ...] | str) -> bool:
    if isinstance(allowed, tuple):
        return value in allowed
    if allowed.startswith("optional"):
        return value is None or _fits(value, allowed.removeprefix("optional "))
    if allowed == "bucket":
        return isinstance(value, dict) and set(value) == {"burst", "refill"} and all(map(_is_amount, value.values()))
    if allowed == "true or false":
        return isinstance(value, bool)
    if allowed == "count":
        return isinstance(value, int) and _is_amount(value)
    return _is_amount(value)


def _is_amount(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _describe(allowed: tuple[str, ...] | str) -> str:
    return ", ".join(allowed) if isinstance(allowed, tuple) else allowed
