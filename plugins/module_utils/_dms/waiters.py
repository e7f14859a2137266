# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiters for DMS, as data for botocore."""

from __future__ import annotations

import json
from typing import Any

try:
    from botocore.exceptions import WaiterError
except ImportError:
    pass  # AnsibleAWSModule reports a missing botocore before anything here is used.
from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory
from ansible_collections.datalake.dms.plugins.module_utils._core import deadline, slots
from ansible_collections.datalake.dms.plugins.module_utils._dms.shared_polling import SharedPolling
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import IDLE_STATES

# A Describe of DMS is eventually consistent. A new resource is read at most this often until it is visible.
VISIBILITY_ATTEMPTS = 6


_NOT_FOUND = {"matcher": "error", "expected": "ResourceNotFoundFault"}
_NO_ENDPOINTS = {"matcher": "path", "argument": "length(Endpoints[])", "expected": 0}
_NO_TASKS = {"matcher": "path", "argument": "length(ReplicationTasks[])", "expected": 0}


def _status(matcher: str, argument: str, state: str, *values: str) -> list[dict[str, Any]]:
    return [{"state": state, "matcher": matcher, "argument": argument, "expected": value} for value in values]


def _all_tasks(*statuses: str) -> dict[str, Any]:
    """An acceptor: the status of each task is one of these."""
    others = f"ReplicationTasks[?!contains(`{json.dumps(statuses)}`, Status)]"
    return {"matcher": "path", "argument": f"length({others}) == `0`", "expected": True}


class _WaiterFactory(BaseWaiterFactory):
    """botocore's own waiters can't be used: `endpoint_deleted` fails at once on `active` and never ends on an empty list,
    `test_connection_succeeds` takes an old result for a new one."""

    @property
    def _waiter_model_data(self) -> dict[str, Any]:
        def waiter(operation: str, *acceptors: dict[str, Any]) -> dict[str, Any]:
            return {"operation": operation, "delay": 5, "maxAttempts": 60, "acceptors": list(acceptors)}

        endpoint, connection = "Endpoints[].Status", "Connections[].Status"
        return {
            "endpoint_visible": waiter(
                "DescribeEndpoints",
                {"state": "retry", **_NOT_FOUND},
                {"state": "retry", **_NO_ENDPOINTS},
                {"state": "success", "matcher": "path", "argument": "length(Endpoints[]) > `0`", "expected": True},
            ),
            "endpoint_external_id": waiter(
                "DescribeEndpoints",
                {"state": "retry", **_NOT_FOUND},
                {
                    "state": "success",
                    "matcher": "path",
                    "argument": "length(Endpoints[?ExternalId]) > `0`",
                    "expected": True,
                },
            ),
            "endpoint_active": waiter(
                "DescribeEndpoints",
                *_status("pathAll", endpoint, "success", "active"),
                *_status("pathAny", endpoint, "failure", "failed", "deleting"),
            ),
            "endpoint_deleted": waiter(
                "DescribeEndpoints", {"state": "success", **_NOT_FOUND}, {"state": "success", **_NO_ENDPOINTS}
            ),
            # No task is changing its state. Tasks that do not exist count as settled.
            "tasks_settled": waiter(
                "DescribeReplicationTasks",
                {"state": "success", **_NOT_FOUND},
                {"state": "success", **_all_tasks("running", *IDLE_STATES)},
            ),
            "tasks_idle": waiter(
                "DescribeReplicationTasks",
                {"state": "success", **_NOT_FOUND},
                {"state": "success", **_all_tasks(*IDLE_STATES)},
            ),
            "tasks_deleted": waiter(
                "DescribeReplicationTasks",
                {"state": "success", **_NOT_FOUND},
                {"state": "success", **_NO_TASKS},
            ),
            # A full load may finish before the first poll.
            "task_started": waiter(
                "DescribeReplicationTasks",
                *_status("pathAny", "ReplicationTasks[].Status", "success", "running"),
                {
                    "state": "success",
                    "matcher": "path",
                    "argument": "length(ReplicationTasks[?contains(StopReason || '', 'FINISHED')]) > `0`",
                    "expected": True,
                },
                *_status("pathAny", "ReplicationTasks[].Status", "failure", "failed"),
            ),
            "connection_test_started": waiter(
                "DescribeConnections",
                {"state": "retry", **_NOT_FOUND},
                *_status("pathAny", connection, "success", "testing"),
            ),
            "connection_test_finished": waiter(
                "DescribeConnections",
                {"state": "retry", **_NOT_FOUND},
                *_status("pathAll", connection, "success", "successful", "failed"),
            ),
        }


_WAITERS = _WaiterFactory()


# How botocore's reason begins.
_OVER = "Max attempts exceeded"


class _Watched:
    """A client that keeps the last answer of its operations; empty if that was an error.

    botocore counts polls only. Where calls take long, a deadline ends the wait as the last poll would.
    """

    def __init__(self, client: Any, waiter: str) -> None:
        self._client, self._waiter, self._polls = client, waiter, 0
        self.answer: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not name.startswith("describe_"):
            return found

        def call(**request: Any) -> dict[str, Any]:
            if self._polls and deadline.is_over():
                raise WaiterError(self._waiter, f"{_OVER}: the time is over", self.answer)
            self._polls += 1
            self.answer = {}
            self.answer = found(**request)
            return self.answer

        return call


def wait_for(client: Any, waiter: str, timeout: float, poll_interval: float, **request: Any) -> dict[str, Any]:
    """Wait with one of the waiters above. Another thread has this one's slot meanwhile, see slots.py.

    :param timeout: the longest wait, in seconds, see also deadline.py; the resource is polled at least once.
    :param poll_interval: seconds between two polls. Threads that share the client poll together.
    :returns: the answer that ended the wait; empty if it was ResourceNotFoundFault.
    :raises botocore.exceptions.WaiterError: the timeout is over, or the state can't be reached any more.
    """
    is_shared, timeout = isinstance(client, SharedPolling), deadline.cut(timeout)
    watched = _Watched(client.polling(poll_interval) if is_shared else client, waiter)
    attempts = 1 + int(timeout / poll_interval)
    # A shared client answers no sooner than after the interval.
    config = {"Delay": 0 if is_shared else poll_interval, "MaxAttempts": attempts}
    with slots.given_back():
        _WAITERS.get_waiter(watched, waiter).wait(**request, WaiterConfig=config)
    return watched.answer


def last_response_of(client: Any, waiter: str, timeout: float, poll_interval: float, **request: Any) -> dict[str, Any]:
    """Like wait_for, but returns the last answer after the timeout. A failed call is still raised."""
    try:
        return wait_for(client, waiter, timeout, poll_interval, **request)
    except WaiterError as error:
        if not _is_over(error):
            raise
        return {} if "Error" in error.last_response else dict(error.last_response)


def waited_for(client: Any, waiter: str, timeout: float, poll_interval: float, **request: Any) -> bool:
    """Like wait_for, but returns False after the timeout. A failed call is still raised."""
    try:
        wait_for(client, waiter, timeout, poll_interval, **request)
    except WaiterError as error:
        if not _is_over(error):
            raise
        return False
    return True


def _is_over(error: WaiterError) -> bool:
    return bool(error.kwargs["reason"].startswith(_OVER))
