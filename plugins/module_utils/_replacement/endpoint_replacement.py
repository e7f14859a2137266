# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace an endpoint that tasks use: journal the tasks and stop or delete them before, and restore them afterwards, also after an interruption.

task_entries.py decides what could be lost, journals.py whether a journal is valid. Each step reads what exists and does only what is missing, so it
can be repeated at any time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core import deadline
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.durations import duration
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    CALL_ERRORS,
    KNOWN_AFTER_CREATION,
    DatalakeError,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import WAIT_SPEC, check_waiting
from ansible_collections.datalake.dms.plugins.module_utils._core.unanswered import LOGGER
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import describe_connection
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint, list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.event_subscriptions import (
    describe_subscription,
    list_subscriptions,
    recreate_subscription,
)
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_configs import list_replication_configs
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import (
    create_task,
    delete_task,
    describe_tasks,
    list_tasks,
    start_task,
    stop_task,
    wait_for_tasks,
)
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import add_tags, list_tags, list_tags_of
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import STARTED
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, endpoint_plan
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import MODIFIED, RECREATED, Plan
from ansible_collections.datalake.dms.plugins.module_utils._replacement import (
    journals,
    late_stops,
    task_entries,
    tasks_down,
)
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journals import Journal
from ansible_collections.datalake.dms.plugins.module_utils._replacement.locked_journal import (
    JournalSeal,
    LockedJournal,
    no_journal,
)
from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import TaskEntry

# How long a replacement may take from the first stop on, as a number of waits. For DMS: stop, deletion of the tasks, deletion of the endpoint, its
# creation, its test, creation of the tasks, their start. For IAM: creation of the endpoint, its test. For the last part of an ARN: creation with it,
# and without it.
_WAITS, _IAM_WAITS, _ARN_WAITS = 7, 2, 2

_LOG = logging.getLogger(LOGGER)

# How a replacement ends: the endpoint has its former settings, or new ones.
ROLLED_BACK, FINISHED = "rolled_back", "finished"

# The options of a replacement.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "run": {
        "type": "dict",
        "required": True,
        "options": {
            "owner": {"type": "str", "required": True},
            "id": {"type": "str", "required": True},
            "machine": {"type": "str"},
            "pid": {"type": "int"},
            "started": {"type": "str"},
        },
    },
    "endpoint_identifier": {"type": "str", "required": True},
    "access_mode": {"type": "str", "default": ""},
    "replace_tasks": {"type": "bool", "default": False},
    "accept": {"type": "list", "elements": "str", "choices": list(task_entries.CONSENTS), "default": []},
    "source_log_retention": {"type": "int", "default": 0},
    "journal_bucket": {"type": "str"},
    "journal_prefix": {"type": "str", "default": "datalake-dms"},
    "journal_path": {"type": "path"},
    "inventory_host": {"type": "str", "required": True},
    "trusted_account_ids": {"type": "list", "elements": "str", "default": []},
    "lock_timeout": {"type": "int", "default": 3600},
    "iam_propagation_timeout": {"type": "int", "default": 300},
    "arn_reuse_timeout": {"type": "int", "default": 30},
    **WAIT_SPEC,
}


class TaskConflict(DatalakeError):
    """Others created a task of a journaled name. A rollback would fail for the same reason."""


@dataclass(frozen=True)
class TaskPlan:
    """What a replacement would do to the tasks of an endpoint.

    :ivar steps: for each task, a sentence without a period. :ivar refusals: why it must not begin, as sentences. :ivar diff: {before, after}.
    :ivar stops: whether a task that runs is stopped.
    """

    steps: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    diff: dict[str, Any] = field(default_factory=lambda: {"before": {}, "after": {}})
    stops: bool = False


