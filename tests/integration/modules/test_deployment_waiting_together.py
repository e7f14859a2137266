# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of one process wait together: what is under way in an account is asked once for all of them."""

from __future__ import annotations

import time
from collections import Counter

import pytest

pytestmark = pytest.mark.once

NAMES = [f"source{number}" for number in range(12)]


def test_connection_tests_are_polled_together(lab):
    interval = 0.25
    lab.switch(test_polls=0, test_seconds=2)
    hosts = [lab.host(name, poll_interval=interval, wait_timeout=60) for name in NAMES]
    began = time.monotonic()
    result = lab.deployment(hosts, parallel=2)
    took = time.monotonic() - began
    assert {host["connection_status"] for host in result["hosts"].values()} == {"successful"}
    assert len(lab.calls("DescribeConnections")) <= 1 + took / interval
    # Only two are handled at once, but those that wait for a test are not counted.
    assert lab.calls("TestConnection", "AddTagsToResource")[:3] == ["TestConnection"] * 3


def test_test_of_a_new_endpoint_needs_no_other_call(lab):
    lab.deployment([lab.host()])
    calls = Counter(lab.calls())
    assert (calls["ListTagsForResource"], calls["TestConnection"], calls["AddTagsToResource"]) == (0, 1, 1)
    assert calls["DescribeConnections"] <= 3


@pytest.mark.parametrize("test", [{"test_polls": 0}, {"test_polls": 3}], ids=["over at once", "takes its time"])
@pytest.mark.parametrize("stale", [0, 3])
def test_row_of_the_test_before_is_not_taken_for_the_new_one(lab, stale, test):
    """Endpoints whose role did not know their ids when they were tested."""
    hosts = [lab.host(name) for name in NAMES[:4]]
    lab.deployment(hosts, parallel=4)
    for name in NAMES[:4]:
        lab.role(role_name=f"dms-s3-{name}", policy_name=f"dms-s3-{name}", bucket_folder="elsewhere", deployment="dev")
    broken = [lab.test(one["EndpointArn"], test="always", change_token="other")["status"] for one in lab.endpoints()]
    assert set(broken) == {"failed"}
    lab.switch(stale_polls=stale, **test)
    result = lab.deployment(hosts, parallel=4)
    assert {host["connection_status"] for host in result["hosts"].values()} == {"successful"}


def test_one_after_another_where_the_user_says_so(lab):
    lab.switch(test_polls=3)
    lab.deployment([lab.host(name) for name in NAMES[:3]], parallel=1)
    assert lab.calls("TestConnection", "AddTagsToResource") == ["TestConnection", "AddTagsToResource"] * 3
