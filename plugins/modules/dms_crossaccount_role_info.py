#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_crossaccount_role_info
version_added: "0.1.0"
short_description: Read all IAM roles of an account that DMS may assume
description:
  - Reads the roles whose trust names the DMS service, with their policies and tags.
  - C(ListRoles) returns up to 1000 roles per call. Each role that DMS may assume takes at least four more calls; a role of this collection takes
    five.
  - With O(account_authorization_details=true) it uses only C(GetAccountAuthorizationDetails), which returns up to 1000 roles and policies of the
    account per call.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  path_prefix:
    description:
      - Reads the roles under this IAM path only; begins with a slash.
    type: str
    default: /
  role_names:
    description:
      - Reads only these roles, without C(ListRoles). A role that does not exist, or that DMS may not assume, is left out. An empty list reads none.
    type: list
    elements: str
  exclude_role_names:
    description:
      - Leaves out these roles, without a call for them.
    type: list
    elements: str
    default: []
  account_authorization_details:
    description:
      - Whether to read everything with C(GetAccountAuthorizationDetails). It takes fewer calls if DMS may assume many of the account's roles. It
        returns no tags of policies, so these are null.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.reading
  - datalake.dms.permissions.dms_crossaccount_role_info
"""

EXAMPLES = r"""
- name: Read all roles that DMS may assume
  datalake.dms.dms_crossaccount_role_info:
    assume_role_arn: arn:aws:iam::444455556666:role/dms-deployer
    region: eu-central-1
  register: survey

- name: Read two of them
  datalake.dms.dms_crossaccount_role_info:
    role_names: [dms-s3-dev-crm, dms-s3-dev-erp]
"""

RETURN = r"""
roles:
  description: The roles, sorted by name, each as RV(datalake.dms.dms_crossaccount_role#module:role), with its policies.
  returned: success
  type: list
  elements: dict
  contains:
    arn:
      description: ARN of the role.
      type: str
      sample: arn:aws:iam::444455556666:role/dms-s3-dev-crm
    role_name:
      description: Name of the role.
      type: str
    path:
      description: Path of the role.
      type: str
    assume_role_policy_document:
      description: The trust.
      type: dict
    permissions_boundary:
      description: ARN of the permissions boundary, or null.
      type: str
    attached_policies:
      description: ARNs of all managed policies that the role has.
      type: list
      elements: str
    inline_policies:
      description: Names of all inline policies that the role has.
      type: list
      elements: str
    policies:
      description: The customer managed policies of the role, each as RV(datalake.dms.dms_crossaccount_role#module:policy).
      type: list
      elements: dict
    tags:
      description: The role's tags.
      type: dict
"""

from ansible_collections.datalake.dms.plugins.module_utils._access import role_info
from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module

ARGUMENT_SPEC = role_info.ARGUMENT_SPEC


def main() -> None:
    run_module(role_info.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