@dataclass(frozen=True)
class _Prospect:
    """What `stop_tasks` needs.

    :ivar definition: of the endpoint, see endpoint_plan.definition. :ivar entries: the tasks to journal.
    :ivar found: identifiers of the tasks that exist now. :ivar subscriptions: the event subscriptions that name tasks.
    """

    definition: dict[str, Any]
    entries: list[TaskEntry]
    found: list[str]
    subscriptions: list[dict[str, Any]]
    task_plan: TaskPlan


class Replacement:
    """One endpoint's replacement."""

    def __init__(self, account: Account, params: dict[str, Any], check_mode: bool, seal: JournalSeal | None = None):
        """
        :param account: of the endpoint. :param params: the options of ARGUMENT_SPEC. :param seal: for the digest of the journal; None for none.
        :raises DatalakeError: an invalid option; nothing is called.
        """
        check_options(params)
        self._account, self._params, self._check_mode = account, params, check_mode
        self.journal = LockedJournal(account, params, check_mode, seal)
        # Seconds that tasks were down, once they run again; None where none was.
        self.outage: float | None = None
        self._stopped_at: float | None = None

    @property
    def identifier(self) -> str:
        return self.journal.scope.endpoint_identifier

    @property
    def _client(self) -> Any:
        return self._account.client("dms")

    @property
    def _accept(self) -> list[str]:
        """The consents of this run, and those in the journal."""
        # Whoever owns the tasks was asked before the replacement began, or by an earlier version not at all.
        journaled = [*self.journal.current.accept, task_entries.FOREIGN_TASKS] if self.journal.current else []
        return sorted({*self._params["accept"], *journaled})

    @property
    def longest_outage(self) -> float:
        """See longest_pause."""
        return longest_pause(self._params)

    def count_from(self, interrupted: Journal) -> None:
        """Count the time that tasks are down from the begin of an interrupted replacement."""
        if any(entry.running for entry in interrupted.tasks):
            self._stopped_at = time.monotonic() - (datetime.now(UTC) - interrupted.begun).total_seconds()

    def limit_time(self) -> None:
        """Limit the waits and repetitions from here on, if tasks are down: of the replacement, or of its rollback."""
        if self._stopped_at is not None:
            deadline.begin(_time_allowed(self._params))

    # The steps

    def plan_tasks(self, action: str) -> TaskPlan:
        """What would be done to the tasks, and what blocks it. Nothing is changed.

        :param action: "recreated" or "modified". :raises DatalakeError: see LockedJournal.read.
        """
        self.journal.read()
        return self._prospect(action).task_plan

    def stop_tasks(self, action: str) -> TaskPlan:
        """Journal the tasks, then stop them. If the endpoint is recreated, delete them as well.

        :param action: "recreated" or "modified". :raises DatalakeError: the replacement is refused, before anything is changed.
        """
        resumed = self.journal.read()
        if resumed and not self._check_mode:
            names = [entry.identifier for entry in resumed.tasks]
            wait_for_tasks(self._client, "tasks_settled", names, self._params)
        prospect = self._prospect(action)
        if self._check_mode:
            return prospect.task_plan
        if prospect.task_plan.refusals:
            raise DatalakeError(message=" ".join(prospect.task_plan.refusals))
        if resumed:
            self.journal.save(action=action, tasks=prospect.entries, event_subscriptions=prospect.subscriptions)
        else:
            self.journal.create(action, self._accept, prospect.definition, prospect.entries, prospect.subscriptions)
        if prospect.task_plan.stops and self._stopped_at is None:
            self._stopped_at = time.monotonic()
            self.limit_time()
            _LOG.warning(
                "%s: its tasks are stopped now, and may be down for %s.", self.identifier, duration(self.longest_outage)
            )
        self._stop(prospect.found, action)
        if action == RECREATED:
            # Not those of the journal alone: their owner may have created one again, for another endpoint.
            for entry in prospect.entries:
                if entry.identifier in prospect.found:
                    delete_task(self._client, entry.arn)
            wait_for_tasks(self._client, "tasks_deleted", prospect.found, self._params)
        return prospect.task_plan

    def restore_tasks(self) -> str | None:
        """Create the missing tasks, and start those that ran. The journal stays until `end`.

        :returns: ROLLED_BACK if the endpoint has its former settings, else FINISHED; None without a journal.
        :raises TaskConflict: others created a task of that name. DatalakeError: the endpoint does not exist, or a task can't be created.
        """
        journal = self.journal.read()
        if journal is None:
            return None
        endpoint = describe_endpoint(self._client, self.identifier)
        if self._check_mode:
            return _outcome(journal.endpoint, endpoint)
        if endpoint is None:
            raise DatalakeError(
                message=f"The endpoint {self.identifier} does not exist, so its tasks can't be created again; run again, the journal keeps "
                "their definitions."
            )
        self.journal.save()
        self._create_tasks(journal.tasks, endpoint["EndpointArn"])
        self._restore_subscriptions(journal)
        running = [entry for entry in journal.tasks if entry.running]
        self._start(running, endpoint["EndpointArn"])
        if running:
            if self._stopped_at is not None:
                self.outage = time.monotonic() - self._stopped_at
            started = late_stops.started_tag(describe_tasks(self._client, [entry.identifier for entry in running]))
            if started:
                add_tags(self._client, endpoint["EndpointArn"], started)
        return _outcome(journal.endpoint, endpoint)

    def start_again(self, requests: dict[str, dict[str, Any]]) -> None:
        """Start tasks that do not run. :param requests: task identifier -> parameters of StartReplicationTask."""
        if self._check_mode:
            return
        for request in requests.values():
            start_task(self._client, request)
        self._wait_until_started([*requests])

    def end(self) -> None:
        """Remove the journal, which is no longer needed once the tasks are restored.

        :raises DatalakeError: it was changed since it was read.
        """
        if self.journal.current and not self._check_mode:
            self.journal.remove()

    def tasks_down(self) -> list[str]:
        """A sentence for each journaled task that ran and does not run now, see tasks_down.sentences. What can't be read is left out."""
        journal = self.journal.current
        if journal is None:
            return []
        down = [entry for entry in journal.tasks if entry.running]
        with contextlib.suppress(*CALL_ERRORS):
            found = describe_tasks(self._client, [entry.identifier for entry in down])
            up = {task["ReplicationTaskIdentifier"] for task in found if task["Status"] in STARTED}
            down = [entry for entry in down if entry.identifier not in up]
        sources = {}
        with contextlib.suppress(*CALL_ERRORS):
            arns = sorted({entry.request["SourceEndpointArn"] for entry in down})
            sources = (
                {one["EndpointArn"]: one for one in list_endpoints(self._client, endpoint_arn=arns)} if arns else {}
            )
        return tasks_down.sentences(down, sources, journal.begun, self._params["source_log_retention"])

    # Before

    def _prospect(self, action: str) -> _Prospect:
        """
        :raises DatalakeError: the endpoint does not exist, serverless replications use it, or the journal bucket is not suitable.
        """
        endpoint = describe_endpoint(self._client, self.identifier)
        if endpoint is None:
            raise DatalakeError(message=f"The endpoint {self.identifier} was deleted while this ran; run again.")
        tags = list_tags(self._client, endpoint["EndpointArn"])
        existing, risks = self._tasks_now(endpoint["EndpointArn"], tags, action)
        journaled = self.journal.current
        entries = _with_journaled(existing, journaled.tasks if journaled else [])
        prospect = _Prospect(
            definition=endpoint_plan.definition(endpoint, tags),
            entries=entries,
            found=[entry.identifier for entry in existing],
            subscriptions=self._subscriptions_of({entry.identifier for entry in entries}),
            task_plan=TaskPlan(
                steps=[task_entries.steps(entry, action) for entry in entries],
                diff=_diff(entries, action),
                stops=any(entry.running for entry in entries),
            ),
        )
        refusals = self._refusals(action, prospect, risks)
        return dataclasses.replace(prospect, task_plan=dataclasses.replace(prospect.task_plan, refusals=refusals))

    def _tasks_now(
        self, endpoint_arn: str, endpoint_tags: dict[str, str], action: str
    ) -> tuple[list[TaskEntry], dict[str, list[task_entries.Risk]]]:
        """The entries of the tasks that use the endpoint, and task identifier -> risks of stopping or recreating it."""
        tasks = list_tasks(self._client, endpoint_arn, settings=True)
        tags = list_tags_of(self._client, [task["ReplicationTaskArn"] for task in tasks])
        arns = sorted({task["SourceEndpointArn"] for task in tasks})
        sources = list_endpoints(self._client, endpoint_arn=arns) if arns else []
        source_of = {source["EndpointArn"]: source for source in sources}
        pause, retention = longest_pause(self._params), self._params["source_log_retention"]
        entries, risks = [], {}
        for task in tasks:
            own_tags, source = tags[task["ReplicationTaskArn"]], source_of.get(task["SourceEndpointArn"])
            entry = task_entries.entry_of(task, own_tags)
            if late_stops.is_stopped_late(task, endpoint_tags):
                entry = dataclasses.replace(entry, running=True)
            entries.append(entry)
            risks[entry.identifier] = task_entries.risks(entry, task, own_tags, source, action, pause, retention)
        return entries, risks

    def _refusals(self, action: str, prospect: _Prospect, risks: dict[str, list[task_entries.Risk]]) -> list[str]:
        """Why the replacement must not begin, as sentences.

        :raises DatalakeError: serverless replications use the endpoint, or the journal bucket is not suitable.
        """
        resumed, entries = self.journal.current is not None, prospect.entries
        plan = Plan(action, ("it is to be replaced",))
        configs = list_replication_configs(self._client, prospect.definition["endpoint_arn"])
        # Serverless replications can't be restored.
        users = endpoint_plan.blocking_users(plan, [], configs)
        endpoint_plan.refuse_users({"EndpointIdentifier": self.identifier}, plan, users)
        refusals = [task_entries.refusal(self.identifier, risks, self._accept)]
        if entries and not self._params["replace_tasks"] and not resumed:
            refusals.append(
                f"The endpoint {self.identifier} has tasks that would change ({'; '.join(prospect.task_plan.steps)}); to allow that, set "
                "replace_tasks=true."
            )
        if not self.journal.has_store:
            refusals.append(no_journal(self.identifier) if entries else None)
        elif not resumed:
            self.journal.check_store()
        untrusted = journals.untrusted_resource(
            self.journal.scope,
            prospect.definition,
            entries,
            prospect.subscriptions,
            self._params["trusted_account_ids"],
        )
        if untrusted:
            refusals.append(
                f"The endpoint {self.identifier} and its tasks can't be journaled, because {untrusted}, whose account is not in "
                "trusted_account_ids; add its account, or replace the endpoint by hand."
            )
        return [refusal for refusal in refusals if refusal]

    def _subscriptions_of(self, identifiers: set[str]) -> list[dict[str, Any]]:
        """The event subscriptions that name one of the tasks, with their tags. The journaled version takes precedence."""
        if not identifiers:
            return []
        existing = {
            subscription["name"]: {
                **subscription,
                "tags": list_tags(self._client, self._subscription_arn(subscription["name"])),
            }
            for subscription in list_subscriptions(self._client)
            if identifiers & set(subscription["source_ids"])
        }
        journal = self.journal.current
        journaled = {one["name"]: one for one in (journal.event_subscriptions if journal else [])}
        return list({**existing, **journaled}.values())

    def _subscription_arn(self, name: str) -> str:
        identity = self._account.identity
        return f"arn:{identity.partition}:dms:{self.journal.scope.region}:{identity.account_id}:es:{name}"

    def _stop(self, names: list[str], action: str) -> None:
        """Stop the tasks of these identifiers, and journal their positions, which change until then.

        :raises DatalakeError: a stopped task has no position, or tables that are not loaded, and the user did not consent to that.
        """
        existing = describe_tasks(self._client, names)
        for task in existing:
            if task["Status"] in STARTED:
                stop_task(self._client, task["ReplicationTaskArn"])
        wait_for_tasks(self._client, "tasks_idle", names, self._params)
        tags = list_tags_of(self._client, [task["ReplicationTaskArn"] for task in existing])
        stopped = {
            task["ReplicationTaskIdentifier"]: task_entries.entry_of(task, tags[task["ReplicationTaskArn"]])
            for task in describe_tasks(self._client, names)
        }
        tasks = self.journal.current.tasks if self.journal.current else []
        self.journal.save(tasks=[task_entries.renewed(e, stopped.get(e.identifier, e)) for e in tasks])
        lost = sorted(
            name
            for name, entry in stopped.items()
            if entry.has_run and entry.declared_type != "full-load" and not entry.checkpoint and entry.loaded
        )
        if lost and action == RECREATED and task_entries.NO_CHECKPOINT not in self._accept:
            raise DatalakeError(
                message=f"Task {', '.join(lost)} has no RecoveryCheckpoint after it was stopped, so it is not deleted; set accept=no_checkpoint to "
                "accept the loss of its position."
            )
        # A table may fail until the task is stopped.
        unloaded = sorted(name for name, entry in stopped.items() if entry.has_run and not entry.loaded)
        if unloaded and action == RECREATED and task_entries.FULL_LOAD not in self._accept:
            raise DatalakeError(
                message=f"Task {', '.join(unloaded)} has tables that are not loaded after it was stopped, so it is not deleted; set "
                "accept=full_load to have it load everything again, or reload these tables first."
            )

    # After

    def _create_tasks(self, entries: list[TaskEntry], endpoint_arn: str) -> None:
        """Create the missing tasks.

        :raises TaskConflict: others created a task of that name for another endpoint.
        """
        names = [entry.identifier for entry in entries]
        wait_for_tasks(self._client, "tasks_settled", names, self._params)
        existing = {task["ReplicationTaskIdentifier"]: task for task in describe_tasks(self._client, names)}
        for entry in entries:
            task = existing.get(entry.identifier)
            if task and task["TargetEndpointArn"] != endpoint_arn:
                raise TaskConflict(
                    message=f"The replication task {entry.identifier} was created by others for {task['TargetEndpointArn']} while its "
                    f"endpoint {self.identifier} was replaced; rename or delete that task, and run again."
                )
            if not task:
                request = task_entries.create_request(entry, endpoint_arn)
                create_task(self._client, request, self._params)
        wait_for_tasks(self._client, "tasks_settled", names, self._params)

    def _restore_subscriptions(self, journal: Journal) -> None:
        """Restore the event subscriptions. AWS does not document whether it removes a deleted task from them."""
        identifiers = {entry.identifier for entry in journal.tasks}
        for subscription in journal.event_subscriptions:
            sources = identifiers & set(subscription["source_ids"])
            existing = describe_subscription(self._client, subscription["name"])
            if existing and sources <= set(existing["source_ids"]):
                continue
            if not existing:
                # An interrupted run deleted it, and with it the tasks of other endpoints.
                others = describe_tasks(self._client, subscription["source_ids"])
                sources |= {task["ReplicationTaskIdentifier"] for task in others}
            wanted = {**subscription, **(existing or {}), "source_ids": sorted(sources)}
            recreate_subscription(self._client, wanted, subscription.get("tags", {}), self._params)

    def _start(self, entries: list[TaskEntry], endpoint_arn: str) -> None:
        """Start the tasks that ran before. Each replication instance must have tested the endpoint first (TestConnection)."""
        for instance_arn in sorted({entry.instance_arn for entry in entries}):
            connection = describe_connection(self._client, endpoint_arn, instance_arn)
            if not connection or connection["Status"] != connection_tests.SUCCESSFUL:
                arns = {"endpoint_arn": endpoint_arn, "replication_instance_arn": instance_arn}
                connection = connection_tests.test_until_seen(self._client, {**self._params, **arns}, False, True)
            if connection["Status"] != connection_tests.SUCCESSFUL:
                said = connection.get("LastFailureMessage") or "AWS gives no reason"
                raise DatalakeError(
                    message=f"The tasks of {self.identifier} were created again but not started, because its connection test from {instance_arn} "
                    f"failed: {said}; correct that and run again, the journal keeps their definitions."
                )
        names = [entry.identifier for entry in entries]
        for task in describe_tasks(self._client, names):
            request = task_entries.start_request(task)
            if request:
                start_task(self._client, request)
        self._wait_until_started(names)

    def _wait_until_started(self, names: list[str]) -> None:
        for name in names:
            wait_for_tasks(self._client, "task_started", [name], self._params)


