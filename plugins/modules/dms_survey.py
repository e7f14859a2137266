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
  - Checks the accounts of many endpoints, each account once, as M(datalake.dms.dms_preflight) does, and returns what blocks each host.
  - Then compares each of the other hosts with AWS. The same modules run in check mode against the data already read. Where the data is not enough,
    and for policies of bucket and key, the host is to be deployed.
  - Never changes anything. The role P(datalake.dms.s3_endpoint#role) leaves out unchanged hosts.
  - Each call to DMS reads 100 endpoints, so the survey takes few calls. Without C(iam:GetAccountAuthorizationDetails) each role is read on its own.
  - C(GetAccountAuthorizationDetails) returns no tags of policies. They are assumed to equal those of the role. M(datalake.dms.dms_verification) reads
    them.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  account_checks:
    description: Whether M(datalake.dms.dms_preflight) runs with O(datalake.dms.dms_preflight#module:account_checks=true).
    type: bool
    default: true
  compare_from:
    description: The number of hosts from which on they are compared, because a comparison takes calls. V(0) means never.
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
  description: All checks as lines of text, failed ones first.
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
  description: Host name to what blocks the host, as sentences.
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
stopped_tasks:
  description: The tasks of the compared endpoints that ran and do not run any more, because they failed or were stopped, as sentences.
  returned: success
  type: list
  elements: str
declared:
  description:
    - Host name to declaration, for O(declared) of M(datalake.dms.dms_deployment). Hosts with a secret are left out.
    - C(known_absent) in a declaration lists resources that the survey found absent. The deployment creates them without another read, and fails if
      others have created them meanwhile. So use it for one deployment in the same play.
  returned: success
  type: dict
reasons:
  description: Host name to why the host is deployed, as a sentence without a period.
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
