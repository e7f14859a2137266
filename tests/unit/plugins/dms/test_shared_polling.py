# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many threads wait for is asked together: requests put together, answers divided, and who is answered by which request."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import error_code
from ansible_collections.datalake.dms.plugins.module_utils._dms import shared_polling
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters
from ansible_collections.datalake.dms.plugins.module_utils._dms.shared_polling import KINDS, SharedPolling
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import wait_for
from botocore.exceptions import ClientError
from botocore.stub import Stubber

CONNECTIONS, ENDPOINTS = KINDS["describe_connections"], KINDS["describe_endpoints"]
LONG = 30  # seconds; nothing takes them
INTERVAL = 0.05


def of(endpoint, instance="i", **more):
    return {"Filters": filters(endpoint_arn=endpoint, replication_instance_arn=instance), **more}


def row(endpoint, status="testing", instance="i"):
    return {"EndpointArn": endpoint, "ReplicationInstanceArn": instance, "Status": status}


# Requests put together, and answers divided


@pytest.mark.parametrize(
    ("requests", "groups"),
    [
        ([of("a"), of("b")], 1),
        ([of(["a", "b"]), of("b")], 1),
        ([of("a"), of("b", "j")], 2),
        ([of("a"), of("b", MaxRecords=20)], 2),
        ([of("a"), {"Filters": filters(endpoint_arn="b")}], 2),
    ],
    ids=["two endpoints", "several values", "another instance", "another page size", "without the instance"],
)
def test_requests_that_can_be_one(requests, groups):
    taken_apart = [shared_polling.wanted(CONNECTIONS, request) for request in requests]
    assert len({one.group for one in taken_apart}) == groups


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        (CONNECTIONS, {}),
        (CONNECTIONS, {"Filters": filters(replication_instance_arn="i")}),
        (CONNECTIONS, of("a", Marker="next")),
        (ENDPOINTS, {"Filters": filters(endpoint_arn="a", endpoint_id="b")}),
    ],
    ids=["all", "by instance", "next page", "two ways"],
)
def test_requests_that_are_left_alone(kind, request_):
    assert shared_polling.wanted(kind, request_) is None


def test_merged_request_has_each_value_once_in_pages():
    names = [f"e{number:03}" for number in range(150)]
    group = [shared_polling.wanted(CONNECTIONS, of(name)) for name in [*names, *names[:20]]]
    first, second = shared_polling.merged(group)
    assert first == {"MaxRecords": 100, **of(names[:100])}
    assert second == {"MaxRecords": 100, **of(names[100:])}


@pytest.mark.parametrize(
    ("kind", "wanted", "items", "expected"),
    [
        (CONNECTIONS, {"endpoint_arn": "a"}, [row("b"), row("a"), row("A")], [1]),
        (CONNECTIONS, {"endpoint_arn": ["a", "b"]}, [row("b"), row("c"), row("a")], [0, 2]),
        (CONNECTIONS, {"endpoint_arn": "a"}, [row("b")], []),
        (ENDPOINTS, {"endpoint_id": "Dev-A"}, [{"EndpointIdentifier": "dev-a"}, {"EndpointIdentifier": "dev"}], [0]),
    ],
    ids=["one", "two", "none", "spelling of an identifier"],
)
def test_each_gets_its_part(kind, wanted, items, expected):
    one = shared_polling.wanted(kind, {"Filters": filters(**wanted)})
    assert shared_polling.part(kind, one, items) == [items[place] for place in expected]


# Threads


class Clock:
    """A time that stands still until the test moves it; tells when so many threads have found that it is not theirs yet."""

    def __init__(self):
        self.now, self._waiting, self._changed = 0.0, set(), threading.Condition()

    def __call__(self):
        with self._changed:
            self._waiting.add(threading.get_ident())
            self._changed.notify_all()
            return self.now

    def forget(self):
        """Who has asked until now went on."""
        with self._changed:
            self._waiting.clear()

    def move_when_asked_by(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._waiting) >= count, timeout=LONG)
            self._waiting.clear()
            self.now += INTERVAL


@pytest.fixture
def dms():
    return boto3.client("dms", "eu-central-1", aws_access_key_id="none", aws_secret_access_key="none")


@pytest.fixture
def stub(dms):
    with Stubber(dms) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shared(dms, clock):
    return SharedPolling(dms, clock)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(10) as threads:
        yield threads


def asking(pool, shared, names):
    client = shared.polling(INTERVAL)
    return [pool.submit(client.describe_connections, **of(name)) for name in names]


def begun(stub, shared, clock):
    """A first request, which goes at once and as it was given."""
    stub.add_response("describe_connections", {"Connections": [row("first")], "Marker": ""}, of("first"))
    told = shared.polling(INTERVAL).describe_connections(**of("first"))
    assert told["Connections"] == [row("first")]
    clock.forget()


def test_threads_are_answered_together(stub, shared, clock, pool):
    begun(stub, shared, clock)
    names = ["c", "a", "d", "b", "a"]
    asked = asking(pool, shared, names)
    rows = [row(name) for name in "abc"]
    stub.add_response("describe_connections", {"Connections": rows}, {"MaxRecords": 100, **of(["a", "b", "c", "d"])})
    clock.move_when_asked_by(len(names))
    told = {name: future.exception(LONG) or future.result(LONG) for name, future in zip(names, asked, strict=True)}
    assert {name: told[name]["Connections"] for name in "abc"} == {name: [row(name)] for name in "abc"}
    # What is not there is missing for those alone that want it.
    assert isinstance(told["d"], ClientError)
    assert (error_code(told["d"]), told["d"].operation_name) == ("ResourceNotFoundFault", "DescribeConnections")


