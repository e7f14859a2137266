# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_deployment moves an endpoint between the access modes, and removes the role and the statements that it does not need any more."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

CONSENT = {"replace_tasks": True, "source_log_retention": 86400}
BUCKET_POLICY = {"access": "bucket_policy"}


@pytest.fixture
def deploy(lab):
    """Deploy one host; what became of it."""

    def run(name="crm", check=False, **variables):
        variables = {**CONSENT, "kms_key_arn": lab.key_arn, **variables}
        return lab.deployment([lab.host(name, **variables)], check)["hosts"][name]

    return run


def works(told):
    return (told["failed"], told["connection_status"]) == (False, "successful")


def role_of(lab):
    (endpoint,) = [one for one in lab.endpoints() if one["EndpointIdentifier"] == "dev-crm"]
    return endpoint["S3Settings"]["ServiceAccessRoleArn"]


def roles(lab, name="dms-s3-crm"):
    """The sides that have an access role of this name."""
    return [side for side in ("dms", "lake") if lab.iam_role(name, side)]


def policies_of(lab, side):
    return list(lab.control.state(getattr(lab, f"{side}_account"))["policies"])


def admitted(lab):
    """The names of the roles that the policies of bucket and key admit."""
    own = [
        [one for one in policy if one["Sid"].startswith("Datalake")]
        for policy in (lab.bucket_policy(), lab.key_policy())
    ]
    return [sorted(one["Principal"]["AWS"].rpartition("/")[2] for one in policy) for policy in own]


def create_role(lab, side, deployment="dev", path="/"):
    """A role of the other access mode, as another run left it."""
    trust = json.dumps(policy_document(admits()))
    tags = [{"Key": "datalake.dms:deployment", "Value": deployment}]
    lab.client(side, "iam").create_role(RoleName="dms-s3-crm", AssumeRolePolicyDocument=trust, Path=path, Tags=tags)


def have_a_task_run(lab, endpoint_arn):
    lab.start(lab.task(endpoint_arn, MigrationType="full-load-and-cdc", ResourceIdentifier="copy"))


def test_endpoint_moves_both_ways_under_its_task(lab, deploy):
    have_a_task_run(lab, deploy()["endpoint_arn"])
    told = deploy(**BUCKET_POLICY)
    assert works(told), told["msg"]
    assert (told["action"], told["external_id_state"]) == ("recreated", "not_used")
    assert role_of(lab) == lab.iam_role(side="dms")["Arn"] == told["role_arn"]
    assert (roles(lab), policies_of(lab, "lake")) == (["dms"], [])
    assert admitted(lab) == [["dms-s3-crm"], ["dms-s3-crm"]]
    assert [one["before_header"] for one in told["diff"]] == [
        *("bucket_access", "connection", "endpoint", "former role", "role", "tasks"),
    ]
    assert lab.tasks()["copy"]["Status"] == "running"
    lab.forget_calls()
    assert deploy(**BUCKET_POLICY)["changed"] is False
    # And back.
    told = deploy()
    assert works(told), told["msg"]
    assert (told["action"], told["external_id_state"]) == ("recreated", "trusted")
    assert (role_of(lab), roles(lab), policies_of(lab, "dms")) == (lab.role_arn, ["lake"], [])
    assert admitted(lab) == [[], []]
    assert "statements of " + lab.bucket in [one["before_header"] for one in told["diff"]]
    assert lab.tasks()["copy"]["Status"] == "running"
    lab.forget_calls()
    assert deploy()["changed"] is False
    assert lab.writes() == []


@pytest.mark.parametrize("moves", [({}, BUCKET_POLICY), (BUCKET_POLICY, {})], ids=["to the bucket", "from the bucket"])
def test_move_is_predicted(lab, deploy, moves):
    before, after = moves
    deploy(**before)
    lab.forget_calls()
    told = deploy(check=True, **after)
    assert (told["failed"], told["changed"], lab.writes()) == (False, True, [])
    assert told["msg"].startswith("dev-crm: would recreate the endpoint, create role and policy, ")
    assert "remove the role of the former access mode, test the connection." in told["msg"]
    assert ("update the policies of bucket and key" in told["msg"]) is bool(after)
    headers = [one["before_header"] for one in told["diff"]]
    assert "former role" in headers
    assert (f"statements of {lab.bucket}" in headers) is not bool(after)
    assert roles(lab) == (["lake"] if after else ["dms"])


