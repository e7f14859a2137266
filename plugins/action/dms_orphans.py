# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._hosts import pruning
from ansible_collections.datalake.dms.plugins.modules import dms_orphans
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import InProcessAction, plain
from ansible_collections.datalake.dms.plugins.plugin_utils._play_hosts import declarations


class ActionModule(InProcessAction):
    """Reads the declarations of the named hosts, and whether this run has the complete inventory."""

    argument_spec = dms_orphans.ARGUMENT_SPEC
    ensure = staticmethod(pruning.ensure)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        args = plain(self._task.args)
        hosts, variables = args.get("hosts") or [], task_vars or {}
        args.setdefault("partial", partial_inventory(variables))
        if all(isinstance(host, str) for host in hosts) and not args["partial"]:
            known = args.pop("declared", None) or {}
            read = declarations(self, [host for host in hosts if host not in known])
            args |= {**read, "hosts": [*read["hosts"], *(known[host] for host in hosts if host in known)]}
        elif args["partial"]:
            args["hosts"] = []
        self._task.args = args
        return super().run(tmp, task_vars)


def partial_inventory(variables: dict[str, Any]) -> str:
    """Why a run has only a part of the inventory, as a sentence; empty if it has all of it.

    AWX runs the slices of a job as jobs of a workflow, each with a part of the inventory. No variable distinguishes them from other jobs of a
    workflow, so these count as slices, too.
    """
    if variables.get("ansible_limit"):
        return f"This run is limited to {variables['ansible_limit']}."
    if variables.get("awx_workflow_job_id") or variables.get("tower_workflow_job_id"):
        return "This is a job of an AWX workflow, which may be a slice; run the job template on its own, without slices, for all hosts."
    return ""
