# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose endpoint, role and policy are: the tag datalake.dms:deployment, which no other deployment gets past."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

OWNER = "datalake.dms:deployment"


def role_tags(lab):
    return lab.iam_role()["Tags"], lab.policies()[lab.policy_arn]["Tags"]


def endpoint_tags(lab, arn):
    return {t["Key"]: t["Value"] for t in lab.client("dms", "dms").list_tags_for_resource(ResourceArn=arn)["TagList"]}


def test_everything_new_is_tagged(lab, predicted):
    prediction = predicted(lab.role, deployment="dev", tags={"team": "data"})
    lab.role(deployment="dev", tags={"team": "data"})
    assert role_tags(lab) == ({OWNER: "dev", "team": "data"},) * 2
    assert prediction["role"]["tags"] == {OWNER: "dev", "team": "data"}
    prediction = predicted(lab.endpoint, deployment="dev")
    made = lab.endpoint(deployment="dev")
    assert endpoint_tags(lab, made["endpoint"]["endpoint_arn"]) == {OWNER: "dev"}
    assert prediction["endpoint"]["tags"] == made["endpoint"]["tags"] == {OWNER: "dev"}
    lab.forget_calls()
    assert lab.role(deployment="dev")["changed"] is lab.endpoint(deployment="dev")["changed"] is False
    assert lab.writes() == []


def test_existing_ones_are_taken_over_with_adopt_and_that_is_a_change_of_tags(lab, predicted):
    made = lab.working_endpoint()
    ours = {"deployment": "dev", "adopt": True}
    assert predicted(lab.endpoint, **ours)["differences"] == ["tags"]
    lab.forget_calls()
    result = lab.endpoint(**ours)
    assert (result["changed"], result["action"], result["differences"]) == (True, "none", ["tags"])
    assert (result["diff"]["before"]["tags"], result["diff"]["after"]["tags"]) == ({}, {OWNER: "dev"})
    assert lab.writes() == ["AddTagsToResource"]
    assert endpoint_tags(lab, made["endpoint"]["endpoint_arn"]) == {OWNER: "dev"}
    lab.forget_calls()
    role = lab.role(**ours)
    assert role["diff"]["after"]["policy"]["tags"] == {OWNER: "dev"}
    assert sorted(lab.writes()) == ["TagPolicy", "TagRole"]
    assert role_tags(lab) == ({OWNER: "dev"},) * 2
    assert lab.role(deployment="dev")["changed"] is lab.endpoint(deployment="dev")["changed"] is False


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("kind", ["endpoint", "role"])
def test_nobodys_is_neither_changed_nor_removed_without_adopt(lab, refused, kind, check):
    lab.working_endpoint()
    module = getattr(lab, kind)
    sentence = refused(module, check=check, deployment="dev")
    assert f"The {kind} " in sentence
    assert "exists without the tag datalake.dms:deployment, so it does not belong to the deployment dev" in sentence
    assert "set adopt=true to take it over as it is" in sentence
    for adopt in (False, True):
        assert "remove it by hand, or take it over first" in refused(
            module, check=check, deployment="dev", state="absent", adopt=adopt
        )


def test_role_under_another_path_or_of_another_shape_stays(lab, refused):
    lab.role(deployment="dev")
    sentence = refused(lab.role, deployment="dev", state="absent", path="/ours/")
    assert "The role dms-s3-crm has path /, not path=/ours/, and is not removed" in sentence
    trust = json.dumps(policy_document(admits("ec2.amazonaws.com")))
    lab.client("lake", "iam").update_assume_role_policy(RoleName="dms-s3-crm", PolicyDocument=trust)
    assert "does not trust DMS, so it is not an access role" in refused(lab.role, deployment="dev", state="absent")


@pytest.mark.parametrize("check", [False, True])
def test_required_tags_come_before_anything_is_made(lab, refused, check):
    demand = {"required_tags": ["team", "cost-center"], "tags": {"team": "data"}, "deployment": "dev"}
    for module in (lab.role, lab.endpoint):
        assert "would lack the tag cost-center, which required_tags requires" in refused(module, check=check, **demand)
    demand["tags"] = {"team": "data", "cost-center": "7"}
    lab.role(**demand)
    made = lab.endpoint(**demand)
    assert endpoint_tags(lab, made["endpoint"]["endpoint_arn"])["cost-center"] == "7"


def test_tag_outlives_purging(lab):
    lab.role(deployment="dev")
    lab.role(deployment="dev", tags={})
    assert role_tags(lab) == ({OWNER: "dev"},) * 2


