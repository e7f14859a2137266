# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared polling: what many threads wait for in one account is read together, once per interval, in pages of 100.

DMS allows an account 8 calls per second in total. Shared are waits (see waiters.py), and reads with `together`; any other call goes directly to AWS.
"""

from __future__ import annotations

import functools
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

try:
    from botocore.exceptions import ClientError
except ImportError:
    pass  # AnsibleAWSModule reports a missing botocore before anything here is used.
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import PAGE_SIZE, pages_of

# Reads that are sent at once, before others wait for the next. With one at a time, each would wait for the one before it even where calls are slow
# and there is no hurry to spare any.
_CALLS_AT_ONCE = 2

Answer = dict[str, Any]
Request = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A Describe operation that can read many resources at once.

    :ivar items: the member of the answer that has the resources.
    :ivar members: filter -> the member of a resource that it compares. A request may have many values of one such filter.
    """

    items: str
    members: dict[str, str]


KINDS = {
    "describe_connections": Kind("Connections", {"endpoint-arn": "EndpointArn"}),
    "describe_endpoints": Kind("Endpoints", {"endpoint-id": "EndpointIdentifier", "endpoint-arn": "EndpointArn"}),
    "describe_replication_tasks": Kind(
        "ReplicationTasks",
        {"replication-task-id": "ReplicationTaskIdentifier", "replication-task-arn": "ReplicationTaskArn"},
    ),
}


@dataclass(frozen=True)
class Wanted:
    """The parts of a request. Requests with the same `name` and `rest` can be merged.

    :ivar name: of the filter that selects resources. :ivar values: its values. :ivar rest: the request without these values.
    """

    name: str
    values: tuple[str, ...]
    rest: Request

    @property
    def group(self) -> str:
        """The same for requests that can be merged."""
        return json.dumps([self.name, self.rest], sort_keys=True)


def wanted(kind: Kind, request: Request) -> Wanted | None:
    """The parts of a request; None if it does not select resources by exactly one of the kind's filters. Pure."""
    given = request.get("Filters", [])
    choosing = [one for one in given if one["Name"] in kind.members]
    if len(choosing) != 1 or "Marker" in request:
        return None
    name, values = choosing[0]["Name"], choosing[0]["Values"]
    others = [{"Name": one["Name"], "Values": [] if one is choosing[0] else list(one["Values"])} for one in given]
    return Wanted(name, tuple(values), {**request, "Filters": others})


def merged(group: list[Wanted]) -> list[Request]:
    """The merged requests of a group, each with as many values as a page has resources. Pure."""
    name, rest = group[0].name, group[0].rest
    values = sorted({value for one in group for value in one.values})
    return [
        {
            "MaxRecords": PAGE_SIZE,
            **rest,
            "Filters": [{**one, "Values": page} if one["Name"] == name else one for one in rest["Filters"]],
        }
        for page in pages_of(values)
    ]


