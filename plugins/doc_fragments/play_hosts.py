# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of `HOSTS_SPEC` in `_hosts/options.py`."""

    DOCUMENTATION = r"""
options:
  hosts:
    description:
      - What the hosts declare, as dictionaries in a form of the collection's own.
      - Left out, it is what the hosts of the play declare by the variables of the role P(datalake.dms.s3_endpoint#role), with C(run_once) all
        of them. Each host's variables are read as a task of its own would see them, in one process. With C(strategy=free), which ignores
        C(run_once), the task fails.
    type: list
    elements: dict
    default: []
  declared:
    description:
      - What some hosts declare, by their names, as M(datalake.dms.dms_survey) returns it, so that it is not read again. Ignored with O(hosts).
    type: dict
    default: {}
  problems:
    description: Why a host can't be handled, by its name; it fails with that. Without O(hosts), hosts whose variables are not valid are added.
    type: dict
    default: {}
  parallel:
    description:
      - How many hosts are handled at once. Those that only wait for AWS, such as for a connection test, are not counted; up to 100 are begun then.
      - With V(1), or less, one after another.
    type: int
    default: 5
notes:
  - The connection options of the task itself are not used, those of each host are.
"""
