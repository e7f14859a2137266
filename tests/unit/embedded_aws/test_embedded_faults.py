# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Injected faults, the DMS throttle and the journal."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from embedded_aws import ControlError
from embedded_aws.server.faults import TokenBuckets
from embedded_cloud import BUCKET, DMS, LAKE, REGION

ANSWERS = {
    ("dms", "throttle"): ("ThrottlingException", 400),
    ("dms", "error500"): ("InternalFailure", 500),
    ("dms", "error503"): ("ServiceUnavailableException", 503),
    ("iam", "throttle"): ("Throttling", 400),
    ("iam", "error500"): ("InternalFailure", 500),
    ("iam", "error503"): ("ServiceUnavailable", 503),
    ("s3", "throttle"): ("SlowDown", 503),
    ("s3", "error500"): ("InternalError", 500),
    ("s3", "error503"): ("ServiceUnavailable", 503),
    ("ec2", "throttle"): ("RequestLimitExceeded", 503),
}
CALLS = {
    "dms": ("dms", "describe_endpoints", {}),
    "iam": ("lake", "list_roles", {}),
    "s3": ("lake", "get_bucket_location", {"Bucket": BUCKET}),
    "ec2": ("dms", "describe_vpcs", {}),
}


def caught(function: Any, **parameters: Any) -> tuple[str, int]:
    """Code and status of the error that AWS answers with."""
    with pytest.raises(ClientError) as error:
        function(**parameters)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(("service", "kind"), list(ANSWERS))
def test_errors_in_each_protocol(cloud: Any, service: str, kind: str) -> None:
    side, operation, parameters = CALLS[service]
    function = getattr(cloud.in_account(side, service), operation)
    cloud.control.add_fault(service=service, kind=kind)
    assert caught(function, **parameters) == ANSWERS[service, kind]


def test_any_error(cloud: Any) -> None:
    cloud.control.add_fault(service="dms", kind="error", code="KMSKeyNotAccessibleFault", message="no key", status=418)
    with pytest.raises(cloud.dms.exceptions.KMSKeyNotAccessibleFault, match="no key"):
        cloud.create_endpoint()
    assert cloud.control.journal()[-1]["status"] == 418
    assert cloud.control.state(DMS)["endpoints"] == [], "the call took no effect"


def test_count_skip_and_for_ever(cloud: Any) -> None:
    describe = cloud.dms.describe_endpoints
    cloud.control.add_fault(service="dms", kind="throttle", skip=1, count=2)
    describe()
    for _call in range(2):
        assert caught(describe)[0] == "ThrottlingException"
    describe()
    cloud.control.add_fault(service="dms", kind="throttle", count=None)
    for _call in range(3):
        assert caught(describe)[0] == "ThrottlingException"
    cloud.control.clear_faults()
    describe()


@pytest.mark.parametrize(
    "other", [{"service": "s3"}, {"operation": "Create*"}, {"account": DMS}, {"region": "eu-west-1"}]
)
def test_faults_hit_what_they_name(cloud: Any, other: dict[str, Any]) -> None:
    fault = {"service": "i?m", "kind": "error500", "operation": "List*", "account": LAKE, "region": REGION}
    cloud.control.add_fault(**{**fault, **other})
    cloud.iam.list_roles()
    cloud.control.add_fault(**fault)
    assert caught(cloud.iam.list_roles) == ("InternalFailure", 500)


def test_a_fault_may_wait_for_an_operation(cloud: Any) -> None:
    cloud.control.add_fault(service="*", account=DMS, kind="throttle", after="CreateEndpoint")
    cloud.dms.describe_endpoints()
    cloud.create_endpoint()
    cloud.iam.list_roles()
    assert caught(cloud.dms.describe_endpoints)[0] == "ThrottlingException"
    cloud.dms.describe_endpoints()


def test_a_reset_before_the_effect(cloud: Any) -> None:
    cloud.control.add_fault(service="dms", operation="CreateEndpoint", kind="reset_before")
    with pytest.raises(HTTPClientError):
        cloud.create_endpoint()
    assert cloud.control.state(DMS)["endpoints"] == []
    entry = cloud.control.journal()[-1]
    assert (entry["operation"], entry["fault"], entry["status"]) == ("CreateEndpoint", "reset_before", None)


def test_a_reset_after_the_effect(cloud: Any) -> None:
    cloud.control.add_fault(service="dms", operation="CreateEndpoint", kind="reset_after")
    with pytest.raises(HTTPClientError):
        cloud.create_endpoint()
    assert len(cloud.control.state(DMS)["endpoints"]) == 1
    assert cloud.control.journal()[-1]["fault"] == "reset_after"


