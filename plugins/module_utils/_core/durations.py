# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations as readable text. Pure."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Such as "45 seconds", "12 minutes", "1 hour 32 minutes" or "2 days 3 hours"; rounded up, with the two largest units."""
    whole = max(0, math.ceil(seconds))
    if whole < 120:
        return _counted(whole, "second")
    minutes = math.ceil(whole / 60)
    if minutes < 60:
        return _counted(minutes, "minute")
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _joined(_counted(hours, "hour"), minutes, "minute")
    days, hours = divmod(hours + (minutes > 0), 24)
    return _joined(_counted(days, "day"), hours, "hour")


def _joined(first: str, count: int, unit: str) -> str:
    return f"{first} {_counted(count, unit)}" if count else first


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
