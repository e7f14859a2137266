# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replication tasks that ran and do not run any more: failed, or stopped. They are named; only those that a late request stopped are started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, explain
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import list_all_tasks
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import FAILED, STOPPED
from ansible_collections.datalake.dms.plugins.module_utils._replacement.late_stops import is_stopped_late
from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import start_request

# Reasons of a task that ended as its settings say (ReplicationTask.StopReason in the API reference, "Stop Reason <x>").
_AS_SET = (
    "FULL_LOAD_ONLY_FINISHED",
    "STOPPED_AFTER_FULL_LOAD",
    "STOPPED_AFTER_CACHED_EVENTS",
    "STOPPED_AFTER_DDL_APPLY",
    "STOPPED_AT_SERVER_TIME",
    "STOPPED_AT_COMMIT_TIME",
)


@dataclass(frozen=True)
class StoppedTask:
    """A task that does not run any more.

    :ivar text: what happened, without a period. :ivar remedy: a sentence. :ivar is_finding: whether a verification fails for it: anybody may stop a
        task, and means it. :ivar start: the parameters of StartReplicationTask, where a deployment starts it; else None.
    """

    identifier: str
    text: str
    remedy: str
    is_finding: bool
    start: dict[str, Any] | None = None

    def sentences(self) -> str:
        return f"{self.text}. {self.remedy}"


@dataclass(frozen=True)
class StoppedTasks:
    """The tasks of an account that ran and do not run any more.

    :ivar by_endpoint: ARN of the target endpoint -> tasks, items of DescribeReplicationTasks. :ivar warnings: why they are unknown.
    """

    by_endpoint: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of(self, endpoint: dict[str, Any]) -> list[StoppedTask]:
        """Those of one endpoint. :param endpoint: see endpoint_plan.diff_view; empty without one."""
        if not endpoint:
            return []
        tasks = self.by_endpoint.get(endpoint["endpoint_arn"], [])
        return [stopped_task(task, endpoint["tags"]) for task in tasks]


def read_stopped_tasks(client: Any) -> StoppedTasks:
    """The stopped tasks of the account in the client's region (DescribeReplicationTasks). A failed call is a warning."""
    try:
        return StoppedTasks(by_endpoint(list_all_tasks(client)))
    except CALL_ERRORS as error:
        return StoppedTasks(
            warnings=(f"Tasks that do not run are not named, because they can't be read: {explain(error)}",)
        )


def by_endpoint(tasks: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """See StoppedTasks. Pure. :param tasks: items of DescribeReplicationTasks."""
    found: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        reason = (task.get("StopReason") or "").removeprefix("Stop Reason ").split(" ")[0]
        if task["Status"] in FAILED or (task["Status"] == STOPPED and reason not in _AS_SET):
            found.setdefault(task["TargetEndpointArn"], []).append(task)
    return found


def stopped_task(task: dict[str, Any], tags: dict[str, str]) -> StoppedTask:
    """Pure. :param task: an item of DescribeReplicationTasks. :param tags: of its target endpoint."""
    name, status = task["ReplicationTaskIdentifier"], task["Status"]
    reason = task.get("LastFailureMessage") or task.get("StopReason") or "AWS gives no reason"
    if status in FAILED:
        remedy = "Correct the cause and start it again; deploy.yml does not."
        return StoppedTask(name, f"its task {name} is {status} ({reason})", remedy, is_finding=True)
    if is_stopped_late(task, tags):
        text = f"its task {name} was stopped right after a replacement had started it, such as by a request of an interrupted run"
        return StoppedTask(name, text, "deploy.yml starts it.", is_finding=True, start=start_request(task))
    remedy = "Start it again if it is to run; deploy.yml does not."
    return StoppedTask(name, f"its task {name} is stopped ({reason})", remedy, is_finding=False)
