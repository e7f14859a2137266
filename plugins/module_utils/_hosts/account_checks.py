# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the accounts of hosts. An account is checked once for all of its hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._accounts import preflight, preflight_checks
from ansible_collections.datalake.dms.plugins.module_utils._accounts.preflight_checks import WARNED
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import outcome, validated
from ansible_collections.datalake.dms.plugins.module_utils._core.parallel_reads import in_parallel
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Connection, Host, Options, confirmation
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads

# Options of dms_preflight whose check is skipped where endpoints are removed: a removal needs none of these.
WITHOUT_PREREQUISITES: Options = {"replication_instance_arn": "", "bucket_name": "", "kms_key_arn": ""}


def check_accounts(hosts: list[Host], reads: SharedReads, account_checks: bool = False, **more: Any) -> list[Options]:
    """The result of dms_preflight for each account, also where a check failed. Each has the names of its `hosts`.

    :param account_checks: the option of dms_preflight. :param more: options of dms_preflight for all accounts.
    """
    accounts = preflight_checks.accounts([(host.name, host.accounts) for host in hosts])
    options = {"account_checks": account_checks, **more}
    return in_parallel(lambda account: _checked({**account, **_known(account, options)}, reads), accounts)


def blockers(checks: list[Options]) -> dict[str, str]:
    """What blocks hosts: host name -> sentences of the failed checks, each sentence once.

    :param checks: see `check_accounts`.
    """
    found: dict[str, list[str]] = {}
    for check in checks:
        for name in check["hosts"] if check.get("failed") else []:
            found.setdefault(name, []).append(check["msg"])
    return {name: " ".join(dict.fromkeys(texts)) for name, texts in found.items()}


def obstacles_of(checks: list[Options]) -> dict[str, list[str]]:
    """What a connection test may fail for: host name -> sentences of the checks that warned of it.

    :param checks: see `check_accounts`.
    """
    found: dict[str, list[str]] = {}
    for check in checks:
        warned = [
            row["text"] for row in check.get("checks", []) if row["status"] == WARNED and row["check"] in _OBSTACLES
        ]
        for name in check["hosts"] if warned else []:
            found.setdefault(name, []).extend(warned)
    return found


def ready_hosts(
    hosts: list[Host], reads: SharedReads, would: Callable[[Host], str], **more: Any
) -> tuple[list[Host], dict[str, str]]:
    """The hosts that may be changed without the prerequisites of an endpoint, and why others may not: host name -> sentences.

    :param would: what the run would do to a host of a protected environment; begins with a verb. :param more: options of dms_preflight.
    """
    confirmed = [host for host in hosts if host.confirmed]
    problems = {host.name: confirmation([host.environment], would(host)) for host in hosts if not host.confirmed}
    problems |= blockers(check_accounts(confirmed, reads, **WITHOUT_PREREQUISITES, **more))
    return [host for host in confirmed if host.name not in problems], problems


def check_session(host: Host, reads: SharedReads) -> None:
    """
    :raises DatalakeError: the caller's credentials may expire before a replacement of the host's endpoint ends.
    """
    account = {
        **host.accounts["dms"],
        **WITHOUT_PREREQUISITES,
        "session_seconds": host.session_seconds,
        "hosts": [host.name],
    }
    result = _checked({name: value for name, value in account.items() if name in _NAMES}, reads)
    if result.get("failed"):
        raise DatalakeError(message=result["msg"])


# Checks of what DMS needs to write to the bucket.
_OBSTACLES = ("route_s3", "kms_key_policy")
_SIDES = {"dms": "DMS", "lake": "data-lake"}
_NAMES = {*preflight.ARGUMENT_SPEC, *Connection.__dataclass_fields__, "hosts"}


def _known(account: Options, options: Options) -> Options:
    """The options for this account, without those of the other side."""
    return {name: value for name, value in options.items() if name in account or name not in WITHOUT_PREREQUISITES}


def _checked(options: Options, reads: SharedReads) -> Options:
    hosts, asked = options["hosts"], {name: value for name, value in options.items() if name != "hosts"}
    connection = Connection(**{name: asked[name] for name in Connection.__dataclass_fields__ if name in asked})
    try:
        params = validated(preflight.ARGUMENT_SPEC, asked)
        result, warnings = outcome(preflight.ensure, params, True, reads.account(connection))
    except CALL_ERRORS as error:
        result, warnings = {"failed": True, "msg": explain(error)}, []
    if "checks" not in result:
        side = f"{_SIDES[options['side']]} account {options['account_id']}"
        result = {**result, "msg": f"The {side} can't be checked: {result['msg']}"}
    place = {name: result.get(name) or asked.get(name, "") for name in ("side", "account_id", "region")}
    return {**result, **place, "hosts": hosts, "warnings": warnings}
