# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A check before each attempt of a call that changes something, in the thread that set it.

botocore sends a request again by itself, after a pause or a timeout, so a check before the call would not be enough. Its event before-send is emitted
for each attempt (botocore.endpoint.Endpoint).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Protocol

# Operations that change nothing begin with one of these.
_READS = ("Describe", "Get", "Head", "List", "Simulate", "Validate")
# Names of services in botocore's events: those whose resources a deployment writes. Journals are objects of S3, and their own writes are conditional.
_SERVICES = ("database-migration-service", "iam", "kms")
_BUCKET_POLICIES = ("PutBucketPolicy", "DeleteBucketPolicy")

_thread = threading.local()


class CallGuard(Protocol):
    """What is checked."""

    def check(self) -> None:
        """Called before each attempt. :raises Exception: the attempt must not be made; the call ends with this error."""

    def note(self, operation: str) -> None:
        """Called after each successful call, with the name of its API."""


@contextlib.contextmanager
def guarded(guard: CallGuard) -> Iterator[None]:
    """Check the calls of this thread."""
    before = getattr(_thread, "guard", None)
    _thread.guard = guard
    try:
        yield
    finally:
        _thread.guard = before


def check_now() -> None:
    """Check before a call that another thread makes for this one.

    :raises Exception: see CallGuard.check.
    """
    guard: CallGuard | None = getattr(_thread, "guard", None)
    if guard:
        guard.check()


def watch(client: Any) -> None:
    """Have the calls of a botocore client checked."""
    # First: a handler may answer in place of AWS.
    client.meta.events.register_first("before-send", _before_attempt)
    client.meta.events.register("after-call", _after_call)


def is_guarded(service: str, operation: str) -> bool:
    """Whether the calls of an operation are checked. Pure. :param service: its name in botocore's events."""
    if service in _SERVICES:
        return not operation.startswith(_READS)
    return operation in _BUCKET_POLICIES


def _before_attempt(event_name: str, **_details: Any) -> None:
    if is_guarded(*event_name.split(".")[1:3]):
        check_now()


def _after_call(event_name: str, http_response: Any, **_details: Any) -> None:
    guard: CallGuard | None = getattr(_thread, "guard", None)
    service, operation = event_name.split(".")[1:3]
    if guard and is_guarded(service, operation) and http_response.status_code < 300:
        guard.note(operation)
