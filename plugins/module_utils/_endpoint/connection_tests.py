# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test the connection of an endpoint and a replication instance, if a test is needed.

DMS returns the last result of each pair, but neither its time nor what has changed since. A tag on the endpoint stores both:
`datalake.dms:connection-tested` = `<UTC time>/<fingerprint>`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.datalake.dms.plugins.module_utils._core import deadline
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    KNOWN_AFTER_CREATION,
    DatalakeError,
    DmsErrorHandler,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import (
    WAIT_SPEC,
    NotYet,
    check_waiting,
    retry_until,
    retry_while,
    tries_within,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import RESERVED_PREFIX
from ansible_collections.datalake.dms.plugins.module_utils._core.unanswered import LOGGER
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import describe_connection
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import add_tags, list_tags
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import last_response_of, wait_for
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.connection_hints import (
    failed_to_assume_role,
    failure_hint,
    is_denied,
)

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "endpoint_arn": {"type": "str", "required": True},
    "replication_instance_arn": {"type": "str"},
    "test": {"type": "str", "choices": ["when_needed", "always"], "default": "when_needed"},
    "max_age": {"type": "int", "default": 0},
    "change_token": {"type": "str", "no_log": False},
    "iam_propagation_timeout": {"type": "int", "default": 0},
    **WAIT_SPEC,
}

_LOG = logging.getLogger(LOGGER)
# For how long nothing is said of a test that is repeated, in seconds.
_QUIET = 10.0

TESTED_TAG = f"{RESERVED_PREFIX}connection-tested"

# The status of a connection in DMS, and UNVERIFIED where nothing was tested.
SUCCESSFUL, FAILED, UNVERIFIED = "successful", "failed", "unverified"

# How often a new test is polled until DMS returns `testing`. Until then DMS may return the result of the previous test. A new endpoint has no
# previous test, unless an earlier endpoint had the same ARN.
_START_ATTEMPTS = 4
_START_ATTEMPTS_OF_NEW = 1

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Tested:
    """The value of the tag: when the last test succeeded, and the fingerprint of what was tested."""

    at: datetime
    fingerprint: str


def ensure(
    account: Account, params: dict[str, Any], check_mode: bool, is_new: bool = False, just_changed: bool = True
) -> dict[str, Any]:
    """Test the connection if requested or needed, and wait for the result.

    :param params: the options of dms_connection_test.
    :param is_new: whether the caller has just created the endpoint, so that it has no test; else the last test is read.
    :param just_changed: whether role, trust or endpoint may have been changed just now, see test_until_seen.
    :returns: the module's result: changed, diff, status, tested, test_needed, endpoint_arn, last_failure_message, hint,
        failed_to_assume_role; `failure` where a test failed.
    :raises DatalakeError: a wrong option. AnsibleAWSError: a call failed.
    """
    check_options(params)
    if not params["replication_instance_arn"]:
        hint = "set replication_instance_arn: without a replication instance nothing can be tested"
        return _result(params, UNVERIFIED, hint=hint)
    if KNOWN_AFTER_CREATION in params["endpoint_arn"]:
        hint = "the endpoint does not exist yet"
        return _result(params, UNVERIFIED, needed=True, tag_after=KNOWN_AFTER_CREATION, hint=hint)
    client = account.client("dms")
    connection, tag = (None, None) if is_new else _last_test(client, params)
    if not test_needed(connection, parse_tested(tag), params, datetime.now(UTC)):
        return _result(params, SUCCESSFUL, tag_before=tag, tag_after=tag)
    if check_mode:
        return _result(params, UNVERIFIED, connection, needed=True, tag_before=tag, tag_after=KNOWN_AFTER_CREATION)
    connection = test_until_seen(client, params, is_new, just_changed)
    tag_after = tag
    if connection["Status"] == SUCCESSFUL:
        tag_after = format_tested(datetime.now(UTC), params["change_token"])
        add_tags(client, params["endpoint_arn"], {TESTED_TAG: tag_after})
    return _result(
        params, connection["Status"], connection, tested=True, needed=True, tag_before=tag, tag_after=tag_after
    )


