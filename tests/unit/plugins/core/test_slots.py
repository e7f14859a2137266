# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slots for threads: how many work at once, and who is next."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.slots import Slots, given_back, kept

LONG = 30  # seconds; nothing takes them


@pytest.fixture
def pool():
    with ThreadPoolExecutor(10) as threads:
        yield threads


def test_no_more_work_at_once_than_there_are_slots(pool):
    slots, lock, working, most = Slots(3), threading.Lock(), 0, []
    three = threading.Barrier(3)

    def work(_number):
        nonlocal working
        with slots.taken():
            with lock:
                working += 1
                most.append(working)
            three.wait(LONG)
            with lock:
                working -= 1

    list(pool.map(work, range(9)))
    assert max(most) == 3


def test_who_waits_lets_others_begin_and_goes_on_before_others_begin(pool):
    slots, other_began, wait_is_over, told = Slots(1), threading.Event(), threading.Event(), []

    def waits():
        with slots.taken():
            with given_back():
                assert wait_is_over.wait(LONG)
            told.append("went on")

    def other():
        with slots.taken():
            other_began.set()
            # Until there is one that comes back, and one that has not begun.
            while not (slots._returning and slots._beginning):
                wait_is_over.wait(0.001)
            told.append("other")

    futures = [pool.submit(waits), pool.submit(other)]
    assert other_began.wait(LONG)
    futures.append(pool.submit(enter, slots, told, "third"))
    wait_is_over.set()
    for future in futures:
        future.result(LONG)
    assert told == ["other", "went on", "third"]


def enter(slots, told, name):
    with slots.taken():
        told.append(name)


def test_slot_that_is_kept_is_nobody_else_s(pool):
    slots, told = Slots(1), []
    with slots.taken(), kept(), given_back():
        other = pool.submit(enter, slots, told, "other")
        told.append("this one")
        assert not other.done()
    other.result(LONG)
    assert told == ["this one", "other"]


def test_slot_comes_back_after_an_error(pool):
    slots, told = Slots(1), []
    with pytest.raises(KeyError), slots.taken():
        raise KeyError
    pool.submit(enter, slots, told, "other").result(LONG)
    with pytest.raises(KeyError), slots.taken(), given_back():
        raise KeyError
    pool.submit(enter, slots, told, "another").result(LONG)
    assert told == ["other", "another"]


def test_thread_without_a_slot_gives_none_back():
    with given_back(), kept(), given_back():
        pass


def test_idle_is_when_nobody_works_or_waits_for_a_slot(pool):
    slots, go_on = Slots(2), threading.Event()

    def work():
        with slots.taken():
            assert go_on.wait(LONG)

    with slots.taken(), given_back() as others:
        assert others is slots
        others.wait_until_idle(LONG)
        futures = [pool.submit(work) for _number in range(3)]
        while not slots._beginning:
            go_on.wait(0.001)
        others.wait_until_idle(0.01)
        assert not any(future.done() for future in futures)
        go_on.set()
        others.wait_until_idle(LONG)
    assert [future.result(LONG) for future in futures] == [None] * 3
