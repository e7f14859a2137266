# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs, and whether a run of this machine is dead."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._replacement import run_identity
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import (
    current_run,
    is_dead,
    worker_of,
)

pytestmark = pytest.mark.skipif(
    run_identity.machine() is None, reason="the system has no /proc: no run is ever called dead"
)


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def run_of(process):
    return {**current_run(), "pid": process.pid, "started": run_identity.process_started(process.pid)}


# In a process of its own: pytest's has threads, beside which a fork may hang.
WORKER = """
import multiprocessing
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.apply(current_run) == current_run())
"""


def test_run_is_the_same_in_its_workers():
    ended = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"


def test_process_is_alive_until_it_ends(child):
    run = run_of(child)
    assert not is_dead(run)
    child.kill()
    child.wait()
    assert is_dead(run)


def test_process_that_is_dead_and_not_waited_for_is_dead(child):
    run = run_of(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(run)


def test_another_process_of_the_same_number_is_another_run(child):
    assert is_dead({**run_of(child), "started": "1"})


def end(process):
    process.kill()
    process.wait()


def test_process_that_this_user_may_not_see_is_alive_until_it_ends(child, monkeypatch, tmp_path):
    run, here = run_of(child), run_identity.machine()
    monkeypatch.setattr(run_identity, "machine", lambda: here)
    monkeypatch.setattr(run_identity, "_PROC", tmp_path)
    assert not is_dead(run)
    end(child)
    assert is_dead(run)


def test_process_of_another_user_is_alive(child, monkeypatch, tmp_path):
    def denied(*_arguments):
        raise PermissionError

    run, here = run_of(child), run_identity.machine()
    monkeypatch.setattr(run_identity, "machine", lambda: here)
    monkeypatch.setattr(run_identity, "_PROC", tmp_path)
    monkeypatch.setattr(os, "kill", denied)
    assert not is_dead(run)


def test_run_without_its_main_process_is_alive_while_its_worker_is(child):
    controller = {**current_run(), "pid": os.getpid(), "started": "1"}
    worker = {"pid": child.pid, "started": run_identity.process_started(child.pid)}
    assert is_dead(controller)
    assert not is_dead({**controller, "worker": worker})
    end(child)
    assert is_dead({**controller, "worker": worker})


def test_worker_is_this_process_where_it_is_not_that_of_the_run(child):
    mine = {"pid": os.getpid(), "started": run_identity.process_started(os.getpid())}
    assert worker_of(run_of(child)) == {"worker": mine}
    assert worker_of(current_run()) == {}


@pytest.mark.parametrize("worker", ["7", [], {"pid": "7"}, {"pid": 0, "started": "1"}, {"pid": 10**30, "started": "1"}])
def test_nothing_is_said_of_a_run_whose_worker_is_not_a_process(worker):
    assert not is_dead({**current_run(), "started": "1", "worker": worker})


@pytest.mark.parametrize("lack", [{"machine": "elsewhere"}, {"machine": None}, {"started": None}, {"pid": "7"}])
def test_nothing_is_said_of_a_run_elsewhere(child, lack):
    run = run_of(child)
    child.kill()
    child.wait()
    assert not is_dead({**run, **lack})


def test_owner_is_named_as_told():
    assert current_run("AWX job 7")["owner"] == "AWX job 7"
    assert current_run("AWX job 7")["id"] != current_run()["id"]
