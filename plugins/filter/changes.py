# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.differences import changes

DOCUMENTATION = r"""
name: changes
version_added: "0.1.0"
short_description: Describe what a module would change, as sentences
description:
  - Takes the two sides of a module's diff, and returns a sentence for each value that differs, with the present and the declared value. Long values
    are shortened. Secrets are not shown.
  - Values that AWS assigns at creation are left out, and tags that a recreated endpoint loses.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: after
options:
  _input:
    description: The side C(before) of the diff.
    type: dict
    required: true
  after:
    description: The side C(after).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Compare
  datalake.dms.dms_crossaccount_role:
    role_name: dms-s3-dev-crm
    bucket_name: example-lake-dev
  check_mode: true
  register: access

- name: Show what differs
  ansible.builtin.debug:
    msg: "{{ access.diff.before | datalake.dms.changes(access.diff.after) }}"
"""

RETURN = r"""
_value:
  description: The sentences.
  type: list
  elements: str
  sample: ["settings.compression_type is none, declared gzip"]
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"changes": changes}
