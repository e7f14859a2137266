# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deadline for all that a thread waits for and repeats, so that a sum of waits and retries has a bound.

After it, no wait is longer than one poll, and no call is repeated. A call itself is still made.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

_thread = threading.local()


@contextlib.contextmanager
def scope() -> Iterator[None]:
    """A block with a deadline of its own: none, until `begin` is called in it."""
    before = getattr(_thread, "at", None)
    _thread.at = None
    try:
        yield
    finally:
        _thread.at = before


def begin(seconds: float) -> None:
    """Set the deadline of this thread, until the end of the block of `scope`."""
    _thread.at = time.monotonic() + seconds


def cut(seconds: float) -> float:
    """So many seconds, or fewer if the deadline is sooner; never less than 0."""
    at: float | None = getattr(_thread, "at", None)
    return seconds if at is None else max(0.0, min(seconds, at - time.monotonic()))


def is_over() -> bool:
    """Whether the deadline has passed; False without one."""
    at: float | None = getattr(_thread, "at", None)
    return at is not None and time.monotonic() >= at
