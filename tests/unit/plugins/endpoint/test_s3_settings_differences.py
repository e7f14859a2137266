# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the wish and what AWS shows: only what is set, whatever the spelling."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import DesiredSettings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import (
    SETTINGS,
    desired_settings,
    differences,
    snake_settings,
)

ROLE = "arn:aws:iam::444455556666:role/dms-s3-crm"
KEY = "arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BASE = {"service_access_role_arn": ROLE, "bucket_name": "lake"}
SHOWN = {"ServiceAccessRoleArn": ROLE, "BucketName": "lake"}


def found(wanted, shown, attributes=None, shown_attributes=None):
    desired = desired_settings({**BASE, **wanted}, attributes, "warn")
    return differences(desired, {"S3Settings": {**SHOWN, **shown}, "ExtraConnectionAttributes": shown_attributes})


def test_what_aws_fills_in_is_no_difference():
    assert found({}, {"CompressionType": "GZIP", "EnableStatistics": True, "CsvDelimiter": "|"}) == {}


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"compression_type": "gzip"}, {"CompressionType": "GZIP"}),
        ({"encryption_mode": "sse-s3"}, {"EncryptionMode": "SSE_S3"}),
        ({"encryption_mode": "sse-kms", "server_side_encryption_kms_key_id": KEY}, {
            "EncryptionMode": "SSE_KMS",
            "ServerSideEncryptionKmsKeyId": KEY.rsplit("/", 1)[1],
        }),
        ({"server_side_encryption_kms_key_id": KEY.rsplit("/", 1)[1]}, {"ServerSideEncryptionKmsKeyId": KEY}),
        ({"csv_row_delimiter": "\n"}, {"CsvRowDelimiter": "\\n"}),
        ({"csv_delimiter": "\\t"}, {"CsvDelimiter": "\t"}),
        ({"date_partition_sequence": "yyyymmdd"}, {"DatePartitionSequence": "YYYYMMDD"}),
        ({"parquet_version": "PARQUET_1_0"}, {"ParquetVersion": "parquet-1-0"}),
    ],
)  # fmt: skip
def test_spelling_is_no_difference(wanted, shown):
    assert found(wanted, shown) == {}


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if s.default is not None])
def test_default_is_equal_to_a_member_that_is_absent(name):
    assert name not in found({name: SETTINGS[name].default}, {})


@pytest.mark.parametrize(
    ("wanted", "shown", "name", "values"),
    [
        ({"compression_type": "gzip"}, {"CompressionType": "NONE"}, "compression_type", ("NONE", "gzip")),
        ({"compression_type": "gzip"}, {}, "compression_type", (None, "gzip")),
        ({"bucket_folder": "raw"}, {"BucketFolder": "RAW"}, "bucket_folder", ("RAW", "raw")),
        ({"bucket_folder": "raw"}, {}, "bucket_folder", (None, "raw")),
        ({"rfc4180": False}, {"Rfc4180": True}, "rfc4180", (True, False)),
        ({"rfc4180": False}, {}, "rfc4180", (None, False)),
        ({"max_file_size": 512}, {"MaxFileSize": 1048576}, "max_file_size", (1048576, 512)),
        ({"csv_null_value": ""}, {"CsvNullValue": "NULL"}, "csv_null_value", ("NULL", "")),
    ],
)
def test_difference_has_both_values(wanted, shown, name, values):
    assert found(wanted, shown) == {name: values}


def test_endpoint_without_settings_differs_in_all_of_them():
    assert set(differences(desired_settings(BASE, None, "fail"), {})) == set(BASE)


@pytest.mark.parametrize(
    ("attributes", "shown", "expected"),
    [
        ("other=5", "bucketName=lake;other=5;", {}),
        ("Other=5", "other=5", {}),
        ("other=5", "other=6", {"other": ("6", "5")}),
        ("other=5", None, {"other": (None, "5")}),
        (None, "other=6", {}),
    ],
)
def test_attributes_that_are_no_settings_are_compared_by_themselves(attributes, shown, expected):
    assert found({}, {}, attributes, shown) == expected


@pytest.mark.parametrize(
    "shown",
    [
        "compressionType=GZIP;bucketName=lake;compressionType=gzip;",
        "csvNullValue=a;b;bucketName=lake;",
        "csvDelimiter=; ;bucketName=lake;",
    ],
    ids=["a setting twice, as AWS and as the user spelled it", "a semicolon in a value", "a delimiter of its own"],
)
def test_whatever_aws_shows_can_be_read(shown):
    """AWS serialises the settings into the text, and appends what was sent; that is no mistake of the user."""
    assert found({}, {}, "other=5", f"{shown}other=5") == {}


def test_names_are_those_of_the_options():
    assert snake_settings({"BucketName": "lake", "ExternalTableDefinition": "x"}) == {"bucket_name": "lake"}


def test_nothing_wanted_differs_in_nothing():
    assert differences(DesiredSettings({}, {}), {"S3Settings": {"BucketName": "lake"}}) == {}
