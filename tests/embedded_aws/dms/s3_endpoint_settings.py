# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3Settings of an endpoint as AWS stores and returns them: defaults, spellings, extra connection attributes. Pure."""

from __future__ import annotations

import functools
from typing import Any

from ..server.wire import AwsError, service_model

Settings = dict[str, Any]

# Defaults by the API reference of S3Settings; MaxFileSize and CdcMinFileSize are in KB, CdcMaxBatchInterval in seconds.
DEFAULTS: Settings = {
    "CompressionType": "none",
    "EncryptionMode": "sse-s3",
    "DataFormat": "csv",
    "EnableStatistics": True,
    "IncludeOpForFullLoad": False,
    "CdcInsertsOnly": False,
    "CdcInsertsAndUpdates": False,
    "ParquetTimestampInMillisecond": False,
    "DatePartitionEnabled": False,
    "AddColumnName": False,
    "PreserveTransactions": False,
    "CdcMaxBatchInterval": 60,
    "CdcMinFileSize": 32000,
    "MaxFileSize": 1048576,
}
DEFAULTS_OF_FORMAT: dict[str, Settings] = {
    "csv": {"CsvRowDelimiter": "\\n", "CsvDelimiter": ",", "CsvNullValue": "NULL", "Rfc4180": True},
    "parquet": {
        "EncodingType": "rle-dictionary",
        "ParquetVersion": "parquet-1-0",
        "DictPageSizeLimit": 1048576,
        "DataPageSize": 1048576,
        "RowGroupLength": 10000,
    },
}
# Returned in capitals with underscores, whatever was sent (CFN#2566); other enum values keep the model's spelling.
RETURNED_IN_CAPITALS = ("CompressionType", "EncryptionMode")


def fold(value: str) -> str:
    """AWS takes enum values in any case, with `-` or `_`."""
    return value.lower().replace("_", "-")


def check_enums(settings: Settings) -> None:
    """Refuse enum values that the model does not have, in any spelling."""
    for name, value in settings.items():
        allowed = enum_of(name)
        if allowed and fold(value) not in map(fold, allowed):
            raise AwsError(
                "InvalidParameterValueException",
                f"Value '{value}' at 's3Settings.{name}' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(allowed)}]",
            )


@functools.cache
def enum_of(member: str) -> list[str]:
    """The enum values of a member of S3Settings in the model's spelling; empty when it is no enum."""
    settings: Any = service_model("dms").shape_for("S3Settings")
    return list(getattr(settings.members[member], "enum", []))


def data_format(settings: Settings) -> str:
    return fold(settings.get("DataFormat", "csv"))


def with_defaults(settings: Settings) -> Settings:
    """The settings with the defaults that AWS fills in."""
    return {**DEFAULTS, **DEFAULTS_OF_FORMAT[data_format(settings)], **settings}


def returned(settings: Settings, spelling: str, kms_key: str, account: str, region: str, partition: str) -> Settings:
    """The settings as Describe returns them, by the switches returned_spelling and returned_kms_key."""
    full = with_defaults(settings)
    if spelling == "aws":
        full = {name: _aws_spelling(name, value) for name, value in full.items()}
    key = full.get("ServerSideEncryptionKmsKeyId")
    if key and kms_key == "id":
        full["ServerSideEncryptionKmsKeyId"] = key.rpartition("/")[2]
    elif key and kms_key == "arn" and not key.startswith("arn:"):
        full["ServerSideEncryptionKmsKeyId"] = f"arn:{partition}:kms:{region}:{account}:key/{key}"
    return full


def _aws_spelling(name: str, value: Any) -> Any:
    if name in RETURNED_IN_CAPITALS:
        return value.upper().replace("-", "_")
    return next((known for known in enum_of(name) if fold(known) == fold(value)), value)


def extra_connection_attributes(settings: Settings, sent: str | None) -> str:
    """The settings serialised as `bucketName=…;compressionType=GZIP;…`, then what was sent (TF#8009)."""
    serialised = [f"{name[0].lower()}{name[1:]}={_attribute(value)}" for name, value in sorted(settings.items())]
    return ";".join(serialised + ([sent.rstrip(";")] if sent else [])) + ";"


def without_cdc_path(settings: Settings, sent: str | None) -> Settings:
    """The settings without CdcPath, unless the extra connection attributes that were sent have it, too."""
    if "cdcpath=" in (sent or "").lower():
        return settings
    return {name: value for name, value in settings.items() if name != "CdcPath"}


def _attribute(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
