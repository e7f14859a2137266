# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Testing an endpoint from a replication instance: whether it is needed, the wait, and what a failure means.

DMS remembers the last result of each pair but not when it was, nor what has changed since. A tag on the endpoint
remembers both: `datalake.dms:connection-tested` = `<UTC time>/<fingerprint>`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.cloud import CloudRetry
from ansible_collections.datalake.dms.plugins.module_utils import _dms
from ansible_collections.datalake.dms.plugins.module_utils._account import Account
from ansible_collections.datalake.dms.plugins.module_utils._errors import (
    KNOWN_AFTER_CREATION,
    DatalakeError,
    DmsErrorHandler,
)
from ansible_collections.datalake.dms.plugins.module_utils._tags import RESERVED_PREFIX

TESTED_TAG = f"{RESERVED_PREFIX}connection-tested"

# What DMS says of a connection, and what we say where nothing was tested.
SUCCESSFUL, FAILED, TESTING, UNVERIFIED = "successful", "failed", "testing", "unverified"

# How many looks DMS gets to show a new test as `testing`; until then it may show the result of the one before.
_START_LOOKS = 4

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

# Likely causes by what LastFailureMessage says; the first that matches counts. No source documents these texts: they are
# matched by the words that every form seen so far has in common. `assumed-role/…` in an ARN is no failure to assume.
_ASSUME_ROLE = re.compile(r"\bassume\s+(the\s+)?(iam\s+)?role|assumerole|trust policy", re.IGNORECASE)
_DENIED = re.compile(r"denied|not authorized|403", re.IGNORECASE)
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        _ASSUME_ROLE,
        "DMS could not assume the access role: the role's trust needs the endpoint's ExternalId, and a change of IAM takes a while to be seen",
    ),
    (
        re.compile(r"kms|encrypt", re.IGNORECASE),
        "the key refused: the access policy and the key's own policy must both admit the role, and the key must be enabled",
    ),
    (
        re.compile(r"NoSuchBucket|bucket does not exist|not found", re.IGNORECASE),
        "the bucket does not exist under this name: check bucket_name",
    ),
    (
        re.compile(r"owner", re.IGNORECASE),
        "the bucket belongs to another account than expected_bucket_owner says",
    ),
    (
        re.compile(r"region|redirect", re.IGNORECASE),
        "bucket and replication instance must be in the same region",
    ),
    (
        _DENIED,
        "the access policy, the bucket's policy or a permissions boundary does not allow it",
    ),
    (
        re.compile(r"timeout|timed out|connect", re.IGNORECASE),
        "the replication instance has no way to S3: it needs an S3 VPC endpoint or a public route (DMS 3.4.7 and later)",
    ),
)
_NO_HINT = "look at the task log of the replication instance, and at CloudTrail of the data-lake account"


@dataclass(frozen=True)
class Tested:
    """What the tag remembers: when the last test succeeded, and the fingerprint of what was tested."""

    at: datetime
    fingerprint: str


