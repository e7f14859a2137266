# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM's, S3's and KMS's own checks that moto lacks; run before moto answers.

moto refuses duplicates, deleting a role that has policies, a sixth policy version and malformed identity policies.
It lacks: the trust of CreateRole, sizes, attachments per role, deleting a policy that is in use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .. import moto_seams
from ..arns import partition_of_region
from ..server.wire import AwsError, Call
from .policy_documents import Kind, named_principals, problem_of
from .propagation import RoleKey

# Quotas of IAM and STS in characters without white space, and in number.
TRUST_SIZE, POLICY_SIZE, ROLE_INLINE_SIZE, POLICIES_PER_ROLE = 2048, 6144, 10240, 10
BUCKET_POLICY_SIZE, KEY_POLICY_SIZE = 20 * 1024, 32 * 1024

READS = ("Get", "List", "Simulate", "Generate")


def check(call: Call, account: str, principal_exists: Callable[[str], bool]) -> None:
    """Raise the AwsError that AWS answers with, if any; `principal_exists` tells whether a policy may name a user or role by now."""
    checks: dict[tuple[str, str], Callable[[Call, str], None]] = {
        ("iam", "CreateRole"): _check_create_role,
        ("iam", "UpdateAssumeRolePolicy"): _check_trust,
        ("iam", "CreatePolicy"): _check_policy,
        ("iam", "CreatePolicyVersion"): _check_policy,
        ("iam", "PutRolePolicy"): _check_inline_policy,
        ("iam", "AttachRolePolicy"): _check_attach,
        ("iam", "PutRolePermissionsBoundary"): _check_boundary,
        ("iam", "DeletePolicy"): _check_delete_policy,
        ("s3", "PutBucketPolicy"): _check_bucket_policy,
        ("kms", "PutKeyPolicy"): _check_key_policy,
        ("kms", "CreateKey"): _check_key_policy,
    }
    specific = checks.get((call.service, call.operation))
    if specific:
        specific(call, account)
    for document, code in _documents_with_principals(call):
        absent = [name for name in named_principals(document) if not principal_exists(name)]
        if absent:
            raise AwsError(code, f'Invalid principal in policy: "AWS":"{absent[0]}"')


def changed_roles(call: Call, account: str) -> list[RoleKey]:
    """The roles whose view a call may change: the role that it names, or those that have the policy it names."""
    if call.service != "iam" or call.operation.startswith(READS):
        return []
    partition = partition_of_region(call.region)
    if "RoleName" in call.parameters:
        return [(partition, account, call.parameters["RoleName"])]
    if "PolicyArn" in call.parameters:
        names = moto_seams.roles_with_policy(partition, account, call.parameters["PolicyArn"])
        return [(partition, account, name) for name in names]
    return []


def _check_create_role(call: Call, account: str) -> None:
    _check_document(call.parameters.get("AssumeRolePolicyDocument", ""), "trust")
    _check_size(call.parameters["AssumeRolePolicyDocument"], TRUST_SIZE, "ACLSizePerRole")
    _check_boundary(call, account)


def _check_trust(call: Call, _account: str) -> None:
    document = call.parameters.get("PolicyDocument", "")
    _check_document(document, "trust")
    _check_size(document, TRUST_SIZE, "ACLSizePerRole")


def _check_policy(call: Call, _account: str) -> None:
    document = call.parameters.get("PolicyDocument", "")
    _check_document(document, "identity")
    _check_size(document, POLICY_SIZE, "PolicySize")


def _check_inline_policy(call: Call, account: str) -> None:
    document = call.parameters.get("PolicyDocument", "")
    _check_document(document, "identity")
    role = moto_seams.role_view((partition_of_region(call.region), account, call.parameters.get("RoleName", "")))
    others = dict(role["Policies"]) if role else {}
    others.pop(call.parameters.get("PolicyName", ""), None)
    size = _size(document) + sum(_size(json.dumps(other)) for other in others.values())
    if size > ROLE_INLINE_SIZE:
        name = call.parameters.get("RoleName")
        raise AwsError(
            "LimitExceeded", f"Maximum policy size of {ROLE_INLINE_SIZE} bytes exceeded for role {name}", 409
        )