def check_options(params: dict[str, Any]) -> None:
    """Check the options before any call.

    :raises DatalakeError: with what to do.
    """
    endpoint_plan.check_identifiers(params["endpoint_identifier"], None)
    check_waiting(params)
    if params["source_log_retention"] < 0:
        raise DatalakeError(
            message=f"source_log_retention={params['source_log_retention']} must not be negative; give seconds."
        )
    # The lock is renewed between two waits.
    longest = max(1, params["wait_timeout"], params["iam_propagation_timeout"])
    if params["lock_timeout"] < longest:
        raise DatalakeError(
            message=f"lock_timeout={params['lock_timeout']} must be at least {longest}, the longest wait of this run (wait_timeout, "
            "iam_propagation_timeout); give seconds."
        )
    if params["journal_bucket"] and params["journal_path"]:
        raise DatalakeError(message="journal_bucket and journal_path are both set; set only one of them.")


def longest_pause(params: dict[str, Any]) -> float:
    """The longest time that the tasks are stopped, in seconds: for the replacement, and for its rollback, see deadline.py. Pure."""
    return 2 * _time_allowed(params)


def _time_allowed(params: dict[str, Any]) -> float:
    """How long a replacement waits and repeats calls once tasks are stopped, in seconds, and its rollback once more. Pure."""
    waits = (_WAITS, "wait_timeout"), (_IAM_WAITS, "iam_propagation_timeout"), (_ARN_WAITS, "arn_reuse_timeout")
    return float(sum(times * params[option] for times, option in waits))


