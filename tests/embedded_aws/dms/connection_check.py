# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a test connection of an S3 endpoint would fail: pure, on plain data.

The order is that in which DMS would meet the obstacles: role, trust, bucket, permissions, key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..arns import account_of, partition_of
from ..iam.evaluation import Access, Principal, refusal, trust_admits
from .s3_endpoint_settings import fold

DMS = "dms.amazonaws.com"
KMS_ACTIONS = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")
# Needed for GlueCatalogGeneration (DMS User Guide, "Using Amazon S3 as a target", prerequisites), by resource.
GLUE_BUCKET_ACTIONS = ("GetBucketLocation", "ListBucketMultipartUploads")
GLUE_OBJECT_ACTIONS = ("GetObject", "ListMultipartUploadParts", "AbortMultipartUpload")
GLUE_ACTIONS = (
    "CreateDatabase", "GetDatabase", "CreateTable", "DeleteTable", "UpdateTable", "GetTable", "BatchCreatePartition",
    "CreatePartition", "UpdatePartition", "GetPartition", "GetPartitions", "BatchGetPartition",
)  # fmt: skip
ATHENA_ACTIONS = ("StartQueryExecution", "GetQueryExecution", "CreateWorkGroup")


@dataclass(frozen=True)
class Subject:
    """Everything that a test looks at.

    `settings`: S3Settings with defaults; `role`, `bucket`, `key`: views of moto_seams, None when absent;
    `external_id`: the endpoint's, None for a role of the endpoint's own account.
    """

    endpoint_arn: str
    external_id: str | None
    instance_region: str
    role_arn: str
    settings: dict[str, Any]
    role: dict[str, Any] | None
    bucket: dict[str, Any] | None
    key: dict[str, Any] | None

    @property
    def partition(self) -> str:
        return partition_of(self.endpoint_arn)

    @property
    def uses_kms(self) -> bool:
        return fold(self.settings["EncryptionMode"]) == "sse-kms"

    @property
    def canned_acl(self) -> str | None:
        """The canned ACL that objects are written with, None when there is none."""
        acl = fold(self.settings.get("CannedAclForObjects", "none"))
        return None if acl == "none" else acl


def failure(subject: Subject) -> str | None:
    """LastFailureMessage of the connection, None when the test succeeds."""
    for reason, detail in _obstacles(subject):
        return (
            f"Test Endpoint failed: Application-Status: 1020912, Application-Message: {reason} "
            f"Application-Detailed-Message: {detail}"
        )
    return None


def dms_access(endpoint_arn: str, external_id: str | None, role_arn: str) -> Access:
    """DMS assuming a role for an endpoint; the source keys are those of the confused-deputy protection."""
    context = {"aws:SourceAccount": account_of(endpoint_arn), "aws:SourceArn": endpoint_arn}
    if external_id is not None:
        context["sts:ExternalId"] = external_id
    return Access(Principal(service=DMS), "sts:AssumeRole", role_arn, context)


def _obstacles(subject: Subject) -> Iterator[tuple[str, str]]:
    """(reason, detail) of each obstacle, the first one first; evaluated lazily."""
    yield from _trust_obstacles(subject)
    yield from _bucket_obstacles(subject)
    for access, policy, account, policy_decides in _needed(subject):
        refused = _refusal(subject, access, policy, account, policy_decides)
        if refused:
            yield f"Access to {access.resource} was refused.", f"AccessDenied: {refused}"


def _trust_obstacles(subject: Subject) -> Iterator[tuple[str, str]]:
    access = dms_access(subject.endpoint_arn, subject.external_id, subject.role_arn)
    if subject.role is None or not trust_admits(subject.role["Trust"], access):
        yield (
            f"Failed to assume role {subject.role_arn}.",
            f"AccessDenied: {DMS} is not authorized to perform: sts:AssumeRole on resource: {subject.role_arn}",
        )


def _bucket_obstacles(subject: Subject) -> Iterator[tuple[str, str]]:
    name, bucket = subject.settings.get("BucketName"), subject.bucket
    if bucket is None:
        yield f"Failed to connect to bucket {name}.", "NoSuchBucket: The specified bucket does not exist"
        return
    if bucket["Region"] != subject.instance_region:
        yield (
            f"Failed to connect to bucket {name}.",
            f"PermanentRedirect: the bucket is in {bucket['Region']}, the replication instance in "
            f"{subject.instance_region}",
        )
    expected_owner = subject.settings.get("ExpectedBucketOwner")
    if expected_owner and expected_owner != bucket["Account"]:
        yield (
            f"Failed to connect to bucket {name}.",
            f"AccessDenied: the bucket's owner is not the ExpectedBucketOwner {expected_owner}",
        )
    if subject.uses_kms:
        yield from _key_obstacles(subject)


