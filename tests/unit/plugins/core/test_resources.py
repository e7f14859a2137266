# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sequence of a resource, with a made-up kind: a jar on a shelf, which records the calls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core import resources
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.resources import (
    CREATED,
    DELETED,
    MODIFIED,
    NONE,
    RECREATED,
    Applied,
    Change,
    Kind,
    Plan,
    TagPlan,
    Tags,
    plan_absence,
)

OURS = {"datalake.dms:deployment": "home"}


@dataclass
class Shelf:
    """In place of an account: the jar on it, the jar's tags, who uses it, whether it keeps what is created, and the calls."""

    jar: dict | None = None
    tags: dict | None = None
    users: tuple[str, ...] = ()
    keeps: bool = True

    def __post_init__(self):
        self.calls = []
        self.tags = dict(OURS if self.tags is None else self.tags)

    def call(self, name, jar=None):
        self.calls.append(name)
        self.jar = jar
        return jar


def check(params):
    if params["content"] == "":
        raise DatalakeError(message="content is empty.")
    return params["content"]


def read(context):
    context.account.calls.append("read")
    return context.account.jar


def refuse(_context, current):
    if current and current["content"] == "glued":
        raise DatalakeError(message="It is glued.")


def plan(context, current, _tags):
    if context.absent:
        return plan_absence(current)
    if current is None:
        return Plan(CREATED, ("there is none",))
    if current["content"] == context.desired:
        return Plan(NONE)
    action = RECREATED if context.params["recreate"] else MODIFIED
    return Plan(action, ("it differs",), {"content": (current["content"], context.desired)})


def users(context, current, planned):
    context.account.calls.append("users")
    if context.account.users and context.params["in_use"] == "fail":
        raise DatalakeError(message=f"{current['name']} is in use.")
    return replace(planned, users=context.account.users)


def new_jar(change):
    return {"name": change.context.params["name"], "content": change.context.desired}


def create(change):
    shelf = change.context.account
    shelf.tags = change.tags.after
    return Applied(shelf.call("create", new_jar(change)), shelf.keeps)


def recreate(change):
    change.context.account.call("delete")
    return create(change)


def read_tags(context, jar):
    context.account.calls.append(f"tags of {jar['name']}")
    return dict(context.account.tags)


def write_tags(context, _jar, to_set, to_unset):
    context.account.calls.append(f"set {sorted(to_set)}, unset {sorted(to_unset)}")


def predicted(change):
    if change.context.absent:
        return None
    return change.current if change.plan.action == NONE else new_jar(change)


JAR = Kind(
    noun=lambda context: f"jar {context.params['name']}",
    check=check,
    read=read,
    refuse=refuse,
    tags=Tags(read_tags, write_tags, inherited=lambda context: dict(context.params["inherited"])),
    plan=plan,
    users=users,
    apply={
        CREATED: create,
        MODIFIED: lambda change: Applied(change.context.account.call("modify", new_jar(change))),
        RECREATED: recreate,
        DELETED: lambda change: Applied(change.context.account.call("delete"), persisted=False),
    },
    predicted=predicted,
    view=lambda _context, jar, tags, values: jar and {**values, "tags": tags},
    result=lambda outcome: {
        "jar": outcome.applied.resource,
        "persisted": outcome.applied.persisted,
        "users": outcome.change.plan.users,
    },
)
PLAIN = Kind(
    noun=JAR.noun,
    check=check,
    read=read,
    plan=plan,
    apply=JAR.apply,
    predicted=predicted,
    view=JAR.view,
    result=JAR.result,
)
USUAL = {
    "state": "present",
    "name": "plum",
    "content": "jam",
    "recreate": False,
    "in_use": "fail",
    "inherited": {},
    "tags": None,
    "purge_tags": True,
    "deployment": "home",
    "adopt": False,
    "required_tags": [],
}


def jar(content="jam"):
    return {"name": "plum", "content": content}


def ensure(shelf, check_mode=False, kind=JAR, known_absent=False, **params):
    return resources.ensure(kind, shelf, {**USUAL, **params}, check_mode, known_absent)


def refusal(shelf, **params):
    with pytest.raises(DatalakeError) as error:
        ensure(shelf, **params)
    return error.value.message


# What is there, the parameters, the calls in their order.
SEQUENCES = {
    "new": (None, {}, ["read", "create"]),
    "equal": (jar(), {}, ["read", "tags of plum"]),
    "modified": (jar("old"), {}, ["read", "tags of plum", "users", "modify"]),
    "created again": (jar("old"), {"recreate": True}, ["read", "tags of plum", "users", "delete", "create"]),
    "tags alone": (jar(), {"tags": {"team": "kitchen"}}, ["read", "tags of plum", "set ['team'], unset []"]),
    "modified with tags": (
        jar("old"),
        {"tags": {"team": "kitchen"}},
        ["read", "tags of plum", "users", "modify", "set ['team'], unset []"],
    ),
    "created again with tags": (
        jar("old"),
        {"tags": {"team": "kitchen"}, "recreate": True},
        ["read", "tags of plum", "users", "delete", "create"],
    ),
    "removed": (jar(), {"state": "absent"}, ["read", "tags of plum", "users", "delete"]),
    "absent already": (None, {"state": "absent"}, ["read"]),
}
WRITES = ("create", "modify", "delete", "set")


