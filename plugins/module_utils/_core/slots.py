# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many threads work at once: a thread that only waits for AWS gives its slot to another one meanwhile. Knows nothing of AWS."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

# The slots of which this thread holds one that it may give back.
_THREAD = threading.local()


class Slots:
    """A number of slots for threads. Whoever comes back from a wait is served before those that have not begun, so that work begun is done first."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        # Those that wait for a slot; each is told by an event that one is its own.
        self._returning: deque[threading.Event] = deque()
        self._beginning: deque[threading.Event] = deque()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot, once there is one, and be able to give it back in `given_back`."""
        self._take(self._beginning)
        _THREAD.slots = self
        try:
            yield
        finally:
            _THREAD.slots = None
            self._give()

    @contextlib.contextmanager
    def without(self) -> Iterator[None]:
        """Do without the slot that this thread holds, and have one again afterwards."""
        self._give()
        try:
            yield
        finally:
            self._take(self._returning)

    def wait_until_idle(self, longest: float) -> None:
        """Wait until no thread works, or has to wait for a slot, but for `longest` seconds at most."""
        with self._idle:
            self._idle.wait_for(lambda: self._free == self._count, longest)

    def _take(self, queue: deque[threading.Event]) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            queue.append(turn)
        turn.wait()

    def _give(self) -> None:
        """Hand the slot to the next one in turn; there is a free one only while nobody waits."""
        with self._lock:
            queue = self._returning or self._beginning
            if queue:
                queue.popleft().set()
            else:
                self._free += 1
                if self._free == self._count:
                    self._idle.notify_all()


@contextlib.contextmanager
def given_back() -> Iterator[Slots | None]:
    """Let another thread have this one's slot while this one waits; the slots, or None in a thread that holds none, or that keeps it."""
    slots: Slots | None = getattr(_THREAD, "slots", None)
    if slots is None:
        yield None
        return
    with kept(), slots.without():
        yield slots


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Keep this thread's slot whatever it waits for, so that no more threads do what it does than there are slots."""
    slots: Slots | None = getattr(_THREAD, "slots", None)
    _THREAD.slots = None
    try:
        yield
    finally:
        _THREAD.slots = slots
