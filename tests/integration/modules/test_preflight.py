# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_preflight: every finding, all of them together, and nothing written."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._accounts import preflight
from ansible_collections.datalake.dms.plugins.module_utils._dms.instances import describe_instance


@pytest.fixture
def environments(lab):
    return {
        "dev": {"dms_account_id": lab.dms_account, "lake_account_id": lab.lake_account},
        "prod": {"dms_account_id": "777788889999", "lake_account_id": "000011112222"},
    }


@pytest.fixture
def look(lab):
    """Run the preflight; its result, after proof that nothing was written."""

    def run(side, **options):
        lab.forget_calls()
        result = lab.preflight(side, **options)
        assert lab.writes() == []
        assert result["changed"] is False
        assert ("failure" in result) is bool(result["findings"])
        return result

    return run


def test_right_accounts(lab, look, environments):
    known = {"environment": "dev", "environments": environments, "protected": True, "allow_endpoint_url": True}
    dms = look("dms", replication_instance_arn=lab.instance_arn, **known)
    lake = look("lake", bucket_name=lab.bucket, kms_key_arn=lab.key_arn, **known)
    assert (dms["findings"], lake["findings"]) == ([], [])
    assert (dms["account_id"], lake["account_id"]) == (lab.dms_account, lab.lake_account)
    assert dms["arn"] == f"arn:aws:sts::{lab.dms_account}:assumed-role/deployer/datalake-dms"
    assert dms["partition"] == "aws"


def test_instance_that_is_not_available(lab, look, monkeypatch):
    def creating(client, arn):
        return {**describe_instance(client, arn), "ReplicationInstanceStatus": "creating"}

    monkeypatch.setattr(preflight, "describe_instance", creating)
    (finding,) = look("dms", replication_instance_arn=lab.instance_arn)["findings"]
    assert (
        finding == f"Replication instance {lab.instance_arn} is creating: wait until it is available, then run again."
    )


def test_account_alone_is_enough(lab, look):
    assert look("dms", bucket_name="", kms_key_arn="", replication_instance_arn="")["findings"] == []


def test_custom_endpoint_in_a_protected_environment(look, environments):
    (finding,) = look("dms", environment="dev", environments=environments, protected=True)["findings"]
    assert "Environment dev is protected" in finding
    assert "unset AWS_ENDPOINT_URL" in finding
    assert "or set allow_endpoint_url=true" in finding


def test_custom_endpoint_by_option(lab, look, environments, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    result = look("dms", environment="dev", environments=environments, protected=True, endpoint_url=lab.aws.url)
    assert "is protected" in result["findings"][0]


@pytest.mark.parametrize("service", ["STS", "IAM", "S3", "KMS"])
def test_custom_endpoint_of_one_service_in_a_protected_environment(lab, look, environments, monkeypatch, service):
    """The way to AWS is shut by a proxy that is none, lest a test that fails should call AWS."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", lab.aws.url)
    once = {"aws_config": {"retries": {"total_max_attempts": 1}}}
    result = look("lake", environment="dev", environments=environments, protected=True, **once)
    assert "is protected" in result["findings"][0]


def test_wrong_environment_stops_before_any_call(lab, look, environments):
    environments["dev"]["dms_account_id"] = "777788889999"
    result = look("dms", environment="dev", environments=environments)
    assert len(result["findings"]) == 2
    assert (result["account_id"], result["arn"]) == (None, None)
    assert lab.calls() == []


def test_credentials_of_another_account(lab, look):
    result = look("dms", assume_role_arn=None, assume_role_external_id=None)
    (finding,) = result["findings"]
    assert "The credentials of the dms side belong to account 999999999999" in finding
    assert f"the inventory names {lab.dms_account}" in finding
    assert "or run with its credentials" in finding
    assert result["failure"].startswith("The credentials of the dms side")


def test_role_of_another_account(lab, look):
    result = look("dms", account_id=lab.lake_account)
    assert f"is a role of account {lab.dms_account}" in result["findings"][0]
    assert lab.calls() == []


def test_bucket_that_is_missing(lab, look):
    (finding,) = look("lake", bucket_name=f"{lab.bucket}-other")["findings"]
    assert finding == (
        f"Bucket {lab.bucket}-other does not exist in account {lab.lake_account}: create it first, or correct its name."
    )


def test_bucket_of_another_account(lab, look):
    name = f"{lab.bucket}-of-another"
    lab.client("dms", "s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": lab.region})
    (finding,) = look("lake", bucket_name=name)["findings"]
    assert f"Bucket {name} belongs to another account than {lab.lake_account}" in finding
    assert "correct the name or grant it" in finding


def test_bucket_of_another_region(lab, look):
    name = f"{lab.bucket}-elsewhere"
    elsewhere = lab.client("lake", "s3", "eu-west-1")
    elsewhere.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    (finding,) = look("lake", bucket_name=name)["findings"]
    assert finding == (
        f"Bucket {name} is in eu-west-1 and the endpoint in eu-central-1: DMS needs both in one region; use another bucket."
    )


def test_key_that_is_missing(lab, look):
    arn = lab.key_arn[:-4] + "ffff"
    (finding,) = look("lake", kms_key_arn=arn)["findings"]
    assert finding == f"KMS key {arn} does not exist: create it first, or correct its ARN."


def test_key_that_is_disabled(lab, look):
    lab.client("lake", "kms").disable_key(KeyId=lab.key_arn.rsplit("/", 1)[1])
    (finding,) = look("lake", kms_key_arn=lab.key_arn)["findings"]
    assert finding == f"KMS key {lab.key_arn} is Disabled: enable it, or use another key."


def test_key_that_the_caller_may_not_look_at(lab, look):
    lab.fault("kms", "DescribeKey", "error", "lake", code="AccessDeniedException", message="no way")
    (finding,) = look("lake", kms_key_arn=lab.key_arn)["findings"]
    assert "grant kms:DescribeKey to the caller" in finding


@pytest.mark.parametrize("absent", ["fault", "empty"])
def test_instance_that_is_missing(lab, look, absent):
    lab.switch(absent_endpoint=absent)
    (finding,) = look("dms", replication_instance_arn=f"{lab.instance_arn}-2")["findings"]
    assert finding == (
        f"Replication instance {lab.instance_arn}-2 does not exist: create it first, or correct its ARN."
    )


def test_all_findings_come_together(lab, look):
    result = look(
        "lake",
        bucket_name="nobodys-bucket",
        kms_key_arn=lab.key_arn[:-4] + "ffff",
        replication_instance_arn=lab.instance_arn,
    )
    assert len(result["findings"]) == 3
    assert result["failure"].count("create it first") == 3


def test_look_that_fails_is_a_finding_beside_the_others(lab, look):
    denied = {"code": "AccessDeniedException", "message": "User: x is not authorized to perform: dms:Describe"}
    lab.fault("dms", "DescribeReplicationInstances", "error", "dms", **denied)
    result = look("dms", bucket_name="nobodys-bucket", replication_instance_arn=lab.instance_arn)
    assert len(result["findings"]) == 2
    assert "describe the replication instance: AccessDeniedException" in result["findings"][1]
    assert "grant it" in result["findings"][1]


@pytest.mark.parametrize("account", ["", "12", "12345678901x"])
def test_wrong_account_id(lab, refused, account):
    sentence = refused(lab.preflight, "dms", account_id=account)
    assert f"account_id={account} is not a 12-digit AWS account id" in sentence
    assert lab.calls() == []
