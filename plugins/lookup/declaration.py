# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: declaration
version_added: "0.1.0"
short_description: What a host declares by the variables of the role s3_endpoint
description:
  - Puts the variables of the role P(datalake.dms.s3_endpoint#role) together to the options of the modules that look at the endpoint and deploy
    it. The role, M(datalake.dms.dms_survey) and M(datalake.dms.dms_deployment) all go by it. In a play without the role
    its defaults count all the same.
  - Calls nothing. What it returns may hold secrets, where extra connection attributes do.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  partition:
    description: The partition of the data-lake account. Without it, it is that of the role to assume there, else V(aws).
    type: str
    default: ""
  planned_role_arn:
    description: The role of the planned endpoint, which tells the way of access where a replacement is rolled back.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show the settings that the endpoint is to have
  ansible.builtin.debug:
    msg: "{{ lookup('datalake.dms.declaration').endpoint.s3_settings }}"
"""

RETURN = r"""
_raw:
  description: The declaration.
  type: list
  elements: dict
  contains:
    name:
      description: The host's name.
      type: str
    access:
      description: The way of access, V(crossaccount_role) or V(bucket_policy); within one account V(crossaccount_role).
      type: str
    one_account:
      description: Whether both sides are one account.
      type: bool
    account_wide:
      description: Whether C(iam:GetAccountAuthorizationDetails) was granted.
      type: bool
    protected:
      description: Whether the environment is protected.
      type: bool
    partition:
      description: The partition.
      type: str
    role_arn:
      description: The ARN of the access role.
      type: str
    accounts:
      description: Options of M(datalake.dms.dms_preflight) for both sides, C(dms) and C(lake).
      type: dict
    dms:
      description: Connection options of the DMS account.
      type: dict
    lake:
      description: Connection options of the data-lake account.
      type: dict
    endpoint:
      description: Options of M(datalake.dms.dms_s3_endpoint).
      type: dict
    role:
      description: Options of M(datalake.dms.dms_crossaccount_role), but for those that the planned endpoint tells.
      type: dict
    bucket_access:
      description: Options of M(datalake.dms.dms_bucket_access), likewise.
      type: dict
    test:
      description: Options of M(datalake.dms.dms_connection_test), likewise.
      type: dict
    replacement:
      description: Options of M(datalake.dms.dms_endpoint_replacement), without the run.
      type: dict
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.datalake.dms.plugins.plugin_utils._host_declaration import host_declaration


class LookupModule(LookupBase):
    def run(self, _terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        known = {name: str(self.get_option(name) or "") for name in ("partition", "planned_role_arn")}
        return [host_declaration(self._templar, self._loader, variables or {}, **known)]
