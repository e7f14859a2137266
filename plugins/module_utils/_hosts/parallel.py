# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Handle many hosts in parallel threads, and log the progress."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._core.slots import Slots
from ansible_collections.datalake.dms.plugins.module_utils._core.unanswered import LOGGER
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import EndpointResult, Result

# How many hosts may be in progress at once, including those that only wait for AWS, which need no slot. DMS has as many items per page.
_BEGUN_AT_MOST = 100

_LOG = logging.getLogger(LOGGER)


class Progress:
    """Logs the progress of a task with many hosts, one line for each finished host."""

    def __init__(self, total: int) -> None:
        self._done, self._total = itertools.count(1), total

    def tell(self, text: str) -> None:
        _LOG.info("%s (%d of %d)", text, next(self._done), self._total)


def side_by_side(
    hosts: list[Host], handle: Callable[[Host], EndpointResult], parallel: int
) -> dict[str, EndpointResult]:
    """Host name -> result, in the order of the hosts. The `msg` of each host is logged when it is finished.

    :param parallel: how many hosts are handled at once, without those that only wait for AWS; 1 or less: one after another.
    """
    progress, slots = Progress(len(hosts)), Slots(max(1, parallel))

    def handled(host: Host) -> EndpointResult:
        with slots.taken():
            result = handle(host)
        progress.tell(result.msg)
        return result

    with ThreadPoolExecutor(max(parallel, _BEGUN_AT_MOST) if parallel > 1 else 1) as pool:
        return dict(zip((host.name for host in hosts), pool.map(handled, hosts), strict=True))


def each_by_itself(handle: Callable[[Host], EndpointResult]) -> Callable[[Host], EndpointResult]:
    """The same function, with an error as the failed result of that host."""

    def handled(host: Host) -> EndpointResult:
        try:
            return handle(host)
        except Exception as error:
            return EndpointResult(explain(error), failed=True)

    return handled


def failures(problems: dict[str, str]) -> dict[str, EndpointResult]:
    """The results of hosts that can't be handled. :param problems: host name -> reason."""
    return {name: EndpointResult(str(why), failed=True) for name, why in problems.items()}


def hosts_to_fail(failed: list[str], others: list[str]) -> list[str]:
    """The hosts of a play that reports failures: the failed ones and one other; empty if none failed.

    A play in which every host fails would end the playbook for all others.
    """
    return [*failed, *others[:1]] if failed else []


def hosts_result(results: dict[str, EndpointResult]) -> Result:
    """The result of a module for many hosts: changed, asked (names), hosts (name -> result), postponed (names), warnings."""
    return {
        "changed": any(result.changed for result in results.values()),
        "asked": list(results),
        "hosts": {name: result.as_result() for name, result in results.items() if not result.postponed},
        "postponed": [name for name, result in results.items() if result.postponed],
        "warnings": list(dict.fromkeys(text for result in results.values() for text in result.warnings)),
    }
