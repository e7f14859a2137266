# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deploy the endpoints of many hosts in parallel, in one process. If one host fails, the others continue."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core import slots
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import (
    CREATED,
    DELETED,
    MODIFIED,
    NONE,
    RECREATED,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.endpoint_deployment import (
    EndpointDeployment,
    is_replaced,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.former_access import (
    read_ahead,
    remove_former_access,
    remove_policy_without_role,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import ENDPOINT, Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.journal_proof import check_journal
from ansible_collections.datalake.dms.plugins.module_utils._hosts.journal_tag import JournalTag
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import HOSTS_SPEC, hosts_in
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import failures, hosts_result, side_by_side
from ansible_collections.datalake.dms.plugins.module_utils._hosts.replace import outage, replace
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import EndpointResult, Record, Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.run import RUN_SPEC, Run
from ansible_collections.datalake.dms.plugins.module_utils._hosts.stopped_tasks import StoppedTask
from ansible_collections.datalake.dms.plugins.module_utils._replacement.endpoint_replacement import (
    ROLLED_BACK,
    Replacement,
)
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journals import Journal

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **HOSTS_SPEC,
    **RUN_SPEC,
    "postpone_replacements": {"type": "bool", "default": False},
}


def ensure(_account: Account, params: Options, check_mode: bool) -> Result:
    """Deploy the endpoints of all hosts.

    :param params: the options of dms_deployment.
    :returns: the module's result, see parallel.hosts_result.
    """
    run = Run.of(params, check_mode)
    results = failures(params["problems"])
    results |= side_by_side(hosts_in(params), lambda host: deploy(host, run), params["parallel"])
    return hosts_result(results)


def deploy(host: Host, run: Run) -> EndpointResult:
    """Deploy one endpoint. An error becomes a failed result."""
    deployment = EndpointDeployment(host, run.reads, run.check_mode)
    try:
        deployment.host = run.reads.in_partition(host)
        return _deployed(deployment, run)
    except Exception as error:
        return _result(deployment, f"{_noted(deployment.record)}{explain(error)}", failed=True)


def _deployed(deployment: EndpointDeployment, run: Run) -> EndpointResult:
    """Resume → plan → (replace | apply) → remove the former access."""
    host = deployment.host
    seal = JournalTag(host, run.reads)
    replacement = run.replacement(host, seal)
    # During a replacement there is an endpoint or a journal at any time. The survey found neither.
    check = partial(check_journal, host, run.reads, seal)
    interrupted = None if ENDPOINT in host.known_absent else replacement.journal.take_over(check)
    _note_interrupted(deployment.record, host, interrupted)
    read_ahead(host, run.reads)
    planned = deployment.plan(interrupted.endpoint if interrupted else None)
    stopped = _stopped_tasks(deployment)
    ended = None
    if is_replaced(planned) or interrupted:
        if run.postpone and host.protected and not interrupted and not run.check_mode:
            return EndpointResult(f"{host.identifier}: replaced in a later batch.", postponed=True)
        # Tasks are stopped meanwhile, so at most s3_endpoint_parallel endpoints are replaced at once.
        with slots.kept():
            ended = replace(deployment, replacement, interrupted)
    else:
        deployment.apply()
        _start_again(deployment, replacement, stopped)
    if deployment.is_tested or (run.check_mode and host.is_tested):
        before = interrupted.endpoint if interrupted else planned["definition"]
        remove_former_access(host, run.reads, before, deployment.record, run.check_mode)
    if interrupted and ended == ROLLED_BACK and interrupted.access_mode not in ("", host.access_mode):
        remove_policy_without_role(host, run.reads, deployment.record, run.check_mode)
    return _result(
        deployment,
        f"{_noted(deployment.record)}{_sentence(deployment)}{outage(replacement)}{_ending(interrupted, ended)}",
    )


def _note_interrupted(record: Record, host: Host, interrupted: Journal | None) -> None:
    if interrupted:
        tasks = ", ".join(entry.identifier for entry in interrupted.tasks) or "none"
        record.notes.append(
            f"{host.identifier}: the replacement that began {interrupted.began} was interrupted and is now completed (tasks: {tasks})."
        )


def _stopped_tasks(deployment: EndpointDeployment) -> list[StoppedTask]:
    """The tasks of the endpoint that did not run any more before this run; each is named."""
    host, record, before = deployment.host, deployment.record, deployment.planned["diff"]["before"]
    if not before:
        return []
    stopped = deployment.reads.stopped_tasks(host)
    record.warn([*stopped.warnings])
    tasks = stopped.of(before)
    record.notes += [f"{host.identifier}: {task.sentences()}" for task in tasks]
    return tasks


def _start_again(deployment: EndpointDeployment, replacement: Replacement, stopped: list[StoppedTask]) -> None:
    """Start the tasks that a late request of another run has stopped. Nobody else wanted them to stop."""
    requests = {task.identifier: task.start for task in stopped if task.start}
    if requests:
        replacement.start_again(requests)
        states = {
            side: {"tasks": {name: {"running": side == "after"} for name in requests}} for side in ("before", "after")
        }
        deployment.record.change("tasks", states)


def _ending(interrupted: Journal | None, ended: str | None) -> str:
    """How an interrupted replacement ended, as a sentence; empty without one."""
    if interrupted is None:
        return ""
    return f" The interrupted replacement was {'rolled back' if ended == ROLLED_BACK else 'finished'}."


def _noted(record: Record) -> str:
    return "".join(f"{note} " for note in record.notes)


def _result(deployment: EndpointDeployment, msg: str, failed: bool = False) -> EndpointResult:
    record, planned = deployment.record, deployment.planned
    endpoint = (deployment.endpoint or {}).get("endpoint") or {}
    return EndpointResult(
        msg=msg,
        changed=record.changed,
        failed=failed,
        action=planned.get("action"),
        endpoint_arn=endpoint.get("endpoint_arn"),
        external_id_state=deployment.external_id_state if deployment.endpoint else None,
        role_arn=(deployment.access.get("role") or {}).get("arn"),
        connection_status=deployment.test.get("status"),
        differences=tuple(planned.get("differences") or ()),
        diff=tuple(record.diff()),
        warnings=tuple(record.warnings),
    )


def _sentence(deployment: EndpointDeployment) -> str:
    """What was done, or what would be done in check mode."""
    host = deployment.host
    done = _done(deployment)
    if deployment.check_mode and deployment.record.changed:
        sentence = f"{host.identifier}: would {', '.join(done)}."
        created = deployment.planned["action"] in (CREATED, RECREATED) and deployment.endpoint["external_id"]
        return sentence + (
            " AWS assigns the ExternalId at creation; the run then puts it into the trust." if created else ""
        )
    state = host.connection_text(deployment.test["status"])
    return f"{host.identifier}: endpoint {done[0] if done else 'unchanged'}, connection {state}."


_PAST = {CREATED: "created", MODIFIED: "modified", RECREATED: "recreated", DELETED: "deleted"}
_WOULD = {CREATED: "create the endpoint", MODIFIED: "modify the endpoint", RECREATED: "recreate the endpoint"}


def _done(deployment: EndpointDeployment) -> list[str]:
    planned, steps = deployment.planned, deployment.record.diffs
    if not deployment.check_mode:
        if planned["action"] != NONE:
            return [_PAST[planned["action"]]]
        return ["tags updated"] if planned["differences"] else []
    endpoint = [_WOULD[planned["action"]]] if planned["action"] in _WOULD else []
    if not endpoint and planned["differences"]:
        endpoint = ["update the tags of the endpoint"]
    role_before = (steps.get("role") or {"before": {}})["before"].get("role")
    more = {
        "role": "update role and policy" if role_before else "create role and policy",
        "bucket_access": "update the policies of bucket and key",
        "former role": "remove the role of the former access mode",
        "connection": "test the connection",
        "tasks": "start tasks",
    }
    return [*endpoint, *(text for step, text in more.items() if step in steps)]
