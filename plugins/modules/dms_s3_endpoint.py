#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_s3_endpoint
version_added: "0.1.0"
short_description: Manage an S3 target endpoint of AWS DMS
description:
  - Creates, modifies and deletes a target endpoint of engine C(s3), in the account that runs DMS.
  - AWS does not modify an endpoint whose role is in another account, so such an endpoint is recreated. The task fails while a replication task or a
    serverless replication uses it. An endpoint with a role in the same account is modified; its tasks must be stopped.
  - Unset options are not compared. Case and C(-)/C(_) differences in AWS's answers are ignored. Unset settings stay as they are, also when the
    endpoint is recreated, unless O(exact=true).
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  state:
    description:
      - Whether the endpoint should exist.
    type: str
    choices: [present, absent]
    default: present
  endpoint_identifier:
    description:
      - Identifier of the endpoint. Begins with a letter; ASCII letters, digits and single hyphens, none at the end. DMS keeps it in
        lower case.
    type: str
    required: true
  resource_identifier:
    description:
      - The last part of the endpoint's ARN, at most 31 characters. It is used when the endpoint is created. A difference does not recreate the
        endpoint. A recreated endpoint keeps the last part of its ARN if AWS allows it.
    type: str
  s3_settings:
    description:
      - Settings of the target. Required with O(state=present).
      - An empty string is the same as a setting that is not set, except for O(s3_settings.csv_null_value), where it is how null is written.
    type: dict
    suboptions:
      service_access_role_arn:
        description:
          - ARN of the role that DMS assumes to write to the bucket; see M(datalake.dms.dms_crossaccount_role).
        type: str
        required: true
      bucket_name:
        description:
          - Name of the bucket.
        type: str
        required: true
      bucket_folder:
        description:
          - Folder in the bucket, without a slash at either end.
        type: str
      expected_bucket_owner:
        description:
          - Id of the account that must own the bucket; DMS refuses to write to any other.
        type: str
      canned_acl_for_objects:
        description:
          - ACL of the objects that DMS writes. Use V(bucket-owner-full-control) unless the bucket has the ownership
            V(BucketOwnerEnforced).
          - One of V(none), V(private), V(public-read), V(public-read-write), V(authenticated-read),
            V(aws-exec-read), V(bucket-owner-read), V(bucket-owner-full-control), in any case and with C(-) or C(_).
        type: str
      encryption_mode:
        description:
          - Encryption of the objects. AWS does not change V(sse-s3) to V(sse-kms); the endpoint is created again
            for that.
          - One of V(sse-s3), V(sse-kms), in any case and with C(-) or C(_).
        type: str
      server_side_encryption_kms_key_id:
        description:
          - The KMS key of V(sse-kms). A key of another account must be given as full key ARN; an alias and the key
            V(aws/s3) do not work across accounts.
        type: str
      data_format:
        description:
          - Format of the files. AWS takes V(csv) where it is not given.
          - One of V(csv), V(parquet), in any case and with C(-) or C(_).
        type: str
      compression_type:
        description:
          - Compression of the files.
          - One of V(none), V(gzip), in any case and with C(-) or C(_).
        type: str
      max_file_size:
        description:
          - Largest size of a CSV file of the full load, in KB; 1 to 1048576.
        type: int
      cdc_max_batch_interval:
        description:
          - Longest time between two files of changes, in seconds.
        type: int
      cdc_min_file_size:
        description:
          - Size at which a file of changes is written, in KB.
        type: int
      cdc_path:
        description:
          - Folder of the files of changes, below O(s3_settings.bucket_folder). Needed with
            O(s3_settings.preserve_transactions).
        type: str
      preserve_transactions:
        description:
          - Whether changes are written in the order of their transactions, to O(s3_settings.cdc_path).
        type: bool
      cdc_inserts_only:
        description:
          - Whether only inserts are written of the changes. Not with O(s3_settings.cdc_inserts_and_updates).
        type: bool
      cdc_inserts_and_updates:
        description:
          - Whether inserts and updates are written of the changes. Not with O(s3_settings.cdc_inserts_only).
        type: bool
      include_op_for_full_load:
        description:
          - Whether the rows of the full load get the column with the operation.
        type: bool
      timestamp_column_name:
        description:
          - Name of a column with the time of the commit. An empty name breaks the task and is refused.
        type: str
      use_task_start_time_for_full_load_timestamp:
        description:
          - Whether that column has the start time of the task in rows of the full load.
        type: bool
      add_trailing_padding_character:
        description:
          - Whether string data are padded.
        type: bool
      date_partition_enabled:
        description:
          - Whether folders by commit date are made. Not with O(s3_settings.preserve_transactions) or
            O(s3_settings.cdc_path).
        type: bool
      date_partition_sequence:
        description:
          - Order of the date in the folders.
          - One of V(YYYYMMDD), V(YYYYMMDDHH), V(YYYYMM), V(MMYYYYDD), V(DDMMYYYY), in any case and with C(-) or
            C(_).
        type: str
      date_partition_delimiter:
        description:
          - Delimiter of the date in the folders.
          - One of V(SLASH), V(UNDERSCORE), V(DASH), V(NONE), in any case and with C(-) or C(_).
        type: str
      date_partition_timezone:
        description:
          - Time zone of the date in the folders, such as V(Europe/Berlin).
        type: str
      glue_catalog_generation:
        description:
          - Whether DMS keeps a Glue catalog of the files. Not with both O(s3_settings.preserve_transactions) and
            O(s3_settings.cdc_path).
        type: bool
      add_column_name:
        description:
          - Whether the first row has the names of the columns. Not with O(s3_settings.preserve_transactions) or
            O(s3_settings.cdc_path).
          - For O(s3_settings.data_format=csv) only.
        type: bool
      csv_delimiter:
        description:
          - Delimiter of columns.
          - For O(s3_settings.data_format=csv) only.
        type: str
      csv_row_delimiter:
        description:
          - Delimiter of rows.
          - For O(s3_settings.data_format=csv) only.
        type: str
      csv_null_value:
        description:
          - Text that represents null. It may be empty.
          - For O(s3_settings.data_format=csv) only.
        type: str
      use_csv_no_sup_value:
        description:
          - Whether O(s3_settings.csv_no_sup_value) is written for columns that have no supplemental log.
          - For O(s3_settings.data_format=csv) only.
        type: bool
      csv_no_sup_value:
        description:
          - Text for columns that have no supplemental log.
          - For O(s3_settings.data_format=csv) only.
        type: str
      rfc4180:
        description:
          - Whether quotation marks are written as RFC 4180 says.
          - For O(s3_settings.data_format=csv) only.
        type: bool
      parquet_version:
        description:
          - Version of the Parquet format.
          - One of V(parquet-1-0), V(parquet-2-0), in any case and with C(-) or C(_).
          - For O(s3_settings.data_format=parquet) only.
        type: str
      parquet_timestamp_in_millisecond:
        description:
          - Whether timestamps have milliseconds, as Athena and Glue need, in place of microseconds.
          - For O(s3_settings.data_format=parquet) only.
        type: bool
      enable_statistics:
        description:
          - Whether pages and row groups have statistics.
          - For O(s3_settings.data_format=parquet) only.
        type: bool
      encoding_type:
        description:
          - Encoding of the data.
          - One of V(plain), V(plain-dictionary), V(rle-dictionary), in any case and with C(-) or C(_).
          - For O(s3_settings.data_format=parquet) only.
        type: str
      dict_page_size_limit:
        description:
          - Largest size of a dictionary page, in bytes.
          - For O(s3_settings.data_format=parquet) only.
        type: int
      row_group_length:
        description:
          - Number of rows in a row group.
          - For O(s3_settings.data_format=parquet) only.
        type: int
      data_page_size:
        description:
          - Largest size of a data page, in bytes.
          - For O(s3_settings.data_format=parquet) only.
        type: int
  extra_connection_attributes:
    description:
      - Settings in AWS's text form, V(key=value;key=value). Those that are also suboptions of O(s3_settings) are taken as such; given
        in both places they must be equal.
    type: str
  settings_conflicts:
    description:
      - What to do with combinations of settings that the AWS user guide forbids although the API accepts them. AWS ignores them, or the replication
        task fails later.
      - CSV settings in O(extra_connection_attributes) of a V(parquet) endpoint are always only a warning.
    type: str
    choices: [fail, warn]
    default: fail
  exact:
    description:
      - Whether unset settings and extra connection attributes are reset to AWS's defaults (C(ExactSettings) of C(ModifyEndpoint)). By default, they
        stay as they are.
    type: bool
    default: false
  recreate:
    description:
      - Whether to recreate the endpoint even if nothing differs. AWS may assign another C(ExternalId).
    type: bool
    default: false
  in_use:
    description:
      - What to do if a replication task or a serverless replication blocks the action. V(fail) fails before anything is changed. V(ignore)
        continues, and AWS may refuse the action; it is useful in check mode, see RV(in_use_by).
    type: str
    choices: [fail, ignore]
    default: fail
  predecessor:
    description:
      - The RV(definition) of an endpoint that an interrupted run deleted to recreate it. Its settings and tags that are not set here are kept, unless
        O(exact=true). Ignored if the endpoint exists.
    type: dict
    suboptions:
      endpoint_arn:
        description: ARN of the former endpoint. The new endpoint asks for the same last part.
        type: str
        required: true
      external_id:
        description: The former C(ExternalId). It is not used.
        type: str
      s3_settings:
        description: Its settings, as suboptions of O(s3_settings).
        type: dict
      described_settings:
        description: Its C(S3Settings) as C(DescribeEndpoints) returned them. It is not used.
        type: dict
      sent_attributes:
        description: Its extra connection attributes without those that AWS adds for its settings. It is not used.
        type: dict
      extra_connection_attributes:
        description: Its extra connection attributes that are not settings.
        type: str
      tags:
        description: Its tags.
        type: dict
  iam_propagation_timeout:
    description:
      - How long to repeat a call that DMS refuses because it can't use the role yet, in seconds. AWS does not document how
        long a change of IAM takes to be effective everywhere.
    type: int
    default: 300
  arn_reuse_timeout:
    description:
      - How long to repeat C(CreateEndpoint) while the name or the ARN of a deleted endpoint is still in use, in seconds. AWS does not document how
        long that is. Then the endpoint is created without O(resource_identifier), and AWS assigns another ARN.
    type: int
    default: 30
