# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls on a bucket of another account: its policy has to allow them. And the x-amz-expected-bucket-owner header.

moto lets every account use every bucket, which would hide that a client has the wrong credentials.
"""

from __future__ import annotations

from . import moto_seams
from .arns import partition_of
from .iam_evaluation import Access, refusal
from .identity import Caller
from .wire import AwsError, Call

# Actions that are not named as their operation (Service Authorization Reference, S3), as far as buckets are shared.
ACTION_OF_OPERATION = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "DeleteObjects": "DeleteObject",
}
# The caller's own permissions are not evaluated.
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def check(call: Call, caller: Caller) -> None:
    """Raise AccessDenied unless the bucket that the call names, if any, is the caller's or opened to the caller."""
    name, object_key = _object_of(call)
    bucket = moto_seams.bucket_view(name) if call.service == "s3" and name else None
    if bucket is None or call.operation == "CreateBucket":
        return
    expected_owner = call.environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER")
    if expected_owner not in (None, bucket["Account"]):
        raise AwsError("AccessDenied", "Access Denied", 403)
    if bucket["Account"] == caller.account:
        return
    action = f"s3:{ACTION_OF_OPERATION.get(call.operation, call.operation)}"
    resource = f"arn:{partition_of(caller.arn)}:s3:::{name}" + (f"/{object_key}" if object_key else "")
    context = {"aws:PrincipalArn": caller.role_arn or caller.arn, "aws:PrincipalAccount": caller.account}
    refused = refusal(
        Access(caller.principal, action, resource, context),
        identity=[ALLOW_ALL],
        boundary=None,
        resource_policy=bucket["Policy"],
        resource_account=bucket["Account"],
    )
    if refused:
        raise AwsError("AccessDenied", refused, 403)


def meet_any_etag(call: Call) -> None:
    """Take `If-Match: *` off a DeleteObject that it holds for: it asks for any object, and moto for one of that ETag."""
    asks_for_any = call.operation == "DeleteObject" and call.environ.get("HTTP_IF_MATCH") == "*"
    if asks_for_any and moto_seams.object_etag(*_object_of(call)) is not None:
        del call.environ["HTTP_IF_MATCH"]


def _object_of(call: Call) -> tuple[str, str]:
    """Bucket and key in the path of a call of S3; either may be empty."""
    name, _, object_key = call.environ["PATH_INFO"].lstrip("/").partition("/")
    return name, object_key
