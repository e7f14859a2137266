# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module says the same whether it runs in the controller's process or as a module."""

from __future__ import annotations

from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import plain


def test_both_ways_say_the_same(play):
    status, said, _changed = play("dev", "../tests/integration/playbooks/in_process")
    assert status == 0, said
    assert "very-secret-text" not in said


def test_values_are_plain():
    class Text(str):
        __slots__ = ()

    found = plain({"a": [Text("x"), {"b": Text("y")}, 1, None, True]})
    assert found == {"a": ["x", {"b": "y"}, 1, None, True]}
    assert type(found["a"][0]) is type(found["a"][1]["b"]) is str
