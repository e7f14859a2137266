# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: every AWS request, in the order in which the server took them up."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any


class Journal:
    """Thread-safe list of entries.

    An entry: seq (from 1), time (UTC, ISO 8601), service, operation, account (None: unknown key), region, status (HTTP;
    None: the connection was reset), error_code, fault (kind of the injected fault), access_key, session_name.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._last_seq = 0

    def open(self, **known: Any) -> dict[str, Any]:
        """Add an entry with what is known before the call takes effect; the caller completes it."""
        with self._lock:
            self._last_seq += 1
            time = datetime.now(UTC).isoformat()
            entry = {"seq": self._last_seq, "time": time, "status": None, "error_code": None, **known}
            self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(entry) for entry in self._entries]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
