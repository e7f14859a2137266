# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a task, what could be lost, and how it is made again."""

from __future__ import annotations

import dataclasses
import json

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import MODIFIED, RECREATED
from ansible_collections.datalake.dms.plugins.module_utils._replacement import task_entries as tasks
from builders import DMS

ARN = f"arn:aws:dms:eu-central-1:{DMS}"
CHECKPOINT = "checkpoint:V1#7#mysql-bin-changelog.000007:7:-1:7:0:mysql-bin-changelog:0"
STARTED = "2026-11-21T10:00:00Z"
LOADED = {"FullLoadProgressPercent": 100, "FullLoadFinishDate": STARTED}


def described(**members):
    """A running task that replicates changes, as DescribeReplicationTasks has it."""
    return {
        "ReplicationTaskIdentifier": "copy",
        "ReplicationTaskArn": f"{ARN}:task:copy",
        "SourceEndpointArn": f"{ARN}:endpoint:source",
        "TargetEndpointArn": f"{ARN}:endpoint:dev-crm",
        "ReplicationInstanceArn": f"{ARN}:rep:dev",
        "MigrationType": "cdc",
        "TableMappings": '{"rules": []}',
        "Status": "running",
        "RecoveryCheckpoint": CHECKPOINT,
        "ReplicationTaskStartDate": STARTED,
        **members,
    }


def entry(tags=None, **members):
    return tasks.entry_of(described(**members), tags or {})


FULL_AND_CDC = {"MigrationType": "full-load-and-cdc", "ReplicationTaskStats": LOADED}
NEVER_RAN = {"Status": "ready", "RecoveryCheckpoint": None, "ReplicationTaskStartDate": None}
MYSQL = {"EndpointIdentifier": "source", "EngineName": "mysql"}
POSTGRES = {"EndpointIdentifier": "source", "EngineName": "aurora-postgresql"}


def request(of_entry, **options):
    return tasks.create_request(of_entry, f"{ARN}:endpoint:new", **options)


def tags_of(made):
    return {tag["Key"]: tag["Value"] for tag in made.get("Tags", [])}


def test_task_past_its_full_load_goes_on_as_cdc_and_remembers_what_its_owner_declared():
    made = request(entry({"team": "data"}, **FULL_AND_CDC))
    assert (made["MigrationType"], made["CdcStartPosition"]) == ("cdc", CHECKPOINT)
    assert tags_of(made) == {"team": "data", "datalake.dms:migration-type": "full-load-and-cdc"}
    assert made["TargetEndpointArn"] == f"{ARN}:endpoint:new"
    assert made["ResourceIdentifier"] == "copy"


def test_declared_type_outlives_a_second_replacement():
    again = entry({"datalake.dms:migration-type": "full-load-and-cdc"}, CdcStartPosition="checkpoint:V1#3")
    made = request(again)
    assert (made["MigrationType"], made["CdcStartPosition"]) == ("cdc", CHECKPOINT)
    assert tags_of(made) == {"datalake.dms:migration-type": "full-load-and-cdc"}


def test_cdc_task_goes_on_without_a_tag():
    made = request(entry())
    assert (made["MigrationType"], made["CdcStartPosition"]) == ("cdc", CHECKPOINT)
    assert "Tags" not in made


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({**NEVER_RAN, "CdcStartPosition": "its-own"}, ("cdc", "its-own")),
        (NEVER_RAN, ("cdc", None)),
        ({**NEVER_RAN, "MigrationType": "full-load-and-cdc"}, ("full-load-and-cdc", None)),
        ({"MigrationType": "full-load", "ReplicationTaskStats": LOADED, "Status": "stopped"}, ("full-load", None)),
        ({"MigrationType": "full-load-and-cdc", "RecoveryCheckpoint": None}, ("full-load-and-cdc", None)),
        ({"MigrationType": "full-load-and-cdc"}, ("full-load-and-cdc", None)),
    ],
    ids=["position of its own", "no position", "not loaded", "loaded once", "in its load", "in its load, checkpoint"],
)
def test_task_without_a_position_to_keep_is_made_as_it_was(members, expected):
    made = request(entry(**members))
    assert (made["MigrationType"], made.get("CdcStartPosition")) == expected
    assert "Tags" not in made


