# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import plain


class ActionModule(ActionBase):
    """Says it without a process more."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec({"outcome": {"type": "dict", "required": True}})
        # The rest is in the result of dms_deployment.
        told = {
            name: value
            for name, value in plain(args["outcome"]).items()
            if name in ("changed", "failed", "msg", "diff")
        }
        return {**result, **told, "_ansible_verbose_always": True}
