# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that ran and does not run any more: named by deployment, survey and verification, and started where only a late request stopped it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.once

CONSENT = {"replace_tasks": True, "source_log_retention": 86400}
CSV = {"settings": {"data_format": "csv"}}
STOPPED = "dev-crm: its task copy is stopped (Stop Reason NORMAL). Start it again if it is to run; deploy.yml does not."
LATE = "its task copy was stopped right after a replacement had started it, such as by a request of an interrupted run"


def declared(lab, **variables):
    return [lab.host(**{**CONSENT, **CSV, **variables})]


def deploy(lab, check=False, **variables):
    told = lab.deployment(declared(lab, **variables), check)["hosts"]["crm"]
    assert told["failed"] is False, told["msg"]
    return told


def stop(lab):
    lab.client("dms", "dms").stop_replication_task(ReplicationTaskArn=lab.tasks()["copy"]["ReplicationTaskArn"])


@pytest.fixture
def running(lab):
    """An endpoint with a task that runs; no replacement has touched it."""
    lab.start(lab.task(deploy(lab)["endpoint_arn"], MigrationType="full-load-and-cdc", ResourceIdentifier="copy"))


@pytest.fixture
def replaced(lab, running):
    """The same, once the endpoint was replaced."""
    deploy(lab, settings={"data_format": "parquet"})
    assert lab.tasks()["copy"]["Status"] == "running"


def test_task_that_somebody_stopped_is_named_and_not_started(lab, running):
    stop(lab)
    told = deploy(lab)
    assert (told["changed"], told["msg"]) == (False, f"{STOPPED} dev-crm: endpoint unchanged, connection successful.")
    survey = lab.survey(declared(lab))
    assert (survey["unchanged"], survey["stopped_tasks"]) == (["crm"], [STOPPED])
    verified = lab.verification(declared(lab))["hosts"]["crm"]
    assert (verified["failed"], verified["findings"]) == (False, [])
    assert f"no drift, connection successful. But {STOPPED.removeprefix('dev-crm: ')}" in verified["msg"]
    assert lab.tasks()["copy"]["Status"] == "stopped"


def test_task_that_a_late_request_stopped_is_started(lab, replaced):
    stop(lab)
    parquet = {"settings": {"data_format": "parquet"}}
    verified = lab.verification(declared(lab, **parquet))["hosts"]["crm"]
    assert (verified["failed"], verified["findings"]) == (True, [LATE])
    assert lab.survey(declared(lab, **parquet))["reasons"] == {"crm": "a task is to be started"}
    lab.forget_calls()
    told = deploy(lab, check=True, **parquet)
    assert (told["changed"], lab.writes()) == (True, [])
    assert told["msg"] == f"dev-crm: {LATE}. deploy.yml starts it. dev-crm: would start tasks."
    told = deploy(lab, **parquet)
    assert (told["changed"], lab.writes()) == (True, ["StartReplicationTask"])
    assert told["msg"] == f"dev-crm: {LATE}. deploy.yml starts it. dev-crm: endpoint unchanged, connection successful."
    assert told["diff"] == [
        {
            "before_header": "tasks",
            "after_header": "tasks",
            "before": {"tasks": {"copy": {"running": False}}},
            "after": {"tasks": {"copy": {"running": True}}},
        }
    ]
    made = lab.tasks()["copy"]
    assert (made["Status"], made["Starts"][-1][0]) == ("running", "resume-processing")
    assert deploy(lab, **parquet)["changed"] is False
    assert lab.verification(declared(lab, **parquet))["hosts"]["crm"]["failed"] is False


def test_replacement_starts_a_task_that_was_stopped_late(lab, replaced):
    stop(lab)
    assert deploy(lab)["action"] == "recreated"
    assert lab.tasks()["copy"]["Status"] == "running"


def test_task_that_somebody_had_stopped_before_a_replacement_stays_stopped(lab, running):
    """However soon after its start."""
    arn = next(one["EndpointArn"] for one in lab.endpoints() if one["EndpointType"] == "TARGET")
    lab.start(lab.task(arn, "other", ResourceIdentifier="other"))
    stop(lab)
    lab.fault("dms", "DeleteReplicationTask", "error", "dms", code="ResourceQuotaExceededFault")
    parquet = {"settings": {"data_format": "parquet"}}
    assert lab.deployment(declared(lab, **parquet))["hosts"]["crm"]["failed"] is True
    assert [lab.tasks()[name]["Status"] for name in ("copy", "other")] == ["stopped", "running"]
    told = deploy(lab, **parquet)
    assert "deploy.yml starts it" not in told["msg"]
    assert [lab.tasks()[name]["Status"] for name in ("copy", "other")] == ["ready", "running"]
