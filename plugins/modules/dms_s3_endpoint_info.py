#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_s3_endpoint_info
version_added: "0.1.0"
short_description: Read all S3 target endpoints of AWS DMS in an account
description:
  - Reads the target endpoints of engine C(s3) of an account and region, with their tags.
  - Takes two calls for 100 endpoints. If an endpoint is deleted between these calls, the tags of its 100 endpoints are read one by one.
  - Warns if endpoints have the same C(ExternalId).
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  endpoint_identifiers:
    description:
      - Reads only these endpoints, in any case. An endpoint that does not exist is left out. An empty list reads none.
    type: list
    elements: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.reading
  - datalake.dms.permissions.dms_s3_endpoint_info
"""

EXAMPLES = r"""
- name: Read all S3 target endpoints
  datalake.dms.dms_s3_endpoint_info:
    assume_role_arn: arn:aws:iam::111122223333:role/dms-deployer
    region: eu-central-1
  register: survey

- name: Show their identifiers
  ansible.builtin.debug:
    msg: "{{ survey.endpoints | map(attribute='endpoint_identifier') }}"
"""

RETURN = r"""
endpoints:
  description: The endpoints, sorted by identifier, each as RV(datalake.dms.dms_s3_endpoint#module:endpoint).
  returned: success
  type: list
  elements: dict
  contains:
    endpoint_arn:
      description: ARN of the endpoint.
      type: str
      sample: arn:aws:dms:eu-central-1:111122223333:endpoint:dev-crm
    endpoint_identifier:
      description: Identifier of the endpoint.
      type: str
    external_id:
      description: The C(ExternalId) that AWS assigned; missing or null for a role in the same account.
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
shared_external_ids:
  description: The ids that several endpoints have. The trusts of their roles should also require C(aws:SourceAccount) and C(aws:SourceArn).
  returned: success
  type: list
  elements: dict
  contains:
    external_id:
      description: The C(ExternalId).
      type: str
    endpoint_identifiers:
      description: Identifiers of the endpoints with this id.
      type: list
      elements: str
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_info

ARGUMENT_SPEC = endpoint_info.ARGUMENT_SPEC


def main() -> None:
    run_module(endpoint_info.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
