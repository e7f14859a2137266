# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of an assumed role are made with the role's policies and boundary, and refused as AWS refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws.iam.asked import asked
from embedded_aws.server.wire import Call
from embedded_cloud import BUCKET, DMS, INSTANCE_ARN, KEY_ARN, LAKE, REGION, dms_trust, policy

ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TRUST = policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "sts:AssumeRole"})


@pytest.fixture
def limited(cloud: Any) -> Any:
    """Makes a role with one policy, and gives clients of a session of it."""

    def make(*statements: dict[str, Any], side: str = "lake", **more: Any) -> Any:
        iam = cloud.in_account(side, "iam")
        arn = iam.create_role(RoleName="limited", AssumeRolePolicyDocument=TRUST, **more)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName="limited", PolicyName="p", PolicyDocument=policy(*statements))
        given = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="limited")["Credentials"]
        return lambda service: cloud.client(service, given)

    return make


def test_nothing_is_allowed_without_a_policy_and_each_service_says_so_in_its_way(
    cloud: Any, limited: Any, refused: Any
) -> None:
    client = limited()
    who = f"User: arn:aws:sts::{LAKE}:assumed-role/limited/limited is not authorized to perform: "
    because = "because no identity-based policy allows the {0} action"
    role = f"arn:aws:iam::{LAKE}:role/absent"
    for said, expected in (
        (refused(client("iam").get_role, RoleName="absent"), f"AccessDenied: {who}iam:GetRole on resource: {role} "),
        (
            refused(client("dms").describe_endpoints),
            f"AccessDeniedException: {who}dms:DescribeEndpoints on resource: * ",
        ),
        (
            refused(client("s3").get_object, Bucket=BUCKET, Key="k"),
            f'AccessDenied: {who}s3:GetObject on resource: "arn:aws:s3:::{BUCKET}/k" ',
        ),
        (
            refused(client("kms").describe_key, KeyId=KEY_ARN),
            f"AccessDeniedException: {who}kms:DescribeKey on resource: {KEY_ARN} ",
        ),
        (
            refused(client("ec2").describe_vpcs),
            f"UnauthorizedOperation: You are not authorized to perform this operation. {who}ec2:DescribeVpcs on resource: * ",
        ),
        (
            refused(client("accessanalyzer").validate_policy, policyDocument="{}", policyType="IDENTITY_POLICY"),
            f"AccessDeniedException: {who}access-analyzer:ValidatePolicy on resource: * ",
        ),
    ):
        assert said == expected + because.format(said.split("perform: ")[1].split()[0])
    assert refused(client("s3").head_bucket, Bucket=BUCKET) == "403: Forbidden"
    assert client("sts").get_caller_identity()["Account"] == LAKE
    assert refused(client("sts").assume_role, RoleArn=f"arn:aws:iam::{DMS}:role/automation-dms", RoleSessionName="xx")


def test_boundaries_and_managed_policies_count(cloud: Any, limited: Any, refused: Any) -> None:
    reads = policy({**ALLOW, "Action": ["s3:ListBucket", "s3:GetBucketLocation"]})
    boundary = cloud.iam.create_policy(PolicyName="boundary", PolicyDocument=reads)["Policy"]["Arn"]
    client = limited(PermissionsBoundary=boundary)
    assert "no identity-based policy" in refused(client("s3").get_bucket_location, Bucket=BUCKET)
    arn = cloud.iam.create_policy(PolicyName="all", PolicyDocument=policy(ALLOW))["Policy"]["Arn"]
    cloud.iam.attach_role_policy(RoleName="limited", PolicyArn=arn)
    client("s3").get_bucket_location(Bucket=BUCKET)
    assert "because no permissions boundary allows the s3:PutObject action" in refused(
        client("s3").put_object, Bucket=BUCKET, Key="k", Body=b""
    )


def test_the_policies_of_buckets_and_keys_count(cloud: Any, limited: Any, refused: Any) -> None:
    client = limited({**ALLOW, "Action": ["kms:*"]})
    arn = f"arn:aws:iam::{LAKE}:role/limited"
    opened = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{BUCKET}",
    }
    cloud.in_account("lake", "s3").put_bucket_policy(Bucket=BUCKET, Policy=policy(opened))
    client("s3").head_bucket(Bucket=BUCKET)
    client("kms").describe_key(KeyId=KEY_ARN)
    only_dms = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{DMS}:root"}, "Action": "kms:*", "Resource": "*"}
    cloud.in_account("lake", "kms").put_key_policy(KeyId=KEY_ARN, PolicyName="default", Policy=policy(only_dms))
    assert "no resource-based policy" in refused(client("kms").describe_key, KeyId=KEY_ARN)


