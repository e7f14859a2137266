# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Injected faults, and the token bucket that throttles DMS."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from .process_tree import is_ancestor_or_self
from .wire import AwsError, Call

KILLS = ("kill_before", "kill_after")
STALLS = ("stall_before", "stall_after")
# As Ctrl-C and a job that is cancelled do, to the process itself.
SIGNALS = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
OF_A_PROCESS = (*KILLS, *STALLS, *SIGNALS)
KINDS = ("throttle", "error500", "error503", "error", "reset_before", "reset_after", "delay", *OF_A_PROCESS)

# Throttling, internal failure and unavailability by protocol: (code, HTTP status). Sources: the common errors page of
# each API reference; S3 "Error responses".
_QUERY = {
    "throttle": ("Throttling", 400),
    "error500": ("InternalFailure", 500),
    "error503": ("ServiceUnavailable", 503),
}
_JSON = {
    "throttle": ("ThrottlingException", 400),
    "error500": ("InternalFailure", 500),
    "error503": ("ServiceUnavailableException", 503),
}
ERRORS = {
    "json": _JSON,
    "rest-json": _JSON,
    "query": _QUERY,
    "ec2": {
        "throttle": ("RequestLimitExceeded", 503),
        "error500": ("InternalError", 500),
        "error503": ("Unavailable", 503),
    },
    "rest-xml": {
        "throttle": ("SlowDown", 503),
        "error500": ("InternalError", 500),
        "error503": ("ServiceUnavailable", 503),
    },
}
MESSAGES = {
    "throttle": "Rate exceeded",
    "error500": "We encountered an internal error. Please try again.",
    "error503": "The service is unavailable. Please try again.",
}


class InvalidFault(ValueError):
    """A fault that cannot be injected as described."""


@dataclass
class Fault:
    """One fault: `skip` matching calls pass, then it hits `count` calls (None: for ever).

    `after`: an operation (fnmatch pattern); the fault waits until one of that name was called in its account.
    Before or after a call takes effect, its connection is reset (reset_before, reset_after), or the process `pid` is
    killed with all that it started (kill_before, kill_after), or stopped (stall_before, with a reset; stall_after, with
    the answer) until somebody lets it go on, or gets a signal after the call (interrupt, terminate).
    """

    service: str
    kind: str
    operation: str = "*"
    account: str | None = None
    region: str | None = None
    code: str | None = None
    message: str = "An injected fault"
    status: int = 400
    seconds: float | None = None
    pid: int | None = None
    count: int | None = 1
    skip: int = 0
    after: str | None = None

    def see(self, call: Call, account: str | None) -> None:
        """Wait no longer than for this call; it is itself not hit."""
        if self.after and fnmatchcase(call.operation, self.after) and self.account in (None, account):
            self.after = None

    def matches(self, call: Call, account: str | None) -> bool:
        return (
            fnmatchcase(call.service, self.service)
            and fnmatchcase(call.operation, self.operation)
            and self.account in (None, account)
            and self.region in (None, call.region)
        )

    def error_for(self, call: Call) -> AwsError | None:
        """The error that this fault answers with; None for resets, kills and delays."""
        if self.kind == "error":
            return AwsError(str(self.code), self.message, self.status)
        if self.kind in MESSAGES:
            code, status = ERRORS[call.protocol][self.kind]
            return AwsError(code, MESSAGES[self.kind], status)
        return None


def parse_fault(described: dict[str, Any]) -> Fault:
    """A fault from its JSON description; InvalidFault names what is wrong."""
    unknown = set(described) - {field.name for field in fields(Fault)}
    if unknown:
        raise InvalidFault(f"unknown members of a fault: {', '.join(sorted(unknown))}")
    if not described.get("service"):
        raise InvalidFault("a fault needs a service (fnmatch pattern)")
    if described.get("kind") not in KINDS:
        raise InvalidFault(f"kind {described.get('kind')!r} of a fault; allowed: {', '.join(KINDS)}")
    if described["kind"] == "error" and not described.get("code"):
        raise InvalidFault("a fault of kind error needs a code")
    if described["kind"] == "delay" and not isinstance(described.get("seconds"), (int, float)):
        raise InvalidFault("a fault of kind delay needs seconds")
    if described["kind"] in OF_A_PROCESS:
        _check_pid(described.get("pid"))
    count, skip = described.get("count", 1), described.get("skip", 0)
    if not isinstance(skip, int) or skip < 0 or not (count is None or (isinstance(count, int) and count > 0)):
        raise InvalidFault(f"count is a positive number or null, skip a number from 0; got {count!r} and {skip!r}")
    return Fault(**described)


def _check_pid(pid: Any) -> None:
    if not isinstance(pid, int) or isinstance(pid, bool) or pid < 1:
        raise InvalidFault(f"a fault of kind {' or '.join(OF_A_PROCESS)} needs the pid of a process; got {pid!r}")
    if is_ancestor_or_self(pid):
        raise InvalidFault(f"the process {pid} has the embedded AWS within it")


class Faults:
    """The faults that wait to be injected, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self, accounts: Collection[str] | None = None) -> None:
        """Forget all faults, or those of some accounts."""
        with self._lock:
            self._faults = [f for f in self._faults if accounts is not None and f.account not in accounts]

    def take(self, call: Call, account: str | None) -> Fault | None:
        """The fault that hits this call, if any; counts down."""
        with self._lock:
            ready = [fault for fault in self._faults if fault.after is None]
            for fault in self._faults:
                fault.see(call, account)
            for fault in ready:
                if not fault.matches(call, account):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count == 0:
                        self._faults.remove(fault)
                return fault
        return None


class TokenBuckets:
    """One token bucket for each key, e.g. an account and region; a call costs one token."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._levels: dict[tuple[str, ...], tuple[float, float]] = {}

    def clear(self) -> None:
        with self._lock:
            self._levels.clear()

    def take(self, key: tuple[str, ...], burst: float, refill: float) -> bool:
        """Take a token; False when the bucket is empty."""
        now = self._now()
        with self._lock:
            level, since = self._levels.get(key, (burst, now))
            level = min(burst, level + (now - since) * refill)
            has_token = level >= 1
            self._levels[key] = (level - 1 if has_token else level, now)
            return has_token
