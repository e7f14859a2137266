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
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint
from ansible_collections.datalake.dms.plugins.module_utils._dms.shared_polling import together
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import ready_hosts
from ansible_collections.datalake.dms.plugins.module_utils._hosts.former_access import (
    Store,
    remove_former_access,
    store_of,
    withdraw,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import (
    HOSTS_SPEC,
    endpoint_removal_options,
    hosts_in,
    role_removal_options,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import failures, hosts_result, side_by_side
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import EndpointResult, Record, Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.run import RUN_SPEC, Run

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {**HOSTS_SPEC, **RUN_SPEC}


def ensure(_account: Account, params: Options, check_mode: bool) -> Result:
    """Remove the endpoints of all hosts.

    :param params: the options of dms_removal. :returns: the module's result, see parallel.hosts_result.
    """
    run, hosts = Run.of(params, check_mode), hosts_in(params)
    seconds = max((host.session_seconds for host in hosts if host.confirmed), default=0)
    ready, problems = ready_hosts(
        hosts, run.reads, lambda host: f"remove {host.identifier} from it", session_seconds=seconds
    )
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
    host = run.reads.in_partition(host)
    if run.replacement(host).journal.read():
        raise DatalakeError(
            message=f"The replacement of {host.identifier} was interrupted, and its journal may have the only definition of its tasks; "
            "run deploy.yml to complete the replacement, then remove the endpoint."
        )
    options = endpoint_removal_options(host, host.identifier)
    endpoint = s3_target.ensure(run.reads.account(host.dms), options, run.check_mode)
    record.add("endpoint", endpoint)
    settings = (endpoint["definition"] or {}).get("s3_settings") or {}
    if host.access_mode == BUCKET_POLICY:
        now = store_of(host)
        withdraw(host, run.reads, host.role_arn, [now, Store.before(settings, now)], record, run.check_mode)
    options = role_removal_options(host, host.role_name, host.role["policy_name"], host.role["path"])
    record.add("role", access_role.ensure(run.reads.account(host.home), options, run.check_mode))
    remove_former_access(host, run.reads, endpoint["definition"], record, run.check_mode)
    if "role" in record.diffs and not run.check_mode:
        _refuse_new_endpoint(host, run)


def _refuse_new_endpoint(host: Host, run: Run) -> None:
    """Check that no deployment that ran at the same time has created the endpoint, which would lack its role now.

    :raises DatalakeError: it exists.
    """
    client = run.reads.account(host.dms).client("dms")
    if describe_endpoint(together(client), host.identifier.lower()):
        raise DatalakeError(
            message=f"The endpoint {host.identifier} was created by another run while this one removed its access; run remove.yml or deploy.yml "
            "again."
        )
