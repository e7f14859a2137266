# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._connection_test import change_token

DOCUMENTATION = r"""
name: change_token
version_added: "0.1.0"
short_description: What changes with whatever an endpoint's connection depends on
description:
  - Makes the option C(change_token) of M(datalake.dms.dms_connection_test).
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: settings, external_ids, statements
options:
  _input:
    description: The result of M(datalake.dms.dms_crossaccount_role).
    type: dict
    required: true
  settings:
    description: C(settings) of the result of M(datalake.dms.dms_s3_endpoint).
    type: dict
    required: true
  external_ids:
    description: The C(ExternalId) of the endpoint, in a list; empty for a role in the same account.
    type: list
    elements: str
    required: true
  statements:
    description: What M(datalake.dms.dms_bucket_access) put into the policies of bucket and key, where they admit the role.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Test the connection if something changed
  datalake.dms.dms_connection_test:
    endpoint_arn: "{{ endpoint.endpoint.endpoint_arn }}"
    replication_instance_arn: arn:aws:dms:eu-central-1:111122223333:rep:dev
    change_token: "{{ role | datalake.dms.change_token(endpoint.settings, [endpoint.external_id]) }}"
"""

RETURN = r"""
_value:
  description: The token.
  type: str
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"change_token": change_token}