def _check_attach(call: Call, account: str) -> None:
    policy_arn = call.parameters.get("PolicyArn", "")
    _load_if_aws_managed(call, account, policy_arn)
    role = moto_seams.role_view((partition_of_region(call.region), account, call.parameters.get("RoleName", "")))
    attached = role["AttachedPolicies"] if role else {}
    if policy_arn in attached:
        moto_seams.discount_attachment(partition_of_region(call.region), account, policy_arn)
    elif len(attached) >= POLICIES_PER_ROLE:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for PoliciesPerRole: {POLICIES_PER_ROLE}", 409)


def _check_boundary(call: Call, account: str) -> None:
    boundary = call.parameters.get("PermissionsBoundary")
    if not boundary:
        return
    _load_if_aws_managed(call, account, boundary)
    if not moto_seams.policy_exists(partition_of_region(call.region), account, boundary):
        raise AwsError("NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.", 404)


def _check_delete_policy(call: Call, account: str) -> None:
    policy_arn = call.parameters.get("PolicyArn", "")
    policy = moto_seams.customer_policy_views(account).get(policy_arn)
    if policy is None:
        return
    if policy["AttachmentCount"] or moto_seams.roles_with_policy(partition_of_region(call.region), account, policy_arn):
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if len(policy["VersionIds"]) > 1:
        raise AwsError(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy.",
            409,
        )


def _check_bucket_policy(call: Call, _account: str) -> None:
    _check_document(call.body.decode(), "resource", "MalformedPolicy")
    if len(call.body) > BUCKET_POLICY_SIZE:
        raise AwsError("MalformedPolicy", "Policy exceeds the maximum allowed document size.")


def _check_key_policy(call: Call, _account: str) -> None:
    document = _key_policy(call)
    if document is not None:
        _check_document(document, "resource", "MalformedPolicyDocumentException")
        if len(document.encode()) > KEY_POLICY_SIZE:
            raise AwsError("LimitExceededException", "The policy exceeds the maximum allowed document size.")


def _key_policy(call: Call) -> str | None:
    parameters: dict[str, Any] = json.loads(call.body or b"{}")
    return parameters.get("Policy")


def _documents_with_principals(call: Call) -> Iterator[tuple[str, str]]:
    """The policy with principals that a call brings, if any, and the code of a refusal (IAM User Guide, "Principal")."""
    if (call.service, call.operation) == ("iam", "CreateRole"):
        yield call.parameters["AssumeRolePolicyDocument"], "MalformedPolicyDocument"
    if (call.service, call.operation) == ("iam", "UpdateAssumeRolePolicy"):
        yield call.parameters["PolicyDocument"], "MalformedPolicyDocument"
    if (call.service, call.operation) == ("s3", "PutBucketPolicy"):
        yield call.body.decode(), "MalformedPolicy"
    if call.service == "kms" and call.operation in ("PutKeyPolicy", "CreateKey") and _key_policy(call):
        yield str(_key_policy(call)), "MalformedPolicyDocumentException"


def _load_if_aws_managed(call: Call, account: str, policy_arn: str) -> None:
    if ":iam::aws:policy/" in policy_arn:
        moto_seams.load_aws_managed_policy(partition_of_region(call.region), account, policy_arn)


def _check_document(document: str, kind: Kind, code: str = "MalformedPolicyDocument") -> None:
    """Refuse malformed documents."""
    problem = problem_of(document, kind)
    if problem:
        raise AwsError(code, problem)


def _check_size(document: str, limit: int, quota: str) -> None:
    if _size(document) > limit:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}", 409)


def _size(document: str) -> int:
    """IAM does not count white space."""
    return len("".join(document.split()))
