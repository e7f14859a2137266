# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._hosts import pruning
from ansible_collections.datalake.dms.plugins.modules import dms_orphans
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import InProcessAction, plain
from ansible_collections.datalake.dms.plugins.plugin_utils._play_hosts import declarations, partial_inventory


class ActionModule(InProcessAction):
    """Reads the declarations of the named hosts, and whether this run has the complete inventory."""

    argument_spec = dms_orphans.ARGUMENT_SPEC
    ensure = staticmethod(pruning.ensure)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        args = plain(self._task.args)
        hosts, variables = args.get("hosts") or [], task_vars or {}
        args.setdefault("partial", partial_inventory(variables))
        if all(isinstance(host, str) for host in hosts) and not args["partial"]:
            args |= declarations(self, hosts)
        elif args["partial"]:
            args["hosts"] = []
        self._task.args = args
        return super().run(tmp, task_vars)
