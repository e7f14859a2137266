# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts have nothing to do, out of a few reads of each account, whatever the number of hosts.

The modules themselves decide, in check mode, with clients that answer from what was read: no rule stands here a second time. What such a client
does not know it refuses, and the host then goes the whole way. Nothing is ever written because of a survey.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
from ansible_collections.datalake.dms.plugins.module_utils import (
    _connection_test,
    _crossaccount_role,
    _dms,
    _journal_stores,
    _role_info,
    _s3_endpoint,
)
from ansible_collections.datalake.dms.plugins.module_utils._account import ASSUME_ROLE_SPEC, Account
from ansible_collections.datalake.dms.plugins.module_utils._errors import DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._surveyed import (
    DmsSnapshot,
    IamSnapshot,
    NotSurveyed,
    SurveyedAccount,
    SurveyedDms,
    SurveyedIam,
)

try:
    from botocore.exceptions import BotoCoreError, ClientError

    _READ_ERRORS: tuple[type[Exception], ...] = (AnsibleAWSError, BotoCoreError, ClientError)
except ImportError:
    _READ_ERRORS = (AnsibleAWSError,)  # AnsibleAWSModule reports a missing botocore.

Options = dict[str, Any]

_CONNECTION_SPEC = {**aws_argument_spec(), **ASSUME_ROLE_SPEC}


class Reads:
    """What was read, each once; a read that failed fails for each host that needs it, and for no other."""

    def __init__(self) -> None:
        self._answers: dict[str, Any] = {}

    def once(self, what: list[Any], read: Callable[[], Any]) -> Any:
        """The answer to `what`, a description in JSON's types, by the first of those who want it."""
        key = json.dumps(what, sort_keys=True, default=str)
        if key not in self._answers:
            try:
                self._answers[key] = read()
            except _READ_ERRORS as error:
                self._answers[key] = error
        if isinstance(self._answers[key], Exception):
            raise self._answers[key]
        return self._answers[key]

    def failures(self) -> list[str]:
        """A sentence for each read that failed."""
        return sorted({explain(answer) for answer in self._answers.values() if isinstance(answer, Exception)})


def ensure(_account: Account, params: Options, _check_mode: bool) -> Options:
    """Survey the accounts of all hosts, and say who has nothing to do.

    :param params: the options of dms_survey.
    :returns: the module's result: changed (never), settled (names), unsettled (name -> why), warnings.
    """
    reads = Reads()
    reasons = {host["name"]: reason_to_go_on(host, reads) for host in params["hosts"]}
    return {
        "changed": False,
        "settled": [name for name, reason in reasons.items() if reason is None],
        "unsettled": {name: reason for name, reason in reasons.items() if reason is not None},
        "warnings": [
            f"The survey failed, so that each host looks for itself: {failure}" for failure in reads.failures()
        ],
    }


def reason_to_go_on(host: Options, reads: Reads) -> str | None:
    """Why a host has to go the whole way; None where everything is as it declares.

    :param host: an item of dms_survey's option `hosts`.
    """
    try:
        return _difference(host, reads)
    except NotSurveyed as unknown:
        return f"{unknown} was not surveyed"
    except _READ_ERRORS as error:
        return explain(error)


def _difference(host: Options, reads: Reads) -> str | None:
    options = _validated(_s3_endpoint.ARGUMENT_SPEC, {**host["endpoint"], "in_use": "ignore"})
    dms = _surveyed_dms(host["dms"], reads)
    if _journal(host) in _journals(host, reads):
        return "a replacement was interrupted"
    local_roles = _local_roles(host, reads)
    endpoint = _s3_endpoint.ensure(dms, options, True)
    if endpoint["changed"]:
        return "the endpoint does not exist" if endpoint["action"] == "created" else "the endpoint differs"
    if host["role"]["role_name"] in local_roles:
        return "the DMS account has a role of this name, too"
    role = _crossaccount_role.ensure(
        _surveyed_lake(host, reads), _validated(_crossaccount_role.ARGUMENT_SPEC, _role_options(host, endpoint)), True
    )
    if role["changed"] or role["findings"]:
        return "role or policy differs"
    test = _validated(_connection_test.ARGUMENT_SPEC, _test_options(host, endpoint, role))
    if test["test"] == "always" or _connection_test.ensure(dms, test, True)["test_needed"]:
        return "the connection is to be tested"
    return None


