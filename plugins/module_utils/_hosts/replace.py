# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace an existing endpoint without losing its tasks: first check and journal everything, and roll back on failure."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from ansible_collections.datalake.dms.plugins.module_utils._core import deadline
from ansible_collections.datalake.dms.plugins.module_utils._core.call_guard import guarded
from ansible_collections.datalake.dms.plugins.module_utils._core.durations import duration
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import RECREATED
from ansible_collections.datalake.dms.plugins.module_utils._hosts import change_window
from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import check_session
from ansible_collections.datalake.dms.plugins.module_utils._hosts.endpoint_deployment import (
    EndpointDeployment,
    is_replaced,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.former_access import remove_new_access
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import confirmation
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import Record
from ansible_collections.datalake.dms.plugins.module_utils._replacement.endpoint_replacement import (
    Replacement,
    TaskConflict,
    TaskPlan,
)
from ansible_collections.datalake.dms.plugins.module_utils._replacement.fence import Fence
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journals import Journal, LockTaken
from ansible_collections.datalake.dms.plugins.module_utils._replacement.locked_journal import LockLost

# AWS does not document it.
_ARNS = " The ARNs stay the same if AWS allows to reuse their last part at once; else endpoint and tasks get new ARNs."


def replace(deployment: EndpointDeployment, replacement: Replacement, interrupted: Journal | None) -> str | None:
    """Replace the endpoint of a planned deployment, or finish a replacement that was interrupted.

    :param interrupted: the journal of a replacement that another run began; None without one.
    :returns: how an interrupted replacement ended, FINISHED or ROLLED_BACK; None without a journal.
    :raises DatalakeError: the replacement is refused before anything is changed, or it failed and was rolled back.
    """
    planned, host = deployment.planned, deployment.host
    begins = is_replaced(planned)
    journaled = host.has_journal or bool(planned["in_use_by"])
    task_plan = replacement.plan_tasks(planned["action"]) if begins and journaled else TaskPlan()
    longest = replacement.longest_outage if task_plan.stops else 0.0
    _note_steps(deployment, task_plan, longest)
    outside = _outside_window(deployment, longest) if begins and not interrupted else None
    if outside and deployment.check_mode:
        # A preview is not made at the time of the change.
        deployment.record.notes.append(outside)
        outside = None
    refusals = [*task_plan.refusals, *_own_refusals(deployment, task_plan, journaled, outside)]
    if not deployment.check_mode:
        if refusals:
            raise DatalakeError(message=" ".join(refusals))
        if begins:
            check_session(host, deployment.reads)
    dry_run(deployment)
    deployment.keep_on_failure = False
    fence = Fence(replacement.journal)
    try:
        with guarded(fence), deadline.scope():
            if interrupted:
                replacement.count_from(interrupted)
                replacement.limit_time()
            ended = _replaced(deployment, replacement if journaled else None, interrupted, fence)
        replacement.end()
    except LockLost as error:
        raise DatalakeError(
            message=f"{explain(error)} {_until_then(fence, host.identifier)}{_tasks_down(replacement)}"
        ) from error
    if ended and "tasks" not in deployment.record.diffs and interrupted:
        names = [entry.identifier for entry in interrupted.tasks]
        deployment.record.change("tasks", {"before": {}, "after": {"put_back": names}})
    if refusals:
        raise DatalakeError(message=" ".join(refusals))
    return ended


def _replaced(
    deployment: EndpointDeployment, replacement: Replacement | None, interrupted: Journal | None, fence: Fence
) -> str | None:
    """Replace the endpoint, and roll back on failure. For the parameters and the result see `replace`.

    :raises LockLost: nothing was changed since. LockTaken: nothing was changed. DatalakeError: it failed, and was rolled back unless the message says
        otherwise.
    """
    try:
        return _apply_under_tasks(deployment, replacement)
    except (LockLost, LockTaken):
        raise
    except TaskConflict as error:
        raise DatalakeError(message=f"{explain(error)}{_release(replacement)}{_tasks_down(replacement)}") from error
    except Exception as error:
        if deployment.check_mode:
            raise
        if not fence.done() and not (replacement and replacement.journal.is_held):
            raise  # Nothing was changed; another run may replace the endpoint.
        before = interrupted.endpoint if interrupted else deployment.planned["definition"]
        raise DatalakeError(message=roll_back(deployment, before, replacement, explain(error))) from error


def _until_then(fence: Fence, identifier: str) -> str:
    """What a run did before it lost the lock, and what to do, as sentences."""
    done = fence.done()
    until = f"Until then it had called {done}; it" if done else "It"
    return f"{until} changes nothing more and rolls nothing back; run again once no other run replaces {identifier}."


def _apply_under_tasks(deployment: EndpointDeployment, replacement: Replacement | None) -> str | None:
    """Stop the tasks if the endpoint is replaced now, apply the deployment, and restore the tasks. The journal stays.

    :param replacement: None without a journal. :returns: see Replacement.restore_tasks.
    :raises Exception: any failure; the caller rolls back.
    """
    if replacement and is_replaced(deployment.planned):
        stopped = replacement.stop_tasks(deployment.planned["action"])
        if stopped.steps:
            deployment.record.change("tasks", stopped.diff)
    deployment.apply()
    return replacement.restore_tasks() if replacement else None


def dry_run(deployment: EndpointDeployment) -> None:
    """Run the deployment in check mode, before a task is stopped.

    :raises DatalakeError: a step would fail.
    """
    trial = dataclasses.replace(deployment, check_mode=True, record=Record(), keep_on_failure=False)
    trial.apply()


def roll_back(deployment: EndpointDeployment, before: dict, replacement: Replacement | None, reason: str) -> str:
    """Roll back the endpoint and its tasks. If that fails as well, release the lock for the next run.

    :param before: the endpoint's former definition, see endpoint_plan.definition. :param replacement: None without a journal.
    :param reason: why it is rolled back, as a sentence. :returns: how it ended, as readable text.
    :raises LockLost: another run has taken over; nothing was changed since.
    """
    identifier = deployment.host.identifier
    kept = ""
    try:
        if replacement:
            replacement.limit_time()
            replacement.journal.take_over()
        old = EndpointDeployment(
            deployment.host.rolled_back_to(before),
            deployment.reads,
            check_mode=False,
            record=deployment.record,
            keep_on_failure=False,
        )
        old.plan()
        if replacement and replacement.journal.current and old.planned["in_use_by"]:
            # The tasks that the run has already created again, for the new endpoint. Without a journal, it has not stopped any.
            replacement.stop_tasks(old.planned["action"])
        old.apply()
        if replacement:
            replacement.restore_tasks()
        if old.host.access_mode != deployment.host.access_mode:
            kept = _remove_new_access(deployment, old)
        if replacement:
            replacement.end()
    except LockLost:
        raise
    except Exception as error:
        released = _release(replacement)
        keeps = (
            "the journal has the definitions of endpoint and tasks"
            if replacement
            else f"it creates {identifier} as the inventory declares it"
        )
        return (
            f"{identifier} could not be replaced: {reason} The rollback failed as well: {explain(error)} Correct that and run deploy.yml "
            f"again: {keeps}.{released}{_tasks_down(replacement)}"
        )
    return f"{identifier} could not be replaced, and endpoint and tasks are as they were before: {reason}{kept}{outage(replacement)}"


def _remove_new_access(deployment: EndpointDeployment, old: EndpointDeployment) -> str:
    """Remove the access role that the endpoint was to move to; a sentence if it stays, else empty.

    :param deployment: the move. :param old: its rollback.
    """
    moved_to = {"s3_settings": deployment.host.endpoint["s3_settings"]}
    try:
        remove_new_access(old.host, old.reads, moved_to, old.record)
    except LockLost:
        raise
    except CALL_ERRORS as error:
        return (
            f" The access role {deployment.host.role_name} that it was to use could not be removed: {explain(error)} Remove it by hand, or correct "
            "that and run deploy.yml again."
        )
    return ""


def _release(replacement: Replacement | None) -> str:
    """Release the lock; a sentence if that fails, else empty."""
    try:
        if replacement:
            replacement.journal.release()
    except Exception as error:
        return f" The lock could not be released: {explain(error)}"
    return ""


def _tasks_down(replacement: Replacement | None) -> str:
    """Which tasks are down, and until when they can wait, as sentences; empty without one."""
    try:
        return "".join(f" {text}" for text in replacement.tasks_down()) if replacement else ""
    except Exception as error:
        return f" Which tasks are down can't be read: {explain(error)}"


def outage(replacement: Replacement | None) -> str:
    """How long tasks were down, as a sentence; empty if none was."""
    seconds = replacement.outage if replacement else None
    return f" Its tasks were down for {duration(seconds)}." if seconds is not None else ""


def _note_steps(deployment: EndpointDeployment, task_plan: TaskPlan, longest: float) -> None:
    """:param longest: how many seconds tasks may be down."""
    if task_plan.steps:
        planned = deployment.planned
        arns = _ARNS if planned["action"] == RECREATED else ""
        down = f" Its tasks may be down for {duration(longest)}." if task_plan.stops else ""
        deployment.record.notes.append(
            f"{deployment.host.identifier}: endpoint {planned['action']} ({'; '.join(planned['reasons'])}); {'; '.join(task_plan.steps)}.{down}{arns}"
        )


def _outside_window(deployment: EndpointDeployment, seconds: float) -> str | None:
    """Why the replacement must not begin now, as a sentence; None if it may. :param seconds: how long tasks may be down."""
    host = deployment.host
    closed = change_window.refusal(host.change_window, datetime.now(UTC), seconds) if host.protected else None
    return f"{host.identifier} is not replaced now, because {closed}; run again then." if closed else None


def _own_refusals(
    deployment: EndpointDeployment, task_plan: TaskPlan, journaled: bool, outside: str | None
) -> list[str]:
    """Why the endpoint must not be replaced, apart from the risks to its tasks. :param outside: see _outside_window."""
    host, planned = deployment.host, deployment.planned
    refusals = [outside] if outside else []
    if task_plan.steps and not host.confirmed:
        refusals.append(confirmation([host.environment], f"stop or recreate the tasks of {host.identifier}"))
    if not journaled and planned["undeclared"]:
        refusals.append(
            f"{host.identifier} would be recreated without a journal, and the inventory does not declare all of its settings and tags "
            f"({', '.join(planned['undeclared'])}), which would be lost if the run were killed meanwhile; set "
            "s3_endpoint_journal_bucket, declare these in the inventory, or set s3_endpoint_exact=true to remove them."
        )
    return refusals
