# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS on the wire: the table of operations, parameter validation by botocore's model, account-wide operations."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable
from typing import Any

from botocore.validate import ParamValidator

from ..server.wire import Answer, AwsError, Call, service_model
from . import connections, endpoints, event_subscriptions, replication, tasks
from .backend import QUOTAS, Dms, Parameters, invalid, not_found

Operation = Callable[[Dms, Parameters], dict[str, Any]]
RESERVED_TAGS = ("aws:", "dms:")


def answer(dms: Dms, call: Call) -> Answer:
    operation = OPERATIONS.get(call.operation)
    if operation is None:
        raise AwsError("UnknownOperationException", f"The embedded AWS does not know dms:{call.operation}")
    try:
        parameters = json.loads(call.body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", str(error)) from error
    validate(call.operation, parameters)
    return Answer.of_json(operation(dms, parameters))


def validate(operation: str, parameters: Parameters) -> None:
    """Refuse missing, unknown and mistyped parameters, and unknown enum values outside S3Settings, reserved tags."""
    shape: Any = service_model("dms").operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise invalid(report.generate_report())
    for name, value in parameters.items():
        allowed = getattr(shape.members[name], "enum", [])
        if allowed and value not in allowed:
            raise invalid(f"Value '{value}' at '{name}' failed to satisfy enum value set: [{', '.join(allowed)}]")
    keys = [tag.get("Key", "") for tag in parameters.get("Tags", [])]
    reserved = [key for key in keys if key.lower().startswith(RESERVED_TAGS)]
    if reserved:
        raise invalid(f"Tag keys that start with aws: or dms: are reserved: {', '.join(reserved)}")
    for tag in parameters.get("Tags", []):
        for text, least, most in ((tag.get("Key", ""), 1, 128), (tag.get("Value", ""), 0, 256)):
            if not least <= len(text) <= most or any(not _is_for_tags(character) for character in text):
                raise invalid(f"The tag {tag} is not valid.")


def _is_for_tags(character: str) -> bool:
    """Letters, digits, white space and some others (API reference, Tag)."""
    return unicodedata.category(character)[0] in "LNZ" or character in "_.:/=+-"


def modify_endpoint(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    """ModifyEndpoint, and the connection test that it starts."""
    modified = endpoints.modify_endpoint(dms, parameters)
    connections.retest_connections(dms, parameters["EndpointArn"])
    return modified


def add_tags(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_taggable(dms, parameters["ResourceArn"])
    dms.tag(parameters["ResourceArn"], parameters["Tags"])
    return {}


def remove_tags(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    check_taggable(dms, parameters["ResourceArn"])
    for key in parameters["TagKeys"]:
        dms.tags.get(parameters["ResourceArn"], {}).pop(key, None)
    return {}


def list_tags(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    """Tags of one resource, or of a list; only with a list each tag carries its ResourceArn."""
    if "ResourceArn" in parameters:
        check_taggable(dms, parameters["ResourceArn"])
        tags = dms.tags.get(parameters["ResourceArn"], {})
        return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}
    arns = parameters.get("ResourceArnList", [])
    for arn in arns:
        check_taggable(dms, arn)
    return {
        "TagList": [
            {"Key": key, "Value": value, "ResourceArn": arn}
            for arn in arns
            for key, value in dms.tags.get(arn, {}).items()
        ]
    }


def describe_account_attributes(dms: Dms, _parameters: Parameters) -> dict[str, Any]:
    used = {
        "ReplicationInstances": len(dms.instances),
        "ReplicationTasks": len(dms.tasks),
        "ReplicationSubnetGroups": len(dms.subnet_groups),
        "Endpoints": len(dms.endpoints),
    }
    # The identifier is "c" and twelve characters, stable for an account and region.
    digest = hashlib.sha256(f"{dms.account}{dms.region}".encode()).hexdigest()
    return {
        "AccountQuotas": [{"AccountQuotaName": name, "Used": used[name], "Max": most} for name, most in QUOTAS.items()],
        "UniqueAccountIdentifier": f"c{int(digest, 16) % 10**12:012d}",
    }


def check_taggable(dms: Dms, arn: str) -> None:
    """Raise unless a resource has that ARN."""
    named = [dms.arn("subgrp", identifier) for identifier in dms.subnet_groups]
    named += [event_subscriptions.arn_of(dms, name) for name in dms.subscriptions]
    if not any(arn in arns for arns in (dms.endpoints, dms.instances, dms.tasks, dms.configs, named)):
        raise not_found(f"Resource {arn} not found.")


OPERATIONS: dict[str, Operation] = {
    "AddTagsToResource": add_tags,
    "CreateEndpoint": endpoints.create_endpoint,
    "CreateEventSubscription": event_subscriptions.create_subscription,
    "CreateReplicationConfig": replication.create_config,
    "CreateReplicationInstance": replication.create_instance,
    "CreateReplicationSubnetGroup": replication.create_subnet_group,
    "CreateReplicationTask": tasks.create_task,
    "DeleteConnection": connections.delete_connection,
    "DeleteEndpoint": endpoints.delete_endpoint,
    "DeleteEventSubscription": event_subscriptions.delete_subscription,
    "DeleteReplicationConfig": replication.delete_config,
    "DeleteReplicationInstance": replication.delete_instance,
    "DeleteReplicationSubnetGroup": replication.delete_subnet_group,
    "DeleteReplicationTask": tasks.delete_task,
    "DescribeAccountAttributes": describe_account_attributes,
    "DescribeConnections": connections.describe_connections,
    "DescribeEndpoints": endpoints.describe_endpoints,
    "DescribeEventSubscriptions": event_subscriptions.describe_subscriptions,
    "DescribeReplicationConfigs": replication.describe_configs,
    "DescribeReplicationInstances": replication.describe_instances,
    "DescribeReplicationSubnetGroups": replication.describe_subnet_groups,
    "DescribeReplicationTasks": tasks.describe_tasks,
    "ListTagsForResource": list_tags,
    "ModifyEndpoint": modify_endpoint,
    "ModifyEventSubscription": event_subscriptions.modify_subscription,
    "ModifyReplicationInstance": replication.modify_instance,
    "ModifyReplicationTask": tasks.modify_task,
    "RemoveTagsFromResource": remove_tags,
    "StartReplicationTask": tasks.start_task,
    "StopReplicationTask": tasks.stop_task,
    "TestConnection": connections.test_connection,
}
