# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API under /_embedded/: what tests steer the server with. Control requests are not journaled.

Every request is a POST with a JSON object and answers a JSON object; an error is a 400 with a `message`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from .control import CONTROL_PATH
from .faults import InvalidFault, parse_fault
from .landscape import InvalidLandscape
from .switches import InvalidSwitch
from .wire import Answer, AwsError
from .world import World


class ControlApi:
    """Answers control requests."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._actions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "reset": self._reset,
            "seed": self._seed,
            "set_switches": self._set_switches,
            "get_switches": self._get_switches,
            "add_tags": self._add_tags,
            "fail_task": self._fail_task,
            "add_fault": self._add_fault,
            "clear_faults": self._clear_faults,
            "journal": self._journal,
            "clear_journal": self._clear_journal,
            "authorizations": self._authorizations,
            "state": self._state,
            "dump": self._dump,
            "restore": self._restore,
            "environ": self._environ,
            "pid": self._pid,
        }

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        action = self._actions.get(path.removeprefix(CONTROL_PATH))
        if action is None or method != "POST":
            message = f"no control request {method} {path}; POST one of: {', '.join(self._actions)}"
            return Answer.of_json({"message": message}, 400, "application/json")
        try:
            with self._world.lock:
                return Answer.of_json(action(json.loads(body or b"{}")), content_type="application/json")
        except (InvalidSwitch, InvalidFault, InvalidLandscape, AwsError) as error:
            return Answer.of_json({"message": str(error)}, 400, "application/json")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            message = f"{type(error).__name__} in the request: {error}"
            return Answer.of_json({"message": message}, 400, "application/json")

    def _reset(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._world.reset()
        return {}

    def _seed(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.seed(request["landscape"])
        return {}

    def _set_switches(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.switches_of(request["account_id"]).update(request["switches"])
        return {}

    def _get_switches(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"switches": self._world.switches_of(request["account_id"]).as_dict()}

    def _add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.add_tags(request["account_id"], request["region"], request["arn"], request["tags"])
        return {}

    def _fail_task(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.fail_task(request["account_id"], request["region"], request["arn"])
        return {}

    def _add_fault(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.faults.add(parse_fault(request["fault"]))
        return {}

    def _clear_faults(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.faults.clear(request.get("accounts"))
        return {}

    def _journal(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {"journal": self._world.journal.entries()}

    def _clear_journal(self, _request: dict[str, Any]) -> dict[str, Any]:
        self._world.journal.clear()
        self._world.authorization.clear()
        return {}

    def _authorizations(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {"authorizations": self._world.authorization.record()}

    def _state(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._world.state(request["account_id"])

    def _dump(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._world.dump(request["account_id"])

    def _restore(self, request: dict[str, Any]) -> dict[str, Any]:
        self._world.restore(request["account_id"], request["dumped"])
        return {}

    def _environ(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {"environ": self._world.environ}

    def _pid(self, _request: dict[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid()}
