# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The weekly times in which endpoints of a protected environment are replaced, in AWS's form for maintenance windows. Pure.

A window is ddd:hh24:mi-ddd:hh24:mi in UTC, such as sat:22:00-sun:06:00 (PreferredMaintenanceWindow in the API reference of DMS).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from ansible_collections.datalake.dms.plugins.module_utils._core.durations import duration
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = rf"({'|'.join(_DAYS)}):([01]\d|2[0-3]):([0-5]\d)"
_WINDOW = re.compile(f"{_TIME}-{_TIME}", re.ASCII | re.IGNORECASE)
_DAY = 24 * 60
_WEEK = 7 * _DAY


def check(windows: Sequence[str]) -> None:
    """
    :raises DatalakeError: one of them has another form.
    """
    for window in windows:
        found = _WINDOW.fullmatch(window)
        if not found or _span(window)[1] == 0:
            raise DatalakeError(
                message=f"s3_endpoint_change_window={window} is not a weekly time; give it in UTC as ddd:hh24:mi-ddd:hh24:mi, such as "
                "sat:22:00-sun:06:00."
            )


def refusal(windows: Sequence[str], now: datetime, seconds: float) -> str | None:
    """Why a replacement must not begin now, as the end of a sentence; None if it may.

    :param windows: empty for any time. :param seconds: how long tasks may be down.
    """
    if not windows:
        return None
    now = now.astimezone(UTC)
    minute = now.weekday() * _DAY + now.hour * 60 + now.minute + now.second / 60
    spans = [_span(window) for window in windows]
    left = max((length - (minute - begin) % _WEEK for begin, length in spans), default=0)
    names = ", ".join(windows)
    if left <= 0:
        wait = min((begin - minute) % _WEEK for begin, _length in spans)
        return f"s3_endpoint_change_window ({names}, UTC) is closed, and opens in {duration(wait * 60)}"
    if left * 60 < seconds:
        return f"s3_endpoint_change_window ({names}, UTC) closes in {duration(left * 60)}, and the tasks may be down for {duration(seconds)}"
    return None


def _span(window: str) -> tuple[int, int]:
    """The begin of a window in the week, and its length, in minutes."""
    found = _WINDOW.fullmatch(window)
    if found is None:
        raise ValueError(window)
    begin, end = (
        _DAYS.index(day.lower()) * _DAY + int(hour) * 60 + int(minute)
        for day, hour, minute in (found.groups()[:3], found.groups()[3:])
    )
    return begin, (end - begin) % _WEEK
