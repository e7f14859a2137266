# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's bucket: what it is like, conditional writes and deletes, the expected owner."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_cloud import BUCKET, DMS, JOURNAL, LAKE, landscape

OBJECT = {"Bucket": JOURNAL, "Key": "dev/orders.json"}


@pytest.fixture
def s3(cloud: Any) -> Any:
    return cloud.in_account("dms", "s3")


def keys(cloud: Any) -> list[str]:
    return list(cloud.control.state(DMS)["objects"][JOURNAL])


def test_the_bucket_is_versioned_encrypted_and_closed(s3: Any) -> None:
    assert s3.get_bucket_versioning(Bucket=JOURNAL)["Status"] == "Enabled"
    [rule] = s3.get_bucket_encryption(Bucket=JOURNAL)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
    blocks = s3.get_public_access_block(Bucket=JOURNAL)["PublicAccessBlockConfiguration"]
    assert (len(blocks), set(blocks.values())) == (4, {True})


def test_the_bucket_can_be_less_than_that(s3: Any, refused: Any) -> None:
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_versioning(Bucket=JOURNAL, VersioningConfiguration={"Status": "Suspended"})
    s3.put_bucket_encryption(Bucket=JOURNAL, ServerSideEncryptionConfiguration=encryption)
    s3.delete_public_access_block(Bucket=JOURNAL)
    assert s3.get_bucket_versioning(Bucket=JOURNAL)["Status"] == "Suspended"
    rules = s3.get_bucket_encryption(Bucket=JOURNAL)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    answer = refused(s3.get_public_access_block, Bucket=JOURNAL)
    assert answer.startswith("NoSuchPublicAccessBlockConfiguration")


def test_seeding_leaves_a_journal_as_it_is(cloud: Any, s3: Any) -> None:
    s3.put_object(**OBJECT, Body=b"1")
    s3.put_bucket_versioning(Bucket=JOURNAL, VersioningConfiguration={"Status": "Suspended"})
    cloud.control.seed(landscape())
    assert keys(cloud) == [OBJECT["Key"]]
    assert s3.get_bucket_versioning(Bucket=JOURNAL)["Status"] == "Suspended"


def test_an_object_is_made_once(cloud: Any, s3: Any, refused: Any) -> None:
    made = s3.put_object(**OBJECT, Body=b"1", IfNoneMatch="*")
    assert made["ServerSideEncryption"] == "aws:kms"
    assert refused(s3.put_object, **OBJECT, Body=b"2", IfNoneMatch="*").startswith("PreconditionFailed")
    assert s3.get_object(**OBJECT)["Body"].read() == b"1"
    assert cloud.control.journal()[-2]["status"] == 412
    s3.delete_object(**OBJECT)
    assert keys(cloud) == []
    s3.put_object(**OBJECT, Body=b"3", IfNoneMatch="*")
    assert refused(s3.put_object, **OBJECT, Body=b"4", IfNoneMatch="*").startswith("PreconditionFailed")
    assert s3.get_object(**OBJECT)["Body"].read() == b"3"
    assert keys(cloud) == [OBJECT["Key"]]


def test_an_object_is_replaced_by_one_who_knows_it(s3: Any, refused: Any) -> None:
    first = s3.put_object(**OBJECT, Body=b"1")["ETag"]
    second = s3.put_object(**OBJECT, Body=b"2", IfMatch=first)["ETag"]
    assert refused(s3.put_object, **OBJECT, Body=b"3", IfMatch=first).startswith("PreconditionFailed")
    assert s3.get_object(**OBJECT)["ETag"] == second
    assert refused(s3.get_object, **OBJECT, IfMatch=first).startswith("PreconditionFailed")


@pytest.mark.parametrize("was_deleted", [False, True])
def test_an_absent_object_is_not_replaced(cloud: Any, s3: Any, refused: Any, was_deleted: bool) -> None:
    etag = '"0"'
    if was_deleted:
        etag = s3.put_object(**OBJECT, Body=b"1")["ETag"]
        s3.delete_object(**OBJECT)
    assert refused(s3.put_object, **OBJECT, Body=b"2", IfMatch=etag).startswith("NoSuchKey")
    assert refused(s3.get_object, **OBJECT).startswith("NoSuchKey")
    assert refused(s3.delete_object, **OBJECT, IfMatch=etag).startswith("NoSuchKey")
    assert keys(cloud) == []


def test_an_object_is_deleted_by_one_who_knows_it(cloud: Any, s3: Any, refused: Any) -> None:
    etag = s3.put_object(**OBJECT, Body=b"1")["ETag"]
    assert refused(s3.delete_object, **OBJECT, IfMatch='"other"').startswith("PreconditionFailed")
    assert keys(cloud) == [OBJECT["Key"]]
    s3.delete_object(**OBJECT, IfMatch=etag)
    assert keys(cloud) == []
    s3.put_object(**OBJECT, Body=b"1")
    s3.delete_object(**OBJECT, IfMatch="*")
    assert keys(cloud) == []


def test_versions_outlive_a_deletion(s3: Any) -> None:
    version = s3.put_object(**OBJECT, Body=b"1")["VersionId"]
    assert s3.delete_object(**OBJECT)["DeleteMarker"] is True
    assert s3.get_object(**OBJECT, VersionId=version)["Body"].read() == b"1"
    assert s3.list_objects_v2(Bucket=JOURNAL)["KeyCount"] == 0
    assert len(s3.list_object_versions(Bucket=JOURNAL)["DeleteMarkers"]) == 1


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_object", OBJECT),
        ("put_object", OBJECT),
        ("delete_object", OBJECT),
        ("head_object", OBJECT),
        ("list_objects_v2", {"Bucket": JOURNAL}),
        ("head_bucket", {"Bucket": JOURNAL}),
        ("get_bucket_versioning", {"Bucket": JOURNAL}),
        ("get_bucket_encryption", {"Bucket": JOURNAL}),
        ("get_public_access_block", {"Bucket": JOURNAL}),
    ],
)
def test_the_expected_owner(cloud: Any, s3: Any, operation: str, parameters: dict[str, str]) -> None:
    s3.put_object(**OBJECT, Body=b"1")
    with pytest.raises(ClientError) as caught:
        getattr(s3, operation)(**parameters, ExpectedBucketOwner=LAKE)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    # An answer to HEAD has no body, so its error has no code but the status.
    assert answer["Error"]["Code"] == ("403" if operation.startswith("head") else "AccessDenied")
    assert s3.get_object(**OBJECT)["Body"].read() == b"1"
    getattr(s3, operation)(**parameters, ExpectedBucketOwner=DMS)


def test_other_accounts_have_no_access(cloud: Any, refused: Any) -> None:
    lake = cloud.in_account("lake", "s3")
    assert refused(lake.put_object, **OBJECT, Body=b"1", IfNoneMatch="*").startswith("AccessDenied")
    assert keys(cloud) == []


def test_objects_of_an_account_by_bucket(cloud: Any) -> None:
    lake = cloud.in_account("lake", "s3")
    for key in ("b", "a"):
        lake.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert cloud.control.state(LAKE)["objects"] == {BUCKET: ["a", "b"]}
    assert cloud.control.state(DMS)["objects"] == {JOURNAL: []}


def test_of_many_who_make_an_object_at_once_one_wins(cloud: Any, s3: Any) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def make(number: int) -> None:
        together.wait()
        try:
            s3.put_object(**OBJECT, Body=f"{number}".encode(), IfNoneMatch="*")
            outcomes.append("made")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["PreconditionFailed"] * 7 + ["made"]
    assert len(s3.list_object_versions(Bucket=JOURNAL)["Versions"]) == 1