def test_a_delay_holds_up_only_its_call(cloud: Any) -> None:
    cloud.control.add_fault(service="dms", kind="delay", seconds=1)
    describe, list_roles = cloud.dms.describe_endpoints, cloud.iam.list_roles
    started = time.monotonic()
    delayed = threading.Thread(target=describe)
    delayed.start()
    while cloud.control.journal()[-1]["fault"] != "delay":
        assert delayed.is_alive()
    list_roles()
    assert delayed.is_alive()
    delayed.join()
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ({"kind": "throttle"}, "service"),
        ({"service": "dms", "kind": "explode"}, "explode"),
        ({"service": "dms", "kind": "error"}, "code"),
        ({"service": "dms", "kind": "delay"}, "seconds"),
        ({"service": "dms", "kind": "throttle", "colour": "red"}, "colour"),
        ({"service": "dms", "kind": "throttle", "count": 0}, "count"),
        ({"service": "dms", "kind": "kill_before"}, "pid"),
        ({"service": "dms", "kind": "kill_after", "pid": 0}, "pid"),
        ({"service": "dms", "kind": "kill_after", "pid": os.getpid()}, "has the embedded AWS within it"),
        ({"service": "dms", "kind": "kill_after", "pid": os.getppid()}, "has the embedded AWS within it"),
    ],
)
def test_faults_that_cannot_be(cloud: Any, fault: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ControlError, match=wrong):
        cloud.control.add_fault(**fault)


def test_dms_is_throttled_by_account_and_region(cloud: Any) -> None:
    describe = cloud.dms.describe_endpoints
    cloud.control.set_switches(DMS, dms_throttle={"burst": 2, "refill": 0.001})
    describe()
    describe()
    assert caught(describe) == ("ThrottlingException", 400)
    cloud.in_account("lake", "dms").describe_endpoints()
    cloud.control.set_switches(DMS, dms_throttle=None)
    describe()


def test_a_bucket_refills() -> None:
    clock = [0.0]
    buckets = TokenBuckets(now=lambda: clock[0])
    taken = [buckets.take(("a",), burst=2, refill=0.5) for _call in range(3)]
    clock[0] = 2.0
    taken += [buckets.take(("a",), burst=2, refill=0.5) for _call in range(2)]
    assert taken == [True, True, False, True, False]


def test_the_journal(cloud: Any) -> None:
    cloud.control.clear_journal()
    credentials = cloud.assume("lake", name="run-42")
    s3 = cloud.client("s3", credentials)
    s3.list_objects_v2(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="orders/a b", Body=b"content")
    s3.head_object(Bucket=BUCKET, Key="orders/a b")
    assert caught(cloud.client("iam", credentials).get_role, RoleName="none")[0] == "NoSuchEntity"
    assert caught(s3.head_bucket, Bucket="no-such-bucket")[0] == "404"
    journal = cloud.control.journal()
    assert [(entry["service"], entry["operation"], entry["status"], entry["error_code"]) for entry in journal] == [
        ("sts", "AssumeRole", 200, None),
        ("s3", "ListObjectsV2", 200, None),
        ("s3", "PutObject", 200, None),
        ("s3", "HeadObject", 200, None),
        ("iam", "GetRole", 404, "NoSuchEntity"),
        ("s3", "HeadBucket", 404, "404"),
    ]
    assert [entry["seq"] for entry in journal] == list(range(journal[0]["seq"], journal[0]["seq"] + 6))
    assert {entry["account"] for entry in journal[1:]} == {LAKE}
    assert {entry["session_name"] for entry in journal[1:]} == {"run-42"}
    assert (journal[0]["account"], journal[0]["session_name"]) == ("999999999999", None)
    assert journal[1]["access_key"] == credentials["AccessKeyId"]
    assert journal[1]["region"] == REGION
    cloud.control.clear_journal()
    assert cloud.control.journal() == []


def test_parallel_calls_are_all_journaled_once(cloud: Any) -> None:
    describe = cloud.dms.describe_endpoints
    cloud.control.clear_journal()
    threads = [threading.Thread(target=describe) for _call in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal = cloud.control.journal()
    assert len({entry["seq"] for entry in journal}) == 20
    assert {(entry["operation"], entry["status"]) for entry in journal} == {("DescribeEndpoints", 200)}
