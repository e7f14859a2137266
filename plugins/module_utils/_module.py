# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each module runs: options in, one `ensure`, one exit."""

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
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.datalake.dms.plugins.module_utils._account import (
    ASSUME_ROLE_SPEC,
    Account,
    assume_role_problem,
)
from ansible_collections.datalake.dms.plugins.module_utils._errors import DatalakeError, error_code, explain
from ansible_collections.datalake.dms.plugins.module_utils._s3_settings import secret_values

Ensure = Callable[[Account, dict[str, Any], bool], dict[str, Any]]

TAGS_SPEC: dict[str, dict[str, Any]] = {
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def run_module(ensure: Ensure, argument_spec: Mapping[str, Any], **module_options: Any) -> None:
    """Run one module to its end, which is exit_json or fail_json.

    :param ensure: gets the account, the parameters and whether this is check mode, and returns the result. Two of the result's keys are
        for us: `warnings`, a list of texts, and `failure`, a sentence with which the task fails though nothing was raised.
    :param module_options: more arguments of AnsibleAWSModule.
    """
    module = AnsibleAWSModule(
        argument_spec={**ASSUME_ROLE_SPEC, **argument_spec}, supports_check_mode=True, **module_options
    )
    # Ansible repeats the options in its result.
    module.no_log_values.update(secret_values(module.params.get("extra_connection_attributes")))
    try:
        result = call(ensure, module.params, module.check_mode)
    except (AnsibleAWSError, *_BOTO_ERRORS) as error:
        module.fail_json(msg=explain(error), error_code=error_code(error) or None)
    for warning in result.pop("warnings", []):
        warn(warning)
    if "failure" in result:
        module.fail_json(msg=result.pop("failure"), **result)
    module.exit_json(**result)


def call(ensure: Ensure, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """What a module does, without a module: for whoever runs it in another place.

    :raises AnsibleAWSError: for `_errors.explain`.
    """
    problem = assume_role_problem(params)
    if problem:
        raise DatalakeError(message=problem)
    return ensure(Account(params), params, check_mode)
