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
  - Removes the endpoint, the statements for its access role in the policies of bucket and key, the access role and its policy, for many endpoints in
    parallel, in one process. Never removes a bucket or its data.
  - A host fails if tasks use the endpoint, if the endpoint belongs to another deployment, or if its replacement was interrupted. In a protected
    environment the removal must be confirmed.
  - If a host fails, the others continue, and the task does not fail. M(datalake.dms.dms_host_result) fails for that host.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.run
  - datalake.dms.changing
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
  description: Host name to result. M(datalake.dms.dms_host_result) reports it.
  returned: success
  type: dict
  contains:
    changed:
      description: Whether something was changed; in check mode, whether something would be changed.
      type: bool
    failed:
      description: Whether the host failed.
      type: bool
    msg:
      description: What happened, as a sentence.
      type: str
      sample: "dev-crm: removed."
    diff:
      description: The differences, one item for each step.
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
