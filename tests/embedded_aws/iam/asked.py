# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call asks of its caller's policies: IAM actions, resources and condition keys.

Source: Service Authorization Reference. An operation that is not named here asks for the action of its name on `*`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .. import moto_seams
from ..arns import partition_of_region
from ..server.wire import Call

Context = dict[str, str | list[str]]


@dataclass(frozen=True)
class Asked:
    """One action on one resource, with the condition keys that belong to this request only."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


# Prefixes of actions that are not botocore's name of the service.
PREFIXES = {"accessanalyzer": "access-analyzer", "resourcegroupstaggingapi": "tag"}
# "All actions are permitted": the answer tells no more than the credentials do.
FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
DMS_SERVICE = "dms.amazonaws.com"

# S3's operations whose action has another name.
S3_ACTIONS = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
}


def asked(call: Call, account: str, tags_of: Callable[[str], dict[str, str]]) -> list[Asked]:
    """What `call` asks for in `account`; empty where anyone may make it.

    :param tags_of: the tags of a resource of DMS by its ARN.
    """
    if (call.service, call.operation) in FREE:
        return []
    by_service: dict[str, Callable[[Call, str], Iterator[Asked]]] = {
        "iam": _asked_of_iam,
        "dms": _asked_of_dms,
        "s3": _asked_of_s3,
        "kms": _asked_of_kms,
        "sts": _asked_of_sts,
    }
    found = list(by_service.get(call.service, _asked_of_any)(call, account))
    if call.service != "dms":
        return found
    return [
        Asked(one.action, one.resource, {**one.context, **_tag_keys("Resource", tags_of(one.resource))})
        for one in found
    ]


def action_of(call: Call) -> str:
    """The action of the operation's name."""
    return f"{PREFIXES.get(call.service, call.service)}:{call.operation}"


def _asked_of_any(call: Call, _account: str) -> Iterator[Asked]:
    yield Asked(action_of(call), "*")


def _tag_keys(kind: str, tags: dict[str, str]) -> Context:
    return {f"aws:{kind}Tag/{key}": value for key, value in tags.items()}


# --- IAM ---------------------------------------------------------------------------------------------------------


def _asked_of_iam(call: Call, account: str) -> Iterator[Asked]:
    given, partition = call.parameters, partition_of_region(call.region)
    arn = f"arn:{partition}:iam::{account}:"
    tags = _members(given, "Tags")
    requested = _requested_tags(tags)
    if call.operation == "CreateRole":
        role = f"{arn}role{given.get('Path', '/')}{given['RoleName']}"
        boundary = {"iam:PermissionsBoundary": given["PermissionsBoundary"]} if "PermissionsBoundary" in given else {}
        yield Asked("iam:CreateRole", role, {**boundary, **requested})
        if tags:
            yield Asked("iam:TagRole", role, requested)
    elif call.operation == "CreatePolicy":
        policy = f"{arn}policy{given.get('Path', '/')}{given['PolicyName']}"
        yield Asked("iam:CreatePolicy", policy, requested)
        if tags:
            yield Asked("iam:TagPolicy", policy, requested)
    elif "RoleName" in given:
        yield _asked_of_role(call, account, arn, requested)
    elif "PolicyArn" in given:
        policies = moto_seams.customer_policy_views(account)
        resource_tags = policies.get(given["PolicyArn"], {}).get("Tags", {})
        yield Asked(action_of(call), given["PolicyArn"], {**requested, **_resource_tags(resource_tags)})
    elif call.operation == "ListRoles":
        yield Asked("iam:ListRoles", f"{arn}role{given.get('PathPrefix', '/')}")
    else:
        yield Asked(action_of(call), "*")


def _asked_of_role(call: Call, account: str, arn: str, requested: Context) -> Asked:
    """A call on a role: its path is the existing role's, since the request names none; an absent role has none."""
    given = call.parameters
    role = moto_seams.role_view((partition_of_region(call.region), account, given["RoleName"]))
    context = {**requested, **_resource_tags(role["Tags"] if role else {})}
    if "PolicyArn" in given:
        context["iam:PolicyARN"] = given["PolicyArn"]
    boundary = given.get("PermissionsBoundary") or (role and role["Boundary"] and role["Boundary"]["Arn"])
    if boundary and call.operation in BOUND_BY_BOUNDARY:
        context["iam:PermissionsBoundary"] = boundary
    return Asked(action_of(call), role["Arn"] if role else f"{arn}role/{given['RoleName']}", context)


