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
      - The declarations of the hosts, dictionaries in an internal format.
      - By default, the hosts of the play with their variables of the role P(datalake.dms.s3_endpoint#role); with C(run_once), all of them. Each
        host's variables are the same as in a task of that host. The task fails with C(strategy=free), which ignores C(run_once).
    type: list
    elements: dict
    default: []
  declared:
    description:
      - Host name to declaration, as M(datalake.dms.dms_survey) returns it. The variables of these hosts are not read again. Ignored with O(hosts).
    type: dict
    default: {}
  problems:
    description: Host name to the message with which the host fails. Without O(hosts), hosts with invalid variables are added.
    type: dict
    default: {}
  parallel:
    description:
      - How many hosts are handled at once. Hosts that only wait for AWS, such as for a connection test, are not counted, and up to 100 hosts may be
        in progress.
      - With V(1) or less, hosts are handled one after another.
    type: int
    default: 5
notes:
  - The connection options of the task are not used. Those of each host are used instead.
"""
