# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_crossaccount_role_info: every role there is, in few calls."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

DETAILS = pytest.mark.parametrize("details", [False, True], ids=["by role", "by account"])


def trust(*services):
    return json.dumps(policy_document(admits(list(services))))


@DETAILS
def test_no_role(lab, details):
    lab.client("lake", "iam").create_role(RoleName="backup", AssumeRolePolicyDocument=trust("backup.amazonaws.com"))
    assert lab.roles_info(account_authorization_details=details) == []


def test_role_is_shown_as_the_module_shows_it(lab):
    made = lab.role(tags={"team": "data"}, deployment="dev")
    (role,) = lab.roles_info()
    assert role == {**made["role"], "policies": [made["policy"]]}
    (same,) = lab.roles_info(account_authorization_details=True)
    assert same == {**made["role"], "policies": [{**made["policy"], "tags": None}]}


@DETAILS
def test_what_others_added_is_shown(lab, details):
    made = lab.role()
    iam = lab.client("lake", "iam")
    policy = policy_document(allows("s3:ListBucket"))
    iam.put_role_policy(RoleName="dms-s3-crm", PolicyName="by-hand", PolicyDocument=json.dumps(policy))
    managed = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    iam.attach_role_policy(RoleName="dms-s3-crm", PolicyArn=managed)
    (role,) = lab.roles_info(account_authorization_details=details)
    assert role["inline_policies"] == ["by-hand"]
    assert role["attached_policies"] == sorted([managed, made["policy"]["arn"]])
    assert [p["arn"] for p in role["policies"]] == [made["policy"]["arn"]]


@DETAILS
def test_roles_are_sorted_and_chosen(lab, details):
    iam = lab.client("lake", "iam")
    for name, path, service in (
        ("b", "/team/", "dms.eu-central-1.amazonaws.com"),
        ("a", "/", "dms.amazonaws.com"),
        ("c", "/team/", "dms.amazonaws.com"),
        ("d", "/team/", "backup.amazonaws.com"),
    ):
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust(service))

    def names(**options):
        return [r["role_name"] for r in lab.roles_info(account_authorization_details=details, **options)]

    assert names() == ["a", "b", "c"]
    assert names(path_prefix="/team/") == ["b", "c"]
    assert names(path_prefix="/team/", role_names=["c", "a", "c", "d", "none"]) == ["c"]
    assert names(exclude_role_names=["b"]) == ["a", "c"]
    assert names(role_names=[]) == []


def test_calls_by_role(lab):
    lab.role()
    lab.forget_calls()
    lab.roles_info()
    assert lab.calls() == [
        "ListRoles",
        "GetRole",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "GetPolicy",
        "GetPolicyVersion",
    ]
    lab.forget_calls()
    lab.roles_info(exclude_role_names=["dms-s3-crm"])
    assert lab.calls() == ["ListRoles"]
    lab.forget_calls()
    assert lab.roles_info(role_names=["none"]) == []
    assert lab.calls() == ["GetRole"]


def test_calls_by_account(lab):
    lab.role()
    lab.forget_calls()
    lab.roles_info(account_authorization_details=True)
    assert lab.calls() == ["GetAccountAuthorizationDetails"]


def test_path_without_a_slash(lab, refused):
    assert "path_prefix=team/ must begin with a slash; write /team/" in refused(lab.roles_info, path_prefix="team/")
