# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS replication: instances, subnet groups, tasks and serverless configs. Tasks change state at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from . import moto_seams
from .connection_check import dms_access
from .dms_backend import (
    Dms,
    Parameters,
    Resource,
    already_exists,
    check_identifier,
    check_quota,
    checked_tail,
    find,
    invalid,
    invalid_state,
    member,
    not_found,
    page,
    select,
)
from .iam_evaluation import trust_admits
from .wire import AwsError

INSTANCE_FILTERS = {
    "replication-instance-arn": member("ReplicationInstanceArn"),
    "replication-instance-id": member("ReplicationInstanceIdentifier"),
    "replication-instance-class": member("ReplicationInstanceClass"),
    "engine-version": member("EngineVersion"),
}
TASK_FILTERS = {
    "replication-task-arn": member("ReplicationTaskArn"),
    "replication-task-id": member("ReplicationTaskIdentifier"),
    "migration-type": member("MigrationType"),
    "endpoint-arn": lambda shape: [shape["SourceEndpointArn"], shape["TargetEndpointArn"]],
    "replication-instance-arn": member("ReplicationInstanceArn"),
}
CONFIG_FILTERS = {
    "replication-config-arn": member("ReplicationConfigArn"),
    "replication-config-id": member("ReplicationConfigIdentifier"),
    "endpoint-arn": lambda shape: [shape["SourceEndpointArn"], shape["TargetEndpointArn"]],
}
SUBNET_GROUP_FILTERS = {"replication-subnet-group-id": member("ReplicationSubnetGroupIdentifier")}
ENGINE_VERSION = "3.5.4"


def now() -> datetime:
    return datetime.now(UTC)


# --- Instances ---------------------------------------------------------------------------------------------------


