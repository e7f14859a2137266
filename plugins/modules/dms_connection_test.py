#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_connection_test
version_added: "0.1.0"
short_description: Test the connection of a DMS endpoint from a replication instance
description:
  - Lets a replication instance test its connection to an endpoint, and waits for the result. The task fails if the test fails.
  - The time of a successful test and a hash of O(change_token) are stored in the tag C(datalake.dms:connection-tested) of the endpoint, because DMS
    returns neither the time of a test nor what has changed since. The module changes nothing else.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  endpoint_arn:
    description:
      - ARN of the endpoint.
    type: str
    required: true
  replication_instance_arn:
    description:
      - ARN of the replication instance that runs the test. If it is not set, nothing is tested and RV(status) is V(unverified).
      - Serverless replication has no connection test.
    type: str
  test:
    description:
      - V(when_needed) does not repeat a successful test with the same O(change_token) that is not older than O(max_age).
    type: str
    choices: [when_needed, always]
    default: when_needed
  max_age:
    description:
      - The age after which a successful test is repeated, in seconds. V(0) means never.
    type: int
    default: 0
  change_token:
    description:
      - A text that changes with everything that the connection depends on, such as the settings of the endpoint and
        the policy of its role. Only a hash of it is stored.
    type: str
  iam_propagation_timeout:
    description:
      - How long to repeat a test that fails, in seconds. A change of IAM takes effect everywhere only after a while, and AWS does not document
        how long. The text of the failure does not tell whether that is the cause. With V(0), the first result counts.
    type: int
    default: 0
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.waiting
  - datalake.dms.permissions.dms_connection_test
attributes:
  check_mode:
    support: full
    description: Returns whether a test is needed; if not, the last result.
  diff_mode:
    support: full
    description: Shows the tag of the last successful test.
  idempotent:
    support: partial
    description: A second run changes nothing with O(test=when_needed).
"""

EXAMPLES = r"""
- name: Test the endpoint, unless that was done since its last change
  datalake.dms.dms_connection_test:
    endpoint_arn: "{{ endpoint.endpoint.endpoint_arn }}"
    replication_instance_arn: arn:aws:dms:eu-central-1:111122223333:rep:dev
    change_token: "{{ endpoint.endpoint.s3_settings | to_json }}"
    max_age: 604800
"""

RETURN = r"""
status:
  description:
    - Result of the test. V(unverified) if nothing was tested; in check mode also if a test is needed.
  returned: always
  type: str
  choices: [successful, failed, unverified]
tested:
  description: Whether a test was run.
  returned: always
  type: bool
test_needed:
  description: Whether a test was needed.
  returned: always
  type: bool
endpoint_arn:
  description: The endpoint.
  returned: always
  type: str
last_failure_message:
  description: The message of DMS for a failed test; else null.
  returned: always
  type: str
hint:
  description: The likely cause, in plain words.
  returned: always
  type: str
failed_to_assume_role:
  description: Whether the test failed because DMS could not assume the endpoint's role.
  returned: always
  type: bool
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests

ARGUMENT_SPEC = connection_tests.ARGUMENT_SPEC


def main() -> None:
    run_module(connection_tests.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
