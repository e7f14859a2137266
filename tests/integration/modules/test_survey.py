# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_survey: few calls for all endpoints, and it hides no change."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.once

CALLS = [
    *("DescribeEndpoints", "ListTagsForResource", "DescribeConnections"),
    *("ListObjectsV2", "ListRoles", "GetAccountAuthorizationDetails"),
]
PER_ROLE = ["GetRole", "ListAttachedRolePolicies", "ListRolePolicies", "GetPolicy", "GetPolicyVersion"]


@pytest.fixture
def deployed(lab):
    """An endpoint as a deployment leaves it: tested, with its token."""
    made = lab.working_endpoint(
        deployment="dev", tags={"team": "data"}, role={"deployment": "dev", "tags": {"team": "data"}}
    )
    role = lab.role(deployment="dev", external_ids=[made["external_id"]])
    token = lab.change_token(role, made["settings"], [made["external_id"]])
    lab.test(made["endpoint"]["endpoint_arn"], change_token=token)
    lab.forget_calls()
    return made["endpoint"]["endpoint_arn"]


@pytest.fixture
def reason(lab):
    """Survey one host; why it isn't settled, None where it is."""

    def run(**host):
        result = lab.survey([lab.surveyed_host(**host)])
        assert (result["changed"], lab.writes()) == (False, [])
        assert set(result["settled"]) | set(result["unsettled"]) == {"crm"}
        return result["unsettled"].get("crm")

    return run


def test_host_that_is_as_declared(lab, deployed, reason):
    assert reason() is None
    assert lab.calls() == CALLS


def test_roles_are_read_one_by_one_where_nothing_else_was_granted(lab, deployed, reason):
    assert reason(account_wide=False) is None
    assert [call for call in lab.calls() if call in PER_ROLE] == PER_ROLE
    assert "GetAccountAuthorizationDetails" not in lab.calls()


def test_many_hosts_cost_no_more_calls(lab, deployed):
    hosts = [lab.surveyed_host(), *(lab.surveyed_host(name=f"host-{n}", endpoint=f"dev-{n}") for n in range(20))]
    result = lab.survey(hosts)
    assert result["settled"] == ["crm"]
    assert set(result["unsettled"].values()) == {"the endpoint does not exist"}
    assert lab.calls() == CALLS


def open_trust(lab, _arn):
    statement = {"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    lab.client("lake", "iam").update_assume_role_policy(RoleName="dms-s3-crm", PolicyDocument=trust)


def other_policy(lab, _arn):
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    lab.client("lake", "iam").create_policy_version(
        PolicyArn=lab.policy_arn, PolicyDocument=document, SetAsDefault=True
    )


def interrupted(lab, _arn):
    key = f"datalake-dms/{lab.region}/dev-crm.json"
    lab.client("dms", "s3").put_object(Bucket=lab.journals, Key=key, Body=b"{}")


OTHER_TEAM = [{"Key": "team", "Value": "other"}]
OTHER_OWNER = {"datalake.dms:deployment": "test"}
TESTED = ["datalake.dms:connection-tested"]
DIFFERENCES = {
    "endpoint tags": lambda lab, arn: lab.client("dms", "dms").add_tags_to_resource(ResourceArn=arn, Tags=OTHER_TEAM),
    "endpoint of another deployment": lambda lab, arn: lab.control.add_tags(
        lab.dms_account, lab.region, arn, OTHER_OWNER
    ),
    "trust": open_trust,
    "policy": other_policy,
    "attachment": lambda lab, _arn: lab.client("lake", "iam").detach_role_policy(
        RoleName="dms-s3-crm", PolicyArn=lab.policy_arn
    ),
    "role tags": lambda lab, _arn: lab.client("lake", "iam").tag_role(RoleName="dms-s3-crm", Tags=OTHER_TEAM),
    "role": lambda lab, _arn: lab.role(state="absent"),
    "connection": lambda lab, arn: lab.client("dms", "dms").delete_connection(
        EndpointArn=arn, ReplicationInstanceArn=lab.instance_arn
    ),
    "test": lambda lab, arn: lab.client("dms", "dms").remove_tags_from_resource(ResourceArn=arn, TagKeys=TESTED),
    "journal": interrupted,
    "role of the other way": lambda lab, _arn: lab.local_role("dms-s3-crm"),
}


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("endpoint tags", "the endpoint differs"),
        ("endpoint of another deployment", "The endpoint dev-crm belongs to the deployment test"),
        ("trust", "role or policy differs"),
        # Who else has the policy is asked then.
        ("policy", ""),
        ("attachment", ""),
        ("role tags", "role or policy differs"),
        ("role", ""),
        ("connection", "the connection is to be tested"),
        ("test", "the connection is to be tested"),
        ("journal", "a replacement was interrupted"),
        ("role of the other way", "the DMS account has a role of this name, too"),
    ],
)
def test_every_difference_is_seen(lab, deployed, reason, what, told):
    DIFFERENCES[what](lab, deployed)
    lab.forget_calls()
    for account_wide in (True, False):
        seen = reason(account_wide=account_wide)
        assert seen is not None
        assert told in seen


@pytest.mark.parametrize(
    "wanted",
    [
        {"settings": {"compression_type": "gzip"}},
        {"tags": {"team": "other"}},
        {"role": {"source_account": "111122223333"}},
        {"role": {"permissions_boundary": "arn:aws:iam::111122223333:policy/other"}},
        {"test": {"test": "always"}},
        {"settings": {"bucket_folder": "elsewhere"}},
    ],
    ids=str,
)
def test_every_wish_is_seen(deployed, reason, wanted):
    assert reason(**wanted) is not None


def test_what_the_modules_would_refuse_is_left_to_them(deployed, reason):
    assert "colour" in reason(settings={"colour": "blue"})


@pytest.mark.parametrize(
    ("side", "service", "operation"),
    [
        ("dms", "dms", "DescribeEndpoints"),
        ("dms", "s3", "ListObjectsV2"),
        ("lake", "iam", "GetAccountAuthorizationDetails"),
    ],
)
def test_read_that_fails_is_told_once_and_each_host_looks_for_itself(lab, deployed, side, service, operation):
    lab.fault(
        service,
        operation,
        "error",
        side,
        code="AccessDeniedException",
        message="User: x is not authorized to perform it",
    )
    result = lab.survey([lab.surveyed_host(), lab.surveyed_host(name="again")])
    assert result["settled"] == []
    (warning,) = result["warnings"]
    assert warning.startswith("The survey failed, so that each host looks for itself: ")
    assert lab.calls().count(operation) == 1


def test_failure_of_one_account_is_none_of_the_others(lab, deployed):
    elsewhere = lab.surveyed_host(name="elsewhere")
    elsewhere["dms"] = {**elsewhere["dms"], "assume_role_external_id": "not-the-one"}
    result = lab.survey([elsewhere, lab.surveyed_host()])
    assert result["settled"] == ["crm"]
    assert "could not be assumed" in result["unsettled"]["elsewhere"]
