# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replication instances, subnet groups, tasks, configs, tags and quotas."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.validate import ParamValidator
from embedded_aws.wire import service_model
from embedded_cloud import DMS, INSTANCE_ARN, dms_trust


def start(cloud: Any, task: str, kind: str = "start-replication", **more: Any) -> str:
    answer = cloud.dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType=kind, **more)
    return str(answer["ReplicationTask"]["Status"])


def described(cloud: Any, task: str) -> dict[str, Any]:
    filters = [{"Name": "replication-task-arn", "Values": [task]}]
    return dict(cloud.dms.describe_replication_tasks(Filters=filters)["ReplicationTasks"][0])


def test_the_life_of_a_task(cloud: Any, refused: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    assert described(cloud, task)["Status"] == "ready"
    assert refused(cloud.dms.stop_replication_task, ReplicationTaskArn=task).startswith("InvalidResourceStateFault")
    assert start(cloud, task) == "starting"
    assert refused(start, cloud=cloud, task=task).startswith("InvalidResourceStateFault")
    for operation in (cloud.dms.delete_replication_task, cloud.dms.modify_replication_task):
        assert refused(operation, ReplicationTaskArn=task).startswith("InvalidResourceStateFault")
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    assert described(cloud, task)["Status"] == "stopped"
    cloud.dms.modify_replication_task(ReplicationTaskArn=task, TableMappings='{"rules": []}')
    assert described(cloud, task)["TableMappings"] == '{"rules": []}'
    start(cloud, task, "resume-processing")
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    assert refused(described, cloud=cloud, task=task).startswith("ResourceNotFoundFault")


def test_the_checkpoint_moves_until_the_task_is_stopped(cloud: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    start(cloud, task)
    running = [described(cloud, task)["RecoveryCheckpoint"] for _poll in range(3)]
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    stopped = [described(cloud, task)["RecoveryCheckpoint"] for _poll in range(2)]
    assert len(set(running)) == 3
    assert len(set(stopped)) == 1


def test_a_start_position_serves_cdc_only(cloud: Any, refused: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"], "full-load")
    answer = refused(start, cloud=cloud, task=task, CdcStartPosition="mysql-bin.000001:4")
    assert answer.startswith("InvalidParameterCombinationException")
    start(cloud, task)
    assert "RecoveryCheckpoint" not in described(cloud, task)


def test_a_task_needs_its_ends(cloud: Any, refused: Any) -> None:
    target, source = cloud.create_endpoint()["EndpointArn"], cloud.create_source("other")
    ends = {"SourceEndpointArn": source, "TargetEndpointArn": target, "ReplicationInstanceArn": INSTANCE_ARN}
    whole = {"ReplicationTaskIdentifier": "copy", "MigrationType": "cdc", "TableMappings": "{}", **ends}
    create = cloud.dms.create_replication_task
    for name, arn in ends.items():
        assert refused(create, **{**whole, name: f"{arn}X"}).startswith("ResourceNotFoundFault")
    assert refused(create, **{**whole, "SourceEndpointArn": target}).startswith("InvalidParameterValueException")
    assert "Invalid json" in refused(create, **{**whole, "TableMappings": "{"})
    create(**whole)
    assert refused(create, **whole).startswith("ResourceAlreadyExistsFault")


def test_tasks_are_found_by_either_endpoint(cloud: Any) -> None:
    target = cloud.create_endpoint()["EndpointArn"]
    task = cloud.create_task(target)
    source = described(cloud, task)["SourceEndpointArn"]
    for arn in (target, source):
        filters = [{"Name": "endpoint-arn", "Values": [arn]}, {"Name": "migration-type", "Values": ["cdc"]}]
        found = cloud.dms.describe_replication_tasks(Filters=filters, WithoutSettings=True)["ReplicationTasks"]
        assert [one["ReplicationTaskArn"] for one in found] == [task]
        assert "TableMappings" not in found[0]


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
    start(cloud, task)
    cloud.test(endpoint)
    state = cloud.control.state(DMS)
    model = service_model("dms")
    for kind, shape in (
        ("endpoints", "Endpoint"),
        ("connections", "Connection"),
        ("tasks", "ReplicationTask"),
        ("replication_instances", "ReplicationInstance"),
    ):
        assert state[kind]
        for resource in state[kind]:
            resource.pop("Tags", None)
            report = ParamValidator().validate(resource, model.shape_for(shape))
            assert not report.has_errors(), report.generate_report()
