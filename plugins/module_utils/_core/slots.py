# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limit how many threads work at once. A thread that only waits for AWS gives its slot to another thread meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

# The slots of which this thread holds one that it may give back.
_THREAD = threading.local()


class Slots:
    """A number of slots for threads. Threads that return from a wait get a slot before new ones, so that work in progress is finished first."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        # Threads that wait for a slot. An event is set when its thread has a slot.
        self._returning: deque[threading.Event] = deque()
        self._beginning: deque[threading.Event] = deque()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a slot and hold it. Within it, `given_back` can give it back."""
        self._take(self._beginning)
        _THREAD.slots = self
        try:
            yield
        finally:
            _THREAD.slots = None
            self._give()

    @contextlib.contextmanager
    def without(self) -> Iterator[None]:
        """Give back this thread's slot, and take one again afterwards."""
        self._give()
        try:
            yield
        finally:
            self._take(self._returning)

    def wait_until_idle(self, longest: float) -> None:
        """Wait until no thread holds a slot or waits for one; at most `longest` seconds."""
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
        """Give the slot to the next waiting thread. Slots are free only while no thread waits."""
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
    """Give this thread's slot to another thread while this one waits. Yields the slots; None in a thread without a slot, or within `kept`."""
    slots: Slots | None = getattr(_THREAD, "slots", None)
    if slots is None:
        yield None
        return
    with kept(), slots.without():
        yield slots


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Keep this thread's slot while it waits, so that no more threads do this work than there are slots."""
    slots: Slots | None = getattr(_THREAD, "slots", None)
    _THREAD.slots = None
    try:
        yield
    finally:
        _THREAD.slots = slots