def test_conditions_are_met_by_what_the_request_and_the_role_say(cloud: Any, limited: Any, refused: Any) -> None:
    boundary = cloud.iam.create_policy(PolicyName="b", PolicyDocument=policy(ALLOW))["Policy"]["Arn"]
    client = limited(
        {
            **ALLOW,
            "Action": ["iam:CreateRole", "iam:PutRolePolicy"],
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}},
        },
        {**ALLOW, "Action": "iam:TagRole", "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["mine"]}}},
        {**ALLOW, "Action": "iam:List*", "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}},
        {**ALLOW, "Action": "iam:Get*", "Condition": {"StringEquals": {"aws:ResourceTag/mine": "yes"}}},
    )
    iam, role = client("iam"), {"RoleName": "made", "AssumeRolePolicyDocument": dms_trust()}
    assert refused(iam.create_role, **role).startswith("AccessDenied")
    bound = {**role, "Path": "/p/", "PermissionsBoundary": boundary}
    assert "iam:TagRole" in refused(iam.create_role, **bound, Tags=[{"Key": "other", "Value": "yes"}])
    iam.create_role(**bound, Tags=[{"Key": "mine", "Value": "yes"}])
    iam.put_role_policy(RoleName="made", PolicyName="p", PolicyDocument=policy(ALLOW))
    assert iam.get_role(RoleName="made")["Role"]["Path"] == "/p/"
    assert "role/automation-lake " in refused(iam.get_role, RoleName="automation-lake")
    iam.list_roles()
    record = [one for one in cloud.control.authorizations() if one["role_arn"].endswith("/limited")]
    assert ("iam:PutRolePolicy", "/p/made") in [
        (one["action"], one["resource"].partition(":role")[2]) for one in record
    ]
    assert record[0]["refused"].startswith("User: ")
    cloud.control.clear_journal()
    assert cloud.control.authorizations() == []


def test_creating_an_endpoint_passes_a_role_and_adds_tags(cloud: Any, limited: Any, refused: Any) -> None:
    role = f"arn:aws:iam::{LAKE}:role/dms-orders"
    passing = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": role,
        "Condition": {"StringEquals": {"iam:PassedToService": "dms.amazonaws.com"}},
    }
    client = limited({**ALLOW, "Action": ["dms:CreateEndpoint", "dms:AddTagsToResource"]}, passing, side="dms")
    request = {
        "EndpointIdentifier": "orders",
        "EndpointType": "target",
        "EngineName": "s3",
        "ResourceIdentifier": "orders",
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    other = {"BucketName": BUCKET, "ServiceAccessRoleArn": f"{role}-other"}
    assert "iam:PassRole" in refused(client("dms").create_endpoint, **request, S3Settings=other)
    client("dms").create_endpoint(**request, S3Settings={**other, "ServiceAccessRoleArn": role})
    tagged = next(one for one in cloud.control.authorizations() if one["action"] == "dms:AddTagsToResource")
    assert tagged["resource"] == f"arn:aws:dms:{REGION}:{DMS}:endpoint:orders"
    assert (tagged["context"]["aws:RequestTag/a"], tagged["context"]["aws:RequestedRegion"]) == ("b", REGION)


def test_an_object_that_is_not_there_is_denied_to_whom_may_not_list(cloud: Any, limited: Any) -> None:
    objects = {**ALLOW, "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    client = limited(objects)
    for listing, code in ((None, "AccessDenied"), ({**ALLOW, "Action": "s3:ListBucket"}, "NoSuchKey")):
        if listing:
            cloud.iam.put_role_policy(RoleName="limited", PolicyName="p", PolicyDocument=policy(objects, listing))
        with pytest.raises(ClientError) as error:
            client("s3").get_object(Bucket=BUCKET, Key="absent")
        assert error.value.response["Error"]["Code"] == code


def call(service: str, operation: str, protocol: str, **given: Any) -> Call:
    body = json.dumps(given).encode() if protocol == "json" else b""
    environ = {"PATH_INFO": given.get("path", "/"), "QUERY_STRING": "", **given.get("headers", {})}
    return Call(environ, body, None, None, service, REGION, protocol, operation, given if protocol == "query" else {})


ENDPOINT, TASK = (f"arn:aws:dms:{REGION}:{DMS}:{kind}:x" for kind in ("endpoint", "task"))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (("dms", "TestConnection", "json", {"EndpointArn": ENDPOINT, "ReplicationInstanceArn": INSTANCE_ARN}), [ENDPOINT, INSTANCE_ARN]),
        (("dms", "ListTagsForResource", "json", {"ResourceArnList": [ENDPOINT, TASK]}), [ENDPOINT, TASK]),
        (("dms", "StopReplicationTask", "json", {"ReplicationTaskArn": TASK}), [TASK]),
        (("dms", "DeleteEventSubscription", "json", {"SubscriptionName": "s"}), [f"arn:aws:dms:{REGION}:{DMS}:es:s"]),
        (("iam", "ListRoles", "query", {"PathPrefix": "/p/"}), [f"arn:aws:iam::{DMS}:role/p/"]),
        (("iam", "GetAccountAuthorizationDetails", "query", {}), ["*"]),
        (("s3", "ListBuckets", "rest-xml", {}), ["*"]),
        (("s3", "GetBucketEncryption", "rest-xml", {"path": "/b"}), ["arn:aws:s3:::b"]),
        (("s3", "PutObject", "rest-xml", {"path": "/b/k", "headers": {"HTTP_IF_MATCH": "tag"}}), ["arn:aws:s3:::b/k"] * 2),
        (("s3", "PutObject", "rest-xml", {"path": "/b/k", "headers": {"HTTP_IF_NONE_MATCH": "*"}}), ["arn:aws:s3:::b/k"]),
        (("glue", "GetTables", "json", {}), ["*"]),
    ],
)  # fmt: skip
def test_resources_of_calls(made: Any, expected: list[str]) -> None:
    service, operation, protocol, given = made
    assert [
        one.resource for one in asked(call(service, operation, protocol, **given), DMS, lambda _arn: {})
    ] == expected
