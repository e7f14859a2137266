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
  - Creates, changes and removes a target endpoint of engine C(s3), in the account that runs DMS.
  - An endpoint whose role is in another account can't be modified, AWS refuses it; it is deleted and created again, which the
    task fails to do while a replication task or a serverless replication uses it. One with a role in the same account is
    modified, with its tasks stopped.
  - Only what is set here is compared, so that defaults that AWS fills in are no change; spellings that AWS varies (case, C(-) and
    C(_)) are no change either. A setting that is not given stays as it is, also
    where the endpoint is created again, unless O(exact=true).
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  state:
    description:
      - Whether the endpoint shall exist.
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
      - The end of the endpoint's ARN, at most 31 characters. It counts when the endpoint is created, and is no reason to create it
        again. An endpoint that is created again keeps the end that its ARN had, wherever AWS allows that.
    type: str
  s3_settings:
    description:
      - Settings of the target. Needed with O(state=present).
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
          - Whether the rows of the full load get the column that tells the operation.
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
          - Text that stands for null.
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
      - What becomes of settings that the AWS user guide forbids together, though the API takes them. AWS ignores them or fails later,
        in the task.
      - CSV settings beside V(parquet) in O(extra_connection_attributes) always are a warning only.
    type: str
    choices: [fail, warn]
    default: fail
  exact:
    description:
      - Whether settings and extra connection attributes that are not given go back to AWS's defaults (C(ExactSettings) of C(ModifyEndpoint)).
        Without it they stay as they are.
    type: bool
    default: false
  recreate:
    description:
      - Whether to delete the endpoint and create it again though nothing differs. AWS may give it another C(ExternalId).
    type: bool
    default: false
  in_use:
    description:
      - What to do where a replication task or a serverless replication is in the way. V(fail) says so before anything is done, V(ignore) leaves
        it to AWS to refuse, which is of use in check mode; see RV(in_use_by).
    type: str
    choices: [fail, ignore]
    default: fail
  predecessor:
    description:
      - The RV(definition) of an endpoint that an interrupted run has deleted to create it again. What that had and is not set here is kept,
        unless O(exact=true). Counts only where the endpoint does not exist.
    type: dict
    suboptions:
      endpoint_arn:
        description: ARN of the endpoint, whose end is asked for again.
        type: str
        required: true
      external_id:
        description: The C(ExternalId) that it had; of no use any more.
        type: str
      s3_settings:
        description: Its settings, as suboptions of O(s3_settings).
        type: dict
      extra_connection_attributes:
        description: Its extra connection attributes that are no settings.
        type: str
      tags:
        description: Its tags.
        type: dict
  iam_propagation_timeout:
    description:
      - How long to repeat a call that DMS refuses because it can't use the role yet, in seconds. IAM promises no time in which a
        change is seen everywhere.
    type: int
    default: 300
notes:
  - Nobody but AWS knows how CreateEndpoint behaves for a role in another account in every account and region. The module works
    with each known way, among them that the endpoint is not kept although an C(ExternalId) was answered (see RV(persisted)).
    It was tested against an emulation, not against AWS.
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
    description: Predicts the endpoint; what only AWS can know is shown as V((known after creation\)).
  diff_mode:
    support: full
    description: Shows the settings that the task sets, and the tags, before and after.
  idempotent:
    support: full
    description: A second run changes nothing, unless O(recreate=true).
"""

EXAMPLES = r"""
- name: Make the endpoint
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

- name: Remove the endpoint
  datalake.dms.dms_s3_endpoint:
    endpoint_identifier: dev-crm
    state: absent
"""

RETURN = r"""
action:
  description: What was done, or in check mode would be done. Tags may change with V(none).
  returned: success
  type: str
  sample: created
  choices: [none, created, modified, recreated, deleted]
reasons:
  description: Why.
  returned: success
  type: list
  elements: str
differences:
  description: Names of the settings, extra connection attributes and V(tags) in which the endpoint differed; empty for one that is new.
  returned: success
  type: list
  elements: str
  sample: [compression_type]
settings:
  description: The settings that the task asked for, in both ways of giving them, as AWS's model spells their values.
  returned: success
  type: dict
external_id:
  description: The C(ExternalId) that AWS gave, which the trust of the role must admit; null for a role in the same account.
  returned: success
  type: str
current_external_id:
  description: The C(ExternalId) that the endpoint had when the task began; null where there was none.
  returned: success
  type: str
persisted:
  description:
    - Whether AWS kept the endpoint. V(false) after an answer that brought an C(ExternalId) and no endpoint; put the id into the role's
      trust and run the task again. V(false) also in check mode for an endpoint that would be created.
  returned: success
  type: bool
in_use_by:
  description: The replication tasks and serverless replications that are in the way of the action, for people.
  returned: success
  type: list
  elements: str
  sample: ["task crm-copy (running)"]
undeclared:
  description: Settings and tags that the endpoint has and the task does not name, so that a run that is killed between deletion and creation
    would lose them; only with V(recreated).
  returned: success
  type: list
  elements: str
definition:
  description: The endpoint as it was when the task began, as options for O(predecessor); null where there was none.
  returned: success
  type: dict
endpoint:
  description: The endpoint as C(DescribeEndpoints) has it, in snake_case; null where there is none.
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
      description: As AWS returns them, which is with the settings.
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
