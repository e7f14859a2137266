# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

# Not from where botocore is imported too: each worker reads this file anew.
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import short_resource_identifier

DOCUMENTATION = r"""
name: resource_identifier
version_added: "0.1.0"
short_description: The end of an endpoint's ARN out of a name
description:
  - Gives a text that DMS takes as C(ResourceIdentifier), which is at most 31 characters long.
  - A shorter name stays as it is, in lower case; a longer one is cut and gets a hash of the whole at its end.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  _input:
    description: The name, usually the identifier of the endpoint.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the end of the ARN
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
