# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that were stopped right after a replacement had started them. Pure.

A request of an interrupted run may reach DMS after the next run has ended. Such a StopReplicationTask stops a task that nobody wanted to stop.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.tags import RESERVED_PREFIX

# Tag of an endpoint: when a replacement had started its tasks.
STARTED_TAG = f"{RESERVED_PREFIX}tasks-started"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# How far the start of a task may be from the time in the tag: a start takes minutes.
_START = timedelta(minutes=15)
# How long after its start a stop counts as late, not as the wish of somebody.
_LATE = timedelta(minutes=10)


def started_tag(now: datetime) -> dict[str, str]:
    """The tag, as a flat dict."""
    return {STARTED_TAG: now.astimezone(UTC).strftime(_TIME_FORMAT)}


def is_stopped_late(task: dict[str, Any], tags: dict[str, str]) -> bool:
    """Whether a task was stopped right after a replacement had started it.

    :param task: an item of DescribeReplicationTasks. :param tags: of its target endpoint.
    """
    stats = task.get("ReplicationTaskStats") or {}
    started, stopped = stats.get("StartDate"), stats.get("StopDate")
    if task["Status"] != "stopped" or not (started and stopped) or task.get("StopReason") != "Stop Reason NORMAL":
        return False
    try:
        tagged = datetime.strptime(tags.get(STARTED_TAG, ""), _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(started - tagged) <= _START and started <= stopped <= started + _LATE
