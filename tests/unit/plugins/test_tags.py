# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags after a run."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._tags import (
    check_deployment,
    check_owner,
    new_tags,
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
    assert new_tags(tags) == {"team": "data"}


def test_successor_stays_whose_it_was():
    assert new_tags({TESTED: "x", OWNER: "dev"}) == {OWNER: "dev"}


@pytest.mark.parametrize("tags", [None, {}, {"a": "1"}])
@pytest.mark.parametrize("purge", [True, False])
def test_deployment_is_a_tag_whatever_the_others_are(tags, purge):
    assert planned_tags({TESTED: "x"}, tags, purge, "dev") == {TESTED: "x", OWNER: "dev", **(tags or {})}


@pytest.mark.parametrize("none", [None, ""])
def test_no_deployment_adds_no_tag_and_takes_none_away(none):
    assert planned_tags({}, {"a": "1"}, True, none) == {"a": "1"}
    assert planned_tags({OWNER: "dev"}, {}, True, none) == {OWNER: "dev"}
    check_deployment(none)
    check_owner("role crm", {OWNER: "dev"}, none)


@pytest.mark.parametrize("tags", [{}, {OWNER: "dev"}, {OWNER: ""}])
def test_own_and_nobodys_are_ours(tags):
    check_owner("role crm", tags, "dev")


def test_another_deployments_is_refused():
    with pytest.raises(
        DatalakeError, match=r"^The role crm belongs to the deployment test, not to dev, .*; choose .*\.$"
    ):
        check_owner("role crm", {OWNER: "test"}, "dev")


@pytest.mark.parametrize("name", ["a b", "x" * 257, "dev!", "dév"])
def test_deployment_that_is_no_tag_value(name):
    with pytest.raises(DatalakeError, match=r"^deployment=.* choose another name\.$"):
        check_deployment(name)