def test_move_that_fails_leaves_the_mode_before_at_work(lab, deploy):
    have_a_task_run(lab, deploy(**BUCKET_POLICY)["endpoint_arn"])
    lab.fault("dms", "TestConnection", "error", "dms", code="ResourceQuotaExceededFault", message="No more of them.")
    told = deploy()
    assert told["failed"] is True
    assert "dev-crm could not be replaced, and endpoint and tasks are as they were before: " in told["msg"]
    assert role_of(lab) == lab.iam_role(side="dms")["Arn"]
    assert admitted(lab) == [["dms-s3-crm"], ["dms-s3-crm"]]
    assert (lab.tasks()["copy"]["Status"], roles(lab), policies_of(lab, "lake")) == ("running", ["dms"], [])
    assert deploy(**BUCKET_POLICY)["changed"] is False


def test_move_to_the_bucket_that_fails_takes_its_statements_back(lab, deploy):
    have_a_task_run(lab, deploy()["endpoint_arn"])
    lab.fault("dms", "TestConnection", "error", "dms", code="ResourceQuotaExceededFault", message="No more of them.")
    told = deploy(**BUCKET_POLICY)
    assert "dev-crm could not be replaced, and endpoint and tasks are as they were before: " in told["msg"]
    assert (role_of(lab), lab.tasks()["copy"]["Status"]) == (lab.role_arn, "running")
    assert (roles(lab), policies_of(lab, "dms"), admitted(lab)) == (["lake"], [], [[], []])
    assert deploy()["changed"] is False


def test_new_role_that_a_failed_move_can_not_remove_is_named(lab, deploy):
    have_a_task_run(lab, deploy(**BUCKET_POLICY)["endpoint_arn"])
    lab.fault("dms", "TestConnection", "error", "dms", code="ResourceQuotaExceededFault", message="No more of them.")
    lab.fault("iam", "DeleteRole", "error", "lake", code="AccessDenied", message="not authorized")
    told = deploy()
    assert "endpoint and tasks are as they were before: " in told["msg"]
    assert "The access role dms-s3-crm that it was to use could not be removed: " in told["msg"]
    assert roles(lab) == ["dms", "lake"]
    # It is found, and goes with the next run.
    host = lab.host(**CONSENT, **BUCKET_POLICY, kms_key_arn=lab.key_arn)
    (finding,) = lab.verification([host])["hosts"]["crm"]["findings"]
    assert finding == f"the role of the former access mode still exists: {lab.role_arn}"
    told = deploy(**BUCKET_POLICY)
    assert works(told)
    assert ([one["before_header"] for one in told["diff"]], roles(lab)) == (["former role"], ["dms"])
    assert deploy(**BUCKET_POLICY)["changed"] is False


def test_move_that_ended_before_its_role_existed_leaves_no_policy(lab, deploy):
    """As a run leaves it that is killed between CreatePolicy and CreateRole. Only the journal says that there was a move."""
    have_a_task_run(lab, deploy(**BUCKET_POLICY)["endpoint_arn"])
    lab.replacement(access_mode="crossaccount_role").stop_tasks("recreated")
    tags = [{"Key": "datalake.dms:deployment", "Value": "dev"}]
    lab.client("lake", "iam").create_policy(
        PolicyName="dms-s3-crm", PolicyDocument=json.dumps(policy_document(allows("s3:ListBucket"))), Tags=tags
    )
    told = deploy(**BUCKET_POLICY)
    assert works(told), told["msg"]
    assert told["msg"].endswith("The interrupted replacement was rolled back.")
    assert (roles(lab), policies_of(lab, "lake")) == (["dms"], [])
    assert deploy(**BUCKET_POLICY)["changed"] is False


def test_interrupted_move_removes_what_was_before(lab, deploy):
    """The endpoint of before is known to the journal alone."""
    have_a_task_run(lab, deploy(**BUCKET_POLICY)["endpoint_arn"])
    lab.replacement().stop_tasks("recreated")
    lab.endpoint(state="absent", deployment="dev")
    told = deploy()
    assert works(told), told["msg"]
    assert told["msg"].endswith("The interrupted replacement was finished.")
    assert (roles(lab), admitted(lab)) == (["lake"], [[], []])


@pytest.mark.parametrize(("given", "other"), [({}, "dms"), (BUCKET_POLICY, "lake")])
def test_role_of_the_other_mode_is_removed_whoever_left_it(lab, deploy, given, other):
    deploy(**given)
    create_role(lab, other)
    told = deploy(**given)
    assert works(told)
    assert told["changed"] is True
    assert len(roles(lab)) == 1
    assert deploy(**given)["changed"] is False


