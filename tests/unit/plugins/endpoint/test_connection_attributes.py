# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extra connection attributes: AWS's text form of the same settings, and of others."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import (
    format_attributes,
    parse_attributes,
    read_attributes,
    sent_attributes,
    without_secrets,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import desired_settings
from builders import role_arn

BASE = {"service_access_role_arn": role_arn(), "bucket_name": "lake"}


def desired(attributes, conflicts="fail", **settings):
    return desired_settings({**BASE, **settings}, attributes, conflicts)


def refusal(*args, **kwargs):
    with pytest.raises(DatalakeError) as error:
        desired(*args, **kwargs)
    return error.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("", {}),
        ("  ", {}),
        (";", {}),
        ("a=1", {"a": "1"}),
        ("a=1;b=2;", {"a": "1", "b": "2"}),
        (" a=1 ; b=2", {"a": "1", "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("csvNullValue=", {"csvNullValue": ""}),
        ("a=1; b=2;", {"a": "1", "b": "2"}),
        ("a=1;a=1", {"a": "1"}),
        ("csvDelimiter=,;csvRowDelimiter=\\n", {"csvDelimiter": ",", "csvRowDelimiter": "\\n"}),
    ],
)
def test_parsed(text, expected):
    assert parse_attributes(text) == expected


# What AWS returns: the settings, then what was sent.
RETURNED = "bucketName=lake;csvNullValue=none;mislaid=1;compressionType=NONE;"
MEMBERS = {"BucketName": "lake", "CsvNullValue": "none;mislaid=1", "CompressionType": "NONE"}


@pytest.mark.parametrize(
    ("text", "members", "sent"),
    [
        (None, {}, {}),
        ("", MEMBERS, {}),
        (RETURNED, MEMBERS, {}),
        (RETURNED + "foo=1", MEMBERS, {"foo": "1"}),
        # As if two had been sent.
        (RETURNED, {**MEMBERS, "CsvNullValue": "none"}, {"mislaid": "1"}),
        # Of a setting only the first part is AWS's.
        (RETURNED + "compressionType=gzip;", MEMBERS, {"compressionType": "gzip"}),
        ("COMPRESSIONTYPE=NONE;foo=1", MEMBERS, {"foo": "1"}),
        # A delimiter in a value that was sent.
        (RETURNED + "foo=a;b;c=2", MEMBERS, {"foo": "a;b", "c": "2"}),
        ("csvDelimiter=;;foo=1", {"CsvDelimiter": ";"}, {"foo": "1"}),
        ("csvRowDelimiter=;;csvDelimiter=;;foo=1", {"CsvDelimiter": ";", "CsvRowDelimiter": ";"}, {"foo": "1"}),
        ("ignoreHeaderRows=0;", {"IgnoreHeaderRows": 0}, {}),
        ("nothing;=1;foo=1", {}, {"foo": "1"}),
    ],
    ids=str,
)
def test_sent_attributes(text, members, sent):
    assert sent_attributes(text, members) == sent


def test_value_with_a_delimiter_is_no_attribute_of_its_own():
    assert read_attributes(RETURNED, MEMBERS) == {"bucketName": "lake", "compressionType": "NONE"}
    assert read_attributes(RETURNED)["mislaid"] == "1"


@pytest.mark.parametrize(
    ("text", "named", "remedy"),
    [
        ("a", "'a'", "write key=value;key=value"),
        ("a=1;b", "'b'", "write key=value;key=value"),
        ("=1", "'=1'", "write key=value;key=value"),
        ("a=1;a=2", "has a twice", "set it once"),
        ("compressionType=gzip;CompressionType=none", "ompressionType twice", "set it once"),
    ],
)
def test_wrong_text_is_refused(text, named, remedy):
    sentence = refusal(text)
    assert "extra_connection_attributes" in sentence
    assert named in sentence
    assert remedy in sentence


def test_formatted():
    assert format_attributes({"a": "1", "b": ""}) == "a=1;b="
    assert format_attributes({}) == ""


def test_attribute_that_is_a_setting_is_taken_as_one():
    wanted = desired("dataFormat=PARQUET;maxFileSize=512;cdcInsertsOnly=true;somethingElse=5")
    assert wanted.settings["DataFormat"] == "parquet"
    assert wanted.settings["MaxFileSize"] == 512
    assert wanted.settings["CdcInsertsOnly"] is True
    assert wanted.attributes == {"somethingElse": "5"}


@pytest.mark.parametrize("attribute", ["compressionType=GZIP", "CompressionType=gzip", "compressiontype=Gzip"])
def test_equal_in_both_places_is_accepted(attribute):
    wanted = desired(attribute, compression_type="gzip")
    assert wanted.settings["CompressionType"] == "gzip"
    assert wanted.attributes == {}


def test_different_in_both_places_is_refused():
    sentence = refusal("compressionType=GZIP", compression_type="none")
    assert (
        "s3_settings.compression_type=none and extra_connection_attributes (CompressionType=gzip) disagree" in sentence
    )
    assert "give it once" in sentence


def test_row_delimiter_is_equal_however_it_is_escaped():
    assert desired("csvRowDelimiter=\\n", csv_row_delimiter="\n").settings["CsvRowDelimiter"] == "\n"


def test_csv_attributes_beside_parquet_are_a_warning_only():
    text = (
        "addColumnName=true;compressionType=NONE;csvDelimiter=,;csvRowDelimiter=\\n;dataFormat=parquet;"
        "timestampColumnName=TIMESTAMP"
    )
    wanted = desired(text, data_format="parquet", compression_type="none", timestamp_column_name="TIMESTAMP")
    assert {w.split()[0] for w in wanted.warnings} == {
        "s3_settings.add_column_name",
        "s3_settings.csv_delimiter",
        "s3_settings.csv_row_delimiter",
    }
    assert wanted.attributes == {}


def test_csv_setting_beside_parquet_stays_an_error_beside_a_tolerated_attribute():
    sentence = refusal("csvDelimiter=,", data_format="parquet", csv_null_value="-")
    assert "csv_null_value" in sentence
    assert "csv_delimiter" not in sentence


def test_forbidden_mix_in_attributes_is_refused():
    assert "preserve_transactions needs s3_settings.cdc_path" in refusal("preserveTransactions=true")


def test_empty_timestamp_column_is_refused_here_too():
    assert "has timestampColumnName without a value" in refusal("timestampColumnName=")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=", "extra_connection_attributes has a without a value; give one, or remove it."),
        ("a = b", "has white space around = after a, which AWS would take as a part of key or value; remove it."),
        ("a= b;c=d", "has white space around = after a,"),
        ("a=b;;c=d", "has the part '' without a key and a value"),
        (";a=b", "has the part '' without a key and a value"),
        ("a=b;;", "has the part '' without a key and a value"),
    ],
)
def test_spoilt_text_is_named(text, said):
    assert said in refusal(text)


def test_white_space_shows_no_secret():
    assert "hidden" not in refusal("password = hidden")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, None),
        ("a=1;b=2", "a=1;b=2"),
        ("a=1;password=secret-1", "a=1;password=********"),
        ("asm_user=x;asmPasswd=secret-1", "asm_user=x;asmPasswd=********"),
        ("securityDbEncryptionToken=secret-1;a=1", "securityDbEncryptionToken=********;a=1"),
        ("clientSecret=secret=1", "clientSecret=********"),
    ],
)
def test_secrets_are_hidden(text, shown):
    assert without_secrets(text) == shown
