# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module would change, as sentences."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.differences import changes

UNKNOWN = "(known after creation)"


def trust(*statements):
    return {"role": {"assume_role_policy_document": {"Version": "2012-10-17", "Statement": list(statements)}}}


OURS = {"Sid": "DatalakeDmsEndpoint", "Effect": "Allow", "Condition": {"StringEquals": {"sts:ExternalId": ["one"]}}}
STATEMENT = "role.assume_role_policy_document.Statement"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {}, []),
        (None, {}, []),
        (
            {"settings": {"compression_type": "none"}},
            {"settings": {"compression_type": "gzip"}},
            ["settings.compression_type is none, declared gzip"],
        ),
        ({"a": None}, {"a": 5}, ["a is not set, declared 5"]),
        ({}, {"a": "x"}, ["a is not set, declared x"]),
        ({"a": True}, {"a": False}, ["a is true, declared false"]),
        ({"a": True}, {}, ["a is true, not declared"]),
        ({"tags": {"team": "x"}}, {"tags": {}}, ["tags.team is x, not declared"]),
        ({"arn": "x"}, {"arn": UNKNOWN}, []),
        ({"tags": {"datalake.dms:connection-tested": "x"}}, {"tags": {}}, []),
        (
            {"tags": {"datalake.dms:deployment": "dev"}},
            {"tags": {"datalake.dms:deployment": "test"}},
            ["tags.datalake.dms:deployment is dev, declared test"],
        ),
        ({"role": None}, {"role": {"path": "/"}}, ['role is not set, declared {"path": "/"}']),
        ({"a": ["x", "y"]}, {"a": ["y", "z"]}, ['a has ["x"], not declared', 'a lacks ["z"]']),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, ['a is ["x", "y"], declared ["y", "x"]']),
        ({"a": "x"}, {"a": ["x"]}, ['a is x, declared ["x"]']),
    ],
)
def test_sentences(before, after, expected):
    assert changes(before, after) == expected


def test_statements_are_compared_by_their_sid():
    other = {**OURS, "Condition": {"StringEquals": {"sts:ExternalId": ["two"]}}}
    auditor = {"Sid": "Auditor", "Effect": "Allow"}
    nameless = {"Effect": "Allow", "Action": "*"}
    assert changes(trust(nameless, auditor, other), trust(OURS, auditor)) == [
        f'{STATEMENT}.1 is {{"Action": "*", "Effect": "Allow"}}, not declared',
        f'{STATEMENT}.DatalakeDmsEndpoint.Condition.StringEquals.sts:ExternalId has ["two"], not declared',
        f'{STATEMENT}.DatalakeDmsEndpoint.Condition.StringEquals.sts:ExternalId lacks ["one"]',
    ]


def test_long_values_are_shortened():
    (sentence,) = changes({"a": "x" * 1000}, {"a": "y" * 1000})
    assert sentence == f"a is {'x' * 80}…, declared {'y' * 80}…"


def test_long_values_show_where_they_part():
    (sentence,) = changes({"a": "x" * 1000 + "1" + "z" * 1000}, {"a": "x" * 1000 + "2" + "z" * 1000})
    assert sentence == f"a is …{'x' * 10}1{'z' * 69}…, declared …{'x' * 10}2{'z' * 69}…"


@pytest.mark.parametrize(("before", "after"), [("very-hidden", "hidden"), (None, "hidden"), ("very-hidden", None)])
def test_secrets_are_not_shown(before, after):
    assert changes({"settings": {"password": before}}, {"settings": {"password": after}}) == [
        "settings.password differs"
    ]


def test_masked_secrets_are_equal():
    assert changes({"settings": {"password": "********"}}, {"settings": {"password": "********"}}) == []
