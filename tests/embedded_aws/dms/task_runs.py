# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a replication task runs: its states one after another, its full load, its position in the source's log.

Time is counted in describes, as everywhere in this DMS, so that tests don't depend on the clock: with each, the source
has a change more, by number. A task that captures changes writes all that it has not read yet.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .backend import Dms, Task, now

START, RESUME, RELOAD = "start-replication", "resume-processing", "reload-target"
CHECKPOINT = re.compile(r"checkpoint:V1#(\d+)#")


def start(dms: Dms, task: Task, kind: str) -> None:
    """Begin anew, at the task's CdcStartPosition if it has one, or go on where the task was."""
    given = task.shape.get("CdcStartPosition")
    begun = {START: given, RESUME: _checkpoint(task), RELOAD: None}[kind]
    task.starts.append((kind, begun))
    task.dates["StartDate"] = now()
    task.dates.pop("StopDate", None)
    if kind != RESUME:
        _begin_anew(dms, task)
    if task.migration_type == "cdc" and task.position is None:
        # Without a position, it captures what changes from now on.
        task.position = _number_of(given) if given else _latest(dms, task)
    task.shape.update({"ReplicationTaskStartDate": task.dates["StartDate"], "StopReason": ""})
    transit(dms, task, "starting", then="running")


def stop(dms: Dms, task: Task) -> None:
    """Ask the task to stop; its position still moves until it has."""
    _change(dms, task)
    _capture(dms, task)
    task.shape["StopReason"] = "Stop Reason NORMAL"
    transit(dms, task, "stopping", then="stopped")


def fail(task: Task) -> None:
    """The task gives up, as after an error that it can't recover from; its position stays."""
    task.next_status = None
    task.dates["StopDate"] = now()
    task.shape.update({"Status": "failed", "StopReason": "Stop Reason FATAL_ERROR Error Level FATAL"})


def transit(dms: Dms, task: Task, status: str, then: str) -> None:
    """Put the task into a state in between, which the switch `task_polls` keeps it in."""
    task.shape["Status"], task.next_status, task.polls = status, then, dms.switches["task_polls"]
    if not task.polls:
        _settle(dms, task)


def count_poll(dms: Dms, task: Task) -> None:
    """A describe has shown the task."""
    _change(dms, task)
    if task.next_status is not None:
        if task.shape["Status"] == "stopping":
            _capture(dms, task)
        task.polls -= 1
        if task.polls <= 0:
            _settle(dms, task)
    elif task.shape["Status"] == "running" and task.load_polls:
        task.load_polls -= 1
        if not task.load_polls:
            _end_load(dms, task)
    elif task.shape["Status"] == "running":
        _capture(dms, task)


def shape_of(dms: Dms, task: Task) -> dict[str, Any]:
    """The task as the API returns it now."""
    shape = dict(task.shape)
    checkpoint = _checkpoint(task) if dms.switches["recovery_checkpoint"] == "shown" else None
    if checkpoint:
        shape["RecoveryCheckpoint"] = checkpoint
    if task.starts:
        shape["ReplicationTaskStats"] = _stats(task, dms.switches["tables_errored"])
    if "ReplicationTaskSettings" in shape:
        shape["ReplicationTaskSettings"] = _returned_settings(dms, task)
    return shape


def _begin_anew(dms: Dms, task: Task) -> None:
    task.dates["FreshStartDate"] = task.dates["StartDate"]
    task.position = None
    # Nothing is to be loaded for a CDC task.
    task.is_loaded = task.migration_type == "cdc"
    if not task.is_loaded:
        task.load_polls = dms.switches["full_load_polls"]
        task.dates["FullLoadStartDate"] = task.dates["StartDate"]
        task.dates.pop("FullLoadFinishDate", None)


def _settle(dms: Dms, task: Task) -> None:
    status, task.next_status = str(task.next_status), None
    task.shape["Status"] = status
    if status == "deleted":
        _forget(dms, task)
    elif status == "stopped":
        # A task that was modified had stopped before.
        task.dates.setdefault("StopDate", now())
    elif status == "running" and not task.load_polls and task.migration_type != "cdc":
        _end_load(dms, task)


def _end_load(dms: Dms, task: Task) -> None:
    """All tables are loaded: a full-load task is at its end, another one captures changes from here on."""
    if not task.is_loaded:
        task.is_loaded = True
        task.dates["FullLoadFinishDate"] = now()
        _write(dms, task, after=0)
    if task.migration_type == "full-load":
        task.dates["StopDate"] = now()
        task.shape.update({"Status": "stopped", "StopReason": "Stop Reason FULL_LOAD_ONLY_FINISHED"})
    elif task.position is None:
        task.position = _latest(dms, task)


