# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WSGI application: one AWS call in, one answer out, with faults and the journal around it."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any

from .. import moto_seams
from ..arns import partition_of_region
from ..dms import responses as dms_responses
from ..iam import access_analyzer, bucket_access
from ..iam import rules as iam_rules
from ..iam.evaluation import UnsupportedPolicy
from ..iam.identity import Caller, authenticate
from ..iam.sts import Sts
from ..moto_seams import MotoApplication, operation_name
from .control import CONTROL_PATH
from .control_api import ControlApi
from .faults import ERRORS, MESSAGES, SIGNALS, STALLS, Fault
from .process_tree import kill_tree, stop_tree
from .wire import Answer, AwsError, Call, read_body, read_call, render_error
from .world import World

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Application:
    """Answers AWS calls and control requests."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moto = MotoApplication()
        self._sts = Sts(world.sessions, world.propagation, world.switches_of)
        self._control = ControlApi(world)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(CONTROL_PATH):
            answer = self._control.answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], read_body(environ))
        else:
            answer = self._journaled(read_call(environ))
        start_response(f"{answer.status} {responses.get(answer.status, '')}", answer.headers)
        return [answer.body]

    def _journaled(self, call: Call) -> Answer:
        if call.protocol.startswith("rest"):
            call.operation = operation_name(call)
        identity = self._identify(call)
        caller = identity if isinstance(identity, Caller) else None
        account = caller.account if caller else None
        fault = self._world.faults.take(call, account)
        entry = self._world.journal.open(
            service=call.service,
            operation=call.operation,
            account=account,
            region=call.region,
            fault=fault.kind if fault else None,
            access_key=call.access_key,
            session_name=caller.session_name if caller else None,
        )
        call.seq = entry["seq"]
        answer = self._faulty_answer(call, identity, fault) if fault else self._answer(call, identity)
        entry["status"], entry["error_code"] = answer.status, answer.error_code
        return answer

    def _identify(self, call: Call) -> Caller | AwsError:
        """Who calls, or the error that the call is refused with."""
        try:
            return authenticate(call, self._world.sessions)
        except AwsError as error:
            return error

    def _faulty_answer(self, call: Call, identity: Caller | AwsError, fault: Fault) -> Answer:
        """The answer under a fault; resets and kills leave by ConnectionResetError."""
        error = fault.error_for(call)
        if error:
            return render_error(call, error)
        if fault.kind in ("reset_before", "kill_before", "stall_before"):
            _break_off(call, fault)
        if fault.kind == "delay":
            time.sleep(fault.seconds or 0)
        answer = self._answer(call, identity)
        if fault.kind in ("reset_after", "kill_after"):
            _break_off(call, fault)
        if fault.kind == "stall_after" and fault.pid is not None:
            stop_tree(fault.pid)
        if fault.kind in SIGNALS and fault.pid is not None:
            os.kill(fault.pid, SIGNALS[fault.kind])
        return answer

    def _answer(self, call: Call, identity: Caller | AwsError) -> Answer:
        """Let the call take effect, one call at a time."""
        try:
            if isinstance(identity, AwsError):
                raise identity
            with self._world.lock:
                return self._effect(call, identity)
        except AwsError as error:
            return render_error(call, error)
        except UnsupportedPolicy as unsupported:
            return render_error(call, AwsError("UnsupportedByEmbeddedAws", str(unsupported)))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return render_error(call, AwsError("InternalFailure", traceback.format_exc(limit=-1), 500))

    def _effect(self, call: Call, caller: Caller) -> Answer:
        """Let the call take effect, if the caller may make it."""
        self._world.authorization.check(call, caller)
        if call.service == "sts":
            return self._sts.answer(call, caller)
        if call.service == "dms":
            self._throttle(call, caller.account)
            return dms_responses.answer(self._world.dms_of(caller.account, call.region), call)
        if call.service == "accessanalyzer":
            return access_analyzer.answer(call)
        return self._moto_answer(call, caller)

    def _moto_answer(self, call: Call, caller: Caller) -> Answer:
        account = caller.account
        bucket_access.check_owner(call)
        bucket_access.meet_any_etag(call)
        iam_rules.check(call, account, self._principal_exists)
        if call.operation == "GetAccountSummary":
            quota = self._world.switches_of(account)["roles_quota"]
            moto_seams.set_roles_quota(account, partition_of_region(call.region), quota)
        changed = iam_rules.changed_roles(call, account)
        before = [moto_seams.role_view(key) for key in changed]
        self._world.propagation.before_change(changed)
        answer = self._moto.answer(call, account)
        self._world.propagation.after_change(changed)
        self._world.remember_trusts(changed)
        for key, view in zip(changed, before, strict=True):
            if view and moto_seams.role_view(key) is None:
                moto_seams.show_unique_id(view["Arn"], view["RoleId"])
        return answer

    def _principal_exists(self, name: str) -> bool:
        """Whether a policy may name a role or user by now: a new role takes its time, as for all evaluations."""
        is_role = ":role/" in name
        return self._world.propagation.evaluate(name) is not None if is_role else moto_seams.principal_exists(name)

    def _throttle(self, call: Call, account: str) -> None:
        bucket = self._world.switches_of(account)["dms_throttle"]
        if bucket and not self._world.buckets.take((account, call.region), bucket["burst"], bucket["refill"]):
            code, status = ERRORS[call.protocol]["throttle"]
            raise AwsError(code, MESSAGES["throttle"], status)


def _break_off(call: Call, fault: Fault) -> None:
    """Leave the call without an answer, and the process that a fault names without a chance to notice."""
    if fault.pid is not None:
        (stop_tree if fault.kind in STALLS else kill_tree)(fault.pid)
    _reset_connection(call)


def _reset_connection(call: Call) -> None:
    """Reset the TCP connection: closing with SO_LINGER 0 sends RST in place of an orderly end.

    The descriptor is taken from werkzeug's socket, since an ordinary close waits for the streams made from it.
    """
    connection: socket.socket = call.environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket(fileno=connection.detach()).close()
    raise ConnectionResetError("an injected fault reset the connection")
