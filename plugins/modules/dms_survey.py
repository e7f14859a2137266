#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_survey
version_added: "0.1.0"
short_description: Tell what stands in the way of endpoints, and which have nothing to be done
description:
  - Looks at the accounts of many endpoints, each once, as M(datalake.dms.dms_preflight) does with its account checks, and says what stands in
    the way of which host.
  - Then decides for each of the others whether endpoint, access role and connection are as declared. The modules that would do the work decide,
    in check mode; whatever they would ask beyond what was read counts as something to be done, and so do policies of bucket and key.
  - Never changes anything, and nothing is changed because of it. It is for the role P(datalake.dms.s3_endpoint#role), which spares the hosts
    that have nothing to do.
  - Each read of DMS takes 100 endpoints, so that it costs few calls. Without C(iam:GetAccountAuthorizationDetails) each role is read by itself.
  - C(GetAccountAuthorizationDetails) does not tell the tags of policies; they are taken to be those of the role.
    M(datalake.dms.dms_verification) reads them.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  compare_from:
    description: The number of hosts from which on they are compared, as it costs calls; 0 for never.
    type: int
    default: 1
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.reading
  - datalake.dms.permissions.dms_survey
"""

EXAMPLES = r"""
- name: Tell what is in the way, and who has nothing to do
  datalake.dms.dms_survey:
  register: survey
  run_once: true
"""

RETURN = r"""
asked:
  description: The names of all hosts that it was for.
  returned: success
  type: list
  elements: str
looks:
  description: The results of M(datalake.dms.dms_preflight), one for each account, with C(hosts), the names of those that need it.
  returned: success
  type: list
  elements: dict
table:
  description: All that was found, what has failed first.
  returned: success
  type: list
  elements: str
support_cases:
  description: The texts for AWS Support.
  returned: success
  type: list
  elements: str
hosts:
  description: The names of the hosts that nothing is in the way of.
  returned: success
  type: list
  elements: str
stopped:
  description: What is in the way of each other one, by its name.
  returned: success
  type: dict
to_stop:
  description: Their names, and that of one that goes on, as a play in which every host fails would end the playbook; empty where none is stopped.
  returned: success
  type: list
  elements: str
settled:
  description: The names of those that have nothing to be done.
  returned: success
  type: list
  elements: str
to_do:
  description: The names of those that have, or that were not compared.
  returned: success
  type: list
  elements: str
declared:
  description: What they declare, for the option O(declared) of M(datalake.dms.dms_deployment). Those with a secret are left out.
  returned: success
  type: dict
unsettled:
  description: Why they have something to do, by their names.
  returned: success
  type: dict
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import survey

ARGUMENT_SPEC = survey.ARGUMENT_SPEC


def main() -> None:
    run_module(survey.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
