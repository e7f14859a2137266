# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out which hosts are blocked, which are unchanged and which are to be deployed, with a few reads of each account.

The same modules run in check mode against the data already read. Where the data is not enough, the host is deployed. A survey writes nothing.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._accounts import preflight_checks
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import secrets_in
from ansible_collections.datalake.dms.plugins.module_utils._core.parallel_reads import in_parallel
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import IAM_TAGS, check_tags
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_target
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import CREATED
from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import (
    blockers,
    check_accounts,
    obstacles_of,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.comparison import Comparison
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import ACCESS, ENDPOINT, Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import HOSTS_SPEC, endpoint_options, hosts_in
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import hosts_to_fail
from ansible_collections.datalake.dms.plugins.module_utils._hosts.run import Run
from ansible_collections.datalake.dms.plugins.module_utils._hosts.snapshots import NotInSnapshot
from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement

# A shorter external id of a role to assume is warned of.
_EXTERNAL_ID_LENGTH = 16

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **HOSTS_SPEC,
    "account_checks": {"type": "bool", "default": True},
    "compare_from": {"type": "int", "default": 1},
}


def ensure(_account: Account, params: Options, _check_mode: bool) -> Options:
    """Check the accounts of all hosts, each once, and compare the hosts.

    :param params: the options of dms_survey.
    :returns: the module's result: changed (never), asked (names), accounts, table, support_cases, hosts (names), blocked (name -> why), to_stop
        (names), unchanged (names), to_deploy (names), declared (name -> declaration), reasons (name -> why it is deployed), stopped_tasks
        (sentences), warnings.
    """
    run, hosts = Run(check_mode=True), hosts_in(params)
    checks = check_accounts(hosts, run.reads, params["account_checks"])
    blocked = {name: str(why) for name, why in {**params["problems"], **_wrong_options(hosts)}.items()}
    blocked |= blockers(checks)
    ready = [host for host in hosts if host.name not in blocked]
    compared = ready if 0 < params["compare_from"] <= len(ready) else []
    found = compare(compared, run)
    unchanged = [name for name, difference in found.items() if difference is None]
    to_deploy = [host for host in ready if host.name not in set(unchanged)]
    differences = {name: difference for name, difference in found.items() if difference is not None}
    obstacles = obstacles_of(checks)
    return {
        "changed": False,
        "asked": [*(host.name for host in hosts), *params["problems"]],
        "accounts": checks,
        "table": preflight_checks.table(checks),
        "support_cases": [check["support_case"] for check in checks if check.get("support_case")],
        "hosts": [host.name for host in ready],
        "blocked": blocked,
        "to_stop": hosts_to_fail([*blocked], [host.name for host in ready]),
        "unchanged": unchanged,
        "to_deploy": [host.name for host in to_deploy],
        # A result must not have secrets, so a host with a secret is left out here; its deployment reads its variables again.
        "declared": {
            host.name: _with_absent(
                dataclasses.replace(host, known_obstacles=obstacles.get(host.name, [])), differences.get(host.name)
            ).declared()
            for host in to_deploy
            if not secrets_in(host.endpoint)
        },
        "reasons": {name: difference.reason for name, difference in differences.items()},
        "stopped_tasks": _stopped_tasks(compared, run),
        "warnings": [*short_external_ids(hosts), *_warnings(compared, blocked, run)],
    }


def _wrong_options(hosts: list[Host]) -> dict[str, str]:
    """Host name -> what a deployment would refuse without a call. It is known before any host is changed."""
    found = {}
    for host in hosts:
        try:
            s3_target.check_options(endpoint_options(host))
            check_tags(host.role["tags"], host.deployment, IAM_TAGS)
            endpoint_replacement.check_options(host.replacement)
        except Exception as error:
            found[host.name] = explain(error)
    return found


# Which hosts are unchanged


