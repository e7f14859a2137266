# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose credentials are used, how long they last, and what is said where there are none."""

from __future__ import annotations

import json
import os

import pytest

NO_RETRIES = {"aws_config": {"retries": {"total_max_attempts": 1}}}


def assumed(lab, role):
    """The sessions in which calls of the role's account were made."""
    account = role.split(":")[4]
    return {e["session_name"] for e in lab.control.journal() if e["account"] == account}


def test_role_is_assumed_with_its_external_id(lab):
    lab.forget_calls()
    lab.role(assume_role_session_name="job-5")
    assert assumed(lab, lab.deployers["lake"]) == {"job-5"}
    assert lab.iam_role() is not None


def test_role_is_assumed_in_check_mode_too(lab, predicted):
    predicted(lab.role)
    assert assumed(lab, lab.deployers["lake"]) == {"datalake-dms"}


@pytest.mark.parametrize("external_id", [None, "", "the-wrong-id"])
def test_wrong_external_id(lab, refused, external_id):
    sentence = refused(lab.role, assume_role_external_id=external_id)
    assert "AccessDenied" in sentence
    assert "assume_role_arn could not be assumed" in sentence
    assert "assume_role_external_id is the one that the trust requires" in sentence


def test_role_that_is_not_there(lab, refused):
    arn = f"{lab.deployers['lake']}-other"
    assert "check that it exists" in refused(lab.role, assume_role_arn=arn)


def test_credentials_are_renewed_during_a_long_wait(lab):
    for side in ("dms", "lake"):
        lab.switch(side, session_seconds=1)
    lab.switch(creating_polls=12)
    lab.forget_calls()
    result = lab.endpoint(poll_interval=0.2, wait_timeout=10)
    assert result["endpoint"]["status"] == "active"
    journal = lab.control.journal()
    assert not [e for e in journal if e["error_code"] and "Expired" in e["error_code"]]
    assert len({e["access_key"] for e in journal if e["account"] == lab.dms_account}) > 1


def test_no_secret_is_in_a_result(lab):
    made = lab.working_endpoint(extra_connection_attributes="asmPassword=very-secret-1;tuning=5")
    results = [made, lab.role(), lab.test(made["endpoint"]["endpoint_arn"]), lab.preflight("dms")]
    text = json.dumps(results)
    for secret in (os.environ["AWS_SECRET_ACCESS_KEY"], "very-secret-1", "the-deployers-id"):
        assert secret not in text
    assert "ASIA" not in text
    assert "asmPassword=********" in text


def test_no_secret_is_in_the_differences(lab):
    lab.endpoint(extra_connection_attributes="asmPassword=very-secret-1")
    result = lab.endpoint(extra_connection_attributes="asmPassword=very-secret-2")
    assert result["differences"] == ["asmPassword"]
    assert "very-secret" not in json.dumps(result)


def test_endpoint_that_can_not_be_reached(lab, refused, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    sentence = refused(lab.role, **NO_RETRIES)
    assert "http://127.0.0.1:9" in sentence
    assert "check region, the network, and AWS_ENDPOINT_URL" in sentence


def test_no_region(lab, refused, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    sentence = refused(lab.endpoint)
    assert "set region, or AWS_REGION in the environment" in sentence


@pytest.mark.parametrize("assume", [True, False])
def test_no_credentials(lab, refused, monkeypatch, assume):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    options = {} if assume else {"assume_role_arn": None}
    sentence = refused(lab.role, **options)
    assert "set access_key and secret_key, or profile, or AWS_* in the environment" in sentence


def test_half_of_the_credentials(lab, refused, monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "set access_key and secret_key" in refused(lab.role)


@pytest.mark.parametrize("assume", [True, False])
def test_keys_that_aws_does_not_know(lab, refused, assume):
    keys = {"access_key": "AKIAUNKNOWNUNKNOWN00", "secret_key": "an-unknown-secret-key"}
    options = {} if assume else {"assume_role_arn": None}
    sentence = refused(lab.role, **keys, **options)
    assert "an-unknown-secret-key" not in sentence
    assert "check access_key and secret_key, profile, or the AWS_* environment" in sentence


def test_profile_that_is_not_there(lab, refused, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "set profile to one that ~/.aws/config has" in refused(lab.role, profile="nobody")


def test_expired_credentials(lab, refused):
    lab.fault("dms", "DescribeEndpoints", "error", "dms", code="ExpiredTokenException", message="expired")
    assert "get new ones and run again" in refused(lab.endpoint)
