# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 seconds"),
        (0, "0 seconds"),
        (0.2, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (3540, "59 minutes"),
        (3541, "1 hour"),
        (5520, "1 hour 32 minutes"),
        (86399, "1 day"),
        (97200, "1 day 3 hours"),
        (97201, "1 day 4 hours"),
    ],
)
def test_duration_has_its_two_largest_units(seconds, text):
    assert duration(seconds) == text
