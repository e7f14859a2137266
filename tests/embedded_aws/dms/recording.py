# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS of one account and region as JSON, and back: settings as sent, ExternalIds, positions of tasks, polls that are left.

A moment is {"moment": ISO 8601}; members that are as in any new resource are left out.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from datetime import datetime
from typing import Any

from .backend import Connection, Dms, Endpoint, Handshake, Resource, Task

# The members of Dms that hold resources by their key, and what these are. Subnet groups are of a network, which is not recorded.
RESOURCES: dict[str, type[Any]] = {
    "endpoints": Endpoint,
    "connections": Connection,
    "instances": Resource,
    "tasks": Task,
    "configs": Resource,
    "subscriptions": Resource,
    "handshakes": Handshake,
}


def dump_dms(dms: Dms) -> dict[str, Any]:
    """Members of Dms by name; those of RESOURCES are lists of [key, members]."""
    if dms.subnet_groups:
        raise ValueError(f"the subnet groups of account {dms.account} can't be recorded")
    dumped: dict[str, Any] = {
        name: [[_plain(key), _members(one)] for key, one in getattr(dms, name).items()] for name in RESOURCES
    }
    dumped |= {"deleted_tasks": _plain(dms.deleted_tasks), "deleted_arns": sorted(dms.deleted_arns), "tags": dms.tags}
    dumped |= {"changes": dms.changes, "written": dms.written}
    return {name: value for name, value in dumped.items() if value}


def restore_dms(dms: Dms, dumped: dict[str, Any]) -> None:
    """Put what `dump_dms` gave into a DMS that has nothing."""
    for name, kind in RESOURCES.items():
        for key, members in dumped.get(name, []):
            getattr(dms, name)[_key(key)] = kind(**_lively(members))
    for task in dms.tasks.values():
        task.starts = [(start, position) for start, position in task.starts]
    dms.deleted_tasks.extend(_lively(dumped.get("deleted_tasks", [])))
    dms.deleted_arns.update(dumped.get("deleted_arns", []))
    dms.tags.update(dumped.get("tags", {}))
    dms.changes.update(dumped.get("changes", {}))
    dms.written.update(dumped.get("written", {}))
    last = max(
        (one.seq for name in RESOURCES if name != "handshakes" for one in getattr(dms, name).values()), default=-1
    )
    dms.go_on_after(last)


def _members(resource: Any) -> dict[str, Any]:
    """The members of a dataclass, without those that are as in any new one."""
    given = {}
    for field in fields(resource):
        value = getattr(resource, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value != default:
            given[field.name] = _plain(value)
    return given


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return {"moment": value.isoformat()} if isinstance(value, datetime) else value


def _lively(value: Any) -> Any:
    if isinstance(value, dict):
        if list(value) == ["moment"]:
            return datetime.fromisoformat(value["moment"])
        return {name: _lively(one) for name, one in value.items()}
    return [_lively(one) for one in value] if isinstance(value, list) else value


def _key(key: str | list[str]) -> str | tuple[str, ...]:
    """JSON knows no tuples, which connections have as their key."""
    return tuple(key) if isinstance(key, list) else key
