# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the endpoints of many hosts with AWS, and report drift in sentences. Nothing is changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.differences import changes
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, explain
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import CREATED
from ansible_collections.datalake.dms.plugins.module_utils._hosts import pruning
from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import blockers, check_accounts
from ansible_collections.datalake.dms.plugins.module_utils._hosts.comparison import Comparison
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import HOSTS_SPEC, hosts_in
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import (
    each_by_itself,
    failures,
    hosts_result,
    hosts_to_fail,
    side_by_side,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import (
    EndpointResult,
    Result,
    external_id_state,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.run import RUN_SPEC, Run
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._hosts.snapshots import NotInSnapshot, SnapshotAccount

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **HOSTS_SPEC,
    **RUN_SPEC,
    "compare_policy_tags": {"type": "bool", "default": True},
    "orphans_of": {"type": "list", "elements": "str"},
    "other_hosts": {"type": "dict", "default": {"hosts": [], "problems": {}, "partial": ""}},
}


def ensure(_account: Account, params: Options, _check_mode: bool) -> Result:
    """Compare the endpoints of all hosts.

    :param params: the options of dms_verification.
    :returns: the module's result, see parallel.hosts_result, with three more members: to_report (names), orphans and orphan_problems.
    """
    run, hosts = Run.of(params, check_mode=True), hosts_in(params)
    problems = {**params["problems"], **blockers(check_accounts(hosts, run.reads))}
    ready = [host for host in hosts if host.name not in problems]
    run.reads.read_snapshots(ready)
    results = failures(problems)
    verified = each_by_itself(lambda host: verify(host, run, params["compare_policy_tags"]))
    results |= side_by_side(ready, verified, params["parallel"])
    results = {name: _with_finding(result) for name, result in results.items()}
    failed = [name for name, result in results.items() if result.failed]
    healthy = [name for name, result in results.items() if not result.failed]
    compared, orphans = hosts_result(results), _orphans(hosts, params, run.reads)
    return {
        **compared,
        "warnings": [*compared["warnings"], *orphans["warnings"]],
        "orphans": orphans["orphans"],
        "orphan_problems": orphans["problems"],
        "to_report": hosts_to_fail(failed, healthy),
    }


def _orphans(hosts: list[Host], params: Options, reads: SharedReads) -> Result:
    """The orphans of the option `orphans_of`, see pruning.listed; none without it."""
    names, others = params["orphans_of"], params["other_hosts"]
    if names is None:
        return {"orphans": [], "problems": [], "warnings": []}
    named = [host for host in [*hosts, *hosts_in(others)] if host.name in names]
    problems = {name: why for name, why in {**params["problems"], **others["problems"]}.items() if name in names}
    return pruning.listed(named, problems, others["partial"], reads)


def _with_finding(result: EndpointResult) -> EndpointResult:
    """The result with its failure as a finding, if the host could not be compared."""
    is_found = result.findings or not result.failed
    return result if is_found else dataclasses.replace(result, findings=(result.msg,))


def verify(host: Host, run: Run, policy_tags: bool = True) -> EndpointResult:
    """Compare one endpoint with the snapshots of its accounts; where they are not enough, with the accounts themselves.

    :param policy_tags: whether the tags of its policy are compared, if that takes a call for each policy.
    :raises AnsibleAWSError: a call failed, or an option is invalid.
    """
    reads = run.reads
    host = reads.in_partition(host)
    home, warnings = _home(host, reads, policy_tags)
    try:
        result = _verified(Comparison(host, run, reads.dms_snapshot(host), home))
    except NotInSnapshot:
        home = reads.account(host.home)
        result = _verified(Comparison(host, run, reads.account(host.dms), home))
    compared = policy_tags or not isinstance(home, SnapshotAccount)
    left_out = "" if compared else " The tags of its policy were not compared."
    return dataclasses.replace(
        result, msg=f"{result.msg}{left_out}", warnings=(*warnings, *reads.stopped_tasks(host).warnings)
    )


def _home(host: Host, reads: SharedReads, policy_tags: bool) -> tuple[Account, tuple[str, ...]]:
    """The account of the access role, or a snapshot of it, and warnings."""
    try:
        return reads.iam_snapshot(host, policy_tags), ()
    except CALL_ERRORS as error:
        return reads.account(host.home), (
            f"The roles can't be read in one call, so each is read on its own: {explain(error)}",
        )


def _verified(compared: Comparison) -> EndpointResult:
    host, drift, others = compared.host, findings(compared), foreign(compared)
    status = compared.test["status"]
    text = (
        f"{'; '.join(drift)}. Run deploy.yml to correct it."
        if drift
        else f"no drift, connection {host.connection_text(status)}."
    )
    text += "".join(f" But {task.sentences()}" for task in compared.stopped_tasks)
    if compared.plan["returned_otherwise"]:
        text += f" But {'; '.join(compared.plan['returned_otherwise'])}; deploy.yml leaves the endpoint alone."
    stopped = [task.text for task in compared.stopped_tasks if task.is_finding]
    found = [*drift, *stopped, *compared.plan["returned_otherwise"]]
    by_others = f" {host.role_name}: {'; '.join(others)}." if others else ""
    # Of an endpoint that does not exist: that AWS will assign one, or that there will be none.
    external_id = compared.plan["current_external_id"] or compared.plan["external_id"]
    trusted = [] if compared.access["changed"] else compared.access["external_ids"]
    return EndpointResult(
        f"{host.identifier}: {text}{by_others}",
        failed=bool(found),
        action=compared.plan["action"],
        endpoint_arn=(compared.plan["endpoint"] or {}).get("endpoint_arn"),
        external_id_state=external_id_state(external_id, trusted),
        role_arn=compared.access["role"]["arn"],
        connection_status=status,
        differences=tuple(compared.plan["differences"]),
        findings=tuple(found),
        foreign=tuple(others),
    )


# Findings


def findings(compared: Comparison) -> list[str]:
    """The drift, as sentences without a period."""
    return [
        *_replacement_findings(compared),
        *_endpoint_findings(compared.plan),
        *_role_findings(compared),
        *_former_access_findings(compared),
        *_test_findings(compared.test),
    ]


def _replacement_findings(compared: Comparison) -> Iterator[str]:
    try:
        if compared.interrupted:
            yield f"its replacement, begun {compared.interrupted.began}, was interrupted"
    except CALL_ERRORS as error:
        yield explain(error).removesuffix(".")


def _endpoint_findings(plan: Result) -> Iterator[str]:
    if plan["action"] == CREATED:
        yield "the endpoint does not exist"
    elif plan["differences"]:
        yield _with_changes(f"the endpoint differs in {', '.join(plan['differences'])}", plan)


def _role_findings(compared: Comparison) -> Iterator[str]:
    yield from compared.access["findings"]
    if compared.access["changed"]:
        yield _with_changes("role or policy differs", compared.access)
    if compared.statements.get("changed"):
        yield _with_changes("what the policies of bucket and key admit differs", compared.statements)


def _former_access_findings(compared: Comparison) -> Iterator[str]:
    """The role of the former access mode, if a deployment would remove it. While the endpoint uses it, that is a finding of the endpoint."""
    former = compared.former_role
    if former and former["arn"] != compared.role_before:
        yield f"the role of the former access mode still exists: {former['arn']}"


def _test_findings(test: Result) -> Iterator[str]:
    if test["last_failure_message"]:
        yield f"the last connection test failed ({test['last_failure_message']})"
    elif test["test_needed"]:
        yield "the connection has no successful test since the last change"


def foreign(compared: Comparison) -> list[str]:
    """What others added to the access role, as sentences. A deployment does not change it."""
    others = compared.access["foreign"]
    return [
        *(f"others attached {arn}" for arn in others["attached_policies"]),
        *(f"others added the inline policy {name}" for name in others["inline_policies"]),
        *(f"others added the trust statement {json.dumps(statement)}" for statement in others["trust_statements"]),
    ]


def _with_changes(text: str, result: Result) -> str:
    """The text with the details of the difference; without details where there are none, such as for a secret."""

    return ": ".join(filter(None, [text, ", and ".join(changes(result["diff"]["before"], result["diff"]["after"]))]))
