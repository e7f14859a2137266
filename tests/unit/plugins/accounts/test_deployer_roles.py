# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of the roles to assume: what they say, what they never say, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_roles import (
    access_boundary,
    deployer_access,
    deployer_boundary,
    profile_documents,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_scope import DeployerScope
from ansible_collections.datalake.dms.plugins.module_utils._accounts.permissions import (
    KINDS,
    PERMISSIONS,
    PROFILE_SIDES,
    PROFILES,
    note,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import POLICY_LENGTH, document_length
from builders import DMS, LAKE
from embedded_aws.iam.policy_documents import problem_of

DEPLOYMENT = DeployerScope(
    name="datalake-dev",
    partition="aws",
    regions=["eu-central-1"],
    dms_account_id=DMS,
    lake_account_id=LAKE,
    principals=["999999999999", "arn:aws:iam::999999999999:role/awx"],
    external_ids={"dms": "one-of-dms", "lake": "one-of-lake"},
    bucket_names=["lake-dev"],
    kms_key_arns=[f"arn:aws:kms:eu-central-1:{LAKE}:key/1"],
    replication_instance_arns=[f"arn:aws:dms:eu-central-1:{DMS}:rep:dev"],
    role_names=["dms-s3-dev-*"],
    journal_bucket="journals-dev",
    journal_prefix="datalake-dms",
    journal_kms_key_arn=f"arn:aws:kms:eu-central-1:{DMS}:key/2",
)
SIDES = ("dms", "lake")
BOTH_MODES = dataclasses.replace(DEPLOYMENT, access_modes=["crossaccount_role", "bucket_policy"])
CHINA = dataclasses.replace(
    DEPLOYMENT,
    partition="aws-cn",
    regions=["cn-north-1", "cn-northwest-1"],
    principals=["999999999999"],
    kms_key_arns=[f"arn:aws-cn:kms:cn-north-1:{LAKE}:key/1"],
    replication_instance_arns=[f"arn:aws-cn:dms:cn-north-1:{DMS}:rep:dev"],
    journal_kms_key_arn=f"arn:aws-cn:kms:cn-north-1:{DMS}:key/2",
)


def with_(**changes):
    return dataclasses.replace(DEPLOYMENT, **changes)


def policies(deployment, side):
    return {policy["name"]: policy["document"] for policy in deployer_access(deployment, [side])["policies"]}


def statements(deployment, side, profile):
    return [s for document in profile_documents(deployment, side, profile) for s in document["Statement"]]


def granted(deployment, side, profile, action):
    return [s for s in statements(deployment, side, profile) if action in s["Action"]]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("deployment", [DEPLOYMENT, BOTH_MODES, CHINA], ids=["one mode", "both modes", "China"])
def test_documents_are_well_formed_and_short_enough(deployment, side):
    for name, document in policies(deployment, side).items():
        assert problem_of(json.dumps(document), "identity") is None, name
        assert document_length(document) <= POLICY_LENGTH, name
        assert all(re.fullmatch(r"[A-Za-z0-9]+", s["Sid"]) for s in document["Statement"]), name
        assert "${" not in json.dumps(document)
        assert {arn.split(":")[1] for arn in re.findall(r"arn:[^:]+:", json.dumps(document))} == {deployment.partition}
    for role in deployer_access(deployment, [side])["roles"]:
        assert problem_of(json.dumps(role["trust"]), "trust") is None
        assert len(role["name"]) <= 64
        assert len(role["policies"]) <= 10


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("profile", PROFILES)
def test_no_write_is_granted_on_everything(side, profile):
    """Reads of DMS and of lists have no resources; whatever else is on everything has a region at least."""
    if side in PROFILE_SIDES[profile]:
        wide = [s for s in statements(BOTH_MODES, side, profile) if "*" in s["Resource"]]
        reads = ("Describe", "List", "Get", "Validate")
        for statement in wide:
            writes = [a for a in statement["Action"] if not a.split(":")[1].startswith(reads)]
            assert set(writes) <= {
                "dms:CreateEndpoint",
                "dms:CreateEventSubscription",
                "kms:CreateKey",
                "kms:TagResource",
            }
            iam = [a for a in statement["Action"] if a.startswith("iam:")]
            regional = statement.get("Condition", {}).get("StringEquals", {}).get("aws:RequestedRegion")
            assert (regional == ["eu-central-1"]) is (iam == []), statement


@pytest.mark.parametrize(
    ("action", "condition"),
    [
        ("iam:CreateRole", {"StringEquals": {"iam:PermissionsBoundary": DEPLOYMENT.boundary_arn("lake")}}),
        ("iam:PutRolePermissionsBoundary", {"StringEquals": {"iam:PermissionsBoundary": DEPLOYMENT.boundary_arn("lake")}}),
        (
            "iam:AttachRolePolicy",
            {
                "StringEquals": {"iam:PermissionsBoundary": DEPLOYMENT.boundary_arn("lake")},
                "ArnLike": {"iam:PolicyARN": [f"arn:aws:iam::{LAKE}:policy/datalake-dms/datalake-dev/*"]},
            },
        ),
        ("iam:UpdateAssumeRolePolicy", None),
    ],
)  # fmt: skip
def test_what_a_deployer_may_do_to_roles(action, condition):
    (statement,) = granted(DEPLOYMENT, "lake", "deployer", action)
    assert statement["Resource"] == [f"arn:aws:iam::{LAKE}:role/datalake-dms/datalake-dev/*"]
    assert statement.get("Condition") == condition
    assert granted(DEPLOYMENT, "dms", "deployer", action) == []
    assert granted(DEPLOYMENT, "lake", "reader", action) == granted(DEPLOYMENT, "lake", "remover", action) == []


def test_roles_are_passed_to_dms_only():
    (statement,) = granted(BOTH_MODES, "dms", "deployer", "iam:PassRole")
    assert statement["Resource"] == [
        f"arn:aws:iam::{account}:role/datalake-dms/datalake-dev/*" for account in (DMS, LAKE)
    ]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "dms.amazonaws.com"}}


