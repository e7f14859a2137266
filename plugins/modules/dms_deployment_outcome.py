#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_deployment_outcome
version_added: "0.1.0"
short_description: Say what became of one endpoint of a deployment
description:
  - Ends a task as M(datalake.dms.dms_deployment) says of one of its hosts, so that it counts as changed, or failed, for this host, and shows
    its differences.
  - Calls nothing.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  outcome:
    description: The host's item of C(hosts), as M(datalake.dms.dms_deployment) returns it.
    type: dict
    required: true
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: all
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
"""

EXAMPLES = r"""
- name: Say what became of it
  datalake.dms.dms_deployment_outcome:
    outcome: "{{ deployed.hosts[inventory_hostname] }}"
"""

RETURN = r"""
msg:
  description: What became of it.
  returned: always
  type: str
  sample: "dev-crm: endpoint created, connection successful."
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {"outcome": {"type": "dict", "required": True}}


def told(outcome: dict) -> dict:
    """What the task says of the host; the rest is in the result of dms_deployment."""
    return {name: value for name, value in outcome.items() if name in ("changed", "failed", "msg", "diff")}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    result = told(module.params["outcome"])
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
