# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our statements in the policies of a bucket and of a key, which admit an access role of another account. Pure.

A statement is ours if its Sid is derived from the role that it admits, and if it has our shape. All others stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_arn, partition_of
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import (
    Access,
    bucket_grant,
    key_grant,
)
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import VERSION, as_list, with_statements

# The prefix of our statements' Sids. All other statements belong to others.
SID_PREFIX = "DatalakeDms"

# Quotas, in bytes, which can't be raised: S3 user guide, "Bucket policies" (20 KB); KMS developer guide, "Quotas" (32 KB). A statement
# for a bucket has about 330, so that some 60 endpoints fit; one for a key has about 275, for some 115.
BUCKET_POLICY_LENGTH = 20 * 1024
KEY_POLICY_LENGTH = 32 * 1024

# The unique id that AWS returns in place of the ARN of a deleted role or user.
_UNIQUE_ID = re.compile(r"A(?:ROA|IDA)[A-Z0-9]{12,124}")


def statement_sid(role_arn: str, deployment: str | None) -> str:
    """The Sid of the statements for a role: its name, and a hash because another deployment or path may have a role of the same name.

    It has only letters and digits, which all services accept.
    """
    digest = hashlib.sha256(f"{deployment or ''} {role_arn}".encode()).hexdigest()[:12]
    return f"{SID_PREFIX}{re.sub('[^A-Za-z0-9]', '', role_arn.rsplit('/', 1)[-1])}{digest}"


def bucket_statement(sid: str, role_arn: str, access: Access) -> dict[str, Any]:
    """The statement for the bucket's policy."""
    return {"Sid": sid, "Principal": {"AWS": role_arn}, **bucket_grant(access, partition_of(role_arn))}


def key_statement(sid: str, role_arn: str) -> dict[str, Any]:
    """The statement for the key's policy."""
    return {"Sid": sid, "Principal": {"AWS": role_arn}, **key_grant()}


def existing_statement(policy: dict[str, Any] | None, sid: str, what: str) -> dict[str, Any] | None:
    """Our statement of that Sid; None without one.

    :param what: the policy, as readable text.
    :raises DatalakeError: the statement of that Sid is not ours.
    """
    found = next((s for s in as_list((policy or {}).get("Statement")) if s.get("Sid") == sid), None)
    if found and not _has_expected_shape(found):
        raise DatalakeError(
            message=f"The {what} has a statement {sid} that does not allow exactly one role, so it was not created by this collection and is not "
            "changed; remove it or change its Sid."
        )
    return found


def with_statement(
    policy: dict[str, Any] | None, sid: str, statement: dict[str, Any] | None, what: str
) -> dict[str, Any] | None:
    """The policy with our statement, or without it (None); None if no statement remains. The same object, if nothing changes.

    Statements of others stay, in their order. If the policy changes, our statements for deleted roles are removed, too: they have no effect, and AWS
    does not store them again.

    :raises DatalakeError: see existing_statement.
    """
    existing = existing_statement(policy, sid, what)
    if says_the_same(existing, statement):
        return policy
    merged = with_statements(policy, [statement] if statement else [])
    kept = [s for s in merged["Statement"] if s is statement or not (s is existing or _is_of_deleted_principal(s))]
    return {**merged, "Statement": kept} if kept else None


def says_the_same(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether two statements (or None) allow the same, in any order."""
    if not one or not other:
        return one == other
    return not compare_policies(*({"Version": VERSION, "Statement": [s]} for s in (one, other)))


def compact(policy: dict[str, Any]) -> str:
    """A policy as it is sent, without white space, because S3 and KMS count it."""
    return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)


def check_length(policy: dict[str, Any] | None, limit: int, what: str) -> None:
    """
    :raises DatalakeError: the policy is longer than AWS accepts.
    """
    length = len(compact(policy).encode()) if policy else 0
    if length > limit:
        raise DatalakeError(
            message=f"The {what} would have {length} bytes with another endpoint's statement, and AWS's limit is {limit}; remove statements that "
            "are no longer needed, or let the endpoint use a role of the bucket's account (s3_endpoint_access: crossaccount_role)."
        )


def deleted_principals(policy: dict[str, Any] | None) -> list[str]:
    """The statements that name a deleted role or user, as readable text. AWS does not store a policy with one."""
    return [
        f"{s.get('Sid') or f'number {place}'} ({', '.join(ids)})"
        for place, s in enumerate(as_list((policy or {}).get("Statement")), 1)
        if (
            ids := [p for name in ("Principal", "NotPrincipal") for p in _named(s.get(name)) if _UNIQUE_ID.fullmatch(p)]
        )
    ]


def _named(principal: Any) -> list[str]:
    return as_list(principal.get("AWS")) if isinstance(principal, dict) else []


def _has_expected_shape(statement: dict[str, Any]) -> bool:
    """Whether a statement allows something to exactly one role, which may be deleted."""
    principal = statement.get("Principal")
    if statement.get("Effect") != "Allow" or not isinstance(principal, dict) or set(principal) != {"AWS"}:
        return False
    named = _named(principal)
    return len(named) == 1 and (is_arn(named[0], "role") or bool(_UNIQUE_ID.fullmatch(named[0])))


def _is_of_deleted_principal(statement: dict[str, Any]) -> bool:
    ours = str(statement.get("Sid", "")).startswith(SID_PREFIX) and _has_expected_shape(statement)
    return ours and bool(_UNIQUE_ID.fullmatch(_named(statement["Principal"])[0]))
