# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that are sent again: decorators based on amazon.aws's, lost answers, and options for waiting."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.cloud import CloudRetry
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.datalake.dms.plugins.module_utils._core import deadline
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    INVALID_PRINCIPAL,
    PROPAGATION,
    DatalakeError,
    denial,
    error_code,
    is_invalid_principal,
)

# The options of a module that waits.
WAIT_SPEC: dict[str, dict[str, Any]] = {
    "wait_timeout": {"type": "int", "default": 300},
    "poll_interval": {"type": "float", "default": 5.0},
}


def check_waiting(params: dict[str, Any]) -> None:
    """
    :raises DatalakeError: an invalid timeout or interval, before anything is changed.
    """
    if params["poll_interval"] <= 0:
        raise DatalakeError(message=f"poll_interval={params['poll_interval']} must be more than 0; give seconds.")
    for option in ("wait_timeout", "iam_propagation_timeout", "arn_reuse_timeout"):
        if params.get(option, 0) < 0:
            raise DatalakeError(message=f"{option}={params[option]} must not be negative; give seconds.")


# The longest pause between two attempts of a call that waits for IAM, in seconds.
MAX_PAUSE = 15


class _PropagationRetry(AWSRetry):
    """Retries a call that AWS refuses because a new role or trust is not known everywhere yet, and no other denial.

    Throttling and 5xx are not retried here, because botocore retries them.
    """

    @staticmethod
    def status_code_from_exception(error: Any) -> str:
        if is_invalid_principal(error):
            return INVALID_PRINCIPAL
        return PROPAGATION if denial(error) == PROPAGATION else error_code(error)

    @staticmethod
    def found(response_code: str, catch_extra_error_codes: Any = None) -> bool:
        return response_code in (catch_extra_error_codes or ()) and not deadline.is_over()


class NotYet(Exception):
    """A later attempt may succeed. The argument is the last answer."""


class _NotYetRetry(CloudRetry):
    """Repeats a function that raises NotYet."""

    base_class = NotYet

    @staticmethod
    def status_code_from_exception(error: NotYet) -> type:
        return type(error)

    @staticmethod
    def found(response_code: type, catch_extra_error_codes: Any = None) -> bool:  # noqa: ARG004 - CloudRetry's signature
        return response_code is NotYet


def retry_until(tries: int, pause: float, backoff: float = 2) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that repeats a function while it raises NotYet, with pauses (seconds) that grow by the factor `backoff`. The last one is raised."""
    return _NotYetRetry.exponential_backoff(retries=tries, delay=pause, backoff=backoff, max_delay=MAX_PAUSE)


def retry_while(
    codes: list[str], timeout: float, first_pause: float
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that repeats a call while AWS answers one of `codes` (PROPAGATION and INVALID_PRINCIPAL count as codes), with pauses
    that double from `first_pause`, and add up to at most `timeout` (both in seconds); see also deadline.py."""
    return _PropagationRetry.exponential_backoff(
        retries=tries_within(deadline.cut(timeout), first_pause),
        delay=first_pause,
        backoff=2,
        max_delay=MAX_PAUSE,
        catch_extra_error_codes=codes,
    )


@contextlib.contextmanager
def unless_done(codes: str | list[str], is_done: Callable[[], bool]) -> Iterator[None]:
    """For a call that changes something. botocore sends it again if the answer was lost, and AWS refuses the second one.

    An error with one of `codes` is ignored if `is_done` finds that the change was made.
    """
    try:
        yield
    except is_boto3_error_code(codes):
        if not is_done():
            raise


def tries_within(timeout: float, first_pause: float) -> int:
    """How many attempts fit into `timeout` seconds with doubling pauses; at least one. Pure."""
    tries, pause, spent = 1, first_pause, 0.0
    while spent + pause <= timeout:
        spent += pause
        pause = min(2 * pause, MAX_PAUSE)
        tries += 1
    return tries
