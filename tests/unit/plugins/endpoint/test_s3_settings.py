# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user wants of the S3 settings: spellings, constraints, both ways of giving them."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.settings import canonical_value
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import (
    TABLE,
    desired_settings,
    kms_key_problem,
)
from builders import DMS, LAKE, role_arn
from builders import KEY_ARN as KEY

ROLE = role_arn()
BASE = {"service_access_role_arn": ROLE, "bucket_name": "lake"}
BASE_SENT = {"ServiceAccessRoleArn": ROLE, "BucketName": "lake"}


def desired(attributes=None, conflicts="fail", **settings):
    return desired_settings({**BASE, **settings}, attributes, conflicts)


def refusal(attributes=None, conflicts="fail", **settings):
    with pytest.raises(DatalakeError) as error:
        desired(attributes, conflicts, **settings)
    return error.value.message


@pytest.mark.parametrize(
    ("name", "given", "canonical"),
    [
        ("compression_type", "GZIP", "gzip"),
        ("compression_type", "None", "none"),
        ("encryption_mode", "SSE_KMS", "sse-kms"),
        ("encryption_mode", "sse-s3", "sse-s3"),
        ("data_format", "Parquet", "parquet"),
        ("parquet_version", "PARQUET_2_0", "parquet-2-0"),
        ("date_partition_sequence", "yyyymmddhh", "YYYYMMDDHH"),
        ("date_partition_delimiter", "slash", "SLASH"),
        ("canned_acl_for_objects", "BUCKET_OWNER_FULL_CONTROL", "bucket-owner-full-control"),
        ("encoding_type", "plain_dictionary", "plain-dictionary"),
        ("max_file_size", "512", 512),
        ("rfc4180", "yes", True),
        ("rfc4180", "false", False),
        ("csv_delimiter", ";", ";"),
    ],
)
def test_value_is_sent_as_the_model_spells_it(name, given, canonical):
    assert canonical_value(TABLE, name, given) == canonical


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("compression_type", "zip", "none, gzip"),
        ("data_format", "json", "csv, parquet"),
        ("date_partition_sequence", "YYYY-MM-DD", "YYYYMMDD"),
        ("max_file_size", "much", "a whole number"),
        ("rfc4180", "perhaps", "true or false"),
    ],
)
def test_value_that_is_none_of_the_settings_is_refused(name, given, expected):
    with pytest.raises(DatalakeError) as error:
        canonical_value(TABLE, name, given)
    assert f"s3_settings.{name}={given}" in error.value.message
    assert expected in error.value.message
    assert error.value.message.endswith("correct it.")


def test_only_what_is_set_is_sent():
    assert desired(data_format=None, bucket_folder="", cdc_max_batch_interval=0).settings == {
        **BASE_SENT,
        "CdcMaxBatchInterval": 0,
    }


def test_false_is_sent():
    assert desired(include_op_for_full_load=False).settings == {**BASE_SENT, "IncludeOpForFullLoad": False}


def test_empty_text_of_csv_is_sent():
    assert desired(csv_null_value="").settings["CsvNullValue"] == ""


# What can't work, whatever AWS takes.
IMPOSSIBLE = {
    "role": ({"service_access_role_arn": "dms-s3-crm"}, "service_access_role_arn=dms-s3-crm", "give the ARN"),
    "no role": ({"service_access_role_arn": ""}, "service_access_role_arn", "give the ARN"),
    "no bucket": ({"bucket_name": ""}, "bucket_name", "set it to the name only"),
    "bucket as URL": ({"bucket_name": "s3://lake"}, "bucket_name=s3://lake", "set it to the name only"),
    "folder": ({"bucket_folder": "raw/"}, "bucket_folder=raw/", "remove the slash"),
    "key missing": ({"encryption_mode": "sse-kms"}, "encryption_mode=sse-kms", "give the key's ARN"),
    "empty timestamp": ({"timestamp_column_name": ""}, "timestamp_column_name", "give a value or leave it out"),
    "file too small": ({"max_file_size": 0}, "max_file_size=0", "1 to 1048576"),
    "file too large": ({"max_file_size": 1048577}, "max_file_size=1048577", "1 to 1048576"),
    "owner": ({"expected_bucket_owner": "4444"}, "expected_bucket_owner=4444", "correct it"),
}


