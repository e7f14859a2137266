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
    in parallel, in one process. Each step does what M(datalake.dms.dms_crossaccount_role), M(datalake.dms.dms_s3_endpoint),
    M(datalake.dms.dms_bucket_access) and M(datalake.dms.dms_connection_test) do. After an interruption, the next run completes the deployment.
  - An endpoint that must be recreated, or modified under a running task, is replaced. Its tasks are journaled, then stopped or deleted, and restored
    afterwards. If that fails, it is rolled back. An interrupted replacement is finished, or rolled back if the inventory declares the former
    settings.
  - After a successful test, it removes the role and the statements of the former access mode.
  - If a host fails, the others continue, and the task does not fail. M(datalake.dms.dms_host_result) fails for that host.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  postpone_replacements:
    description: Whether replacements in protected environments are postponed to a later task, which can run in batches.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.run
  - datalake.dms.changing
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
      sample: "dev-crm: endpoint created, connection successful."
    diff:
      description: The differences, one item for each step.
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
