# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.role_plan import is_own

DOCUMENTATION = r"""
name: own_roles
version_added: "0.1.0"
short_description: The access roles that an endpoint's other way of access has left
description:
  - Picks those that are the deployment's own, by tag and IAM path. Without a deployment it is the one that the endpoint has or had.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: deployment, path, arn_before
options:
  _input:
    description: Roles, as M(datalake.dms.dms_crossaccount_role_info) returns them.
    type: list
    elements: dict
    required: true
  deployment:
    description: The deployment; empty for none.
    type: str
    required: true
  path:
    description: The IAM path of its access roles.
    type: str
    required: true
  arn_before:
    description: The role of the endpoint as it stands, or stood before it was created again; empty for none.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what the other way of access has left
  ansible.builtin.debug:
    msg: "{{ dms_side.roles | datalake.dms.own_roles('datalake-dev', '/datalake-dms/datalake-dev/', '') | map(attribute='arn') }}"
"""

RETURN = r"""
_value:
  description: The roles.
  type: list
  elements: dict
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"own_roles": _own_roles}


def _own_roles(roles: list[dict[str, Any]], deployment: str, path: str, arn_before: str) -> list[dict[str, Any]]:
    return [role for role in roles if is_own(role, deployment, path, arn_before)]
