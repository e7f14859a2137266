# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of `RUN_SPEC` in `_hosts/run.py`."""

    DOCUMENTATION = r"""
options:
  run:
    description:
      - The run that holds the locks of replacements, with C(owner) (readable text), C(id), C(machine), C(pid) and C(started). The default is this
        run of Ansible. In AWX, the owner is the job and the user who started it.
    type: dict
"""