@dataclass(frozen=True)
class Difference:
    """Why a host is deployed.

    :ivar known_absent: see host.Host.
    """

    reason: str
    known_absent: tuple[str, ...] = ()


def compare(hosts: list[Host], run: Run) -> dict[str, Difference | None]:
    """Host name -> why it is deployed; None if it matches the inventory."""
    run.reads.read_snapshots(hosts)
    # What is not in a snapshot takes calls for each host.
    differences = in_parallel(lambda host: difference_of(host, run), hosts)
    return dict(zip((host.name for host in hosts), differences, strict=True))


def difference_of(host: Host, run: Run) -> Difference | None:
    """Why a host is deployed; None if it matches the inventory."""
    try:
        host = run.reads.in_partition(host)
        return _difference(host, run)
    except NotInSnapshot as unknown:
        return Difference(f"{unknown} was not read")
    except Exception as error:
        return Difference(explain(error))


def _difference(host: Host, run: Run) -> Difference | None:
    if host.replacement["journal_path"]:
        raise NotInSnapshot("a journal in a folder")
    compared = Comparison(host, run, run.reads.dms_snapshot(host), run.reads.iam_snapshot(host))
    plan = compared.plan
    # The journals are listed after the endpoints: during a replacement there is an endpoint or a journal at any time.
    if host.journal_key in run.reads.journals(host):
        return Difference("a replacement was interrupted")
    if plan["action"] == CREATED:
        absent = (ENDPOINT, ACCESS) if run.reads.access_is_absent(host) else (ENDPOINT,)
        return Difference("the endpoint does not exist", absent)
    if plan["changed"]:
        return Difference("the endpoint differs")
    if compared.former_role:
        return Difference("the role of the former access mode exists")
    if compared.access["changed"] or compared.access["findings"]:
        return Difference("role or policy differs")
    if compared.statements.get("changed"):
        return Difference("the policy of bucket or key differs")
    if host.test["test"] == "always" or compared.test["test_needed"]:
        return Difference("the connection is to be tested")
    if any(task.start for task in compared.stopped_tasks):
        return Difference("a task is to be started")
    return None


def _stopped_tasks(hosts: list[Host], run: Run) -> list[str]:
    """The tasks that ran and do not run any more, as sentences. Of an endpoint that can't be compared, the deployment of its host names them."""
    found = []
    for host in hosts:
        with suppress(Exception):
            account = run.reads.dms_snapshot(host)
            tasks = Comparison(host, run, account, account).stopped_tasks
            found += [f"{host.identifier}: {task.sentences()}" for task in tasks]
    return found


def short_external_ids(hosts: list[Host]) -> list[str]:
    """The variables with an external id that could be guessed, as sentences without the id. Pure."""
    ids = {
        (side, connection.assume_role_external_id)
        for host in hosts
        for side, connection in (("dms", host.dms), ("lake", host.lake))
        if connection.assume_role_external_id
    }
    return [
        f"s3_endpoint_{side}_assume_role_external_id has {len(external_id)} characters, and could be guessed; use {_EXTERNAL_ID_LENGTH} or more."
        for side, external_id in sorted(ids)
        if len(external_id) < _EXTERNAL_ID_LENGTH
    ]


def _warnings(compared: list[Host], blocked: dict[str, str], run: Run) -> list[str]:
    """What could not be read of the hosts that were compared, as sentences. `blocked` has what blocks a host."""
    failures = run.reads.answers.failures() if compared else []
    return [
        *dict.fromkeys(text for host in compared for text in run.reads.stopped_tasks(host).warnings),
        *(
            f"The survey failed, so each host is read on its own: {failure}"
            for failure in failures
            if not any(failure in why for why in blocked.values())
        ),
    ]


def _with_absent(host: Host, difference: Difference | None) -> Host:
    """The host with what the survey found absent, so that the deployment does not read it again."""
    return dataclasses.replace(host, known_absent=list(difference.known_absent)) if difference else host
