# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._hosts.orphans import left_over

DOCUMENTATION = r"""
name: left_over
version_added: "0.1.0"
short_description: What a deployment has made and no host declares any more
description:
  - Finds the endpoints that have the deployment's tag and that no host declares, each with its role, and the roles whose endpoint is gone.
  - A tag alone is not enough. An endpoint counts as an S3 target only, and where its role is under an IAM path that the deployment's hosts
    declare; a role where it is under such a path and trusts DMS; a policy where it is attached to that role and has the tag itself.
  - A role that another endpoint uses does not count; one that several of those endpoints use counts once they are gone.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: roles, deployment, declared
options:
  _input:
    description: The endpoints of M(datalake.dms.dms_s3_endpoint_info), of all accounts and regions of the deployment.
    type: list
    elements: dict
    required: true
  roles:
    description: The roles of M(datalake.dms.dms_crossaccount_role_info), likewise.
    type: list
    elements: dict
    required: true
  deployment:
    description: Whose they are, the value of the tag C(datalake.dms:deployment).
    type: str
    required: true
  declared:
    description:
      - What each host declares, with the keys C(deployment), C(dms_account_id), C(region), C(endpoint_identifier), C(lake_account_id), C(role_name),
        C(role_path).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is left over
  ansible.builtin.debug:
    msg: "{{ survey.endpoints | datalake.dms.left_over(lake.roles, 'datalake-dev', declared) | map(attribute='text') }}"
  vars:
    declared:
      - deployment: datalake-dev
        dms_account_id: "111122223333"
        region: eu-central-1
        endpoint_identifier: dev-crm
        lake_account_id: "444455556666"
        role_name: dms-s3-dev-crm
        role_path: /datalake-dms/datalake-dev/
"""

RETURN = r"""
_value:
  description:
    - Dictionaries, sorted by name. C(endpoint_identifier) and C(endpoint_arn), null for a role alone; C(role_name), C(role_arn) and C(path), null
      for an endpoint alone; C(admitted_by), with C(bucket_name), C(kms_key_arn) and C(lake_account_id), where a role of the DMS account has
      statements in the policies of these, else null; C(policy_names); C(foreign_policies), what others gave to the role and what is in the way of
      its removal; C(deployment); C(text), all of that for the user.
  type: list
  elements: dict
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"left_over": left_over}