def create_instance(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_quota("ReplicationInstances", len(dms.instances))
    check_identifier("ReplicationInstanceIdentifier", parameters["ReplicationInstanceIdentifier"])
    identifier = parameters["ReplicationInstanceIdentifier"].lower()
    if any(other.shape["ReplicationInstanceIdentifier"] == identifier for other in dms.instances.values()):
        raise already_exists(f"The replication instance {identifier} already exists.")
    arn = dms.arn("rep", checked_tail(parameters))
    if arn in dms.instances:
        raise already_exists(f"The replication instance {arn} already exists.")
    shape = _instance_shape(dms, arn, parameters)
    dms.instances[arn] = Resource(dms.next_seq(), shape)
    dms.tag(arn, parameters.get("Tags", []))
    return {"ReplicationInstance": {**shape, "ReplicationInstanceStatus": "creating"}}


def seed_instance(dms: Dms, arn: str) -> None:
    """An available instance with exactly that ARN, whose tail may be longer than a ResourceIdentifier."""
    identifier = arn.rpartition(":")[2]
    parameters = {"ReplicationInstanceIdentifier": identifier, "ReplicationInstanceClass": "dms.t3.medium"}
    if arn not in dms.instances:
        dms.instances[arn] = Resource(dms.next_seq(), _instance_shape(dms, arn, parameters))


def _instance_shape(dms: Dms, arn: str, parameters: Parameters) -> dict[str, Any]:
    shape = {
        "ReplicationInstanceIdentifier": parameters["ReplicationInstanceIdentifier"].lower(),
        "ReplicationInstanceClass": parameters["ReplicationInstanceClass"],
        "ReplicationInstanceStatus": "available",
        "AllocatedStorage": parameters.get("AllocatedStorage", 50),
        "InstanceCreateTime": now(),
        "AvailabilityZone": parameters.get("AvailabilityZone", f"{dms.region}a"),
        "MultiAZ": parameters.get("MultiAZ", False),
        "EngineVersion": parameters.get("EngineVersion", ENGINE_VERSION),
        "AutoMinorVersionUpgrade": parameters.get("AutoMinorVersionUpgrade", True),
        "PubliclyAccessible": parameters.get("PubliclyAccessible", True),
        "NetworkType": parameters.get("NetworkType", "IPV4"),
        "VpcSecurityGroups": _security_groups(parameters),
        "PendingModifiedValues": {},
        "ReplicationInstanceArn": arn,
    }
    for name in ("KmsKeyId", "DnsNameServers", "PreferredMaintenanceWindow", "KerberosAuthenticationSettings"):
        if name in parameters:
            shape[name] = parameters[name]
    if "ReplicationSubnetGroupIdentifier" in parameters:
        group_id = parameters["ReplicationSubnetGroupIdentifier"].lower()
        shape["ReplicationSubnetGroup"] = find(dms.subnet_groups, group_id, "Replication subnet group").shape
    return shape


def modify_instance(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    instance = find(dms.instances, parameters["ReplicationInstanceArn"], "Replication instance")
    version, before = parameters.get("EngineVersion", ""), instance.shape["EngineVersion"]
    if version and version.split(".")[0] > before.split(".")[0] and not parameters.get("AllowMajorVersionUpgrade"):
        raise AwsError(
            "InvalidParameterCombinationException",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version",
        )
    if "VpcSecurityGroupIds" in parameters:
        instance.shape["VpcSecurityGroups"] = _security_groups(parameters)
    instance.shape.update({name: value for name, value in parameters.items() if name in instance.shape})
    return {"ReplicationInstance": instance.shape}


def delete_instance(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    instance = find(dms.instances, parameters["ReplicationInstanceArn"], "Replication instance")
    arn = instance.shape["ReplicationInstanceArn"]
    if any(task.shape["ReplicationInstanceArn"] == arn for task in dms.tasks.values()):
        raise invalid_state(f"The replication instance {arn} is still used by one or more replication tasks.")
    for pair in [pair for pair in dms.connections if arn in pair]:
        del dms.connections[pair]
    del dms.instances[arn]
    dms.tags.pop(arn, None)
    return {"ReplicationInstance": {**instance.shape, "ReplicationInstanceStatus": "deleting"}}


def describe_instances(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    selected = select(dms.instances.values(), parameters, INSTANCE_FILTERS)
    _check_found(dms, selected, parameters, "Instances")
    shown, marker = page(selected, parameters)
    return {"ReplicationInstances": [instance.shape for instance in shown], **marker}


def _security_groups(parameters: Parameters) -> list[dict[str, str]]:
    return [{"VpcSecurityGroupId": group, "Status": "active"} for group in parameters.get("VpcSecurityGroupIds", [])]


def _check_found(dms: Dms, selected: list[Resource], parameters: Parameters, what: str) -> None:
    """botocore's waiters for deleted tasks and instances end on this fault, so AWS answers with it."""
    if not selected and parameters.get("Filters") and dms.switches["absent_endpoint"] == "fault":
        raise not_found(f"No {what} found matching provided filter")


# --- Subnet groups -----------------------------------------------------------------------------------------------


def create_subnet_group(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_quota("ReplicationSubnetGroups", len(dms.subnet_groups))
    _check_vpc_role(dms)
    identifier = parameters["ReplicationSubnetGroupIdentifier"].lower()
    if identifier in dms.subnet_groups:
        raise already_exists(f"The replication subnet group {identifier} already exists.")
    subnets = {name: moto_seams.subnet_view(dms.account, dms.region, name) for name in parameters["SubnetIds"]}
    found = {name: subnet for name, subnet in subnets.items() if subnet}
    if len(found) < len(subnets) or len({subnet["VpcId"] for subnet in found.values()}) != 1:
        raise AwsError("InvalidSubnet", "The subnets are not found, or are not in one VPC.")
    if len({subnet["AvailabilityZone"] for subnet in found.values()}) < 2:
        raise AwsError("ReplicationSubnetGroupDoesNotCoverEnoughAZs", "The subnets have to cover two zones or more.")
    shape = {
        "ReplicationSubnetGroupIdentifier": identifier,
        "ReplicationSubnetGroupDescription": parameters["ReplicationSubnetGroupDescription"],
        "VpcId": next(iter(found.values()))["VpcId"],
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {
                "SubnetIdentifier": name,
                "SubnetAvailabilityZone": {"Name": subnet["AvailabilityZone"]},
                "SubnetStatus": "Active",
            }
            for name, subnet in found.items()
        ],
        "SupportedNetworkTypes": ["IPV4"],
    }
    dms.subnet_groups[identifier] = Resource(dms.next_seq(), shape)
    dms.tag(dms.arn("subgrp", identifier), parameters.get("Tags", []))
    return {"ReplicationSubnetGroup": shape}


def delete_subnet_group(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    identifier = parameters["ReplicationSubnetGroupIdentifier"].lower()
    group = find(dms.subnet_groups, identifier, "Replication subnet group")
    if any(instance.shape.get("ReplicationSubnetGroup") is group.shape for instance in dms.instances.values()):
        raise invalid_state(f"The replication subnet group {identifier} is still used by a replication instance.")
    del dms.subnet_groups[identifier]
    dms.tags.pop(dms.arn("subgrp", identifier), None)
    return {}


def describe_subnet_groups(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    shown, marker = page(select(dms.subnet_groups.values(), parameters, SUBNET_GROUP_FILTERS), parameters)
    return {"ReplicationSubnetGroups": [group.shape for group in shown], **marker}


def _check_vpc_role(dms: Dms) -> None:
    """DMS manages network interfaces through the account's dms-vpc-role (DMS User Guide, "Creating the IAM roles")."""
    arn = f"arn:{dms.partition}:iam::{dms.account}:role/dms-vpc-role"
    role = dms.propagation.evaluate(arn)
    access = dms_access(dms.arn("subgrp", "any"), None, arn)
    if role is None or not trust_admits(role["Trust"], access):
        raise AwsError("AccessDeniedFault", f"The IAM Role {arn} is not configured properly.")


# --- Tasks -------------------------------------------------------------------------------------------------------


def create_task(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_quota("ReplicationTasks", len(dms.tasks))
    check_identifier("ReplicationTaskIdentifier", parameters["ReplicationTaskIdentifier"])
    identifier = parameters["ReplicationTaskIdentifier"].lower()
    if any(other.shape["ReplicationTaskIdentifier"] == identifier for other in dms.tasks.values()):
        raise already_exists(f"The replication task {identifier} already exists.")
    find(dms.instances, parameters["ReplicationInstanceArn"], "Replication instance")
    _check_endpoints(dms, parameters)
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
    selected = select(dms.tasks.values(), parameters, TASK_FILTERS)
    _check_found(dms, selected, parameters, "Tasks")
    shown, marker = page(selected, parameters)
    hidden = ("ReplicationTaskSettings", "TableMappings") if parameters.get("WithoutSettings") else ()
    answer = [{name: value for name, value in task.shape.items() if name not in hidden} for task in shown]
    for task in shown:
        _advance_checkpoint(task)
    return {"ReplicationTasks": answer, **marker}


def _check_endpoints(dms: Dms, parameters: Parameters) -> None:
    for side in ("Source", "Target"):
        endpoint = find(dms.endpoints, parameters[f"{side}EndpointArn"], "Endpoint")
        if endpoint.shape["EndpointType"] != side.upper():
            raise invalid(f"The endpoint {endpoint.arn} is not a {side.lower()} endpoint.")
        if endpoint.is_deleting:
            raise invalid_state(f"The endpoint {endpoint.arn} is being deleted.")


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


# --- Serverless replication configs ------------------------------------------------------------------------------


def create_config(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_identifier("ReplicationConfigIdentifier", parameters["ReplicationConfigIdentifier"])
    identifier = parameters["ReplicationConfigIdentifier"].lower()
    if any(other.shape["ReplicationConfigIdentifier"] == identifier for other in dms.configs.values()):
        raise already_exists(f"The replication config {identifier} already exists.")
    _check_endpoints(dms, parameters)
    arn = dms.arn("replication-config", checked_tail(parameters))
    shape = {
        **{name: value for name, value in parameters.items() if name not in ("Tags", "ResourceIdentifier")},
        "ReplicationConfigIdentifier": identifier,
        "ReplicationConfigArn": arn,
        "ReplicationConfigCreateTime": now(),
        "ReplicationConfigUpdateTime": now(),
    }
    dms.configs[arn] = Resource(dms.next_seq(), shape)
    dms.tag(arn, parameters.get("Tags", []))
    return {"ReplicationConfig": shape}


def delete_config(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    config = find(dms.configs, parameters["ReplicationConfigArn"], "Replication config")
    del dms.configs[config.shape["ReplicationConfigArn"]]
    dms.tags.pop(config.shape["ReplicationConfigArn"], None)
    return {"ReplicationConfig": config.shape}


def describe_configs(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    shown, marker = page(select(dms.configs.values(), parameters, CONFIG_FILTERS), parameters)
    return {"ReplicationConfigs": [config.shape for config in shown], **marker}
