#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_verification
version_added: "0.1.0"
short_description: Compare many DMS S3 target endpoints with what stands in both accounts
description:
  - Says in sentences what is off with endpoint, access role, trust, policies and connection of each host, for many of them in one process.
    M(datalake.dms.dms_s3_endpoint), M(datalake.dms.dms_crossaccount_role), M(datalake.dms.dms_bucket_access) and
    M(datalake.dms.dms_connection_test) tell, in check mode.
  - Also finds a replacement that was interrupted, and an access role that another way of access has left.
  - Never changes anything. A host that something is off with does not fail the task; M(datalake.dms.dms_deployment_outcome) fails for it.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  run:
    description: The run, as P(datalake.dms.current_run#lookup) returns it, to tell a replacement of its own from that of another.
    type: dict
    required: true
  parallel:
    description: How many endpoints are seen to at once.
    type: int
    default: 5
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.reading
  - datalake.dms.permissions.dms_verification
"""

EXAMPLES = r"""
- name: Compare all endpoints with what stands
  datalake.dms.dms_verification:
    run: "{{ lookup('datalake.dms.current_run') }}"
  register: verified
  run_once: true

- name: Say what is off
  datalake.dms.dms_deployment_outcome:
    outcome: "{{ verified.hosts[inventory_hostname] }}"
"""

RETURN = r"""
hosts:
  description: What was found of each host, by its name.
  returned: success
  type: dict
  contains:
    failed:
      description: Whether something is off.
      type: bool
    msg:
      description: What is off, and what somebody else added to the access role, which is left alone.
      type: str
    findings:
      description: What is off.
      type: list
      elements: str
    foreign:
      description: What somebody else added.
      type: list
      elements: str
    connection_status:
      description: C(successful) or C(unverified); null where it could not be looked at.
      type: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import verification

ARGUMENT_SPEC = verification.ARGUMENT_SPEC


def main() -> None:
    run_module(verification.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
