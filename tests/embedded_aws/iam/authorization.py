# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a caller may make a call: the policies of an assumed role, its boundary, and policies of buckets and keys.

Users are administrators of their account: they meet the policies of other accounts' resources only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import moto_seams
from ..arns import account_of, partition_of_region
from ..server.wire import AwsError, Call
from .asked import Asked, asked, bucket_and_key
from .evaluation import Access, refusal
from .identity import Caller

ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# (code, HTTP status) by protocol; EC2 has a code of its own.
DENIED = {
    "json": ("AccessDeniedException", 400),
    "rest-json": ("AccessDeniedException", 403),
    "query": ("AccessDenied", 403),
    "ec2": ("UnauthorizedOperation", 403),
    "rest-xml": ("AccessDenied", 403),
}
GLOBAL = {"iam", "sts"}


class Authorization:
    """Evaluates calls, and keeps what roles asked for: {seq, role_arn, action, resource, context, refused}."""

    def __init__(self, tags_of: Callable[[str], dict[str, str]]) -> None:
        self._tags_of = tags_of
        self._record: list[dict[str, Any]] = []

    def clear(self) -> None:
        self._record.clear()

    def record(self) -> list[dict[str, Any]]:
        return list(self._record)

    def check(self, call: Call, caller: Caller) -> None:
        """Raise the refusal that AWS answers with, if any."""
        for one in asked(call, caller.account, self._tags_of):
            access = Access(caller.principal, one.action, one.resource, {**_context(call, caller), **one.context})
            refused = _refusal(call, caller, access, one)
            if caller.role_arn:
                self._record.append(
                    {
                        "seq": call.seq,
                        "role_arn": caller.role_arn,
                        "action": one.action,
                        "resource": one.resource,
                        "context": dict(access.context),
                        "refused": refused,
                    }
                )
            if refused:
                code, status = DENIED[call.protocol]
                raise AwsError(code, _worded(call, refused), status)


def _context(call: Call, caller: Caller) -> dict[str, str | list[str]]:
    """The condition keys of every request. A global service is in us-east-1, wherever it is called from."""
    return {
        "aws:PrincipalArn": caller.role_arn or caller.arn,
        "aws:PrincipalAccount": caller.account,
        "aws:PrincipalType": "AssumedRole" if caller.role_arn else "User",
        "aws:RequestedRegion": "us-east-1" if call.service in GLOBAL else call.region,
        "aws:SecureTransport": "true",
    }


def _refusal(call: Call, caller: Caller, access: Access, one: Asked) -> str | None:
    policy, owner, decides = _resource_policy(call, caller, one)
    if caller.role_arn is None:
        if owner == caller.account:
            return None
        return _verdict(access, [ALLOW_ALL], None, policy, owner, decides)
    name = caller.role_arn.rpartition("/")[2]
    role = moto_seams.role_view((partition_of_region(call.region), caller.account, name))
    if role is None:
        return _verdict(access, [], None, None, caller.account, False)
    documents = [*role["Policies"].values(), *role["AttachedPolicies"].values()]
    return _verdict(access, documents, (role["Boundary"] or {}).get("Document"), policy, owner, decides)


def _verdict(
    access: Access,
    identity: list[dict[str, Any]],
    boundary: dict[str, Any] | None,
    policy: dict[str, Any] | None,
    owner: str,
    decides: bool,
) -> str | None:
    return refusal(
        access,
        identity=identity,
        boundary=boundary,
        resource_policy=policy,
        resource_account=owner,
        resource_policy_decides=decides,
    )


def _resource_policy(call: Call, caller: Caller, one: Asked) -> tuple[dict[str, Any] | None, str, bool]:
    """The policy of the resource, the account that owns it, and whether that policy alone can open it."""
    if one.action.startswith("s3:"):
        bucket = moto_seams.bucket_view(bucket_and_key(call)[0])
        if bucket and call.operation != "CreateBucket":
            return bucket["Policy"], bucket["Account"], False
    if one.action.startswith("kms:") and one.resource.startswith("arn:"):
        key = moto_seams.key_view(one.resource, caller.account, call.region)
        if key:
            return key["Policy"], key["Account"], True
    if one.action == "sts:AssumeRole" and one.resource.count(":") >= 5 and account_of(one.resource) == caller.account:
        # The trust of another account's role is looked at when the role is assumed.
        name = one.resource.rpartition("/")[2]
        role = moto_seams.role_view((partition_of_region(call.region), caller.account, name))
        return role["Trust"] if role else None, caller.account, False
    return None, caller.account, False


def _worded(call: Call, refused: str) -> str:
    """The refusal as the service words it: S3 quotes the resource, EC2 says first what every reader knows."""
    if call.protocol == "ec2":
        return f"You are not authorized to perform this operation. {refused.replace(chr(34), '')}"
    return refused if call.service == "s3" else refused.replace('"', "")