def test_tag_outlives_creating_again(lab):
    lab.role()
    lab.endpoint(deployment="dev")
    made = lab.endpoint(deployment="dev", tags={}, compression_type="gzip")
    assert made["action"] == "recreated"
    assert endpoint_tags(lab, made["endpoint"]["endpoint_arn"]) == {OWNER: "dev"}
    made = lab.endpoint(compression_type="gzip", recreate=True)
    assert endpoint_tags(lab, made["endpoint"]["endpoint_arn"]) == {OWNER: "dev"}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_endpoint_of_another_deployment_is_refused(lab, refused, state, check):
    made = lab.working_endpoint(deployment="dev")
    lab.task(made["endpoint"]["endpoint_arn"])
    sentence = refused(lab.endpoint, check=check, deployment="test", state=state)
    assert "The endpoint dev-crm belongs to the deployment dev, not to test" in sentence
    assert "set its tag datalake.dms:deployment to test first" in sentence
    assert len(lab.endpoints()) == 2  # And the task's source.


@pytest.mark.parametrize("state", ["present", "absent"])
def test_role_of_another_deployment_is_refused(lab, refused, state):
    lab.role(deployment="dev")
    assert "The role dms-s3-crm belongs to the deployment dev, not to test" in refused(
        lab.role, deployment="test", state=state
    )


def test_policy_of_another_deployment_is_refused(lab, refused):
    document = policy_document(allows("s3:ListBucket"))
    lab.client("lake", "iam").create_policy(
        PolicyName="dms-s3-crm", PolicyDocument=json.dumps(document), Tags=[{"Key": OWNER, "Value": "dev"}]
    )
    assert "The policy dms-s3-crm belongs to the deployment dev, not to test" in refused(lab.role, deployment="test")
    assert lab.role(deployment="dev")["changed"] is True


@pytest.mark.parametrize("kind", ["endpoint", "role"])
def test_without_a_deployment_what_another_one_owns_is_changed_and_not_removed(lab, refused, kind):
    made = lab.working_endpoint(deployment="dev", role={"deployment": "dev"})
    assert lab.endpoint(deployment="")["changed"] is lab.role(deployment="")["changed"] is False
    assert endpoint_tags(lab, made["endpoint"]["endpoint_arn"]) == {OWNER: "dev"}
    sentence = refused(getattr(lab, kind), state="absent")
    assert "belongs to the deployment dev, and is not removed; set deployment=dev to remove it" in sentence
    assert (len(lab.endpoints()), lab.iam_role() is None) == (1, False)
    assert lab.endpoint(state="absent", adopt=True)["changed"] is True
    assert lab.role(state="absent", adopt=True)["changed"] is True


def test_without_a_deployment_what_nobody_owns_is_removed(lab):
    lab.working_endpoint()
    assert lab.endpoint(state="absent")["changed"] is lab.role(state="absent")["changed"] is True


def test_own_ones_are_removed(lab):
    lab.working_endpoint(deployment="dev", role={"deployment": "dev"})
    lab.endpoint(deployment="dev", state="absent")
    lab.role(deployment="dev", state="absent")
    assert (lab.endpoints(), lab.iam_role(), lab.policies()) == ([], None, {})


def test_policy_that_only_has_the_name_stays(lab, predicted):
    """A role left over whose policy was taken away, and somebody's policy of the same name beside it."""
    lab.role(deployment="dev", policy_name="ours")
    iam = lab.client("lake", "iam")
    document = policy_document(allows("s3:ListBucket"))
    iam.detach_role_policy(RoleName="dms-s3-crm", PolicyArn=lab.policy_arn.replace("dms-s3-crm", "ours"))
    iam.create_policy(PolicyName="dms-s3-crm", PolicyDocument=json.dumps(document))
    prediction = predicted(lab.role, deployment="dev", state="absent")
    result = lab.role(deployment="dev", state="absent")
    assert prediction == result
    assert result["warnings"] == ["policy dms-s3-crm has no tag of deployment dev and stays."]
    assert lab.iam_role() is None
    assert lab.policy_arn in lab.policies()


def test_removal_leaves_the_role_to_the_end(lab):
    """A run that is killed in between leaves the role, by which the policy is found again."""
    lab.role(deployment="dev")
    lab.forget_calls()
    lab.role(deployment="dev", state="absent")
    assert lab.writes() == ["DetachRolePolicy", "DeletePolicy", "DeleteRole"]
