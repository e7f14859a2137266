# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

DOCUMENTATION = r"""
name: told_of
version_added: "0.1.0"
short_description: What a result tells of hosts, where one task asked for many of them
description:
  - With C(run_once) each host of a batch has the result for all of the batch. This takes each result once.
  - For the C(hosts) of a later play.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: hostvars, variable, key
options:
  _input:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: C(hostvars). Undefined, as in a syntax check, nothing is told.
    type: dict
  variable:
    description: The variable that the result was registered in. The result has C(asked), the names of the hosts that it is for.
    type: str
    required: true
  key:
    description: What of the result is wanted, a list of names or a dictionary by name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Deploy where there is something to do
  hosts: "{{ groups['s3_endpoints'] | datalake.dms.told_of(hostvars, 'survey', 'to_do') }}"
  tasks: []
"""

RETURN = r"""
_value:
  description: The names.
  type: list
  elements: str
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"told_of": _told_of}


def _told_of(hosts: list[str], hostvars: Any, variable: str, key: str) -> list[str]:
    told: list[str] = []
    asked: set[str] = set()
    for host in hosts:
        if host in asked or host not in hostvars:
            continue
        result = hostvars[host].get(variable) or {}
        asked.update(result.get("asked", []))
        told += list(result.get(key, []))
    return told
