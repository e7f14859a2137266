# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way of hosts, and which of them have nothing to do, out of a few reads of each account, whatever the number of hosts.

The modules themselves decide, in check mode, with clients that answer from what was read: no rule stands here a second time. What such a client
does not know it refuses, and the host then goes the whole way. Nothing is ever written because of a survey.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, role_info
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._accounts import preflight, preflight_checks
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import outcome, secrets_in, validated
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import list_connections
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import list_tags_of
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import (
    HOSTS_SPEC,
    connection_options,
    ids_of,
    names_in,
    role_as_deployed,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._hosts.snapshots import (
    DmsSnapshot,
    IamSnapshot,
    NotInSnapshot,
    SnapshotAccount,
    SnapshotDms,
    SnapshotIam,
)
from ansible_collections.datalake.dms.plugins.module_utils._replacement import journal_stores

Options = dict[str, Any]

# SharedReads side by side; more are not worth the connections.
_THREADS = 8

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **HOSTS_SPEC,
    "compare_from": {"type": "int", "default": 1},
}


def ensure(_account: Account, params: Options, _check_mode: bool) -> Options:
    """Look at the accounts of all hosts, each once, and say what stands in the way of which host, and who has nothing to do.

    :param params: the options of dms_survey.
    :returns: the module's result: changed (never), asked (names), looks, table, support_cases, hosts (names), stopped (name -> why), to_stop (names),
        settled (names), to_do (names), declared (name -> declaration), unsettled (name -> why), warnings.
    """
    reads = SharedReads()
    looks = look_at_accounts(params["hosts"], reads)
    problems = {**params["problems"], **_wrong_options(params["hosts"])}
    stopped = {**{name: str(why) for name, why in problems.items()}, **blockers(looks)}
    ready = [host for host in params["hosts"] if host["name"] not in stopped]
    compared = ready if 0 < params["compare_from"] <= len(ready) else []
    reasons = compare(compared, reads)
    settled = [name for name, reason in reasons.items() if reason is None]
    to_do = [host for host in ready if host["name"] not in set(settled)]
    return {
        "changed": False,
        "asked": [*names_in(params["hosts"]), *params["problems"]],
        "looks": looks,
        "table": preflight_checks.table(looks),
        "support_cases": [look["support_case"] for look in looks if look.get("support_case")],
        "hosts": names_in(ready),
        "stopped": stopped,
        # A play in which every host fails would end the playbook for all others.
        "to_stop": [*stopped, *names_in(ready[:1])] if stopped else [],
        "settled": settled,
        "to_do": names_in(to_do),
        # A result shows no secret, so that a host with one tells it again to whoever deploys it.
        "declared": {host["name"]: host for host in to_do if not secrets_in(host["endpoint"])},
        "unsettled": {name: reason for name, reason in reasons.items() if reason is not None},
        "warnings": [
            f"The survey failed, so that each host looks for itself: {failure}"
            for failure in (reads.failures() if compared else [])
            # What stops a host is told with it.
            if not any(failure in why for why in stopped.values())
        ],
    }


# What stands in the way


def look_at_accounts(hosts: list[Options], reads: SharedReads, account_checks: bool = True) -> list[Options]:
    """Each account that hosts need, once: the results of dms_preflight, failed ones among them, each with its `hosts`."""
    accounts = preflight_checks.accounts([(host["name"], host["accounts"]) for host in hosts])
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda options: _look({**options, "account_checks": account_checks}, reads), accounts))


def _look(options: Options, reads: SharedReads) -> Options:
    hosts, asked = options["hosts"], {name: value for name, value in options.items() if name != "hosts"}
    try:
        params = validated(preflight.ARGUMENT_SPEC, asked)
        told, warnings = outcome(preflight.ensure, params, True, reads.account(asked))
    except CALL_ERRORS as error:
        told, warnings = {"failed": True, "msg": explain(error)}, []
    place = {name: told.get(name) or asked.get(name, "") for name in ("side", "account_id", "region")}
    return {**told, **place, "hosts": hosts, "warnings": warnings}


def _wrong_options(hosts: list[Options]) -> dict[str, str]:
    """What the endpoint's module would refuse without a call, by the name of the host: it is better known before any other is changed."""
    found = {}
    for host in hosts:
        try:
            s3_target.check_options(validated(s3_target.ARGUMENT_SPEC, host["endpoint"]))
        except DatalakeError as error:
            found[host["name"]] = explain(error)
    return found


