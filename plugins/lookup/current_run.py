# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: current_run
version_added: "0.1.0"
short_description: What tells this run of Ansible from others
description:
  - Tells who runs and in which process, for the lock of M(datalake.dms.dms_endpoint_replacement). The same for all tasks of a run.
  - In AWX the owner is the job, with the user who started it; elsewhere it is user and host name.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options: {}
"""

EXAMPLES = r"""
- name: Show who runs
  ansible.builtin.debug:
    msg: "{{ lookup('datalake.dms.current_run').owner }}"
"""

RETURN = r"""
_raw:
  description: The run.
  type: list
  elements: dict
  contains:
    owner:
      description: Who runs, for people.
      type: str
      sample: alice@laptop
    id:
      description: What tells the run from others.
      type: str
    machine:
      description: What tells the machine, its boot and its process ids from others; null where the system does not tell.
      type: str
    pid:
      description: Process id of the run.
      type: int
    started:
      description: When that process was started, in the kernel's ticks; null where the system does not tell.
      type: str
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run


class LookupModule(LookupBase):
    def run(self, _terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        names = variables or {}
        job = names.get("awx_job_id") or names.get("tower_job_id")
        user = names.get("awx_user_name") or names.get("tower_user_name")
        owner = f"AWX job {job}" + (f" of {user}" if user else "") if job else None
        return [current_run(owner)]
