# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The replacement of an endpoint under its tasks: taken off and journaled before, put back after, from wherever a run stopped.

`ensure` is all that a module or an action plugin needs. What could be lost is decided in task_entries.py, what of a journal is believed in
journals.py. Each step looks at what stands and does only what is missing, so that it can be done again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import KNOWN_AFTER_CREATION, DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import WAIT_SPEC, check_waiting
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import describe_connection
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint, list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.event_subscriptions import (
    describe_subscription,
    list_subscriptions,
    make_subscription_again,
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
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import list_tags, list_tags_of
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import RUNNING
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, endpoint_plan
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import MODIFIED, RECREATED, Plan
from ansible_collections.datalake.dms.plugins.module_utils._replacement import journals, task_entries
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journal_stores import (
    JournalStore,
    SomebodyElsesJournal,
    api_host,
    store_for,
)

# How often a task or an endpoint is waited for at most, one after the other: stop, checkpoint, deletion of tasks and endpoint, creation of
# the endpoint, its test, creation of the tasks; IAM is waited for when the endpoint is created and when it is tested.
_WAITS, _IAM_WAITS = 7, 2

RESUMED, BEGUN, FINISHED, RELEASED, UNLOCKED = "resumed", "begun", "finished", "released", "unlocked"

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": [RESUMED, BEGUN, FINISHED, RELEASED, UNLOCKED], "required": True},
    "endpoint_identifier": {"type": "str", "required": True},
    "action": {"type": "str", "choices": [RECREATED, MODIFIED], "default": RECREATED},
    "replace_tasks": {"type": "bool", "default": False},
    "accept": {"type": "list", "elements": "str", "choices": list(task_entries.CONSENTS), "default": []},
    "source_log_retention": {"type": "int", "default": 0},
    "journal_bucket": {"type": "str"},
    "journal_prefix": {"type": "str", "default": "datalake-dms"},
    "journal_path": {"type": "path"},
    "inventory_host": {"type": "str", "required": True},
    "trusted_account_ids": {"type": "list", "elements": "str", "default": []},
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
    "lock_timeout": {"type": "int", "default": 3600},
    "iam_propagation_timeout": {"type": "int", "default": 300},
    **WAIT_SPEC,
}


@dataclass
class _Job:
    """One endpoint's replacement: where it runs, what was asked for, and its journal as it was last read or written."""

    account: Account
    params: dict[str, Any]
    check_mode: bool
    store: JournalStore | None
    scope: journals.Scope
    journal: dict[str, Any] | None = None
    tag: str = ""

    @property
    def client(self) -> Any:
        return self.account.client("dms")

    @property
    def identifier(self) -> str:
        return self.scope.endpoint_identifier

    @property
    def accept(self) -> list[str]:
        """The consents of this run, and of the one that began."""
        return sorted({*self.params["accept"], *(self.journal or {}).get("accept", [])})

    def read(self) -> dict[str, Any] | None:
        """The journal, after proof that it is this endpoint's, and that no other run has it.

        :raises DatalakeError: see journals.read_journal and check_lock.
        """
        found = self.store.read() if self.store else None
        if found:
            text, self.tag = found
            trusted = self.params["trusted_account_ids"]
            self.journal = journals.read_journal(text, self.scope, trusted)
            if self.params["state"] not in (RELEASED, UNLOCKED):
                journals.check_lock(self.journal, self.params["run"], _now())
        return self.journal

    def create(self, journal: dict[str, Any]) -> None:
        """Make the journal, which takes the endpoint's lock."""
        self._write(lambda store, text: store.create(text), journal)

    def save(self, **changes: Any) -> None:
        """Write the journal with these parts changed, and the lock renewed."""
        changed = {**(self.journal or {}), "lock": self.lock(), **changes}
        self._write(lambda store, text: store.replace(text, self.tag), changed)

    def remove(self) -> None:
        """Remove the journal, which frees the lock."""
        try:
            if self.store:
                self.store.delete(self.tag)
        except SomebodyElsesJournal as error:
            raise self._overtaken() from error

    def lock(self) -> dict[str, Any]:
        return journals.new_lock(self.params["run"], _now(), self.params["lock_timeout"])

    def _write(self, how: Callable[[JournalStore, str], str], journal: dict[str, Any]) -> None:
        if self.store is None:
            raise DatalakeError(message=_no_journal(self.identifier))
        try:
            self.tag = how(self.store, json.dumps(journal, indent=1, sort_keys=True))
        except SomebodyElsesJournal as error:
            raise self._overtaken() from error
        self.journal = journal

    def _overtaken(self) -> DatalakeError:
        found = self.store.read() if self.store else None
        if found:
            trusted = self.params["trusted_account_ids"]
            other = journals.read_journal(found[0], self.scope, trusted)["lock"]["owner"]
            text = f"{other} has just begun to replace the endpoint {self.identifier}; wait until that has ended, and run again."
        else:
            text = f"The journal of {self.identifier} was removed while this ran; look whether its tasks are all there, and run again."
        return DatalakeError(message=text)


