# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls for each endpoint: what a survey has found absent is created without a read, and AWS refuses a second one."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

# Asked for each run, or not counted: signing in, and Access Analyzer.
ASIDE = {"AssumeRole", "GetCallerIdentity", "ValidatePolicy"}
NEW = ["CreatePolicy", "CreateRole", "AttachRolePolicy", "CreateEndpoint", "UpdateAssumeRolePolicy"]
POLLING = ["DescribeEndpoints"]
OTHER_POLICY = json.dumps(policy_document(allows("s3:GetObject")))
UNTESTED = {"replication_instance_arn": ""}


@pytest.fixture
def calls(lab):
    """The calls since they were forgotten, of each endpoint."""

    def made():
        return [call for call in lab.calls() if call not in ASIDE]

    return made


@pytest.fixture
def surveyed(lab):
    """What a survey declares of hosts, as it comes through a task's result."""

    def run(*hosts):
        declared = json.loads(json.dumps(lab.survey(list(hosts))["declared"]))
        lab.forget_calls()
        return list(declared.values())

    return run


def deployed(lab, hosts):
    results = lab.deployment(hosts)["hosts"]
    assert [result["msg"] for result in results.values() if result["failed"]] == []
    return results


def test_new_endpoint_is_created_without_reads(lab, surveyed, calls):
    deployed(lab, surveyed(lab.host(**UNTESTED)))
    assert sorted(calls()) == sorted([*NEW, *POLLING])


def test_new_endpoint_with_a_test(lab, surveyed, calls):
    assert deployed(lab, surveyed(lab.host()))["crm"]["connection_status"] == "successful"
    polling = ("DescribeEndpoints", "DescribeConnections")
    made = [call for call in calls() if call not in polling]
    # The roles of the other access mode are listed once for all hosts.
    assert sorted(made) == sorted([*NEW, "TestConnection", "AddTagsToResource", "ListRoles"])


def test_without_account_wide_reading_role_and_policy_are_read(lab, surveyed, calls):
    deployed(lab, surveyed(lab.host(account_wide=False, **UNTESTED)))
    assert sorted(calls()) == sorted([*NEW, *POLLING, "GetRole", "GetPolicy"])


def test_without_a_survey_everything_is_read(lab, calls):
    lab.forget_calls()
    deployed(lab, [lab.host(**UNTESTED)])
    assert sorted(calls()) == sorted([*NEW, *POLLING, "GetRole", "GetPolicy", "GetObject", "DescribeEndpoints"])


def test_seven_calls_for_each_of_many(lab, surveyed, calls):
    hosts = [lab.host(f"host-{number}", **UNTESTED) for number in range(20)]
    deployed(lab, surveyed(*hosts))
    assert len([call for call in calls() if call not in POLLING]) / 20 <= 7


def test_check_mode_after_a_survey_writes_nothing(lab, surveyed):
    (host,) = surveyed(lab.host())
    result = lab.deployment([host], check=True)["hosts"]["crm"]
    assert "would create the endpoint, create role and policy" in result["msg"]
    assert lab.writes() == []


@pytest.mark.parametrize(
    ("arrange", "known"),
    [
        (lambda lab: lab.role(), ["endpoint"]),
        (lambda lab: lab.client("dms", "dms").create_endpoint(
            EndpointIdentifier="dev-crm", EndpointType="source", EngineName="mysql"
        ), []),
        (lambda lab: lab.client("dms", "s3").put_object(
            Bucket=lab.journals, Key=f"datalake-dms/{lab.region}/dev-crm.json", Body=b"{}"
        ), []),
        (lambda lab: lab.working_endpoint(), []),
        (lambda lab: lab.client("lake", "iam").create_policy(
            PolicyName="dms-s3-crm", PolicyDocument=OTHER_POLICY
        ), ["endpoint"]),
    ],
    ids=["role", "source endpoint", "journal", "endpoint", "policy"],
)  # fmt: skip
def test_what_exists_is_not_known_absent(lab, surveyed, arrange, known):
    arrange(lab)
    (host,) = surveyed(lab.host())
    assert host["known_absent"] == known


