# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS replication: instances, subnet groups and serverless configs."""

from __future__ import annotations

from typing import Any

from .. import moto_seams
from ..iam.evaluation import trust_admits
from ..server.wire import AwsError
from .backend import (
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
    invalid_state,
    member,
    now,
    page,
    select,
)
from .connection_check import dms_access

INSTANCE_FILTERS = {
    "replication-instance-arn": member("ReplicationInstanceArn"),
    "replication-instance-id": member("ReplicationInstanceIdentifier"),
    "replication-instance-class": member("ReplicationInstanceClass"),
    "engine-version": member("EngineVersion"),
}
CONFIG_FILTERS = {
    "replication-config-arn": member("ReplicationConfigArn"),
    "replication-config-id": member("ReplicationConfigIdentifier"),
    "endpoint-arn": lambda shape: [shape["SourceEndpointArn"], shape["TargetEndpointArn"]],
}
SUBNET_GROUP_FILTERS = {"replication-subnet-group-id": member("ReplicationSubnetGroupIdentifier")}
ENGINE_VERSION = "3.5.4"


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


def seed_instance(dms: Dms, arn: str, in_vpc: bool = False) -> None:
    """An available instance with exactly that ARN, whose tail may be longer than a ResourceIdentifier.

    :param in_vpc: whether it has a subnet group, in the account's default VPC with an S3 endpoint; making one takes a tenth of a second.
    """
    identifier = arn.rpartition(":")[2]
    parameters = {"ReplicationInstanceIdentifier": identifier, "ReplicationInstanceClass": "dms.t3.medium"}
    if in_vpc and "default" not in dms.subnet_groups:
        subnets = moto_seams.seed_network(dms.account, dms.region)
        named = {"ReplicationSubnetGroupIdentifier": "default", "ReplicationSubnetGroupDescription": "default"}
        create_subnet_group(dms, {**named, "SubnetIds": subnets})
        parameters["ReplicationSubnetGroupIdentifier"] = "default"
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
    check_found(dms, selected, parameters, "Instances")
    shown, marker = page(selected, parameters)
    return {"ReplicationInstances": [instance.shape for instance in shown], **marker}


def _security_groups(parameters: Parameters) -> list[dict[str, str]]:
    return [{"VpcSecurityGroupId": group, "Status": "active"} for group in parameters.get("VpcSecurityGroupIds", [])]


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


# --- Serverless replication configs ------------------------------------------------------------------------------


def create_config(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_identifier("ReplicationConfigIdentifier", parameters["ReplicationConfigIdentifier"])
    identifier = parameters["ReplicationConfigIdentifier"].lower()
    if any(other.shape["ReplicationConfigIdentifier"] == identifier for other in dms.configs.values()):
        raise already_exists(f"The replication config {identifier} already exists.")
    check_endpoints(dms, parameters)
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
