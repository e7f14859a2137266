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
  - With O(account_checks), it also looks at what all endpoints of an account have in common, such as quotas, service roles and routes.
  - Never changes anything. All checks are reported together in RV(checks), and the task fails where one has failed.
  - What the caller may not look at with O(account_checks) is a warning.
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
        C(shares_accounts_with), a list of the environments that use one of these accounts too, and C(regions), a list of those that it may be
        in, any where it is missing.
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
  session_seconds:
    description:
      - How long the caller's own credentials must last, in seconds; those of O(assume_role_arn) are renewed with them. It can be known of
        credentials in the environment with C(AWS_CREDENTIAL_EXPIRATION) only.
    type: int
    default: 0
  account_checks:
    description:
      - Whether to look at what all endpoints of the account have in common, too. That is the same for all of them, so that once is enough.
    type: bool
    default: false
  object_ownership:
    description:
      - The object ownership that O(bucket_name) must have, with O(account_checks).
    type: str
  role_account_id:
    description:
      - Id of the account whose access roles use O(kms_key_arn), with O(account_checks). O(account_id) where it is not given. The key's policy
        need not admit another one beforehand, as M(datalake.dms.dms_bucket_access) sees to that.
    type: str
  lake_account_ids:
    description:
      - Ids of the accounts whose roles the endpoints are to have, with O(account_checks) and O(side=dms).
    type: list
    elements: str
    default: []
  planned_endpoint_identifiers:
    description:
      - The endpoints that are to be there in the end, with O(account_checks) and O(side=dms). Those that are not there yet count against
        the quotas.
    type: list
    elements: str
    default: []
  planned_role_names:
    description:
      - The access roles that are to be there in the end, likewise, on the side where they are.
    type: list
    elements: str
    default: []
  role_path:
    description:
      - The IAM path of these roles.
    type: str
    default: /
  service_role_names:
    description:
      - The service roles of DMS that the account needs, with O(account_checks) and O(side=dms).
    type: list
    elements: str
    choices: [dms-vpc-role, dms-cloudwatch-logs-role, dms-access-for-endpoint]
    default: [dms-vpc-role, dms-cloudwatch-logs-role]
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.reading
  - datalake.dms.permissions.dms_preflight
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
checks:
  description: The outcome of each check.
  returned: always
  type: list
  elements: dict
  contains:
    check:
      description: What was looked at.
      type: str
      sample: bucket
    status:
      description: V(failed) stops a run, V(warned) is worth a look or could not be looked at, V(passed) is well.
      type: str
    text:
      description: A sentence, which says what to do where it is not V(passed).
      type: str
findings:
  description: The texts of the checks that have failed; empty where everything is right.
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
side:
  description: As O(side).
  returned: always
  type: str
region:
  description: The region of the calls.
  returned: always
  type: str
support_case:
  description:
    - The text for a case at AWS Support that allows cross-account endpoints, where the account has none yet; else null. With
      O(account_checks) and O(side=dms).
  returned: always
  type: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._accounts import preflight
from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module

ARGUMENT_SPEC = preflight.ARGUMENT_SPEC


def main() -> None:
    run_module(preflight.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