def _forget(dms: Dms, task: Task) -> None:
    """Take the task away; what a test needs to see whether its successor goes on from its position stays."""
    shape = shape_of(dms, task)
    dms.deleted_tasks.append(
        {
            "ReplicationTaskIdentifier": shape["ReplicationTaskIdentifier"],
            "ReplicationTaskArn": task.arn,
            "RecoveryCheckpoint": shape.get("RecoveryCheckpoint"),
            "CdcStartPosition": shape.get("CdcStartPosition"),
            "Starts": task.starts,
        }
    )
    dms.deleted_arns.add(task.arn)
    del dms.tasks[task.arn]
    dms.tags.pop(task.arn, None)
    if dms.switches["event_sources_on_task_delete"] == "dropped":
        _drop_from_subscriptions(dms, shape["ReplicationTaskIdentifier"])


def _drop_from_subscriptions(dms: Dms, identifier: str) -> None:
    for subscription in dms.subscriptions.values():
        sources = subscription.shape["SourceIdsList"]
        if subscription.shape.get("SourceType") == "replication-task" and identifier in sources:
            sources.remove(identifier)


def changes(dms: Dms) -> dict[str, dict[str, int]]:
    """Task identifier -> how many changes are missing between the first and the last that were written, how many were
    written again, and how many were not written yet; also of tasks that do not exist any more."""
    sources = {task.shape["ReplicationTaskIdentifier"]: task.shape["SourceEndpointArn"] for task in dms.tasks.values()}
    found = {}
    for identifier, numbers in dms.written.items():
        kept = set(numbers)
        latest = dms.changes.get(sources.get(identifier, ""), 0)
        found[identifier] = {
            "missing": max(kept) - min(kept) + 1 - len(kept),
            "again": len(numbers) - len(kept),
            "waiting": max(0, latest - max(kept)),
        }
    return found


def _change(dms: Dms, task: Task) -> None:
    """The source of the task has a change more, whether the task runs or not."""
    dms.changes[task.shape["SourceEndpointArn"]] = _latest(dms, task) + 1


def _latest(dms: Dms, task: Task) -> int:
    return max(dms.changes.get(task.shape["SourceEndpointArn"], 0), task.position or 0)


def _capture(dms: Dms, task: Task) -> None:
    """Write all changes after the task's position, and move that."""
    if task.position is not None:
        _write(dms, task, after=task.position)
        task.position = _latest(dms, task)


def _write(dms: Dms, task: Task, after: int) -> None:
    numbers = range(after + 1, _latest(dms, task) + 1)
    if numbers:
        dms.written.setdefault(task.shape["ReplicationTaskIdentifier"], []).extend(numbers)


def _checkpoint(task: Task) -> str | None:
    """The position as a RecoveryCheckpoint, None where CDC has not begun."""
    number = task.position
    if number is None:
        return None
    return f"checkpoint:V1#{number}#mysql-bin-changelog.{number:06d}:{number}:-1:{number}:0:mysql-bin-changelog:0"


def _number_of(position: str | None) -> int:
    """Where a CDC task begins: times and LSNs of the source, which is not modelled, are its log's beginning."""
    found = CHECKPOINT.match(position or "")
    return int(found.group(1)) if found else 0


def _stats(task: Task, tables_errored: int) -> dict[str, Any]:
    is_loading = not task.is_loaded and task.shape["Status"] == "running"
    elapsed = task.dates.get("StopDate", now()) - task.dates["StartDate"]
    return {
        **task.dates,
        # It grows from poll to poll, and is 100 for a load that is over only.
        "FullLoadProgressPercent": 100 if task.is_loaded else 100 // (task.load_polls + 2),
        "ElapsedTimeMillis": int(elapsed.total_seconds() * 1000),
        "TablesLoaded": int(task.is_loaded and task.migration_type != "cdc"),
        "TablesLoading": int(is_loading),
        "TablesQueued": int(not task.is_loaded and not is_loading),
        "TablesErrored": tables_errored if task.migration_type != "cdc" else 0,
    }


def _returned_settings(dms: Dms, task: Task) -> str:
    """The settings with the names of the task's log, which it has once it ran with logging."""
    settings = json.loads(task.shape["ReplicationTaskSettings"])
    logging = settings.get("Logging") or {}
    has_log = bool(task.starts and logging.get("EnableLogging"))
    instance = dms.instances[task.shape["ReplicationInstanceArn"]].shape["ReplicationInstanceIdentifier"]
    settings["Logging"] = {
        **logging,
        "CloudWatchLogGroup": f"dms-tasks-{instance}" if has_log else None,
        "CloudWatchLogStream": f"dms-task-{task.arn.rpartition(':')[2]}" if has_log else None,
    }
    return json.dumps(settings)
