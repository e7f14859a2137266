# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements that admit an access role of another account to bucket and key: read, plan (resource_statements.py), write (shared_policies.py).

`ensure` is what modules and action plugins call. It does not depend on AnsibleModule.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, is_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import check_deployment
from ansible_collections.datalake.dms.plugins.module_utils._policies import access_analyzer, resource_statements
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import Access, check_access
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import VERSION
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_policies import (
    BucketPolicy,
    KeyPolicy,
    Patience,
    Policy,
    PolicyStore,
    Write,
    read_policy,
    write_until_settled,
)

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "role_arn": {"type": "str", "required": True},
    "bucket_name": {"type": "str"},
    "bucket_folder": {"type": "str"},
    "server_side_encryption_kms_key_id": {"type": "str"},
    "glue_catalog_generation": {"type": "bool", "default": False},
    "canned_acl_for_objects": {"type": "str"},
    "settle_time": {"type": "float", "default": 10.0},
    "iam_propagation_timeout": {"type": "int", "default": 300},
    "deployment": {"type": "str"},
    **access_analyzer.VALIDATION_SPEC,
}

# Reads the policy of a bucket or key: read_policy, or a function that calls it.
Read = Callable[[PolicyStore], "Policy | None"]


@dataclass(frozen=True)
class _Part:
    """Our statement in the policy of one resource; None to remove it."""

    store: PolicyStore
    sid: str
    statement: dict[str, Any] | None

    def existing(self, policy: Policy | None) -> dict[str, Any] | None:
        return resource_statements.existing_statement(policy, self.sid, self.store.what)

    def merged(self, policy: Policy | None) -> Policy | None:
        wanted = resource_statements.with_statement(policy, self.sid, self.statement, self.store.what)
        if self.statement and wanted != policy:
            resource_statements.check_length(wanted, self.store.limit, self.store.what)
        return wanted


def ensure(
    account: Account,
    params: dict[str, Any],
    check_mode: bool,
    write: Write = write_until_settled,
    former: bool = False,
    read: Read = read_policy,
) -> dict[str, Any]:
    """Bring our statements in the policies of bucket and key into the state that the parameters ask for.

    :param params: the options of dms_bucket_access. :param write: how the policies are written, see shared_writes.py.
    :param former: whether the access is that of a former endpoint, see role_plan.check_options. :param read: how the policies are read for the plan.
    :returns: the module's result: changed, diff, sid, bucket_statement, key_statement, policy_findings, warnings.
    :raises DatalakeError: an invalid option, a statement of others that has our Sid, or a policy that would be too long, before anything is changed.
        AnsibleAWSError: a call failed.
    """
    check_options(params, former)
    patience = Patience(params["settle_time"], params["iam_propagation_timeout"])
    sid = resource_statements.statement_sid(params["role_arn"], params["deployment"])
    parts = _parts(account, params, sid, patience)
    before, after = {}, {}
    for resource, part in parts.items():
        policy = _read(part, read)
        part.merged(policy)
        existing = part.existing(policy)
        before[resource] = existing
        after[resource] = existing if resource_statements.says_the_same(existing, part.statement) else part.statement
    differing = {resource: part for resource, part in parts.items() if before[resource] != after[resource]}
    policy_findings, warnings = access_analyzer.validate(account, _policies_to_write(differing, params), params)
    if differing and not check_mode:
        write([(part.store, functools.partial(_Part.merged, part)) for part in differing.values()], patience)
    return {
        "changed": bool(differing),
        "diff": {"before": before, "after": after},
        "sid": sid,
        "bucket_statement": after.get("bucket"),
        "key_statement": after.get("key"),
        "policy_findings": policy_findings,
        "warnings": [*warnings, *(_warnings(account, params) if differing else [])],
    }


def check_options(params: dict[str, Any], former: bool = False) -> None:
    """Check the options before any call.

    :param former: see role_plan.check_options.
    :raises DatalakeError: with what to do.
    """
    if not is_arn(params["role_arn"], "role"):
        raise DatalakeError(
            message=f"role_arn={params['role_arn']} is not the ARN of an IAM role; give one like arn:aws:iam::111122223333:role/name."
        )
    for option, least in (("settle_time", 0.1), ("iam_propagation_timeout", 0)):
        if params[option] < least:
            raise DatalakeError(message=f"{option}={params[option]} must be at least {least}; give seconds.")
    check_deployment(params["deployment"])
    if params["bucket_name"]:
        if not former:
            check_access(Access.of(params))
    elif params["state"] == "present" or not params["server_side_encryption_kms_key_id"]:
        raise DatalakeError(message="bucket_name is required; set it to the bucket that the endpoint writes to.")


def _parts(account: Account, params: dict[str, Any], sid: str, patience: Patience) -> dict[str, _Part]:
    present, role_arn, owner = params["state"] == "present", params["role_arn"], account.identity.account_id
    parts = {}
    if params["bucket_name"]:
        statement = resource_statements.bucket_statement(sid, role_arn, Access.of(params)) if present else None
        bucket = BucketPolicy(account.client("s3"), params["bucket_name"], owner, patience)
        parts["bucket"] = _Part(bucket, sid, statement)
    if params["server_side_encryption_kms_key_id"] and not _key_is_elsewhere(account, params):
        statement = resource_statements.key_statement(sid, role_arn) if present else None
        key = KeyPolicy(account.client("kms"), params["server_side_encryption_kms_key_id"], patience)
        parts["key"] = _Part(key, sid, statement)
    return parts


def _policies_to_write(differing: dict[str, _Part], params: dict[str, Any]) -> list[access_analyzer.Policy]:
    """The policies for Access Analyzer: our statements, without those of others."""
    documents = {
        resource: {"Version": VERSION, "Statement": [part.statement]}
        for resource, part in differing.items()
        if part.statement
    }
    bucket, key = params["bucket_name"], params["server_side_encryption_kms_key_id"]
    return [
        *([access_analyzer.bucket_policy(bucket, documents["bucket"])] if "bucket" in documents else []),
        *([access_analyzer.key_policy(key, documents["key"])] if "key" in documents else []),
    ]


def _read(part: _Part, read: Read) -> Policy | None:
    """The present policy. If our statement is to be removed, a bucket or key that no longer exists has none."""
    try:
        return read(part.store)
    except is_ansible_aws_error_code(["NoSuchBucket", "NotFoundException"]):
        if part.statement:
            raise
        return None


def _key_is_elsewhere(account: Account, params: dict[str, Any]) -> bool:
    """Whether the key is of another account. Only that account can change its policy."""
    key_arn = params["server_side_encryption_kms_key_id"]
    return bool(key_arn) and account_of(key_arn) != account.identity.account_id


def _warnings(account: Account, params: dict[str, Any]) -> list[str]:
    key_arn = params["server_side_encryption_kms_key_id"]
    if not _key_is_elsewhere(account, params) or account_of(key_arn) == account_of(params["role_arn"]):
        return []
    return [
        f"the key {key_arn} belongs to another account; ask its owner to keep {params['role_arn']} in the key policy as long as an endpoint "
        "uses the role."
    ]
