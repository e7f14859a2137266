# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The attributes of modules that change the resources of many hosts. A module may say more of one itself."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Predicts the changes, without a call that writes.
  diff_mode:
    support: full
    description: Each item of C(hosts) has the differences of its host.
  idempotent:
    support: full
    description: Changes only what differs.
"""
