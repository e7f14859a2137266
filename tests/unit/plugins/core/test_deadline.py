# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

from ansible_collections.datalake.dms.plugins.module_utils._core import deadline


def test_without_a_deadline_nothing_is_cut():
    with deadline.scope():
        assert (deadline.cut(300), deadline.is_over()) == (300, False)


def test_what_is_waited_for_ends_at_the_deadline():
    with deadline.scope():
        deadline.begin(100)
        assert 99 < deadline.cut(300) <= 100
        assert (deadline.cut(5), deadline.is_over()) == (5, False)
        deadline.begin(-1)
        assert (deadline.cut(300), deadline.is_over()) == (0, True)


def test_deadline_is_of_its_block_and_its_thread():
    found = []
    with deadline.scope():
        deadline.begin(-1)
        with deadline.scope():
            assert deadline.is_over() is False
        other = threading.Thread(target=lambda: found.append(deadline.is_over()))
        other.start()
        other.join()
        assert (deadline.is_over(), found) == (True, [False])
    assert deadline.is_over() is False
