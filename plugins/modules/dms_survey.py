#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_survey
version_added: "0.1.0"
short_description: Tell which endpoints have nothing to be done, in few calls for all of them
description:
  - Reads the accounts of many endpoints, each account once, and decides for each endpoint whether it, its access role and its connection are
    as declared. The modules that would do the work decide, in check mode; whatever they would ask beyond what was read counts as something
    to be done.
  - Never changes anything, and nothing is changed because of it. It is for the role P(datalake.dms.s3_endpoint#role), which spares the hosts
    that have nothing to do.
  - Each read of DMS takes 100 endpoints, so that it costs few calls. Without C(iam:GetAccountAuthorizationDetails) each role is read by itself.
  - C(GetAccountAuthorizationDetails) does not tell the tags of policies; they are taken to be those of the role.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  hosts:
    description:
      - The endpoints, a dictionary each, with these keys.
      - C(name); C(dms) and C(lake), the connection options of both sides.
      - C(endpoint), C(role) and C(test), the options of M(datalake.dms.dms_s3_endpoint), M(datalake.dms.dms_crossaccount_role) and
        M(datalake.dms.dms_connection_test).
      - C(journal_bucket) and C(journal_prefix), as of M(datalake.dms.dms_endpoint_replacement).
      - C(one_account), whether both sides are one; C(account_wide), whether C(GetAccountAuthorizationDetails) was granted.
      - The connection options of the task itself are not used.
    type: list
    elements: dict
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.reading
  - datalake.dms.permissions.dms_survey
"""

EXAMPLES = r"""
- name: Tell who has nothing to do
  datalake.dms.dms_survey:
    hosts:
      - name: crm
        dms: {region: eu-central-1, assume_role_arn: "arn:aws:iam::111122223333:role/dms-reader"}
        lake: {region: eu-central-1, assume_role_arn: "arn:aws:iam::444455556666:role/dms-reader"}
        endpoint:
          endpoint_identifier: dev-crm
          s3_settings:
            service_access_role_arn: arn:aws:iam::444455556666:role/datalake-dms/datalake-dev/dms-s3-dev-crm
            bucket_name: example-lake-dev
        role: {role_name: dms-s3-dev-crm, path: /datalake-dms/datalake-dev/}
        test: {replication_instance_arn: "arn:aws:dms:eu-central-1:111122223333:rep:dev"}
        journal_bucket: ""
        journal_prefix: ""
        one_account: false
        account_wide: false
"""

RETURN = r"""
settled:
  description: The names of those that have nothing to be done.
  returned: success
  type: list
  elements: str
unsettled:
  description: Why not, by the name of each other one.
  returned: success
  type: dict
"""

from ansible_collections.datalake.dms.plugins.module_utils import _survey
from ansible_collections.datalake.dms.plugins.module_utils._module import run_module

ARGUMENT_SPEC = {"hosts": {"type": "list", "elements": "dict", "required": True}}


def main() -> None:
    run_module(_survey.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