@pytest.mark.parametrize("of", [{"deployment": "other"}, {"deployment": ""}, {"path": "/elsewhere/"}], ids=str)
@pytest.mark.parametrize(("given", "other"), [({}, "dms"), (BUCKET_POLICY, "lake")])
def test_role_of_somebody_else_stays(lab, deploy, given, other, of):
    deploy(**given)
    create_role(lab, other, **of)
    assert deploy(**given)["changed"] is False
    assert roles(lab) == ["dms", "lake"]


def test_role_that_does_not_trust_dms_is_no_access_role(lab, deploy):
    deploy()
    create_role(lab, "dms")
    trust = json.dumps(policy_document(admits("ec2.amazonaws.com")))
    lab.client("dms", "iam").update_assume_role_policy(RoleName="dms-s3-crm", PolicyDocument=trust)
    assert deploy()["changed"] is False
    assert roles(lab) == ["dms", "lake"]


def test_without_a_deployment_only_the_role_before_is_ours(lab, deploy):
    deploy(deployment="")
    told = deploy(deployment="", **BUCKET_POLICY)
    assert works(told), told["msg"]
    assert roles(lab) == ["dms"]
    create_role(lab, "lake")
    assert deploy(deployment="", **BUCKET_POLICY)["changed"] is False
    assert roles(lab) == ["dms", "lake"]


def test_role_before_stays_where_nothing_is_tested(lab, deploy):
    untested = {"replication_instance_arn": ""}
    deploy(**untested)
    told = deploy(**untested, **BUCKET_POLICY)
    assert (told["failed"], told["connection_status"]) == (False, "unverified")
    assert roles(lab) == ["dms", "lake"]
    lab.forget_calls()
    told = deploy(check=True, **untested, **BUCKET_POLICY)
    assert (told["changed"], lab.writes()) == (False, [])
    # The first test that succeeds lets it go.
    assert works(deploy(**BUCKET_POLICY))
    assert roles(lab) == ["dms"]


def test_role_with_a_policy_of_somebody_else_is_named_and_stays(lab, deploy):
    deploy()
    document = json.dumps(policy_document(allows("s3:List*")))
    lab.client("lake", "iam").put_role_policy(RoleName="dms-s3-crm", PolicyName="theirs", PolicyDocument=document)
    told = deploy(**BUCKET_POLICY)
    # The endpoint works by then, and nothing of it is rolled back.
    assert (told["failed"], told["changed"], told["connection_status"]) == (True, True, "successful")
    assert "theirs" in told["msg"]
    assert (roles(lab), role_of(lab)) == (["dms", "lake"], lab.iam_role(side="dms")["Arn"])


# Where it wrote before


def test_key_admits_the_role_no_longer_where_nothing_is_encrypted_with_it(lab, deploy):
    deploy(**BUCKET_POLICY)
    deploy("erp", **BUCKET_POLICY)
    told = deploy(**BUCKET_POLICY, kms_key_arn="", exact=True)
    assert works(told), told["msg"]
    assert admitted(lab) == [["dms-s3-crm", "dms-s3-erp"], ["dms-s3-erp"]]
    assert f"statements of {lab.key_arn}" in [one["before_header"] for one in told["diff"]]


def test_bucket_admits_the_role_no_longer_where_it_writes_elsewhere(lab, deploy):
    deploy(**BUCKET_POLICY)
    other = f"{lab.bucket}-other"
    lab.client("lake", "s3").create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": lab.region})
    told = deploy(**BUCKET_POLICY, bucket_name=other)
    assert works(told), told["msg"]
    assert lab.bucket_policy() == []
    assert admitted(lab)[1] == ["dms-s3-crm"]
    (statement,) = json.loads(lab.client("lake", "s3").get_bucket_policy(Bucket=other)["Policy"])["Statement"]
    assert statement["Principal"] == {"AWS": told["role_arn"]}
    assert deploy(**BUCKET_POLICY, bucket_name=other)["changed"] is False


def test_move_to_another_bucket_as_well_withdraws_the_statements_of_both(lab, deploy):
    deploy(**BUCKET_POLICY)
    other = f"{lab.bucket}-other"
    lab.client("lake", "s3").create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": lab.region})
    told = deploy(bucket_name=other)
    assert works(told), told["msg"]
    assert (roles(lab), admitted(lab)) == (["lake"], [[], []])


def test_within_one_account_there_is_no_other_mode(lab, deploy):
    one = {
        "lake_account_id": lab.dms_account,
        "lake_assume_role_arn": lab.deployers["dms"],
        "bucket_name": lab.journals,
        "kms_key_arn": "",
    }
    assert works(deploy(**one))
    lab.forget_calls()
    told = deploy(**one, **BUCKET_POLICY)
    assert (told["changed"], lab.calls("ListRoles")) == (False, [])
