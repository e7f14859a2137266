# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lock among all processes and threads of a user on this machine: hosts of one run, and concurrent runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

# How long to wait for the lock, in seconds: longer than one read and one write take, with some repetitions.
LONGEST = 60.0
_PAUSE = 0.02


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name; wait while another thread or process holds it. The lock ends when its process ends.

    Who holds it for longer than LONGEST stands still, such as a process that was stopped, and is not waited for: the lock saves writes that overwrite
    each other, and shared_policies.py finds those that do.

    :raises DatalakeError: the folder of the locks belongs to another user.
    """
    with _folder() as folder:
        file = f"{hashlib.sha256(name.encode()).hexdigest()}.lock"
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        # The lock belongs to the open file, not to the process, so threads wait for one another, too.
        until = time.monotonic() + LONGEST
        while not _taken(lock) and time.monotonic() < until:
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _folder() -> Iterator[int]:
    """The user's own folder in the temporary directory. It must not be a link or the folder of another user."""
    path = Path(tempfile.gettempdir()) / f"datalake-dms-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _foreign_folder(path) from error
    try:
        found = os.fstat(folder)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise _foreign_folder(path)
        yield folder
    finally:
        os.close(folder)


def _foreign_folder(path: Path) -> DatalakeError:
    return DatalakeError(
        message=f"{path}, the folder of locks, is not a folder that only this user can access; remove it, or set TMPDIR to another directory."
    )
