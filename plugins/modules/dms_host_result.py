#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_host_result
version_added: "0.1.0"
short_description: Report the result of one host
description:
  - Reports one host's result of M(datalake.dms.dms_deployment), M(datalake.dms.dms_verification), M(datalake.dms.dms_removal) or
    M(datalake.dms.dms_unlock). The task is changed or failed for this host, and shows its differences.
  - Register it to have action, ARNs and states of the endpoint in a variable of the host, also if it fails.
  - Makes no call.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  result:
    description: The host's item of C(hosts), as these modules return it.
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
- name: Report each endpoint
  datalake.dms.dms_host_result:
    result: "{{ deployed.hosts[inventory_hostname] }}"
  register: endpoint_result
"""

RETURN = r"""
msg:
  description: What happened, as a sentence.
  returned: always
  type: str
  sample: "dev-crm: endpoint created, connection successful."
action:
  description: C(none), C(created), C(modified), C(recreated) or C(deleted); null where the endpoint was not read.
  returned: always
  type: str
endpoint_arn:
  description: ARN of the endpoint; null where there is none.
  returned: always
  type: str
  sample: arn:aws:dms:eu-central-1:111122223333:endpoint:dev-crm
external_id_state:
  description:
    - C(trusted) where the trust of the access role admits the endpoint's ExternalId, C(pending) where it does not yet or AWS has not assigned one,
      C(not_used) where the role is in the account of the endpoint.
  returned: always
  type: str
role_arn:
  description: ARN of the access role; null where it was not read.
  returned: always
  type: str
  sample: arn:aws:iam::444455556666:role/datalake-dms/datalake-dev/dms-s3-dev-crm
connection_status:
  description: C(successful), C(failed) or C(unverified); null where the connection was not read.
  returned: always
  type: str
differences:
  description: Names of the endpoint's settings and attributes that differ from AWS, or differed before they were changed.
  returned: always
  type: list
  elements: str
findings:
  description: The drift, as sentences.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {"result": {"type": "dict", "required": True}}

# The members of a host's result that are reported.
REPORTED = (
    *(
        "changed",
        "failed",
        "msg",
        "diff",
        "action",
        "endpoint_arn",
        "external_id_state",
        "role_arn",
        "connection_status",
    ),
    *("differences", "findings"),
)


def reported(result: dict) -> dict:
    """The result of the task for a host."""
    return {name: result[name] for name in REPORTED if name in result}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    result = reported(module.params["result"])
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
