# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase
from ansible_collections.datalake.dms.plugins.modules.dms_host_result import ARGUMENT_SPEC, reported
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import plain


class ActionModule(ActionBase):
    """Reports without a module process."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(ARGUMENT_SPEC)
        report = reported(plain(args["result"]))
        # Ansible shows the message of a failure, and no differences.
        if not report.get("failed"):
            self._display.display(report["msg"])
        elif self._task.diff and report.get("diff"):
            self._display.display(CallbackBase(display=self._display)._get_diff(report["diff"]))
        return {**result, **report}
