#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_bucket_access
version_added: "0.1.0"
short_description: Have bucket and key of the data-lake account admit the access role of a DMS S3 target endpoint
description:
  - The other way of access. The role of the endpoint lives in the account that runs DMS, see M(datalake.dms.dms_crossaccount_role), and the
    policy of the bucket admits it, as does the policy of the KMS key where objects are encrypted with one. There is no C(ExternalId) then.
  - Puts one statement into each policy, and leaves alone what others wrote there. The statement is known by its C(Sid), which is made of
    O(role_arn) and O(deployment). One of that C(Sid) that is not of its shape is refused.
  - AWS replaces such a policy as a whole. Modules on one machine therefore wait for one another. What others overwrite within O(settle_time)
    is written again.
  - A bucket's policy has room for about 60 endpoints (20 KB), a key's for about 115 (32 KB).
  - AWS shows an id in place of a role that is deleted, and takes no policy that has one. Such statements of this collection are taken out
    where something is written anyway; those of others are named.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  state:
    description:
      - V(present) puts the statements into the policies; V(absent) takes them out. Do so before the role is removed.
    type: str
    choices: [present, absent]
    default: present
  role_arn:
    description:
      - ARN of the access role, which must exist with O(state=present).
    type: str
    required: true
  bucket_name:
    description:
      - Name of the bucket that the endpoint writes to. It must be the account's. With O(state=absent) it may be left out, where only a key's
        policy is meant.
    type: str
  bucket_folder:
    description:
      - Folder in the bucket, without a slash at either end. Objects outside of it are not accessible.
    type: str
  server_side_encryption_kms_key_id:
    description:
      - Full ARN of the KMS key that the objects are encrypted with. The policy of a key of another account is left to its owner.
    type: str
  glue_catalog_generation:
    description:
      - Whether the endpoint has C(GlueCatalogGeneration), which reads the bucket, too. The catalog is one of the role's account.
    type: bool
    default: false
  canned_acl_for_objects:
    description:
      - The endpoint's C(CannedAclForObjects). Any but V(none) needs C(s3:PutObjectAcl).
    type: str
  deployment:
    description:
      - Whose the endpoint is; a part of the C(Sid).
    type: str
  settle_time:
    description:
      - How long after a write the policy is looked at again, in seconds, at least 0.1.
      - A policy that was read longer than half of that ago is not sent.
      - All who write the bucket's policy with this collection should have the same.
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

- name: Admit it no longer
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
  description: The statement in the bucket's policy as it is, or in check mode as it would be; null with O(state=absent).
  returned: success
  type: dict
key_statement:
  description: The statement in the key's policy, likewise; null, too, without a key of this account.
  returned: success
  type: dict
policy_findings:
  description: What IAM Access Analyzer found in the statements that were about to be written, less O(validation_exceptions).
  returned: success
  type: list
  elements: dict
  contains:
    policy:
      description: Which policy it is.
      type: str
    finding_type:
      description: V(ERROR), V(SECURITY_WARNING), V(WARNING) or V(SUGGESTION).
      type: str
    issue_code:
      description: The code for O(validation_exceptions).
      type: str
    details:
      description: What AWS says.
      type: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._access import bucket_access
from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module

ARGUMENT_SPEC = bucket_access.ARGUMENT_SPEC


def main() -> None:
    run_module(bucket_access.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
