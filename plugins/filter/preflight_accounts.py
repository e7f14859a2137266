# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._preflight_checks import accounts

DOCUMENTATION = r"""
name: preflight_accounts
version_added: "0.1.0"
short_description: The accounts that hosts need, each once
description:
  - Gathers what the role P(datalake.dms.s3_endpoint#role) has each host tell of its accounts, so that an account that many hosts need is
    looked at once.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  _input:
    description: The variables of the hosts. One that has not told yet is left out.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Name the accounts of the play
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | map('extract', hostvars) | datalake.dms.preflight_accounts | map(attribute='account_id') | unique }}"
"""

RETURN = r"""
_value:
  description:
    - Options of M(datalake.dms.dms_preflight), with the endpoints and roles that are planned by all of its hosts, and C(hosts), their names.
  type: list
  elements: dict
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"preflight_accounts": _of_hosts}


def _of_hosts(hosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = [
        (str(host["inventory_hostname"]), host["__s3_endpoint_told_accounts"])
        for host in hosts
        if "__s3_endpoint_told_accounts" in host
    ]
    return accounts(told)
