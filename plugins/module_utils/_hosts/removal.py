# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove the endpoints of many hosts, each with its access role and the statements for it. Buckets and their data are never removed."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import (
    WITHOUT_PREREQUISITES,
    blockers,
    check_accounts,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.former_access import (
    Store,
    remove_former_access,
    removed_role_options,
    store_of,
    withdraw,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options, confirmation
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import HOSTS_SPEC, hosts_in
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import failures, hosts_result, side_by_side
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import EndpointResult, Record, Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.run import Run
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {**HOSTS_SPEC, "run": {"type": "dict"}}


def ensure(_account: Account, params: Options, check_mode: bool) -> Result:
    """Remove the endpoints of all hosts.

    :param params: the options of dms_removal. :returns: the module's result, see parallel.hosts_result.
    """
    run, hosts = Run(check_mode, identity=params["run"] or current_run()), hosts_in(params)
    confirmed = [host for host in hosts if host.confirmed]
    problems = {
        host.name: confirmation([host.environment], f"remove {host.identifier} from it")
        for host in hosts
        if not host.confirmed
    }
    seconds = max((host.session_seconds for host in confirmed), default=0)
    problems |= blockers(check_accounts(confirmed, run.reads, **WITHOUT_PREREQUISITES, session_seconds=seconds))
    ready = [host for host in confirmed if host.name not in problems]
    results = failures({**params["problems"], **problems})
    results |= side_by_side(ready, lambda host: remove(host, run), params["parallel"])
    return hosts_result(results)


def remove(host: Host, run: Run) -> EndpointResult:
    """Remove one endpoint. An error becomes a failed result."""
    record = Record()
    try:
        _remove(host, run, record)
    except Exception as error:
        return EndpointResult(
            explain(error), record.changed, failed=True, diff=tuple(record.diff()), warnings=tuple(record.warnings)
        )
    done = ("would be removed" if run.check_mode else "removed") if record.changed else "nothing to remove"
    return EndpointResult(
        f"{host.identifier}: {done}.",
        record.changed,
        action="deleted" if "endpoint" in record.diffs else "none",
        diff=tuple(record.diff()),
        warnings=tuple(record.warnings),
    )


def _remove(host: Host, run: Run, record: Record) -> None:
    """Endpoint → statements that admit its role → role and policy → the former access."""
    host = host.in_partition(run.reads.account(host.lake).identity.partition)
    if run.replacement(host).journal.read():
        raise DatalakeError(
            message=f"The replacement of {host.identifier} was interrupted, and its journal may have the only definition of its tasks; "
            "run deploy.yml to complete the replacement, then remove the endpoint."
        )
    names = ("endpoint_identifier", "deployment", "wait_timeout", "poll_interval")
    options = {"state": "absent", **{name: host.endpoint[name] for name in names}}
    endpoint = s3_target.ensure(
        run.reads.account(host.dms), validated(s3_target.ARGUMENT_SPEC, options), run.check_mode
    )
    record.add("endpoint", endpoint)
    settings = (endpoint["definition"] or {}).get("s3_settings") or {}
    if host.access_mode == BUCKET_POLICY:
        now = store_of(host)
        withdraw(host, run.reads, host.role_arn, [now, Store.before(settings, now)], record, run.check_mode)
    role = access_role.ensure(
        run.reads.account(host.home), removed_role_options(host, host.role["path"]), run.check_mode
    )
    record.add("role", role)
    remove_former_access(host, run.reads, endpoint["definition"], record, run.check_mode)