@pytest.mark.parametrize(("present", "params", "calls"), SEQUENCES.values(), ids=SEQUENCES)
def test_steps_are_taken_in_this_order(present, params, calls):
    shelf = Shelf(present)
    result = ensure(shelf, **params)
    assert shelf.calls == calls
    assert result["changed"] is any(call.startswith(WRITES) for call in calls)


@pytest.mark.parametrize(("present", "params", "calls"), SEQUENCES.values(), ids=SEQUENCES)
def test_check_mode_predicts_and_writes_nothing(present, params, calls):
    shelf = Shelf(present)
    predicted_result = ensure(shelf, check_mode=True, **params)
    assert shelf.calls == [call for call in calls if not call.startswith(WRITES)]
    assert shelf.jar is present
    result = ensure(shelf, **params)
    # Whether AWS keeps what is created is not known before.
    assert {**predicted_result, "persisted": None} == {**result, "persisted": None}
    assert predicted_result["persisted"] is (result["persisted"] and "create" not in calls)


def test_known_absent_saves_the_read():
    shelf = Shelf()
    assert ensure(shelf, known_absent=True)["jar"] == jar()
    assert shelf.calls == ["create"]


def test_diff_has_the_values_that_differ_and_the_tags_of_each_side():
    diff = ensure(Shelf(jar("old"), tags={**OURS, "team": "a"}), tags={"team": "b"})["diff"]
    assert diff["before"] == {"content": "old", "tags": {**OURS, "team": "a"}}
    assert diff["after"] == {"content": "jam", "tags": {**OURS, "team": "b"}}


def test_new_one_inherits_tags_and_is_created_with_its_own():
    shelf = Shelf()
    result = ensure(shelf, inherited={"team": "a", "datalake.dms:journal": "x"}, tags=None)
    assert shelf.tags == {"team": "a", **OURS}
    assert result["diff"]["after"]["tags"] == shelf.tags


def test_creation_that_is_answered_and_not_kept_is_not_persisted():
    assert ensure(Shelf(keeps=False))["persisted"] is False
    assert ensure(Shelf())["persisted"] is True


# What stops a run, and the calls up to there; none of them writes.
REFUSALS = {
    "wrong option": (jar(), {"content": ""}, "content is empty.", []),
    "wrong for what exists": (jar("glued"), {}, "It is glued.", ["read"]),
    "somebody else's": (
        jar("old"),
        {"deployment": "other"},
        "The jar plum belongs to the deployment home, not to other",
        ["read", "tags of plum"],
    ),
    "in use": (jar("old"), {}, "plum is in use.", ["read", "tags of plum", "users"]),
    "removal while in use": (jar(), {"state": "absent"}, "plum is in use.", ["read", "tags of plum", "users"]),
    "required tag": (
        jar(),
        {"required_tags": ["team"]},
        "The jar plum would lack the tag team",
        ["read", "tags of plum"],
    ),
}


@pytest.mark.parametrize(("present", "params", "message", "calls"), REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_wrong_is_said_before_the_first_write(present, params, message, calls, check_mode):
    shelf = Shelf(present, users=("a spoon",))
    assert refusal(shelf, check_mode=check_mode, **params).startswith(message)
    assert shelf.calls == calls


def test_users_are_in_the_plan_where_they_do_not_stop_it():
    assert ensure(Shelf(jar("old"), users=("a spoon",)), in_use="ignore")["users"] == ("a spoon",)


def test_users_may_spare_the_resource():
    spared = replace(JAR, users=lambda _context, _current, _plan: Plan(NONE, users=("a spoon",)))
    shelf = Shelf(jar())
    result = ensure(shelf, kind=replace(spared, predicted=lambda change: change.current), state="absent")
    assert (result["changed"], result["jar"], shelf.calls) == (False, jar(), ["read", "tags of plum"])


def test_kind_without_tags_has_no_owner_either():
    shelf = Shelf(jar(), tags={"datalake.dms:deployment": "other"})
    assert ensure(shelf, kind=PLAIN, tags={"team": "kitchen"})["changed"] is False
    assert shelf.calls == ["read"]


def test_current_resource_may_be_completed_before_the_result():
    late = replace(JAR, settled=lambda _context, current, _plan: current and {**current, "label": "late"})
    assert ensure(Shelf(jar()), kind=late)["jar"] == {**jar(), "label": "late"}


def test_action_on_nothing_is_a_mistake_of_the_kind():
    change = Change(None, None, Plan(MODIFIED), TagPlan({}, {}, {}))
    with pytest.raises(ValueError, match="modified needs a resource that exists"):
        _ = change.existing
