# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs on one inventory at once, in some of the orders that their calls can have: nothing is made twice, and nothing is lost.

Five drawn pairs belong to each `make test`; `make crash` takes a hundred (INTERLEAVINGS=100).
"""

from __future__ import annotations

import os
import random
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core import call_guard

# The tools are scripts, in no package.
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import crash_tasks

pytestmark = pytest.mark.once

DRAWN = int(os.environ.get("INTERLEAVINGS", "5"))
ALICE, BOB = (
    {"owner": owner, "id": owner, "machine": "elsewhere", "pid": 7, "started": "99"} for owner in ("alice", "bob")
)
CSV = {"settings": {"data_format": "csv"}, "replace_tasks": True, "source_log_retention": 86400}
FULL = {"MigrationType": "full-load-and-cdc", "ResourceIdentifier": "copy"}
PAUSES = (0.0, 0.0, 0.01, 0.03, 0.1)
PARALLEL = "ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel.ThreadPoolExecutor"


class InThisThread:
    """In place of a pool of threads: each run makes its calls in a thread of its own."""

    def __init__(self, _workers):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    map = staticmethod(map)


class Interleaving:
    """Runs actions at once, each in a thread that pauses before its calls, as drawn."""

    def __init__(self, before_attempt):
        self._before_attempt, self._pauses = before_attempt, {}

    def before_attempt(self, event_name, **details):
        drawn = self._pauses.get(threading.current_thread())
        if drawn:
            threading.Event().wait(drawn.choice(PAUSES))
        self._before_attempt(event_name, **details)

    def run(self, seed, actions):
        """Their results, in the order of the actions."""
        results = [None] * len(actions)

        def act(place, action):
            try:
                results[place] = action()
            except AnsibleAWSError as error:
                results[place] = error
            finally:
                self._pauses.pop(threading.current_thread())

        threads = [threading.Thread(target=act, args=pair) for pair in enumerate(actions)]
        self._pauses = {thread: random.Random(f"{seed} {place}") for place, thread in enumerate(threads)}
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


@pytest.fixture
def interleaved(monkeypatch):
    monkeypatch.setattr(PARALLEL, InThisThread)
    interleaving = Interleaving(call_guard._before_attempt)
    monkeypatch.setattr(call_guard, "_before_attempt", interleaving.before_attempt)
    return interleaving.run


def target(lab):
    """The endpoint of crm; there must not be more than one."""
    found = [one for one in lab.endpoints() if one["EndpointIdentifier"] == "dev-crm"]
    assert len(found) <= 1
    return found[0] if found else None


def assert_as_declared(lab, hosts):
    """And a further run has nothing to do."""
    told = lab.deployment(hosts)["hosts"]["crm"]
    assert (told["failed"], told["changed"]) == (False, False), told["msg"]
    verified = lab.verification(hosts)["hosts"]["crm"]
    assert verified["failed"] is False, verified["msg"]
    assert target(lab)
    assert lab.control.state(lab.dms_account)["objects"][lab.journals] == []


@pytest.mark.parametrize("seed", range(DRAWN))
@pytest.mark.parametrize("change", [{}, {"access": "bucket_policy"}], ids=str)
def test_both_of_two_that_create_end_well(lab, interleaved, seed, change):
    hosts = [lab.host(**change)]
    results = interleaved(
        seed, [lambda run=run: lab.deployment(hosts, run=run)["hosts"]["crm"] for run in (ALICE, BOB)]
    )
    assert [told["failed"] for told in results] == [False, False], [told["msg"] for told in results]
    assert [told["connection_status"] for told in results] == ["successful", "successful"]
    assert_as_declared(lab, hosts)


@pytest.mark.parametrize("seed", range(DRAWN))
def test_second_of_two_that_replace_is_refused_with_the_name_of_the_first(lab, interleaved, seed):
    arn = lab.deployment([lab.host()])["hosts"]["crm"]["endpoint_arn"]
    lab.start(lab.task(arn, **FULL))
    hosts = [lab.host(**CSV)]
    results = interleaved(
        seed, [lambda run=run: lab.deployment(hosts, run=run)["hosts"]["crm"] for run in (ALICE, BOB)]
    )
    failed = [told for told in results if told["failed"]]
    assert len(failed) <= 1, [told["msg"] for told in results]
    for told in failed:
        first = "bob" if told is results[0] else "alice"
        assert first in told["msg"], told["msg"]
        assert "The rollback failed" not in told["msg"], told["msg"]
    assert_as_declared(lab, hosts)
    assert lab.tasks()["copy"]["Status"] == "running"
    state = lab.control.state(lab.dms_account)
    assert crash_tasks.lost_position(state["deleted_tasks"], state["tasks"]) is None


def has_failed(result):
    return isinstance(result, Exception) or any(told["failed"] for told in result["hosts"].values())


def assert_as_after_one_of_them(lab, hosts):
    """Both have ended well: the endpoint with its access, or neither."""
    if target(lab):
        verified = lab.verification(hosts)["hosts"]["crm"]
        assert verified["failed"] is False, verified["msg"]
    else:
        assert (lab.iam_role(), lab.policies().get(lab.policy_arn)) == (None, None)


@pytest.mark.parametrize("seed", range(DRAWN))
def test_deployment_and_removal_at_once_leave_no_endpoint_without_its_role(lab, interleaved, seed):
    hosts, drawn = [lab.host()], random.Random(seed)
    if drawn.random() < 0.5:
        lab.deployment(hosts)
    results = interleaved(seed, [lambda: lab.deployment(hosts, run=ALICE), lambda: lab.removal(hosts, run=BOB)])
    if not any(has_failed(result) for result in results):
        assert_as_after_one_of_them(lab, hosts)
    # Whoever failed has said so; the next run of either completes.
    told = lab.removal(hosts)["hosts"]["crm"] if drawn.random() < 0.5 else lab.deployment(hosts)["hosts"]["crm"]
    assert told["failed"] is False, told["msg"]
    assert_as_after_one_of_them(lab, hosts)


ACTIONS = ("deployment", "removal", "unlock", "prune")


@pytest.mark.parametrize("seed", range(DRAWN))
def test_any_two_runs_lose_nothing(lab, interleaved, seed):
    """The next deployment completes what they have left, without what somebody would have to mend by hand."""
    drawn = random.Random(seed)
    first, second, with_task = drawn.choice(ACTIONS), drawn.choice(ACTIONS), drawn.random() < 0.5
    arn = lab.deployment([lab.host(), lab.host("erp")])["hosts"]["crm"]["endpoint_arn"]
    if with_task:
        lab.start(lab.task(arn, **FULL))
    hosts = [lab.host(**CSV)]

    def act(name, run):
        if name == "prune":
            return lab.orphans(hosts, state="absent", names=["dev-erp"])
        return getattr(lab, name)(hosts, run=run)

    results = interleaved(seed, [lambda one=one: act(*one) for one in ((first, ALICE), (second, BOB))])
    if {first, second} == {"deployment", "removal"} and not any(has_failed(result) for result in results):
        assert_as_after_one_of_them(lab, hosts)
    told = lab.deployment(hosts, run={**ALICE, "id": "later"})["hosts"]["crm"]
    if told["failed"] and "playbooks/unlock.yml" in told["msg"]:
        lab.unlock(hosts)
        told = lab.deployment(hosts)["hosts"]["crm"]
    assert told["failed"] is False, f"{first}, {second}: {told['msg']}"
    assert_as_declared(lab, hosts)
    if with_task:
        assert lab.tasks()["copy"]["Status"] == "running"
        state = lab.control.state(lab.dms_account)
        assert crash_tasks.lost_position(state["deleted_tasks"], state["tasks"]) is None
