# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are sent again: how many tries fit into a time, and answers that were lost."""

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import tries_within, unless_done
from botocore.exceptions import ClientError


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


@pytest.mark.parametrize(
    ("code", "is_done", "raised"), [("Exists", True, False), ("Exists", False, True), ("Other", True, True)]
)
def test_lost_answer_is_no_error_where_the_change_was_made(code, is_done, raised):
    def call():
        with unless_done(["Exists"], lambda: is_done):
            raise ClientError({"Error": {"Code": code}}, "CreateRole")

    with pytest.raises(ClientError) if raised else contextlib.nullcontext():
        call()
