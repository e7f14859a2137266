# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that stands still for longer than its lock: another run replaces the endpoint meanwhile, and the first one changes nothing more."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core import call_guard
from ansible_collections.datalake.dms.plugins.module_utils._replacement import locked_journal

pytestmark = pytest.mark.once

BOB = {"owner": "bob@desk", "id": "b1", "machine": "elsewhere", "pid": 7, "started": "99"}
CONSENT = {"replace_tasks": True, "source_log_retention": 86400}
CSV = {"settings": {"data_format": "csv"}}
JSON_GZIP = {"settings": {"data_format": "csv", "compression_type": "gzip"}}
QUOTA = {"code": "ResourceQuotaExceededFault", "message": "No more of them."}
# What a replacement calls that changes something, but for its journal.
CALLS = [
    "StopReplicationTask",
    "DeleteReplicationTask",
    "DeleteEndpoint",
    "CreateEndpoint",
    "UpdateAssumeRolePolicy",
    "TestConnection",
    "CreateReplicationTask",
    "StartReplicationTask",
]


def deploy(lab, run=None, **variables):
    options = {"run": run} if run else {}
    return lab.deployment([lab.host(**{**CONSENT, **variables})], **options)["hosts"]["crm"]


def unlock_and_deploy(lab):
    """What somebody does who believes that the first run is dead."""
    assert lab.unlock([lab.host(**CONSENT)])["changed"] is True
    told = deploy(lab, run=BOB, **JSON_GZIP)
    assert told["failed"] is False, told["msg"]


@pytest.fixture
def task(lab):
    arn = lab.task(deploy(lab)["endpoint_arn"], MigrationType="full-load-and-cdc", ResourceIdentifier="copy")
    lab.start(arn)
    lab.forget_calls()
    return arn


@pytest.fixture
def meanwhile(monkeypatch):
    """Have something done in another thread when a call is about to be attempted, once."""
    before_attempt, waiting = call_guard._before_attempt, []

    def stalled(event_name, **details):
        operation = event_name.split(".")[2]
        if waiting and waiting[0][0] == operation and waiting[0][1] is threading.current_thread():
            if waiting[0][2]:
                waiting[0][2] -= 1
            else:
                action = waiting.pop()[3]
                failures = []

                def done():
                    try:
                        action()
                    except BaseException as error:
                        failures.append(error)

                other = threading.Thread(target=done)
                other.start()
                other.join()
                assert failures == []
        before_attempt(event_name, **details)

    monkeypatch.setattr(call_guard, "_before_attempt", stalled)

    def at(operation, action, skip=0):
        waiting.append([operation, threading.current_thread(), skip, action])

    return at


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """The first run makes its calls in the thread of the test."""
    handled = []

    class InThisThread:
        def __init__(self, _workers):
            handled.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_error):
            return None

        map = staticmethod(map)

    parallel = "ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel.ThreadPoolExecutor"
    monkeypatch.setattr(parallel, InThisThread)


def assert_of_the_other(lab):
    """Endpoint, task and journal are as the other run left them."""
    (endpoint,) = [one for one in lab.endpoints() if one["EndpointType"] == "TARGET"]
    assert (endpoint["S3Settings"]["DataFormat"], endpoint["S3Settings"]["CompressionType"]) == ("csv", "GZIP")
    made = lab.tasks()["copy"]
    assert (made["Status"], made["TargetEndpointArn"]) == ("running", endpoint["EndpointArn"])
    trust = lab.iam_role()["Trust"]["Statement"][0]["Condition"]["StringEquals"]
    assert trust == {"sts:ExternalId": [endpoint["ExternalId"]]}
    assert lab.control.state(lab.dms_account)["objects"][lab.journals] == []