notes:
  - AWS does not document how C(CreateEndpoint) behaves for a role in another account. The module handles each known behaviour. For example, AWS may
    return an C(ExternalId) and keep no endpoint (see RV(persisted)). The module was tested against an emulation, not against AWS.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.deployment
  - datalake.dms.waiting
  - datalake.dms.permissions.dms_s3_endpoint
attributes:
  check_mode:
    support: full
    description: Predicts the endpoint; values that AWS assigns are shown as V((known after creation\)).
  diff_mode:
    support: full
    description: Shows the settings that the task sets, and the tags, before and after.
  idempotent:
    support: full
    description: A second run changes nothing, unless O(recreate=true).
"""

EXAMPLES = r"""
- name: Create the endpoint
  datalake.dms.dms_s3_endpoint:
    assume_role_arn: arn:aws:iam::111122223333:role/dms-deployer
    region: eu-central-1
    endpoint_identifier: dev-crm
    resource_identifier: dev-crm
    s3_settings:
      service_access_role_arn: arn:aws:iam::444455556666:role/dms-s3-dev-crm
      bucket_name: example-lake-dev
      bucket_folder: raw/crm
      expected_bucket_owner: "444455556666"
      data_format: parquet
      compression_type: gzip
      timestamp_column_name: TIMESTAMP
    tags:
      team: data-platform
    deployment: dev
  register: endpoint

