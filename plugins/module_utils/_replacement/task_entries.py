# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replication tasks whose endpoint is replaced: what must be journaled, what could be lost, and how they are created again. Pure.

A task is journaled as an entry of plain data:
{identifier, arn, request, tags, declared_type, running, has_run, loaded, checkpoint}, where `request` has the parameters of CreateReplicationTask
without the target, the tags and the position.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import is_secret, read_attributes
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import RESERVED_PREFIX
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import IDLE_STATES, READY, RUNNING, STARTED
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import (
    MODIFIED,
    RECREATED,
    resource_identifier,
)

# Tag with the declared migration type of a task that continues as `cdc` after its full load.
DECLARED_TAG = f"{RESERVED_PREFIX}migration-type"

# The most tags of a resource, without those of AWS (Tagging AWS Resources user guide, "Tag naming limits"); DMS's own documentation names no number.
_MOST_TAGS = 50

# What a user can consent to lose, see `risks`.
NO_CHECKPOINT, FULL_LOAD = "no_checkpoint", "full_load"
POSTGRESQL_SLOT, SOURCE_LOGS = "postgresql_slot", "source_logs"
FOREIGN_TASKS = "foreign_tasks"
# To use a journal whose endpoint agrees with nothing else.
UNPROVEN_JOURNAL = "unproven_journal"
CONSENTS = (NO_CHECKPOINT, FULL_LOAD, POSTGRESQL_SLOT, SOURCE_LOGS, FOREIGN_TASKS, UNPROVEN_JOURNAL)

# What check mode shows for a position that changes until the task is stopped.
POSITION_WHEN_STOPPED = "(its RecoveryCheckpoint, once it is stopped)"

_CLOUDFORMATION = "aws:cloudformation:"
# Members of CreateReplicationTask -> arguments of Terraform's aws_dms_replication_task.
_TERRAFORM = {"MigrationType": "migration_type", "CdcStartPosition": "cdc_start_position", "Tags": "tags"}
_POSTGRESQL = ("postgres", "aurora-postgresql", "aurora-postgresql-serverless")
# Members of DescribeReplicationTasks that CreateReplicationTask accepts.
_KEPT = (
    "ReplicationTaskIdentifier",
    "SourceEndpointArn",
    "ReplicationInstanceArn",
    "MigrationType",
    "TableMappings",
    "ReplicationTaskSettings",
    "CdcStartPosition",
    "CdcStopPosition",
    "TaskData",
)
# Members of ReplicationTaskStats that count tables without a full load.
_UNLOADED_TABLES = ("TablesLoading", "TablesQueued", "TablesErrored")
# Task settings that AWS fills in and does not accept (terraform-provider-aws#21512).
_READ_ONLY_LOGGING = ("CloudWatchLogGroup", "CloudWatchLogStream")


@dataclass(frozen=True)
class Risk:
    """What a task could lose by the replacement. `consent` is the value of `accept` that allows it; None if nothing does."""

    text: str
    consent: str | None = None


@dataclass(frozen=True)
class TaskEntry:
    """Everything that is needed to create a task again.

    :ivar arn: of the task; the new task asks for the same last part. :ivar request: parameters of CreateReplicationTask, without TargetEndpointArn
        and Tags.
    :ivar tags: without tags of AWS (aws:). :ivar declared_type: the declared migration type.
    :ivar running: whether it ran. :ivar has_run: whether it was ever started. :ivar loaded: whether its full load has finished, or it has none.
    :ivar checkpoint: its RecoveryCheckpoint, None for a full load.
    """

    identifier: str
    arn: str
    request: dict[str, Any]
    tags: dict[str, str]
    declared_type: str
    running: bool
    has_run: bool
    loaded: bool
    checkpoint: str | None

    @property
    def migration_type(self) -> str:
        return str(self.request["MigrationType"])

    @property
    def instance_arn(self) -> str:
        return str(self.request["ReplicationInstanceArn"])


