# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a connection test is needed, and the tag that remembers the last one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.connection_tests import (
    fingerprint,
    format_tested,
    parse_tested,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUCCESSFUL = {"Status": "successful"}
PARAMS = {"test": "when_needed", "max_age": 0, "change_token": "one"}


def remembered(age=0, token="one"):
    return connection_tests.Tested(NOW - timedelta(seconds=age), fingerprint(token))


@pytest.mark.parametrize(
    ("connection", "last", "params", "needed"),
    [
        (SUCCESSFUL, remembered(), {}, False),
        (SUCCESSFUL, remembered(), {"test": "always"}, True),
        (None, remembered(), {}, True),
        ({"Status": "failed"}, remembered(), {}, True),
        ({"Status": "testing"}, remembered(), {}, True),
        (SUCCESSFUL, None, {}, True),
        (SUCCESSFUL, remembered(token="two"), {}, True),
        (SUCCESSFUL, remembered(token=None), {"change_token": None}, False),
        (SUCCESSFUL, remembered(token=None), {"change_token": ""}, False),
        (SUCCESSFUL, remembered(age=10**9), {}, False),
        (SUCCESSFUL, remembered(age=60), {"max_age": 60}, False),
        (SUCCESSFUL, remembered(age=61), {"max_age": 60}, True),
        (SUCCESSFUL, remembered(age=-61), {"max_age": 60}, False),
    ],
)
def test_needed(connection, last, params, needed):
    assert connection_tests.test_needed(connection, last, {**PARAMS, **params}, NOW) is needed


@pytest.mark.parametrize("token", ["one", None, "", "ü" * 1000])
def test_tag_round_trip(token):
    value = format_tested(NOW, token)
    assert parse_tested(value) == connection_tests.Tested(NOW, fingerprint(token))
    assert len(value) <= 256, "a tag's value has 256 characters at most"
    assert value == f"2026-03-01T12:00:00Z/{fingerprint(token)}"


@pytest.mark.parametrize("value", [None, "", "yes", "2026-03-01/abc", "2026-13-01T12:00:00Z/abc", "/abc"])
def test_tag_written_by_hand_counts_for_nothing(value):
    assert parse_tested(value) is None


def test_tag_without_a_fingerprint_matches_no_token():
    assert connection_tests.test_needed(SUCCESSFUL, parse_tested("2026-03-01T12:00:00Z"), PARAMS, NOW)


def test_token_itself_is_not_kept():
    assert "secret-token" not in format_tested(NOW, "secret-token")


def test_tag_is_one_of_those_that_purging_leaves_alone():
    assert connection_tests.TESTED_TAG == "datalake.dms:connection-tested"
