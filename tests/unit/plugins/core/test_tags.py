# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags after a run."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import check_deployment, check_owner
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import (
    check_required,
    inheritable_tags,
    planned_tags,
)

TESTED = "datalake.dms:connection-tested"
OWNER = "datalake.dms:deployment"


@pytest.mark.parametrize(
    ("current", "tags", "purge", "expected"),
    [
        ({"a": "1"}, None, True, {"a": "1"}),
        ({"a": "1"}, {}, True, {}),
        ({"a": "1"}, {}, False, {"a": "1"}),
        ({"a": "1"}, {"b": "2"}, True, {"b": "2"}),
        ({"a": "1"}, {"b": "2"}, False, {"a": "1", "b": "2"}),
        ({"a": "1"}, {"a": "2"}, True, {"a": "2"}),
        ({"a": "1"}, {"a": 1}, True, {"a": "1"}),
        ({}, {"a": True}, True, {"a": "True"}),
        ({TESTED: "x", "a": "1"}, {}, True, {TESTED: "x"}),
        ({"aws:cloudformation:stack-name": "x", "a": "1"}, {}, True, {"aws:cloudformation:stack-name": "x"}),
    ],
    ids=[
        "left alone",
        "purged",
        "kept",
        "replaced",
        "added",
        "changed",
        "number",
        "boolean",
        "the collection's own",
        "those of AWS",
    ],
)
def test_planned_tags(current, tags, purge, expected):
    assert planned_tags(current, tags, purge) == expected


def test_successor_gets_neither_the_tags_of_aws_nor_what_is_past():
    """AWS keeps the prefix aws: for itself and refuses a request that has it; the old resource would be gone by then."""
    tags = {"aws:cloudformation:stack-name": "x", TESTED: "x", "team": "data"}
    assert inheritable_tags(tags) == {"team": "data"}


def test_successor_stays_whose_it_was():
    assert inheritable_tags({TESTED: "x", OWNER: "dev"}) == {OWNER: "dev"}


@pytest.mark.parametrize("tags", [None, {}, {"a": "1"}])
@pytest.mark.parametrize("purge", [True, False])
def test_deployment_is_a_tag_whatever_the_others_are(tags, purge):
    assert planned_tags({TESTED: "x"}, tags, purge, "dev") == {TESTED: "x", OWNER: "dev", **(tags or {})}


@pytest.mark.parametrize("none", [None, ""])
def test_no_deployment_adds_no_tag_and_takes_none_away(none):
    assert planned_tags({}, {"a": "1"}, True, none) == {"a": "1"}
    assert planned_tags({OWNER: "dev"}, {}, True, none) == {OWNER: "dev"}
    check_deployment(none)
    check_owner("role crm", {OWNER: "dev"}, wanting(none))
    check_owner("role crm", {}, wanting(none, state="absent"))


def wanting(deployment, state="present", adopt=False):
    return {"deployment": deployment, "state": state, "adopt": adopt}


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_own_ones_are_ours(state, adopt):
    check_owner("role crm", {OWNER: "dev"}, wanting("dev", state, adopt))


@pytest.mark.parametrize("tags", [{}, {OWNER: ""}])
def test_nobodys_is_taken_over_explicitly_and_never_removed(tags):
    check_owner("role crm", tags, wanting("dev", adopt=True))
    with pytest.raises(DatalakeError, match=r"^The role crm exists without the tag .*; set adopt=true to take it over"):
        check_owner("role crm", tags, wanting("dev"))
    for adopt in (False, True):
        with pytest.raises(DatalakeError, match=r"is not changed; remove it by hand, or take it over first"):
            check_owner("role crm", tags, wanting("dev", "absent", adopt))


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_another_deployments_is_refused(state, adopt):
    with pytest.raises(
        DatalakeError, match=r"^The role crm belongs to the deployment test, not to dev, .*; choose .*\.$"
    ):
        check_owner("role crm", {OWNER: "test"}, wanting("dev", state, adopt))


def test_required_tags():
    check_required("role crm", {"team": "data"}, [])
    check_required("role crm", {"team": "data"}, ["team"])
    with pytest.raises(
        DatalakeError, match=r"^The role crm would lack the tag cost-center and owner, which required_tags"
    ):
        check_required("role crm", {"team": "data", "owner": ""}, ["cost-center", "owner", "team"])


@pytest.mark.parametrize("name", ["a b", "x" * 257, "dev!", "dév"])
def test_deployment_that_is_no_tag_value(name):
    with pytest.raises(DatalakeError, match=r"^deployment=.* choose another name\.$"):
        check_deployment(name)
