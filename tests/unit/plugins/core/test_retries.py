# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tries fit into a time."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import tries_within


@pytest.mark.parametrize(
    ("timeout", "first_pause", "tries"),
    [
        (0, 1, 1),
        (0.9, 1, 1),
        (1, 1, 2),
        (2.9, 1, 2),
        (3, 1, 3),
        (15, 1, 5),  # 1 + 2 + 4 + 8
        (30, 1, 6),  # … + 15, the longest pause
        (300, 1, 24),
        (300, 5, 22),
        (-1, 1, 1),
    ],
)
def test_tries_within(timeout, first_pause, tries):
    assert tries_within(timeout, first_pause) == tries
