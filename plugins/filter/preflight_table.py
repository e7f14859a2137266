# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._preflight_checks import FAILED, outcome, table

DOCUMENTATION = r"""
name: preflight_table
version_added: "0.1.0"
short_description: All that a preflight has found, as a table
description:
  - Makes one line of each check of each account, what has failed first, then what is worth a look, then what is well.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  _input:
    description: Results of M(datalake.dms.dms_preflight), those that failed among them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ looks.results | datalake.dms.preflight_table }}"
"""

RETURN = r"""
_value:
  description: The lines, with status, side, account, region, check and text in columns.
  type: list
  elements: str
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"preflight_table": _of_results}


def _of_results(results: list[dict[str, Any]]) -> list[str]:
    return table([_with_checks(result) for result in results])


def _with_checks(result: dict[str, Any]) -> dict[str, Any]:
    """A call that failed altogether has but a message, and is told by what it was to look at."""
    asked = result.get("item") or {}
    checks = result.get("checks") or [outcome("identity", FAILED, str(result.get("msg", "")))]
    place = {name: result.get(name) or asked.get(name, "") for name in ("side", "account_id", "region")}
    return {**place, "checks": checks}
