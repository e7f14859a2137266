# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a preflight makes of what it has read."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._accounts.preflight_checks import (
    accounts,
    cross_account_check,
    encryption_check,
    foreign_key_check,
    key_check,
    key_policy_check,
    ownership_check,
    quota_check,
    route_check,
    session_check,
    support_case,
    table,
)
from builders import DMS, LAKE

KEY = f"arn:aws:kms:eu-central-1:{LAKE}:key/1234"
OTHER_KEY = f"arn:aws:kms:eu-central-1:{LAKE}:key/9999"


@pytest.mark.parametrize(
    ("present", "wanted", "status"),
    [
        ("BucketOwnerEnforced", "BucketOwnerEnforced", "passed"),
        ("ObjectWriter", None, "passed"),
        ("ObjectWriter", "BucketOwnerEnforced", "failed"),
        ("BucketOwnerEnforced", "BucketOwnerPreferred", "failed"),
    ],
)
def test_object_ownership(present, wanted, status):
    check = ownership_check("lake", present, wanted)
    assert (check["check"], check["status"]) == ("bucket_ownership", status)
    assert f"Bucket lake has object ownership {present}" in check["text"]
    assert ("correct one of them" in check["text"]) is (status == "failed")


@pytest.mark.parametrize(
    ("rule", "key", "status", "text"),
    [
        ({}, None, "passed", "encrypts by default with AES256, the endpoint with SSE-S3"),
        ({"SSEAlgorithm": "AES256"}, KEY, "passed", f"the endpoint with {KEY}"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, KEY, "passed", f"aws:kms with {KEY}"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "1234"}, KEY, "passed", "aws:kms with 1234"),
        ({"SSEAlgorithm": "aws:kms"}, KEY, "passed", "by default with aws:kms"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": OTHER_KEY}, KEY, "warned", "readers need both keys"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}, None, "warned", "set s3_endpoint_kms_key_arn"),
        ({"SSEAlgorithm": "aws:kms"}, "", "warned", "set s3_endpoint_kms_key_arn"),
    ],
)
def test_encryption(rule, key, status, text):
    check = encryption_check("lake", rule, key)
    assert check["status"] == status
    assert text in check["text"]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ({}, []),
        ({"KeyUsage": "ENCRYPT_DECRYPT"}, []),
        ({"Enabled": False, "KeyState": "Disabled"}, ["is Disabled: enable it"]),
        ({"KeyUsage": "SIGN_VERIFY"}, ["is for SIGN_VERIFY: use a symmetric key"]),
        ({"Arn": KEY.replace("eu-central-1", "eu-west-1")}, ["is in eu-west-1 and the bucket in eu-central-1"]),
        ({"Enabled": False, "KeyState": "PendingDeletion", "KeyUsage": "SIGN_VERIFY"}, ["PendingDeletion", "SIGN"]),
    ],
)
def test_key(key, told):
    found = key_check({"Arn": KEY, "Enabled": True, "KeyState": "Enabled", **key}, "eu-central-1")
    assert len(found) == len(told)
    assert all(part in sentence for part, sentence in zip(told, found, strict=True))
    assert key_check({"Arn": KEY, "Enabled": True}, None) == []


def key_policy(*principals, effect="Allow"):
    return {"Statement": [{"Effect": effect, "Principal": p, "Action": "kms:*", "Resource": "*"} for p in principals]}


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (key_policy({"AWS": f"arn:aws:iam::{LAKE}:root"}), "passed"),
        (key_policy({"AWS": [f"arn:aws:iam::{DMS}:root", f"arn:aws-cn:iam::{LAKE}:root"]}), "passed"),
        (key_policy({"AWS": LAKE}), "passed"),
        (key_policy("*"), "passed"),
        (key_policy({"AWS": "*"}), "passed"),
        (key_policy({"AWS": f"arn:aws:iam::{LAKE}:role/some"}), "warned"),
        (key_policy({"AWS": f"arn:aws:iam::{DMS}:root"}), "failed"),
        (key_policy({"Service": "s3.amazonaws.com"}), "failed"),
        (key_policy({"AWS": f"arn:aws:iam::{LAKE}:root"}, effect="Deny"), "failed"),
        ({"Statement": []}, "failed"),
    ],
)
def test_key_policy(policy, status):
    check = key_policy_check(KEY, policy, LAKE)
    assert check["status"] == status
    assert KEY in check["text"]


def test_policy_of_a_key_of_another_account_is_not_known():
    check = foreign_key_check(KEY)
    assert (check["check"], check["status"]) == ("kms_key_policy", "warned")
    assert "make sure that it admits the access roles" in check["text"]