def test_service_roles_by_exact_arn_each_with_its_policy():
    found = granted(DEPLOYMENT, "dms", "service_roles", "iam:AttachRolePolicy")
    assert [(s["Resource"], s["Condition"]["ArnEquals"]["iam:PolicyARN"].rpartition("/")[2]) for s in found] == [
        ([f"arn:aws:iam::{DMS}:role/dms-vpc-role"], "AmazonDMSVPCManagementRole"),
        ([f"arn:aws:iam::{DMS}:role/dms-cloudwatch-logs-role"], "AmazonDMSCloudWatchLogsRole"),
        ([f"arn:aws:iam::{DMS}:role/dms-access-for-endpoint"], "AmazonDMSRedshiftS3Role"),
    ]
    assert not any(
        "*" in resource
        for s in granted(DEPLOYMENT, "dms", "service_roles", "iam:CreateRole")
        for resource in s["Resource"]
    )


def test_what_depends_on_the_deployment():
    assert granted(with_(journal_bucket=""), "dms", "deployer", "s3:PutObject") == []
    assert granted(with_(journal_kms_key_arn=""), "dms", "deployer", "kms:GenerateDataKey") == []
    assert granted(with_(replication_instance_arns=[]), "dms", "deployer", "dms:TestConnection")[0]["Sid"] == "Endpoint"
    assert granted(DEPLOYMENT, "dms", "deployer", "dms:ModifyEndpoint") == []
    assert granted(BOTH_MODES, "dms", "deployer", "dms:ModifyEndpoint") != []
    one_account = with_(lake_account_id=DMS)
    assert granted(one_account, "dms", "deployer", "dms:ModifyEndpoint") != []
    assert granted(DEPLOYMENT, "lake", "reader", "iam:GetAccountAuthorizationDetails") == []
    for profile in ("reader", "deployer"):
        (wide,) = granted(with_(account_wide=True), "lake", profile, "iam:GetAccountAuthorizationDetails")
        assert wide["Resource"] == ["*"]
    assert granted(with_(account_wide=True), "lake", "remover", "iam:GetAccountAuthorizationDetails") == []
    bucket_policy = with_(access_modes=["bucket_policy"])
    assert granted(bucket_policy, "lake", "deployer", "iam:CreateRole") == []
    (made,) = granted(bucket_policy, "dms", "deployer", "iam:CreateRole")
    assert made["Condition"]["StringEquals"]["iam:PermissionsBoundary"] == DEPLOYMENT.boundary_arn("dms")
    assert "access-boundary" in policies(bucket_policy, "dms")
    assert "access-boundary" not in policies(bucket_policy, "lake")


def test_one_account_for_both_sides_has_each_boundary_once():
    names = [p["name"] for p in deployer_access(with_(lake_account_id=DMS), SIDES)["policies"]]
    assert len(names) == len(set(names))
    assert names.count("access-boundary") == 1


