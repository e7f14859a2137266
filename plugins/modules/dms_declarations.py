#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_declarations
version_added: "0.1.0"
short_description: What hosts declare by the variables of the role s3_endpoint
description:
  - Reads the variables of other hosts as a task of theirs would see them, with defaults of the role P(datalake.dms.s3_endpoint#role), in one process
    for all of them.
  - It is for whoever looks for what no host declares any more. Calls nothing.
  - Runs on the controller.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  hosts:
    description: The hosts' names.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: all
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
"""

EXAMPLES = r"""
- name: Read what all hosts declare
  datalake.dms.dms_declarations:
    hosts: "{{ groups['s3_endpoints'] }}"
  register: told
"""

RETURN = r"""
declarations:
  description: What each host declares.
  returned: success
  type: list
  elements: dict
  contains:
    deployment:
      description: Its deployment.
      type: str
    endpoint_identifier:
      description: The endpoint's identifier.
      type: str
    role_name:
      description: The name of its access role.
      type: str
    role_path:
      description: The IAM path of the access role.
      type: str
    access:
      description: The way of access.
      type: str
    region:
      description: The region.
      type: str
    dms_account_id:
      description: Id of the account that runs DMS.
      type: str
    lake_account_id:
      description: Id of the account that owns the bucket.
      type: str
    dms:
      description: How to get at the DMS account, and what M(datalake.dms.dms_preflight) compares there.
      type: dict
    lake:
      description: The same of the data-lake account.
      type: dict
problems:
  description: Why a host's variables can't be, by its name.
  returned: success
  type: dict
"""