def test_all_pages_are_read(stub, shared, clock, pool):
    begun(stub, shared, clock)
    asked = asking(pool, shared, ["a", "b"])
    request = {"MaxRecords": 100, **of(["a", "b"])}
    stub.add_response("describe_connections", {"Connections": [row("a")], "Marker": "next"}, request)
    stub.add_response("describe_connections", {"Connections": [row("b")]}, {**request, "Marker": "next"})
    clock.move_when_asked_by(2)
    told = [future.result(LONG) for future in asked]
    assert [one["Connections"] for one in told] == [[row("a")], [row("b")]]
    assert not any("Marker" in one for one in told)


def test_error_reaches_each(stub, shared, clock, pool):
    begun(stub, shared, clock)
    asked = asking(pool, shared, ["a", "b", "c"])
    stub.add_client_error("describe_connections", "AccessDeniedException", "no")
    clock.move_when_asked_by(3)
    assert [error_code(future.exception(LONG)) for future in asked] == ["AccessDeniedException"] * 3
    clock.now += INTERVAL
    begun(stub, shared, clock)


def test_answer_is_not_older_than_the_question(dms, stub, clock, pool):
    """Who asks while a request is on its way is answered by the next one."""
    shared, on_its_way, go_on = SharedPolling(dms, clock), threading.Event(), threading.Event()

    def hold(**_request):
        on_its_way.set()
        assert go_on.wait(LONG)

    dms.meta.events.register("before-parameter-build.dms.DescribeConnections", hold)
    stub.add_response("describe_connections", {"Connections": [row("a", "testing")]}, of("a"))
    (first,) = asking(pool, shared, ["a"])
    assert on_its_way.wait(LONG)
    clock.forget()
    (second,) = asking(pool, shared, ["a"])
    stub.add_response("describe_connections", {"Connections": [row("a", "successful")]}, of("a"))
    go_on.set()
    assert first.result(LONG)["Connections"][0]["Status"] == "testing"
    clock.move_when_asked_by(1)
    assert second.result(LONG)["Connections"][0]["Status"] == "successful"


def test_reads_while_two_are_on_their_way_are_sent_as_one(dms, stub, clock, pool):
    shared, held = SharedPolling(dms, clock), [threading.Event(), threading.Event()]
    together = shared_polling.together(shared)
    on_its_way, waiting = threading.Semaphore(0), list(held)

    def hold(**_request):
        if waiting:
            go_on = waiting.pop(0)
            on_its_way.release()
            assert go_on.wait(LONG)

    dms.meta.events.register("before-parameter-build.dms.DescribeConnections", hold)
    first = []
    stub.add_response("describe_connections", {"Connections": [row("a")]}, of("a"))
    for _time in range(2):
        first.append(pool.submit(together.describe_connections, **of("a")))
        assert on_its_way.acquire(timeout=LONG)
    later = [pool.submit(together.describe_connections, **of(name)) for name in ("c", "d", "e")]
    line, deadline = next(iter(shared._lines.values())), time.monotonic() + LONG
    while len(line.asks) < len(later) and time.monotonic() < deadline:
        threading.Event().wait(0.001)
    rows = [row("c"), row("d")]
    stub.add_response("describe_connections", {"Connections": rows}, {"MaxRecords": 100, **of(["c", "d", "e"])})
    held[0].set()
    assert [future.result(LONG)["Connections"] for future in [first[0], *later[:2]]] == [[row(name)] for name in "acd"]
    assert error_code(later[2].exception(LONG)) == "ResourceNotFoundFault"
    stub.add_response("describe_connections", {"Connections": [row("a", "successful")]}, of("a"))
    held[1].set()
    assert first[1].result(LONG)["Connections"] == [row("a", "successful")]
    # An answer is for those alone that asked before.
    stub.add_client_error("describe_connections", "AccessDeniedException", "no")
    with pytest.raises(ClientError):
        together.describe_connections(**of("a"))
    stub.add_response("describe_connections", {"Connections": [row("a", "failed")]}, of("a"))
    assert together.describe_connections(**of("a"))["Connections"][0]["Status"] == "failed"


def test_client_of_one_thread_reads_by_itself(dms):
    assert shared_polling.together(dms) is dms


def test_other_calls_go_straight_to_aws(stub, shared):
    for _time in range(3):
        stub.add_response("describe_connections", {"Connections": []}, of("a"))
        assert shared.describe_connections(**of("a"))["Connections"] == []
    stub.add_response("describe_connections", {"Connections": []}, {})
    assert shared.polling(INTERVAL).describe_connections()["Connections"] == []


def test_waiters_work_with_it(dms, stub, pool):
    """Each thread is done when its own is: "b" takes one look more, with that of nobody else."""
    shared, ready = SharedPolling(dms), threading.Barrier(2)
    looks = [{"a": "successful", "b": "testing"}, {"b": "failed"}]
    seen = []

    def asked(params, **_more):
        seen.append(params["Filters"][0]["Values"])

    dms.meta.events.register("before-parameter-build.dms.DescribeConnections", asked)
    stub.add_response("describe_connections", {"Connections": [row("first")]}, of("first"))
    shared.polling(1.0).describe_connections(**of("first"))
    for statuses in looks:
        rows = [row(name, status) for name, status in statuses.items()]
        stub.add_response("describe_connections", {"Connections": rows})

    def wait(name):
        ready.wait(LONG)
        return wait_for(shared, "connection_test_finished", LONG, 1.0, **of(name))["Connections"]

    assert list(pool.map(wait, "ab")) == [[row("a", "successful")], [row("b", "failed")]]
    assert seen == [["first"], ["a", "b"], ["b"]]
