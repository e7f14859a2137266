#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_verification
version_added: "0.1.0"
short_description: Compare many DMS S3 target endpoints with AWS
description:
  - Reports the drift of endpoint, access role, trust, policies and connection of each host, as sentences, for many hosts in one process. It runs
    M(datalake.dms.dms_s3_endpoint), M(datalake.dms.dms_crossaccount_role), M(datalake.dms.dms_bucket_access) and
    M(datalake.dms.dms_connection_test) in check mode.
  - Also reports an interrupted replacement, and an access role of the former access mode.
  - Endpoints, tags and connections are read in pages of 100. All roles are read together if C(iam:GetAccountAuthorizationDetails) is granted. Without
    it, each role is read on its own.
  - Never changes anything. Drift does not fail the task. M(datalake.dms.dms_host_result) fails for a host with drift.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  compare_policy_tags:
    description:
      - Whether the tags of policies are compared if all roles of the account are read together, which does not return them. It takes one call for
        each endpoint. With V(false), a policy's tags are assumed to equal those of its role, and the message of each host says that they were not
        compared.
    type: bool
    default: true
  orphans_of:
    description:
      - Names of hosts, usually all endpoints of the inventory. Orphans of their deployments are listed, too, as M(datalake.dms.dms_orphans) does it.
        By default, none are listed.
    type: list
    elements: str
  other_hosts:
    description: The declarations of the hosts in O(orphans_of) that the task is not for, in an internal format. By default, they are read.
    type: dict
    default: {hosts: [], problems: {}, partial: ""}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.reading
  - datalake.dms.run
  - datalake.dms.permissions.dms_verification
"""

EXAMPLES = r"""
- name: Compare the endpoints with AWS
  datalake.dms.dms_verification:
  register: verified
  run_once: true

- name: Report each endpoint
  datalake.dms.dms_host_result:
    result: "{{ verified.hosts[inventory_hostname] }}"
"""

RETURN = r"""
asked:
  description: The names of all hosts that the task is for.
  returned: success
  type: list
  elements: str
to_report:
  description: Hosts that fail or drifted, plus one without drift so that the playbook continues; empty where none fails.
  returned: success
  type: list
  elements: str
orphans:
  description: The orphans, with the same members as the result C(orphans) of M(datalake.dms.dms_orphans); empty without O(orphans_of).
  returned: success
  type: list
  elements: dict
orphan_problems:
  description: Why the orphans of a deployment are unknown, as sentences.
  returned: success
  type: list
  elements: str
hosts:
  description: Host name to result. M(datalake.dms.dms_host_result) reports it.
  returned: success
  type: dict
  contains:
    changed:
      description: Always false.
      type: bool
    failed:
      description: Whether the host failed.
      type: bool
    msg:
      description: What happened, as a sentence.
      type: str
      sample: "dev-crm: no drift, connection successful."
    diff:
      description: Always empty.
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
    findings:
      description: The drift, as sentences.
      type: list
      elements: str
    foreign:
      description: What others added to the access role, as sentences. A deployment does not change it.
      type: list
      elements: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import verification

ARGUMENT_SPEC = verification.ARGUMENT_SPEC


def main() -> None:
    run_module(verification.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
