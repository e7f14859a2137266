#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_service_roles
version_added: "0.1.0"
short_description: Manage the service roles that DMS needs once in an account
description:
  - Manages the IAM roles that DMS itself assumes. DMS requires their exact names. An account has each of them once, for all regions and all
    migrations, so others may have created them, or may create them at the same time.
  - Creates missing roles, and completes existing ones, also those of others. It never removes a condition, a statement, a policy, a tag or a
    permissions boundary.
  - Two concurrent runs in one account both succeed.
  - IAM Access Analyzer validates a trust before it is written (C(ValidatePolicy)).
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  state:
    description:
      - V(present) creates and completes the roles.
      - V(absent) removes the roles that this module created, if DMS has no replication instance, no task and no serverless replication in O(regions).
        Such a role has the tag C(datalake.dms:made-by), only the AWS managed policy, and the trust that this module wrote. All other roles stay.
        RV(kept) and a warning say why, and the task does not fail.
    type: str
    choices: [present, absent]
    default: present
  roles:
    description:
      - The roles to manage. V(dms-access-for-endpoint) is for Redshift targets only.
    type: list
    elements: str
    choices: [dms-vpc-role, dms-cloudwatch-logs-role, dms-access-for-endpoint]
    default: [dms-vpc-role, dms-cloudwatch-logs-role]
  regions:
    description:
      - With O(state=absent), the regions in which DMS must have no resources. The default is O(region).
      - List all regions in which DMS was used in this account, because the roles serve all of them.
    type: list
    elements: str
    default: []
  tags:
    description:
      - Tags of a role that the module creates. The tags of an existing role stay as they are, because the deployments of an account share it.
    type: dict
    aliases: [resource_tags]
  deployment:
    description:
      - Name of the deployment, stored in the tag C(datalake.dms:deployment) of a role that the module creates. A role of another deployment is
        completed and removed like any other, and its tag is not changed.
      - At most 256 letters, digits or characters of V(_.:/=+@-).
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.permissions.dms_service_roles
  - datalake.dms.validation
attributes:
  check_mode:
    support: full
    description: Predicts the roles.
  diff_mode:
    support: full
    description: Shows the roles before and after.
  idempotent:
    support: full
    description: A second run changes nothing.
"""

EXAMPLES = r"""
- name: Create the service roles, or complete existing ones
  datalake.dms.dms_service_roles:
    assume_role_arn: arn:aws:iam::111122223333:role/dms-deployer
    region: eu-central-1

- name: Create the role for Redshift targets, too
  datalake.dms.dms_service_roles:
    region: eu-central-1
    roles: [dms-vpc-role, dms-cloudwatch-logs-role, dms-access-for-endpoint]

- name: Remove the roles that this module created, if DMS no longer needs them
  datalake.dms.dms_service_roles:
    region: eu-central-1
    regions: [eu-central-1, eu-west-1]
    state: absent
"""

RETURN = r"""
policy_findings:
  description: Findings of IAM Access Analyzer for the trusts to be written, as RV(datalake.dms.dms_crossaccount_role#module:policy_findings).
  returned: success
  type: list
  elements: dict
roles:
  description: Role name to role; in check mode, the predicted role. Null if it does not exist.
  returned: success
  type: dict
  sample:
    dms-vpc-role:
      arn: arn:aws:iam::111122223333:role/dms-vpc-role
      role_name: dms-vpc-role
      path: /
      assume_role_policy_document: {Version: "2012-10-17", Statement: []}
      permissions_boundary: null
      attached_policies: ["arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole"]
      inline_policies: []
      tags: {"datalake.dms:made-by": dms_service_roles}
made:
  description: Names of the roles that this module created, in this run or before.
  returned: success
  type: list
  elements: str
kept:
  description: With O(state=absent), role name to why the role stays.
  returned: success
  type: dict
  sample: {dms-vpc-role: "dms-vpc-role stays, because it is still needed by replication instance shared in eu-west-1"}
findings:
  description: A sentence for each problem that keeps DMS from using a role, and that the module does not correct.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._accounts import service_roles
from ansible_collections.datalake.dms.plugins.module_utils._accounts.service_role_plan import SERVICE_ROLES, USUAL_ROLES
from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import DEPLOYMENT_SPEC
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import TAGS_SPEC
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_analyzer import VALIDATION_SPEC

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "roles": {"type": "list", "elements": "str", "choices": list(SERVICE_ROLES), "default": USUAL_ROLES},
    "regions": {"type": "list", "elements": "str", "default": []},
    "tags": TAGS_SPEC["tags"],
    "deployment": DEPLOYMENT_SPEC["deployment"],
    **VALIDATION_SPEC,
}


def main() -> None:
    run_module(service_roles.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
