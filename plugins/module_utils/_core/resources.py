# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module brings a resource into the state that its parameters ask for: one sequence, `ensure`, for every kind of resource.

check -> read -> owner -> plan -> users -> apply -> tags -> result. A `Kind` says what each step is for one kind of resource; whatever may
fail because of an option, an owner or a user fails before the first write. Check mode does all but apply and tags.
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

# What the users of a resource would notice.
_FELT_BY_USERS = (MODIFIED, RECREATED, DELETED)

Params = dict[str, Any]
TagDict = dict[str, str]


@dataclass(frozen=True)
class Plan:
    """What is to be done with a resource, why, what differs (option -> (present, desired)), and who uses it and would notice, for people.

    A kind whose plan has more in it derives a class of its own.
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
    """One call of a module: the account, the parameters, what `Kind.check` made of them, and whether this is check mode."""

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
    """Tags: those that the resource has, those that it shall have, and those that it has after the run, which are less where a successor can't
    be created with all of them."""

    before: TagDict
    wanted: TagDict
    after: TagDict

    @property
    def differ(self) -> bool:
        return self.before != self.wanted


@dataclass(frozen=True)
class Change(Generic[DesiredT, ResourceT, PlanT]):
    """What a run is about to do: all that apply and prediction need. `current` is None where there is no resource."""

    context: Context[DesiredT]
    current: ResourceT | None
    plan: PlanT
    tags: TagPlan

    @property
    def existing(self) -> ResourceT:
        """The current resource, for an action that only one that exists gets.

        :raises ValueError: there is none, which is a mistake in the kind's plan.
        """
        if self.current is None:
            raise ValueError(f"{self.plan.action} needs a resource that exists")
        return self.current


@dataclass(frozen=True)
class Applied(Generic[ResourceT]):
    """A resource after a run, or as check mode predicts it; None once it is absent.

    persisted: whether AWS has it. Some calls answer as if they had created something, and nothing is kept.
    """

    resource: ResourceT | None
    persisted: bool = True


@dataclass(frozen=True)
class Outcome(Generic[DesiredT, ResourceT, PlanT]):
    """What a run did, or in check mode would do: all that the result needs."""

    change: Change[DesiredT, ResourceT, PlanT]
    applied: Applied[ResourceT]


def _inherits_nothing(_context: Context[Any]) -> TagDict:
    return {}


@dataclass(frozen=True)
class Tags(Generic[DesiredT, ResourceT]):
    """The tags of a kind, and with them its owner.

    read: the tags of a resource. write: sets the first ones, and unsets the keys that come second.
    inherited: what a resource that does not exist has from its predecessor.
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
    """One kind of resource: what `ensure` does for it at each step.

    noun: the resource as messages name it, such as "endpoint dev-crm".
    check: the desired state out of the parameters; raises what can be known to be wrong before any call.
    read: the resource as it is, None where there is none.
    refuse: raises what is wrong with the parameters, given the resource that exists; before anybody asks for its owner.
    plan: what is to be done; reads more where it must, and writes nothing.
    users: the plan with the users that would notice it, or made harmless for them; raises where it must not be carried out.
        Asked only where a resource that exists is modified, created again or deleted.
    settled: the current resource, once it shows all that a result needs; for what comes some time after the creation.
    apply: each action but NONE, and how it is carried out.
    predicted: the resource as the plan leaves it, for check mode, and where there is nothing to do.
    view: one side of `diff`: of a resource (or None) with its tags, and with the values that differ as that side has them.
    result: what the module returns beside changed and diff.
    tags: None where the tags of a resource that exists are nobody's business, nor whose it is.
    """

    noun: Callable[[Context[DesiredT]], str]
    check: Callable[[Params], DesiredT]
    read: Callable[[Context[DesiredT]], ResourceT | None]
    plan: Callable[[Context[DesiredT], ResourceT | None], PlanT]
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
    :param known_absent: whether the caller has just read, and there is none; else it is read.
    :returns: the module's result: changed, diff, and what `Kind.result` adds.
    :raises DatalakeError: what a step refuses, before anything is changed. AnsibleAWSError: a call failed.
    """
    context = Context(account, params, kind.check(params), check_mode)
    current = None if known_absent else kind.read(context)
    kind.refuse(context, current)
    tags = _tags_if_ours(kind, context, current)
    plan = kind.plan(context, current)
    if current is not None and plan.action in _FELT_BY_USERS:
        plan = kind.users(context, current, plan)
    current = kind.settled(context, current, plan)
    change = Change(context, current, plan, _tag_plan(kind, context, tags, plan))
    applied = _apply(kind, change)
    _update_tags(kind, change, applied)
    return _result(kind, Outcome(change, applied))


def plan_absence(current: Any | None) -> Plan:
    """The plan for state=absent, of a kind of which nothing has to stay."""
    return Plan(NONE) if current is None else Plan(DELETED, ("state is absent",))


def _tags_if_ours(
    kind: Kind[DesiredT, ResourceT, PlanT], context: Context[DesiredT], current: ResourceT | None
) -> TagDict:
    """The tags that the resource has, or inherits.

    :raises DatalakeError: it is not ours, see check_owner.
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
    """Write the tags of a resource that stays; a new one was created with its own."""
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
