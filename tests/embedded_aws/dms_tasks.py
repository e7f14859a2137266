# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS replication tasks. They change state at once."""

from __future__ import annotations

import json
from typing import Any

from .dms_backend import (
    Dms,
    Parameters,
    Resource,
    already_exists,
    check_endpoints,
    check_found,
    check_identifier,
    check_quota,
    checked_tail,
    find,
    invalid,
    invalid_state,
    member,
    now,
    page,
    select,
)
from .wire import AwsError

FILTERS = {
    "replication-task-arn": member("ReplicationTaskArn"),
    "replication-task-id": member("ReplicationTaskIdentifier"),
    "migration-type": member("MigrationType"),
    "endpoint-arn": lambda shape: [shape["SourceEndpointArn"], shape["TargetEndpointArn"]],
    "replication-instance-arn": member("ReplicationInstanceArn"),
}


def create_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_quota("ReplicationTasks", len(dms.tasks))
    check_identifier("ReplicationTaskIdentifier", parameters["ReplicationTaskIdentifier"])
    identifier = parameters["ReplicationTaskIdentifier"].lower()
    if any(other.shape["ReplicationTaskIdentifier"] == identifier for other in dms.tasks.values()):
        raise already_exists(f"The replication task {identifier} already exists.")
    find(dms.instances, parameters["ReplicationInstanceArn"], "Replication instance")
    check_endpoints(dms, parameters)
    arn = dms.arn("task", checked_tail(parameters))
    if arn in dms.tasks:
        raise already_exists(f"The replication task {arn} already exists.")
    _check_json("TableMappings", parameters["TableMappings"])
    _check_json("ReplicationTaskSettings", parameters.get("ReplicationTaskSettings", "{}"))
    _check_cdc(parameters, parameters["MigrationType"])
    shape = {
        **{
            name: value
            for name, value in parameters.items()
            if name not in ("Tags", "ResourceIdentifier", "CdcStartTime")
        },
        "ReplicationTaskIdentifier": identifier,
        "ReplicationTaskArn": arn,
        "Status": "ready",
        "ReplicationTaskCreationDate": now(),
    }
    dms.tasks[arn] = Resource(dms.next_seq(), shape)
    dms.tag(arn, parameters.get("Tags", []))
    return {"ReplicationTask": {**shape, "Status": "creating"}}


def modify_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    _check_not_running(task)
    _check_json("TableMappings", parameters.get("TableMappings", "{}"))
    _check_json("ReplicationTaskSettings", parameters.get("ReplicationTaskSettings", "{}"))
    _check_cdc(parameters, parameters.get("MigrationType", task.shape["MigrationType"]))
    changed = {name: value for name, value in parameters.items() if name != "CdcStartTime"}
    task.shape.update(changed)
    return {"ReplicationTask": task.shape}


def start_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    _check_not_running(task)
    _check_cdc(parameters, task.shape["MigrationType"])
    for name in ("CdcStartPosition", "CdcStopPosition"):
        if name in parameters:
            task.shape[name] = parameters[name]
    task.shape.update({"Status": "running", "ReplicationTaskStartDate": now(), "StopReason": ""})
    if _is_cdc(task.shape["MigrationType"]) and "RecoveryCheckpoint" not in task.shape:
        task.shape["RecoveryCheckpoint"] = _checkpoint(0)
    return {"ReplicationTask": {**task.shape, "Status": "starting"}}


def stop_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    if task.shape["Status"] != "running":
        raise invalid_state(f"Replication Task cannot be stopped in its current state: {task.shape['Status']}")
    task.shape.update({"Status": "stopped", "StopReason": "Stop Reason NORMAL"})
    return {"ReplicationTask": {**task.shape, "Status": "stopping"}}


def delete_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    task = find(dms.tasks, parameters["ReplicationTaskArn"], "Replication task")
    _check_not_running(task)
    arn = task.shape["ReplicationTaskArn"]
    del dms.tasks[arn]
    dms.tags.pop(arn, None)
    return {"ReplicationTask": {**task.shape, "Status": "deleting"}}


def describe_tasks(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    selected = select(dms.tasks.values(), parameters, FILTERS)
    check_found(dms, selected, parameters, "Tasks")
    shown, marker = page(selected, parameters)
    hidden = ("ReplicationTaskSettings", "TableMappings") if parameters.get("WithoutSettings") else ()
    answer = [{name: value for name, value in task.shape.items() if name not in hidden} for task in shown]
    for task in shown:
        _advance_checkpoint(task)
    return {"ReplicationTasks": answer, **marker}


def _check_not_running(task: Resource) -> None:
    if task.shape["Status"] == "running":
        raise invalid_state(f"The replication task {task.shape['ReplicationTaskArn']} is currently running.")


def _check_json(name: str, text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise invalid(f"Invalid json in {name}: {error}") from error


def _check_cdc(parameters: Parameters, migration_type: str) -> None:
    """The CDC start position and time serve CDC tasks only (API reference, CreateReplicationTask)."""
    given = [name for name in ("CdcStartPosition", "CdcStartTime") if parameters.get(name)]
    if given and not _is_cdc(migration_type):
        raise AwsError("InvalidParameterCombinationException", f"{given[0]} is not valid for a {migration_type} task.")
    if len(given) > 1:
        raise AwsError(
            "InvalidParameterCombinationException", "Only one of CdcStartPosition and CdcStartTime is allowed."
        )


def _is_cdc(migration_type: str) -> bool:
    return migration_type in ("cdc", "full-load-and-cdc")


def _checkpoint(number: int) -> str:
    return f"checkpoint:V1#{number}#mysql-bin-changelog.{number:06d}:{number}:-1:{number}:0:mysql-bin-changelog:0"


def _advance_checkpoint(task: Resource) -> None:
    """The checkpoint moves on until the task is stopped."""
    if task.shape["Status"] == "running" and "RecoveryCheckpoint" in task.shape:
        number = int(task.shape["RecoveryCheckpoint"].split("#")[1])
        task.shape["RecoveryCheckpoint"] = _checkpoint(number + 1)
