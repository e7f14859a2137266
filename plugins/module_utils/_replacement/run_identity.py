# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity of a run of Ansible, and whether a run of this machine is dead.

The lock of a killed run would block others until it expires. On the same machine, it is known that the run's processes no longer exist: that of
ansible-playbook, and the worker that makes the calls, which continues if only the former was killed.
"""

from __future__ import annotations

import getpass
import hashlib
import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
# States of a process that has ended.
_ENDED = ("Z", "X")


def current_run(owner: str | None = None) -> dict[str, Any]:
    """The run that this process belongs to: {owner, id, machine, pid, started}.

    :param owner: a readable name of the run; by default user@host.
    """
    parent = multiprocessing.parent_process()
    # Ansible's workers are forked by the process of the run.
    pid = (parent.pid if parent else None) or os.getpid()
    host, started = socket.gethostname(), process_started(pid)
    owner = owner or f"{_user()}@{host}"
    return {
        "owner": owner,
        "id": hashlib.sha256(f"{owner} {host} {machine()} {pid} {started}".encode()).hexdigest()[:16],
        "machine": machine(),
        "pid": pid,
        "started": started,
    }


def worker_of(run: dict[str, Any]) -> dict[str, Any]:
    """This process as the worker of a run, for its lock: {worker: {pid, started}}; empty where it is the run's own process.

    :param run: see `current_run`.
    """
    pid = os.getpid()
    return {} if pid == run.get("pid") else {"worker": {"pid": pid, "started": process_started(pid)}}


def machine() -> str | None:
    """A hash that identifies this machine, its boot and its process namespace; None where the system does not provide them.

    Two containers may have the same host name, and each a process 7.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return hashlib.sha256(f"{boot} {(_PROC / 'self/ns/pid').readlink()}".encode()).hexdigest()[:16]
    except OSError:
        return None


def process_started(pid: int) -> str | None:
    """When a process of this machine was started, in ticks of the kernel; None if there is no such process, or the system does not provide it."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] not in _ENDED else None


def is_dead(run: dict[str, Any]) -> bool:
    """Whether a run is known to be dead: it ran on this machine, and neither its process nor its worker exists any more.

    :param run: see `current_run`, with `worker` as `worker_of` returns it; locks of earlier versions have none.
    """
    here = machine()
    if here is None or run.get("machine") != here:
        return False
    return all(_is_gone(process) for process in (run, run.get("worker")) if process is not None)


def _is_gone(process: Any) -> bool:
    """Whether a process, {pid, started}, is known not to exist any more. One that this user may not see may exist (proc_pid(5), `hidepid`)."""
    pid, started = (process.get("pid"), process.get("started")) if isinstance(process, dict) else (None, None)
    if not isinstance(pid, int) or pid < 1 or not started:
        return False
    fields = _stat(pid)
    if fields:
        return fields[0] in _ENDED or fields[19] != started
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _stat(pid: int) -> list[str] | None:
    """The state of a process and the fields after it (proc_pid_stat(5)); None if there is no such process, or the user may not see it.

    The first item is field 3, the item 19 the start time, field 22.
    """
    try:
        status = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The program's name is in parentheses and may have any characters.
    return status.rpartition(")")[2].split()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid-{os.getuid()}"
