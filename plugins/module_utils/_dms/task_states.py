# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of ReplicationTask.Status, as the API reference names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Values of ReplicationTask.Status.
RUNNING = "running"
READY = "ready"
FAILED = ("failed", "failed-move")


# States of a task in which ModifyEndpoint is allowed: it does not read its endpoints (ReplicationTask.Status in the API reference).
IDLE_STATES = ("stopped", "ready", "failed", "created", "failed-move")


def failed_tasks(tasks: Iterable[dict[str, Any]], endpoint_arn: str | None) -> list[str]:
    """The tasks of an endpoint that have failed, as sentences without a period. Pure.

    :param tasks: items of DescribeReplicationTasks. :param endpoint_arn: None without an endpoint.
    """
    return [
        f"its task {task['ReplicationTaskIdentifier']} is {task['Status']} ({_reason(task)})"
        for task in tasks
        if task["TargetEndpointArn"] == endpoint_arn and task["Status"] in FAILED
    ]


def _reason(task: dict[str, Any]) -> str:
    return str(task.get("LastFailureMessage") or task.get("StopReason") or "AWS gives no reason")
