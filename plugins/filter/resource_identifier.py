# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

# Import nothing that imports botocore here, because each worker reads this file again.
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import short_resource_identifier

DOCUMENTATION = r"""
name: resource_identifier
version_added: "0.1.0"
short_description: Turn a name into a resource identifier, the last part of an endpoint's ARN
description:
  - Returns a C(ResourceIdentifier) for DMS, which has at most 31 characters.
  - A shorter name is only converted to lower case. A longer name is shortened, and ends with a hash of the complete name.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  _input:
    description: The name, usually the identifier of the endpoint.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the last part of the ARN
  ansible.builtin.debug:
    msg: "{{ 'production-customer-relationship-management' | datalake.dms.resource_identifier }}"
"""

RETURN = r"""
_value:
  description: The identifier.
  type: str
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"resource_identifier": short_resource_identifier}
