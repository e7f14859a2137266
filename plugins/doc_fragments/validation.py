# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of `VALIDATION_SPEC` in `_policies/access_analyzer.py`."""

    DOCUMENTATION = r"""
options:
  validate_policies:
    description:
      - Whether IAM Access Analyzer looks at each policy that is about to be written (C(ValidatePolicy)), in check mode too. A policy that stays as
        it is is not looked at.
      - V(fail) writes nothing where it finds an C(ERROR) or a C(SECURITY_WARNING), or can't be asked. V(warn) tells of them, and of each
        C(WARNING).
      - A caller without the permission C(access-analyzer:ValidatePolicy) is warned with either, and the task goes on.
    type: str
    choices: ['off', warn, fail]
    default: warn
  validation_exceptions:
    description:
      - Issue codes of Access Analyzer that are meant, such as V(MISSING_VERSION); findings of these don't count.
    type: list
    elements: str
    default: []
"""
