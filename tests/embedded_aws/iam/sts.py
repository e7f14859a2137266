# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STS: AssumeRole with the trust evaluated, and GetCallerIdentity. No other operation is known."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ..arns import account_of, partition_of
from ..server.switches import Switches
from ..server.wire import Answer, AwsError, Call
from .evaluation import Access, trust_admits
from .identity import Caller, Sessions
from .propagation import Propagation

ROLE_ARN = re.compile(r"arn:(?P<partition>[^:]+):iam::(?P<account>\d{12}):role/(?:.*/)?(?P<name>[\w+=,.@-]+)")
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")
CHAINED_SECONDS = 3600  # "role chaining limits your session to a maximum of one hour" (IAM User Guide)


class Sts:
    """The operations of STS."""

    def __init__(self, sessions: Sessions, propagation: Propagation, switches_of: Callable[[str], Switches]) -> None:
        self._sessions = sessions
        self._propagation = propagation
        self._switches_of = switches_of

    def answer(self, call: Call, caller: Caller) -> Answer:
        if call.operation == "GetCallerIdentity":
            return _result(call, {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn})
        if call.operation == "AssumeRole":
            return _result(call, self._assume_role(call.parameters, caller))
        raise AwsError("InvalidAction", f"The embedded AWS does not know sts:{call.operation}")

    def _assume_role(self, parameters: dict[str, str], caller: Caller) -> dict[str, Any]:
        arn, session_name = parameters.get("RoleArn", ""), parameters.get("RoleSessionName", "")
        external_id = parameters.get("ExternalId")
        role_name = _check_parameters(arn, session_name, external_id)
        role = self._propagation.evaluate(arn)
        if role is None or not trust_admits(role["Trust"], _assume_role_access(caller, arn, session_name, external_id)):
            # AWS gives one answer for a role that is absent and for one that does not trust the caller.
            raise AwsError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                403,
            )
        seconds = _duration(parameters, caller, role["MaxSessionDuration"])
        account = account_of(arn)
        longest = self._switches_of(account)["session_seconds"]
        session = Caller(
            account=account,
            arn=f"arn:{partition_of(arn)}:sts::{account}:assumed-role/{role_name}/{session_name}",
            user_id=f"{role['RoleId']}:{session_name}",
            role_arn=arn,
            session_name=session_name,
        )
        return {
            "Credentials": self._sessions.issue(session, seconds if longest is None else min(seconds, longest)),
            "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
        }


def _check_parameters(arn: str, session_name: str, external_id: str | None) -> str:
    """The role's name, if the parameters are well-formed."""
    role = ROLE_ARN.fullmatch(arn)
    if not role:
        raise AwsError("ValidationError", f"{arn} is invalid")
    if not SESSION_NAME.fullmatch(session_name):
        raise _constraint("roleSessionName", session_name, SESSION_NAME)
    if external_id is not None and not EXTERNAL_ID.fullmatch(external_id):
        raise _constraint("externalId", external_id, EXTERNAL_ID)
    return role["name"]


def _constraint(name: str, value: str, pattern: re.Pattern[str]) -> AwsError:
    return AwsError(
        "ValidationError",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {pattern.pattern}",
    )


def _assume_role_access(caller: Caller, arn: str, session_name: str, external_id: str | None) -> Access:
    context = {
        "aws:PrincipalArn": caller.role_arn or caller.arn,
        "aws:PrincipalAccount": caller.account,
        "sts:RoleSessionName": session_name,
    }
    if external_id is not None:
        context["sts:ExternalId"] = external_id
    return Access(caller.principal, "sts:AssumeRole", arn, context)


def _duration(parameters: dict[str, str], caller: Caller, longest: int) -> int:
    """Seconds of validity; the limits are those of AssumeRole's DurationSeconds."""
    seconds = int(parameters.get("DurationSeconds", "3600"))
    if seconds < 900:
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 900",
        )
    if caller.role_arn and seconds > CHAINED_SECONDS:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )
    if seconds > longest:
        raise AwsError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return seconds


def _result(call: Call, result: dict[str, Any]) -> Answer:
    name = call.operation
    return Answer.of_xml(
        f'<{name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{name}Result>{_xml(result)}</{name}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{name}Response>"
    )


def _xml(members: dict[str, Any]) -> str:
    return "".join(
        f"<{name}>{_xml(value) if isinstance(value, dict) else escape(value)}</{name}>"
        for name, value in members.items()
    )
