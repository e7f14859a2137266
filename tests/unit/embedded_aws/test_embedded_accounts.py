# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STS, credentials, buckets of other accounts, seeding, switches and the control API."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from embedded_aws import Control, ControlError, EmbeddedAWS
from embedded_aws.iam.propagation import Propagation, role_key
from embedded_aws.server.switches import SWITCHES, Switches
from embedded_cloud import BUCKET, DMS, KEY_ARN, LAKE, REGION, landscape, policy

ROLE = f"arn:aws:iam::{LAKE}:role/path/next"
DMS_ROLE = f"arn:aws:iam::{DMS}:role/automation-dms"


def trust_of(principal: str, **condition: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return policy({**statement, "Condition": condition} if condition else statement)


def test_identities(cloud: Any) -> None:
    user = cloud.client("sts").get_caller_identity()
    assert user["Arn"] == "arn:aws:iam::999999999999:user/automation"
    session = cloud.in_account("dms", "sts").get_caller_identity()
    assert session["Account"] == DMS
    assert session["Arn"] == f"arn:aws:sts::{DMS}:assumed-role/automation-dms/test"
    assert session["UserId"].endswith(":test")


@pytest.mark.parametrize("external_id", [None, "another-id"])
def test_the_external_id_of_a_role_to_assume(cloud: Any, refused: Any, external_id: str | None) -> None:
    more = {"ExternalId": external_id} if external_id else {}
    answer = refused(cloud.client("sts").assume_role, RoleArn=DMS_ROLE, RoleSessionName="test", **more)
    assert answer == (
        "AccessDenied: User: arn:aws:iam::999999999999:user/automation is not authorized to perform: "
        f"sts:AssumeRole on resource: {DMS_ROLE}"
    )


def test_an_absent_role_is_not_assumed(cloud: Any, refused: Any) -> None:
    absent = {"RoleArn": f"arn:aws:iam::{DMS}:role/absent", "RoleSessionName": "test"}
    assert refused(cloud.client("sts").assume_role, **absent).startswith("AccessDenied")


@pytest.mark.parametrize(
    ("principal", "admitted"),
    [
        ("*", True),
        (DMS, True),
        (f"arn:aws:iam::{DMS}:root", True),
        (DMS_ROLE, True),
        (f"arn:aws:sts::{DMS}:assumed-role/automation-dms/test", True),
        (f"arn:aws:sts::{DMS}:assumed-role/automation-dms/other", False),
        (f"arn:aws:iam::{LAKE}:root", False),
    ],
)
def test_trusts_name_callers(cloud: Any, refused: Any, principal: str, admitted: bool) -> None:
    role = cloud.iam.create_role(RoleName="next", AssumeRolePolicyDocument=trust_of(principal))["Role"]["Arn"]
    assume = cloud.in_account("dms", "sts").assume_role
    if admitted:
        assert assume(RoleArn=role, RoleSessionName="chained")["AssumedRoleUser"]["Arn"].endswith("/next/chained")
    else:
        assert refused(assume, RoleArn=role, RoleSessionName="chained").startswith("AccessDenied")


def test_role_chaining_is_limited_to_an_hour(cloud: Any, refused: Any) -> None:
    role = {"RoleName": "next", "MaxSessionDuration": 7200}
    arn = cloud.iam.create_role(**role, AssumeRolePolicyDocument=trust_of("*"))["Role"]["Arn"]
    asked = {"RoleArn": arn, "RoleSessionName": "long", "DurationSeconds": 7200}
    credentials = cloud.client("sts").assume_role(**asked)["Credentials"]
    assert credentials["Expiration"] > datetime.now(UTC) + timedelta(minutes=110)
    answer = refused(cloud.in_account("dms", "sts").assume_role, **asked)
    assert answer.startswith("ValidationError")
    assert "role chaining" in answer
    too_long = {**asked, "DurationSeconds": 10000}
    assert "MaxSessionDuration" in refused(cloud.client("sts").assume_role, **too_long)


def test_sessions_expire(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(LAKE, session_seconds=0)
    credentials = cloud.assume("lake")
    assert credentials["Expiration"] <= datetime.now(UTC)
    assert refused(cloud.client("sts", credentials).get_caller_identity).startswith("ExpiredToken:")
    assert refused(cloud.client("dms", credentials).describe_endpoints).startswith("ExpiredTokenException:")


def test_unknown_keys_and_tokens(cloud: Any, refused: Any) -> None:
    unknown = {"AccessKeyId": "AKIAUNKNOWNUNKNOWN00", "SecretAccessKey": "any"}
    assert refused(cloud.client("sts", unknown).get_caller_identity).startswith("InvalidClientTokenId")
    assert refused(cloud.client("dms", unknown).describe_endpoints).startswith("UnrecognizedClientException")
    assert refused(cloud.client("s3", unknown).list_buckets).startswith("InvalidAccessKeyId")
    assert cloud.control.journal()[-1]["account"] is None
    stolen = {**cloud.assume("dms"), "SessionToken": "another-token"}
    assert refused(cloud.client("sts", stolen).get_caller_identity).startswith("InvalidClientTokenId")


def test_keys_that_iam_makes_are_known(cloud: Any, refused: Any) -> None:
    cloud.iam.create_user(UserName="loader")
    key = cloud.iam.create_access_key(UserName="loader")["AccessKey"]
    identity = cloud.client("sts", key).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{LAKE}:user/loader"
    cloud.iam.update_access_key(UserName="loader", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(cloud.client("sts", key).get_caller_identity).startswith("InvalidClientTokenId")


def test_a_trust_change_reaches_assume_role_after_a_time(cloud: Any, refused: Any) -> None:
    arn = cloud.iam.create_role(RoleName="next", AssumeRolePolicyDocument=trust_of(DMS))["Role"]["Arn"]
    cloud.control.set_switches(LAKE, iam_propagation_seconds=3600)
    cloud.iam.update_assume_role_policy(RoleName="next", PolicyDocument=trust_of("999999999999"))
    asked = {"RoleArn": arn, "RoleSessionName": "test"}
    assert refused(cloud.client("sts").assume_role, **asked).startswith("AccessDenied")
    cloud.in_account("dms", "sts").assume_role(**asked)
    cloud.control.set_switches(LAKE, iam_propagation_seconds=0)
    cloud.client("sts").assume_role(**asked)
    assert refused(cloud.in_account("dms", "sts").assume_role, **asked).startswith("AccessDenied")


def test_versions_become_visible_by_uses_and_time() -> None:
    clock, current, switches = [0.0], {"Arn": ROLE, "v": 1}, Switches()
    switches.update({"iam_propagation_uses": 2, "iam_propagation_seconds": 10})
    propagation = Propagation(lambda _key: dict(current), lambda _account: switches, lambda: clock[0])
    key = role_key(ROLE)

    def change(version: int) -> None:
        propagation.before_change([key])
        current["v"] = version
        propagation.after_change([key])

    def seen() -> Any:
        view = propagation.evaluate(ROLE)
        assert view is not None
        return view["v"]

    change(2)
    assert [seen(), seen(), seen()] == [1, 1, 1], "three uses, but no time has passed"
    clock[0] = 10.0
    change(3)
    assert [seen(), seen(), seen()] == [2, 2, 2], "the second change has its own time"
    clock[0] = 20.0
    assert seen() == 3


def test_an_unknown_operation_of_sts(cloud: Any, refused: Any) -> None:
    assert refused(cloud.client("sts").get_session_token).startswith("InvalidAction")


def test_a_bucket_of_another_account_is_closed_until_its_policy_opens_it(cloud: Any, refused: Any) -> None:
    foreign, own = cloud.in_account("dms", "s3"), cloud.in_account("lake", "s3")
    listing = {"Bucket": BUCKET}
    assert refused(foreign.list_objects_v2, **listing).startswith("AccessDenied")
    opened = {"Effect": "Allow", "Principal": {"AWS": DMS}, "Action": "s3:ListBucket"}
    own.put_bucket_policy(Bucket=BUCKET, Policy=policy({**opened, "Resource": f"arn:aws:s3:::{BUCKET}"}))
    assert foreign.list_objects_v2(**listing)["KeyCount"] == 0
    assert refused(foreign.get_bucket_policy, **listing).startswith("AccessDenied")


def test_the_expected_owner_of_a_bucket(cloud: Any, refused: Any) -> None:
    s3 = cloud.in_account("lake", "s3")
    s3.get_bucket_location(Bucket=BUCKET, ExpectedBucketOwner=LAKE)
    assert refused(s3.get_bucket_location, Bucket=BUCKET, ExpectedBucketOwner=DMS).startswith("AccessDenied")


def test_the_landscape(cloud: Any) -> None:
    s3, kms = cloud.in_account("lake", "s3"), cloud.in_account("lake", "kms")
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == REGION
    rules = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert kms.describe_key(KeyId=KEY_ARN)["KeyMetadata"]["Arn"] == KEY_ARN
    document = json.loads(kms.get_key_policy(KeyId=KEY_ARN, PolicyName="default")["Policy"])
    assert document["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{LAKE}:root"}
    trust = cloud.control.state(DMS)["roles"]["automation-dms"]["Trust"]
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"sts:ExternalId": "the-dms-id"}}
    instances = cloud.dms.describe_replication_instances()["ReplicationInstances"]
    assert [instance["ReplicationInstanceStatus"] for instance in instances] == ["available"]


def test_seeding_adds_and_changes_nothing_else(cloud: Any) -> None:
    cloud.in_account("lake", "s3").put_object(Bucket=BUCKET, Key="kept", Body=b"")
    endpoint = cloud.create_endpoint()
    again = landscape(test_polls=3, iam_propagation_uses=1)
    again["environments"][0]["lake"]["ownership"] = "ObjectWriter"
    cloud.control.seed(again)
    assert cloud.describe()[0]["EndpointArn"] == endpoint["EndpointArn"]
    assert cloud.in_account("lake", "s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    assert cloud.control.get_switches(DMS)["test_polls"] == 3
    assert cloud.control.get_switches(DMS)["iam_propagation_uses"] == 0
    assert cloud.control.get_switches(LAKE)["iam_propagation_uses"] == 1


def test_other_partitions(cloud: Any) -> None:
    region, account = "cn-north-1", "444444444444"
    role = f"arn:aws-cn:iam::{account}:role/path/automation"
    side = {"account_id": account, "assume_role_arn": role}
    automation = {"account_id": "888888888888", "access_key_id": "AKIAANOTHERAUTOMATE0", "secret_access_key": "s" * 40}
    environment = {"name": "cn", "region": region, "dms": side, "lake": side}
    cloud.control.seed({"automation": automation, "environments": [environment]})
    assert cloud.aws.environ["AWS_ACCESS_KEY_ID"] == "AKIAANOTHERAUTOMATE0"
    credentials = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="xx")["Credentials"]
    assert cloud.client("sts", credentials).get_caller_identity()["Arn"] == (
        f"arn:aws-cn:sts::{account}:assumed-role/automation/xx"
    )


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"dms": {"account_id": "12"}}, "dms.account_id"),
        ({"region": ""}, "region"),
        ({"switches": {"colour": "red"}}, "colour"),
        ({"lake": {"account_id": "555555555555", "bucket_name": BUCKET}}, f"belongs to {LAKE}"),
    ],
)
def test_landscapes_that_cannot_be(cloud: Any, change: dict[str, Any], wrong: str) -> None:
    environment: dict[str, Any] = {**landscape()["environments"][0], **change}
    with pytest.raises(ControlError, match=wrong):
        cloud.control.seed({"environments": [environment]})


