# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the orphans of all declared deployments, and remove those that the user names. Buckets and their data are never removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, role_info
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_info, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import (
    WITHOUT_PREREQUISITES,
    check_accounts,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.former_access import Store, withdraw_from
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Connection, Host, Options, confirmation
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import (
    HOSTS_SPEC,
    endpoint_removal_options,
    hosts_in,
    role_removal_options,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.orphans import names_of, orphan_names, orphans
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import Record, Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "raw", "default": []},
    "problems": HOSTS_SPEC["problems"],
    "partial": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["listed", "absent"], "default": "listed"},
    "names": {"type": "list", "elements": "str", "default": []},
    "confirm": {"type": "str", "default": ""},
    "session_seconds": {"type": "int", "default": 0},
}

Orphan = dict[str, Any]
"""See orphans.orphans."""


@dataclass(frozen=True)
class Found:
    """The orphans, and a sentence for each deployment whose orphans are unknown."""

    orphans: list[Orphan]
    problems: list[str]


def ensure(_account: Account, params: Options, check_mode: bool) -> Result:
    """List orphans, or remove some.

    :param params: the options of dms_orphans.
    :returns: the module's result: changed, diff, orphans, names, problems, warnings.
    :raises DatalakeError: nothing may be removed.
    """
    reads, hosts = SharedReads(), hosts_in(params)
    if params["state"] == "listed":
        return listed(hosts, params["problems"], params["partial"], reads)
    if params["partial"]:
        raise DatalakeError(message=f"{params['partial']} Nothing is removed.")
    found = find(hosts, params["problems"], reads, params["session_seconds"] if params["names"] else 0)
    names = orphan_names(found.orphans)
    _check(found, names, params)
    chosen = [orphan for name, orphan in zip(names, found.orphans, strict=True) if name in params["names"]]
    _check_confirmed(chosen, hosts, params)
    record, failures = Record(), []
    for orphan in chosen:
        try:
            _remove(orphan, hosts, reads, record, check_mode)
        except CALL_ERRORS as error:
            # If one can't be removed, the others are removed all the same.
            failures.append(explain(error))
    result = {**_listed(found), "changed": record.changed, "diff": record.diff(), "warnings": record.warnings}
    return {**result, "failure": " ".join(failures)} if failures else result


def listed(hosts: list[Host], problems: dict[str, str], partial: str, reads: SharedReads) -> Result:
    """List the orphans.

    :param problems: host name -> why its declaration can't be read. :param partial: why the hosts are only a part of the inventory; empty if they
        are not.
    """
    if partial:
        return {**_listed(Found([], [])), "warnings": [f"{partial} Orphans are not listed."]}
    return _listed(find(hosts, problems, reads))


def _listed(found: Found) -> Result:
    return {
        "changed": False,
        "diff": [],
        "orphans": found.orphans,
        "names": orphan_names(found.orphans),
        "problems": found.problems,
        "warnings": [],
    }


# What is read


def find(hosts: list[Host], problems: dict[str, str], reads: SharedReads, session_seconds: int = 0) -> Found:
    """The orphans of all declared deployments.

    Any endpoint of a deployment may use a role. So if one account can't be read, the orphans of the whole deployment are unknown.
    """
    if not hosts and not problems:
        return Found([], ["Orphans are unknown: the inventory has no host, so no account to read."])
    if problems:
        return Found([], [f"Orphans are unknown: {name}: {why}" for name, why in problems.items()])
    found, unknown = [], []
    for deployment in sorted({host.deployment for host in hosts} - {""}):
        its_own = [host for host in hosts if host.deployment == deployment]
        failed = [
            check["msg"]
            for check in check_accounts(its_own, reads, **WITHOUT_PREREQUISITES, session_seconds=session_seconds)
            if check.get("failed")
        ]
        try:
            if not failed:
                found += _orphans_of(deployment, its_own, hosts, reads)
        except CALL_ERRORS as error:
            failed = [explain(error)]
        unknown += [f"Orphans of {deployment} are unknown: {why}" for why in failed]
    return Found(found, unknown)


def _orphans_of(deployment: str, its_own: list[Host], hosts: list[Host], reads: SharedReads) -> list[Orphan]:
    endpoints: list[Result] = []
    for connection in _unique(its_own, lambda host: host.dms):
        result = endpoint_info.ensure(reads.account(connection), validated(endpoint_info.ARGUMENT_SPEC, {}), True)
        endpoints += result["endpoints"]
    role_accounts = {account_of(_role_of(endpoint)) for endpoint in endpoints}
    roles: list[Result] = []
    for account_id, connection, path in _role_places(its_own, role_accounts):
        declared = [host.role_name for host in hosts if account_id in (host.dms_account_id, host.lake_account_id)]
        options = {"path_prefix": path, "exclude_role_names": sorted(set(declared))}
        params = validated(role_info.ARGUMENT_SPEC, options)
        roles += role_info.ensure(reads.account(connection), params, True)["roles"]
    return orphans(endpoints, roles, deployment, [names_of(host) for host in hosts])


