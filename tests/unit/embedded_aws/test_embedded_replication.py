# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replication instances, subnet groups, tags and quotas."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.validate import ParamValidator
from embedded_aws.server.wire import service_model
from embedded_cloud import DMS, INSTANCE_ARN, dms_trust


def test_an_instance_in_use_is_not_deleted(cloud: Any, refused: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    delete = cloud.dms.delete_replication_instance
    assert refused(delete, ReplicationInstanceArn=INSTANCE_ARN).startswith("InvalidResourceStateFault")
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    delete(ReplicationInstanceArn=INSTANCE_ARN)
    assert refused(delete, ReplicationInstanceArn=INSTANCE_ARN).startswith("ResourceNotFoundFault")


def test_instances_are_modified(cloud: Any, refused: Any) -> None:
    modify = cloud.dms.modify_replication_instance
    modify(ReplicationInstanceArn=INSTANCE_ARN, AllocatedStorage=100, VpcSecurityGroupIds=["sg-1"])
    instance = cloud.dms.describe_replication_instances()["ReplicationInstances"][0]
    assert (instance["AllocatedStorage"], instance["ReplicationInstanceStatus"]) == (100, "available")
    assert instance["VpcSecurityGroups"] == [{"VpcSecurityGroupId": "sg-1", "Status": "active"}]
    answer = refused(modify, ReplicationInstanceArn=INSTANCE_ARN, EngineVersion="4.0.0")
    assert answer.startswith("InvalidParameterCombinationException")


def test_subnet_groups(cloud: Any, refused: Any) -> None:
    ec2, iam = cloud.in_account("dms", "ec2"), cloud.in_account("dms", "iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-central-1{zone}")
        for number, zone in enumerate("ab")
    ]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    group = {"ReplicationSubnetGroupIdentifier": "Group", "ReplicationSubnetGroupDescription": "any", "SubnetIds": ids}
    create = cloud.dms.create_replication_subnet_group
    assert "dms-vpc-role is not configured properly" in refused(create, **group)
    iam.create_role(RoleName="dms-vpc-role", AssumeRolePolicyDocument=dms_trust())
    assert refused(create, **{**group, "SubnetIds": ids[:1]}).startswith("ReplicationSubnetGroupDoesNotCoverEnoughAZs")
    assert refused(create, **{**group, "SubnetIds": ["subnet-none"]}).startswith("InvalidSubnet")
    assert create(**group)["ReplicationSubnetGroup"]["VpcId"] == vpc
    instance = cloud.dms.create_replication_instance(
        ReplicationInstanceIdentifier="second",
        ReplicationInstanceClass="dms.t3.micro",
        ReplicationSubnetGroupIdentifier="group",
    )["ReplicationInstance"]
    delete = cloud.dms.delete_replication_subnet_group
    assert refused(delete, ReplicationSubnetGroupIdentifier="group").startswith("InvalidResourceStateFault")
    cloud.dms.delete_replication_instance(ReplicationInstanceArn=instance["ReplicationInstanceArn"])
    delete(ReplicationSubnetGroupIdentifier="group")
    assert cloud.dms.describe_replication_subnet_groups()["ReplicationSubnetGroups"] == []


def test_tags(cloud: Any, refused: Any) -> None:
    one = cloud.create_endpoint("one", Tags=[{"Key": "owner", "Value": "shop"}])["EndpointArn"]
    two = cloud.create_endpoint("two")["EndpointArn"]
    cloud.dms.add_tags_to_resource(ResourceArn=two, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    cloud.dms.remove_tags_from_resource(ResourceArn=two, TagKeys=["a"])
    assert cloud.dms.list_tags_for_resource(ResourceArn=one)["TagList"] == [{"Key": "owner", "Value": "shop"}]
    assert cloud.dms.list_tags_for_resource(ResourceArnList=[one, two])["TagList"] == [
        {"Key": "owner", "Value": "shop", "ResourceArn": one},
        {"Key": "b", "Value": "2", "ResourceArn": two},
    ]
    cloud.dms.delete_endpoint(EndpointArn=one)
    assert refused(cloud.dms.list_tags_for_resource, ResourceArn=one).startswith("ResourceNotFoundFault")


def test_account_attributes(cloud: Any) -> None:
    cloud.create_endpoint()
    quotas = cloud.dms.describe_account_attributes()["AccountQuotas"]
    assert {"AccountQuotaName": "Endpoints", "Used": 1, "Max": 1000} in quotas
    assert {"AccountQuotaName": "ReplicationInstances", "Used": 1, "Max": 60} in quotas


@pytest.mark.parametrize("operation", ["describe_replication_tasks", "describe_replication_instances"])
def test_an_absent_task_or_instance_is_a_fault_by_default(cloud: Any, refused: Any, operation: str) -> None:
    name = f"replication-{'task' if 'task' in operation else 'instance'}-arn"
    filters = [{"Name": name, "Values": ["arn:absent"]}]
    assert refused(getattr(cloud.dms, operation), Filters=filters).startswith("ResourceNotFoundFault")
    cloud.control.set_switches(DMS, absent_endpoint="empty")
    answer = getattr(cloud.dms, operation)(Filters=filters)
    assert [] in answer.values()


def test_answers_have_only_members_of_the_model(cloud: Any) -> None:
    """boto3 drops what the model does not know, so the raw answers are compared with it."""
    endpoint = cloud.create_endpoint(Tags=[{"Key": "a", "Value": "b"}])["EndpointArn"]
    task = cloud.create_task(endpoint)
    cloud.start_task(task)
    cloud.test(endpoint)
    topic = "arn:aws:sns:eu-central-1:111111111111:topic"
    cloud.dms.create_event_subscription(SubscriptionName="s", SnsTopicArn=topic, SourceType="replication-task")
    state = cloud.control.state(DMS)
    model = service_model("dms")
    for kind, shape in (
        ("endpoints", "Endpoint"),
        ("connections", "Connection"),
        ("tasks", "ReplicationTask"),
        ("event_subscriptions", "EventSubscription"),
        ("replication_instances", "ReplicationInstance"),
    ):
        assert state[kind]
        for resource in state[kind]:
            for beside in ("Tags", "Starts"):
                resource.pop(beside, None)
            report = ParamValidator().validate(resource, model.shape_for(shape))
            assert not report.has_errors(), report.generate_report()