def ensure(account: Account, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the replacement of an endpoint a step further.

    :param params: the options of dms_endpoint_replacement.
    :returns: the module's result: changed, diff, replacement, steps, outcome, refusal, warnings.
    :raises DatalakeError: a wrong option, or a reason not to go on, before anything is changed. AnsibleAWSError: a call failed.
    """
    check_options(params)
    scope = journals.Scope(
        host=params["inventory_host"],
        api_host=api_host(account),
        account_id=account.identity.account_id,
        region=account.client("dms").meta.region_name,
        endpoint_identifier=params["endpoint_identifier"].lower(),
    )
    job = _Job(account, params, check_mode, store_for(account, params), scope)
    return {RESUMED: _resume, BEGUN: _begin, FINISHED: _finish, RELEASED: _unlock, UNLOCKED: _unlock}[params["state"]](
        job
    )


def check_options(params: dict[str, Any]) -> None:
    """What can be known to be wrong before any call.

    :raises DatalakeError: with what to do.
    """
    endpoint_plan.check_identifiers(params["endpoint_identifier"], None)
    check_waiting(params)
    if params["lock_timeout"] < 1 or params["source_log_retention"] < 0:
        raise DatalakeError(
            message=f"lock_timeout={params['lock_timeout']} must be at least 1, and source_log_retention={params['source_log_retention']} "
            "not negative; give seconds."
        )
    if params["journal_bucket"] and params["journal_path"]:
        raise DatalakeError(message="journal_bucket and journal_path are both given; leave one of them out.")


def longest_pause(params: dict[str, Any]) -> float:
    """How long the tasks may stand still, in seconds: every wait to its end. Pure."""
    return float(_WAITS * params["wait_timeout"] + _IAM_WAITS * params["iam_propagation_timeout"])


# The steps


def _resume(job: _Job) -> dict[str, Any]:
    """Take over what an interrupted run left behind, where it left anything."""
    if job.read() is None:
        return _result(job, changed=False)
    ours = journals.is_ours(job.journal or {}, job.params["run"])
    if not ours and not job.check_mode:
        job.save()
    return _result(job, changed=not ours)


def _unlock(job: _Job) -> dict[str, Any]:
    """Free the lock, that of this very run or whoever has it, and leave the journal for the next run."""
    journal = job.read()
    if journal is None or journals.is_free(journal, _now()):
        return _result(job, changed=False)
    if job.params["state"] == RELEASED and not journals.is_ours(journal, job.params["run"]):
        return _result(job, changed=False)
    if not job.check_mode:
        job.save(lock={**journal["lock"], "expires": journals.new_lock({}, _now(), 0)["expires"]})
    return _result(job, changed=True)


def _begin(job: _Job) -> dict[str, Any]:
    """Take the tasks off the endpoint, after everything that is needed to put them back has been journaled."""
    action, client = job.params["action"], job.client
    resumed = job.read() is not None
    endpoint = describe_endpoint(client, job.identifier)
    if endpoint is None:
        raise DatalakeError(
            message=f"The endpoint {job.identifier} does not exist, so that there is nothing to replace; run again without state=begun."
        )
    if resumed and not job.check_mode:
        known = [task["identifier"] for task in (job.journal or {})["tasks"]]
        wait_for_tasks(client, "tasks_settled", known, job.params)
    entries, found = _look_at_tasks(job, endpoint)
    entries = _with_journaled(entries, (job.journal or {}).get("tasks", []))
    journal = _new_journal(job, endpoint, entries)
    refusals = _refusals(job, journal, found, resumed)
    diff = _diff(entries, action)
    steps = [task_entries.steps(entry, action) for entry in entries]
    if job.check_mode:
        return _result(job, changed=True, diff=diff, steps=steps, refusal=" ".join(refusals) or None)
    if refusals:
        raise DatalakeError(message=" ".join(refusals))
    if resumed:
        job.save(action=action, tasks=entries, event_subscriptions=journal["event_subscriptions"])
    else:
        job.create(journal)
    live = [entry["identifier"] for entry in entries if entry["identifier"] in found]
    _stop(job, live)
    if action == RECREATED:
        for entry in entries:
            delete_task(client, entry["arn"])
        wait_for_tasks(client, "tasks_deleted", live, job.params)
    return _result(job, changed=True, diff=diff, steps=steps)


def _finish(job: _Job) -> dict[str, Any]:
    """Put the tasks back to the endpoint, start those that ran, and forget the replacement."""
    if job.read() is None:
        return _result(job, changed=False)
    journal, client = job.journal or {}, job.client
    endpoint = describe_endpoint(client, job.identifier)
    if endpoint is None and not job.check_mode:
        raise DatalakeError(
            message=f"The endpoint {job.identifier} does not exist, so that its tasks can't be put back; make it first, its journal waits."
        )
    entries = journal["tasks"]
    outcome = _outcome(journal["endpoint"], endpoint)
    steps = [f"task {entry['identifier']}: put back" for entry in entries]
    if job.check_mode:
        return _result(job, changed=True, steps=steps, outcome=outcome)
    job.save()
    _put_back(job, entries, (endpoint or {})["EndpointArn"])
    _restore_subscriptions(job, journal["event_subscriptions"], {entry["identifier"] for entry in entries})
    _start(job, [entry for entry in entries if entry["running"]], (endpoint or {})["EndpointArn"])
    job.remove()
    return _result(job, changed=True, steps=steps, outcome=outcome)


# Before


def _look_at_tasks(
    job: _Job, endpoint: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, list[task_entries.Risk]]]:
    """The entries of the tasks that use the endpoint, and what speaks against touching them, by identifier."""
    tasks = list_tasks(job.client, endpoint["EndpointArn"], settings=True)
    tags = list_tags_of(job.client, [task["ReplicationTaskArn"] for task in tasks])
    arns = sorted({task["SourceEndpointArn"] for task in tasks})
    sources = list_endpoints(job.client, endpoint_arn=arns) if arns else []
    source_of = {source["EndpointArn"]: source for source in sources}
    pause, retention = longest_pause(job.params), job.params["source_log_retention"]
    entries, found = [], {}
    for task in tasks:
        own_tags, source = tags[task["ReplicationTaskArn"]], source_of.get(task["SourceEndpointArn"])
        entry = task_entries.entry_of(task, own_tags)
        entries.append(entry)
        found[entry["identifier"]] = task_entries.risks(
            entry, task, own_tags, source, job.params["action"], pause, retention
        )
    return entries, found


def _with_journaled(entries: list[dict[str, Any]], journaled: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks that stand now, and those that an interrupted run has deleted already. Pure."""
    before = {entry["identifier"]: entry for entry in journaled}
    renewed = {
        entry["identifier"]: task_entries.renewed(before.get(entry["identifier"], entry), entry) for entry in entries
    }
    return list({**before, **renewed}.values())


def _refusals(
    job: _Job, journal: dict[str, Any], found: dict[str, list[task_entries.Risk]], resumed: bool
) -> list[str]:
    """Why the replacement must not begin, as sentences.

    :param journal: what would be journaled. :param found: see _look_at_tasks. :param resumed: whether it has begun already.
    :raises DatalakeError: serverless replications use the endpoint, or the bucket is not fit for journals.
    """
    entries, endpoint_arn = journal["tasks"], journal["endpoint"]["endpoint_arn"]
    plan = Plan(job.params["action"], ("it is to be replaced",))
    configs = list_replication_configs(job.client, endpoint_arn)
    # Serverless replications are none that we could put back.
    users = endpoint_plan.blocking_users(plan, [], configs)
    endpoint_plan.refuse_users({"EndpointIdentifier": job.identifier}, plan, users)
    refusals = [task_entries.refusal(job.identifier, found, job.accept)]
    if entries and not job.params["replace_tasks"] and not resumed:
        would = "; ".join(task_entries.steps(entry, job.params["action"]) for entry in entries)
        refusals.append(
            f"The endpoint {job.identifier} has tasks, which would be touched ({would}); if that is meant, set replace_tasks=true."
        )
    if job.store is None:
        refusals.append(_no_journal(job.identifier) if entries else None)
    elif not resumed:
        job.store.check()
    stranger = journals.stranger_in(journal, job.params["trusted_account_ids"])
    if stranger:
        refusals.append(
            f"The endpoint {job.identifier} and its tasks can't be journaled, because {stranger}, which is of none of the accounts in "
            "trusted_account_ids; add its account, or replace the endpoint by hand."
        )
    return [refusal for refusal in refusals if refusal]


def _no_journal(identifier: str) -> str:
    return (
        f"The endpoint {identifier} can't be replaced without a journal that outlives this run: name a bucket of the DMS account in "
        "journal_bucket."
    )


def _new_journal(job: _Job, endpoint: dict[str, Any], entries: list[dict[str, Any]]) -> dict[str, Any]:
    tags = list_tags(job.client, endpoint["EndpointArn"])
    return journals.new_journal(
        job.scope,
        job.params["action"],
        job.accept,
        endpoint_plan.definition(endpoint, tags),
        entries,
        _subscriptions_of(job, {entry["identifier"] for entry in entries}),
        job.lock(),
        _now(),
    )


def _subscriptions_of(job: _Job, identifiers: set[str]) -> list[dict[str, Any]]:
    """The event subscriptions that name one of the tasks, with their tags; those that were journaled are as they were then."""
    if not identifiers:
        return []
    existing = {
        subscription["name"]: {
            **subscription,
            "tags": list_tags(job.client, _subscription_arn(job, subscription["name"])),
        }
        for subscription in list_subscriptions(job.client)
        if identifiers & set(subscription["source_ids"])
    }
    journaled = {
        subscription["name"]: subscription for subscription in (job.journal or {}).get("event_subscriptions", [])
    }
    return list({**existing, **journaled}.values())


def _subscription_arn(job: _Job, name: str) -> str:
    identity = job.account.identity
    return f"arn:{identity.partition}:dms:{job.scope.region}:{identity.account_id}:es:{name}"


def _stop(job: _Job, names: list[str]) -> None:
    """Stop the tasks of these identifiers, and journal their positions, which move until then.

    :raises DatalakeError: a task has no position once it is stopped, though its owner did not consent to that.
    """
    existing = describe_tasks(job.client, names)
    for task in existing:
        if task["Status"] in (RUNNING, "starting"):
            stop_task(job.client, task["ReplicationTaskArn"])
    wait_for_tasks(job.client, "tasks_idle", names, job.params)
    tags = list_tags_of(job.client, [task["ReplicationTaskArn"] for task in existing])
    stopped = {
        task["ReplicationTaskIdentifier"]: task_entries.entry_of(task, tags[task["ReplicationTaskArn"]])
        for task in describe_tasks(job.client, names)
    }
    tasks = (job.journal or {})["tasks"]
    job.save(tasks=[task_entries.renewed(e, stopped.get(e["identifier"], e)) for e in tasks])
    lost = sorted(
        name
        for name, entry in stopped.items()
        if entry["has_run"] and entry["declared_type"] != "full-load" and not entry["checkpoint"] and entry["loaded"]
    )
    if lost and job.params["action"] == RECREATED and task_entries.NO_CHECKPOINT not in job.accept:
        raise DatalakeError(
            message=f"Task {', '.join(lost)} showed no RecoveryCheckpoint once it was stopped, and is not deleted; accept=no_checkpoint takes "
            "the loss of its position."
        )


def _diff(entries: list[dict[str, Any]], action: str) -> dict[str, Any]:
    after = {}
    for entry in entries:
        same = action == MODIFIED or endpoint_plan.resource_identifier(entry["arn"])
        after[entry["identifier"]] = task_entries.after_view(
            entry, action, entry["arn"] if same else KNOWN_AFTER_CREATION
        )
    before = {entry["identifier"]: task_entries.before_view(entry) for entry in entries}
    return {"before": {"tasks": before}, "after": {"tasks": after}}


# After


def _put_back(job: _Job, entries: list[dict[str, Any]], endpoint_arn: str) -> None:
    """Make the tasks again that there aren't.

    :raises DatalakeError: somebody else made a task of that name for another endpoint.
    """
    names = [entry["identifier"] for entry in entries]
    wait_for_tasks(job.client, "tasks_settled", names, job.params)
    existing = {task["ReplicationTaskIdentifier"]: task for task in describe_tasks(job.client, names)}
    for entry in entries:
        task = existing.get(entry["identifier"])
        if task and task["TargetEndpointArn"] != endpoint_arn:
            raise DatalakeError(
                message=f"The replication task {entry['identifier']} was made by somebody else for {task['TargetEndpointArn']} while its "
                f"endpoint {job.identifier} was replaced; rename or remove that one, and run again."
            )
        if not task:
            request = task_entries.create_request(entry, endpoint_arn)
            create_task(job.client, request, job.params)
    wait_for_tasks(job.client, "tasks_settled", names, job.params)


def _restore_subscriptions(job: _Job, subscriptions: list[dict[str, Any]], identifiers: set[str]) -> None:
    """See to it that the event subscriptions name the tasks as they did; whether AWS drops a deleted task there, nobody knows."""
    for subscription in subscriptions:
        sources = identifiers & set(subscription["source_ids"])
        existing = describe_subscription(job.client, subscription["name"])
        if existing and sources <= set(existing["source_ids"]):
            continue
        if not existing:
            # A run that died in between deleted it, with the tasks of other endpoints.
            others = describe_tasks(job.client, subscription["source_ids"])
            sources |= {task["ReplicationTaskIdentifier"] for task in others}
        wanted = {**subscription, **(existing or {}), "source_ids": sorted(sources)}
        make_subscription_again(job.client, wanted, subscription.get("tags", {}), job.params)


def _start(job: _Job, entries: list[dict[str, Any]], endpoint_arn: str) -> None:
    """Start the tasks that ran before; DMS wants each instance to have tested the endpoint."""
    for instance_arn in sorted({entry["request"]["ReplicationInstanceArn"] for entry in entries}):
        connection = describe_connection(job.client, endpoint_arn, instance_arn)
        if not connection or connection["Status"] != connection_tests.SUCCESSFUL:
            arns = {"endpoint_arn": endpoint_arn, "replication_instance_arn": instance_arn}
            connection = connection_tests.test_until_seen(job.client, {**job.params, **arns})
        if connection["Status"] != connection_tests.SUCCESSFUL:
            said = connection.get("LastFailureMessage") or "AWS gives no reason"
            raise DatalakeError(
                message=f"The tasks of {job.identifier} are there again and not started, because its connection test from {instance_arn} "
                f"failed: {said}; mend that and run again, the journal waits."
            )
    names = [entry["identifier"] for entry in entries]
    for task in describe_tasks(job.client, names):
        request = task_entries.start_request(task)
        if request:
            start_task(job.client, request)
    for name in names:
        wait_for_tasks(job.client, "task_started", [name], job.params)


def _outcome(defined: dict[str, Any], endpoint: dict[str, Any] | None) -> str | None:
    """Whether the endpoint is as it was before the replacement, or as the replacement makes it."""
    if endpoint is None:
        return None
    existing = endpoint_plan.definition(endpoint, {})
    same = all(existing[name] == defined.get(name) for name in ("s3_settings", "extra_connection_attributes"))
    return "rolled_back" if same else "finished"


def _now() -> datetime:
    return datetime.now(UTC)


def _result(job: _Job, changed: bool, **more: Any) -> dict[str, Any]:
    """What the module returns."""
    journal = job.journal
    replacement = None
    if journal:
        replacement = {
            "began": journal["began"],
            "owner": journal["lock"]["owner"],
            "expires": journal["lock"]["expires"],
            "action": journal["action"],
            "endpoint": journal["endpoint"],
            "tasks": [entry["identifier"] for entry in journal["tasks"]],
        }
    return {
        "changed": changed,
        "diff": {"before": {}, "after": {}},
        "replacement": replacement,
        "steps": [],
        "outcome": None,
        "refusal": None,
        **more,
    }