def _validated(spec: Options, options: Options) -> Options:
    """
    :raises DatalakeError: options that a module would refuse; it says so when the host comes to it.
    """
    validated = ArgumentSpecValidator({**_CONNECTION_SPEC, **spec}).validate(options)
    if validated.error_messages:
        raise DatalakeError(message=f"{validated.error_messages[0]}.")
    return dict(validated.validated_parameters)


def _ids(endpoint: Options) -> list[str]:
    return [endpoint["current_external_id"]] if endpoint["current_external_id"] else []


def _role_options(host: Options, endpoint: Options) -> Options:
    """The access role's options, of which some come from the endpoint, as the role s3_endpoint has them."""
    names = ("bucket_name", "bucket_folder", "server_side_encryption_kms_key_id", "canned_acl_for_objects")
    settings, ids = endpoint["settings"], _ids(endpoint)
    return {
        **host["role"],
        **{name: settings[name] for name in (*names, "glue_catalog_generation") if name in settings},
        "external_ids": ids,
        # What differs is validated by whoever writes it.
        "validate_policies": "off",
        # As a deployment does after a successful test.
        "purge_external_ids": bool(ids) and bool(host["test"]["replication_instance_arn"]),
    }


def _test_options(host: Options, endpoint: Options, role: Options) -> Options:
    token = _connection_test.change_token(role, endpoint["settings"], _ids(endpoint))
    return {**host["test"], "endpoint_arn": endpoint["endpoint"]["endpoint_arn"], "change_token": token}


# What is read


def _account(place: Options, reads: Reads) -> Account:
    account: Account = reads.once(["account", place], lambda: Account(_validated({}, place)))
    return account


def _surveyed_dms(place: Options, reads: Reads) -> Account:
    account = _account(place, reads)
    snapshot = reads.once(["dms", place], lambda: _read_dms(account.client("dms")))
    return SurveyedAccount(account, {"dms": SurveyedDms(snapshot)})


def _read_dms(client: Any) -> DmsSnapshot:
    endpoints = _dms.list_endpoints(client, engine_name="s3", endpoint_type="target")
    return DmsSnapshot(
        endpoints={endpoint["EndpointIdentifier"]: endpoint for endpoint in endpoints},
        tags=_dms.list_tags_of(client, [endpoint["EndpointArn"] for endpoint in endpoints]),
        connections=_dms.list_connections(client),
    )


def _surveyed_lake(host: Options, reads: Reads) -> Account:
    """IAM in one go where that was granted; else role by role, as the module reads it."""
    account = _account(host["lake"], reads)
    if not host["account_wide"]:
        return account
    snapshot = reads.once(["iam", host["lake"]], lambda: _read_iam(account.client("iam")))
    return SurveyedAccount(account, {"iam": SurveyedIam(snapshot)})


def _read_iam(client: Any) -> IamSnapshot:
    details = _role_info.account_details(client)
    return IamSnapshot(
        roles={role["RoleName"]: role for role in details["RoleDetailList"]},
        policies={policy["Arn"]: policy for policy in details["Policies"]},
    )


def _local_roles(host: Options, reads: Reads) -> set[str]:
    """Names of the roles of the DMS account under the access roles' path: one of this name is left over from the other way of access."""
    if host["one_account"]:
        return set()
    path, account = host["role"]["path"], _account(host["dms"], reads)
    names: set[str] = reads.once(["roles", host["dms"], path], lambda: _role_names(account.client("iam"), path))
    return names


def _role_names(client: Any, path: str) -> set[str]:
    return {role["RoleName"] for role in _role_info.list_roles(client, path)}


def _journals(host: Options, reads: Reads) -> set[str]:
    if not host["journal_bucket"]:
        return set()
    account, bucket, prefix = _account(host["dms"], reads), host["journal_bucket"], host["journal_prefix"]
    keys: set[str] = reads.once(
        ["journals", host["dms"], bucket, prefix], lambda: _journal_keys(account, bucket, prefix)
    )
    return keys


@AWSErrorHandler.common_error_handler("list the journals")
def _journal_keys(account: Account, bucket: str, prefix: str) -> set[str]:
    owner = {"Bucket": bucket, "ExpectedBucketOwner": account.identity.account_id}
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(**owner, Prefix=prefix.strip("/"))
    return {item["Key"] for item in pages.build_full_result().get("Contents", [])}


def _journal(host: Options) -> str:
    return _journal_stores.object_key(
        host["journal_prefix"], host["dms"]["region"], host["endpoint"]["endpoint_identifier"]
    )