def entry_of(task: dict[str, Any], tags: dict[str, str]) -> TaskEntry:
    """The entry of a task.

    :param task: an item of DescribeReplicationTasks, with its settings. :param tags: its tags, as a flat dict.
    """
    stats = task.get("ReplicationTaskStats") or {}
    kind = task["MigrationType"]
    request = {name: task[name] for name in _KEPT if task.get(name)}
    if "ReplicationTaskSettings" in request:
        request["ReplicationTaskSettings"] = _settable(request["ReplicationTaskSettings"])
    checkpoint = task.get("RecoveryCheckpoint")
    never_started = task["Status"] in (READY, "creating", "created")
    return TaskEntry(
        identifier=task["ReplicationTaskIdentifier"],
        arn=task["ReplicationTaskArn"],
        request=request,
        tags={key: value for key, value in tags.items() if not key.startswith("aws:")},
        declared_type=tags.get(DECLARED_TAG, kind),
        running=task["Status"] in STARTED,
        has_run=bool(not never_started or checkpoint or task.get("ReplicationTaskStartDate")),
        loaded=_is_loaded(kind, stats),
        checkpoint=checkpoint if kind != "full-load" else None,
    )


def _is_loaded(kind: str, stats: dict[str, Any]) -> bool:
    """Whether the full load of a task has finished, or it has none.

    A task that would continue as `cdc` never loads a table again that was still loading, queued or in error.

    :param kind: its migration type. :param stats: its ReplicationTaskStats.
    """
    if kind == "cdc":
        return True
    return _load_ended(stats) and (kind == "full-load" or not any(stats.get(name) for name in _UNLOADED_TABLES))


def _load_ended(stats: dict[str, Any]) -> bool:
    return bool(stats.get("FullLoadFinishDate")) or (stats.get("FullLoadProgressPercent") or 0) >= 100


def renewed(entry: TaskEntry, now: TaskEntry) -> TaskEntry:
    """The entry of a task that was read again. It counts as running if it ran at the first read."""
    return dataclasses.replace(now, running=entry.running or now.running)


def continues(entry: TaskEntry) -> bool:
    """Whether the new task continues as `cdc` from the checkpoint. CdcStartPosition is for tasks of type cdc only."""
    return bool(entry.has_run and entry.loaded and entry.checkpoint)


def create_request(entry: TaskEntry, endpoint_arn: str, same_tail: bool = True) -> dict[str, Any]:
    """The parameters of CreateReplicationTask that create the task again.

    :param same_tail: whether to ask for the same last part of the ARN.
    """
    request = {**entry.request, "TargetEndpointArn": endpoint_arn}
    tags = dict(entry.tags)
    if continues(entry):
        request |= {"MigrationType": "cdc", "CdcStartPosition": entry.checkpoint}
        if entry.declared_type != "cdc":
            tags[DECLARED_TAG] = entry.declared_type
    elif entry.has_run:
        request["MigrationType"] = entry.declared_type
        tags.pop(DECLARED_TAG, None)
    if request["MigrationType"] != "cdc":
        request.pop("CdcStartPosition", None)
    tail = resource_identifier(entry.arn) if same_tail else None
    if tail:
        request["ResourceIdentifier"] = tail
    if tags:
        request["Tags"] = ansible_dict_to_boto3_tag_list(tags)
    return request


