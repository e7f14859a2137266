#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_preflight
version_added: "0.1.0"
short_description: Check an account before DMS endpoints are deployed to it
description:
  - Compares the caller's account with the one that the inventory names, the inventory's accounts with the one map of environments, and
    looks whether bucket, KMS key and replication instance are there.
  - Never changes anything. All findings are reported together, and the task fails where there is one.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  side:
    description:
      - Which of an environment's accounts this is. V(dms) runs DMS, V(lake) owns the bucket.
    type: str
    choices: [dms, lake]
    required: true
  account_id:
    description:
      - Id of the account that the caller must be in. Quote it in YAML.
    type: str
    required: true
  environment:
    description:
      - Name of the environment in O(environments).
    type: str
  environments:
    description:
      - The one map of environments to accounts, name to a dictionary of C(dms_account_id), C(lake_account_id) and
        C(shares_accounts_with), a list of the environments that use one of these accounts too.
    type: dict
  protected:
    description:
      - Whether calls to another endpoint URL than AWS's are refused, wherever that URL is set (C(AWS_ENDPOINT_URL), O(endpoint_url), profile).
    type: bool
    default: false
  allow_endpoint_url:
    description:
      - Allows another endpoint URL in a protected environment.
    type: bool
    default: false
  bucket_name:
    description:
      - A bucket that must exist, belong to the account, and be in O(region).
    type: str
  kms_key_arn:
    description:
      - A KMS key that must exist and be enabled.
    type: str
  replication_instance_arn:
    description:
      - A replication instance that must exist and be available.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.permissions.dms_preflight
attributes:
  check_mode:
    support: full
    description: Does in check mode what it always does.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Check the data-lake account
  datalake.dms.dms_preflight:
    side: lake
    account_id: "444455556666"
    assume_role_arn: arn:aws:iam::444455556666:role/dms-deployer
    region: eu-central-1
    environment: dev
    environments:
      dev: {dms_account_id: "111122223333", lake_account_id: "444455556666"}
      prod: {dms_account_id: "777788889999", lake_account_id: "000011112222"}
    bucket_name: example-lake-dev
"""

RETURN = r"""
findings:
  description: What is wrong, a sentence each; empty where everything is right.
  returned: always
  type: list
  elements: str
account_id:
  description: The caller's account; null where findings came before the caller was asked for.
  returned: always
  type: str
arn:
  description: The caller's ARN, likewise.
  returned: always
  type: str
partition:
  description: The caller's partition, likewise.
  returned: always
  type: str
  sample: aws
"""

from ansible_collections.datalake.dms.plugins.module_utils import _preflight
from ansible_collections.datalake.dms.plugins.module_utils._module import run_module

ARGUMENT_SPEC = {
    "side": {"type": "str", "choices": list(_preflight.SIDES), "required": True},
    "account_id": {"type": "str", "required": True},
    "environment": {"type": "str"},
    "environments": {"type": "dict"},
    "protected": {"type": "bool", "default": False},
    "allow_endpoint_url": {"type": "bool", "default": False},
    "bucket_name": {"type": "str"},
    "kms_key_arn": {"type": "str", "no_log": False},
    "replication_instance_arn": {"type": "str"},
}


def main() -> None:
    run_module(_preflight.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
