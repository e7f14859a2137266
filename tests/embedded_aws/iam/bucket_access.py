# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of S3 that moto does not meet: the expected owner of a bucket, and a condition that any object meets."""

from __future__ import annotations

from .. import moto_seams
from ..server.wire import AwsError, Call
from .asked import bucket_and_key


def check_owner(call: Call) -> None:
    """Raise AccessDenied where a bucket is not whose the call expects it to be."""
    name, _object_key = bucket_and_key(call)
    bucket = moto_seams.bucket_view(name) if call.service == "s3" and name else None
    expected_owner = call.environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER")
    if bucket and call.operation != "CreateBucket" and expected_owner not in (None, bucket["Account"]):
        raise AwsError("AccessDenied", "Access Denied", 403)


def meet_any_etag(call: Call) -> None:
    """Take `If-Match: *` off a DeleteObject that it holds for: it asks for any object, and moto for one of that ETag."""
    asks_for_any = call.operation == "DeleteObject" and call.environ.get("HTTP_IF_MATCH") == "*"
    if asks_for_any and moto_seams.object_etag(*bucket_and_key(call)) is not None:
        del call.environ["HTTP_IF_MATCH"]
