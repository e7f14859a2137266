# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of an S3 target endpoint: the options, AWS's spellings, what goes together, what differs. Pure.

Sources: botocore's shape S3Settings (members, types, enums; a test compares it with this table), and the AWS DMS user guide,
"Using Amazon S3 as a target", for what works together. AWS's API takes most mixes that the guide forbids; they fail
later, in the task, or are ignored. Hence two severities: what can't work at all, and what the guide forbids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, is_account_id, is_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import (
    parse_attributes,
    read_attributes,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import bucket_problem, folder_problem


@dataclass(frozen=True)
class Setting:
    """A member of S3Settings.

    `type` is Ansible's, `values` the enum as the model spells it, `default` what the guide says of a member that is left out
    (so that an answer without it differs from nothing), `data_format` the only format that it is for.
    """

    member: str
    type: str = "str"
    values: tuple[str, ...] = ()
    default: Any = None
    data_format: str | None = None


# S3Settings.MaxFileSize, in KB: what AWS allows, and takes where it is not given.
MAX_FILE_SIZE = 1048576

# Option name -> setting.
SETTINGS: dict[str, Setting] = {
    "service_access_role_arn": Setting("ServiceAccessRoleArn"),
    "bucket_name": Setting("BucketName"),
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
    "encryption_mode": Setting("EncryptionMode", values=("sse-s3", "sse-kms"), default="sse-s3"),
    "server_side_encryption_kms_key_id": Setting("ServerSideEncryptionKmsKeyId"),
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
    "timestamp_column_name": Setting("TimestampColumnName"),
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
    "add_column_name": Setting("AddColumnName", "bool", default=False, data_format="csv"),
    "csv_delimiter": Setting("CsvDelimiter", default=",", data_format="csv"),
    "csv_row_delimiter": Setting("CsvRowDelimiter", default="\\n", data_format="csv"),
    "csv_null_value": Setting("CsvNullValue", default="NULL", data_format="csv"),
    "use_csv_no_sup_value": Setting("UseCsvNoSupValue", "bool", default=False, data_format="csv"),
    "csv_no_sup_value": Setting("CsvNoSupValue", data_format="csv"),
    "rfc4180": Setting("Rfc4180", "bool", default=True, data_format="csv"),
    "parquet_version": Setting(
        "ParquetVersion", values=("parquet-1-0", "parquet-2-0"), default="parquet-1-0", data_format="parquet"
    ),
    "parquet_timestamp_in_millisecond": Setting(
        "ParquetTimestampInMillisecond", "bool", default=False, data_format="parquet"
    ),
    "enable_statistics": Setting("EnableStatistics", "bool", default=True, data_format="parquet"),
    "encoding_type": Setting(
        "EncodingType",
        values=("plain", "plain-dictionary", "rle-dictionary"),
        default="rle-dictionary",
        data_format="parquet",
    ),
    "dict_page_size_limit": Setting("DictPageSizeLimit", "int", default=1048576, data_format="parquet"),
    "row_group_length": Setting("RowGroupLength", "int", default=10000, data_format="parquet"),
    "data_page_size": Setting("DataPageSize", "int", default=1048576, data_format="parquet"),
}

# Members of S3Settings that have no option here.
SOURCE_ONLY_MEMBERS = {"ExternalTableDefinition", "IgnoreHeaderRows"}

_REMEDY = "change one of them, or set settings_conflicts=warn to send both all the same"


_OPTION_OF = {setting.member: name for name, setting in SETTINGS.items()}
_OPTION_OF_ATTRIBUTE = {setting.member.lower(): name for name, setting in SETTINGS.items()}


@dataclass(frozen=True)
class DesiredSettings:
    """What the user wants: S3Settings as the API takes them, and the extra connection attributes that are none of them.

    `warnings` are conflicts that came in through extra_connection_attributes, or that the user wants as warnings.
    """

    settings: dict[str, Any]
    attributes: dict[str, str]
    warnings: tuple[str, ...] = ()


def argument_spec() -> dict[str, dict[str, Any]]:
    """The suboptions of s3_settings. Enums are plain text, for AWS spells them in more than one way; see canonical_value."""
    required = {"service_access_role_arn", "bucket_name"}
    return {name: {"type": s.type, **({"required": True} if name in required else {})} for name, s in SETTINGS.items()}


