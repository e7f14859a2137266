#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_unlock
version_added: "0.1.0"
short_description: Release the locks of dead runs on DMS S3 target endpoints
description:
  - A replacement holds a lock on its endpoint. If its run died on another machine, the lock lasts until it expires. This module releases it at once.
  - The journal stays. The next deployment finishes the replacement, or rolls it back.
  - In a protected environment the release must be confirmed.
  - If a host fails, the others continue, and the task does not fail. M(datalake.dms.dms_host_result) fails for that host.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options: {}
attributes:
  diff_mode:
    support: none
    description: A lock has nothing to show.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.play_hosts
  - datalake.dms.run
  - datalake.dms.changing
  - datalake.dms.permissions.dms_unlock
"""

EXAMPLES = r"""
- name: Release the locks
  datalake.dms.dms_unlock:
  register: unlocked
  run_once: true

- name: Report each endpoint
  datalake.dms.dms_host_result:
    result: "{{ unlocked.hosts[inventory_hostname] }}"
"""

RETURN = r"""
asked:
  description: The names of all hosts that the task is for.
  returned: success
  type: list
  elements: str
hosts:
  description: Host name to result. M(datalake.dms.dms_host_result) reports it.
  returned: success
  type: dict
  contains:
    changed:
      description: Whether something was changed; in check mode, whether something would be changed.
      type: bool
    failed:
      description: Whether the host failed.
      type: bool
    msg:
      description: What happened, as a sentence.
      type: str
      sample: "dev-crm: no run holds its lock."
    diff:
      description: Always empty.
      type: list
      elements: dict
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._hosts import unlock

ARGUMENT_SPEC = unlock.ARGUMENT_SPEC


def main() -> None:
    run_module(unlock.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
