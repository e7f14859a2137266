# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM's checks that moto lacks, and Access Analyzer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from embedded_aws.iam.policy_documents import Kind, named_principals, problem_of
from embedded_cloud import BUCKET, DMS, KEY_ARN, LAKE, dms_trust, policy, writing

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
# Without it nobody could change the key's policy any more.
KEYS_OWN = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{LAKE}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
BAD_IDENTITY = {
    "no json": "{",
    "no statement": json.dumps({"Version": "2012-10-17"}),
    "empty statement": policy(),
    "wrong version": json.dumps({"Version": "2020-01-01", "Statement": [ALLOW]}),
    "no effect": policy({"Action": "s3:GetObject", "Resource": "*"}),
    "wrong effect": policy({**ALLOW, "Effect": "Permit"}),
    "empty action": policy({**ALLOW, "Action": []}),
    "no action": policy({"Effect": "Allow", "Resource": "*"}),
    "action without a service": policy({**ALLOW, "Action": "GetObject"}),
    "no resource": policy({"Effect": "Allow", "Action": "s3:GetObject"}),
    "a principal": policy({**ALLOW, "Principal": "*"}),
    "an unknown element": policy({**ALLOW, "Colour": "red"}),
    "two equal sids": policy({**ALLOW, "Sid": "A"}, {**ALLOW, "Sid": "A"}),
}
TRUST = {"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}
BAD_TRUST = {
    "no json": "{",
    "no principal": policy({"Effect": "Allow", "Action": "sts:AssumeRole"}),
    "an unknown kind of principal": policy({**TRUST, "Principal": {"Person": "me"}}),
    "an empty principal": policy({**TRUST, "Principal": {"AWS": []}}),
    "a resource": policy({**TRUST, "Resource": "*"}),
    "an absent principal": policy({**TRUST, "Principal": {"AWS": f"arn:aws:iam::{DMS}:role/absent"}}),
}


@pytest.mark.parametrize("document", BAD_IDENTITY.values(), ids=BAD_IDENTITY)
def test_malformed_permissions(cloud: Any, refused: Any, document: str) -> None:
    create = cloud.iam.create_policy
    assert refused(create, PolicyName="p", PolicyDocument=document).startswith("MalformedPolicyDocument")
    put = {"RoleName": "automation-lake", "PolicyName": "p", "PolicyDocument": document}
    assert refused(cloud.iam.put_role_policy, **put).startswith("MalformedPolicyDocument")


@pytest.mark.parametrize("document", BAD_TRUST.values(), ids=BAD_TRUST)
def test_malformed_trusts(cloud: Any, refused: Any, document: str) -> None:
    create = {"RoleName": "r", "AssumeRolePolicyDocument": document}
    assert refused(cloud.iam.create_role, **create).startswith("MalformedPolicyDocument")
    update = {"RoleName": "automation-lake", "PolicyDocument": document}
    assert refused(cloud.iam.update_assume_role_policy, **update).startswith("MalformedPolicyDocument")


def test_malformed_bucket_and_key_policies(cloud: Any, refused: Any) -> None:
    absent = policy({**ALLOW, "Principal": {"AWS": f"arn:aws:iam::{DMS}:role/absent"}})
    s3, kms = cloud.in_account("lake", "s3"), cloud.in_account("lake", "kms")
    for document in ("{}", policy(ALLOW), absent):
        assert refused(s3.put_bucket_policy, Bucket=BUCKET, Policy=document).startswith("MalformedPolicy:")
        put = {"KeyId": KEY_ARN, "PolicyName": "default", "Policy": document}
        assert refused(kms.put_key_policy, **put).startswith("MalformedPolicyDocumentException")


def test_policies_show_the_unique_id_of_a_deleted_role_and_take_none(cloud: Any, refused: Any) -> None:
    s3, kms, iam = cloud.in_account("lake", "s3"), cloud.in_account("lake", "kms"), cloud.in_account("dms", "iam")
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=dms_trust())["Role"]
    admits = ({**ALLOW, "Principal": {"AWS": role["Arn"]}}, {**ALLOW, "Principal": {"AWS": [role["Arn"]]}})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(*admits))
    kms.put_key_policy(KeyId=KEY_ARN, PolicyName="default", Policy=policy(*admits, KEYS_OWN))
    iam.delete_role(RoleName="writer")
    iam.create_role(RoleName="writer", AssumeRolePolicyDocument=dms_trust())
    for shown in (
        s3.get_bucket_policy(Bucket=BUCKET)["Policy"],
        kms.get_key_policy(KeyId=KEY_ARN, PolicyName="default")["Policy"],
    ):
        principals = [statement["Principal"]["AWS"] for statement in json.loads(shown)["Statement"]]
        assert principals[:2] == [role["RoleId"], [role["RoleId"]]]
        assert "Invalid principal" in refused(s3.put_bucket_policy, Bucket=BUCKET, Policy=shown)


