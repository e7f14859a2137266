# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module, in its own process or in the controller's process: validate its options, call its `ensure`, return the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

# Not the module's own warn: amazon.aws repeats those in the result, which ansible-core deprecates.
from ansible.module_utils.common.warnings import warn
from ansible.module_utils.errors import UnsupportedError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule, aws_argument_spec
from ansible_collections.datalake.dms.plugins.module_utils._core.account import (
    ASSUME_ROLE_SPEC,
    Account,
    assume_role_problem,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import secret_values
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    CALL_ERRORS,
    DatalakeError,
    error_code,
    explain,
)

Ensure = Callable[[Account, dict[str, Any], bool], dict[str, Any]]


def full_argument_spec(argument_spec: Mapping[str, Any]) -> dict[str, Any]:
    """A module's own options, the assume_role_* options, and amazon.aws's connection options."""
    return {**aws_argument_spec(), **ASSUME_ROLE_SPEC, **argument_spec}


def validated(argument_spec: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The module's parameters: validated options with defaults. Pure.

    :raises DatalakeError: invalid options.
    """
    result = ArgumentSpecValidator(full_argument_spec(argument_spec)).validate(dict(options))
    if result.error_messages:
        unsupported = "Unsupported parameters: " if isinstance(result.errors[0], UnsupportedError) else ""
        raise DatalakeError(message=f"{unsupported}{result.error_messages[0].removesuffix('.')}.")
    return dict(result.validated_parameters)


def run_module(ensure: Ensure, argument_spec: Mapping[str, Any]) -> None:
    """Run a module until exit_json or fail_json."""
    module = AnsibleAWSModule(
        argument_spec=full_argument_spec(argument_spec), default_args=False, supports_check_mode=True
    )
    # Ansible repeats the options in its result.
    module.no_log_values.update(secrets_in(module.params))
    result, warnings = outcome(ensure, module.params, module.check_mode)
    for warning in warnings:
        warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def secrets_in(params: dict[str, Any]) -> set[str]:
    """Secret values in a module's parameters: those in extra connection attributes, of the module or of each of its hosts."""
    hosts = [*(params.get("hosts") or []), *(params.get("other_hosts") or {}).get("hosts", [])]
    endpoints = [host.get("endpoint") or {} for host in hosts]
    return {
        secret for each in (params, *endpoints) for secret in secret_values(each.get("extra_connection_attributes"))
    }


def outcome(
    ensure: Ensure, params: dict[str, Any], check_mode: bool, account: Account | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The task's result and its warnings. An error becomes a result with `failed` true and the sentence in `msg`.

    :param ensure: takes the account, the parameters and check_mode, and returns the result. Two keys of the result are removed: `warnings`, a list
        of texts, and `failure`, a sentence with which the task fails although nothing was raised.
    :param account: the account of the parameters, if the caller has it already.
    """
    try:
        result = call(ensure, params, check_mode, account)
    except CALL_ERRORS as error:
        return {"failed": True, "msg": explain(error), "error_code": error_code(error) or None}, []
    warnings = result.pop("warnings", [])
    if "failure" in result:
        return {"failed": True, "msg": result.pop("failure"), **result}, warnings
    return result, warnings


def call(ensure: Ensure, params: dict[str, Any], check_mode: bool, account: Account | None = None) -> dict[str, Any]:
    """Call a module's `ensure` without AnsibleModule.

    :raises AnsibleAWSError: see `errors.explain`.
    """
    problem = assume_role_problem(params)
    if problem:
        raise DatalakeError(message=problem)
    return ensure(account or Account(params), params, check_mode)
