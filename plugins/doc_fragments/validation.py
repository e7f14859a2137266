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
      - Whether IAM Access Analyzer validates each policy before it is written (C(ValidatePolicy)), also in check mode. Unchanged policies are not
        validated.
      - With V(fail), the task fails before anything is written if there is an C(ERROR) or a C(SECURITY_WARNING), or if the validation fails.
        With V(warn), these and each C(WARNING) are warnings.
      - If the caller lacks the permission C(access-analyzer:ValidatePolicy), the task warns and continues, also with V(fail).
    type: str
    choices: ['off', warn, fail]
    default: warn
  validation_exceptions:
    description:
      - Issue codes of Access Analyzer to ignore, such as V(MISSING_VERSION).
    type: list
    elements: str
    default: []
"""
