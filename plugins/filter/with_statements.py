# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import with_statements

DOCUMENTATION = r"""
name: with_statements
version_added: "0.1.0"
short_description: A policy with statements of ours, and all of others
description:
  - Puts statements into a policy. One with the same C(Sid) takes the place of what stands there; all other statements, and the policy's other
    elements, stay.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: statements
options:
  _input:
    description: The policy as it is; empty where there is none.
    type: dict
    required: true
  statements:
    description: The statements, each with a C(Sid).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Have the bucket refuse whatever comes without TLS
  amazon.aws.s3_bucket:
    name: example-lake-dev
    policy: "{{ bucket.policy | datalake.dms.with_statements([tls_only]) }}"
"""

RETURN = r"""
_value:
  description: The policy as it shall be.
  type: dict
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"with_statements": with_statements}
