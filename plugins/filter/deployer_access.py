# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_roles import deployer_access
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_scope import DeployerScope
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

DOCUMENTATION = r"""
name: deployer_access
version_added: "0.1.0"
short_description: Return the roles and policies that a deployment's playbooks need in an account
description:
  - Returns the roles that the playbooks assume in the account of one side, with their trusts, policies and boundaries. Each role allows only what the
    playbooks of its profile call.
  - Fails with all problems of the deployment in one message.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: sides, existing
options:
  _input:
    description:
      - The deployment. C(name), C(partition), C(regions), C(dms_account_id), C(lake_account_id), C(principals), C(external_ids) by side,
        C(bucket_names), C(kms_key_arns), C(replication_instance_arns), C(role_names), C(journal_bucket), C(journal_prefix),
        C(journal_kms_key_arn), C(access_modes), C(account_wide). See the variables of the role P(datalake.dms.deployer_access#role).
    type: dict
    required: true
  sides:
    description: The accounts of the deployment. List both sides if they are the same account.
    type: list
    elements: str
    choices: [dms, lake]
    required: true
  existing:
    description:
      - The existing roles of the account under the path of all deployments, as M(amazon.aws.iam_role_info) returns them. The filter fails if an
        external id of this deployment can already be used to assume a role of another deployment.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Show the policies of the data-lake account
  ansible.builtin.debug:
    msg: "{{ (deployment | datalake.dms.deployer_access(['lake'])).policies }}"
"""

RETURN = r"""
_value:
  description:
    - C(path), the IAM path of all of them; C(policies), with C(name), C(arn) and C(document), boundaries first; C(roles), with C(name),
      C(arn), C(profile), C(trust), C(boundary) and C(policies), the ARNs of its policies; C(documents), all policies and trusts as
      M(datalake.dms.dms_policy_validation) takes them.
  type: dict
"""


def _deployer_access(
    deployment: dict[str, Any], sides: list[str], existing: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    try:
        return deployer_access(DeployerScope(**deployment), sides, existing or [])
    except DatalakeError as error:
        raise AnsibleFilterError(str(error.message)) from error


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"deployer_access": _deployer_access}
