# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What accounts hold, dumped as JSON and restored in another embedded AWS: the same, and alive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from embedded_aws import ControlError
from embedded_cloud import BUCKET, DMS, INSTANCE_ARN, JOURNAL, KEY_ARN, LAKE, dms_trust, policy, writing

AWS_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole"
OTHER = policy({"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"})
TAGS = [{"Key": "owner", "Value": "shop"}]


def fill(cloud: Any) -> str:
    """A role with policies of each kind, an endpoint that was tested, a task that captures changes, a journal; the task's ARN."""
    iam = cloud.iam
    boundary = iam.create_policy(PolicyName="bounds", Path="/ours/", PolicyDocument=writing())["Policy"]["Arn"]
    iam.create_policy(PolicyName="one-version", PolicyDocument=OTHER)
    iam.create_policy_version(PolicyArn=boundary, PolicyDocument=OTHER, SetAsDefault=False)
    iam.create_policy_version(PolicyArn=boundary, PolicyDocument=writing(), SetAsDefault=True)
    iam.delete_policy_version(PolicyArn=boundary, VersionId="v2")
    role_arn = iam.create_role(
        RoleName="dms-orders",
        Path="/ours/",
        AssumeRolePolicyDocument=dms_trust("none"),
        PermissionsBoundary=boundary,
        Description="writes",
        MaxSessionDuration=7200,
        Tags=TAGS,
    )["Role"]["Arn"]
    iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=writing())
    for arn in (boundary, AWS_POLICY):
        iam.attach_role_policy(RoleName="dms-orders", PolicyArn=arn)
    endpoint = cloud.create_endpoint(role=role_arn, Tags=TAGS)
    iam.update_assume_role_policy(RoleName="dms-orders", PolicyDocument=dms_trust(endpoint["ExternalId"]))
    assert cloud.test(endpoint["EndpointArn"])["Status"] == "successful"
    task = cloud.create_task(endpoint["EndpointArn"], Tags=TAGS)
    cloud.start_task(task)
    for _look in range(3):
        cloud.describe_task(task)
    cloud.dms.create_event_subscription(
        SubscriptionName="alarms",
        SnsTopicArn=f"arn:aws:sns:eu-central-1:{DMS}:alarms",
        SourceType="replication-task",
        SourceIds=["copy"],
        Tags=TAGS,
    )
    cloud.in_account("dms", "s3").put_object(Bucket=JOURNAL, Key="ours/orders.json", Body=b'{"format": 1}')
    principal = {"Effect": "Allow", "Principal": {"AWS": role_arn}, "Action": "s3:ListBucket"}
    bucket_policy = policy({**principal, "Resource": f"arn:aws:s3:::{BUCKET}"})
    cloud.in_account("lake", "s3").put_bucket_policy(Bucket=BUCKET, Policy=bucket_policy)
    kms = cloud.in_account("lake", "kms")
    kms.create_alias(AliasName="alias/orders", TargetKeyId=KEY_ARN)
    kms.tag_resource(KeyId=KEY_ARN, Tags=[{"TagKey": "owner", "TagValue": "shop"}])
    return str(task)


def without_time(state: dict[str, Any]) -> str:
    """A state without how long tasks have been running, and without what trusts once were, which is not recorded."""
    for task in state["tasks"]:
        task["ReplicationTaskStats"].pop("ElapsedTimeMillis")
    return json.dumps({name: value for name, value in state.items() if name != "trusts"}, sort_keys=True)


def test_a_dump_restores_all_of_an_account(cloud: Any) -> None:
    task = fill(cloud)
    cloud.control.set_switches(DMS, test_polls=2)
    dumped = {account: cloud.control.dump(account) for account in (DMS, LAKE)}
    before = [without_time(cloud.control.state(account)) for account in dumped]
    position = cloud.describe_task(task)["RecoveryCheckpoint"]
    tag = cloud.in_account("dms", "s3").head_object(Bucket=JOURNAL, Key="ours/orders.json")["ETag"]

    cloud.control.reset()
    for account, held in json.loads(json.dumps(dumped)).items():
        cloud.control.restore(account, held)
    cloud.renew_sessions()
    assert [cloud.control.dump(account) for account in dumped] == list(dumped.values())
    assert [without_time(cloud.control.state(account)) for account in dumped] == before
    assert cloud.control.get_switches(DMS)["test_polls"] == 2

    assert cloud.describe_task(task)["RecoveryCheckpoint"] == position
    assert cloud.describe_task(task)["RecoveryCheckpoint"] > position
    assert cloud.test(cloud.describe()[0]["EndpointArn"])["ReplicationInstanceArn"] == INSTANCE_ARN
    assert cloud.connection(cloud.describe()[0]["EndpointArn"])["Status"] == "successful"
    journals = cloud.in_account("dms", "s3")
    assert journals.head_object(Bucket=JOURNAL, Key="ours/orders.json")["ETag"] == tag
    assert journals.get_bucket_versioning(Bucket=JOURNAL)["Status"] == "Enabled"
    role = cloud.iam.get_role(RoleName="dms-orders")["Role"]
    assert (role["Description"], role["MaxSessionDuration"], role["Tags"]) == ("writes", 7200, TAGS)
    (only,) = cloud.iam.list_policy_versions(PolicyArn=f"arn:aws:iam::{LAKE}:policy/one-version")["Versions"]
    assert only["IsDefaultVersion"]
    versions = cloud.iam.list_policy_versions(PolicyArn=f"arn:aws:iam::{LAKE}:policy/ours/bounds")["Versions"]
    assert {one["VersionId"]: one["IsDefaultVersion"] for one in versions} == {"v1": False, "v3": True}
    cloud.iam.create_policy_version(PolicyArn=f"arn:aws:iam::{LAKE}:policy/ours/bounds", PolicyDocument=OTHER)
    assert cloud.create_source("another") not in [one["EndpointArn"] for one in json.loads(before[0])["endpoints"]]


def test_an_account_that_is_in_use_is_left_alone(cloud: Any) -> None:
    with pytest.raises(ControlError, match=f"account {LAKE} is in use"):
        cloud.control.restore(LAKE, cloud.control.dump(LAKE))


def test_what_can_not_be_restored_is_not_dumped(cloud: Any) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    cloud.in_account("lake", "s3").put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]}
    )
    with pytest.raises(ControlError, match=f"the lifecycle of bucket {BUCKET} can't be recorded"):
        cloud.control.dump(LAKE)