def test_a_new_role_is_no_principal_until_it_is_seen(cloud: Any, refused: Any) -> None:
    s3 = cloud.in_account("lake", "s3")
    cloud.control.set_switches(DMS, iam_propagation_uses=1)
    role = cloud.create_role(dms_trust(), side="dms")
    admits = policy({**ALLOW, "Principal": {"AWS": role}})
    assert "Invalid principal" in refused(s3.put_bucket_policy, Bucket=BUCKET, Policy=admits)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=admits)


def test_sizes_of_bucket_and_key_policies(cloud: Any, refused: Any) -> None:
    s3, kms = cloud.in_account("lake", "s3"), cloud.in_account("lake", "kms")
    opened = {**ALLOW, "Principal": {"AWS": f"arn:aws:iam::{DMS}:root"}}

    def document(size: int) -> str:
        return policy({**opened, "Sid": "x" * (size - len(policy({**opened, "Sid": ""}, KEYS_OWN)))}, KEYS_OWN)

    s3.put_bucket_policy(Bucket=BUCKET, Policy=document(20480))
    assert "maximum allowed document size" in refused(s3.put_bucket_policy, Bucket=BUCKET, Policy=document(20481))
    key = {"KeyId": KEY_ARN, "PolicyName": "default"}
    kms.put_key_policy(**key, Policy=document(32768))
    assert refused(kms.put_key_policy, **key, Policy=document(32769)).startswith("LimitExceededException")


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (writing(), "identity"),
        (policy({**ALLOW, "Action": "*"}), "identity"),
        (policy({"Effect": "Deny", "NotAction": ["iam:*"], "NotResource": "*"}), "identity"),
        (dms_trust("an-id"), "trust"),
        (policy({**ALLOW, "Principal": "*"}), "resource"),
        (json.dumps({"Statement": {**ALLOW, "Principal": {"AWS": DMS}}}), "resource"),
    ],
)
def test_well_formed_documents(document: str, kind: Kind) -> None:
    assert problem_of(document, kind) is None


def test_named_principals() -> None:
    arns = [f"arn:aws:iam::{DMS}:role/a", f"arn:aws:iam::{DMS}:root", DMS, f"arn:aws:iam::{DMS}:user/b"]
    document = policy({**TRUST, "Principal": {"AWS": arns}}, {**TRUST, "Principal": "*"}, TRUST)
    assert named_principals(document) == [arns[0], arns[3]]


def test_sizes(cloud: Any, refused: Any) -> None:
    long_trust = dms_trust(*[f"{number:04d}-" + "x" * 100 for number in range(20)])
    assert len(long_trust) > 2048
    create = {"RoleName": "r", "AssumeRolePolicyDocument": long_trust}
    assert refused(cloud.iam.create_role, **create) == "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048"
    spaced = dms_trust("one") + " " * 3000
    cloud.iam.create_role(RoleName="r", AssumeRolePolicyDocument=spaced)
    update = {"RoleName": "r", "PolicyDocument": long_trust}
    assert refused(cloud.iam.update_assume_role_policy, **update).startswith("LimitExceeded")
    large = policy({**ALLOW, "Resource": [f"arn:aws:s3:::{'b' * 50}/{number}" for number in range(110)]})
    assert 6144 < len(large) < 10240
    assert refused(cloud.iam.create_policy, PolicyName="p", PolicyDocument=large).startswith("LimitExceeded")
    cloud.iam.put_role_policy(RoleName="r", PolicyName="one", PolicyDocument=large)
    cloud.iam.put_role_policy(RoleName="r", PolicyName="one", PolicyDocument=large)
    second = {"RoleName": "r", "PolicyName": "two", "PolicyDocument": large}
    assert refused(cloud.iam.put_role_policy, **second).startswith("LimitExceeded: Maximum policy size of 10240")


