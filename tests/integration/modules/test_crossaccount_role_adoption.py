# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_crossaccount_role: what it finds in the account already, and what belongs to others."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

OPEN = admits(Sid="ByHand")
BACKUP = {
    "Sid": "Backup",
    "Effect": "Allow",
    "Principal": {"Service": "backup.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
POLICY = policy_document(allows("s3:ListBucket"))


def document(*statements):
    return json.dumps(policy_document(*statements))


@pytest.fixture
def iam(lab):
    return lab.client("lake", "iam")


@pytest.fixture
def hand_made_role(iam):
    iam.create_role(RoleName="dms-s3-crm", AssumeRolePolicyDocument=document(OPEN, BACKUP))


def sids(lab):
    return [s["Sid"] for s in lab.iam_role()["Trust"]["Statement"]]


def test_open_trust_is_closed_and_reported(lab, hand_made_role, predicted):
    prediction = predicted(lab.role, external_ids=["one-id"])
    result = lab.role(external_ids=["one-id"])
    assert prediction == result
    (finding,) = result["findings"]
    assert "statement ByHand lets dms.amazonaws.com assume the role without sts:ExternalId" in finding
    assert result["warnings"] == [f"dms-s3-crm: {finding}; the task removes that access."]
    assert sids(lab) == ["DatalakeDmsEndpoint", "Backup"]
    again = lab.role(external_ids=["one-id"])
    assert (again["changed"], again["findings"], again["warnings"]) == (False, [], [])


def test_statements_of_others_are_purged_where_that_is_wanted(lab, hand_made_role):
    lab.role(external_ids=["one-id"], purge_trust_statements=True)
    assert sids(lab) == ["DatalakeDmsEndpoint"]


def test_condition_that_was_removed_by_hand_comes_back(lab, iam):
    lab.role(external_ids=["one-id"])
    iam.update_assume_role_policy(
        RoleName="dms-s3-crm", PolicyDocument=document({**OPEN, "Sid": "DatalakeDmsEndpoint"})
    )
    result = lab.role(external_ids=["one-id"])
    assert len(result["findings"]) == 1
    assert lab.iam_role()["Trust"]["Statement"][0]["Condition"] == {"StringEquals": {"sts:ExternalId": ["one-id"]}}


def test_document_that_says_the_same_in_another_order_stays(lab, iam):
    lab.role(external_ids=["one-id", "two-id"])
    trust = lab.iam_role()["Trust"]
    statement = trust["Statement"][0]
    statement["Condition"]["StringEquals"]["sts:ExternalId"].reverse()
    statement["Principal"] = {"Service": "dms.amazonaws.com"}
    iam.update_assume_role_policy(RoleName="dms-s3-crm", PolicyDocument=json.dumps(trust))
    assert lab.role(external_ids=["one-id", "two-id"])["changed"] is False


def test_versions_are_pruned_at_five(lab, iam):
    lab.role()
    for number in range(4):
        changed = {**POLICY, "Statement": [{**POLICY["Statement"][0], "Sid": f"Version{number}"}]}
        iam.create_policy_version(PolicyArn=lab.policy_arn, PolicyDocument=json.dumps(changed), SetAsDefault=True)
    result = lab.role()
    assert result["changed"] is True
    versions = lab.policies()[lab.policy_arn]["VersionIds"]
    assert len(versions) <= 4
    assert lab.iam_role()["AttachedPolicies"][lab.policy_arn] == result["policy"]["document"]
    for number in range(6):
        lab.role(bucket_folder=f"raw/{number}")
    assert len(lab.policies()[lab.policy_arn]["VersionIds"]) <= 4


def test_boundary_is_set_kept_and_changed(lab, iam, predicted):
    arns = [
        iam.create_policy(PolicyName=f"boundary-{n}", PolicyDocument=json.dumps(POLICY))["Policy"]["Arn"]
        for n in (1, 2)
    ]
    assert lab.role(permissions_boundary=arns[0])["role"]["permissions_boundary"] == arns[0]
    assert lab.iam_role()["Boundary"]["Arn"] == arns[0]
    assert lab.role()["changed"] is False
    assert predicted(lab.role, permissions_boundary=arns[1])["changed"] is True
    lab.role(permissions_boundary=arns[1])
    assert lab.iam_role()["Boundary"]["Arn"] == arns[1]
    lab.role(state="absent")
    assert sorted(lab.policies()) == sorted(arns)


def attach(iam, policy):
    arn = iam.create_policy(PolicyName="foreign", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="dms-s3-crm", PolicyArn=arn)


def put_inline(iam, policy):
    iam.put_role_policy(RoleName="dms-s3-crm", PolicyName="foreign", PolicyDocument=json.dumps(policy))


@pytest.mark.parametrize("give", [attach, put_inline])
def test_policies_of_others_refuse_the_removal(lab, iam, refused, give):
    lab.role()
    give(iam, POLICY)
    sentence = refused(lab.role, state="absent")
    assert "dms-s3-crm has policies that this module did not create" in sentence
    assert "foreign" in sentence
    assert "detach or delete them" in sentence
    assert lab.iam_role() is not None
    assert lab.role()["changed"] is False


def test_policy_of_others_stays_attached(lab, iam):
    lab.role()
    attach(iam, POLICY)
    result = lab.role()
    assert result["changed"] is False
    assert len(result["role"]["attached_policies"]) == 2


def test_what_others_added_is_listed_apart_and_stays(lab, iam):
    lab.role()
    attach(iam, POLICY)
    put_inline(iam, POLICY)
    result = lab.role(bucket_folder="raw/other")
    foreign_arn = f"arn:aws:iam::{lab.lake_account}:policy/foreign"
    assert result["foreign"] == {
        "trust_statements": [],
        "attached_policies": [foreign_arn],
        "inline_policies": ["foreign"],
    }
    assert iam.list_role_policies(RoleName="dms-s3-crm")["PolicyNames"] == ["foreign"]
    assert foreign_arn in lab.iam_role()["AttachedPolicies"]


def test_policy_that_other_roles_use_stays(lab, iam, predicted):
    lab.role()
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=document(BACKUP))
    iam.attach_role_policy(RoleName="other", PolicyArn=lab.policy_arn)
    prediction = predicted(lab.role, state="absent")
    result = lab.role(state="absent")
    assert prediction == result
    assert result["warnings"] == ["policy dms-s3-crm is attached to other roles too and stays."]
    assert lab.iam_role() is None
    assert list(lab.policies()) == [lab.policy_arn]
    assert result["policy"]["arn"] == lab.policy_arn


def test_other_path_is_refused(lab, iam, refused):
    iam.create_role(RoleName="dms-s3-crm", Path="/team/", AssumeRolePolicyDocument=document(BACKUP))
    sentence = refused(lab.role)
    assert "dms-s3-crm exists with path /team/" in sentence
    assert "set path to the role's path, or remove the role first" in sentence


def test_role_in_use_by_an_instance_profile_is_explained(lab, iam):
    lab.role()
    iam.create_instance_profile(InstanceProfileName="other")
    iam.add_role_to_instance_profile(InstanceProfileName="other", RoleName="dms-s3-crm")
    with pytest.raises(Exception, match="delete the access role"):
        lab.role(state="absent")
