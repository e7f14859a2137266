# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of an S3 target endpoint: their table, and rules for S3 only. Pure.

Sources: botocore's shape S3Settings (members, types, enums; a test compares it with this table), and the AWS DMS user guide,
"Using Amazon S3 as a target", for valid combinations. AWS's API accepts most combinations that the guide forbids; they fail
later, in the task, or are ignored. Hence two severities: what can't work at all, and what the guide forbids.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core import settings as tables
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, is_account_id, is_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.settings import (
    ID_OR_ARN,
    RECREATE,
    REFUSED,
    VALUE,
    Setting,
    Table,
)
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_settings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import Engine
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import (
    bucket_problem,
    folder_problem,
    shown,
)

# S3Settings.MaxFileSize, in KB: the maximum, which is also AWS's default.
MAX_FILE_SIZE = 1048576

# Conditions of settings that are for one data format only.
CSV, PARQUET = ("data_format", "csv"), ("data_format", "parquet")

# Option name -> setting. A deployment sends no empty text, but for csv_null_value, which is how NULL is written.
SETTINGS: dict[str, Setting] = {
    "service_access_role_arn": Setting("ServiceAccessRoleArn", required=True),
    "bucket_name": Setting("BucketName", required=True),
    "bucket_folder": Setting("BucketFolder"),
    "expected_bucket_owner": Setting("ExpectedBucketOwner"),
    "canned_acl_for_objects": Setting(
        "CannedAclForObjects",
        values=(
            "none",
            "private",
            "public-read",
            "public-read-write",
            "authenticated-read",
            "aws-exec-read",
            "bucket-owner-read",
            "bucket-owner-full-control",
        ),
        default="none",
    ),
    "encryption_mode": Setting(
        "EncryptionMode", values=("sse-s3", "sse-kms"), default="sse-s3", on_change={"sse-kms": RECREATE}
    ),
    "server_side_encryption_kms_key_id": Setting("ServerSideEncryptionKmsKeyId", kind=ID_OR_ARN),
    "data_format": Setting("DataFormat", values=("csv", "parquet"), default="csv"),
    "compression_type": Setting("CompressionType", values=("none", "gzip"), default="none"),
    "max_file_size": Setting("MaxFileSize", "int", default=MAX_FILE_SIZE),
    "cdc_max_batch_interval": Setting("CdcMaxBatchInterval", "int", default=60),
    "cdc_min_file_size": Setting("CdcMinFileSize", "int", default=32000),
    "cdc_path": Setting("CdcPath"),
    "preserve_transactions": Setting("PreserveTransactions", "bool", default=False),
    "cdc_inserts_only": Setting("CdcInsertsOnly", "bool", default=False),
    "cdc_inserts_and_updates": Setting("CdcInsertsAndUpdates", "bool", default=False),
    "include_op_for_full_load": Setting("IncludeOpForFullLoad", "bool", default=False),
    "timestamp_column_name": Setting("TimestampColumnName", empty=REFUSED),
    "use_task_start_time_for_full_load_timestamp": Setting(
        "UseTaskStartTimeForFullLoadTimestamp", "bool", default=False
    ),
    "add_trailing_padding_character": Setting("AddTrailingPaddingCharacter", "bool", default=False),
    "date_partition_enabled": Setting("DatePartitionEnabled", "bool", default=False),
    "date_partition_sequence": Setting(
        "DatePartitionSequence", values=("YYYYMMDD", "YYYYMMDDHH", "YYYYMM", "MMYYYYDD", "DDMMYYYY"), default="YYYYMMDD"
    ),
    "date_partition_delimiter": Setting(
        "DatePartitionDelimiter", values=("SLASH", "UNDERSCORE", "DASH", "NONE"), default="SLASH"
    ),
    "date_partition_timezone": Setting("DatePartitionTimezone"),
    "glue_catalog_generation": Setting("GlueCatalogGeneration", "bool", default=False),
    "add_column_name": Setting("AddColumnName", "bool", default=False, only_with=CSV),
    "csv_delimiter": Setting("CsvDelimiter", default=",", only_with=CSV),
    "csv_row_delimiter": Setting("CsvRowDelimiter", default="\\n", only_with=CSV),
    "csv_null_value": Setting("CsvNullValue", default="NULL", only_with=CSV, empty=VALUE),
    "use_csv_no_sup_value": Setting("UseCsvNoSupValue", "bool", default=False, only_with=CSV),
    "csv_no_sup_value": Setting("CsvNoSupValue", only_with=CSV),
    "rfc4180": Setting("Rfc4180", "bool", default=True, only_with=CSV),
    "parquet_version": Setting(
        "ParquetVersion", values=("parquet-1-0", "parquet-2-0"), default="parquet-1-0", only_with=PARQUET
    ),
    "parquet_timestamp_in_millisecond": Setting(
        "ParquetTimestampInMillisecond", "bool", default=False, only_with=PARQUET
    ),
    "enable_statistics": Setting("EnableStatistics", "bool", default=True, only_with=PARQUET),
    "encoding_type": Setting(
        "EncodingType",
        values=("plain", "plain-dictionary", "rle-dictionary"),
        default="rle-dictionary",
        only_with=PARQUET,
    ),
    "dict_page_size_limit": Setting("DictPageSizeLimit", "int", default=1048576, only_with=PARQUET),
    "row_group_length": Setting("RowGroupLength", "int", default=10000, only_with=PARQUET),
    "data_page_size": Setting("DataPageSize", "int", default=1048576, only_with=PARQUET),
}