# Those for which IAM fills in the key iam:PermissionsBoundary.
BOUND_BY_BOUNDARY = {
    "AttachRolePolicy",
    "DetachRolePolicy",
    "PutRolePolicy",
    "DeleteRolePolicy",
    "PutRolePermissionsBoundary",
    "DeleteRolePermissionsBoundary",
}


def _resource_tags(tags: dict[str, str]) -> Context:
    return {**_tag_keys("Resource", tags), **{f"iam:ResourceTag/{key}": value for key, value in tags.items()}}


def _requested_tags(tags: list[dict[str, str]]) -> Context:
    """Tags, or keys of tags, that a request names."""
    if not tags:
        return {}
    values = {tag["Key"]: tag["Value"] for tag in tags if "Value" in tag}
    return {**_tag_keys("Request", values), "aws:TagKeys": [tag["Key"] for tag in tags]}


def _members(parameters: dict[str, str], name: str) -> list[dict[str, str]]:
    """The tags of the query protocol, `Tags.member.1.Key`, and the keys `TagKeys.member.1`."""
    found: dict[str, dict[str, str]] = {}
    for parameter, value in parameters.items():
        member = re.fullmatch(rf"{name}\.member\.(\d+)\.(Key|Value)|TagKeys\.member\.(\d+)", parameter)
        if member:
            found.setdefault(member[1] or member[3], {})[member[2] or "Key"] = value
    return list(found.values())


# --- STS, KMS ----------------------------------------------------------------------------------------------------


def _asked_of_sts(call: Call, _account: str) -> Iterator[Asked]:
    context: Context = {"sts:RoleSessionName": call.parameters.get("RoleSessionName", "")}
    if "ExternalId" in call.parameters:
        context["sts:ExternalId"] = call.parameters["ExternalId"]
    yield Asked(action_of(call), call.parameters.get("RoleArn", "*"), context)


def _asked_of_kms(call: Call, account: str) -> Iterator[Asked]:
    """A key by whatever name; of an alias that leads nowhere KMS says just that."""
    given = json.loads(call.body or b"{}")
    reference = given.get("KeyId") or given.get("TargetKeyId")
    key = moto_seams.key_view(reference, account, call.region) if reference else None
    if call.operation in ("CreateAlias", "DeleteAlias"):
        where = f"arn:{partition_of_region(call.region)}:kms:{call.region}:{account}"
        yield Asked(action_of(call), f"{where}:{given['AliasName']}")
    if key or not reference or reference.startswith("arn:"):
        yield Asked(action_of(call), key["Arn"] if key else reference or "*")
    if call.operation == "CreateKey" and given.get("Tags"):
        tags = [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in given["Tags"]]
        yield Asked("kms:TagResource", "*", _requested_tags(tags))


# --- DMS ---------------------------------------------------------------------------------------------------------


def _asked_of_dms(call: Call, account: str) -> Iterator[Asked]:
    given: dict[str, Any] = json.loads(call.body or b"{}")
    action = action_of(call)
    requested = _requested_tags(given.get("Tags") or [{"Key": key} for key in given.get("TagKeys", [])])
    if call.operation.startswith("Create"):
        context, named = requested, _created_from(call.operation, given)
        yield from (Asked(action, resource, context) for resource in named)
        if given.get("Tags"):
            # The new resource's ARN ends as the request says, or as AWS makes up later.
            yield Asked("dms:AddTagsToResource", _new_arn(call, account, given), requested)
    elif call.operation.startswith("Describe"):
        yield Asked(action, "*")
    else:
        arns = [given[name] for name in ARN_PARAMETERS if isinstance(given.get(name), str)]
        arns += given.get("ResourceArnList", [])
        if "SubscriptionName" in given:
            arns.append(f"{_dms_arn(call, account)}:es:{given['SubscriptionName']}")
        yield from (Asked(action, arn, requested) for arn in arns or ["*"])
    role = (given.get("S3Settings") or {}).get("ServiceAccessRoleArn")
    if role:
        yield Asked("iam:PassRole", role, {"iam:PassedToService": DMS_SERVICE})


