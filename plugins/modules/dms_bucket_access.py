#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_bucket_access
version_added: "0.1.0"
short_description: Let bucket and key of the data-lake account admit the access role of a DMS S3 target endpoint
description:
  - For the access mode C(bucket_policy). The role of the endpoint is in the account that runs DMS, see M(datalake.dms.dms_crossaccount_role). The
    policies of the bucket and, if objects are encrypted with one, of the KMS key admit it. There is no C(ExternalId) in this mode.
  - Adds one statement to each policy. Statements of others are not changed. The C(Sid) of the statement is derived from O(role_arn) and
    O(deployment). The module fails if another kind of statement has this C(Sid).
  - AWS can only replace such a policy as a whole. So modules on one machine wait for one another. A statement that others overwrite within
    O(settle_time) is written again.
  - A bucket policy has room for about 60 endpoints (20 KB), a key policy for about 115 (32 KB).
  - AWS returns a unique id in place of a deleted role, and does not store a policy with one. If the policy changes, the module removes such
    statements of this collection. If statements of others have one, the module fails and names them.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  state:
    description:
      - V(present) adds the statements to the policies. V(absent) removes them; do this before the role is deleted.
    type: str
    choices: [present, absent]
    default: present
  role_arn:
    description:
      - ARN of the access role. With O(state=present), the role must exist.
    type: str
    required: true
  bucket_name:
    description:
      - Name of the bucket that the endpoint writes to. It must belong to the caller's account. With O(state=absent) it may be left out to change only
        the key policy.
    type: str
  bucket_folder:
    description:
      - Folder in the bucket, without a slash at either end. Objects outside of it are not accessible.
    type: str
  server_side_encryption_kms_key_id:
    description:
      - Full ARN of the KMS key that the objects are encrypted with. The policy of a key of another account is not changed.
    type: str
  glue_catalog_generation:
    description:
      - Whether the endpoint has C(GlueCatalogGeneration), which also reads the bucket. The catalog is in the role's account.
    type: bool
    default: false
  canned_acl_for_objects:
    description:
      - The endpoint's C(CannedAclForObjects). Any but V(none) needs C(s3:PutObjectAcl).
    type: str
  deployment:
    description:
      - Name of the deployment that the endpoint belongs to; a part of the C(Sid).
    type: str
  settle_time:
    description:
      - How long to wait after a write before the policy is read again, in seconds, at least 0.1.
      - A policy is sent only within half of that time after it was read.
      - All users of this collection that write the same bucket policy should set the same value.
    type: float
    default: 10.0
  iam_propagation_timeout:
    description:
      - How long to repeat the write while S3 or KMS does not know the role yet, in seconds.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.validation
  - datalake.dms.permissions.dms_bucket_access
attributes:
  check_mode:
    support: full
    description: Predicts the statements.
  diff_mode:
    support: full
    description: Shows the statements for this role before and after; nothing else changes.
  idempotent:
    support: full
    description: A second run changes nothing.
"""

EXAMPLES = r"""
- name: Admit the role of the DMS account
  datalake.dms.dms_bucket_access:
    assume_role_arn: arn:aws:iam::444455556666:role/dms-deployer
    region: eu-central-1
    role_arn: arn:aws:iam::111122223333:role/dms-s3-dev-crm
    bucket_name: example-lake-dev
    bucket_folder: raw/crm
    server_side_encryption_kms_key_id: arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab

- name: Remove the statements for the role
  datalake.dms.dms_bucket_access:
    state: absent
    role_arn: arn:aws:iam::111122223333:role/dms-s3-dev-crm
    bucket_name: example-lake-dev
    server_side_encryption_kms_key_id: arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab
"""

RETURN = r"""
sid:
  description: The C(Sid) of the statements.
  returned: success
  type: str
  sample: DatalakeDmsdmss3devcrm0123456789ab
bucket_statement:
  description: The statement in the bucket policy; in check mode, the predicted one. Null with O(state=absent).
  returned: success
  type: dict
key_statement:
  description: The statement in the key policy; in check mode, the predicted one. Null with O(state=absent), and without a key of this account.
  returned: success
  type: dict
policy_findings:
  description: Findings of IAM Access Analyzer for the statements to be written, without O(validation_exceptions).
  returned: success
  type: list
  elements: dict
  contains:
    policy:
      description: The policy, as readable text.
      type: str
    finding_type:
      description: V(ERROR), V(SECURITY_WARNING), V(WARNING) or V(SUGGESTION).
      type: str
    issue_code:
      description: The code for O(validation_exceptions).
      type: str
    details:
      description: The text of Access Analyzer.
      type: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._access import bucket_access
from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module

ARGUMENT_SPEC = bucket_access.ARGUMENT_SPEC


def main() -> None:
    run_module(bucket_access.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
