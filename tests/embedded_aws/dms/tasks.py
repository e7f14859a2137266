# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS replication tasks: the operations, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

from ..server.wire import AwsError
from . import connections
from . import task_runs as runs
from .backend import (
    Dms,
    Parameters,
    Task,
    already_exists,
    check_endpoints,
    check_found,
    check_identifier,
    check_quota,
    find,
    free_arn,
    invalid,
    invalid_state,
    member,
    now,
    page,
    select,
)

FILTERS = {
    "replication-task-arn": member("ReplicationTaskArn"),
    "replication-task-id": member("ReplicationTaskIdentifier"),
    "migration-type": member("MigrationType"),
    "endpoint-arn": lambda shape: [shape["SourceEndpointArn"], shape["TargetEndpointArn"]],
    "replication-instance-arn": member("ReplicationInstanceArn"),
}
LOG_NAMES = ("CloudWatchLogGroup", "CloudWatchLogStream")


def create_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_quota("ReplicationTasks", len(dms.tasks))
    check_identifier("ReplicationTaskIdentifier", parameters["ReplicationTaskIdentifier"])
    identifier = parameters["ReplicationTaskIdentifier"].lower()
    if any(other.shape["ReplicationTaskIdentifier"] == identifier for other in dms.tasks.values()):
        raise already_exists(f"The replication task {identifier} already exists.")
    find(dms.instances, parameters["ReplicationInstanceArn"], "Replication instance")
    check_endpoints(dms, parameters)
    arn = free_arn(dms, "task", parameters)
    _check_documents(parameters)
    _check_log_names(parameters)
    _check_cdc(parameters, parameters["MigrationType"])
    not_in_shape = ("Tags", "ResourceIdentifier", "CdcStartTime")
    shape = {
        **{name: value for name, value in parameters.items() if name not in not_in_shape},
        "ReplicationTaskIdentifier": identifier,
        "ReplicationTaskArn": arn,
        "ReplicationTaskCreationDate": now(),
    }
    task = Task(dms.next_seq(), shape)
    dms.tasks[arn] = task
    dms.tag(arn, parameters.get("Tags", []))
    runs.transit(dms, task, "creating", then="ready")
    return _answer(dms, task, "creating")


def modify_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    _check_idle(task)
    _check_documents(parameters)
    _check_cdc(parameters, parameters.get("MigrationType", task.migration_type))
    task.shape.update({name: value for name, value in parameters.items() if name != "CdcStartTime"})
    runs.transit(dms, task, "modifying", then=task.shape["Status"])
    return _answer(dms, task, "modifying")


def start_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    _check_idle(task)
    _check_cdc(parameters, task.migration_type)
    kind = parameters["StartReplicationTaskType"]
    _check_start_type(task, kind)
    if kind != runs.START and parameters.get("CdcStartPosition"):
        raise _invalid_combination("To start from a specific position, use start-replication.")
    if dms.switches["start_needs_connection"]:
        _check_connection(dms, task)
    for name in ("CdcStartPosition", "CdcStopPosition"):
        if name in parameters:
            task.shape[name] = parameters[name]
    runs.start(dms, task, kind)
    return _answer(dms, task, "starting")


def stop_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    if task.shape["Status"] != "running":
        raise invalid_state(f"Replication Task cannot be stopped in its current state: {task.shape['Status']}")
    runs.stop(dms, task)
    return _answer(dms, task, "stopping")


def delete_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    _check_idle(task)
    answer = _answer(dms, task, "deleting")
    runs.transit(dms, task, "deleting", then="deleted")
    return answer


def describe_tasks(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    selected = select(dms.tasks.values(), parameters, FILTERS)
    check_found(dms, selected, parameters, "Tasks")
    shown, marker = page(selected, parameters)
    hidden = ("ReplicationTaskSettings", "TableMappings") if parameters.get("WithoutSettings") else ()
    answer = [{name: value for name, value in runs.shape_of(dms, task).items() if name not in hidden} for task in shown]
    for task in shown:
        runs.count_poll(dms, task)
    return {"ReplicationTasks": answer, **marker}


def _answer(dms: Dms, task: Task, status: str) -> dict[str, Any]:
    """An operation answers with the state that it puts the task into, however long that lasts."""
    return {"ReplicationTask": {**runs.shape_of(dms, task), "Status": status}}


def _check_idle(task: Task) -> None:
    status = task.shape["Status"]
    if task.next_status is not None or status == "running":
        raise invalid_state(f"The replication task {task.arn} is currently {status}.")


def _check_documents(parameters: Parameters) -> None:
    """Table mappings and settings are JSON objects, if they are given."""
    for name in ("TableMappings", "ReplicationTaskSettings"):
        try:
            is_object = isinstance(json.loads(parameters.get(name, "{}")), dict)
        except ValueError as error:
            raise invalid(f"Invalid json in {name}: {error}") from error
        if not is_object:
            raise invalid(f"Invalid json in {name}: an object is expected.")


def _check_log_names(parameters: Parameters) -> None:
    """A definition that was read can't be sent as it is: the names of its log are DMS's own (TF#21512)."""
    logging = json.loads(parameters.get("ReplicationTaskSettings", "{}")).get("Logging") or {}
    if any(logging.get(name) is not None for name in LOG_NAMES):
        raise invalid("Task Settings CloudWatchLogGroup or CloudWatchLogStream cannot be set on create.")


def _check_cdc(parameters: Parameters, migration_type: str) -> None:
    """The start position serves CDC tasks only, the start time those that capture changes; one of them at most."""
    given = [name for name in ("CdcStartPosition", "CdcStartTime") if parameters.get(name)]
    served = {"cdc": ("CdcStartPosition", "CdcStartTime"), "full-load-and-cdc": ("CdcStartTime",)}
    for name in given:
        if name not in served.get(migration_type, ()):
            raise _invalid_combination(f"{name} is not valid for a {migration_type} task.")
    if len(given) > 1:
        raise _invalid_combination("Only one of CdcStartPosition and CdcStartTime is allowed.")


def _check_start_type(task: Task, kind: str) -> None:
    """The first start is `start-replication`, which loads only once (API reference, StartReplicationTask; TF#24047)."""
    if kind != runs.START and not task.starts:
        raise invalid_state(f"{kind} is only available for previously executed tasks: {task.arn}")
    if kind == runs.START and task.starts and task.migration_type != "cdc":
        raise _invalid_combination("Start Type : START_REPLICATION, valid only for tasks running for the first time")
    if kind == runs.RELOAD and task.migration_type == "cdc":
        raise _invalid_combination("Start Type : RELOAD_TARGET, not valid for a task that loads nothing")


def _check_connection(dms: Dms, task: Task) -> None:
    pair = (task.shape["ReplicationInstanceArn"], task.shape["TargetEndpointArn"])
    connection = dms.connections.get(pair)
    if connection is None or connections.shape_of(connection)["Status"] != "successful":
        raise invalid_state(
            "Test connection for replication instance and endpoint should be successful for starting the replication "
            "task"
        )


def _invalid_combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombinationException", message)