def _last_test(client: Any, params: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """The connection in DMS, and the value of the tag of the last successful test."""
    connection = describe_connection(client, params["endpoint_arn"], params["replication_instance_arn"])
    return connection, list_tags(client, params["endpoint_arn"]).get(TESTED_TAG)


def change_token(
    role: dict[str, Any], settings: dict[str, Any], external_ids: list[str], statements: list[Any] | None = None
) -> str:
    """A text that changes with everything that the connection depends on. Pure.

    :param role: the result of dms_crossaccount_role. :param settings: of the endpoint, as dms_s3_endpoint returns them.
    :param external_ids: of the endpoint. :param statements: of dms_bucket_access, in access mode bucket_policy.
    """
    things = [
        role["policy"]["document"],
        role["role"]["permissions_boundary"],
        settings,
        external_ids,
        *(statements or []),
    ]
    return json.dumps(things, sort_keys=True)


def test_needed(
    connection: dict[str, Any] | None, tested: Tested | None, params: dict[str, Any], now: datetime
) -> bool:
    """Whether a test is needed. Pure.

    It is not needed if the last test succeeded with the same `change_token`, at most `max_age` seconds ago (0: at any time).
    """
    if params["test"] == "always" or not connection or connection["Status"] != SUCCESSFUL or tested is None:
        return True
    if tested.fingerprint != fingerprint(params["change_token"]):
        return True
    return bool(params["max_age"]) and now - tested.at > timedelta(seconds=params["max_age"])


def fingerprint(change_token: str | None) -> str:
    """A hash of a change token, 16 hexadecimal digits, for the tag."""
    return hashlib.sha256((change_token or "").encode()).hexdigest()[:16]


def format_tested(at: datetime, change_token: str | None) -> str:
    """The value of the tag."""
    return f"{at.strftime(_TIME_FORMAT)}/{fingerprint(change_token)}"


def parse_tested(value: str | None) -> Tested | None:
    """The parsed value of the tag; None if it is missing or has another form."""
    at, _slash, digits = (value or "").partition("/")
    try:
        return Tested(datetime.strptime(at, _TIME_FORMAT).replace(tzinfo=UTC), digits)
    except ValueError:
        return None


def check_options(params: dict[str, Any]) -> None:
    """Check the options before any call.

    :raises DatalakeError: with what to do.
    """
    check_waiting(params)
    for option, kind in (("endpoint_arn", "endpoint"), ("replication_instance_arn", "rep")):
        arn = params[option]
        if arn and KNOWN_AFTER_CREATION not in arn and not is_arn(arn, kind):
            raise DatalakeError(
                message=f"{option}={arn} is not an ARN of that kind; give one like arn:aws:dms:<region>:<account>:{kind}:<id>."
            )
    if params["max_age"] < 0:
        raise DatalakeError(
            message=f"max_age={params['max_age']} must not be negative; give seconds, or 0 for no limit."
        )


def test_until_seen(client: Any, params: dict[str, Any], is_new: bool, just_changed: bool) -> dict[str, Any]:
    """Test, and repeat a test that fails, until iam_propagation_timeout seconds have passed.

    :param is_new: whether the endpoint was never tested.
    :param just_changed: whether any failure is repeated, else only one with a denial. After a change, the text does not tell whether IAM is the
        cause: a text is known that names none, "Failed to connect to database".
    :returns: the connection.
    """
    pause = min(1.0, params["poll_interval"])
    patience = deadline.cut(params["iam_propagation_timeout"])
    tries = tries_within(patience, pause)
    begin = time.monotonic()
    end, quiet_until = begin + patience, begin + _QUIET
    start_attempts = _START_ATTEMPTS_OF_NEW if is_new else _START_ATTEMPTS

    @retry_until(tries, pause)
    def test() -> dict[str, Any]:
        nonlocal start_attempts, quiet_until
        connection = _test(client, params, start_attempts)
        start_attempts = _START_ATTEMPTS
        may_pass = just_changed or is_denied(connection.get("LastFailureMessage"))
        now = time.monotonic()
        if connection["Status"] == FAILED and may_pass and now < end:
            if now >= quiet_until:
                _log_repeated(connection, end - now)
                # Once is enough.
                quiet_until = end
            raise NotYet(connection)
        return connection

    try:
        return dict(test())
    except NotYet as last:
        return dict(last.args[0])


def _log_repeated(connection: dict[str, Any], seconds: float) -> None:
    _LOG.info(
        "The connection test of %s fails (%s); it is repeated for %d seconds more, because DMS may see a change of IAM late.",
        connection["EndpointIdentifier"],
        connection.get("LastFailureMessage") or "AWS gives no reason",
        seconds,
    )


def _test(client: Any, params: dict[str, Any], start_attempts: int) -> dict[str, Any]:
    """Start a test and wait for its result.

    :param start_attempts: how often a new test is polled until DMS returns it, see _START_ATTEMPTS.
    """
    arns = {"endpoint_arn": params["endpoint_arn"], "replication_instance_arn": params["replication_instance_arn"]}
    polling = {"poll_interval": params["poll_interval"], "Filters": filters(**arns)}
    if _start(client, params, polling):
        start_attempts = _START_ATTEMPTS
    # If `testing` is never returned, the test ended before the first poll, and the returned status is its result.
    shown = last_response_of(client, "connection_test_started", start_attempts * params["poll_interval"], **polling)
    connections = shown.get("Connections") or []
    if connections and connections[0]["Status"] in (SUCCESSFUL, FAILED):
        return dict(connections[0])
    return _finish(client, params, polling)


def _start(client: Any, params: dict[str, Any], polling: dict[str, Any]) -> bool:
    """TestConnection. If another test of the pair is running, wait for its end first: ModifyEndpoint starts one before the trust is updated.

    :returns: whether there was another test; DMS may return its result for a while.
    """
    others = False

    @DmsErrorHandler.common_error_handler("test the connection")
    @retry_while(["InvalidResourceStateFault"], params["wait_timeout"], params["poll_interval"])
    def start() -> None:
        nonlocal others
        try:
            client.test_connection(
                EndpointArn=params["endpoint_arn"], ReplicationInstanceArn=params["replication_instance_arn"]
            )
        except is_boto3_error_code("InvalidResourceStateFault"):
            others = True
            _finish(client, params, polling)
            raise

    start()
    return others


@DmsErrorHandler.common_error_handler("wait for the connection test")
def _finish(client: Any, params: dict[str, Any], polling: dict[str, Any]) -> dict[str, Any]:
    """The connection, once no test is running."""
    return dict(wait_for(client, "connection_test_finished", params["wait_timeout"], **polling)["Connections"][0])


def _result(
    params: dict[str, Any],
    status: str,
    connection: dict[str, Any] | None = None,
    *,
    tested: bool = False,
    needed: bool = False,
    tag_before: str | None = None,
    tag_after: str | None = None,
    hint: str | None = None,
) -> dict[str, Any]:
    """The module's result. `changed` says whether the tag changes, because the module changes nothing else."""
    message = (connection or {}).get("LastFailureMessage") if status != SUCCESSFUL else None
    return {
        "changed": tag_before != tag_after,
        "diff": {"before": {TESTED_TAG: tag_before}, "after": {TESTED_TAG: tag_after}},
        "status": status,
        "tested": tested,
        "test_needed": needed,
        "endpoint_arn": params["endpoint_arn"],
        "last_failure_message": message,
        "hint": hint or (failure_hint(message) if message else None),
        "failed_to_assume_role": status == FAILED and failed_to_assume_role(message),
        **({"failure": _failure(params, message)} if tested and status != SUCCESSFUL else {}),
    }


def _failure(params: dict[str, Any], message: str | None) -> str:
    name = params["endpoint_arn"].rsplit(":", 1)[-1]
    said = message or "AWS gives no reason"
    return f"The connection test of endpoint {name} failed: {said}; {failure_hint(message)}."
