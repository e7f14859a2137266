#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_survey
version_added: "0.1.0"
short_description: Check the accounts of many endpoints, and find those that a deployment would not change
description:
  - Checks the accounts of many endpoints, each once, as M(datalake.dms.dms_preflight) does, and says what has to be put right first, by host.
  - Then compares each of the other hosts with AWS. The modules that would do the work decide, in check mode. Whatever they would ask beyond what
    was read counts as a difference, and so do policies of bucket and key.
  - Never changes anything, and nothing is changed because of it. The role P(datalake.dms.s3_endpoint#role) leaves out the hosts that have nothing
    to do.
  - Each read of DMS takes 100 endpoints, so it costs few calls. Without C(iam:GetAccountAuthorizationDetails) each role is read by itself.
  - C(GetAccountAuthorizationDetails) has no tags of policies. They are taken to be those of the role. M(datalake.dms.dms_verification) reads them.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  account_checks:
    description: Whether the checks of M(datalake.dms.dms_preflight) with O(datalake.dms.dms_preflight#module:account_checks=true) are made, too.
    type: bool
    default: true
  compare_from:
    description: From how many hosts on they are compared, as comparing costs calls; 0 for never.
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
- name: Check the accounts and compare the endpoints
  datalake.dms.dms_survey:
  register: survey
  run_once: true
"""

RETURN = r"""
asked:
  description: The names of all hosts that the task is for.
  returned: success
  type: list
  elements: str
accounts:
  description: The results of M(datalake.dms.dms_preflight), one for each account, with C(hosts), the names of the hosts that need it.
  returned: success
  type: list
  elements: dict
table:
  description: All findings as lines of text, what has failed first.
  returned: success
  type: list
  elements: str
support_cases:
  description: The texts for AWS Support.
  returned: success
  type: list
  elements: str
hosts:
  description: The names of the hosts without a problem.
  returned: success
  type: list
  elements: str
blocked:
  description: What has to be put right first, by the name of the host.
  returned: success
  type: dict
to_stop:
  description: Hosts that fail, plus one healthy host so that the playbook continues; empty where none fails.
  returned: success
  type: list
  elements: str
unchanged:
  description: The names of the hosts that already match the inventory.
  returned: success
  type: list
  elements: str
to_deploy:
  description: The names of the hosts that differ, or that were not compared.
  returned: success
  type: list
  elements: str
declared:
  description:
    - What the hosts to deploy declare, by name, for O(declared) of M(datalake.dms.dms_deployment). Those with a secret are left out.
    - With it goes C(known_absent), what the survey found absent. The deployment then creates it without reading it first, and fails where somebody
      else was faster. So it is for one deployment in the same play.
  returned: success
  type: dict
reasons:
  description: Why a host is deployed, by its name.
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
