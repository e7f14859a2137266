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
  - Checks that the caller is in O(account_id), that the account and the region match the map of environments, and that bucket, KMS key and
    replication instance exist.
  - With O(account_checks), it also checks what all endpoints of an account share, such as quotas, service roles and routes.
  - Never changes anything. All checks are reported together in RV(checks). The task fails if one of them failed.
  - If the caller lacks a permission that only O(account_checks) needs, that check is a warning.
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
      - The map of environments. It maps each name to a dictionary of C(dms_account_id), C(lake_account_id), C(shares_accounts_with) and C(regions).
      - C(shares_accounts_with) lists other environments that use one of these accounts, too. C(regions) lists the allowed regions; without it, all
        are allowed.
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
      - How many seconds the caller's own credentials must be valid at least. The credentials of O(assume_role_arn) are refreshed with them. The
        expiration of credentials in the environment is known only from C(AWS_CREDENTIAL_EXPIRATION).
    type: int
    default: 0
  account_checks:
    description:
      - Whether to check also what all endpoints of the account share. It is enough to do this once for all of them.
    type: bool
    default: false
  object_ownership:
    description:
      - The object ownership that O(bucket_name) must have, with O(account_checks).
    type: str
  role_account_id:
    description:
      - Id of the account whose access roles use O(kms_key_arn), with O(account_checks). The default is O(account_id). The key policy
        need not admit another account beforehand, because M(datalake.dms.dms_bucket_access) adds a statement for each role.
    type: str
  lake_account_ids:
    description:
      - Ids of the accounts that have the endpoints' access roles, with O(account_checks) and O(side=dms).
    type: list
    elements: str
    default: []
  planned_endpoint_identifiers:
    description:
      - Identifiers of the declared endpoints, with O(account_checks) and O(side=dms). Those that do not exist yet count against the quotas.
    type: list
    elements: str
    default: []
  planned_role_names:
    description:
      - Names of the declared access roles, with O(account_checks), on the side that has them. Those that do not exist yet count against the quotas.
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
      description: Name of the check.
      type: str
      sample: bucket
    status:
      description: V(failed) stops a run. V(warned) should be reviewed, or could not be checked. V(passed) is correct.
      type: str
    text:
      description: The outcome as a sentence, with what to do unless it is V(passed).
      type: str
findings:
  description: The texts of the failed checks; empty if none failed.
  returned: always
  type: list
  elements: str
account_id:
  description: Id of the caller's account; null if a check failed before the caller was identified.
  returned: always
  type: str
arn:
  description: The caller's ARN; null if a check failed before the caller was identified.
  returned: always
  type: str
partition:
  description: The caller's partition; null if a check failed before the caller was identified.
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
    - The text of a case for AWS Support that asks for cross-account endpoints, if the account has none yet; else null. With
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
