# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_preflight with account_checks, and the session's time: what all endpoints of an account have in common."""

from __future__ import annotations

import datetime
import json

import pytest
from builders import policy_document

pytestmark = pytest.mark.once

REFUSED = {"code": "AccessDenied", "message": "User: x is not authorized to perform: what it tried"}


@pytest.fixture
def instance(lab):
    """An instance in a VPC with an S3 endpoint, and the account's service roles."""
    arn = f"{lab.instance_arn}-in-vpc"
    dms = {"account_id": lab.dms_account, "replication_instance_arn": arn, "prepared": True}
    lake = {"account_id": lab.lake_account}
    lab.control.seed({"environments": [{"name": "dev", "region": lab.region, "dms": dms, "lake": lake}]})
    return arn


@pytest.fixture
def look(lab):
    """Run it; check -> (status, text) of each, after proof that nothing was written."""

    def run(side, **options):
        lab.forget_calls()
        result = lab.preflight(side, account_checks=True, **options)
        assert lab.writes() == []
        assert result["findings"] == [c["text"] for c in result["checks"] if c["status"] == "failed"]
        return result

    return run


def statuses(result):
    return {(c["check"], c["status"]) for c in result["checks"]}


def text_of(result, check):
    return " ".join(c["text"] for c in result["checks"] if c["check"] == check)


def test_lake_that_is_well(lab, look):
    result = look(
        "lake",
        bucket_name=lab.bucket,
        kms_key_arn=lab.key_arn,
        object_ownership="BucketOwnerEnforced",
        planned_role_names=["dms-s3-crm", "dms-s3-erp"],
    )
    assert statuses(result) == {
        ("identity", "passed"),
        ("bucket", "passed"),
        ("bucket_ownership", "passed"),
        ("bucket_encryption", "passed"),
        ("kms_key", "passed"),
        ("kms_key_policy", "passed"),
        ("quota", "passed"),
        ("session", "passed"),
    }
    assert "of 1000 IAM roles used, 2 will be added" in text_of(result, "quota")
    assert (result["side"], result["region"], result["support_case"]) == ("lake", lab.region, None)


def test_dms_that_is_well(lab, look, instance):
    lab.working_endpoint()
    result = look(
        "dms",
        replication_instance_arn=instance,
        lake_account_ids=[lab.lake_account],
        planned_endpoint_identifiers=["dev-crm", "DEV-erp"],
    )
    assert {status for _check, status in statuses(result)} == {"passed", "warned"}
    assert {check for check, status in statuses(result) if status == "warned"} == {"route_secretsmanager"}
    assert "of 1000 endpoints used, 1 will be added" in text_of(result, "quota")
    assert f"0 of 100 connections of {instance} used, 2 will be added" in text_of(result, "quota")
    assert "The service roles dms-vpc-role, dms-cloudwatch-logs-role exist and are correct" in text_of(
        result, "service_roles"
    )
    assert "reach s3" in text_of(result, "route_s3")
    assert result["support_case"] is None


def test_without_a_cross_account_endpoint_there_is_a_text_for_aws_support(lab, look):
    result = look("dms", lake_account_ids=[lab.lake_account])
    assert ("cross_account", "warned") in statuses(result)
    assert f"Account with DMS: {lab.dms_account}" in result["support_case"]
    assert f"Account with the role and the bucket: {lab.lake_account}" in result["support_case"]
    assert f"Region: {lab.region}" in result["support_case"]


