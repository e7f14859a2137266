# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a replacement may begin in a protected environment. 1 June 2026 is a Monday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._hosts import change_window
from hypothesis import given
from hypothesis import strategies as st

NIGHT = "sat:22:00-sun:06:00"
OVER_THE_WEEK = "Sun:23:00-mon:01:00"


def at(day, hour, minute=0):
    return datetime(2026, 6, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "now", "seconds", "said"),
    [
        ([], at(3, 12), 0, None),
        ([NIGHT], at(6, 22), 3600, None),
        ([NIGHT], at(7, 0), 6 * 3600, None),
        ([NIGHT], at(7, 0), 6 * 3600 + 1, "closes in 6 hours, and the tasks may be down for 6 hours 1 minute"),
        ([NIGHT], at(7, 5, 59), 0, None),
        ([NIGHT], at(7, 6), 0, "is closed, and opens in 6 days 16 hours"),
        ([NIGHT], at(6, 21, 59), 0, "is closed, and opens in 60 seconds"),
        ([OVER_THE_WEEK], at(7, 23), 3600, None),
        ([OVER_THE_WEEK], at(1, 0, 30), 1800, None),
        ([OVER_THE_WEEK], at(1, 0, 30), 1801, "closes in 30 minutes"),
        ([NIGHT, "wed:12:00-wed:13:00"], at(3, 12), 3600, None),
        ([NIGHT], at(6, 22).astimezone(timezone(timedelta(hours=-7))), 0, None),
    ],
)
def test_replacement_begins_where_it_ends_inside_a_window(windows, now, seconds, said):
    found = change_window.refusal(windows, now, seconds)
    assert (found is None) == (said is None), found
    assert said is None or said in found


@pytest.mark.parametrize(
    "window", ["", "sat", "sat:22:00", "sat:24:00-sun:06:00", "sa:22:00-sun:06:00", "sat:22:00-SAT:22:00", f"{NIGHT}\n"]
)
def test_other_forms_are_named(window):
    with pytest.raises(AnsibleAWSError) as error:
        change_window.check([NIGHT, window])
    assert f"s3_endpoint_change_window={window} is not a weekly time" in error.value.message


MINUTES = st.integers(0, 7 * 24 * 60 - 1)


@given(begin=MINUTES, length=st.integers(1, 7 * 24 * 60 - 1), passed=MINUTES)
def test_any_window_is_open_from_its_begin_to_its_end(begin, length, passed):
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

    def text(minute):
        day, rest = divmod(minute % (7 * 24 * 60), 24 * 60)
        return f"{days[day]}:{rest // 60:02}:{rest % 60:02}"

    window = f"{text(begin)}-{text(begin + length)}"
    change_window.check([window])
    now = at(1, 0) + timedelta(minutes=begin + passed)
    assert (change_window.refusal([window], now, 0) is None) == (passed < length)