def _key_obstacles(subject: Subject) -> Iterator[tuple[str, str]]:
    reference = subject.settings.get("ServerSideEncryptionKmsKeyId")
    reason = f"Failed to use the KMS key {reference}."
    if subject.key is None:
        yield reason, "KMS.NotFoundException: The key does not exist in this account and region"
    elif not subject.key["Enabled"]:
        yield reason, f"KMS.DisabledException: {subject.key['Arn']} is disabled."
    elif subject.bucket and subject.key["Region"] != subject.bucket["Region"]:
        yield reason, "KMS.NotFoundException: The key is in another region than the bucket"


def _needed(subject: Subject) -> Iterator[tuple[Access, dict[str, Any] | None, str, bool]]:
    """Each access that writing needs: (access, policy of the resource, its account, whether that policy decides)."""
    assert subject.bucket is not None
    owner, policy = subject.bucket["Account"], subject.bucket["Policy"]
    glue = subject.settings.get("GlueCatalogGeneration", False)
    bucket_actions = ["ListBucket", *(GLUE_BUCKET_ACTIONS if glue else ())]
    object_actions = ["PutObject", "DeleteObject", "PutObjectTagging"]
    object_actions += ["PutObjectAcl"] if subject.canned_acl else []
    object_actions += GLUE_OBJECT_ACTIONS if glue else []
    bucket_arn = f"arn:{subject.partition}:s3:::{subject.bucket['Name']}"
    folder = str(subject.settings.get("BucketFolder", "")).strip("/")
    object_arn = f"{bucket_arn}/{folder}/awsdms_test" if folder else f"{bucket_arn}/awsdms_test"
    for action in bucket_actions:
        yield _access(subject, f"s3:{action}", bucket_arn), policy, owner, False
    for action in object_actions:
        yield _access(subject, f"s3:{action}", object_arn), policy, owner, False
    if subject.uses_kms and subject.key:
        for action in KMS_ACTIONS:
            access = _access(subject, f"kms:{action}", subject.key["Arn"])
            yield access, subject.key["Policy"], subject.key["Account"], True
    if glue:
        yield from _needed_for_glue(subject)


def _needed_for_glue(subject: Subject) -> Iterator[tuple[Access, dict[str, Any] | None, str, bool]]:
    """Glue and Athena resources are those of the role's account, where the catalog is made."""
    role_account = account_of(subject.role_arn)
    where = f"{subject.instance_region}:{role_account}"
    for action in GLUE_ACTIONS:
        access = _access(subject, f"glue:{action}", f"arn:{subject.partition}:glue:{where}:catalog")
        yield access, None, role_account, False
    workgroup = f"arn:{subject.partition}:athena:{where}:workgroup/glue_catalog_generation_for_task_test"
    for action in ATHENA_ACTIONS:
        yield _access(subject, f"athena:{action}", workgroup), None, role_account, False


def _access(subject: Subject, action: str, resource: str) -> Access:
    """The role's session asking; its context has the condition keys that policies for this use name."""
    role_account = account_of(subject.role_arn)
    session_arn = subject.role_arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/dms-session"
    context = {
        "aws:PrincipalArn": subject.role_arn,
        "aws:PrincipalAccount": role_account,
        "aws:PrincipalType": "AssumedRole",
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": subject.instance_region,
        # DMS assumes the role for each test anew.
        "aws:TokenIssueTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    if subject.bucket:
        context["aws:ResourceAccount"] = subject.bucket["Account"]
    if action == "s3:ListBucket":
        context["s3:prefix"] = str(subject.settings.get("BucketFolder", ""))
    if action == "s3:PutObject":
        context["s3:x-amz-server-side-encryption"] = "aws:kms" if subject.uses_kms else "AES256"
        if subject.uses_kms:
            context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = subject.settings["ServerSideEncryptionKmsKeyId"]
        if subject.canned_acl:
            context["s3:x-amz-acl"] = subject.canned_acl
    if action.startswith("kms:"):
        context["kms:ViaService"] = f"s3.{subject.instance_region}.amazonaws.com"
        context["kms:CallerAccount"] = role_account
        context["aws:ResourceAccount"] = account_of(resource)
    return Access(Principal(role_account, (session_arn, subject.role_arn)), action, resource, context)


def _refusal(
    subject: Subject, access: Access, policy: dict[str, Any] | None, account: str, policy_decides: bool
) -> str | None:
    assert subject.role is not None
    boundary = subject.role["Boundary"]
    return refusal(
        access,
        identity=[*subject.role["Policies"].values(), *subject.role["AttachedPolicies"].values()],
        boundary=boundary["Document"] if boundary else None,
        resource_policy=policy,
        resource_account=account,
        resource_policy_decides=policy_decides,
    )
