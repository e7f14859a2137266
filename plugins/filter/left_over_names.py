# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._hosts.orphans import left_over_names

DOCUMENTATION = r"""
name: left_over_names
version_added: "0.1.0"
short_description: A name for each thing that is left over
description:
  - Gives for each entry of P(datalake.dms.left_over#filter) the endpoint's identifier, or the role's name where its endpoint is gone. Where
    several entries have the same name, their ARN takes its place.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  _input:
    description: What P(datalake.dms.left_over#filter) gave.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Name what is left over
  ansible.builtin.debug:
    msg: "{{ s3_endpoint_left_over | datalake.dms.left_over_names }}"
"""

RETURN = r"""
_value:
  description: The names, in the order of the entries.
  type: list
  elements: str
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"left_over_names": left_over_names}