def start_request(task: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters of StartReplicationTask; None if the task runs, or is about to run.

    A task that was started before is resumed; `start-replication` would begin again (API reference, StartReplicationTaskType).

    :param task: an item of DescribeReplicationTasks.
    """
    status, arn = task["Status"], {"ReplicationTaskArn": task["ReplicationTaskArn"]}
    if status not in IDLE_STATES:
        return None
    if status == READY and not task.get("ReplicationTaskStartDate"):
        position = {"CdcStartPosition": task["CdcStartPosition"]} if task.get("CdcStartPosition") else {}
        return {**arn, "StartReplicationTaskType": "start-replication", **position}
    return {**arn, "StartReplicationTaskType": "resume-processing"}


def risks(
    entry: TaskEntry,
    task: dict[str, Any],
    tags: dict[str, str],
    source: dict[str, Any] | None,
    action: str,
    pause: float,
    retention: float,
) -> list[Risk]:
    """What a task could lose if it is stopped or recreated.

    :param source: the source endpoint, an item of DescribeEndpoints.
    :param pause: the longest time that the task is stopped, in seconds. :param retention: how many seconds the source keeps its logs; 0: unknown.
    """
    found = _owner_risks(entry, tags, action)
    secrets = secret_settings(entry.request)
    if secrets:
        found.append(Risk(f"its definition has secrets ({', '.join(secrets)}), which must not be journaled"))
    if task["Status"] not in (RUNNING, *IDLE_STATES):
        found.append(Risk(f"it is {task['Status']}; wait until it has settled"))
    if not entry.has_run:
        return [*found, *_start_risks(entry, source, action)]
    if not entry.loaded:
        found.append(Risk(_full_load_risk(task, action), FULL_LOAD))
    elif action == RECREATED and entry.migration_type != "full-load":
        found += [*_tag_risks(entry), *_position_risks(entry, source)]
    if entry.running and entry.migration_type != "full-load" and retention < pause:
        found += _log_risks(source, pause, retention)
    return found


def secret_settings(request: dict[str, Any]) -> list[str]:
    """The names of password-like settings in a task's definition."""
    texts = [request.get(name) for name in ("ReplicationTaskSettings", "TaskData")]
    return sorted({name for text in texts for name in _names(_parsed(text)) if is_secret(name)})


def slot_name(source: dict[str, Any] | None) -> str | None:
    """The replication slot (SlotName) of a PostgreSQL source; None without one."""
    settings = (source or {}).get("PostgreSQLSettings") or {}
    attributes = {k.lower(): v for k, v in read_attributes((source or {}).get("ExtraConnectionAttributes")).items()}
    return settings.get("SlotName") or attributes.get("slotname")


def refusal(endpoint: str, found: dict[str, list[Risk]], accept: Collection[str | None]) -> str | None:
    """Why the endpoint is not replaced, as a sentence with each risk and the consent that allows it; None without a risk.

    :param found: task identifier -> risks, see `risks`. :param accept: the consents.
    """
    open_risks = [
        f"task {name}: {risk.text}" + (f" (accept={risk.consent} allows that)" if risk.consent else "")
        for name, of_task in sorted(found.items())
        for risk in of_task
        if risk.consent not in accept
    ]
    if not open_risks:
        return None
    return f"The endpoint {endpoint} is not replaced, because its tasks could lose something: {'; '.join(open_risks)}."


def steps(entry: TaskEntry, action: str) -> str:
    """What would be done to a task, as readable text."""
    done = ["stopped"] if entry.running else []
    if action == RECREATED:
        position = " as cdc from its checkpoint" if continues(entry) else ""
        done += ["deleted", f"created again{position}"]
    if entry.running:
        done.append("resumed" if action == MODIFIED else "started")
    return f"task {entry.identifier}: {', '.join(done) or 'unchanged'}"


def before_view(entry: TaskEntry) -> dict[str, Any]:
    """A task in the diff, before the run."""
    return {
        "arn": entry.arn,
        "migration_type": entry.migration_type,
        "cdc_start_position": entry.request.get("CdcStartPosition"),
        "running": entry.running,
        "tags": entry.tags,
    }


def after_view(entry: TaskEntry, action: str, arn: str) -> dict[str, Any]:
    """A task in the diff, after the run. :param arn: its ARN, or what check mode shows for it."""
    before = before_view(entry)
    if action == MODIFIED:
        return before
    request = create_request(entry, "")
    return {
        **before,
        "arn": arn,
        "migration_type": request["MigrationType"],
        "cdc_start_position": POSITION_WHEN_STOPPED if continues(entry) else request.get("CdcStartPosition"),
        "tags": {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])},
    }


def _new_request(entry: TaskEntry) -> dict[str, Any]:
    """The parameters of CreateReplicationTask, as they will be once the task is stopped: a running task may have a checkpoint only then."""
    stopped = dataclasses.replace(entry, checkpoint=POSITION_WHEN_STOPPED) if entry.running else entry
    return create_request(stopped, "")


def _owner_risks(entry: TaskEntry, tags: dict[str, str], action: str) -> list[Risk]:
    """Why another tool that owns the task could change or lose the new one."""
    stack = next((value for key, value in tags.items() if key.startswith(_CLOUDFORMATION)), None)
    if stack is not None:
        return [
            Risk(f"it belongs to CloudFormation ({stack}), which would no longer manage the new task; change it there")
        ]
    if action != RECREATED or any(key.startswith(RESERVED_PREFIX) for key in tags):
        return []
    new = _new_request(entry)
    before = {**entry.request, **({"Tags": ansible_dict_to_boto3_tag_list(entry.tags)} if entry.tags else {})}
    changed = [argument for member, argument in _TERRAFORM.items() if new.get(member) != before.get(member)]
    ignored = f"; its owner must ignore that, in Terraform with lifecycle {{ ignore_changes = [{', '.join(changed)}] }}"
    return [
        Risk(
            f"it has no tag of this collection, so another tool may own it and change or replace the new task{ignored if changed else ''}",
            FOREIGN_TASKS,
        )
    ]