def ensure(account: Account, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Test the connection where that is asked for or needed, and wait for the result.

    :param params: the options of dms_connection_test.
    :returns: the module's result: changed, status, tested, test_needed, last_failure_message, hint, failed_to_assume_role, connection, diff.
    :raises AnsibleAWSError: a call failed. A test that failed is a result, not an error.
    """
    _check_options(params)
    if not params["replication_instance_arn"]:
        return _result(
            params,
            UNVERIFIED,
            hint="without a replication instance nothing can be tested: set replication_instance_arn",
        )
    if KNOWN_AFTER_CREATION in params["endpoint_arn"]:
        return _result(params, UNVERIFIED, test_needed=True, changed=True, hint="the endpoint does not exist yet")
    client = account.client("dms")
    connection = _dms.describe_connection(client, params["endpoint_arn"], params["replication_instance_arn"])
    tested = parse_tested(_dms.list_tags(client, params["endpoint_arn"]).get(TESTED_TAG))
    needed = test_needed(connection, tested, params, datetime.now(UTC))
    if not needed or check_mode:
        status = connection["Status"] if connection and not needed else UNVERIFIED
        return _result(params, status, connection, test_needed=needed, changed=needed)
    connection = _test_until_seen(client, params)
    if connection["Status"] == SUCCESSFUL:
        _dms.add_tags(
            client,
            params["endpoint_arn"],
            {TESTED_TAG: format_tested(datetime.now(UTC), params["change_token"])},
        )
    return _result(
        params,
        connection["Status"],
        connection,
        tested=True,
        test_needed=True,
        changed=connection["Status"] == SUCCESSFUL,
    )


def test_needed(
    connection: dict[str, Any] | None, tested: Tested | None, params: dict[str, Any], now: datetime
) -> bool:
    """Whether a test would tell anything new. Pure.

    It would not where the last one succeeded with this very `change_token`, at most `max_age` seconds ago (0: at any time).
    """
    if params["test"] == "always" or not connection or connection["Status"] != SUCCESSFUL or tested is None:
        return True
    if tested.fingerprint != fingerprint(params["change_token"]):
        return True
    return bool(params["max_age"]) and now - tested.at > timedelta(seconds=params["max_age"])


def failed_to_assume_role(message: str | None) -> bool:
    """Whether a LastFailureMessage says that the role could not be assumed."""
    return bool(message and _ASSUME_ROLE.search(message))


def is_denied(message: str | None) -> bool:
    """Whether a LastFailureMessage may be due to a change of IAM that DMS has not seen yet."""
    return failed_to_assume_role(message) or bool(message and _DENIED.search(message))


def failure_hint(message: str | None) -> str:
    """The likely cause of a LastFailureMessage, in plain words."""
    return next((hint for pattern, hint in _HINTS if pattern.search(message or "")), _NO_HINT)


def fingerprint(change_token: str | None) -> str:
    """16 hexadecimal digits that stand for a change token in the tag."""
    return hashlib.sha256((change_token or "").encode()).hexdigest()[:16]


def format_tested(at: datetime, change_token: str | None) -> str:
    """The value of the tag."""
    return f"{at.strftime(_TIME_FORMAT)}/{fingerprint(change_token)}"


def parse_tested(value: str | None) -> Tested | None:
    """The tag read back; None where it is missing or was written by hand in some other form."""
    time, _slash, digits = (value or "").partition("/")
    try:
        return Tested(datetime.strptime(time, _TIME_FORMAT).replace(tzinfo=UTC), digits)
    except ValueError:
        return None


def _check_options(params: dict[str, Any]) -> None:
    for option, kind in (("endpoint_arn", "endpoint"), ("replication_instance_arn", "rep")):
        arn = params[option]
        if (
            arn
            and KNOWN_AFTER_CREATION not in arn
            and not re.fullmatch(rf"arn:[\w-]+:dms:[\w-]+:\d{{12}}:{kind}:.+", arn)
        ):
            raise DatalakeError(
                message=f"{option}={arn} is not an ARN of that kind; give one like arn:aws:dms:<region>:<account>:{kind}:<id>."
            )
    if params["max_age"] < 0:
        raise DatalakeError(
            message=f"max_age={params['max_age']} must not be negative; give seconds, or 0 for no limit."
        )


class _NotYetSeen(Exception):
    """A test that failed as one does while a change of IAM has not reached DMS; carries the connection."""


class _PropagationRetry(CloudRetry):
    """Repeats such a test."""

    base_class = _NotYetSeen

    @staticmethod
    def status_code_from_exception(error: _NotYetSeen) -> type:
        return type(error)

    @staticmethod
    def found(response_code: type, catch_extra_error_codes: Any = None) -> bool:  # noqa: ARG004 - CloudRetry's signature
        return response_code is _NotYetSeen


def _test_until_seen(client: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Test, and again while it fails for want of access, for iam_propagation_timeout seconds at the most."""
    pause = min(1.0, params["poll_interval"])
    tries = _dms.tries_within(params["iam_propagation_timeout"], pause)

    @_PropagationRetry.exponential_backoff(retries=tries, delay=pause, max_delay=_dms.MAX_PAUSE)
    def test() -> dict[str, Any]:
        connection = _test(client, params)
        if connection["Status"] == FAILED and is_denied(connection.get("LastFailureMessage")):
            raise _NotYetSeen(connection)
        return connection

    try:
        return dict(test())
    except _NotYetSeen as last:
        return dict(last.args[0])


def _test(client: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Start a test (or join one that runs) and wait for its result."""
    pair = {"EndpointArn": params["endpoint_arn"], "ReplicationInstanceArn": params["replication_instance_arn"]}
    _start(client, pair, params)
    looks = {
        "poll_interval": params["poll_interval"],
        "Filters": _dms.filters(
            endpoint_arn=pair["EndpointArn"], replication_instance_arn=pair["ReplicationInstanceArn"]
        ),
    }
    # Where `testing` is never seen, the test was over before the first look: what stands there then is its result.
    _dms.waited_for(client, "connection_test_started", _START_LOOKS * params["poll_interval"], **looks)
    _finish(client, params, looks)
    connection = _dms.describe_connection(client, pair["EndpointArn"], pair["ReplicationInstanceArn"])
    if connection is None:
        raise DatalakeError(message=f"The endpoint {pair['EndpointArn']} was deleted while it was tested; run again.")
    return connection


def _start(client: Any, pair: dict[str, str], params: dict[str, Any]) -> None:
    """TestConnection, repeated while another test of the pair runs: one that ModifyEndpoint started knows nothing of the trust."""

    @DmsErrorHandler.common_error_handler("test the connection")
    @_dms.retry_while(["InvalidResourceStateFault"], params["wait_timeout"], params["poll_interval"])
    def start() -> None:
        client.test_connection(**pair)

    start()


@DmsErrorHandler.common_error_handler("wait for the connection test")
def _finish(client: Any, params: dict[str, Any], looks: dict[str, Any]) -> None:
    _dms.wait_for(client, "connection_test_finished", params["wait_timeout"], **looks)


def _result(
    params: dict[str, Any],
    status: str,
    connection: dict[str, Any] | None = None,
    tested: bool = False,
    test_needed: bool = False,
    changed: bool = False,
    hint: str | None = None,
) -> dict[str, Any]:
    message = (connection or {}).get("LastFailureMessage") if status != SUCCESSFUL else None
    return {
        "changed": changed,
        "status": status,
        "tested": tested,
        "test_needed": test_needed,
        "endpoint_arn": params["endpoint_arn"],
        "last_failure_message": message,
        "hint": hint or (failure_hint(message) if message else None),
        "failed_to_assume_role": status == FAILED and failed_to_assume_role(message),
        **({"failure": _failure(params, message)} if tested and status != SUCCESSFUL else {}),
    }


def _failure(params: dict[str, Any], message: str | None) -> str:
    name = params["endpoint_arn"].rsplit(":", 1)[-1]
    return (
        f"The connection test of endpoint {name} failed: {message or 'AWS gives no reason'}; {failure_hint(message)}."
    )
