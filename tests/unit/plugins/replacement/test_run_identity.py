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
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run, is_dead

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


@pytest.mark.parametrize("lack", [{"machine": "elsewhere"}, {"machine": None}, {"started": None}, {"pid": "7"}])
def test_nothing_is_said_of_a_run_elsewhere(child, lack):
    run = run_of(child)
    child.kill()
    child.wait()
    assert not is_dead({**run, **lack})


def test_owner_is_named_as_told():
    assert current_run("AWX job 7")["owner"] == "AWX job 7"
    assert current_run("AWX job 7")["id"] != current_run()["id"]