def test_what_was_not_read_is_not_known_absent(lab, surveyed):
    (host,) = surveyed(lab.host(journal_bucket="", journal_path="/tmp/j"))
    assert host["known_absent"] == []


def test_new_endpoint_with_bucket_policy(lab, surveyed, calls):
    deployed(lab, surveyed(lab.host(access="bucket_policy", policy_settle_time=0.1, **UNTESTED)))
    made = [call for call in calls() if call not in {*POLLING, "GetBucketPolicy"}]
    assert made == ["CreatePolicy", "CreateRole", "AttachRolePolicy", "PutBucketPolicy", "CreateEndpoint"]


# Somebody else was faster than the deployment


MADE_BY_OTHERS = "was created by others at the same time"
OF_NOBODY = (
    "exists without the tag datalake.dms:deployment, so it does not belong to the deployment dev, and is not changed"
)


def other_trust():
    return json.dumps(policy_document(admits()))


@pytest.mark.parametrize(
    ("arrange", "sentence"),
    [
        (
            lambda lab: lab.client("lake", "iam").create_role(
                RoleName="dms-s3-crm", AssumeRolePolicyDocument=other_trust()
            ),
            f"The role dms-s3-crm {OF_NOBODY}",
        ),
        (
            lambda lab: lab.client("lake", "iam").create_policy(PolicyName="dms-s3-crm", PolicyDocument=OTHER_POLICY),
            f"The policy dms-s3-crm {OF_NOBODY}",
        ),
        (
            lambda lab: lab.endpoint(bucket_folder="elsewhere", deployment="dev"),
            f"The endpoint dev-crm {MADE_BY_OTHERS}",
        ),
        (lambda lab: lab.endpoint(deployment="test"), "The endpoint dev-crm belongs to the deployment test"),
        (
            lambda lab: lab.client("dms", "dms").create_endpoint(
                EndpointIdentifier="dev-crm", EndpointType="source", EngineName="mysql"
            ),
            "The endpoint dev-crm exists as source of engine mysql",
        ),
    ],
    ids=["role", "policy", "endpoint", "endpoint of another deployment", "source endpoint"],
)
def test_stranger_that_was_faster_is_left_alone(lab, surveyed, arrange, sentence):
    (host,) = surveyed(lab.host())
    arrange(lab)
    before = (lab.iam_role(), lab.endpoints())
    result = lab.deployment([host])["hosts"]["crm"]
    assert result["failed"]
    assert sentence in result["msg"]
    assert lab.endpoints() == before[1]
    assert before[0] in (None, lab.iam_role())


def test_of_two_runs_at_once_with_other_settings_one_is_refused(lab, surveyed):
    (first,) = surveyed(lab.host())
    (second,) = surveyed(lab.host(bucket_folder="elsewhere"))
    deployed(lab, [first])
    before = (lab.iam_role(), lab.policies(), lab.endpoints())
    result = lab.deployment([second])["hosts"]["crm"]
    assert result["failed"]
    assert MADE_BY_OTHERS in result["msg"]
    assert (lab.iam_role(), lab.policies(), lab.endpoints()) == before
    # The next run reads it.
    (again,) = surveyed(lab.host(bucket_folder="elsewhere"))
    assert again["known_absent"] == []
    deployed(lab, [again])


@pytest.mark.parametrize("operation", ["CreatePolicy", "CreateRole", "CreateEndpoint"])
def test_own_first_request_whose_answer_was_lost_is_no_stranger(lab, surveyed, operation):
    service, side = ("dms", "dms") if operation == "CreateEndpoint" else ("iam", "lake")
    lab.fault(service, operation, "reset_after", side)
    assert deployed(lab, surveyed(lab.host()))["crm"]["connection_status"] == "successful"


# Verification


