# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replication tasks: their states, full loads, positions, what they refuse and what stays of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from embedded_aws import ControlError
from embedded_cloud import DMS, INSTANCE_ARN, REGION, dms_trust

CHECKPOINT_27 = "checkpoint:V1#27#mysql-bin-changelog.157832:1975:-1:2002:677883278264080:mysql-bin-changelog.157832"


def statuses(cloud: Any, task: str, polls: int) -> list[str]:
    return [cloud.describe_task(task)["Status"] for _poll in range(polls)]


def number(described: dict[str, Any]) -> int:
    """How far the checkpoint of a task is."""
    return int(described["RecoveryCheckpoint"].split("#")[1])


def logging_of(described: dict[str, Any]) -> Any:
    return json.loads(described["ReplicationTaskSettings"])["Logging"]


def test_the_life_of_a_task(cloud: Any, refused: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    assert cloud.describe_task(task)["Status"] == "ready"
    assert refused(cloud.dms.stop_replication_task, ReplicationTaskArn=task).startswith("InvalidResourceStateFault")
    assert cloud.start_task(task) == "starting"
    assert refused(cloud.start_task, task=task).startswith("InvalidResourceStateFault")
    for operation in (cloud.dms.delete_replication_task, cloud.dms.modify_replication_task):
        assert refused(operation, ReplicationTaskArn=task).startswith("InvalidResourceStateFault")
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    assert cloud.describe_task(task)["Status"] == "stopped"
    cloud.dms.modify_replication_task(ReplicationTaskArn=task, TableMappings='{"rules": []}')
    assert cloud.describe_task(task)["TableMappings"] == '{"rules": []}'
    cloud.start_task(task, "resume-processing")
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    assert refused(cloud.describe_task, task=task).startswith("ResourceNotFoundFault")


def test_the_checkpoint_moves_until_the_task_is_stopped(cloud: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    cloud.start_task(task)
    running = [cloud.describe_task(task)["RecoveryCheckpoint"] for _poll in range(3)]
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    stopped = [cloud.describe_task(task)["RecoveryCheckpoint"] for _poll in range(2)]
    assert len(set(running)) == 3
    assert len(set(stopped)) == 1


@pytest.mark.parametrize("migration_type", ["full-load", "full-load-and-cdc"])
def test_a_start_position_serves_cdc_only(cloud: Any, refused: Any, migration_type: str) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"], migration_type)
    answer = refused(cloud.start_task, task=task, CdcStartPosition="mysql-bin.000001:4")
    assert answer.startswith("InvalidParameterCombinationException")
    assert cloud.start_task(task) == "starting"


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
    source = cloud.describe_task(task)["SourceEndpointArn"]
    for arn in (target, source):
        filters = [{"Name": "endpoint-arn", "Values": [arn]}, {"Name": "migration-type", "Values": ["cdc"]}]
        found = cloud.dms.describe_replication_tasks(Filters=filters, WithoutSettings=True)["ReplicationTasks"]
        assert [one["ReplicationTaskArn"] for one in found] == [task]
        assert "TableMappings" not in found[0]


def test_states_in_between_last_as_many_describes_as_the_switch_says(cloud: Any, refused: Any) -> None:
    target = cloud.create_endpoint()["EndpointArn"]
    cloud.control.set_switches(DMS, task_polls=2)
    task = cloud.create_task(target)
    assert refused(cloud.start_task, task=task).startswith("InvalidResourceStateFault")
    assert statuses(cloud, task, 3) == ["creating", "creating", "ready"]
    cloud.start_task(task)
    assert refused(cloud.dms.stop_replication_task, ReplicationTaskArn=task).startswith("InvalidResourceStateFault")
    assert statuses(cloud, task, 3) == ["starting", "starting", "running"]
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    assert refused(cloud.dms.delete_replication_task, ReplicationTaskArn=task).startswith("InvalidResourceStateFault")
    assert statuses(cloud, task, 3) == ["stopping", "stopping", "stopped"]
    cloud.dms.modify_replication_task(ReplicationTaskArn=task, TableMappings='{"rules": []}')
    assert refused(cloud.start_task, task=task, kind="resume-processing").startswith("InvalidResourceStateFault")
    assert statuses(cloud, task, 3) == ["modifying", "modifying", "stopped"]
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    assert refused(cloud.dms.delete_endpoint, EndpointArn=target).startswith("InvalidResourceStateFault")
    assert statuses(cloud, task, 2) == ["deleting", "deleting"]
    assert refused(cloud.describe_task, task=task).startswith("ResourceNotFoundFault")
    cloud.dms.delete_endpoint(EndpointArn=target)


@pytest.mark.parametrize("polls", [0, 2])
def test_a_checkpoint_that_was_read_before_the_task_had_stopped_is_stale(cloud: Any, polls: int) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    cloud.start_task(task)
    cloud.control.set_switches(DMS, task_polls=polls)
    seen = [number(cloud.describe_task(task))]
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    seen += [number(cloud.describe_task(task)) for _poll in range(polls + 2)]
    assert seen[-1] == seen[-2], "it has stopped"
    assert sorted(set(seen)) == seen[:-1], "it moved on before"


def test_a_task_may_fail(cloud: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    cloud.start_task(task)
    cloud.control.fail_task(DMS, REGION, task)
    assert cloud.describe_task(task)["Status"] == "failed"
    assert cloud.start_task(task, "resume-processing") == "starting"


def test_a_full_load(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, full_load_polls=2)
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"], "full-load")
    assert "ReplicationTaskStats" not in cloud.describe_task(task)
    cloud.start_task(task)
    loading = [cloud.describe_task(task) for _poll in range(2)]
    loaded = cloud.describe_task(task)
    percents = [one["ReplicationTaskStats"]["FullLoadProgressPercent"] for one in (*loading, loaded)]
    assert sorted(set(percents)) == percents
    assert percents[-1] == 100
    assert [one["Status"] for one in (*loading, loaded)] == ["running", "running", "stopped"]
    assert loaded["StopReason"] == "Stop Reason FULL_LOAD_ONLY_FINISHED"
    assert (loading[1]["ReplicationTaskStats"]["TablesLoading"], loaded["ReplicationTaskStats"]["TablesLoaded"]) == (
        1,
        1,
    )
    assert "FullLoadFinishDate" not in loading[1]["ReplicationTaskStats"]
    stats = loaded["ReplicationTaskStats"]
    assert stats["FullLoadStartDate"] == stats["StartDate"] == stats["FreshStartDate"] <= stats["FullLoadFinishDate"]
    assert "RecoveryCheckpoint" not in loaded
    assert refused(cloud.dms.stop_replication_task, ReplicationTaskArn=task).startswith("InvalidResourceStateFault")


def test_changes_are_captured_once_the_full_load_is_over(cloud: Any) -> None:
    cloud.control.set_switches(DMS, full_load_polls=2)
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"], "full-load-and-cdc")
    cloud.start_task(task)
    assert "RecoveryCheckpoint" not in cloud.describe_task(task)
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    stopped = cloud.describe_task(task)
    assert stopped["ReplicationTaskStats"]["FullLoadProgressPercent"] < 100
    assert "RecoveryCheckpoint" not in stopped
    cloud.start_task(task, "resume-processing")
    assert "RecoveryCheckpoint" not in cloud.describe_task(task), "one poll of the load was left"
    running = cloud.describe_task(task)
    # What has changed until then was loaded.
    assert (running["Status"], number(running)) == ("running", 4)
    assert running["ReplicationTaskStats"]["FullLoadProgressPercent"] == 100
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    fresh = running["ReplicationTaskStats"]["FreshStartDate"]
    cloud.start_task(task, "reload-target")
    again = cloud.describe_task(task)
    assert "RecoveryCheckpoint" not in again
    assert again["ReplicationTaskStats"]["FreshStartDate"] > fresh
    assert "FullLoadFinishDate" not in again["ReplicationTaskStats"]


def test_starts_and_where_they_begin(cloud: Any, refused: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"], CdcStartPosition=CHECKPOINT_27)
    for kind in ("resume-processing", "reload-target"):
        assert refused(cloud.start_task, task=task, kind=kind).startswith("InvalidResourceStateFault")
    cloud.start_task(task)
    assert number(cloud.describe_task(task)) == 27
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    stopped = cloud.describe_task(task)
    position = {"kind": "resume-processing", "CdcStartPosition": CHECKPOINT_27}
    assert refused(cloud.start_task, task=task, **position).startswith("InvalidParameterCombinationException")
    cloud.start_task(task, "resume-processing")
    assert number(cloud.describe_task(task)) == number(stopped) > 27
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    cloud.start_task(task, CdcStartPosition="mysql-bin-changelog.000024:373")
    assert number(cloud.describe_task(task)) == 0
    assert cloud.control.state(DMS)["tasks"][0]["Starts"] == [
        ["start-replication", CHECKPOINT_27],
        ["resume-processing", stopped["RecoveryCheckpoint"]],
        ["start-replication", "mysql-bin-changelog.000024:373"],
    ]
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    assert refused(cloud.start_task, task=task, kind="reload-target").startswith("InvalidParameterCombinationException")


def test_a_task_that_loads_starts_once(cloud: Any, refused: Any) -> None:
    """TF#24047: start-replication of such a task is for its first run."""
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"], "full-load-and-cdc")
    cloud.start_task(task)
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    assert "valid only for tasks running for the first time" in refused(cloud.start_task, task=task)


def test_a_checkpoint_can_be_absent(cloud: Any) -> None:
    cloud.control.set_switches(DMS, recovery_checkpoint="absent")
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    cloud.start_task(task)
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    assert "RecoveryCheckpoint" not in cloud.describe_task(task)
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    assert cloud.control.state(DMS)["deleted_tasks"][0]["RecoveryCheckpoint"] is None


def test_what_stays_of_a_deleted_task(cloud: Any) -> None:
    task = cloud.create_task(cloud.create_endpoint()["EndpointArn"])
    cloud.start_task(task)
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    checkpoint = cloud.describe_task(task)["RecoveryCheckpoint"]
    cloud.control.set_switches(DMS, task_polls=1)
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    assert cloud.control.state(DMS)["deleted_tasks"] == []
    cloud.describe_task(task)
    assert cloud.control.state(DMS)["deleted_tasks"] == [
        {
            "ReplicationTaskIdentifier": "copy",
            "ReplicationTaskArn": task,
            "RecoveryCheckpoint": checkpoint,
            "CdcStartPosition": None,
            "Starts": [["start-replication", None]],
        }
    ]


@pytest.mark.parametrize("reuse", ["allowed", "refused"])
def test_a_resource_identifier_of_a_deleted_task(cloud: Any, refused: Any, reuse: str) -> None:
    cloud.control.set_switches(DMS, resource_identifier_reuse=reuse)
    definition = {
        "target_arn": cloud.create_endpoint()["EndpointArn"],
        "SourceEndpointArn": cloud.create_source(),
        "ResourceIdentifier": "the-task",
    }
    task = cloud.create_task(**definition)
    assert task.endswith(":task:the-task")
    another = {**definition, "ReplicationTaskIdentifier": "other"}
    assert refused(cloud.create_task, **another).startswith("ResourceAlreadyExistsFault")
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    if reuse == "allowed":
        assert cloud.create_task(**definition) == task
    else:
        assert refused(cloud.create_task, **definition).startswith("ResourceAlreadyExistsFault")


@pytest.mark.parametrize("has_logging", [True, False])
def test_the_names_of_a_log_are_read_and_not_sent(cloud: Any, refused: Any, has_logging: bool) -> None:
    target, source = cloud.create_endpoint()["EndpointArn"], cloud.create_source()
    settings = json.dumps({"Logging": {"EnableLogging": has_logging}, "TargetMetadata": {"BatchApplyEnabled": True}})
    task = cloud.create_task(target, SourceEndpointArn=source, ReplicationTaskSettings=settings)
    never_ran = {"EnableLogging": has_logging, "CloudWatchLogGroup": None, "CloudWatchLogStream": None}
    assert logging_of(cloud.describe_task(task)) == never_ran
    cloud.start_task(task)
    names = {"CloudWatchLogGroup": "dms-tasks-dev-dms", "CloudWatchLogStream": f"dms-task-{task.rpartition(':')[2]}"}
    ran = cloud.describe_task(task)
    assert logging_of(ran) == ({**never_ran, **names} if has_logging else never_ran)
    assert json.loads(ran["ReplicationTaskSettings"])["TargetMetadata"] == {"BatchApplyEnabled": True}
    sent = json.dumps({"Logging": {"CloudWatchLogGroup": "any"}})
    more = {"SourceEndpointArn": source, "ReplicationTaskIdentifier": "other", "ReplicationTaskSettings": sent}
    assert refused(cloud.create_task, target_arn=target, **more) == (
        "InvalidParameterValueException: Task Settings CloudWatchLogGroup or CloudWatchLogStream cannot be set on create."
    )
    plain = cloud.create_task(target, SourceEndpointArn=source, ReplicationTaskIdentifier="plain")
    assert "ReplicationTaskSettings" not in cloud.describe_task(plain)


@pytest.mark.parametrize("key", ["aws:cloudformation:stack-name", "AWS:x", "dms:x"])
def test_reserved_tags_are_refused_and_the_control_api_gives_them(cloud: Any, refused: Any, key: str) -> None:
    target, tags = cloud.create_endpoint()["EndpointArn"], [{"Key": key, "Value": "any"}]
    assert refused(cloud.create_task, target_arn=target, Tags=tags).startswith("InvalidParameterValueException")
    add = cloud.dms.add_tags_to_resource
    assert refused(add, ResourceArn=target, Tags=tags).startswith("InvalidParameterValueException")
    cloud.control.add_tags(DMS, REGION, target, {key: "any"})
    assert cloud.dms.list_tags_for_resource(ResourceArn=target)["TagList"] == tags
    with pytest.raises(ControlError, match="not found"):
        cloud.control.add_tags(DMS, REGION, f"{target}X", {key: "any"})


def test_a_start_may_need_a_successful_connection(cloud: Any, refused: Any) -> None:
    target = cloud.create_endpoint()["EndpointArn"]
    cloud.control.set_switches(DMS, start_needs_connection=True)
    task = cloud.create_task(target)
    assert "Test connection for replication instance and endpoint" in refused(cloud.start_task, task=task)
    assert cloud.test(target)["Status"] == "failed"
    assert refused(cloud.start_task, task=task).startswith("InvalidResourceStateFault")
    cloud.create_role(dms_trust(cloud.describe(target)[0]["ExternalId"]))
    assert cloud.test(target)["Status"] == "successful"
    assert cloud.start_task(task) == "starting"


def counted(cloud: Any) -> dict[str, int]:
    """What the target has of the only task's changes."""
    (found,) = cloud.control.state(DMS)["changes"].values()
    return dict(found)


def test_changes_are_counted_while_no_task_runs(cloud: Any) -> None:
    target = cloud.create_endpoint()["EndpointArn"]
    task = cloud.create_task(target)
    cloud.start_task(task)
    for _poll in range(3):
        cloud.describe_task(task)
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    for _poll in range(3):
        position = cloud.describe_task(task)["RecoveryCheckpoint"]
    assert counted(cloud) == {"missing": 0, "again": 0, "waiting": 3}
    cloud.start_task(task, "resume-processing")
    cloud.describe_task(task)
    assert counted(cloud) == {"missing": 0, "again": 0, "waiting": 0}
    # From an earlier position, changes are written again.
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    cloud.start_task(task, CdcStartPosition=position)
    cloud.describe_task(task)
    state = counted(cloud)
    assert (state["missing"], state["again"] > 0, state["waiting"]) == (0, True, 0)


def test_changes_are_missing_where_a_task_begins_without_a_position(cloud: Any) -> None:
    target = cloud.create_endpoint()["EndpointArn"]
    task = cloud.create_task(target)
    cloud.start_task(task)
    cloud.describe_task(task)
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    for _poll in range(3):
        cloud.describe_task(task)
    cloud.start_task(task)
    cloud.describe_task(task)
    assert counted(cloud)["missing"] == 3


@pytest.mark.parametrize(
    "tag", [("", "x"), ("k" * 129, "x"), ("team", "v" * 257), ("owner", "a@example.com"), ("a,b", "x")]
)
def test_tags_have_lengths_and_characters(cloud: Any, refused: Any, tag: tuple[str, str]) -> None:
    arn = cloud.create_endpoint()["EndpointArn"]
    key, value = tag
    answer = refused(cloud.dms.add_tags_to_resource, ResourceArn=arn, Tags=[{"Key": key, "Value": value}])
    assert answer.startswith("InvalidParameterValueException")
    cloud.dms.add_tags_to_resource(ResourceArn=arn, Tags=[{"Key": "Größe", "Value": "a b_.:/=+-"}])
