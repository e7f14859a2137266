# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Release the locks of dead runs on endpoints. The journals stay, and the next deployment completes the replacements."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import ready_hosts
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import HOSTS_SPEC, hosts_in
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import (
    each_by_itself,
    failures,
    hosts_result,
    side_by_side,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import EndpointResult, Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.run import RUN_SPEC, Run

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {**HOSTS_SPEC, **RUN_SPEC}


def ensure(_account: Account, params: Options, check_mode: bool) -> Result:
    """Release the locks of all hosts.

    :param params: the options of dms_unlock. :returns: the module's result, see parallel.hosts_result.
    """
    run, hosts = Run.of(params, check_mode), hosts_in(params)
    ready, problems = ready_hosts(
        hosts, run.reads, lambda host: f"release the lock of {host.identifier}, which another run may still hold"
    )
    results = failures({**params["problems"], **problems})
    results |= side_by_side(ready, each_by_itself(lambda host: unlock(host, run)), params["parallel"])
    return hosts_result(results)


def unlock(host: Host, run: Run) -> EndpointResult:
    """Release the lock of one endpoint.

    :raises DatalakeError: its journal is not valid. AnsibleAWSError: a call failed.
    """
    journal = run.replacement(host).journal
    freed = journal.unlock()
    owner = journal.current.lock["owner"] if journal.current else None
    text = (
        f"the lock of {owner} was released; run deploy.yml to complete the replacement"
        if freed
        else "no run holds its lock"
    )
    return EndpointResult(f"{host.identifier}: {text}.", changed=freed)
