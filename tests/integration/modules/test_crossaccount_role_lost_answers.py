# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_crossaccount_role: an answer that is lost makes botocore send the request again; the end is right all the same."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

QUICKLY = {"aws_config": {"retries": {"mode": "standard", "total_max_attempts": 3}}}
FOLDERS = ["raw/a", "raw/b", "raw/c", "raw/d", "raw/e"]


@pytest.mark.parametrize("operation", ["CreatePolicy", "CreateRole", "AttachRolePolicy"])
def test_creation(lab, operation):
    lab.fault("iam", operation, "reset_after", "lake")
    result = lab.role(external_ids=["one-id"], tags={"team": "data"}, **QUICKLY)
    assert lab.calls(operation) == [operation] * 2
    assert result["changed"] is True
    assert lab.role(external_ids=["one-id"], tags={"team": "data"})["changed"] is False
    assert list(lab.policies()) == [lab.policy_arn]


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("UpdateAssumeRolePolicy", {"external_ids": ["two-id"]}),
        ("CreatePolicyVersion", {"bucket_folder": "raw/new"}),
        ("DeletePolicyVersion", {"bucket_folder": "raw/new"}),
        ("TagRole", {"tags": {"team": "lake"}}),
        ("UntagRole", {"tags": {}}),
        ("TagPolicy", {"tags": {"team": "lake"}}),
        ("UntagPolicy", {"tags": {}}),
    ],
)
def test_update(lab, operation, options):
    for folder in FOLDERS if operation == "DeletePolicyVersion" else FOLDERS[:1]:
        lab.role(external_ids=["one-id"], tags={"team": "data"}, bucket_folder=folder)
    lab.fault("iam", operation, "reset_after", "lake")
    lab.forget_calls()
    lab.role(**{"bucket_folder": folder, **options}, **QUICKLY)
    assert lab.calls(operation)[:2] == [operation] * 2
    assert lab.role(**{"bucket_folder": folder, **options})["changed"] is False


def test_boundary(lab):
    policy = policy_document(allows("s3:*"))
    iam = lab.client("lake", "iam")
    arn = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    lab.role()
    lab.fault("iam", "PutRolePermissionsBoundary", "reset_after", "lake")
    lab.role(permissions_boundary=arn, **QUICKLY)
    assert lab.role(permissions_boundary=arn)["changed"] is False


@pytest.mark.parametrize("operation", ["DetachRolePolicy", "DeleteRole", "DeletePolicyVersion", "DeletePolicy"])
def test_removal(lab, operation):
    lab.role()
    lab.role(bucket_folder="raw/new")
    lab.fault("iam", operation, "reset_after", "lake")
    lab.forget_calls()
    assert lab.role(state="absent", **QUICKLY)["changed"] is True
    assert lab.calls(operation) == [operation] * 2
    assert lab.iam_role() is None
    assert lab.policies() == {}


def test_five_versions_are_enough_where_a_version_is_made_twice(lab):
    for folder in FOLDERS:
        lab.role(bucket_folder=folder)
    lab.fault("iam", "CreatePolicyVersion", "reset_after", "lake")
    assert lab.role(bucket_folder="raw/new", **QUICKLY)["changed"] is True


def test_role_that_somebody_else_makes_meanwhile_is_not_taken_for_ours(lab):
    trust = {
        "Version": "2012-10-17",
        "Statement": [admits("backup.amazonaws.com")],
    }
    iam = lab.client("lake", "iam")
    lab.fault("iam", "CreateRole", "error", "lake", code="EntityAlreadyExists", status=409)
    with pytest.raises(Exception, match="was created by others at the same time; run again"):
        lab.role()
    iam.create_role(RoleName="dms-s3-crm", AssumeRolePolicyDocument=json.dumps(trust))
    result = lab.role()
    assert [s.get("Sid") for s in result["role"]["assume_role_policy_document"]["Statement"]] == [
        "DatalakeDmsEndpoint",
        None,
    ]


def test_role_that_another_run_of_the_deployment_makes_meanwhile_is_completed(lab):
    lab.role(deployment="dev")
    client = lab.client("lake", "iam")
    trust = lab.iam_role()["Trust"]
    # Our read came before the other run.
    lab.fault("iam", "GetRole", "error", "lake", code="NoSuchEntity", status=404)
    result = lab.role(deployment="dev", external_ids=["one-id"])
    assert result["external_ids"] == ["one-id"]
    assert lab.iam_role()["Trust"] != trust
    assert client.get_role(RoleName="dms-s3-crm")["Role"]["Path"] == "/"


def test_role_that_another_deployment_makes_meanwhile_is_left_alone(lab):
    lab.role(deployment="other")
    before = lab.iam_role()
    lab.fault("iam", "GetRole", "error", "lake", code="NoSuchEntity", status=404)
    lab.fault("iam", "GetPolicy", "error", "lake", code="NoSuchEntity", status=404)
    with pytest.raises(Exception, match="belongs to the deployment other"):
        lab.role(deployment="dev")
    assert lab.iam_role() == before