def test_switches_have_defaults_and_refuse_what_they_do_not_know(cloud: Any) -> None:
    assert cloud.control.get_switches(DMS) == {name: switch.default for name, switch in SWITCHES.items()}
    wrong = {"colour": 1, "create_endpoint": "sometimes", "test_polls": -1, "stale_polls": True, "session_seconds": "x"}
    for name, value in {
        **wrong,
        "dms_throttle": {"burst": 1},
        "deleting_polls": 1.5,
        "start_needs_connection": 1,
    }.items():
        with pytest.raises(ControlError, match=name):
            cloud.control.set_switches(DMS, **{"creating_polls": 5, name: value})
    assert cloud.control.get_switches(DMS)["creating_polls"] == 0, "all are set, or none"


def test_reset_goes_back_to_the_start(cloud: Any, refused: Any) -> None:
    cloud.create_endpoint()
    cloud.control.set_switches(DMS, test_polls=4)
    cloud.control.add_fault(service="*", kind="throttle")
    credentials = cloud.assume
    automation = {"account_id": "888888888888", "access_key_id": "AKIAANOTHERAUTOMATE0"}
    cloud.control.seed({"automation": {**automation, "secret_access_key": "s" * 40}})
    cloud.control.reset()
    assert cloud.control.journal() == []
    assert cloud.control.get_switches(DMS)["test_polls"] == 1
    assert all(not content for content in cloud.control.state(DMS).values())
    assert refused(credentials, side="dms").startswith("AccessDenied")
    assert cloud.client("sts").get_caller_identity()["Account"] == "999999999999"


