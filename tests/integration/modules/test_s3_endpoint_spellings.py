# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_s3_endpoint: what AWS fills in, spells in its own way or drops is no change."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.once

PROCEDURE = "addColumnName=true;compressionType=NONE;csvDelimiter=,;csvRowDelimiter=\\n;dataFormat=parquet;timestampColumnName=TIMESTAMP"
MANY = {
    "data_format": "PARQUET",
    "compression_type": "Gzip",
    "encryption_mode": "SSE_S3",
    "parquet_version": "PARQUET_2_0",
    "date_partition_enabled": True,
    "date_partition_sequence": "yyyymmddhh",
    "date_partition_delimiter": "dash",
    "canned_acl_for_objects": "BUCKET_OWNER_FULL_CONTROL",
    "cdc_max_batch_interval": 30,
    "timestamp_column_name": "TIMESTAMP",
}
CSV = {"data_format": "csv", "csv_delimiter": "\\t", "csv_row_delimiter": "\n", "csv_null_value": "", "rfc4180": False}


@pytest.mark.parametrize("spelling", ["aws", "as_sent"])
@pytest.mark.parametrize("settings", [MANY, CSV], ids=["parquet", "csv"])
def test_second_run_changes_nothing(lab, settings, spelling):
    lab.switch(returned_spelling=spelling)
    assert lab.endpoint(**settings)["warnings"] == []
    assert lab.endpoint(**settings)["changed"] is False


@pytest.mark.parametrize("form", ["as_sent", "arn", "id"])
def test_key_comes_back_in_any_form(lab, form):
    lab.switch(returned_kms_key=form)
    key = {"encryption_mode": "sse-kms", "server_side_encryption_kms_key_id": lab.key_arn}
    assert lab.endpoint(**key)["warnings"] == []
    assert lab.endpoint(**key)["changed"] is False


@pytest.mark.parametrize("given", ["arn", "id"])
def test_key_of_the_same_account_is_given_in_any_form(lab, given):
    lab.switch(returned_kms_key="arn")
    role, key = lab.local_role(), lab.key_arn.replace(lab.lake_account, lab.dms_account)
    options = {"encryption_mode": "sse-kms", "service_access_role_arn": role}
    options["server_side_encryption_kms_key_id"] = key if given == "arn" else key.rsplit("/", 1)[1]
    lab.endpoint(**options)
    assert lab.endpoint(**options)["changed"] is False


def test_hand_made_procedure_word_for_word(lab):
    """The same settings in both ways, CSV attributes beside parquet: what this project replaces."""
    settings = {"data_format": "parquet", "compression_type": "none", "timestamp_column_name": "TIMESTAMP"}
    result = lab.endpoint(extra_connection_attributes=PROCEDURE, **settings)
    assert len(result["warnings"]) == 3
    assert all("is for data_format=csv only" in warning for warning in result["warnings"])
    assert lab.endpoint(extra_connection_attributes=PROCEDURE, **settings)["changed"] is False


@pytest.mark.parametrize("attributes", [PROCEDURE, "compressionType=gzip", "csvDelimiter=,;maxFileSize=512"])
def test_endpoint_made_by_hand_is_taken_over(lab, attributes):
    """AWS shows the settings in its own spelling and then the attributes as they were sent."""
    lab.client("dms", "dms").create_endpoint(
        EndpointIdentifier="dev-crm",
        EndpointType="target",
        EngineName="s3",
        S3Settings={
            "ServiceAccessRoleArn": lab.role_arn,
            "BucketName": lab.bucket,
            "BucketFolder": "raw/crm",
            "DataFormat": "parquet",
            "CompressionType": "gzip",
        },
        ExtraConnectionAttributes=attributes,
    )
    assert lab.endpoint(compression_type="gzip")["changed"] is False


def test_null_value_with_a_semicolon_can_be_read_back(lab):
    lab.endpoint(data_format="csv", csv_null_value="a;b")
    assert lab.endpoint(data_format="csv", csv_null_value="a;b")["changed"] is False


def test_attribute_that_is_no_setting(lab, predicted):
    role = lab.local_role()
    usual = {"service_access_role_arn": role}
    lab.endpoint(extra_connection_attributes="tuning=5", **usual)
    assert lab.endpoint(extra_connection_attributes="tuning=5", **usual)["changed"] is False
    prediction = predicted(lab.endpoint, extra_connection_attributes="tuning=6", **usual)
    result = lab.endpoint(extra_connection_attributes="tuning=6", **usual)
    for outcome in (prediction, result):
        assert (outcome["action"], outcome["differences"], outcome["warnings"]) == ("modified", ["tuning"], [])
    assert "tuning=6" in result["endpoint"]["extra_connection_attributes"]


def test_conflict_is_sent_where_that_is_wanted(lab):
    mix = {"preserve_transactions": True, "settings_conflicts": "warn"}
    result = lab.endpoint(**mix)
    assert result["warnings"] == [
        "dev-crm: s3_settings.preserve_transactions needs s3_settings.cdc_path; it is sent nevertheless."
    ]
    assert lab.endpoint(**mix)["changed"] is False


PATH = {"data_format": "parquet", "cdc_path": "changes"}
DROPPED = (
    "AWS does not return cdc_path though 'changes' was sent; set it in extra_connection_attributes, or leave it out"
)


@pytest.mark.parametrize("exact", [False, True])
def test_setting_that_aws_drops_is_sent_once(lab, exact):
    lab.switch(cdc_path_in_settings="dropped")
    made = lab.endpoint(**PATH, exact=exact)
    assert made["returned_otherwise"] == [DROPPED]
    assert made["warnings"][-1] == f"dev-crm: {DROPPED}."
    lab.forget_calls()
    again = lab.endpoint(**PATH, exact=exact, tags={"team": "data"}, purge_tags=True)
    assert (again["action"], again["differences"], again["returned_otherwise"]) == ("none", ["tags"], [DROPPED])
    assert lab.endpoint(**PATH, exact=exact)["changed"] is False
    assert lab.writes() == ["AddTagsToResource"]


def test_setting_that_aws_drops_from_a_modification_is_sent_once(lab):
    lab.switch(cdc_path_in_settings="dropped")
    own = {"service_access_role_arn": lab.local_role()}
    lab.endpoint(**own, data_format="parquet")
    first, second = lab.endpoint(**own, **PATH), lab.endpoint(**own, **PATH)
    assert (first["action"], second["action"]) in [("modified", "none")]


def test_other_setting_beside_one_that_aws_drops_is_a_difference(lab):
    lab.switch(cdc_path_in_settings="dropped")
    lab.endpoint(**PATH)
    told = lab.endpoint(**PATH, max_file_size=512)
    assert (told["action"], told["differences"]) == ("recreated", ["cdc_path", "max_file_size"])
    assert lab.endpoint(**PATH, max_file_size=512)["changed"] is False
    assert lab.endpoint(data_format="parquet", cdc_path="others")["action"] == "recreated"


def test_recreate_is_not_kept_from_what_it_is_asked_for(lab):
    lab.switch(cdc_path_in_settings="dropped")
    lab.endpoint(**PATH)
    assert lab.endpoint(**PATH, recreate=True)["action"] == "recreated"


def test_setting_that_aws_keeps_takes_no_tag(lab):
    lab.forget_calls()
    made = lab.endpoint(**PATH)
    assert (made["returned_otherwise"], lab.writes()) == ([], ["CreateEndpoint"])
