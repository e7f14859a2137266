# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of `WAIT_SPEC` in `_core/retries.py`."""

    DOCUMENTATION = r"""
options:
  wait_timeout:
    description:
      - How long to wait for AWS to finish an operation, in seconds.
    type: int
    default: 300
  poll_interval:
    description:
      - The pause between two polls of an operation that AWS has not finished, in seconds.
    type: float
    default: 5.0
"""
