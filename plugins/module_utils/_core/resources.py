# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring a resource into the desired state: one sequence, `ensure`, for every kind of resource.

check -> read -> owner -> plan -> users -> apply -> tags -> result. A `Kind` defines each step for one kind of resource. Problems with an option, an
owner or a user are raised before the first write. Check mode skips apply and tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import check_owner
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import (
    check_required,
    inheritable_tags,
    planned_tags,
)

# What is done with a resource.
NONE, CREATED, MODIFIED, RECREATED, DELETED = "none", "created", "modified", "recreated", "deleted"

# The actions that affect the users of a resource.
_AFFECTS_USERS = (MODIFIED, RECREATED, DELETED)

Params = dict[str, Any]
TagDict = dict[str, str]


@dataclass(frozen=True)
class Plan:
    """The action on a resource, its reasons, the differences (option -> (present, desired)), and the users that it affects, as readable text.

    A kind that needs more derives its own class.
    """

    action: str
    reasons: tuple[str, ...] = ()
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    users: tuple[str, ...] = ()


# The desired state of a kind, the resource as the kind reads it, and the kind's plan.
DesiredT = TypeVar("DesiredT")
ResourceT = TypeVar("ResourceT")
PlanT = TypeVar("PlanT", bound=Plan)


@dataclass(frozen=True)
class Context(Generic[DesiredT]):
    """One call of a module: the account, the parameters, the desired state (see `Kind.check`), and whether this is check mode."""

    account: Account
    params: Params
    desired: DesiredT
    check_mode: bool

    @property
    def absent(self) -> bool:
        """Whether the resource is to be removed."""
        return bool(self.params["state"] == "absent")


@dataclass(frozen=True)
class TagPlan:
    """The present tags, the desired tags, and the tags after the run. A recreated resource can't be created with all desired tags."""

    before: TagDict
    wanted: TagDict
    after: TagDict

    @property
    def differ(self) -> bool:
        return self.before != self.wanted


@dataclass(frozen=True)
class Change(Generic[DesiredT, ResourceT, PlanT]):
    """The planned change: everything that `apply` and `predicted` need. `current` is None without a resource."""

    context: Context[DesiredT]
    current: ResourceT | None
    plan: PlanT
    tags: TagPlan

    @property
    def existing(self) -> ResourceT:
        """The current resource, for an action that requires one.

        :raises ValueError: there is none, which is a bug in the kind's plan.
        """
        if self.current is None:
            raise ValueError(f"{self.plan.action} needs a resource that exists")
        return self.current


@dataclass(frozen=True)
class Applied(Generic[ResourceT]):
    """A resource after a run, or as check mode predicts it; None once it is absent.

    persisted: whether AWS has it. Some calls answer with a new resource that AWS does not keep.
    """

    resource: ResourceT | None
    persisted: bool = True


@dataclass(frozen=True)
class Outcome(Generic[DesiredT, ResourceT, PlanT]):
    """What a run did, or would do in check mode: everything that the result needs."""

    change: Change[DesiredT, ResourceT, PlanT]
    applied: Applied[ResourceT]


def _inherits_nothing(_context: Context[Any]) -> TagDict:
    return {}


@dataclass(frozen=True)
class Tags(Generic[DesiredT, ResourceT]):
    """How to read and write the tags of a kind, which also define the owner.

    read: the tags of a resource. write: sets tags (third argument) and removes keys (fourth argument).
    inherited: the tags of the predecessor, for a resource that does not exist.
    """

    read: Callable[[Context[DesiredT], ResourceT], TagDict]
    write: Callable[[Context[DesiredT], ResourceT, TagDict, list[str]], None]
    inherited: Callable[[Context[DesiredT]], TagDict] = _inherits_nothing


def _refuses_nothing(_context: Context[Any], _current: Any) -> None:
    return None


def _has_no_users(_context: Context[Any], _current: Any, plan: Any) -> Any:
    return plan


def _is_complete(_context: Context[Any], current: Any, _plan: Any) -> Any:
    return current


@dataclass(frozen=True)
class Kind(Generic[DesiredT, ResourceT, PlanT]):
    """One kind of resource: the steps of `ensure`.

    noun: the resource as messages name it, such as "endpoint dev-crm".
    check: the desired state from the parameters; raises an error for invalid parameters, without a call.
    read: the present resource; None if it does not exist.
    refuse: raises an error if the parameters are invalid for the present resource; called before its owner is checked.
    plan: the plan, from the present resource and its tags; may read more, writes nothing.
    users: the plan with the affected users, or reduced so that none is affected; raises an error if they block it.
        Called only if an existing resource is modified, recreated or deleted.
    settled: the current resource, once it has everything that a result needs, such as values that AWS assigns some time after the creation.
    apply: action -> function that applies it, for all actions but NONE.
    predicted: the resource after the plan, for check mode and for NONE.
    view: one side of `diff`: a resource (or None) with its tags, and with the differing values of that side.
    result: what the module returns in addition to changed and diff.
    tags: None if the kind has no tags of its own, and so no owner.
    """

    noun: Callable[[Context[DesiredT]], str]
    check: Callable[[Params], DesiredT]
    read: Callable[[Context[DesiredT]], ResourceT | None]
    plan: Callable[[Context[DesiredT], ResourceT | None, TagDict], PlanT]
    apply: Mapping[str, Callable[[Change[DesiredT, ResourceT, PlanT]], Applied[ResourceT]]]
    predicted: Callable[[Change[DesiredT, ResourceT, PlanT]], ResourceT | None]
    view: Callable[[Context[DesiredT], ResourceT | None, TagDict, dict[str, Any]], Any]
    result: Callable[[Outcome[DesiredT, ResourceT, PlanT]], dict[str, Any]]
    tags: Tags[DesiredT, ResourceT] | None = None
    refuse: Callable[[Context[DesiredT], ResourceT | None], None] = _refuses_nothing
    users: Callable[[Context[DesiredT], ResourceT, PlanT], PlanT] = _has_no_users
    settled: Callable[[Context[DesiredT], ResourceT | None, PlanT], ResourceT | None] = _is_complete


