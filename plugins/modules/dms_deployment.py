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
  - Creates the access role and the endpoint, puts the endpoint's ExternalId into the role's trust, and tests the connection, for many endpoints
    side by side in one process. Each step does what M(datalake.dms.dms_crossaccount_role), M(datalake.dms.dms_s3_endpoint),
    M(datalake.dms.dms_bucket_access) and M(datalake.dms.dms_connection_test) do. Interrupted anywhere, the next run finishes.
  - An endpoint that must be recreated, or modified under a running task, is replaced. Its tasks are journaled and taken off first and put back
    after. What fails is rolled back. A replacement that was interrupted is finished, or rolled back where the inventory no longer wants it.
  - After a successful test it removes what the former access mode has left.
  - One host that fails ends no other, and does not fail the task. M(datalake.dms.dms_host_result) fails for it.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  postpone_replacements:
    description: Whether replacements in protected environments are left to a later task, which can go in batches.
    type: bool
    default: false
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
  - datalake.dms.permissions.dms_deployment
"""

EXAMPLES = r"""
- name: Deploy the endpoints
  datalake.dms.dms_deployment:
    parallel: "{{ ansible_forks }}"
  register: deployed
  run_once: true

- name: Report each endpoint
  datalake.dms.dms_host_result:
    result: "{{ deployed.hosts[inventory_hostname] }}"
  when: inventory_hostname in deployed.hosts
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
    endpoint_arn:
      description: ARN of the endpoint; null where there is none yet.
      type: str
    external_id_state:
      description:
        - C(trusted) where the trust of the access role admits the endpoint's ExternalId, C(pending) where it does not yet or AWS has not assigned
          one, C(not_used) where the role is in the account of the endpoint.
      type: str
    role_arn:
      description: ARN of the access role.
      type: str
    connection_status:
      description: C(successful), C(failed) or C(unverified); null where the connection was not read.
      type: str
    differences:
      description: Names of the endpoint's settings and attributes that differ from AWS, and C(tags) where tags do.
      type: list
      elements: str
postponed:
  description: The names of the hosts whose replacement was postponed.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import deployment

ARGUMENT_SPEC = deployment.ARGUMENT_SPEC


def main() -> None:
    run_module(deployment.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