def _role_places(hosts: list[Host], role_accounts: set[str | None]) -> list[tuple[str, Connection, str]]:
    """Where access roles may be: account, connection, IAM path. IAM is global, so the region does not matter.

    A DMS account has access roles only if an endpoint has the access mode bucket_policy, or a host declares it.
    """
    places = {}
    for host in hosts:
        places[host.lake_account_id, host.role["path"]] = host.lake
    for host in hosts:
        if host.access_mode == BUCKET_POLICY or host.dms_account_id in role_accounts:
            places.setdefault((host.dms_account_id, host.role["path"]), host.dms)
    return [(account_id, connection, path) for (account_id, path), connection in places.items()]


def _unique(hosts: list[Host], connection: Callable[[Host], Connection]) -> list[Connection]:
    return list({json.dumps(asdict(connection(host))): connection(host) for host in hosts}.values())


def _role_of(endpoint: Result) -> str:
    return str((endpoint["s3_settings"] or {}).get("service_access_role_arn") or "")


# Checks before a removal


def _check(found: Found, names: list[str], params: Options) -> None:
    """
    :raises DatalakeError: not everything could be read, nothing is named, or something named must not be removed.
    """
    wanted = params["names"]
    if found.problems:
        raise DatalakeError(message=f"{' '.join(found.problems)} Nothing was removed.")
    if names and not wanted:
        consent = json.dumps({"s3_endpoint_prune": names})
        raise DatalakeError(
            message=f"These are orphans: {'; '.join(orphan['text'] for orphan in found.orphans)}. To remove them, run again with "
            f"-e '{consent}'; leave out what you want to keep."
        )
    unknown = [name for name in dict.fromkeys(wanted) if name not in names]
    if unknown:
        raise DatalakeError(
            message=f"s3_endpoint_prune has {', '.join(unknown)}, which is not an orphan: it is declared, already removed, or of another deployment. "
            "Nothing was removed; run without s3_endpoint_prune to list the orphans."
        )
    foreign = [
        orphan["text"]
        for name, orphan in zip(names, found.orphans, strict=True)
        if name in wanted and orphan["foreign_policies"]
    ]
    if foreign:
        raise DatalakeError(
            message=f"Policies of others block the removal: {'; '.join(foreign)}. Detach or delete those policies first. Nothing was removed."
        )


def _check_confirmed(chosen: list[Orphan], hosts: list[Host], params: Options) -> None:
    """
    :raises DatalakeError: an orphan belongs to a protected environment that was not confirmed.
    """
    deployments = {orphan["deployment"] for orphan in chosen}
    protected = sorted({host.environment for host in hosts if host.protected and host.deployment in deployments})
    if any(environment != params["confirm"] for environment in protected):
        raise DatalakeError(message=confirmation(protected, f"remove {', '.join(params['names'])}"))


# The removal


def _remove(orphan: Orphan, hosts: list[Host], reads: SharedReads, record: Record, check_mode: bool) -> None:
    """Endpoint → statements that admit its role → role and policy. The role is removed last: it lets the next run find the rest."""
    if orphan["endpoint_arn"]:
        host = _host_at(hosts, orphan, orphan["endpoint_arn"])
        options = endpoint_removal_options(host, orphan["endpoint_identifier"])
        record.add(f"endpoint {orphan['endpoint_arn']}", s3_target.ensure(reads.account(host.dms), options, check_mode))
    if orphan["admitted_by"]:
        _withdraw(orphan, hosts, reads, record, check_mode)
    if orphan["role_arn"]:
        host = _host_at(hosts, orphan, orphan["role_arn"])
        is_dms = account_of(orphan["role_arn"]) == host.dms_account_id
        policy_name = next(iter(orphan["policy_names"]), None)
        options = role_removal_options(host, orphan["role_name"], policy_name, orphan["path"])
        account = reads.account(host.dms if is_dms and not host.same_account else host.lake)
        record.add(f"role {orphan['role_arn']}", access_role.ensure(account, options, check_mode))


def _withdraw(orphan: Orphan, hosts: list[Host], reads: SharedReads, record: Record, check_mode: bool) -> None:
    admitted = orphan["admitted_by"]
    host = next(
        host
        for host in hosts
        if host.deployment == orphan["deployment"] and host.lake_account_id == admitted["lake_account_id"]
    )
    store = Store(admitted["bucket_name"], admitted["kms_key_arn"])
    result = withdraw_from(host, reads, orphan["role_arn"], store, check_mode)
    record.add(f"statements of {admitted['bucket_name']} for {orphan['role_arn']}", result)


def _host_at(hosts: list[Host], orphan: Orphan, arn: str) -> Host:
    """A host of the orphan's deployment with the account of an ARN; for an endpoint, also with its region."""
    region, account_id = arn.split(":")[3:5]
    return next(
        host
        for host in hosts
        if host.deployment == orphan["deployment"]
        and account_id in (host.dms_account_id, host.lake_account_id)
        and region in ("", host.dms.region)
    )
