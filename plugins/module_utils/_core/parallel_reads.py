# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read much of an account at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

# More threads only open more connections.
_THREADS = 8


def in_parallel(read: Callable[[_Item], _Answer], items: Iterable[_Item]) -> list[_Answer]:
    """The answers for all items, in their order.

    :raises Exception: what `read` raised for the first item that failed.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(read, items))