def test_task_that_lost_its_position_becomes_what_its_owner_declared():
    lost = entry({"datalake.dms:migration-type": "full-load-and-cdc", "team": "data"}, RecoveryCheckpoint=None)
    made = request(lost)
    assert (made["MigrationType"], made.get("CdcStartPosition")) == ("full-load-and-cdc", None)
    assert tags_of(made) == {"team": "data"}


def test_definition_leaves_out_what_aws_fills_in_and_keeps_the_rest():
    settings = {"Logging": {"EnableLogging": True, "CloudWatchLogGroup": "g", "CloudWatchLogStream": None}, "a": 1}
    made = request(entry(ReplicationTaskSettings=json.dumps(settings), TaskData="{}", CdcStopPosition="server_time:1"))
    assert json.loads(made["ReplicationTaskSettings"]) == {"Logging": {"EnableLogging": True}, "a": 1}
    assert (made["TaskData"], made["CdcStopPosition"]) == ("{}", "server_time:1")
    assert "Status" not in made


def test_tags_of_aws_are_not_asked_for():
    assert tags_of(request(entry({"aws:owner": "x", "team": "data"}))) == {"team": "data"}


def test_end_of_the_arn_is_asked_for_only_where_it_can_be():
    assert "ResourceIdentifier" not in request(entry(), same_tail=False)
    assert "ResourceIdentifier" not in request(entry(ReplicationTaskArn=f"{ARN}:task:{'A' * 39}"))


@pytest.mark.parametrize(
    ("members", "kind", "position"),
    [
        (NEVER_RAN | {"CdcStartPosition": "there"}, "start-replication", "there"),
        (NEVER_RAN, "start-replication", None),
        ({"Status": "stopped", "CdcStartPosition": "there"}, "resume-processing", None),
        ({"Status": "failed"}, "resume-processing", None),
        ({"Status": "ready"}, "resume-processing", None),
    ],
)
def test_task_is_started_once_and_resumed_ever_after(members, kind, position):
    made = tasks.start_request(described(**members))
    assert (made["StartReplicationTaskType"], made.get("CdcStartPosition")) == (kind, position)


@pytest.mark.parametrize("status", ["running", "starting"])
def test_task_that_runs_is_left_alone(status):
    assert tasks.start_request(described(Status=status)) is None


def test_another_look_forgets_no_running_task():
    before, now = entry(), entry(Status="stopped", RecoveryCheckpoint="later")
    assert tasks.renewed(before, now) == dataclasses.replace(now, running=True)
    assert tasks.renewed(now, now).running is False


# What could be lost


def consents(members=None, tags=None, source=MYSQL, action=RECREATED, retention=0):
    task = described(**(members or {}))
    found = tasks.risks(tasks.entry_of(task, tags or {}), task, tags or {}, source, action, 2400, retention)
    return [risk.consent for risk in found if risk.consent != tasks.FOREIGN_TASKS]


LONG = 86400
OURS = {tasks.DECLARED_TAG: "cdc"}


@pytest.mark.parametrize("tables", ["TablesLoading", "TablesQueued", "TablesErrored"])
@pytest.mark.parametrize("kind", ["full-load-and-cdc", "full-load", "cdc"])
def test_task_with_a_table_that_is_not_loaded_does_not_go_on_as_cdc(kind, tables):
    task = described(MigrationType=kind, ReplicationTaskStats={**LOADED, tables: 1})
    found = tasks.entry_of(task, {})
    assert found.loaded == (kind != "full-load-and-cdc")
    assert request(found)["MigrationType"] == kind
    risks = tasks.risks(found, task, {"datalake.dms:x": ""}, MYSQL, RECREATED, 1, 2)
    assert [risk.consent for risk in risks] == ([] if found.loaded else ["full_load"])
    assert found.loaded or "1 of its tables is not loaded" in risks[0].text


