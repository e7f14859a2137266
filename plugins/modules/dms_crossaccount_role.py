#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_crossaccount_role
version_added: "0.1.0"
short_description: Manage the access role of one DMS S3 target endpoint in the data-lake account
description:
  - Manages, in the account that owns the S3 bucket, the IAM role that AWS DMS of another account assumes to write to it. The role has one managed
    policy, which allows only what the endpoint needs.
  - In the access mode C(bucket_policy), the role is in the account that runs DMS, and the bucket policy admits it, see
    M(datalake.dms.dms_bucket_access). AWS assigns no C(ExternalId) then, so O(bootstrap_trust) must be V(source_account).
  - The trust of the role requires the C(ExternalId) that AWS assigned to the endpoint (C(sts:ExternalId)). Until it is known, the trust requires
    what O(bootstrap_trust) says, so that the role never admits every customer of DMS.
  - IAM Access Analyzer validates a policy before it is written (C(ValidatePolicy)).
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  state:
    description:
      - V(present) creates or modifies role and policy. V(absent) removes the policy with its versions, the attachment and the role.
      - With V(absent), the task fails if the role has policies that this module did not create. A policy that is also attached to other roles stays.
      - With O(deployment), V(absent) removes a role only where it has that deployment's tag, is under O(path) and trusts DMS, and a policy only
        where it has the tag and is under O(path).
      - With V(present), the task fails if the policy would change and is attached to other roles, too.
    type: str
    choices: [present, absent]
    default: present
  role_name:
    description:
      - Name of the role; at most 64 letters, digits or characters of V(+=,.@-_).
    type: str
    required: true
  policy_name:
    description:
      - Name of the managed policy. The default is O(role_name).
    type: str
  path:
    description:
      - IAM path of role and policy; begins and ends with a slash. IAM can't change the path of an existing role.
    type: str
    default: /
  permissions_boundary:
    description:
      - ARN of the managed policy that is the permissions boundary of the role. If it is not set, a present boundary stays.
    type: str
  bucket_name:
    description:
      - Name of the bucket that the endpoint writes to. Required with O(state=present).
    type: str
  bucket_folder:
    description:
      - Folder in the bucket, without a slash at either end. Objects outside of it are not accessible.
    type: str
  server_side_encryption_kms_key_id:
    description:
      - Full ARN of the KMS key that the objects are encrypted with. The key policy must admit the role or its account.
    type: str
  glue_catalog_generation:
    description:
      - Whether the endpoint has C(GlueCatalogGeneration), which needs access to the Glue catalog and to Athena in O(region).
    type: bool
    default: false
  canned_acl_for_objects:
    description:
      - The endpoint's C(CannedAclForObjects). Any but V(none) needs C(s3:PutObjectAcl).
    type: str
  external_ids:
    description:
      - The C(ExternalId) of the endpoint. It is a list, because a new id is admitted before the old one is removed.
      - The ids are added to the present ids of the trust. With an empty list, the present ids stay.
    type: list
    elements: str
    default: []
  purge_external_ids:
    description:
      - Whether ids that are not in O(external_ids) are removed. Set it after a successful connection test.
      - With an empty O(external_ids) it requires O(bootstrap_trust=source_account), and removes all ids. This is needed before an endpoint is
        recreated in an AWS account that validates the trust in C(CreateEndpoint).
    type: bool
    default: false
  bootstrap_trust:
    description:
      - What the trust requires while no C(ExternalId) is known.
      - V(placeholder) requires a random C(sts:ExternalId) that can't be guessed. It is written once, and stays until an id is known.
      - V(source_account) requires only C(aws:SourceAccount) with O(source_account). It replaces a present placeholder. Use it for AWS accounts in
        which DMS validates the trust in C(CreateEndpoint). DMS 3.4.7 or later sends it.
      - V(powerless) requires nothing, and the policy is not attached to the role meanwhile. Use it only to create an endpoint where AWS refuses the
        other ways, and run the module again with O(external_ids) at once. It then closes the trust first, and attaches the policy with a statement
        C(DenyEarlierSessions), which denies everything to sessions that were issued before. A role with policies of others is refused.
    type: str
    choices: [placeholder, source_account, powerless]
    default: placeholder
  source_account:
    description:
      - Id of the account that runs DMS; adds the condition C(aws:SourceAccount) to the trust (DMS 3.4.7 or later).
    type: str
  source_arn:
    description:
      - ARN of the DMS resources that may use the role, such as C(arn:aws:dms:eu-central-1:111122223333:endpoint:*); adds the condition
        C(aws:SourceArn) to the trust (DMS 3.4.7 or later).
    type: str
  service_principals:
    description:
      - The services that may assume the role.
    type: list
    elements: str
    default: [dms.amazonaws.com]
  purge_trust_statements:
    description:
      - Whether trust statements of others are removed.
      - With any value, access for DMS without C(sts:ExternalId) is removed from statements of others, and reported in RV(findings).
    type: bool
    default: false
  trust_length_limit:
    description:
      - The account's quota for the length of a role's trust, in characters. AWS raises it to 4096 on request.
    type: int
    default: 2048
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.deployment
  - datalake.dms.permissions.dms_crossaccount_role
  - datalake.dms.validation