def desired_settings(
    s3_settings: dict[str, Any], extra_connection_attributes: str | None, conflicts: str
) -> DesiredSettings:
    """Fold both ways of giving a setting into one, and check them.

    :param s3_settings: the suboptions; None means not set.
    :param extra_connection_attributes: AWS's text form, `key=value;key=value`, or None.
    :param conflicts: "fail" or "warn": what becomes of settings that the guide forbids together.
    :raises DatalakeError: a value or a mix that can't be, all of them in one sentence each.
    """
    given = {name: canonical_value(name, value) for name, value in s3_settings.items() if _is_set(name, value)}
    attributes = parse_attributes(extra_connection_attributes)
    from_attributes, others = _split_attributes(attributes)
    _refuse_contradictions(given, from_attributes)
    options = {**from_attributes, **given}
    _refuse(impossible(options))
    forbidden = forbidden_mixes(options)
    # A CSV key in the attributes beside parquet is harmless and stands in many a hand-made endpoint.
    tolerated = {
        mix for name, mix in forbidden if name in from_attributes and name not in given and SETTINGS[name].data_format
    }
    if conflicts == "fail":
        _refuse([f"{mix}; {_REMEDY}." for _name, mix in forbidden if mix not in tolerated])
    return DesiredSettings(
        settings={SETTINGS[name].member: value for name, value in options.items()},
        attributes=others,
        warnings=tuple(f"{mix}; it is sent all the same." for _name, mix in forbidden),
    )


def canonical_value(name: str, value: Any) -> Any:
    """A setting's value as botocore's model spells it: `GZIP` is gzip, `SSE_KMS` is sse-kms, `yyyymmdd` is YYYYMMDD.

    :raises DatalakeError: a value that the setting's type or enum does not have.
    """
    setting = SETTINGS[name]
    if setting.type == "bool":
        return _as_bool(name, value)
    if setting.type == "int":
        return _as_int(name, value)
    if not setting.values:
        return to_text(value)
    known = {_fold_enum(v): v for v in setting.values}
    if _fold_enum(value) not in known:
        raise DatalakeError(
            message=f"s3_settings.{name}={value} must be one of {', '.join(setting.values)}; correct it."
        )
    return known[_fold_enum(value)]


