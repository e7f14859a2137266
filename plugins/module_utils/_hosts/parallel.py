# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many hosts side by side in threads, and how far they have come."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import Options

# Who shows it to people is not for us to say.
LOGGER = "datalake.dms"
_LOG = logging.getLogger(LOGGER)


class Progress:
    """Tells the log how far a task with many hosts has come, a line for each that is done."""

    def __init__(self, total: int) -> None:
        self._done, self._total = itertools.count(1), total

    def tell(self, text: str) -> None:
        _LOG.info("%s (%d of %d)", text, next(self._done), self._total)


def side_by_side(
    hosts: list[Options], handle: Callable[[Options], dict[str, Any]], parallel: int
) -> list[dict[str, Any]]:
    """What came of each host, in their order, seen to in so many threads; each result has a `msg`, which tells how far this has come."""
    progress = Progress(len(hosts))

    def told(host: Options) -> dict[str, Any]:
        result = handle(host)
        progress.tell(result["msg"])
        return result

    with ThreadPoolExecutor(max(1, parallel)) as pool:
        return list(pool.map(told, hosts))
