# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom of other accounts a bucket policy lets write objects. Pure."""

from __future__ import annotations

import fnmatch
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import as_list

_WRITES = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketPolicy")
# A condition with one of these limits the principals to an account.
_ACCOUNT_KEYS = ("aws:principalaccount", "aws:sourceaccount")


def foreign_writers(policy: dict[str, Any] | None, account_id: str) -> list[str]:
    """The principals outside an account that a bucket policy allows to write objects, or to change the policy.

    Denials are not considered, and of conditions only those that require the account: the list may have more than AWS would let in.

    :param account_id: of the bucket.
    """
    found = {
        principal
        for statement in as_list((policy or {}).get("Statement"))
        if statement.get("Effect") == "Allow" and _writes(statement) and not _is_of_account(statement, account_id)
        for principal in _principals(statement)
        if not _is_own(principal, account_id)
    }
    return sorted(found)


def _writes(statement: dict[str, Any]) -> bool:
    if "NotAction" in statement:
        return True
    patterns = [str(action).lower() for action in as_list(statement.get("Action"))]
    return any(fnmatch.fnmatchcase(action.lower(), pattern) for action in _WRITES for pattern in patterns)


def _principals(statement: dict[str, Any]) -> list[str]:
    if "NotPrincipal" in statement:
        return ["everybody but some"]
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        return [str(name) for names in principal.values() for name in as_list(names)]
    return [str(name) for name in as_list(principal)]


def _is_own(principal: str, account_id: str) -> bool:
    # An ARN of IAM or STS, or the id of an account. The unique id of a deleted role can't be used any more.
    return (account_of(principal) or principal) == account_id or principal.startswith(("AROA", "AIDA"))


def _is_of_account(statement: dict[str, Any], account_id: str) -> bool:
    for operator, condition in (statement.get("Condition") or {}).items():
        # Not with IfExists: a request without the key meets such a condition.
        if operator.lower() not in ("stringequals", "stringlike"):
            continue
        for key, values in condition.items():
            if key.lower() in _ACCOUNT_KEYS and as_list(values) == [account_id]:
                return True
    return False
