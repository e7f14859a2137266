# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.datalake.dms.plugins.module_utils._hosts.declaration import ownership_of
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import plain
from ansible_collections.datalake.dms.plugins.plugin_utils._play_hosts import declarations


class ActionModule(ActionBase):
    """Reads variables only, which no module could."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        spec = {"hosts": {"type": "list", "elements": "str", "required": True}}
        _validated, args = self.validate_argument_spec(spec)
        told = declarations(self, plain(args["hosts"]))
        return {
            **result,
            "changed": False,
            "declarations": [ownership_of(host) for host in told["hosts"]],
            "problems": told["problems"],
        }
