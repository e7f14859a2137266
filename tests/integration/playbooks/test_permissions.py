# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that deployer_access.yml makes: what the playbooks call, nothing else, and no way up."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from embedded_aws import EmbeddedAWS
from embedded_aws.iam.evaluation import Access, Principal, identity_verdict

pytestmark = pytest.mark.once

AUTOMATION = "arn:aws:iam::999999999999:root"
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": AUTOMATION}, "Action": "sts:AssumeRole"}],
    }
)
ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
DENIED = {"AccessDenied", "AccessDeniedException"}


@pytest.fixture(scope="module")
def aws():
    with EmbeddedAWS() as running:
        yield running


def test_roles_are_granted_what_playbooks_call_and_nothing_else(aws, landscape, tmp_path):
    import permissions  # a script, no package; `landscape` made its folder known

    failures, report = permissions.run(aws, tmp_path)
    assert failures == []
    assert list(report.lines())[:-1] == []


@pytest.fixture
def runs(aws, landscape, tmp_path):
    """Both accounts with the roles to assume, an access role as deployments make it, and things of others."""
    from permission_runs import Runs

    aws.control.reset()
    made = Runs(aws, tmp_path)
    made.seed()
    for side in ("dms", "lake"):
        made.make_roles(side)
    iam = made.session("lake", "deployer", "iam")
    bounds = {"Path": "/datalake-dms/datalake-dev/", "PermissionsBoundary": made.deployment.boundary_arn("lake")}
    iam.create_role(RoleName="dms-s3-dev-ours", AssumeRolePolicyDocument=TRUST, **bounds)
    administrator = made.by_hand("lake", "iam")
    administrator.create_role(RoleName="theirs", AssumeRolePolicyDocument=TRUST)
    administrator.create_policy(PolicyName="theirs", PolicyDocument=EVERYTHING)
    made.by_hand("lake", "s3").create_bucket(
        Bucket="somebody-elses", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return made


@pytest.fixture
def names(runs):
    """ARNs and requests that the attempts below are made of."""
    d = runs.deployment
    role = {"RoleName": "dms-s3-dev-new", "AssumeRolePolicyDocument": TRUST}
    return {
        "boundary": d.boundary_arn("lake"),
        "deployer_boundary": d.boundary_arn("lake", "deployer-boundary"),
        "theirs": d.iam_arn("lake", "policy/theirs"),
        "ours": d.iam_arn("lake", "policy/datalake-dms/datalake-dev/ours"),
        "deployer": "datalake-dev-lake-deployer",
        "new_role": {**role, "Path": "/datalake-dms/datalake-dev/"},
        "tag": [{"Key": "datalake.dms:deployment", "Value": "datalake-dev"}],
    }


def denied(call, **request):
    with pytest.raises(ClientError) as error:
        call(**request)
    assert error.value.response["Error"]["Code"] in DENIED, error.value


def attempts(iam, n):
    """Every way up through IAM, as (call, request)."""
    new, ours, document = n["new_role"], {"RoleName": "dms-s3-dev-ours"}, {"PolicyDocument": EVERYTHING}
    others = [{"RoleName": name} for name in ("theirs", n["deployer"], "datalake-dev-lake-remover", "administrator")]
    yield iam.create_role, new
    yield iam.create_role, {**new, "PermissionsBoundary": n["ours"]}
    yield iam.create_role, {**new, "PermissionsBoundary": ADMINISTRATOR_ACCESS}
    for path in ("/", "/datalake-dms/another-dev/", "/datalake-dms-deployers/datalake-dev/"):
        yield iam.create_role, {**new, "Path": path, "PermissionsBoundary": n["boundary"]}
        yield iam.create_policy, {"PolicyName": "p", "Path": path, **document}
    for policy in (ADMINISTRATOR_ACCESS, n["theirs"], n["deployer_boundary"]):
        yield iam.attach_role_policy, {**ours, "PolicyArn": policy}
    yield iam.put_role_policy, {**ours, "PolicyName": "p", **document}
    yield iam.delete_role_permissions_boundary, ours
    yield iam.put_role_permissions_boundary, {**ours, "PermissionsBoundary": n["theirs"]}
    for boundary in (n["boundary"], n["deployer_boundary"]):
        policy = {"PolicyArn": boundary}
        yield iam.create_policy_version, {**policy, **document, "SetAsDefault": True}
        yield iam.set_default_policy_version, {**policy, "VersionId": "v1"}
        yield iam.delete_policy_version, {**policy, "VersionId": "v1"}
        yield iam.delete_policy, policy
        yield iam.tag_policy, {**policy, "Tags": n["tag"]}
    for role in others:
        yield iam.update_assume_role_policy, {**role, "PolicyDocument": TRUST}
        yield iam.attach_role_policy, {**role, "PolicyArn": n["ours"]}
        yield iam.put_role_policy, {**role, "PolicyName": "p", **document}
        yield iam.put_role_permissions_boundary, {**role, "PermissionsBoundary": n["boundary"]}
        yield iam.delete_role_permissions_boundary, role
        yield iam.tag_role, {**role, "Tags": n["tag"]}
        yield iam.delete_role, role
    yield iam.create_user, {"UserName": "eve"}
    yield iam.create_access_key, {"UserName": "eve"}
    yield iam.create_policy_version, {"PolicyArn": n["theirs"], **document}


def test_no_way_up_through_iam(runs, names):
    iam = runs.session("lake", "deployer", "iam")
    iam.create_policy(PolicyName="ours", Path="/datalake-dms/datalake-dev/", PolicyDocument=EVERYTHING)
    for profile in ("deployer", "remover", "reader"):
        for call, request in attempts(runs.session("lake", profile, "iam"), names):
            denied(call, **request)
    # Not because everything is denied.
    iam.create_role(**names["new_role"], PermissionsBoundary=names["boundary"])
    iam.attach_role_policy(RoleName="dms-s3-dev-new", PolicyArn=names["ours"])
    for profile in ("reader", "remover"):
        poor = runs.session("lake", profile, "iam")
        denied(poor.attach_role_policy, RoleName="dms-s3-dev-new", PolicyArn=names["ours"])
        denied(poor.update_assume_role_policy, RoleName="dms-s3-dev-new", PolicyDocument=TRUST)
    denied(runs.session("lake", "reader", "iam").delete_role, RoleName="dms-s3-dev-new")


def test_their_boundary_holds_whatever_an_administrator_attaches_by_mistake(runs, names):
    by_hand = runs.by_hand("lake", "iam")
    by_hand.attach_role_policy(RoleName=names["deployer"], PolicyArn=ADMINISTRATOR_ACCESS)
    iam = runs.session("lake", "deployer", "iam")
    iam.create_policy(PolicyName="ours", Path="/datalake-dms/datalake-dev/", PolicyDocument=EVERYTHING)
    own = names["deployer"]
    for call, request in (
        (iam.create_role, names["new_role"]),
        (iam.put_role_policy, {"RoleName": "theirs", "PolicyName": "p", "PolicyDocument": EVERYTHING}),
        (iam.attach_role_policy, {"RoleName": "theirs", "PolicyArn": ADMINISTRATOR_ACCESS}),
        (iam.delete_role_permissions_boundary, {"RoleName": own}),
        (iam.update_assume_role_policy, {"RoleName": own, "PolicyDocument": TRUST}),
        (iam.create_policy_version, {"PolicyArn": names["boundary"], "PolicyDocument": EVERYTHING}),
        (iam.create_user, {"UserName": "eve"}),
        (
            runs.session("lake", "deployer", "sts").assume_role,
            {"RoleArn": arn_of(runs, "administrator"), "RoleSessionName": "up"},
        ),
    ):
        denied(call, **request)


def arn_of(runs, name):
    return runs.deployment.iam_arn("lake", f"role/{name}")


def test_no_way_up_through_dms(runs):
    deployment = runs.deployment
    settings = {"BucketName": "example-lake-dev", "ServiceAccessRoleArn": arn_of(runs, "theirs")}
    request = {"EndpointIdentifier": "up", "EndpointType": "target", "EngineName": "s3"}
    dms = runs.session("dms", "deployer", "dms")
    for role in (arn_of(runs, "theirs"), deployment.iam_arn("dms", "role/administrator")):
        denied(dms.create_endpoint, **request, S3Settings={**settings, "ServiceAccessRoleArn": role})
    ours = {**settings, "ServiceAccessRoleArn": arn_of(runs, "datalake-dms/datalake-dev/dms-s3-dev-ours")}
    elsewhere = runs.session("dms", "deployer", "dms", region="us-east-1")
    denied(elsewhere.create_endpoint, **request, S3Settings=ours)
    denied(elsewhere.describe_endpoints)
    arn = dms.create_endpoint(**request, S3Settings=ours)["Endpoint"]["EndpointArn"]
    for profile in ("reader", "remover"):
        denied(runs.session("dms", profile, "dms").create_endpoint, **request, S3Settings=ours)
    denied(runs.session("dms", "reader", "dms").delete_endpoint, EndpointArn=arn)
    runs.session("dms", "remover", "dms").delete_endpoint(EndpointArn=arn)


def test_an_access_role_is_passed_to_dms_only(runs):
    (documents,) = [d for arn, d in runs.policies().items() if arn.endswith("-dms-deployer")]
    role = arn_of(runs, "datalake-dms/datalake-dev/dms-s3-dev-ours")
    for service, verdict in (("dms.amazonaws.com", "allow"), ("ec2.amazonaws.com", "none")):
        access = Access(Principal(), "iam:PassRole", role, {"iam:PassedToService": service})
        assert identity_verdict(documents, access) == verdict


def test_an_access_role_that_is_allowed_everything_reaches_its_buckets_only(runs, names):
    iam, s3 = runs.session("lake", "deployer", "iam"), runs.by_hand("lake", "s3")
    policy = iam.create_policy(PolicyName="ours", Path="/datalake-dms/datalake-dev/", PolicyDocument=EVERYTHING)[
        "Policy"
    ]
    iam.attach_role_policy(RoleName="dms-s3-dev-ours", PolicyArn=policy["Arn"])
    s3.put_object(Bucket="somebody-elses", Key="secret", Body=b"")
    arn = arn_of(runs, "datalake-dms/datalake-dev/dms-s3-dev-ours")
    lake = runs.assumed(arn, "s3")
    lake.put_object(Bucket="example-lake-dev", Key="raw/crm/1", Body=b"")
    denied(lake.put_object, Bucket="somebody-elses", Key="raw", Body=b"")
    denied(lake.get_object, Bucket="somebody-elses", Key="secret")
    denied(lake.put_bucket_policy, Bucket="example-lake-dev", Policy=EVERYTHING)
    denied(runs.assumed(arn, "iam").list_roles)
    denied(runs.assumed(arn, "iam").create_role, **names["new_role"], PermissionsBoundary=names["boundary"])
    denied(runs.assumed(arn, "sts").assume_role, RoleArn=arn_of(runs, "administrator"), RoleSessionName="up")
    denied(runs.assumed(arn, "kms").describe_key, KeyId=f"arn:aws:kms:eu-central-1:{'4' * 12}:key/other")
