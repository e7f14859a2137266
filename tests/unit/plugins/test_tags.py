# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags after a run."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._tags import new_tags, planned_tags

TESTED = "datalake.dms:connection-tested"


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
    tags = {"aws:cloudformation:stack-name": "x", "datalake.dms:connection-tested": "x", "team": "data"}
    assert new_tags(tags) == {"team": "data"}