@pytest.mark.parametrize(
    ("used", "most", "planned", "status"), [(0, 1, 1, "passed"), (990, 1000, 10, "passed"), (990, 1000, 11, "failed")]
)
def test_quota(used, most, planned, status):
    check = quota_check("endpoints", used, most, planned)
    assert check["status"] == status
    assert f"{used} of {most} endpoints used" in check["text"]
    assert ("request a higher quota" in check["text"]) is (status == "failed")


# The route

GATEWAY = {
    "ServiceName": "com.amazonaws.eu-central-1.s3",
    "VpcEndpointType": "Gateway",
    "State": "available",
    "RouteTableIds": ["rtb-main"],
}
INTERFACE = {
    "ServiceName": "com.amazonaws.eu-central-1.secretsmanager",
    "VpcEndpointType": "Interface",
    "State": "available",
    "PrivateDnsEnabled": True,
}


def instance(*subnets, **more):
    group = {"Subnets": [{"SubnetIdentifier": subnet} for subnet in subnets or ("subnet-a", "subnet-b")]}
    return {"ReplicationSubnetGroup": group, "PubliclyAccessible": False, "EngineVersion": "3.5.4", **more}


def main_table(*routes):
    return {"RouteTableId": "rtb-main", "Associations": [{"Main": True}], "Routes": list(routes)}


def table_of(subnet, *routes):
    return {"RouteTableId": f"rtb-{subnet}", "Associations": [{"SubnetId": subnet}], "Routes": list(routes)}


