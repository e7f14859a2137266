#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_deployment
version_added: "0.1.0"
short_description: Deploy many DMS S3 target endpoints with their access roles
description:
  - Makes the access role, the endpoint, puts the endpoint's ExternalId into the role's trust, and tests the connection, for many endpoints side
    by side in one process. Each step does what M(datalake.dms.dms_crossaccount_role), M(datalake.dms.dms_s3_endpoint),
    M(datalake.dms.dms_bucket_access) and M(datalake.dms.dms_connection_test) do; interrupted anywhere, the next run finishes.
  - One that fails keeps no other from going on, and does not fail the task; M(datalake.dms.dms_deployment_outcome) fails for it.
  - An endpoint that would be deleted, or changed under a task that runs, is left alone, and so is one with another way of access than
    V(crossaccount_role); the role P(datalake.dms.s3_endpoint#role) sees to them task by task, so that what was can be put back.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  replace:
    description: Whether nothing is left alone. A host that fails then fails the task. For one host, whose tasks are off the endpoint already.
    type: bool
    default: false
  details:
    description: Whether the result has endpoint, role and policy of each host, which is much for many.
    type: bool
    default: false
  parallel:
    description: How many endpoints are seen to at once.
    type: int
    default: 5
attributes:
  check_mode:
    support: full
    description: Calls only to read, and tells what it would do.
  diff_mode:
    support: full
    description: Shows of each host what changes, in its item of C(hosts).
  idempotent:
    support: full
    description: Changes what differs, and nothing else.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.permissions.dms_deployment
"""

EXAMPLES = r"""
- name: Deploy all that replaces nothing
  datalake.dms.dms_deployment:
    parallel: "{{ ansible_forks }}"
  register: deployed
  run_once: true

- name: Say what became of it
  datalake.dms.dms_deployment_outcome:
    outcome: "{{ deployed.hosts[inventory_hostname] }}"
  when: inventory_hostname in deployed.hosts
"""

RETURN = r"""
asked:
  description: The names of all hosts that it was for.
  returned: success
  type: list
  elements: str
hosts:
  description: What became of each host, by its name.
  returned: success
  type: dict
  contains:
    changed:
      description: Whether something changed.
      type: bool
    failed:
      description: Whether it failed.
      type: bool
    msg:
      description: What became of it.
      type: str
      sample: "dev-crm: endpoint created, connection successful."
    diff:
      description: What changed, by steps.
      type: list
      elements: dict
    action:
      description: What was done with the endpoint, as of M(datalake.dms.dms_s3_endpoint); not where it failed before.
      type: str
    endpoint:
      description: The endpoint, likewise; with O(details=true), and not where it failed, as the next three.
      type: dict
    role:
      description: The access role, as of M(datalake.dms.dms_crossaccount_role).
      type: dict
    policy:
      description: Its policy, likewise.
      type: dict
    foreign:
      description: What somebody else added to the role, likewise.
      type: dict
    connection_status:
      description: C(successful), C(failed) or C(unverified).
      type: str
left:
  description: Why a host was left alone, by its name.
  returned: success
  type: dict
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import deployment

ARGUMENT_SPEC = deployment.ARGUMENT_SPEC


def main() -> None:
    run_module(deployment.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
