# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about many replication tasks."""

from __future__ import annotations

import boto3
import pytest
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import describe_tasks, wait_for_tasks
from botocore.stub import Stubber

WAIT = {"wait_timeout": 1, "poll_interval": 0.01}


@pytest.fixture
def dms():
    return boto3.client("dms", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")


def chunks(count):
    """Identifiers, and the names of each request for them."""
    names = [f"copy-{number}" for number in range(count)]
    return names, [names[:100], names[100:200], names[200:]]


def answer(stub, names, status="stopped"):
    tasks = [{"ReplicationTaskIdentifier": name, "Status": status} for name in names]
    wanted = {"Filters": [{"Name": "replication-task-id", "Values": names}]}
    stub.add_response("describe_replication_tasks", {"ReplicationTasks": tasks}, wanted)


def test_more_tasks_than_a_page_has_are_read_in_several_requests(dms):
    names, requests = chunks(205)
    with Stubber(dms) as stub:
        for request in requests:
            answer(stub, request)
        assert [task["ReplicationTaskIdentifier"] for task in describe_tasks(dms, names)] == names
        stub.assert_no_pending_responses()


def test_more_tasks_than_a_page_has_are_all_waited_for(dms):
    names, requests = chunks(205)
    with Stubber(dms) as stub:
        for request in requests:
            answer(stub, request, "stopping")
            answer(stub, request)
        wait_for_tasks(dms, "tasks_idle", names, WAIT)
        stub.assert_no_pending_responses()


def test_no_tasks_take_no_request(dms):
    with Stubber(dms):
        assert describe_tasks(dms, []) == []
        wait_for_tasks(dms, "tasks_idle", [], WAIT)
