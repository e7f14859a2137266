# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replication tasks that do not run any more, by their target endpoint, each with the reason that AWS gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._hosts.stopped_tasks import StoppedTasks, by_endpoint
from ansible_collections.datalake.dms.plugins.module_utils._replacement.late_stops import started_tag

CRM, ERP = ({"endpoint_arn": arn, "tags": {}} for arn in ("arn:crm", "arn:erp"))
NORMAL = {"StopReason": "Stop Reason NORMAL"}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAGGED = {"datalake.dms:tasks-started": "2026-03-01T12:00:00.900000Z/2026-03-01T12:00:31.000000Z"}


def task(name, status, target="arn:crm", **more):
    return {"ReplicationTaskIdentifier": name, "Status": status, "TargetEndpointArn": target, **more}


def texts(found, endpoint):
    return [one.text for one in found.of(endpoint)]


def test_stopped_tasks_by_endpoint():
    tasks = [
        task("runs", "running"),
        task("new", "ready"),
        task("idle", "stopped", **NORMAL),
        task("lost", "failed", LastFailureMessage="Last Error no memory", StopReason="Stop Reason FATAL_ERROR"),
        task("moved", "failed-move", StopReason="Stop Reason FATAL_ERROR"),
        task("silent", "failed", "arn:erp", StopReason=""),
    ]
    found = StoppedTasks(by_endpoint(tasks))
    assert texts(found, CRM) == [
        "its task idle is stopped (Stop Reason NORMAL)",
        "its task lost is failed (Last Error no memory)",
        "its task moved is failed-move (Stop Reason FATAL_ERROR)",
    ]
    assert [one.is_finding for one in found.of(CRM)] == [False, True, True]
    assert texts(found, ERP) == ["its task silent is failed (AWS gives no reason)"]
    assert (found.of({"endpoint_arn": "arn:hr", "tags": {}}), found.of({})) == ([], [])
    assert found.of(CRM)[0].sentences().endswith("Start it again if it is to run; deploy.yml does not.")


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ("NORMAL", True),
        ("RECOVERABLE_ERROR", True),
        ("FATAL_ERROR Error Level FATAL", True),
        ("STOPPED_DUE_TO_LOW_DISK", True),
        ("FULL_LOAD_ONLY_FINISHED", False),
        ("STOPPED_AFTER_CACHED_EVENTS", False),
        ("STOPPED_AT_COMMIT_TIME", False),
    ],
)
def test_task_that_ended_as_it_was_to_is_not_named(reason, named):
    found = StoppedTasks(by_endpoint([task("copy", "stopped", StopReason=f"Stop Reason {reason}")]))
    assert bool(found.of(CRM)) is named


@pytest.mark.parametrize(
    ("tags", "ran_for", "since_first", "more", "late"),
    [
        (TAGGED, 60, 0, NORMAL, True),
        (TAGGED, 0, 30, NORMAL, True),
        (TAGGED, 600, 30.1, NORMAL, True),
        # Somebody stopped it later, or had started it before or afterwards; or AWS stopped it; or no replacement started it.
        (TAGGED, 601, 0, NORMAL, False),
        (TAGGED, 60, -0.001, NORMAL, False),
        (TAGGED, 60, 30.101, NORMAL, False),
        (TAGGED, 60, 0, {"StopReason": "Stop Reason RECOVERABLE_ERROR"}, False),
        ({}, 60, 0, NORMAL, False),
        ({"datalake.dms:tasks-started": "yesterday"}, 60, 0, NORMAL, False),
        ({"datalake.dms:tasks-started": "2026-03-01T12:00:00.900000Z"}, 60, 0, NORMAL, False),
    ],
)
def test_task_that_was_stopped_late_is_started(tags, ran_for, since_first, more, late):
    started = NOW + timedelta(seconds=since_first + 0.9)
    dates = {
        "ReplicationTaskStartDate": started,
        "ReplicationTaskStats": {"StopDate": started + timedelta(seconds=ran_for)},
    }
    one = task("copy", "stopped", ReplicationTaskArn="arn:copy", **dates, **more)
    (found,) = StoppedTasks(by_endpoint([one])).of({**CRM, "tags": tags})
    assert (found.start is not None, found.is_finding) == (late, late)
    if late:
        assert found.start == {"ReplicationTaskArn": "arn:copy", "StartReplicationTaskType": "resume-processing"}


def test_tag_has_the_first_and_the_last_start():
    tasks = [{"ReplicationTaskStartDate": NOW + timedelta(seconds=31)}, {}]
    tasks.append({"ReplicationTaskStartDate": NOW + timedelta(milliseconds=900)})
    assert started_tag(tasks) == TAGGED
    assert started_tag([{}]) == {}


def test_task_without_dates_was_not_stopped_late():
    (found,) = StoppedTasks(by_endpoint([task("copy", "stopped", **NORMAL)])).of({**CRM, "tags": TAGGED})
    assert found.start is None