@pytest.mark.parametrize("conflicts", ["fail", "warn"])
@pytest.mark.parametrize(("settings", "option", "remedy"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_is_refused_always(settings, option, remedy, conflicts):
    sentence = refusal(conflicts=conflicts, **settings)
    assert f"s3_settings.{option}" in sentence
    assert remedy in sentence


def test_all_problems_are_told_together():
    sentence = refusal(max_file_size=0, expected_bucket_owner="4444")
    assert "max_file_size" in sentence
    assert "expected_bucket_owner" in sentence


PARQUET = {"data_format": "parquet"}
# What the guide forbids, and the API takes (AWS-FACTS, section 4).
FORBIDDEN = {
    "dates and transactions": (
        {"date_partition_enabled": True, "preserve_transactions": True, "cdc_path": "cdc"},
        "date_partition_enabled can't be combined with preserve_transactions",
    ),
    "dates and a path": (
        {"date_partition_enabled": True, "cdc_path": "cdc"},
        "date_partition_enabled can't be combined with cdc_path",
    ),
    "column names and transactions": (
        {"add_column_name": True, "preserve_transactions": True, "cdc_path": "cdc"},
        "add_column_name can't be combined with preserve_transactions",
    ),
    "column names and a path": (
        {"add_column_name": True, "cdc_path": "cdc"},
        "add_column_name can't be combined with cdc_path",
    ),
    "transactions without a path": (
        {"preserve_transactions": True},
        "preserve_transactions needs s3_settings.cdc_path",
    ),
    "inserts twice": (
        {"cdc_inserts_only": True, "cdc_inserts_and_updates": True},
        "cdc_inserts_only can't be combined with cdc_inserts_and_updates",
    ),
    "glue, transactions, path": (
        {"glue_catalog_generation": True, "preserve_transactions": True, "cdc_path": "cdc"},
        "glue_catalog_generation can't be combined with preserve_transactions and cdc_path",
    ),
    "key without mode": (
        {"server_side_encryption_kms_key_id": KEY},
        "server_side_encryption_kms_key_id is used with s3_settings.encryption_mode=sse-kms only",
    ),
    "key and sse-s3": (
        {"server_side_encryption_kms_key_id": KEY, "encryption_mode": "sse-s3"},
        "server_side_encryption_kms_key_id",
    ),
    **{
        f"{name} without parquet": ({name: value}, f"{name} is for data_format=parquet only, and data_format is csv")
        for name, value in {
            "encoding_type": "plain",
            "parquet_version": "parquet-1-0",
            "dict_page_size_limit": 1,
            "data_page_size": 1,
            "row_group_length": 1,
            "enable_statistics": True,
            "parquet_timestamp_in_millisecond": True,
        }.items()
    },
    **{
        f"{name} without csv": (
            {**PARQUET, name: value},
            f"{name} is for data_format=csv only, and data_format is parquet",
        )
        for name, value in {
            "add_column_name": True,
            "csv_delimiter": ";",
            "csv_row_delimiter": "\n",
            "csv_null_value": "-",
            "use_csv_no_sup_value": True,
            "csv_no_sup_value": "-",
            "rfc4180": True,
        }.items()
    },
}


@pytest.mark.parametrize(("settings", "mix"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_forbidden_mix_fails_with_the_reason(settings, mix):
    sentence = refusal(**settings)
    assert f"s3_settings.{mix}" in sentence
    assert "set settings_conflicts=warn" in sentence


@pytest.mark.parametrize(("settings", "mix"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_forbidden_mix_is_sent_with_a_warning_where_that_is_wanted(settings, mix):
    wanted = desired(conflicts="warn", **settings)
    assert any(f"s3_settings.{mix}" in warning for warning in wanted.warnings)
    assert len(wanted.settings) == len(BASE) + len(settings)


ALLOWED = {
    "nothing": {},
    "transactions": {"preserve_transactions": True, "cdc_path": "cdc"},
    "dates": {"date_partition_enabled": True, "date_partition_sequence": "YYYYMMDD"},
    "dates off": {"date_partition_enabled": False, "cdc_path": "cdc"},
    "glue and a path": {"glue_catalog_generation": True, "cdc_path": "cdc"},
    "parquet": {**PARQUET, "parquet_version": "parquet-2-0", "enable_statistics": False},
    "switched off in the other format": {**PARQUET, "add_column_name": False, "use_csv_no_sup_value": False},
    "csv": {"data_format": "csv", "add_column_name": True, "csv_delimiter": ";"},
    "key": {"encryption_mode": "sse-kms", "server_side_encryption_kms_key_id": KEY},
    "sizes": {"max_file_size": 1048576},
    "smallest": {"max_file_size": 1},
}


@pytest.mark.parametrize("settings", ALLOWED.values(), ids=ALLOWED)
def test_allowed_mix_passes_without_a_warning(settings):
    assert desired(**settings).warnings == ()


@pytest.mark.parametrize(
    ("key", "account", "fine"),
    [
        (KEY, DMS, True),
        (KEY.replace("aws:kms", "aws-us-gov:kms"), DMS, True),
        (KEY.rsplit("/", 1)[1], DMS, False),
        ("alias/lake", DMS, False),
        ("alias/aws/s3", DMS, False),
        (KEY.replace(":key/", ":alias/"), DMS, False),
        ("alias/lake", LAKE, True),
        (None, DMS, True),
    ],
)
def test_key_of_another_account_is_a_full_arn(key, account, fine):
    problem = kms_key_problem({"ServiceAccessRoleArn": ROLE, "ServerSideEncryptionKmsKeyId": key}, account)
    assert (problem is None) is fine
    if problem:
        assert f"server_side_encryption_kms_key_id={key} is not a full key ARN" in problem
        assert "give arn:aws:kms:" in problem
