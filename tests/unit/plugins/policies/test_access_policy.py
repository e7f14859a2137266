# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access policy: what one endpoint needs, and nothing beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import (
    Access,
    access_policy,
    check_access,
    is_still_denied,
)
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import (
    document_length,
    with_statements,
)
from builders import KEY_ARN as KEY
from builders import LAKE


def statements(partition="aws", region="eu-central-1", **access):
    document = access_policy(Access(**{"bucket_name": "lake", **access}), partition, region, LAKE)
    assert document["Version"] == "2012-10-17"
    assert all(s["Effect"] == "Allow" for s in document["Statement"])
    return {s["Sid"]: (s["Action"], s["Resource"]) for s in document["Statement"]}


def test_bucket_alone():
    assert statements() == {
        "ListBucket": (["s3:ListBucket"], ["arn:aws:s3:::lake"]),
        "WriteObjects": (["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"], ["arn:aws:s3:::lake/*"]),
    }


def test_folder_narrows_the_objects():
    assert statements(bucket_folder="raw/crm")["WriteObjects"][1] == ["arn:aws:s3:::lake/raw/crm/*"]
    assert statements(bucket_folder="")["WriteObjects"][1] == ["arn:aws:s3:::lake/*"]


@pytest.mark.parametrize("folder", [None, "raw"])
def test_no_other_bucket_of_the_same_prefix(folder):
    resources = [r for _actions, rs in statements(bucket_folder=folder).values() for r in rs]
    assert all(r == "arn:aws:s3:::lake" or r.startswith("arn:aws:s3:::lake/") for r in resources)


def test_key():
    assert statements(kms_key_arn=KEY)["UseKey"] == (
        ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        [KEY],
    )


@pytest.mark.parametrize(
    ("acl", "allowed"),
    [
        (None, False),
        ("none", False),
        ("NONE", False),
        ("", False),
        ("bucket-owner-full-control", True),
        ("PRIVATE", True),
    ],
)
def test_acl(acl, allowed):
    assert ("s3:PutObjectAcl" in statements(canned_acl_for_objects=acl)["WriteObjects"][0]) is allowed


def test_glue():
    found = statements(glue_catalog_generation=True, bucket_folder="raw")
    assert set(found["ListBucket"][0]) == {"s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"}
    assert set(found["WriteObjects"][0]) == {
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:PutObjectTagging",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:AbortMultipartUpload",
    }
    assert set(found["WriteCatalog"][0]) == {
        f"glue:{action}"
        for action in [
            "CreateDatabase",
            "GetDatabase",
            "CreateTable",
            "DeleteTable",
            "UpdateTable",
            "GetTable",
            "BatchCreatePartition",
            "CreatePartition",
            "UpdatePartition",
            "GetPartition",
            "GetPartitions",
            "BatchGetPartition",
        ]
    }
    assert set(found["QueryCatalog"][0]) == {
        "athena:StartQueryExecution",
        "athena:GetQueryExecution",
        "athena:CreateWorkGroup",
    }
    assert found["QueryCatalog"][1] == [
        "arn:aws:athena:eu-central-1:444455556666:workgroup/glue_catalog_generation_for_task_*"
    ]
    assert found["WriteCatalog"][1][0] == "arn:aws:glue:eu-central-1:444455556666:catalog"