def test_boundaries():
    access = access_boundary(with_(bucket_names=["a-lake", "b-lake"]), "lake")["Statement"]
    denied = {s["Sid"]: s for s in access if s["Effect"] == "Deny"}
    assert denied["NoIdentities"]["Action"] == ["iam:*", "sts:*"]
    assert denied["NoOtherBuckets"]["NotResource"] == [
        f"arn:aws:s3:::{b}{end}" for b in ("a-lake", "b-lake") for end in ("", "/*")
    ]
    assert not any(a.startswith(("iam:", "sts:")) for s in access if s["Effect"] == "Allow" for a in s["Action"])
    deployers = {s["Sid"]: s for s in deployer_boundary(DEPLOYMENT, "lake")["Statement"]}
    assert "iam:PutRolePolicy" not in deployers["WhatPlaybooksUse"]["Action"]
    assert "sts:*" not in deployers["WhatPlaybooksUse"]["Action"]
    assert deployers["NotTheDeployers"]["Resource"] == [
        f"arn:aws:iam::{LAKE}:{kind}/datalake-dms-deployers/*" for kind in ("role", "policy")
    ]


def test_many_buckets_are_split_among_policies_and_too_many_refused():
    names = [f"a-bucket-with-a-long-name-{number:03}" for number in range(40)]
    documents = profile_documents(with_(bucket_names=names), "lake", "administrator")
    assert len(documents) > 1
    assert all(document_length(document) <= POLICY_LENGTH for document in documents)
    with pytest.raises(DatalakeError, match="distribute its buckets"):
        profile_documents(with_(bucket_names=names * 5), "lake", "administrator")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "with/slash"}, "deployment=with/slash must be letters"),
        ({"name": "d" * 60}, "short enough for names of roles"),
        ({"dms_account_id": "1234"}, "dms_account_id=1234 is not a 12-digit"),
        ({"regions": []}, "regions and access_modes are required"),
        ({"access_modes": ["another"]}, "regions and access_modes are required"),
        ({"role_names": ["*"]}, "role_names has *, which is not a pattern"),
        ({"role_names": ["a/b"]}, "role_names has a/b"),
        ({"external_ids": {"dms": "same-for-both", "lake": "same-for-both"}}, "Both sides have the external id same-for-both"),
        ({"external_ids": {"dms": "one-of-dms"}}, "external_ids has nothing for lake"),
        ({"external_ids": {"dms": "short", "lake": "one-of-lake"}}, "external_ids has short for dms"),
        ({"principals": []}, "principals is empty"),
        ({"principals": ["*"]}, "principals has *, which is neither"),
        ({"principals": ["arn:aws:iam::999999999999:root"]}, "neither an account id nor the ARN of a role or user"),
        ({"bucket_names": []}, "bucket_names is empty"),
        ({"bucket_names": ["lake*"]}, "The bucket lake* is not the name"),
        ({"kms_key_arns": ["alias/lake"]}, "alias/lake is not the full ARN of a KMS key"),
        ({"replication_instance_arns": ["dev"]}, "dev is not the ARN of a replication instance"),
        ({"journal_prefix": "*"}, "journal_prefix=* has *"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused(changes, sentence):
    with pytest.raises(DatalakeError) as error:
        deployer_access(with_(**changes), ["lake"])
    assert sentence in str(error.value.message)


def test_an_external_id_is_used_once():
    ours = deployer_access(DEPLOYMENT, ["lake"])["roles"]
    existing = [{"arn": role["arn"], "assume_role_policy_document": role["trust"]} for role in ours]
    deployer_access(DEPLOYMENT, ["lake"], existing)
    with pytest.raises(
        DatalakeError, match=r"datalake-dev-lake-reader.* can already be assumed with an external id of datalake-test"
    ):
        deployer_access(with_(name="datalake-test"), ["lake"], existing)
    other = with_(name="datalake-test", external_ids={"dms": "two-of-dms", "lake": "two-of-lake"})
    deployer_access(other, ["lake"], existing)


def test_every_kind_of_resource_is_known_and_needed():
    needed = {kind for uses in PERMISSIONS.values() for needs in uses.values() for kind in needs}
    assert needed == set(KINDS)


def test_notes_name_every_action():
    for module, uses in PERMISSIONS.items():
        actions = {a for needs in uses.values() for of_kind in needs.values() for a in of_kind}
        assert [a for a in actions if f"C({a})" not in note(module)] == []
