# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity of a run of Ansible, and whether a run of this machine is dead.

The lock of a killed run would block others until it expires. On the same machine, it is known that the run's process no longer exists.
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
    try:
        status = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The program's name is in parentheses and may have any characters. The state follows it; the start time is field 22.
    fields = status.rpartition(")")[2].split()
    return fields[19] if fields[0] not in ("Z", "X") else None


def is_dead(run: dict[str, Any]) -> bool:
    """Whether a run is known to be dead: it ran on this machine, and its process no longer exists."""
    here = machine()
    if here is None or run.get("machine") != here or not isinstance(run.get("pid"), int) or not run.get("started"):
        return False
    return process_started(run["pid"]) != run["started"]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid-{os.getuid()}"