def out(**target):
    return {"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **target}


@pytest.mark.parametrize(
    ("tables", "endpoints", "public", "status"),
    [
        ([main_table()], [GATEWAY], False, "passed"),
        ([main_table()], [{**GATEWAY, "State": "Available"}], False, "passed"),
        ([main_table()], [{**INTERFACE, "ServiceName": "com.amazonaws.eu-central-1.s3"}], False, "passed"),
        ([main_table(out(NatGatewayId="nat-1"))], [], False, "passed"),
        ([main_table(out(TransitGatewayId="tgw-1"))], [], False, "passed"),
        ([main_table(out(GatewayId="vgw-1"))], [], False, "passed"),
        ([main_table(out(GatewayId="igw-1"))], [], True, "passed"),
        ([main_table(), table_of("subnet-b", out(NatGatewayId="nat-1"))], [GATEWAY], False, "passed"),
        ([main_table(out(GatewayId="igw-1"))], [], False, "failed"),
        ([main_table(out(NatGatewayId="nat-1", State="blackhole"))], [], False, "failed"),
        ([main_table({"DestinationCidrBlock": "10.0.0.0/8", "NatGatewayId": "nat-1"})], [], False, "failed"),
        ([main_table()], [{**GATEWAY, "State": "pending"}], False, "failed"),
        ([main_table()], [{**GATEWAY, "RouteTableIds": ["rtb-other"]}], False, "failed"),
        ([main_table()], [{**GATEWAY, "ServiceName": "com.amazonaws.eu-central-1.dynamodb"}], False, "failed"),
        ([main_table()], [{**INTERFACE, "ServiceName": "x.s3", "PrivateDnsEnabled": False}], False, "failed"),
        ([main_table()], [INTERFACE], False, "failed"),
        ([], [], True, "failed"),
        # The instance may be in the one or in the other.
        ([main_table(), table_of("subnet-b")], [GATEWAY], False, "warned"),
    ],
)
def test_route_to_s3(tables, endpoints, public, status):
    check = route_check("s3", instance(PubliclyAccessible=public), tables, endpoints)
    assert (check["check"], check["status"]) == ("route_s3", status)
    assert ("create an S3 gateway endpoint in their route tables" in check["text"]) is (status != "passed")


def test_only_the_subnets_without_a_route_are_named():
    check = route_check("s3", instance(), [main_table(), table_of("subnet-b")], [GATEWAY])
    assert check["text"].startswith("The subnets subnet-b of the replication instance have no route to s3")


@pytest.mark.parametrize("version", ["3.4.6", "3.1.4", "2.4.5", "3.4.6.1"])
def test_old_dms_needs_no_route_yet(version):
    check = route_check("s3", instance(EngineVersion=version), [main_table()], [])
    assert check["status"] == "warned"
    assert "before the instance is upgraded to DMS 3.4.7 or later" in check["text"]


@pytest.mark.parametrize(("endpoints", "status"), [([INTERFACE], "passed"), ([GATEWAY], "warned")])
def test_route_to_secrets_manager(endpoints, status):
    check = route_check("secretsmanager", instance(), [main_table()], endpoints)
    assert check["status"] == status
    remedy = "create a VPC endpoint for secretsmanager there, or a route to the internet, if a source keeps its credentials there"
    assert (remedy in check["text"]) is (status == "warned")


@pytest.mark.parametrize(
    ("left", "temporary", "wanted", "status", "text"),
    [
        (None, False, 1800, "passed", "do not expire during this run."),
        (None, True, 1800, "warned", "set AWS_CREDENTIAL_EXPIRATION"),
        (1800.5, True, 1800, "passed", "expire in 30 minutes"),
        (1799, True, 1800, "failed", "expire in 29 minutes, and a replacement or removal needs 30"),
        (60, True, 0, "passed", "expire in 1 minutes"),
        (-60, True, 0, "failed", "get new ones"),
    ],
)
def test_session(left, temporary, wanted, status, text):
    check = session_check(left, temporary, wanted)
    assert check["status"] == status
    assert text in check["text"]


@pytest.mark.parametrize(
    ("endpoints", "lakes", "status"),
    [
        ([], [LAKE], "warned"),
        ([{"ExternalId": None}, {}], [LAKE], "warned"),
        ([{"ExternalId": "an-id"}], [LAKE], "passed"),
        ([], [DMS], "passed"),
        ([], [], "passed"),
    ],
)
def test_cross_account(endpoints, lakes, status):
    assert cross_account_check(endpoints, {"account_id": DMS, "lake_account_ids": lakes})["status"] == status


def test_support_case_is_ready_to_paste():
    text = support_case(DMS, [LAKE, "777788889999"], "eu-central-1")
    assert max(len(line) for line in text.splitlines()) <= 100
    assert f"Account with DMS: {DMS}\n" in text
    assert f"Account with the role and the bucket: {LAKE}, 777788889999\n" in text
    assert text.endswith("Region: eu-central-1")


# For all hosts


def host(name, dms=DMS, lake=LAKE, bucket="lake"):
    sides = {
        "dms": {
            "side": "dms",
            "account_id": dms,
            "lake_account_ids": [lake],
            "planned_endpoint_identifiers": [f"dev-{name}"],
        },
        "lake": {"side": "lake", "account_id": lake, "bucket_name": bucket, "planned_role_names": [f"role-{name}"]},
    }
    return name, sides


def test_accounts_are_looked_at_once():
    assert accounts([host("a"), host("b", lake="777788889999"), host("c", bucket="other")]) == [
        {
            "side": "dms",
            "account_id": DMS,
            "lake_account_ids": [LAKE, "777788889999"],
            "planned_endpoint_identifiers": ["dev-a", "dev-b", "dev-c"],
            "hosts": ["a", "b", "c"],
        },
        {"side": "lake", "account_id": LAKE, "bucket_name": "lake", "planned_role_names": ["role-a"], "hosts": ["a"]},
        {
            "side": "lake",
            "account_id": "777788889999",
            "bucket_name": "lake",
            "planned_role_names": ["role-b"],
            "hosts": ["b"],
        },
        {"side": "lake", "account_id": LAKE, "bucket_name": "other", "planned_role_names": ["role-c"], "hosts": ["c"]},
    ]
    assert accounts([]) == []


def test_table_has_the_worst_first_and_nothing_twice():
    passed = {"check": "identity", "status": "passed", "text": "Fine."}
    warned = {"check": "route_s3", "status": "warned", "text": "Look."}
    failed = {"check": "bucket", "status": "failed", "text": "Gone."}
    lake = {"side": "lake", "account_id": LAKE, "region": "eu-west-1", "checks": [passed, failed]}
    dms = {"side": "dms", "account_id": DMS, "region": None, "checks": [passed, warned]}
    assert table([dms, lake, lake]) == [
        "failed  lake  444455556666  eu-west-1  bucket    Gone.",
        "warned  dms   111122223333  -          route_s3  Look.",
        "passed  dms   111122223333  -          identity  Fine.",
        "passed  lake  444455556666  eu-west-1  identity  Fine.",
    ]
    assert table([]) == []


def test_table_has_calls_that_failed_altogether():
    place = {"side": "dms", "account_id": DMS, "region": "eu-west-1"}
    line = "failed  dms  111122223333  eu-west-1  identity  Nobody."
    assert table([{**place, "msg": "Nobody."}]) == [line]
    assert table([{**place, "msg": "Nobody.", "checks": []}, {**place, "msg": "Nobody."}]) == [line]
