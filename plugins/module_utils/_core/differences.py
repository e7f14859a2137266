# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sentences for what a module would change, from the two sides of its `diff`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import is_secret
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import KNOWN_AFTER_CREATION
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import inheritable_tags

# The most characters of a value; a policy document has thousands.
_LONGEST = 80

# How many characters are shown before the first difference of two long texts.
_CONTEXT = 10


def changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    """A sentence for each value that differs, with the present and the declared value.

    Left out are values that AWS assigns at creation, and tags that a recreated endpoint loses. Statements of a policy are compared by their Sid.
    """
    return list(_compared("", before or {}, after or {}))


def _compared(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after or KNOWN_AFTER_CREATION in (before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _compared_keys(path, before, after)
    elif _are_lists_of(dict, before, after):
        yield from _compared_keys(path, _by_name(before), _by_name(after))
    elif _are_lists_of(str, before, after) and set(before) != set(after):
        surplus, lacking = [v for v in before if v not in after], [v for v in after if v not in before]
        yield from ([f"{path} has {_text(surplus)}, not declared"] if surplus else [])
        yield from ([f"{path} lacks {_text(lacking)}"] if lacking else [])
    elif before is None:
        yield f"{path} is not set, declared {_text(after)}"
    elif after is None:
        yield f"{path} is {_text(before)}, not declared"
    else:
        shown, declared = _texts(before, after)
        yield f"{path} is {shown}, declared {declared}"


def _compared_keys(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*before, *after]):
        own, other = before.get(key), after.get(key)
        where = f"{path}.{key}" if path else str(key)
        if key == "tags":
            own, other = inheritable_tags(own or {}), inheritable_tags(other or {})
        if is_secret(str(key)) and not isinstance(own or other, dict):
            yield from ([f"{where} differs"] if own != other else [])
        else:
            yield from _compared(where, own, other)


def _are_lists_of(kind: type, *values: Any) -> bool:
    return all(isinstance(value, list) and all(isinstance(item, kind) for item in value) for value in values)


def _by_name(statements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Statements by their Sid; without one, by their position."""
    return {str(statement.get("Sid") or place): statement for place, statement in enumerate(statements, 1)}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _text(value: Any) -> str:
    text = _plain(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _texts(before: Any, after: Any) -> tuple[str, str]:
    """Both values, shortened to the first difference."""
    if _text(before) != _text(after):
        return _text(before), _text(after)
    one, other = _plain(before), _plain(after)
    parting = next((place for place, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), _LONGEST)
    start = max(0, parting - _CONTEXT)
    return f"…{_text(one[start:])}", f"…{_text(other[start:])}"
