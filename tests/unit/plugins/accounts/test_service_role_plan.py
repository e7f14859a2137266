# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service roles: what is completed and what is left as somebody made it, what is wrong with one, and what may be removed."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._accounts import service_role_plan as plan
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Identity
from ansible_collections.datalake.dms.plugins.module_utils._hosts.orphans import Names, orphans
from builders import DMS as ACCOUNT
from builders import LAKE, policy_arn
from builders import policy_document as trust

DMS, REDSHIFT = "dms.amazonaws.com", "redshift.amazonaws.com"
VPC, LOGS, REDSHIFT_ROLE = plan.SERVICE_ROLES


def statement(*services, effect="Allow", action="sts:AssumeRole", **more):
    return {"Effect": effect, "Principal": {"Service": list(services)}, "Action": action, **more}


def ours(*services, number=""):
    return {"Sid": f"DatalakeDmsServiceRole{number}", **statement(*services)}


def planned(name, role=None, partition="aws", tags=None, deployment=None):
    return plan.planned_role(name, role, Identity(ACCOUNT, partition), tags or {}, deployment)


def role(name=VPC, document=None, **more):
    """A role that somebody else made."""
    usual = {"tags": {}, "attached_policies": [plan.policy_arn(name, "aws")]}
    return {**planned(name), **usual, "assume_role_policy_document": document or trust(statement(DMS)), **more}


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize(
    ("name", "policy", "services"),
    [
        ("dms-vpc-role", "AmazonDMSVPCManagementRole", [DMS]),
        ("dms-cloudwatch-logs-role", "AmazonDMSCloudWatchLogsRole", [DMS]),
        ("dms-access-for-endpoint", "AmazonDMSRedshiftS3Role", [DMS, REDSHIFT]),
    ],
)
def test_new_role_is_what_dms_asks_for(partition, name, policy, services):
    made = planned(name, None, partition, {"team": "data", plan.MADE_BY_TAG: "me"}, "lake-dev")
    assert made["arn"] == f"arn:{partition}:iam::{ACCOUNT}:role/{name}"
    assert made["attached_policies"] == [f"arn:{partition}:iam::aws:policy/service-role/{policy}"]
    assert made["assume_role_policy_document"] == trust(ours(*services))
    assert made["tags"] == {
        "team": "data",
        "datalake.dms:deployment": "lake-dev",
        "datalake.dms:made-by": "dms_service_roles",
    }
    assert plan.problems({name: made}, [name]) == []
    assert plan.reason_to_stay(name, made) is None
    assert planned(name, made, partition, {"team": "other"}, "lake-prod") == made


SOURCE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
OTHERS = statement("backup.amazonaws.com", Sid="Backup")

# Trusts of others: (role, trust, the statements that are added).
TRUSTS = {
    "as AWS's console makes it": (VPC, trust(statement(DMS)), []),
    "one statement, not in a list": (VPC, {"Version": "2008-10-17", "Statement": statement(DMS)}, []),
    "hardened": (VPC, trust(statement(DMS, Condition=SOURCE)), []),
    "with a tag session": (VPC, trust(statement(DMS, action=["sts:AssumeRole", "sts:TagSession"])), []),
    "any action": (VPC, trust(statement(DMS, action="sts:*")), []),
    "anybody": (VPC, trust({**statement(), "Principal": "*", "Condition": SOURCE}), []),
    "denied where conditions say so": (VPC, trust(statement(DMS), statement(DMS, effect="Deny", Condition=SOURCE)), []),
    "denied in any case": (VPC, trust(statement(DMS, effect="Deny")), []),
    "another service": (VPC, trust(OTHERS), [ours(DMS)]),
    "DMS of one region": (VPC, trust(statement("dms.eu-central-1.amazonaws.com")), [ours(DMS)]),
    "another action": (VPC, trust(statement(DMS, action="sts:TagSession")), [ours(DMS)]),
    "no statement": (VPC, trust(), [ours(DMS)]),
    "without Redshift": (REDSHIFT_ROLE, trust(statement(DMS)), [ours(REDSHIFT)]),
    "ours without Redshift": (REDSHIFT_ROLE, trust(ours(DMS)), [ours(REDSHIFT, number="2")]),
    "both in statements of their own": (REDSHIFT_ROLE, trust(statement(DMS), statement(REDSHIFT)), []),
}