def blockers(looks: list[Options]) -> dict[str, str]:
    """What has to be put right first, by the name of the host. Pure."""
    found: dict[str, list[str]] = {}
    for look in looks:
        for name in look["hosts"] if look.get("failed") else []:
            found.setdefault(name, []).append(look["msg"])
    return {name: " ".join(texts) for name, texts in found.items()}


# Who has nothing to do


def compare(hosts: list[Options], reads: SharedReads) -> dict[str, str | None]:
    """Why each host has to go the whole way; None where everything is as it declares."""
    _read_side_by_side(hosts, reads)
    return {host["name"]: reason_to_go_on(host, reads) for host in hosts}


def reason_to_go_on(host: Options, reads: SharedReads) -> str | None:
    """Why a host has to go the whole way; None where everything is as it declares.

    :param host: see declaration.declaration.
    """
    try:
        return _difference(host, reads)
    except NotInSnapshot as unknown:
        return f"{unknown} was not surveyed"
    except CALL_ERRORS as error:
        return explain(error)


def _difference(host: Options, reads: SharedReads) -> str | None:
    if host["access"] == BUCKET_POLICY:
        raise NotInSnapshot("what the policies of bucket and key admit")
    if host["replacement"]["journal_path"]:
        raise NotInSnapshot("a journal in a folder")
    options = validated(s3_target.ARGUMENT_SPEC, {**host["endpoint"], "in_use": "ignore"})
    dms = dms_snapshot(host, reads)
    if journal(host) in reads.journals(host):
        return "a replacement was interrupted"
    local_roles = reads.local_roles(host)
    endpoint = s3_target.ensure(dms, options, True)
    if endpoint["changed"]:
        return "the endpoint does not exist" if endpoint["action"] == "created" else "the endpoint differs"
    if host["role"]["role_name"] in local_roles:
        return "the DMS account has a role of this name, too"
    wanted = role_as_deployed(host, endpoint)
    role = access_role.ensure(iam_snapshot(host, reads), wanted, True)
    if role["changed"] or role["findings"]:
        return "role or policy differs"
    ids = ids_of(endpoint["current_external_id"])
    test = connection_options(host, endpoint, role, ids)
    if test["test"] == "always" or connection_tests.ensure(dms, test, True)["test_needed"]:
        return "the connection is to be tested"
    return None


# What is read


def _read_side_by_side(hosts: list[Options], reads: SharedReads) -> None:
    """Have everything read that hosts will ask for; whatever fails fails again when they do."""
    wanted = (dms_snapshot, iam_snapshot, lambda host, reads: reads.local_roles(host), lambda h, r: r.journals(h))

    def read(one: tuple[Any, Options]) -> None:
        what, host = one
        try:
            what(host, reads)
        except CALL_ERRORS:
            return

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(read, [(what, host) for what in wanted for host in hosts]))


def dms_snapshot(host: Options, reads: SharedReads) -> Account:
    """The DMS account with all endpoints, their tags and connections as they were read."""
    account = reads.account(host["dms"])
    endpoints, tags = reads.read_once(["endpoints", host["dms"]], lambda: _read_endpoints(account.client("dms")))
    connections = reads.read_once(["connections", host["dms"]], lambda: list_connections(account.client("dms")))
    return SnapshotAccount(account, {"dms": SnapshotDms(DmsSnapshot(endpoints, tags, connections))})


def _read_endpoints(client: Any) -> tuple[dict[str, Options], dict[str, dict[str, str]]]:
    endpoints = list_endpoints(client, engine_name="s3", endpoint_type="target")
    tags = list_tags_of(client, [endpoint["EndpointArn"] for endpoint in endpoints])
    return {endpoint["EndpointIdentifier"]: endpoint for endpoint in endpoints}, tags


def iam_snapshot(host: Options, reads: SharedReads) -> Account:
    """IAM in one go where that was granted; else role by role, as the module reads it."""
    account = reads.account(host["lake"])
    if not host["account_wide"]:
        return account
    iam = reads.read_once(["iam", host["lake"]], lambda: SnapshotIam(_read_iam(account.client("iam"))))
    return SnapshotAccount(account, {"iam": iam})


def _read_iam(client: Any) -> IamSnapshot:
    details = role_info.account_details(client)
    return IamSnapshot(
        roles={role["RoleName"]: role for role in details["RoleDetailList"]},
        policies={policy["Arn"]: policy for policy in details["Policies"]},
    )


def journal(host: Options) -> str:
    """The key of the host's journal in its bucket."""
    identifier = host["replacement"]["endpoint_identifier"]
    return journal_stores.object_key(host["replacement"]["journal_prefix"], host["dms"]["region"], identifier)
