# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a process with all that it started, and kills them, as a machine does that goes down. Linux only: it reads /proc.

A process group is not enough, since ansible-core's workers put themselves into sessions of their own.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
PATIENCE_SECONDS = 10.0
STANDING_STILL = "TtZX"


def kill_tree(pid: int) -> None:
    """SIGKILL the process and its descendants, all of them as if at one moment.

    They are stopped first: one that is killed while another runs on could leave a child to init, where nothing tells
    whose child it was.
    """
    for member in stop_tree(pid):
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def is_ancestor_or_self(pid: int) -> bool:
    """Whether killing `pid` would kill this process too."""
    parents = {member: parent for member, (parent, _state) in _processes().items()}
    current = os.getpid()
    while current not in (pid, 0):
        current = parents.get(current, 0)
    return current == pid


def tree(pid: int) -> set[int]:
    """The process, where it runs, and its descendants."""
    return _tree(pid, _processes())


def let_go_on(pid: int) -> None:
    """Let the process and its descendants run again."""
    for member in tree(pid):
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGCONT)


def is_stopped(pid: int) -> bool:
    """Whether the process and its descendants stand still."""
    processes = _processes()
    return all(processes[member][1] in STANDING_STILL for member in _tree(pid, processes))


def stop_tree(pid: int) -> set[int]:
    """SIGSTOP the process and its descendants; none of them runs any more, so that none is missing."""
    asked: set[int] = set()
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        processes = _processes()
        members = _tree(pid, processes)
        for member in members - asked:
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGSTOP)
        if members <= asked and all(processes[member][1] in STANDING_STILL for member in members):
            return members
        asked |= members
    raise TimeoutError(f"the processes of {pid} could not be stopped within {PATIENCE_SECONDS} seconds")


def _tree(pid: int, processes: dict[int, tuple[int, str]]) -> set[int]:
    members = {pid} & processes.keys()
    while True:
        more = {member for member, (parent, _state) in processes.items() if parent in members} - members
        if not more:
            return members
        members |= more


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and state of every process."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # The name stands in brackets and may have any characters; state and parent follow.
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                found[int(entry.name)] = (int(parent), state)
    return found
