# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible import context
from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: expected_hosts
version_added: "0.1.0"
short_description: Return the group of a play's hosts, and fail if it has none
description:
  - Ansible ends with status 0 if a play matches no host, so that a job over an empty or wrong inventory looks well.
  - Use it in C(hosts) of the first play. A task could not fail there, because no host would run it.
  - With C(--syntax-check), there may be no host.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: groups, limited, allow_empty
options:
  _input:
    description: The name of the group.
    type: str
    required: true
  groups:
    description: C(groups), the names of the hosts by group.
    type: dict
    required: true
  limited:
    description: The names of the hosts that C(--limit) leaves. Without a limit, leave it out.
    type: list
    elements: str
  allow_empty:
    description: Whether there may be no host, such as in a slice of an AWX job.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Deploy the endpoints
  hosts: "{{ 's3_endpoints' | datalake.dms.expected_hosts(groups) }}"
  tasks: []
"""

RETURN = r"""
_value:
  description: The name of the group, as it was given.
  type: str
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"expected_hosts": _expected_hosts}


def _expected_hosts(
    group: str, groups: dict[str, list[str]], limited: list[str] | None = None, allow_empty: bool = False
) -> str:
    hosts = groups.get(group) or []
    # A syntax check may be made without an inventory.
    if allow_empty or context.CLIARGS.get("syntax"):
        return group
    allowed = "or set s3_endpoint_allow_empty=true if that is meant."
    if not hosts:
        raise AnsibleFilterError(
            f"The inventory has no host in the group {group}; name the right inventory with -i, {allowed}"
        )
    if limited is not None and not set(hosts) & set(limited):
        raise AnsibleFilterError(f"--limit leaves no host of the group {group}; correct it, {allowed}")
    return group
