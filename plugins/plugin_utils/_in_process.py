# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module's `ensure` in the controller's worker process. This saves the start of Python and the import of boto3 for each task.

A task runs the module instead if it has another connection, interpreter or user, `async`, or an `environment:`, which reaches modules only.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible_collections.datalake.dms.plugins.module_utils._core.account import load_models
from ansible_collections.datalake.dms.plugins.module_utils._core.module import (
    full_argument_spec,
    outcome,
    secrets_in,
)

# Ansible imports this once, before it forks a worker for each task of each host.
load_models("accessanalyzer", "dms", "iam", "kms", "s3", "sts")
# The garbage collector need not read them again, in each worker and before the process ends (Python's documentation of gc.freeze).
gc.freeze()


class InProcessAction(ActionBase):
    """An action plugin for a module of this collection; a subclass names the module's argument spec and its `ensure`."""

    argument_spec: ClassVar[Mapping[str, Any]]
    ensure: ClassVar[Callable[..., dict[str, Any]]]

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._needs_a_process(task_vars or {}):
            return {**result, **self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val)}
        validated = ArgumentSpecValidator(full_argument_spec(self.argument_spec)).validate(plain(self._task.args))
        if validated.error_messages:
            unsupported = isinstance(validated.errors[0], UnsupportedError)
            where = f"Unsupported parameters for ({self._task.action}) module: " if unsupported else ""
            return {**result, "failed": True, "msg": f"{where}{validated.errors.msg}"}
        params = validated.validated_parameters
        returned, warnings = outcome(type(self).ensure, params, self._task.check_mode)
        # The declarations of many hosts are left out, because Ansible keeps the result for each of them.
        own = {name: value for name, value in params.items() if name not in ("hosts", "other_hosts")}
        returned["invocation"] = {"module_args": own}
        secrets = {*validated._no_log_values, *secrets_in(params)}
        if secrets:
            # It walks through all of the result, which is slow for many hosts.
            returned, warnings = remove_values(returned, secrets), remove_values(warnings, secrets)
        result.update(returned)
        for warning in warnings:
            self._display.warning(warning)
        return result

    def _needs_a_process(self, task_vars: dict[str, Any]) -> bool:
        """Whether the task has to run the module in a process of its own."""
        return bool(
            self._connection.transport != "local"
            or self._task.async_val
            or self._task.become
            or any(self._task.environment or [])
            or self._task.args.get("debug_botocore_endpoint_logs")
            or self._templar.template(task_vars.get("ansible_python_interpreter")) != sys.executable
        )


def plain(value: Any) -> Any:
    """A value of the task in plain Python types, as a module would get it. Ansible's own types have tags and lazy templates."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return json.loads(json.dumps(value))
