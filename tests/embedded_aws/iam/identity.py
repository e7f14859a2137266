# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls: the mapping of access keys to callers, and temporary credentials."""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import moto_seams
from ..server.wire import AwsError, Call
from .evaluation import Principal

# (code, HTTP status) by protocol. Sources: common errors page of each API reference; S3 "Error responses".
UNKNOWN_KEY = {
    "json": ("UnrecognizedClientException", 403),
    "rest-json": ("UnrecognizedClientException", 403),
    "query": ("InvalidClientTokenId", 403),
    "ec2": ("AuthFailure", 401),
    "rest-xml": ("InvalidAccessKeyId", 403),
}
EXPIRED = {
    "json": ("ExpiredTokenException", 403),
    "rest-json": ("ExpiredTokenException", 403),
    "query": ("ExpiredToken", 403),
    "ec2": ("RequestExpired", 400),
    "rest-xml": ("ExpiredToken", 400),
}
KEY_CHARACTERS = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Caller:
    """A user, or a session of an assumed role (then `role_arn` and `session_name` are set)."""

    account: str
    arn: str
    user_id: str
    role_arn: str | None = None
    session_name: str | None = None

    @property
    def principal(self) -> Principal:
        """How policies may name this caller: a session is named by its own ARN or by its role's."""
        return Principal(self.account, (self.arn, self.role_arn) if self.role_arn else (self.arn,))


@dataclass(frozen=True)
class Session:
    """Temporary credentials."""

    caller: Caller
    token: str
    expiration: datetime


class Sessions:
    """The temporary credentials that were issued, by access key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def clear(self) -> None:
        with self._lock:
            self._sessions.clear()

    def get(self, access_key: str) -> Session | None:
        return self._sessions.get(access_key)

    def issue(self, caller: Caller, seconds: float) -> dict[str, str]:
        """Credentials for `caller` as STS returns them; Expiration is ISO 8601."""
        expiration = datetime.now(UTC) + timedelta(seconds=seconds)
        access_key = "ASIA" + "".join(secrets.choice(KEY_CHARACTERS) for _ in range(16))
        token = secrets.token_urlsafe(120)
        with self._lock:
            self._sessions[access_key] = Session(caller, token, expiration)
        return {
            "AccessKeyId": access_key,
            "SecretAccessKey": secrets.token_urlsafe(30),
            "SessionToken": token,
            "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }


def authenticate(call: Call, sessions: Sessions) -> Caller:
    """The caller behind the call's access key. Signatures are not verified: the key is what identifies."""
    if call.access_key is None:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    session = sessions.get(call.access_key)
    if session and session.token == call.session_token:
        if session.expiration <= datetime.now(UTC):
            code, status = EXPIRED[call.protocol]
            raise AwsError(code, "The security token included in the request is expired", status)
        return session.caller
    user = None if session else moto_seams.user_of_access_key(call.access_key)
    if user is None:
        code, status = UNKNOWN_KEY[call.protocol]
        raise AwsError(code, "The security token included in the request is invalid.", status)
    return _user_caller(user)


def _user_caller(user: dict[str, Any]) -> Caller:
    return Caller(account=user["Account"], arn=user["Arn"], user_id=user["UserId"])
