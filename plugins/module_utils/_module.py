# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each module runs, in a process of its own or in the controller's: options in, one `ensure`, one exit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

try:
    from botocore.exceptions import BotoCoreError, ClientError

    _BOTO_ERRORS: tuple[type[Exception], ...] = (BotoCoreError, ClientError)
except ImportError:
    _BOTO_ERRORS = ()  # AnsibleAWSModule reports a missing botocore.

# Not the module's own warn: amazon.aws repeats those in the result, which ansible-core deprecates.
from ansible.module_utils.common.warnings import warn
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule, aws_argument_spec
from ansible_collections.datalake.dms.plugins.module_utils._account import (
    ASSUME_ROLE_SPEC,
    Account,
    assume_role_problem,
)
from ansible_collections.datalake.dms.plugins.module_utils._errors import DatalakeError, error_code, explain
from ansible_collections.datalake.dms.plugins.module_utils._s3_settings import secret_values

Ensure = Callable[[Account, dict[str, Any], bool], dict[str, Any]]


def full_argument_spec(argument_spec: Mapping[str, Any]) -> dict[str, Any]:
    """A module's own options, those of assuming a role, and amazon.aws's connection options."""
    return {**aws_argument_spec(), **ASSUME_ROLE_SPEC, **argument_spec}


def run_module(ensure: Ensure, argument_spec: Mapping[str, Any]) -> None:
    """Run one module to its end, which is exit_json or fail_json."""
    module = AnsibleAWSModule(
        argument_spec=full_argument_spec(argument_spec), default_args=False, supports_check_mode=True
    )
    # Ansible repeats the options in its result.
    module.no_log_values.update(secret_values(module.params.get("extra_connection_attributes")))
    result, warnings = outcome(ensure, module.params, module.check_mode)
    for warning in warnings:
        warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def outcome(ensure: Ensure, params: dict[str, Any], check_mode: bool) -> tuple[dict[str, Any], list[str]]:
    """The task's result and its warnings, wherever it runs: whatever went wrong is in `msg`, with `failed` true.

    :param ensure: gets the account, the parameters and whether this is check mode, and returns the result. Two of the result's keys are
        for us: `warnings`, a list of texts, and `failure`, a sentence with which the task fails though nothing was raised.
    """
    try:
        result = call(ensure, params, check_mode)
    except (AnsibleAWSError, *_BOTO_ERRORS) as error:
        return {"failed": True, "msg": explain(error), "error_code": error_code(error) or None}, []
    warnings = result.pop("warnings", [])
    if "failure" in result:
        return {"failed": True, "msg": result.pop("failure"), **result}, warnings
    return result, warnings


def call(ensure: Ensure, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """What a module does, without a module.

    :raises AnsibleAWSError: for `_errors.explain`.
    """
    problem = assume_role_problem(params)
    if problem:
        raise DatalakeError(message=problem)
    return ensure(Account(params), params, check_mode)