ARN_PARAMETERS = ("ResourceArn", "EndpointArn", "ReplicationInstanceArn", "ReplicationTaskArn", "ReplicationConfigArn")
KIND_OF_CREATED = {
    "CreateEndpoint": "endpoint",
    "CreateReplicationTask": "task",
    "CreateReplicationConfig": "replication-config",
    "CreateReplicationInstance": "rep",
    "CreateEventSubscription": "es",
}


def _created_from(operation: str, given: dict[str, Any]) -> list[str]:
    """The resources of a Create* that its action is asked on; an action without resource types is asked on `*`."""
    if operation != "CreateReplicationTask":
        return ["*"]
    return [
        given[name] for name in ("SourceEndpointArn", "TargetEndpointArn", "ReplicationInstanceArn") if name in given
    ]


def _new_arn(call: Call, account: str, given: dict[str, Any]) -> str:
    tail = given.get("SubscriptionName") or given.get("ResourceIdentifier") or "*"
    return f"{_dms_arn(call, account)}:{KIND_OF_CREATED.get(call.operation, '*')}:{tail}"


def _dms_arn(call: Call, account: str) -> str:
    return f"arn:{partition_of_region(call.region)}:dms:{call.region}:{account}"


# --- S3 ----------------------------------------------------------------------------------------------------------


def bucket_and_key(call: Call) -> tuple[str, str]:
    """Bucket and key in the path of a call of S3; either may be empty."""
    name, _, object_key = call.environ["PATH_INFO"].lstrip("/").partition("/")
    return name, object_key


def _asked_of_s3(call: Call, _account: str) -> Iterator[Asked]:
    name, object_key = bucket_and_key(call)
    action = f"s3:{S3_ACTIONS.get(call.operation, call.operation)}"
    if not name:
        yield Asked(action, "*")
        return
    bucket = f"arn:{partition_of_region(call.region)}:s3:::{name}"
    resource = f"{bucket}/{object_key}" if object_key else bucket
    headers = {key: value for key, value in call.environ.items() if key.startswith("HTTP_")}
    yield Asked(action, resource, _s3_context(call, headers))
    if action == "s3:PutObject":
        if "HTTP_X_AMZ_TAGGING" in headers:
            yield Asked("s3:PutObjectTagging", resource)
        if "HTTP_X_AMZ_ACL" in headers:
            yield Asked("s3:PutObjectAcl", resource)
    if call.operation in ("PutObject", "DeleteObject") and headers.get("HTTP_IF_MATCH", "*") != "*":
        # "Conditional deletes with a specific ETag value require both" (S3 User Guide); writes likewise.
        yield Asked("s3:GetObject", resource)
    if action == "s3:GetObject" and moto_seams.object_etag(name, object_key) is None:
        # Who may not list learns of an object that is not there no more than that access is denied.
        yield Asked("s3:ListBucket", bucket)
    yield from _asked_of_its_key(call, name, action)


def _s3_context(call: Call, headers: dict[str, str]) -> Context:
    context: Context = {}
    if call.operation in ("ListObjects", "ListObjectsV2"):
        found = re.search(r"(?:^|&)prefix=([^&]*)", call.environ.get("QUERY_STRING", ""))
        context["s3:prefix"] = found[1].replace("%2F", "/") if found else ""
    for header, key in (("HTTP_IF_MATCH", "s3:if-match"), ("HTTP_IF_NONE_MATCH", "s3:if-none-match")):
        if header in headers:
            context[key] = headers[header]
    return context


def _asked_of_its_key(call: Call, bucket_name: str, action: str) -> Iterator[Asked]:
    """S3 uses a customer's KMS key in the caller's name; the key `aws/s3` is open to all whom S3 lets in."""
    needed = {"s3:PutObject": "kms:GenerateDataKey", "s3:GetObject": "kms:Decrypt"}.get(action)
    bucket = moto_seams.bucket_view(bucket_name)
    if needed and bucket and bucket["KmsKeyId"]:
        key = moto_seams.key_view(bucket["KmsKeyId"], bucket["Account"], bucket["Region"])
        if key and (action == "s3:PutObject" or moto_seams.object_etag(*bucket_and_key(call))):
            via = f"s3.{bucket['Region']}.amazonaws.com"
            yield Asked(needed, key["Arn"], {"kms:ViaService": via})
