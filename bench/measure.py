# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command takes: wall and CPU seconds, and the memory of its process tree. Linux only: it reads /proc."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from embedded_aws.server import process_tree

# Looking costs the kernel a walk through the page tables: at most one part in ten of the time goes there.
_INTERVAL_SECONDS = 0.25
_COST_FACTOR = 10
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Taken:
    """How a command ended, and what it took until then. `peak_mb` is the highest sum of PSS that was seen, in 10^6 bytes."""

    status: int
    wall: float
    cpu: float
    peak_mb: float
    said: str


def run(command: Sequence[str | Path], environ: Mapping[str, str], cwd: Path) -> Taken:
    """Run a command to its end; CPU seconds are its own and those of all processes that it waited for."""
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=dict(environ), cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        watch = _Watch(process.pid)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.stop()
        said.seek(0)
        text = said.read().decode(errors="replace")
    return Taken(process.returncode, wall, usage.ru_utime + usage.ru_stime, watch.peak_bytes / 1e6, text)


def cpu_seconds(pid: int) -> float:
    """User and system time of one process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class _Watch:
    """Looks at the memory of a process and its descendants now and then, in a thread."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        pause = 0.02
        while not self._over.wait(pause):
            began = time.thread_time()
            self.peak_bytes = max(self.peak_bytes, _tree_pss(self._pid))
            pause = max(_INTERVAL_SECONDS, _COST_FACTOR * (time.thread_time() - began))


def _tree_pss(pid: int) -> int:
    return sum(_pss(member) for member in process_tree.tree(pid))


def _pss(pid: int) -> int:
    """The proportional set size in bytes; 0 for a process that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