attributes:
  check_mode:
    support: full
    description: Predicts role and policy; a placeholder that would be created is shown as V((known after creation\)).
  diff_mode:
    support: full
    description: Shows role, trust, policy document and tags before and after.
  idempotent:
    support: full
    description: A second run changes nothing.
"""

EXAMPLES = r"""
- name: Create the access role before the endpoint exists
  datalake.dms.dms_crossaccount_role:
    assume_role_arn: arn:aws:iam::444455556666:role/dms-deployer
    region: eu-central-1
    role_name: dms-s3-dev-crm
    bucket_name: example-lake-dev
    bucket_folder: raw/crm
    server_side_encryption_kms_key_id: arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab

- name: Admit the ExternalId that AWS assigned to the endpoint
  datalake.dms.dms_crossaccount_role:
    role_name: dms-s3-dev-crm
    bucket_name: example-lake-dev
    bucket_folder: raw/crm
    external_ids: ["{{ endpoint.external_id }}"]

- name: Remove role and policy
  datalake.dms.dms_crossaccount_role:
    role_name: dms-s3-dev-crm
    state: absent
"""

RETURN = r"""
role:
  description: The role; in check mode, the predicted role. Null with O(state=absent).
  returned: success
  type: dict
  contains:
    arn:
      description: ARN of the role.
      type: str
      sample: arn:aws:iam::444455556666:role/dms-s3-dev-crm
    role_name:
      description: Name of the role.
      type: str
    path:
      description: Path of the role.
      type: str
    assume_role_policy_document:
      description: The trust.
      type: dict
    permissions_boundary:
      description: ARN of the permissions boundary, or null.
      type: str
    attached_policies:
      description: ARNs of all managed policies that the role has.
      type: list
      elements: str
    inline_policies:
      description: Names of all inline policies that the role has.
      type: list
      elements: str
    tags:
      description: The role's tags.
      type: dict
policy:
  description: The managed policy; in check mode, the predicted policy. With O(state=absent) null, or the policy if other roles use it.
  returned: success
  type: dict
  contains:
    arn:
      description: ARN of the policy.
      type: str
    policy_name:
      description: Name of the policy.
      type: str
    document:
      description: The document of the default version.
      type: dict
    tags:
      description: The policy's tags.
      type: dict
external_ids:
  description: The ids that the trust admits, without placeholders.
  returned: success
  type: list
  elements: str
bootstrapping:
  description: Whether the trust has no C(ExternalId) of an endpoint yet.
  returned: success
  type: bool
foreign:
  description: What others added to the role. The module does not change it.
  returned: success
  type: dict
  contains:
    trust_statements:
      description: Statements of the trust that this module did not create.
      type: list
      elements: dict
    attached_policies:
      description: ARNs of the role's managed policies that this module did not create.
      type: list
      elements: str
    inline_policies:
      description: Names of the role's inline policies. The module creates none.
      type: list
      elements: str
policy_findings:
  description: Findings of IAM Access Analyzer for the policies to be written, without O(validation_exceptions).
  returned: success
  type: list
  elements: dict
  contains:
    policy:
      description: The policy, as readable text.
      type: str
      sample: trust of role dms-s3-dev-crm
    finding_type:
      description: V(ERROR), V(SECURITY_WARNING), V(WARNING) or V(SUGGESTION).
      type: str
    issue_code:
      description: The issue code, as O(validation_exceptions) takes it.
      type: str
    details:
      description: The text of Access Analyzer.
      type: str
findings:
  description: A sentence for each trust statement that admitted DMS without C(sts:ExternalId). This access is removed, except in check mode.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role
from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module

ARGUMENT_SPEC = access_role.ARGUMENT_SPEC


def main() -> None:
    run_module(access_role.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