def _tag_risks(entry: TaskEntry) -> list[Risk]:
    """Why AWS would refuse the tags of the new task."""
    if len(_new_request(entry).get("Tags", ())) <= _MOST_TAGS:
        return []
    return [
        Risk(
            f"it has {len(entry.tags)} tags, AWS allows {_MOST_TAGS}, and the new task needs {DECLARED_TAG} as well; remove one of its tags"
        )
    ]


def _position_risks(entry: TaskEntry, source: dict[str, Any] | None) -> list[Risk]:
    """Why a task that replicates changes could lose its position."""
    found = []
    if not entry.checkpoint:
        again = "load everything again" if entry.declared_type != "cdc" else "start from another position"
        found.append(Risk(f"it has no RecoveryCheckpoint, so it would {again}", NO_CHECKPOINT))
    if source is not None and source.get("EngineName") in _POSTGRESQL and not slot_name(source):
        found.append(
            Risk(
                f"its PostgreSQL source {source['EndpointIdentifier']} has no SlotName, and DMS may drop its own slot together with the "
                "task; create a slot and set SlotName in the source endpoint",
                POSTGRESQL_SLOT,
            )
        )
    return found


def _start_risks(entry: TaskEntry, source: dict[str, Any] | None, action: str) -> list[Risk]:
    """Why a task that was never started could begin elsewhere. CreateReplicationTask takes CdcStartTime, and the API has no member that returns it.

    PostgreSQL has no start time (DMS user guide, "Performing replication starting from a CDC start point").
    """
    postgresql = source is not None and source.get("EngineName") in _POSTGRESQL
    if action != RECREATED or entry.migration_type != "cdc" or entry.request.get("CdcStartPosition") or postgresql:
        return []
    return [
        Risk(
            "it was never started, and AWS returns no CdcStartPosition for it, so a CdcStartTime that it was created with would be lost; start it "
            "first",
            NO_CHECKPOINT,
        )
    ]


def _log_risks(source: dict[str, Any] | None, pause: float, retention: float) -> list[Risk]:
    if source is not None and source.get("EngineName") in _POSTGRESQL and slot_name(source):
        return []  # The slot keeps the log.
    known = (
        f"its source keeps its logs for {retention:g} seconds only"
        if retention
        else "the retention of the logs is unknown"
    )
    return [
        Risk(
            f"its source may purge its logs before the task runs again: the task may be stopped for {pause:g} seconds, and {known}; set "
            "source_log_retention to the retention of the source's logs in seconds",
            SOURCE_LOGS,
        )
    ]


def _full_load_risk(task: dict[str, Any], action: str) -> str:
    load = _parsed(task.get("ReplicationTaskSettings")).get("FullLoadSettings") or {}
    objects = ""
    if load.get("TargetTablePrepMode", "DROP_AND_CREATE") == "DROP_AND_CREATE":
        objects = ", and with TargetTablePrepMode=DROP_AND_CREATE objects in the bucket may be deleted"
    again = "load everything again" if action == RECREATED else "load unfinished tables again"
    stats = task.get("ReplicationTaskStats") or {}
    unloaded = sum(stats.get(name) or 0 for name in _UNLOADED_TABLES)
    if _load_ended(stats) and unloaded:
        verb = "are" if unloaded > 1 else "is"
        return (
            f"{unloaded} of its tables {verb} not loaded (loading, queued or in error), and it would {again}{objects}; reload these tables, and "
            "wait until they are loaded"
        )
    return f"its full load has not finished, and it would {again}{objects}; wait until the full load has finished"


def _settable(settings: str) -> str:
    """Task settings without what AWS fills in."""
    parsed = _parsed(settings)
    logging = parsed.get("Logging")
    if not isinstance(logging, dict) or not any(name in logging for name in _READ_ONLY_LOGGING):
        return settings
    parsed["Logging"] = {name: value for name, value in logging.items() if name not in _READ_ONLY_LOGGING}
    return json.dumps(parsed)


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        parsed = json.loads(text or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _names(value: Any) -> Iterable[str]:
    """All keys within a value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
