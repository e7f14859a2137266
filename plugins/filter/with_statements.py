# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import with_statements

DOCUMENTATION = r"""
name: with_statements
version_added: "0.1.0"
short_description: Add statements to a policy, or replace them
description:
  - Adds statements to a policy. A statement replaces the present one with the same C(Sid). All other statements and elements of the policy stay.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
positional: statements
options:
  _input:
    description: The present policy; empty if there is none.
    type: dict
    required: true
  statements:
    description: The statements, each with a C(Sid).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Deny access to the bucket without TLS
  amazon.aws.s3_bucket:
    name: example-lake-dev
    policy: "{{ bucket.policy | datalake.dms.with_statements([tls_only]) }}"
"""

RETURN = r"""
_value:
  description: The policy with the statements.
  type: dict
"""


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"with_statements": with_statements}