# Members of S3Settings that have no option here.
SOURCE_ONLY_MEMBERS = frozenset({"ExternalTableDefinition", "IgnoreHeaderRows"})

TABLE = Table("s3_settings", "S3Settings", SETTINGS, SOURCE_ONLY_MEMBERS)


def impossible(options: dict[str, Any]) -> list[str]:
    """What can't work although the API accepts it, as sentences."""
    problems = []
    if not is_arn(options.get("service_access_role_arn"), "role"):
        problems.append(
            f"s3_settings.service_access_role_arn={options.get('service_access_role_arn')} is not the ARN of an IAM role; give the ARN "
            "of the role that writes to the bucket."
        )
    bucket = bucket_problem(options.get("bucket_name"))
    if bucket:
        problems.append(f"s3_settings.bucket_name={options.get('bucket_name')} {bucket}.")
    folder = folder_problem(options.get("bucket_folder"))
    if folder:
        problems.append(f"s3_settings.bucket_folder={shown(options['bucket_folder'])} {folder}.")
    problems += [
        f"s3_settings.{name}={value!r} begins or ends with white space; remove it."
        for name, value in options.items()
        # In a CSV file, white space is a value.
        if isinstance(value, str) and value != value.strip() and not name.startswith("csv_") and name != "bucket_folder"
    ]
    if options.get("encryption_mode") == "sse-kms" and not options.get("server_side_encryption_kms_key_id"):
        problems.append(
            "s3_settings.encryption_mode=sse-kms needs s3_settings.server_side_encryption_kms_key_id; give the key's ARN."
        )
    if not 1 <= options.get("max_file_size", 1) <= MAX_FILE_SIZE:
        problems.append(
            f"s3_settings.max_file_size={options['max_file_size']} must be 1 to {MAX_FILE_SIZE} (KB); correct it."
        )
    if not is_account_id(options.get("expected_bucket_owner", "0" * 12)):
        problems.append(
            f"s3_settings.expected_bucket_owner={options['expected_bucket_owner']} is not a 12-digit AWS account id; correct it."
        )
    return problems


def forbidden(options: dict[str, Any]) -> list[tuple[str, str]]:
    """What the user guide forbids although the API accepts it: pairs of the option and what is wrong with it.

    Settings for one data format only are in the table.
    """
    in_order = [name for name in ("preserve_transactions", "cdc_path") if options.get(name)]
    found = [
        (name, _not_with(name, in_order[0]))
        for name in ("date_partition_enabled", "add_column_name")
        if options.get(name) and in_order
    ]
    if options.get("preserve_transactions") and not options.get("cdc_path"):
        found.append(("preserve_transactions", "s3_settings.preserve_transactions needs s3_settings.cdc_path"))
    if options.get("cdc_inserts_only") and options.get("cdc_inserts_and_updates"):
        found.append(("cdc_inserts_only", _not_with("cdc_inserts_only", "cdc_inserts_and_updates")))
    if options.get("glue_catalog_generation") and len(in_order) == 2:
        found.append(
            ("glue_catalog_generation", _not_with("glue_catalog_generation", "preserve_transactions and cdc_path"))
        )
    if options.get("server_side_encryption_kms_key_id") and options.get("encryption_mode") != "sse-kms":
        found.append(
            (
                "server_side_encryption_kms_key_id",
                "s3_settings.server_side_encryption_kms_key_id is used with s3_settings.encryption_mode=sse-kms only",
            )
        )
    return found


def kms_key_problem(settings: dict[str, Any], dms_account_id: str) -> str | None:
    """What is wrong with a key of another account, as a sentence; None if nothing is. It must be a full key ARN, and aws/s3 can't be used."""
    key = settings.get("ServerSideEncryptionKmsKeyId")
    if not key or account_of(settings["ServiceAccessRoleArn"]) == dms_account_id or is_arn(key, "key"):
        return None
    return (
        f"s3_settings.server_side_encryption_kms_key_id={key} is not a full key ARN, which is required for a key of another account "
        "(an alias and the key aws/s3 can't be used across accounts); give arn:aws:kms:<region>:<account>:key/<id>."
    )


def _not_with(name: str, other: str) -> str:
    return f"s3_settings.{name} can't be combined with {other}"


# The functions of endpoint_settings and _core/settings for this engine.

ENGINE = Engine(TABLE, impossible, forbidden)

argument_spec = partial(tables.argument_spec, TABLE)
desired_settings = partial(endpoint_settings.desired_settings, ENGINE)
differences = partial(endpoint_settings.differences, TABLE)
superfluous = partial(endpoint_settings.superfluous, TABLE)
carried_over = partial(endpoint_settings.carried_over, TABLE)
as_returned = partial(tables.as_returned, TABLE)
reasons_to_recreate = partial(tables.reasons_to_recreate, TABLE)
refuse_changes = partial(tables.refuse_changes, TABLE)
# Members of S3Settings -> options, and the inverse.
snake_settings = partial(tables.to_options, TABLE)
described_settings = partial(tables.to_members, TABLE)