VERIFIED_ONCE = [
    *("HeadBucket", "DescribeReplicationInstances"),
    *("DescribeEndpoints", "ListTagsForResource", "DescribeConnections", "DescribeReplicationTasks"),
    *("GetAccountAuthorizationDetails", "ListRoles", "ListObjectsV2"),
]


@pytest.fixture
def twelve(lab, surveyed):
    hosts = [lab.host(f"host-{number}") for number in range(12)]
    deployed(lab, surveyed(*hosts))
    lab.forget_calls()
    return hosts


def messages(result):
    return {one["msg"].partition(": ")[2] for one in result["hosts"].values()}


def test_verification_reads_once_for_all_and_each_policy_for_its_tags(lab, twelve, calls):
    assert messages(lab.verification(twelve)) == {"no drift, connection successful."}
    assert sorted(calls()) == sorted([*VERIFIED_ONCE, *["GetPolicy"] * 12])
    assert len(VERIFIED_ONCE) <= 10


def test_verification_without_the_tags_of_policies_says_so(lab, twelve, calls):
    result = lab.verification(twelve, compare_policy_tags=False)
    assert messages(result) == {"no drift, connection successful. The tags of its policy were not compared."}
    assert sorted(calls()) == sorted(VERIFIED_ONCE)


def test_verification_role_by_role_compares_the_tags_of_policies_anyway(lab, surveyed):
    host = lab.host(account_wide=False)
    deployed(lab, surveyed(host))
    lab.client("lake", "iam").tag_policy(PolicyArn=lab.policy_arn, Tags=[{"Key": "team", "Value": "other"}])
    (result,) = lab.verification([host], compare_policy_tags=False)["hosts"].values()
    assert "policy.tags" in result["msg"]
    assert "not compared" not in result["msg"]


@pytest.mark.parametrize(("compare_policy_tags", "drifted"), [(True, True), (False, False)])
def test_tags_of_policies_are_compared_where_that_is_wanted(lab, surveyed, compare_policy_tags, drifted):
    deployed(lab, surveyed(lab.host()))
    lab.client("lake", "iam").tag_policy(PolicyArn=lab.policy_arn, Tags=[{"Key": "team", "Value": "other"}])
    (result,) = lab.verification([lab.host()], compare_policy_tags=compare_policy_tags)["hosts"].values()
    assert bool(result["findings"]) is drifted


@pytest.mark.parametrize(
    ("arrange", "finding"),
    [
        (lambda lab: lab.role(state="absent", deployment="dev"), "role or policy differs"),
        (
            lambda lab: lab.client("lake", "iam").detach_role_policy(
                RoleName="dms-s3-crm", PolicyArn=lab.policy_arn
            ),
            "role or policy differs",
        ),
        (
            lambda lab: lab.client("lake", "iam").create_policy_version(
                PolicyArn=lab.policy_arn, PolicyDocument=OTHER_POLICY, SetAsDefault=True
            ),
            "role or policy differs",
        ),
    ],
    ids=["role", "attachment", "policy"],
)  # fmt: skip
def test_what_a_snapshot_does_not_hold_is_read_for_that_host_alone(lab, surveyed, arrange, finding):
    deployed(lab, surveyed(lab.host(), lab.host("erp")))
    arrange(lab)
    lab.forget_calls()
    results = lab.verification([lab.host(), lab.host("erp")])["hosts"]
    assert finding in results["crm"]["msg"]
    assert results["erp"]["findings"] == []
    assert lab.calls("GetRole") in ([], ["GetRole"])


def test_where_all_roles_cannot_be_read_at_once_each_is_read_by_itself(lab, twelve):
    message = "User: x is not authorized to perform: iam:GetAccountAuthorizationDetails"
    lab.fault("iam", "GetAccountAuthorizationDetails", "error", "lake", code="AccessDenied", message=message)
    result = lab.verification(twelve)
    assert messages(result) == {"no drift, connection successful."}
    (warning,) = result["warnings"]
    assert warning.startswith("The roles can't be read in one call, so each is read on its own: ")
    assert len(lab.calls("GetAccountAuthorizationDetails")) == 1