FULL_LOAD_SETTINGS = {"MigrationType": "full-load-and-cdc", "RecoveryCheckpoint": None}


def tags_beside(count):
    """So many tags of a task's owner."""
    return {f"owner-{number}": "x" for number in range(count)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"retention": LONG}, []),
        ({}, ["source_logs"]),
        ({"retention": 2399}, ["source_logs"]),
        ({"retention": 2400}, []),
        ({"members": {"Status": "stopped"}}, []),
        ({"members": {"RecoveryCheckpoint": None}, "retention": LONG}, ["no_checkpoint"]),
        ({"members": {"RecoveryCheckpoint": None}, "retention": LONG, "action": MODIFIED}, []),
        ({"members": {"RecoveryCheckpoint": None, "Status": "stopped"}}, ["no_checkpoint"]),
        ({"members": NEVER_RAN}, ["no_checkpoint"]),
        ({"members": {**NEVER_RAN, "CdcStartPosition": "here"}}, []),
        ({"members": NEVER_RAN, "action": MODIFIED}, []),
        ({"members": {**NEVER_RAN, "MigrationType": "full-load-and-cdc"}}, []),
        ({"members": NEVER_RAN, "source": POSTGRES}, []),
        ({"members": FULL_LOAD_SETTINGS, "retention": LONG}, ["full_load"]),
        ({"members": {**FULL_LOAD_SETTINGS, "Status": "stopped"}}, ["full_load"]),
        ({"members": FULL_LOAD_SETTINGS, "retention": LONG, "action": MODIFIED}, ["full_load"]),
        ({"members": {"MigrationType": "full-load"}}, ["full_load"]),
        ({"members": {"MigrationType": "full-load", "ReplicationTaskStats": LOADED, "Status": "stopped"}}, []),
        ({"source": POSTGRES, "retention": LONG}, ["postgresql_slot"]),
        ({"source": POSTGRES, "retention": LONG, "action": MODIFIED}, []),
        ({"source": POSTGRES, "members": {"Status": "stopped"}}, ["postgresql_slot"]),
        ({"source": {**POSTGRES, "PostgreSQLSettings": {"SlotName": "ours"}}}, []),
        ({"source": {**POSTGRES, "ExtraConnectionAttributes": "slotName=ours;x=y"}}, []),
        ({"source": {**POSTGRES, "PostgreSQLSettings": {"SlotName": ""}}, "retention": LONG}, ["postgresql_slot"]),
        ({"tags": {"aws:cloudformation:stack-name": "prod"}, "retention": LONG}, [None]),
        ({"members": {"Status": "modifying"}, "retention": LONG}, [None]),
        ({"members": FULL_AND_CDC, "tags": tags_beside(50), "retention": LONG}, [None]),
        ({"members": FULL_AND_CDC, "tags": tags_beside(49), "retention": LONG}, []),
        ({"members": FULL_AND_CDC, "tags": tags_beside(50), "retention": LONG, "action": MODIFIED}, []),
        ({"tags": tags_beside(50), "retention": LONG}, []),
        ({"tags": {tasks.DECLARED_TAG: "full-load-and-cdc", **tags_beside(49)}, "retention": LONG}, []),
        ({"members": {"ReplicationTaskSettings": '{"a": [{"DbPassword": "x"}]}'}, "retention": LONG}, [None]),
    ],
)
def test_risks(options, expected):
    assert consents(**options) == expected