@pytest.mark.parametrize(("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_each_arn_has_the_partition(partition, region):
    found = statements(partition, region, glue_catalog_generation=True)
    assert all(r.startswith(f"arn:{partition}:") for _actions, resources in found.values() for r in resources)


@pytest.mark.parametrize(
    ("access", "option", "remedy"),
    [
        ({"bucket_name": "s3://lake"}, "bucket_name=s3://lake", "set it to the name only"),
        ({"bucket_name": "lake/raw"}, "bucket_name=lake/raw", "set it to the name only"),
        ({"bucket_name": "Lake"}, "bucket_name=Lake", "lower-case"),
        ({"bucket_name": "la*e"}, "bucket_name=la*e", "set it to the name only"),
        ({"bucket_name": "ab"}, "bucket_name=ab", "3 to 63"),
        ({"bucket_name": "a" * 64}, "bucket_name=", "3 to 63"),
        ({"bucket_folder": "/raw"}, "bucket_folder=/raw", "remove the slash"),
        ({"bucket_folder": "raw/"}, "bucket_folder=raw/", "remove the slash"),
        ({"bucket_folder": "*"}, "bucket_folder=*", "choose another name"),
        ({"bucket_folder": "ra?"}, "bucket_folder=ra?", "choose another name"),
        ({"bucket_folder": "${aws:username}"}, "bucket_folder=${aws:username}", "choose another name"),
        ({"bucket_folder": "x" * 701}, f"bucket_folder={'x' * 100}… has more than 700 bytes", "shorten it"),
        ({"bucket_folder": "ä" * 351}, "has more than 700 bytes", "shorten it"),
        ({"bucket_folder": "s3://lake/raw"}, "bucket_folder=s3://lake/raw is a URI", "give the folder only"),
        ({"bucket_folder": "raw//crm"}, "bucket_folder=raw//crm has //", "remove one slash"),
        ({"bucket_folder": "raw "}, "bucket_folder='raw ' begins or ends with white space", "remove that"),
        ({"bucket_folder": "raw\n"}, "bucket_folder='raw\\n' begins or ends with white space", "remove that"),
        ({"bucket_folder": "ra\tw"}, "bucket_folder='ra\\tw' begins", "line break; remove that"),
        ({"kms_key_arn": "alias/lake"}, "server_side_encryption_kms_key_id=alias/lake", "give arn:aws:kms:"),
        ({"kms_key_arn": KEY.rsplit("/", 1)[1]}, "server_side_encryption_kms_key_id", "full ARN"),
        ({"kms_key_arn": KEY.replace(":key/", ":alias/")}, "server_side_encryption_kms_key_id", "full ARN"),
        ({"kms_key_arn": "arn:aws:kms:*:*:key/*"}, "server_side_encryption_kms_key_id", "full ARN"),
        (
            {"kms_key_arn": "arn:aws:kms:eu-central-1:444455556666:key/*"},
            "server_side_encryption_kms_key_id",
            "full ARN",
        ),
    ],
)
def test_wrong_access_is_refused(access, option, remedy):
    with pytest.raises(DatalakeError) as error:
        check_access(Access(**{"bucket_name": "lake", **access}))
    assert option in error.value.message
    assert remedy in error.value.message


@pytest.mark.parametrize(
    "access",
    [
        {},
        {"bucket_name": "my.lake-2"},
        {"bucket_folder": "raw/crm"},
        {"bucket_folder": ""},
        {"kms_key_arn": KEY, "glue_catalog_generation": True, "canned_acl_for_objects": "private"},
        {"kms_key_arn": KEY.replace("arn:aws:", "arn:aws-cn:")},
        {"kms_key_arn": KEY.replace("1234abcd", "mrk-1234abcd")},
    ],
)
def test_right_access_passes(access):
    check_access(Access(**{"bucket_name": "lake", **access}))


@pytest.mark.parametrize(
    ("folder", "resource"),
    [
        (None, "lake/*"),
        ("/", "lake/*"),
        ("dms/", "lake/dms/*"),
        ("/a//b/", "lake/a//b/*"),
        ("a*b", "lake/a${*}b/*"),
        ("a?", "lake/a${?}/*"),
        ("${aws:username}", "lake/${$}{aws:username}/*"),
        ("a$b", "lake/a$b/*"),
    ],
)
def test_folder_of_an_endpoint_that_exists_grants_that_folder_alone(folder, resource):
    """Such a folder is refused where a user declares it."""
    found = statements(bucket_folder=folder)
    assert found["WriteObjects"][1] == [f"arn:aws:s3:::{resource}"]


def test_length_leaves_white_space_out():
    assert document_length({"a": "b  c", "d": [1, 2]}) == len('{"a":"bc","d":[1,2]}')
    assert document_length({"a": "ü"}) == len('{"a":"ü"}')


OURS, OTHERS = {"Sid": "Ours", "Effect": "Deny"}, {"Sid": "Others", "Effect": "Allow"}
WITHOUT_SID = {"Effect": "Allow", "Action": "s3:GetObject"}


@pytest.mark.parametrize(
    ("present", "after"),
    [
        (None, [OURS]),
        ({}, [OURS]),
        ({"Version": "2012-10-17", "Statement": OTHERS}, [OTHERS, OURS]),
        ({"Version": "2012-10-17", "Statement": [WITHOUT_SID, OTHERS]}, [WITHOUT_SID, OTHERS, OURS]),
        ({"Version": "2012-10-17", "Statement": [{"Sid": "Ours", "Effect": "Allow"}, OTHERS]}, [OURS, OTHERS]),
        ({"Version": "2012-10-17", "Statement": [OTHERS, OURS]}, [OTHERS, OURS]),
    ],
)
def test_statements_of_others_stay(present, after):
    assert with_statements(present, [OURS]) == {"Version": "2012-10-17", "Statement": after}


def test_other_elements_of_the_policy_stay():
    present = {"Version": "2008-10-17", "Id": "theirs", "Statement": [OTHERS]}
    assert with_statements(present, []) == present
    assert with_statements(present, [OURS]) == {**present, "Statement": [OTHERS, OURS]}
    assert present["Statement"] == [OTHERS]


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-03-01T12:00:01Z"}}, True),
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-03-01T12:00:00Z"}}, False),
        ({"DateLessThan": {"aws:TokenIssueTime": "tomorrow"}}, False),
        ({"DateLessThan": {"aws:TokenIssueTime": "2026-03-01T12:00:01"}}, False),
        ({}, False),
    ],
    ids=str,
)
def test_sessions_are_denied_until_that_time(condition, denied):
    document = {"Statement": [{"Sid": "DenyEarlierSessions", "Effect": "Deny", "Condition": condition}]}
    assert is_still_denied(document, datetime(2026, 3, 1, 12, tzinfo=UTC)) is denied


def test_policy_without_a_denial_denies_nothing():
    for document in (None, {}, {"Statement": [{"Sid": "ListBucket", "Effect": "Allow"}]}):
        assert is_still_denied(document, datetime(2026, 3, 1, tzinfo=UTC)) is False
