#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_removal
version_added: "0.1.0"
short_description: Remove many DMS S3 target endpoints with their access roles
description:
  - Removes the endpoint, what admits its access role in the policies of bucket and key, the access role and its policy, for many endpoints side by
    side in one process. Never the bucket or its data.
  - An endpoint that tasks use, one of another deployment, and one whose replacement was interrupted are refused. In a protected environment the
    hosts must be confirmed.
  - One host that fails ends no other, and does not fail the task. M(datalake.dms.dms_host_result) fails for it.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  run:
    description:
      - Who runs, for the locks of replacements, with C(owner) (text for people), C(id), C(machine), C(pid) and C(started). Left out, it is this run
        of Ansible; in AWX its owner is the job and the user who started it.
    type: dict
attributes:
  check_mode:
    support: full
    description: Makes no call that writes, and returns what it would do.
  diff_mode:
    support: full
    description: Has the differences of each host in its item of C(hosts).
  idempotent:
    support: full
    description: Changes only what differs.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.permissions.dms_removal
"""

EXAMPLES = r"""
- name: Remove the endpoints
  datalake.dms.dms_removal:
  register: removed
  run_once: true

- name: Report each endpoint
  datalake.dms.dms_host_result:
    result: "{{ removed.hosts[inventory_hostname] }}"
"""

RETURN = r"""
asked:
  description: The names of all hosts that the task is for.
  returned: success
  type: list
  elements: str
hosts:
  description: The result of each host, by its name. M(datalake.dms.dms_host_result) reports it.
  returned: success
  type: dict
  contains:
    changed:
      description: Whether something was changed; in check mode, whether something would be.
      type: bool
    failed:
      description: Whether the host failed.
      type: bool
    msg:
      description: What happened, as a sentence.
      type: str
      sample: "dev-crm: endpoint created, connection successful."
    diff:
      description: What changed, by steps.
      type: list
      elements: dict
    action:
      description: C(none), C(created), C(modified), C(recreated) or C(deleted); null where the endpoint was not read.
      type: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import removal

ARGUMENT_SPEC = removal.ARGUMENT_SPEC


def main() -> None:
    run_module(removal.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