- name: Delete the endpoint
  datalake.dms.dms_s3_endpoint:
    endpoint_identifier: dev-crm
    state: absent
"""

RETURN = r"""
action:
  description: What was done; in check mode, what would be done. Tags may change with V(none), too.
  returned: success
  type: str
  sample: created
  choices: [none, created, modified, recreated, deleted]
reasons:
  description: Why the endpoint was created, modified, recreated or deleted, one sentence each.
  returned: success
  type: list
  elements: str
differences:
  description: Names of the settings, extra connection attributes and V(tags) in which the endpoint differed; empty for a new endpoint.
  returned: success
  type: list
  elements: str
  sample: [compression_type]
settings:
  description: The declared settings, from O(s3_settings) and O(extra_connection_attributes), in the spelling of AWS's API model.
  returned: success
  type: dict
external_id:
  description: The C(ExternalId) that AWS assigned, which the trust of the role must admit; null for a role in the same account.
  returned: success
  type: str
current_external_id:
  description: The C(ExternalId) of the endpoint before the task; null if there was none.
  returned: success
  type: str
persisted:
  description:
    - Whether the endpoint exists. It is V(false) if AWS returned an C(ExternalId) and kept no endpoint; put the id into the role's trust and run the
      task again. It is also V(false) in check mode for an endpoint that would be created.
  returned: success
  type: bool
in_use_by:
  description: The replication tasks and serverless replications that block the action, as readable text.
  returned: success
  type: list
  elements: str
  sample: ["task crm-copy (running)"]
returned_otherwise:
  description:
    - A sentence without a period for each setting that AWS returned otherwise than it was sent.
    - It is no difference, and the endpoint is left alone, as long as neither the setting nor what AWS returns changes. The endpoint's tag
      C(datalake.dms:returned-settings) has a digest of both.
    - Empty in check mode if the endpoint would change.
  returned: success
  type: list
  elements: str
undeclared:
  description: Settings and tags of the endpoint that the task does not declare. A run that is killed between deletion and creation would lose them.
    Only with V(recreated).
  returned: success
  type: list
  elements: str
definition:
  description: The endpoint before the task, as options for O(predecessor); null if there was none.
  returned: success
  type: dict
endpoint:
  description: The endpoint as C(DescribeEndpoints) returns it, in snake_case; null if there is none.
  returned: success
  type: dict
  contains:
    endpoint_arn:
      description: ARN of the endpoint.
      type: str
      sample: arn:aws:dms:eu-central-1:111122223333:endpoint:dev-crm
    endpoint_identifier:
      description: Identifier of the endpoint.
      type: str
    external_id:
      description: As RV(external_id).
      type: str
    status:
      description: Status of the endpoint.
      type: str
      sample: active
    s3_settings:
      description: All settings, as AWS spells their values.
      type: dict
    extra_connection_attributes:
      description: As AWS returns them, including the settings.
      type: str
    tags:
      description: The endpoint's tags.
      type: dict
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_target

ARGUMENT_SPEC = s3_target.ARGUMENT_SPEC


def main() -> None:
    run_module(s3_target.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