def _with_journaled(entries: list[TaskEntry], journaled: list[TaskEntry]) -> list[TaskEntry]:
    """The tasks that exist now, and those that an interrupted run has deleted already. Pure."""
    before = {entry.identifier: entry for entry in journaled}
    renewed = {entry.identifier: task_entries.renewed(before.get(entry.identifier, entry), entry) for entry in entries}
    return list({**before, **renewed}.values())


def _diff(entries: list[TaskEntry], action: str) -> dict[str, Any]:
    after = {}
    for entry in entries:
        same = action == MODIFIED or endpoint_plan.resource_identifier(entry.arn)
        after[entry.identifier] = task_entries.after_view(entry, action, entry.arn if same else KNOWN_AFTER_CREATION)
    before = {entry.identifier: task_entries.before_view(entry) for entry in entries}
    return {"before": {"tasks": before}, "after": {"tasks": after}}


def _outcome(definition: dict[str, Any], endpoint: dict[str, Any] | None) -> str | None:
    """ROLLED_BACK if the endpoint has the settings from before the replacement, else FINISHED."""
    if endpoint is None:
        return None
    existing = endpoint_plan.definition(endpoint, {})
    same = all(existing[name] == definition.get(name) for name in ("s3_settings", "extra_connection_attributes"))
    return ROLLED_BACK if same else FINISHED