def part(kind: Kind, one: Wanted, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources of one request, from those of its group. Pure."""
    # DMS returns identifiers in lower case.
    spelled = str.lower if one.name.endswith("-id") else str
    values = {spelled(value) for value in one.values}
    return [item for item in items if spelled(item[kind.members[one.name]]) in values]


@dataclass
class _Ask:
    """The request of one thread, and its answer or error."""

    request: Request
    wanted: Wanted
    is_taken: bool = False
    answer: Answer = field(default_factory=dict)
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Line:
    """The requests that wait for the next call of one group, when the last call began, and who may call; see SharedPolling.together."""

    asks: list[_Ask] = field(default_factory=list)
    begun: float = -math.inf
    calling: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_CALLS_AT_ONCE))


_Send = Callable[[str, _Ask], None]


def _taken(line: _Line) -> list[_Ask]:
    """All requests of a line, which the caller is now to send."""
    asks, line.asks = line.asks, []
    for each in asks:
        each.is_taken = True
    return asks


class SharedPolling:
    """A client of DMS for many threads, with `polling` and `together` in addition.

    :param clock: returns the time in seconds.
    """

    def __init__(self, client: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._lines: dict[tuple[str, float | None, str], _Line] = {}
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def polling(self, interval: float) -> Any:
        """A client for one wait. It can be called again without a pause, because it pauses itself.

        Requests of one group begin at least `interval` seconds apart; the first one after a pause is sent at once. An answer is never older than its
        request. A resource that does not exist is answered with ResourceNotFoundFault.
        """
        return _Merging(self, functools.partial(self._poll, interval))

    def together(self) -> Any:
        """A client for reads. Of one group, two requests at most are sent at once, and those that come meanwhile are then sent as one."""
        return _Merging(self, self._call_next)

    def ask(self, operation: str, send: _Send, **request: Any) -> Answer:
        """The answer to one request, which may be merged with those of other threads.

        :param send: returns once the request has its answer.
        :raises ClientError, BotoCoreError: as the operation does.
        """
        one = wanted(KINDS[operation], request)
        if one is None:
            return dict(getattr(self._client, operation)(**request))
        ask = _Ask(request, one)
        send(operation, ask)
        if ask.error:
            raise ask.error
        return ask.answer

    def _poll(self, interval: float, operation: str, ask: _Ask) -> None:
        """At least `interval` seconds after the last call of the group."""
        line = self._joined(operation, interval, ask)
        pause: float | None = 0
        while not ask.done.wait(pause):
            asks, pause = self._due(line, ask, interval)
            if asks:
                self._answer(operation, asks)

    def _call_next(self, operation: str, ask: _Ask) -> None:
        """As soon as the group may call."""
        line = self._joined(operation, None, ask)
        with line.calling:
            with self._lock:
                # Another thread may have sent this request with its own.
                asks = [] if ask.is_taken else _taken(line)
            if asks:
                self._answer(operation, asks)
        ask.done.wait()

    def _joined(self, operation: str, interval: float | None, ask: _Ask) -> _Line:
        """The line that the request waits in."""
        with self._lock:
            line = self._lines.setdefault((operation, interval, ask.wanted.group), _Line())
            line.asks.append(ask)
            return line

    def _due(self, line: _Line, ask: _Ask, interval: float) -> tuple[list[_Ask], float | None]:
        """The requests that this thread has to send now, and else how many seconds it waits; None while another thread sends its request."""
        with self._lock:
            if ask.is_taken:
                return [], None
            now = self._clock()
            if now < line.begun + interval:
                return [], line.begun + interval - now
            line.begun = now
            return _taken(line), None

    def _answer(self, operation: str, asks: list[_Ask]) -> None:
        """Call AWS, and set the answer or the error of each request."""
        call, kind = getattr(self._client, operation), KINDS[operation]
        try:
            if len(asks) == 1:
                asks[0].answer = call(**asks[0].request)
                return
            pages = [page for request in merged([each.wanted for each in asks]) for page in _pages(call, request)]
            items = [item for page in pages for item in page[kind.items]]
            for each in asks:
                each.answer = {**pages[-1], kind.items: part(kind, each.wanted, items)}
                if not each.answer[kind.items]:
                    each.error = _not_found(operation, each.wanted)
        except BaseException as error:
            for each in asks:
                each.error = error
        finally:
            for each in asks:
                each.done.set()


def together(client: Any) -> Any:
    """The client for reads that are merged with those of other threads, if threads share it; else the client itself."""
    return client.together() if isinstance(client, SharedPolling) else client


class _Merging:
    """A client whose requests may be merged, see SharedPolling.polling and SharedPolling.together."""

    def __init__(self, shared: SharedPolling, send: _Send) -> None:
        self._shared, self._send = shared, send

    def __getattr__(self, name: str) -> Any:
        if name in KINDS:
            return functools.partial(self._shared.ask, name, self._send)
        return getattr(self._shared, name)


def _pages(call: Any, request: Request) -> list[Answer]:
    """All pages of an answer, without their markers."""
    pages: list[Answer] = []
    marker = None
    while not pages or marker:
        page = dict(call(**request, **({"Marker": marker} if marker else {})))
        marker = page.pop("Marker", None)
        pages.append(page)
    return pages


def _not_found(operation: str, one: Wanted) -> ClientError:
    """The error that AWS raises if no resource matches the filters."""
    message = f"Nothing found with {one.name} {', '.join(one.values)}"
    name = "".join(word.capitalize() for word in operation.split("_"))
    return ClientError({"Error": {"Code": "ResourceNotFoundFault", "Message": message}}, name)