def impossible(options: dict[str, Any]) -> list[str]:
    """What can't work whatever AWS takes, as sentences."""
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
        problems.append(f"s3_settings.bucket_folder={options['bucket_folder']} {folder}.")
    if options.get("encryption_mode") == "sse-kms" and not options.get("server_side_encryption_kms_key_id"):
        problems.append(
            "s3_settings.encryption_mode=sse-kms needs s3_settings.server_side_encryption_kms_key_id; give the key's ARN."
        )
    if options.get("timestamp_column_name") == "":
        problems.append(
            "s3_settings.timestamp_column_name is empty, which breaks the task; give a name or leave it out."
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


def forbidden_mixes(options: dict[str, Any]) -> list[tuple[str, str]]:
    """What the user guide forbids, though the API takes it: pairs of the offending option and what is wrong with it."""
    found = _wrong_data_format(options)
    in_order = [name for name in ("preserve_transactions", "cdc_path") if options.get(name)]
    for name in ("date_partition_enabled", "add_column_name"):
        if options.get(name) and in_order:
            found.append((name, _not_with(name, in_order[0])))
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
    """What is wrong with the key of another account: it takes a full key ARN, and aws/s3 never works across accounts."""
    key = settings.get("ServerSideEncryptionKmsKeyId")
    if not key or account_of(settings["ServiceAccessRoleArn"]) == dms_account_id or is_arn(key, "key"):
        return None
    return (
        f"s3_settings.server_side_encryption_kms_key_id={key} is not a full key ARN, which a key of another account must be named by "
        "(an alias, and the key aws/s3, can't be used across accounts); give arn:aws:kms:<region>:<account>:key/<id>."
    )


def differences(desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What the user set and AWS has otherwise: option (or attribute) -> (present, desired).

    Only keys that the user set count, so that whatever default AWS fills in is no change.

    :param endpoint: an item of DescribeEndpoints.
    """
    current = endpoint.get("S3Settings") or {}
    found = {
        _OPTION_OF[member]: (current.get(member), value)
        for member, value in desired.settings.items()
        if fold(member, current.get(member)) != fold(member, value)
    }
    present = {key.lower(): value for key, value in read_attributes(endpoint.get("ExtraConnectionAttributes")).items()}
    found.update(
        {
            key: (present.get(key.lower()), value)
            for key, value in desired.attributes.items()
            if present.get(key.lower()) != value
        }
    )
    return found


def superfluous(desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What an endpoint has and nobody asks for any more: option (or attribute) -> (present, what it is by itself)."""
    settings, attributes = carried_over(desired, endpoint)
    options = {_OPTION_OF[member]: value for member, value in settings.items()}
    return {
        **{name: (value, SETTINGS[name].default) for name, value in options.items()},
        **{key: (value, None) for key, value in attributes.items()},
    }


def carried_over(desired: DesiredSettings, endpoint: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings and attributes that an endpoint has, the user does not set, and a new endpoint would not have by itself.

    :param endpoint: an item of DescribeEndpoints.
    """
    settings = {
        member: canonical_value(_OPTION_OF[member], value)
        for member, value in (endpoint.get("S3Settings") or {}).items()
        if member in _OPTION_OF and member not in desired.settings and fold(member, value) != fold(member, None)
    }
    set_already = {key.lower() for key in desired.attributes} | set(_OPTION_OF_ATTRIBUTE)
    attributes = read_attributes(endpoint.get("ExtraConnectionAttributes"))
    return settings, {key: value for key, value in attributes.items() if key.lower() not in set_already}


def fold(member: str, value: Any) -> Any:
    """A value without AWS's variations, for comparison only: case and `-`/`_` of enums, escapes, a key's id or ARN."""
    setting = SETTINGS[_OPTION_OF[member]]
    if value is None:
        value = setting.default
    if value is None:
        return None
    if setting.values:
        return _fold_enum(value)
    if member == "ServerSideEncryptionKmsKeyId":
        return to_text(value).rsplit("/", 1)[-1]
    if setting.type == "str":
        return to_text(value).replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")
    return value


def snake_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """S3Settings under the names of our options; members that we have no option for are left out."""
    return {_OPTION_OF[member]: value for member, value in settings.items() if member in _OPTION_OF}


def described_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The inverse of snake_settings, for settings that this collection knows."""
    return {SETTINGS[name].member: value for name, value in options.items() if name in SETTINGS}


def _is_set(name: str, value: Any) -> bool:
    """Whether a suboption says something: an empty text does for CSV alone, and is an error for the timestamp column."""
    return value is not None and (value != "" or name == "timestamp_column_name" or SETTINGS[name].data_format == "csv")


def _split_attributes(attributes: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Attributes that are settings, as canonical options, and the rest."""
    settings = {k: v for k, v in attributes.items() if k.lower() in _OPTION_OF_ATTRIBUTE}
    options = {_OPTION_OF_ATTRIBUTE[k.lower()]: v for k, v in settings.items()}
    return (
        {name: canonical_value(name, value) for name, value in options.items()},
        {k: v for k, v in attributes.items() if k not in settings},
    )


def _refuse_contradictions(given: dict[str, Any], from_attributes: dict[str, Any]) -> None:
    _refuse(
        [
            f"s3_settings.{name}={given[name]} and extra_connection_attributes ({SETTINGS[name].member}={value}) disagree; give it once."
            for name, value in from_attributes.items()
            if name in given and fold(SETTINGS[name].member, given[name]) != fold(SETTINGS[name].member, value)
        ]
    )


def _refuse(problems: list[str]) -> None:
    if problems:
        raise DatalakeError(message=" ".join(problems))


def _wrong_data_format(options: dict[str, Any]) -> list[tuple[str, str]]:
    data_format = options.get("data_format", "csv")
    return [
        (
            name,
            f"s3_settings.{name} is for data_format={SETTINGS[name].data_format} only, and data_format is {data_format}",
        )
        for name, value in options.items()
        if value is not False and SETTINGS[name].data_format not in (None, data_format)
    ]


def _not_with(name: str, other: str) -> str:
    return f"s3_settings.{name} does not go with {other}"


def _fold_enum(value: Any) -> str:
    return to_text(value).lower().replace("_", "-")


def _as_bool(name: str, value: Any) -> bool:
    try:
        return bool(boolean(value))
    except TypeError as error:
        raise DatalakeError(message=f"s3_settings.{name}={value} must be true or false; correct it.") from error


def _as_int(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise DatalakeError(message=f"s3_settings.{name}={value} must be a whole number; correct it.") from error
