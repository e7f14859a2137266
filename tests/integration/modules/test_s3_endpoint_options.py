# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_s3_endpoint: wrong options are refused with what to do, before anything is written."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.once

WRONG = {
    "identifier": ({"endpoint_identifier": "2dev"}, "endpoint_identifier=2dev", "choose another one"),
    "double hyphen": ({"endpoint_identifier": "a--b"}, "endpoint_identifier=a--b", "choose another one"),
    "trailing hyphen": ({"endpoint_identifier": "a-"}, "endpoint_identifier=a-", "choose another one"),
    "underscore": ({"endpoint_identifier": "a_b"}, "endpoint_identifier=a_b", "choose another one"),
    "long identifier": ({"endpoint_identifier": "x" * 256}, "endpoint_identifier=", "at most 255"),
    "long tail": ({"resource_identifier": "x" * 32}, "resource_identifier=", "shorten or change it"),
    "tail": ({"resource_identifier": "a_b"}, "resource_identifier=a_b", "shorten or change it"),
    "no settings": ({"s3_settings": None}, "s3_settings is required", "set at least service_access_role_arn"),
    "role": ({"service_access_role_arn": "role"}, "s3_settings.service_access_role_arn=role", "give the ARN"),
    "no bucket": ({"bucket_name": ""}, "s3_settings.bucket_name", "set it to the name only"),
    "bucket": ({"bucket_name": "s3://lake"}, "s3_settings.bucket_name=s3://lake", "set it to the name only"),
    "folder": ({"bucket_folder": "raw/"}, "s3_settings.bucket_folder=raw/", "remove the slash"),
    "enum": ({"compression_type": "zip"}, "s3_settings.compression_type=zip", "none, gzip"),
    "size": ({"max_file_size": 0}, "s3_settings.max_file_size=0", "1 to 1048576"),
    "conflict": ({"preserve_transactions": True}, "s3_settings.cdc_path", "settings_conflicts=warn"),
    "attributes": ({"extra_connection_attributes": "fast"}, "extra_connection_attributes", "write key=value"),
    "both": (
        {"extra_connection_attributes": "dataFormat=csv"},
        "s3_settings.data_format=parquet and extra_connection_attributes",
        "give it once",
    ),
    "deployment": ({"deployment": "dev 1"}, "deployment=dev 1", "choose another name"),
    "role to assume": ({"assume_role_arn": "deployer"}, "assume_role_arn=deployer", "give one like"),
    "negative wait": ({"wait_timeout": -1}, "wait_timeout=-1", "give"),
    "no pause": ({"poll_interval": 0}, "poll_interval=0", "give"),
    "negative pause": ({"poll_interval": -1}, "poll_interval=-1", "give"),
}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("options", "option", "remedy"), WRONG.values(), ids=WRONG)
def test_wrong_option(lab, refused, options, option, remedy, check):
    sentence = refused(lab.endpoint, check=check, **options)
    assert option in sentence
    assert remedy in sentence
    assert lab.calls() == []


def test_alias_of_a_key_of_another_account(lab, refused):
    key = {"encryption_mode": "sse-kms", "server_side_encryption_kms_key_id": "alias/lake"}
    sentence = refused(lab.endpoint, **key)
    assert "s3_settings.server_side_encryption_kms_key_id=alias/lake is not a full key ARN" in sentence
    assert "give arn:aws:kms:" in sentence