def test_bucket_that_is_set_up_otherwise(lab, look):
    s3 = lab.client("lake", "s3")
    rules = [{"ObjectOwnership": "ObjectWriter"}]
    s3.put_bucket_ownership_controls(Bucket=lab.bucket, OwnershipControls={"Rules": rules})
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": lab.key_arn}
    rules = [{"ApplyServerSideEncryptionByDefault": by_default}]
    s3.put_bucket_encryption(Bucket=lab.bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    result = look("lake", bucket_name=lab.bucket, object_ownership="BucketOwnerEnforced")
    assert {("bucket_ownership", "failed"), ("bucket_encryption", "warned")} < statuses(result)
    s3.delete_bucket_ownership_controls(Bucket=lab.bucket)
    s3.delete_bucket_encryption(Bucket=lab.bucket)
    result = look("lake", bucket_name=lab.bucket, object_ownership="ObjectWriter")
    assert {("bucket_ownership", "passed"), ("bucket_encryption", "passed")} < statuses(result)


def test_key_that_admits_some_roles_only(lab, look):
    """One that admits nobody of the account can't be looked at from there at all."""
    statement = {"Effect": "Allow", "Principal": {"AWS": lab.deployers["lake"]}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps(policy_document(statement))
    arn = lab.client("lake", "kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    assert ("kms_key_policy", "warned") in statuses(look("lake", kms_key_arn=arn))
    elsewhere = policy.replace(lab.deployers["lake"], lab.deployers["dms"])
    arn = lab.client("lake", "kms").create_key(Policy=elsewhere)["KeyMetadata"]["Arn"]
    result = look("lake", kms_key_arn=arn)
    assert ("kms_key", "failed") in statuses(result)
    assert "grant kms:DescribeKey to the caller" in result["failure"]


def test_key_that_is_given_a_statement_for_each_access_role(lab, look):
    result = look("lake", kms_key_arn=lab.key_arn, role_account_id=lab.dms_account)
    assert ("kms_key_policy", "passed") in statuses(result)


def test_service_roles_that_are_missing_stop_nobody(look):
    result = look("dms", service_role_names=["dms-vpc-role"])
    assert ("service_roles", "warned") in statuses(result)
    assert "The service role dms-vpc-role does not exist" in text_of(result, "service_roles")


def test_route_that_is_missing(lab, look, instance):
    ec2 = lab.client("dms", "ec2")
    gone = [endpoint["VpcEndpointId"] for endpoint in ec2.describe_vpc_endpoints()["VpcEndpoints"]]
    ec2.delete_vpc_endpoints(VpcEndpointIds=gone)
    result = look("dms", replication_instance_arn=instance)
    assert ("route_s3", "failed") in statuses(result)
    assert "create an S3 gateway endpoint in their route tables" in result["failure"]


def test_instance_that_tells_no_subnets(lab, look):
    assert ("route", "warned") in statuses(look("dms", replication_instance_arn=lab.instance_arn))


def test_region_that_the_environment_may_not_be_in(lab, look):
    environments = {
        "dev": {"dms_account_id": lab.dms_account, "lake_account_id": lab.lake_account, "regions": ["eu-west-1"]}
    }
    result = look("dms", environment="dev", environments=environments, region=lab.region)
    assert "The inventory names region eu-central-1, and the map of environments allows eu-west-1" in result["failure"]
    assert lab.calls() == []
    environments["dev"]["regions"].append(lab.region)
    assert look("dms", environment="dev", environments=environments, region=lab.region)["findings"] == []


@pytest.mark.parametrize(
    ("side", "service", "operation", "check"),
    [
        ("lake", "s3", "GetBucketEncryption", "bucket_settings"),
        ("lake", "kms", "GetKeyPolicy", "kms_key_policy"),
        ("lake", "iam", "GetAccountSummary", "quota"),
        ("dms", "dms", "DescribeAccountAttributes", "quota"),
        ("dms", "iam", "GetRole", "service_roles"),
        ("dms", "ec2", "DescribeRouteTables", "route"),
    ],
)
def test_what_the_caller_may_not_look_at_is_worth_a_look(lab, look, instance, side, service, operation, check):
    lab.fault(service, operation, "error", side, **REFUSED)
    needs = {
        "lake": {"bucket_name": lab.bucket, "kms_key_arn": lab.key_arn, "planned_role_names": ["dms-s3-crm"]},
        "dms": {"replication_instance_arn": instance},
    }
    result = look(side, **needs[side])
    assert result["findings"] == []
    assert (check, "warned") in statuses(result)
    assert "AccessDenied: User: x is not authorized to perform" in text_of(result, check)
    assert "grant it" in text_of(result, check)


@pytest.mark.parametrize(("minutes", "status"), [(29, "failed"), (31, "passed")])
def test_session_that_ends(lab, monkeypatch, minutes, status):
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", end.isoformat())
    result = lab.preflight("dms", session_seconds=1800)
    assert ("session", status) in statuses(result)
    assert ("failure" in result) is (status == "failed")


def test_session_that_does_not_end(lab):
    assert ("session", "passed") in statuses(lab.preflight("dms", session_seconds=1800))


def test_session_that_tells_no_end(lab, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "")
    lasting = lab.preflight("dms", session_seconds=0)
    assert "session" not in {check for check, _status in statuses(lasting)}
    assert ("session", "warned") in statuses(lab.preflight("dms", session_seconds=1800))