@pytest.mark.parametrize("operation", CALLS)
def test_run_that_was_overtaken_changes_nothing_more(lab, task, meanwhile, operation):
    def other_run():
        unlock_and_deploy(lab)
        lab.forget_calls()

    meanwhile(operation, other_run)
    told = deploy(lab, **CSV)
    assert told["failed"] is True
    assert "This run no longer has the lock of dev-crm: its journal was removed" in told["msg"]
    assert "changes nothing more and rolls nothing back; run again once no other run replaces dev-crm." in told["msg"]
    before = CALLS[: CALLS.index(operation)]
    assert all(one in told["msg"] for one in before)
    assert lab.writes() == []
    assert_of_the_other(lab)
    assert deploy(lab, **JSON_GZIP)["changed"] is False


def test_next_attempt_of_a_call_is_checked_as_well(lab, task, meanwhile):
    lab.fault("dms", "DeleteEndpoint", "reset_before", "dms")
    meanwhile("DeleteEndpoint", lambda: unlock_and_deploy(lab), skip=1)
    assert "This run no longer has the lock of dev-crm" in deploy(lab, **CSV)["msg"]
    assert_of_the_other(lab)


def test_rollback_that_was_overtaken_changes_nothing_more(lab, task, meanwhile):
    lab.fault("dms", "TestConnection", "error", "dms", **QUOTA)
    meanwhile("DeleteEndpoint", lambda: unlock_and_deploy(lab), skip=1)
    assert "This run no longer has the lock of dev-crm" in deploy(lab, **CSV)["msg"]
    assert_of_the_other(lab)


def test_run_that_failed_while_it_was_overtaken_rolls_nothing_back(lab, task, meanwhile):
    lab.fault("dms", "CreateReplicationTask", "error", "dms", skip=1, **QUOTA)
    meanwhile("CreateReplicationTask", lambda: unlock_and_deploy(lab))
    assert "This run no longer has the lock of dev-crm" in deploy(lab, **CSV)["msg"]


def test_run_that_is_being_overtaken_names_the_other(lab, task, meanwhile):
    def take_over():
        lab.unlock([lab.host(**CONSENT)])
        lab.replacement(run=BOB).journal.take_over()

    meanwhile("DeleteEndpoint", take_over)
    told = deploy(lab, **CSV)
    assert "This run no longer has the lock of dev-crm: bob@desk (run b1) has taken over." in told["msg"]
    assert "Until then it had called TagRole, StopReplicationTask, DeleteReplicationTask" in told["msg"]
    assert "Task copy is down; " in told["msg"]


def test_run_whose_lock_was_released_stops(lab, task, meanwhile):
    meanwhile("DeleteEndpoint", lambda: lab.unlock([lab.host(**CONSENT)]))
    assert "This run no longer has the lock of dev-crm: its lock was released." in deploy(lab, **CSV)["msg"]
    told = deploy(lab, **CSV)
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running"), told["msg"]


def test_run_goes_on_where_its_lock_has_ended_and_nobody_took_it(lab, task, meanwhile, monkeypatch):
    clock, slept = locked_journal._clock, []
    monkeypatch.setattr(locked_journal, "_clock", lambda: clock() + sum(slept))
    meanwhile("DeleteEndpoint", lambda: slept.append(2 * 3600))
    told = deploy(lab, **CSV)
    assert told["failed"] is False, told["msg"]
    # The positions of the tasks, and the lock that was renewed.
    writes = lab.writes()
    assert writes[writes.index("DeleteReplicationTask") :][:3] == [
        "DeleteReplicationTask",
        "PutObject",
        "DeleteEndpoint",
    ]


def test_second_of_two_runs_is_refused_with_the_holder(lab, task, meanwhile):
    """Both have planned before either had the lock."""
    began = []

    def begin():
        lab.replacement(run=BOB).stop_tasks("recreated")
        lab.forget_calls()
        began.append(True)

    create = locked_journal.LockedJournal.create

    def create_second(journal, *arguments):
        if not began and journal._params["run"] != BOB:
            begin()
        create(journal, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locked_journal.LockedJournal, "create", create_second)
        told = deploy(lab, **CSV)
    assert told["failed"] is True
    assert (
        "bob@desk has just begun to replace the endpoint dev-crm; wait until that has ended, and run again."
        in told["msg"]
    )
    assert "rollback" not in told["msg"]
    # The condition of that write did not hold.
    assert lab.writes() == ["PutObject"]
