# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that do not change during a run: each is read once for all threads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, explain


class Answers:
    """What was read, or the error that was raised instead. An error is raised again for every thread that asks for the same."""

    def __init__(self) -> None:
        self._answers: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}

    def once(self, what: Any, read: Callable[[], Any]) -> Any:
        """The answer for the key `what`, in types of JSON. The first caller reads it; the others wait for it."""
        key = json.dumps(what, sort_keys=True, default=str)
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._answers:
                try:
                    self._answers[key] = read()
                except CALL_ERRORS as error:
                    self._answers[key] = error
        if isinstance(self._answers[key], Exception):
            raise self._answers[key]
        return self._answers[key]

    def failures(self) -> list[str]:
        """A sentence for each read that failed."""
        return sorted({explain(answer) for answer in self._answers.values() if isinstance(answer, Exception)})
