# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

DOCUMENTATION = r"""
name: hosts_in_result
version_added: "0.1.0"
short_description: Return names of hosts from a result that one task returned for many hosts
description:
  - With C(run_once), each host of a batch has the result for the complete batch. The filter uses each result once.
  - Use it in C(hosts) of a later play.
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
    description: C(hostvars). If it is undefined, such as in a syntax check, the list is empty.
    type: dict
  variable:
    description: The variable that the result was registered in. C(asked) in the result has the names of its hosts.
    type: str
    required: true
  key:
    description: The key of the result, which is a list of names or a dictionary by name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Deploy where something differs
  hosts: "{{ groups['s3_endpoints'] | datalake.dms.hosts_in_result(hostvars, 'survey', 'to_deploy') }}"
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
        return {"hosts_in_result": _hosts_in_result}


def _hosts_in_result(hosts: list[str], hostvars: Any, variable: str, key: str) -> list[str]:
    found: list[str] = []
    asked: set[str] = set()
    for host in hosts:
        if host in asked or host not in hostvars:
            continue
        result = hostvars[host].get(variable) or {}
        asked.update(result.get("asked", []))
        found += list(result.get(key, []))
    return found
