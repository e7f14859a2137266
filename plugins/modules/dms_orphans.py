#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_orphans
version_added: "0.1.0"
short_description: List or remove endpoints and access roles that no host declares any more
description:
  - Finds the orphans of the deployments that hosts declare, in all their accounts and regions. These are endpoints that no host declares, each with
    its role and policy, and roles whose endpoint is gone.
  - A resource belongs to a deployment only if tag, IAM path and shape all match. An endpoint must be an S3 target whose role is under an IAM path
    that the hosts declare. A role must be under such a path and trust DMS. A policy must be attached to that role and have the tag itself.
  - A role that another endpoint uses is not an orphan. A role that several orphans use becomes an orphan once they are removed.
  - Never removes a bucket or its data. An orphan that tasks use is not removed, and the task fails; the others are removed.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  hosts:
    description:
      - Names of hosts, usually all endpoints of the inventory. Each host's variables of the role P(datalake.dms.s3_endpoint#role) are the same as in
        a task of that host.
      - A list of dictionaries has the declarations themselves, in an internal format.
    type: list
    elements: raw
    default: []
  state:
    description: V(listed) changes nothing. V(absent) removes the orphans in O(names).
    type: str
    choices: [listed, absent]
    default: listed
  names:
    description: The orphans to remove, by the names in the result C(names). If one of them is not an orphan, the task fails and removes nothing.
    type: list
    elements: str
    default: []
  confirm:
    description: The name of the protected environment from which orphans may be removed.
    type: str
    default: ""
  session_seconds:
    description: How many seconds the caller's credentials must be valid at least, for a removal.
    type: int
    default: 0
  partial:
    description:
      - Why this run has only a part of the inventory, as a sentence. The endpoints of all other hosts would look like orphans then, so none is listed
        and a removal fails. By default, it is determined from the run. A run with C(--limit) has a part, and so may a job of an AWX workflow.
    type: str
    default: ""
  problems:
    description: Host name to why its declaration can't be read. Orphans are unknown then. By default, it is determined from the variables.
    type: dict
    default: {}
attributes:
  diff_mode:
    support: full
    description: Shows the differences of each removed resource.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.changing
  - datalake.dms.permissions.dms_orphans
notes:
  - The connection options of the task are not used. Those of each host are used instead.
"""

EXAMPLES = r"""
- name: List the orphans
  datalake.dms.dms_orphans:
    hosts: "{{ groups['s3_endpoints'] }}"
  register: found

- name: Remove one of them
  datalake.dms.dms_orphans:
    hosts: "{{ groups['s3_endpoints'] }}"
    state: absent
    names: [dev-crm]
"""

RETURN = r"""
orphans:
  description: The orphans, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    deployment:
      description: The deployment that it belongs to.
      type: str
    endpoint_identifier:
      description: Identifier of the endpoint; null for a role alone.
      type: str
    endpoint_arn:
      description: ARN of the endpoint; null for a role alone.
      type: str
    role_name:
      description: Name of the access role; null for an endpoint alone.
      type: str
    role_arn:
      description: ARN of the access role; null for an endpoint alone.
      type: str
    path:
      description: IAM path of the role.
      type: str
    policy_names:
      description: Names of its policies that belong to the deployment.
      type: list
      elements: str
    foreign_policies:
      description: Policies that others added to the role. They must be detached or deleted before the role can be removed.
      type: list
      elements: str
    admitted_by:
      description: Bucket, key and data-lake account whose policies admit a role of the DMS account; else null.
      type: dict
    text:
      description: The orphan, as readable text.
      type: str
names:
  description: A name for each orphan, in the same order. It is the endpoint's identifier, the role's name, or the ARN if several have the same name.
  returned: success
  type: list
  elements: str
problems:
  description: Why the orphans of a deployment are unknown, as sentences.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import pruning

ARGUMENT_SPEC = pruning.ARGUMENT_SPEC


def main() -> None:
    run_module(pruning.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
