# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For all tests: less work for Python's garbage collector, which took a quarter of their time."""

from __future__ import annotations

import gc

import pytest


def pytest_configure():
    # Each client of boto3 has thousands of objects; Python's default is 700.
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="module", autouse=True)
def garbage_is_searched_in_what_is_new():
    """Not in moto, and in botocore's models, which stay."""
    gc.collect()
    gc.freeze()
