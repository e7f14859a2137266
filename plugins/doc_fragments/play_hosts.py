# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of modules that see to many endpoints at once."""

    DOCUMENTATION = r"""
options:
  hosts:
    description:
      - What the hosts declare, as P(datalake.dms.declaration#lookup) returns it.
      - Left out, it is what the hosts of the play declare by the variables of the role P(datalake.dms.s3_endpoint#role), with C(run_once) all
        of them. Each host's variables are read as a task of its own would see them, in one process. It refuses to
        with C(strategy=free), which knows no C(run_once).
    type: list
    elements: dict
    default: []
  declared:
    description: Of some hosts, what they declare, by their names, so that it is not read a second time. It counts where O(hosts) is left out.
    type: dict
    default: {}
  problems:
    description: Why a host can't be seen to, by its name. Where O(hosts) is left out, those whose variables are not right are among them.
    type: dict
    default: {}
notes:
  - The connection options of the task itself are not used, those of each host are.
"""
