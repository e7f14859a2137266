# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run says of tasks that it could not start again: until when their sources keep what they have to read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import TaskEntry, slot_name

# PostgreSQL: "Replication slot names may contain lower-case letters, numbers, and the underscore character."
_SLOT = re.compile(r"[a-z0-9_]{1,63}")


def sentences(
    entries: Iterable[TaskEntry], sources: Mapping[str, dict[str, Any]], began: datetime, retention: float
) -> list[str]:
    """A sentence for each task.

    :param entries: the tasks that ran and are down. :param sources: ARN -> source endpoint, an item of DescribeEndpoints.
    :param began: when the replacement began. No task was stopped before. :param retention: how many seconds the sources keep their logs; 0: unknown.
    """
    return [
        f"Task {entry.identifier} is down; {_waits(entry, sources.get(entry.request['SourceEndpointArn']), began, retention)}."
        for entry in entries
    ]


def _waits(entry: TaskEntry, source: dict[str, Any] | None, began: datetime, retention: float) -> str:
    if entry.migration_type == "full-load":
        return "it only loads, so its source need not keep logs for it"
    slot = slot_name(source)
    if source and slot:
        return _of_slot(slot, source["EndpointIdentifier"])
    if retention:
        until = (began + timedelta(seconds=retention)).strftime("%Y-%m-%d %H:%M UTC")
        return f"its source keeps the logs that it needs until {until}"
    return "how long its source keeps the logs that it needs is unknown, because source_log_retention is not set"


def _of_slot(slot: str, source: str) -> str:
    text = f"its slot {slot} keeps the logs that it needs, and they fill the disk of the source {source} until the task runs again"
    if not _SLOT.fullmatch(slot):
        return text
    size = "SELECT pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots"
    where, drop = f"WHERE slot_name = '{slot}'", f"SELECT pg_drop_replication_slot('{slot}')"
    return f"{text}: see how much with {size} {where}, and if the disk gets full, give up the position with {drop}"