def ensure(
    kind: Kind[DesiredT, ResourceT, PlanT],
    account: Account,
    params: Params,
    check_mode: bool,
    known_absent: bool = False,
) -> dict[str, Any]:
    """Bring a resource into the state that the parameters ask for.

    :param params: the module's options; `state` always, and those of TAGS_SPEC and DEPLOYMENT_SPEC for a kind with tags.
    :param known_absent: whether the caller has just read that there is no such resource; else it is read.
    :returns: the module's result: changed, diff, and what `Kind.result` adds.
    :raises DatalakeError: a step refuses, before anything is changed. AnsibleAWSError: a call failed.
    """
    context = Context(account, params, kind.check(params), check_mode)
    current = None if known_absent else kind.read(context)
    kind.refuse(context, current)
    tags = _owned_tags(kind, context, current)
    plan = kind.plan(context, current, tags)
    if current is not None and plan.action in _AFFECTS_USERS:
        plan = kind.users(context, current, plan)
    current = kind.settled(context, current, plan)
    change = Change(context, current, plan, _tag_plan(kind, context, tags, plan))
    applied = _apply(kind, change)
    _update_tags(kind, change, applied)
    return _result(kind, Outcome(change, applied))


def plan_absence(current: Any | None) -> Plan:
    """The plan for state=absent, for a kind that is removed completely."""
    return Plan(NONE) if current is None else Plan(DELETED, ("state is absent",))


def _owned_tags(
    kind: Kind[DesiredT, ResourceT, PlanT], context: Context[DesiredT], current: ResourceT | None
) -> TagDict:
    """The present or inherited tags.

    :raises DatalakeError: the resource does not belong to the deployment, see check_owner.
    """
    if kind.tags is None:
        return {}
    if current is None:
        return kind.tags.inherited(context)
    tags = kind.tags.read(context, current)
    check_owner(kind.noun(context), tags, context.params)
    return tags


def _tag_plan(
    kind: Kind[DesiredT, ResourceT, PlanT], context: Context[DesiredT], before: TagDict, plan: Plan
) -> TagPlan:
    """
    :raises DatalakeError: a required tag would be missing.
    """
    if kind.tags is None or context.absent:
        return TagPlan(before, before, before)
    params = context.params
    wanted = planned_tags(before, params["tags"], params["purge_tags"], params["deployment"])
    check_required(kind.noun(context), wanted, params["required_tags"])
    return TagPlan(before, wanted, inheritable_tags(wanted) if plan.action in (CREATED, RECREATED) else wanted)


def _apply(kind: Kind[DesiredT, ResourceT, PlanT], change: Change[DesiredT, ResourceT, PlanT]) -> Applied[ResourceT]:
    action = change.plan.action
    if action != NONE and not change.context.check_mode:
        return kind.apply[action](change)
    resource = kind.predicted(change)
    return Applied(resource, persisted=resource is not None and action not in (CREATED, RECREATED))


def _update_tags(
    kind: Kind[DesiredT, ResourceT, PlanT],
    change: Change[DesiredT, ResourceT, PlanT],
    applied: Applied[ResourceT],
) -> None:
    """Write the tags of a resource that was not created by this run. A new one was created with its tags."""
    stays = change.current is not None and change.plan.action in (NONE, MODIFIED)
    if kind.tags is None or applied.resource is None or not stays or change.context.check_mode:
        return
    to_set, to_unset = compare_aws_tags(change.tags.before, change.tags.after)
    if to_set or to_unset:
        kind.tags.write(change.context, applied.resource, to_set, to_unset)


def _result(kind: Kind[DesiredT, ResourceT, PlanT], outcome: Outcome[DesiredT, ResourceT, PlanT]) -> dict[str, Any]:
    change = outcome.change
    context, plan, tags = change.context, change.plan, change.tags
    present = {name: value for name, (value, _desired) in plan.changes.items()}
    desired = {name: value for name, (_present, value) in plan.changes.items()}
    return {
        "changed": plan.action != NONE or tags.differ,
        "diff": {
            "before": kind.view(context, change.current, tags.before, present),
            "after": kind.view(context, outcome.applied.resource, tags.after, desired),
        },
        **kind.result(outcome),
    }