def test_policies_per_role(cloud: Any, refused: Any) -> None:
    arns = [
        cloud.iam.create_policy(PolicyName=f"p{number}", PolicyDocument=policy(ALLOW))["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in [*arns[:10], arns[0]]:
        cloud.iam.attach_role_policy(RoleName="automation-lake", PolicyArn=arn)
    answer = refused(cloud.iam.attach_role_policy, RoleName="automation-lake", PolicyArn=arns[10])
    assert answer == "LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10"


def test_five_versions(cloud: Any, refused: Any) -> None:
    arn = cloud.iam.create_policy(PolicyName="p", PolicyDocument=policy(ALLOW))["Policy"]["Arn"]
    for _version in range(4):
        cloud.iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(ALLOW), SetAsDefault=True)
    sixth = {"PolicyArn": arn, "PolicyDocument": policy(ALLOW), "SetAsDefault": True}
    assert refused(cloud.iam.create_policy_version, **sixth).startswith("LimitExceeded")


def test_deletions_in_order(cloud: Any, refused: Any) -> None:
    role = {"RoleName": "r", "AssumeRolePolicyDocument": dms_trust()}
    cloud.iam.create_role(**role)
    assert refused(cloud.iam.create_role, **role).startswith("EntityAlreadyExists")
    arn = cloud.iam.create_policy(PolicyName="p", PolicyDocument=policy(ALLOW))["Policy"]["Arn"]
    cloud.iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(ALLOW), SetAsDefault=False)
    cloud.iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    cloud.iam.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=policy(ALLOW))
    cloud.iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=arn)
    assert refused(cloud.iam.delete_role, RoleName="r").startswith("DeleteConflict")
    cloud.iam.delete_role_policy(RoleName="r", PolicyName="inline")
    assert refused(cloud.iam.delete_role, RoleName="r").startswith("DeleteConflict")
    assert "attached to entities" in refused(cloud.iam.delete_policy, PolicyArn=arn)
    cloud.iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    assert "attached to entities" in refused(cloud.iam.delete_policy, PolicyArn=arn)
    cloud.iam.delete_role(RoleName="r")
    assert "more than one version" in refused(cloud.iam.delete_policy, PolicyArn=arn)
    cloud.iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    cloud.iam.delete_policy(PolicyArn=arn)
    assert refused(cloud.iam.delete_policy, PolicyArn=arn).startswith("NoSuchEntity")


def test_aws_managed_policies_are_there(cloud: Any, refused: Any) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole"
    cloud.iam.attach_role_policy(RoleName="automation-lake", PolicyArn=arn)
    attached = cloud.control.state(LAKE)["roles"]["automation-lake"]["AttachedPolicies"]
    assert "ec2:CreateNetworkInterface" in str(attached[arn])
    assert cloud.control.state(LAKE)["policies"] == {}, "it is no customer policy"
    absent = "arn:aws:iam::aws:policy/NoSuchPolicy"
    answer = refused(cloud.iam.attach_role_policy, RoleName="automation-lake", PolicyArn=absent)
    assert answer.startswith("NoSuchEntity")


def test_a_boundary_has_to_exist(cloud: Any, refused: Any) -> None:
    absent = {"RoleName": "automation-lake", "PermissionsBoundary": f"arn:aws:iam::{LAKE}:policy/absent"}
    assert refused(cloud.iam.put_role_permissions_boundary, **absent).startswith("NoSuchEntity")


def test_validate_policy(cloud: Any, refused: Any) -> None:
    analyzer = cloud.in_account("lake", "accessanalyzer")
    good = analyzer.validate_policy(policyDocument=writing(), policyType="IDENTITY_POLICY")
    assert good["findings"] == []
    bad = analyzer.validate_policy(policyDocument=policy({**ALLOW, "Action": []}), policyType="IDENTITY_POLICY")
    assert [finding["findingType"] for finding in bad["findings"]] == ["ERROR"]
    trust = {"policyDocument": dms_trust(), "policyType": "RESOURCE_POLICY"}
    assert analyzer.validate_policy(**trust)["findings"]
    kind = "AWS::IAM::AssumeRolePolicyDocument"
    assert analyzer.validate_policy(**trust, validatePolicyResourceType=kind)["findings"] == []
    assert cloud.control.journal()[-1]["operation"] == "ValidatePolicy"
    assert refused(analyzer.list_analyzers).startswith("UnknownOperationException")


def test_an_operation_or_service_that_moto_lacks_is_refused_at_once(cloud: Any, refused: Any) -> None:
    assert refused(cloud.iam.generate_organizations_access_report, EntityPath="o-exampleorgid/r-root").startswith(
        "UnknownOperationException"
    )
    assert refused(cloud.in_account("lake", "appflow").list_flows).startswith("UnknownOperationException")
    assert [entry["status"] for entry in cloud.control.journal()[-2:]] == [400, 400]


def test_a_policy_that_is_attached_again_is_attached_once(cloud: Any) -> None:
    arn = cloud.iam.create_policy(PolicyName="twice", PolicyDocument=writing())["Policy"]["Arn"]
    for _ in range(2):
        cloud.iam.attach_role_policy(RoleName="automation-lake", PolicyArn=arn)
    assert cloud.iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    cloud.iam.detach_role_policy(RoleName="automation-lake", PolicyArn=arn)
    cloud.iam.delete_policy(PolicyArn=arn)
    assert cloud.control.state(LAKE)["policies"] == {}
