# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that were stopped right after a replacement had started them. Pure.

A request of an interrupted run may reach DMS after the next run has ended. Such a StopReplicationTask stops a task that nobody wanted to stop.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.tags import RESERVED_PREFIX
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import STOPPED

# Tag of an endpoint: from when to when a replacement had started its tasks, in AWS's time.
STARTED_TAG = f"{RESERVED_PREFIX}tasks-started"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
# How long after its start a stop counts as late, not as the wish of somebody.
_LATE = timedelta(minutes=10)


def started_tag(tasks: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The tag, as a flat dict; empty without a start. :param tasks: those that were started, items of DescribeReplicationTasks."""
    starts = [task["ReplicationTaskStartDate"] for task in tasks if task.get("ReplicationTaskStartDate")]
    if not starts:
        return {}
    return {STARTED_TAG: "/".join(f"{at.astimezone(UTC):{_TIME_FORMAT}}" for at in (min(starts), max(starts)))}


def is_stopped_late(task: dict[str, Any], tags: dict[str, str]) -> bool:
    """Whether a task was stopped right after a replacement had started it.

    :param task: an item of DescribeReplicationTasks. :param tags: of its target endpoint.
    """
    started, stopped = task.get("ReplicationTaskStartDate"), (task.get("ReplicationTaskStats") or {}).get("StopDate")
    if task["Status"] != STOPPED or not (started and stopped) or task.get("StopReason") != "Stop Reason NORMAL":
        return False
    try:
        first, last = (
            datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC) for text in tags.get(STARTED_TAG, "").split("/")
        )
    except ValueError:
        return False
    return bool(first <= started <= last and started <= stopped <= started + _LATE)