@pytest.mark.parametrize(
    ("members", "tags", "action", "changed"),
    [
        (FULL_AND_CDC, {}, RECREATED, "[migration_type, cdc_start_position, tags]"),
        (FULL_AND_CDC, {"team": "data"}, RECREATED, "[migration_type, cdc_start_position, tags]"),
        ({}, {}, RECREATED, "[cdc_start_position]"),
        (NEVER_RAN, {}, RECREATED, ""),
        ({}, {}, MODIFIED, None),
        ({}, {tasks.DECLARED_TAG: "cdc"}, RECREATED, None),
        ({}, {"datalake.dms:deployment": "dev"}, RECREATED, None),
        ({}, {"aws:cloudformation:stack-name": "prod"}, RECREATED, None),
    ],
)
def test_task_of_another_tool(members, tags, action, changed):
    task = described(**members)
    found = tasks.risks(tasks.entry_of(task, tags), task, tags, MYSQL, action, 1, LONG)
    texts = [risk.text for risk in found if risk.consent == tasks.FOREIGN_TASKS]
    assert len(texts) == (changed is not None)
    for text in texts:
        assert text.startswith("it has no tag of this collection, so another tool may own it and change or replace")
        assert text.endswith(f"ignore_changes = {changed} }}" if changed else "the new task")


def test_risk_of_a_secret_names_the_setting_and_not_its_value():
    task = described(ReplicationTaskSettings='{"a": [{"DbPassword": "hunter2"}]}')
    (risk,) = tasks.risks(tasks.entry_of(task, OURS), task, OURS, MYSQL, RECREATED, 1, LONG)
    assert risk.text == "its definition has secrets (DbPassword), which must not be journaled"


def test_refusal_names_each_task_why_and_the_consent():
    found = {
        "b": [tasks.Risk("it has no place", "no_checkpoint")],
        "a": [tasks.Risk("it is modifying")],
        "c": [tasks.Risk("its logs go", "source_logs")],
    }
    sentence = tasks.refusal("dev-crm", found, ["source_logs"])
    assert sentence == (
        "The endpoint dev-crm is not replaced, because its tasks could lose something: task a: it is modifying; task b: it has no place "
        "(accept=no_checkpoint allows that)."
    )


def test_consent_takes_only_what_it_names():
    found = {"a": [tasks.Risk("it is modifying")], "b": [tasks.Risk("its load", "full_load")]}
    assert "task a" in str(tasks.refusal("dev-crm", found, list(tasks.CONSENTS)))
    assert tasks.refusal("dev-crm", {"b": found["b"]}, ["full_load"]) is None
    assert tasks.refusal("dev-crm", {"b": found["b"]}, ["source_logs"]) is not None


def test_drop_and_create_is_named():
    for mode, named in (("DROP_AND_CREATE", True), ("DO_NOTHING", False)):
        settings = json.dumps({"FullLoadSettings": {"TargetTablePrepMode": mode}})
        task = described(**FULL_LOAD_SETTINGS, ReplicationTaskSettings=settings)
        (risk,) = tasks.risks(tasks.entry_of(task, OURS), task, OURS, MYSQL, RECREATED, 1, LONG)
        assert ("objects in the bucket may be deleted" in risk.text) is named


@pytest.mark.parametrize(
    ("members", "action", "expected"),
    [
        (FULL_AND_CDC, RECREATED, "stopped, deleted, created again as cdc from its checkpoint, started"),
        ({**FULL_AND_CDC, "Status": "stopped"}, RECREATED, "deleted, created again as cdc from its checkpoint"),
        (NEVER_RAN, RECREATED, "deleted, created again"),
        (FULL_AND_CDC, MODIFIED, "stopped, resumed"),
        ({"Status": "stopped"}, MODIFIED, "unchanged"),
    ],
)
def test_steps(members, action, expected):
    assert tasks.steps(entry(**members), action) == f"task copy: {expected}"


def test_diff_shows_the_type_the_tag_and_a_position_that_only_aws_can_know():
    task = entry(**FULL_AND_CDC)
    before, after = tasks.before_view(task), tasks.after_view(task, RECREATED, "the-arn")
    changed = {name: value for name, value in after.items() if value != before[name]}
    assert changed == {
        "arn": "the-arn",
        "migration_type": "cdc",
        "cdc_start_position": tasks.POSITION_WHEN_STOPPED,
        "tags": {"datalake.dms:migration-type": "full-load-and-cdc"},
    }
    assert tasks.after_view(task, MODIFIED, "the-arn") == before
