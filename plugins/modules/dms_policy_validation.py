#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_policy_validation
version_added: "0.1.0"
short_description: Validate policies with IAM Access Analyzer before they are written
description:
  - Validates policies with IAM Access Analyzer before another module, such as one of amazon.aws, writes them. The modules of this collection validate
    their own policies.
  - Never changes anything.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  policies:
    description:
      - The policies. Leave out unchanged ones.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The name of the role, policy or bucket, or the ARN of the key.
        type: str
        required: true
      kind:
        description:
          - V(trust) is the trust of a role, V(identity) a managed or inline policy, V(bucket) the policy of a bucket, V(key) that of a KMS key.
        type: str
        choices: [trust, identity, bucket, key]
        required: true
      document:
        description:
          - The policy document.
        type: dict
        required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.reading
  - datalake.dms.validation
  - datalake.dms.permissions.dms_policy_validation
"""

EXAMPLES = r"""
- name: Validate the bucket policy
  datalake.dms.dms_policy_validation:
    validate_policies: fail
    policies:
      - name: example-lake-dev
        kind: bucket
        document:
          Version: "2012-10-17"
          Statement:
            - Effect: Deny
              Principal: "*"
              Action: "s3:*"
              Resource: ["arn:aws:s3:::example-lake-dev", "arn:aws:s3:::example-lake-dev/*"]
              Condition: {Bool: {"aws:SecureTransport": "false"}}
    assume_role_arn: arn:aws:iam::444455556666:role/dms-deployer
    region: eu-central-1
"""

RETURN = r"""
policy_findings:
  description: Findings of IAM Access Analyzer without O(validation_exceptions), as RV(datalake.dms.dms_crossaccount_role#module:policy_findings).
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._policies import access_analyzer

ARGUMENT_SPEC = {
    "policies": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "kind": {"type": "str", "choices": list(access_analyzer.KINDS), "required": True},
            "document": {"type": "dict", "required": True},
        },
    },
    **access_analyzer.VALIDATION_SPEC,
}


def main() -> None:
    run_module(access_analyzer.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