@pytest.mark.parametrize(("name", "document", "added"), TRUSTS.values(), ids=TRUSTS)
def test_trust_of_others_is_completed_and_nothing_of_it_lost(name, document, added):
    before = role(name, copy.deepcopy(document), permissions_boundary="arn:aws:iam::1:policy/b", inline_policies=["x"])
    after = planned(name, before, deployment="lake-dev", tags={"team": "data"})
    present = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    if added:
        assert after["assume_role_policy_document"] == {**document, "Statement": [*present, *added]}
    assert {**after, "assume_role_policy_document": document} == before
    assert before["assume_role_policy_document"] == document
    assert (after == before) is not bool(added)
    assert planned(name, after) == after


def test_missing_policy_is_attached_beside_those_of_others():
    others = policy_arn("others", ACCOUNT)
    after = planned(VPC, role(attached_policies=[others]))
    assert after["attached_policies"] == [others, plan.policy_arn(VPC, "aws")]
    assert after["tags"] == {}


PROBLEMS = {
    "none": (VPC, role(), []),
    "no role": (LOGS, None, ["The service role dms-cloudwatch-logs-role does not exist"]),
    "not admitted": (VPC, role(document=trust(OTHERS)), ["does not admit dms.amazonaws.com; run service_roles.yml"]),
    "denied": (VPC, role(document=trust(statement(DMS, effect="Deny"), statement(DMS))), ["denies dms.amazonaws.com"]),
    "no policy": (
        VPC,
        role(attached_policies=[]),
        ["lacks the policy arn:aws:iam::aws:policy/service-role/AmazonDMSVPC"],
    ),
    "Redshift": (REDSHIFT_ROLE, role(REDSHIFT_ROLE), ["does not admit redshift.amazonaws.com"]),
    "two at once": (VPC, role(document=trust(OTHERS), attached_policies=[]), ["does not admit", "lacks the policy"]),
    "hardened": (VPC, role(document=trust(statement(DMS, Condition=SOURCE))), []),
    "hardened logs": (
        LOGS,
        role(LOGS, trust(statement(DMS, Condition={"ArnLike": {"AWS:sourcearn": "arn:*"}, **SOURCE}))),
        ["has the condition AWS:sourcearn, aws:SourceAccount, with which DMS may stop logging"],
    ),
    "hardened for others": (LOGS, role(LOGS, trust(statement(DMS), {**OTHERS, "Condition": SOURCE})), []),
}


@pytest.mark.parametrize(("name", "view", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems_are_sentences(name, view, said):
    problems = plan.problems({name: view}, [name])
    assert len(problems) == len(said)
    for problem, text in zip(problems, said, strict=True):
        assert text in problem
        assert name in problem
        assert problem.endswith(".")


def test_only_the_named_roles_have_problems():
    assert plan.problems({VPC: role(), LOGS: None}, [VPC]) == []
    assert len(plan.problems({}, [VPC, LOGS])) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tags": {}}, "was not created by this collection"),
        (
            {"tags": {"datalake.dms:made-by": "somebody", "datalake.dms:deployment": "x"}},
            "was not created by this collection",
        ),
        (
            {"attached_policies": ["arn:aws:iam::aws:policy/Other"]},
            "has policies of others (arn:aws:iam::aws:policy/O",
        ),
        ({"inline_policies": ["more"]}, "has policies of others (inline policy more)"),
        ({"permissions_boundary": "arn:aws:iam::1:policy/b"}, "changed the trust or the permissions boundary"),
        ({"assume_role_policy_document": trust(ours(DMS), OTHERS)}, "changed the trust"),
        ({"assume_role_policy_document": trust({**ours(DMS), "Condition": SOURCE})}, "changed the trust"),
    ],
)
def test_a_tag_alone_removes_nothing(changed, said):
    assert said in plan.reason_to_stay(VPC, {**planned(VPC), **changed})


def test_interrupted_removal_can_go_on():
    assert plan.reason_to_stay(VPC, {**planned(VPC), "attached_policies": []}) is None


def test_no_service_role_is_an_orphan():
    made = {**planned(VPC, deployment="lake-dev"), "policies": []}
    declared = Names(
        deployment="lake-dev",
        endpoint_identifier="dev-erp",
        region="eu-central-1",
        dms_account_id=ACCOUNT,
        lake_account_id=LAKE,
        role_name="dms-s3-erp",
        role_path="/",
    )
    assert orphans([], [made], "lake-dev", [declared]) == []
    assert len(orphans([], [{**made, "role_name": "dms-s3-crm"}], "lake-dev", [declared])) == 1