def test_the_state_for_assertions(cloud: Any) -> None:
    arn = cloud.iam.create_policy(
        PolicyName="limits",
        PolicyDocument=policy({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]["Arn"]
    cloud.iam.create_role(
        RoleName="r", AssumeRolePolicyDocument=trust_of(DMS), PermissionsBoundary=arn, Tags=[{"Key": "c", "Value": "d"}]
    )
    cloud.iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    state = cloud.control.state(LAKE)
    role = state["roles"]["r"]
    assert (role["Tags"], role["Boundary"]["Arn"], list(role["AttachedPolicies"])) == ({"c": "d"}, arn, [arn])
    assert role["Trust"]["Statement"][0]["Principal"] == {"AWS": DMS}
    assert state["policies"][arn]["Tags"] == {"a": "b"}
    assert state["policies"][arn]["AttachmentCount"] == 1
    opened = {
        "Effect": "Allow",
        "Principal": {"AWS": DMS},
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{BUCKET}",
    }
    cloud.in_account("lake", "s3").put_bucket_policy(Bucket=BUCKET, Policy=policy(opened))
    state = cloud.control.state(LAKE)
    assert state["bucket_policies"] == {BUCKET: {"Version": "2012-10-17", "Statement": [opened]}}
    assert list(state["key_policies"]) == [KEY_ARN]
    assert cloud.control.state(DMS)["bucket_policies"] == cloud.control.state(DMS)["key_policies"] == {}


def test_unknown_control_requests(cloud: Any) -> None:
    control = Control(cloud.aws.url)
    with pytest.raises(ControlError, match="no control request POST /_embedded/explode"):
        control._post("explode")
    with pytest.raises(ControlError, match="account_id"):
        control._post("state")


@pytest.mark.usefixtures("aws")
def test_there_is_one_server_in_a_process() -> None:
    with pytest.raises(RuntimeError, match="running in this process already"):
        EmbeddedAWS().start()
