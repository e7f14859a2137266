# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy documents of any kind: statements and lengths. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

VERSION = "2012-10-17"

# IAM's quota for a managed policy: characters without white space; it can't be raised.
POLICY_LENGTH = 6144


def with_statements(document: dict[str, Any] | None, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """A policy with added statements. A statement replaces the present one with the same Sid; all others stay.

    :param document: the present policy; None or empty without one. :param statements: each with its Sid.
    """
    present = document or {"Version": VERSION}
    new = {statement["Sid"]: statement for statement in statements}
    kept = [new.pop(statement.get("Sid"), statement) for statement in as_list(present.get("Statement"))]
    return {**present, "Statement": [*kept, *new.values()]}


def statement_of(document: dict[str, Any] | None, sid: str) -> dict[str, Any] | None:
    """The first statement of a policy with a Sid; None without one."""
    return next((s for s in as_list((document or {}).get("Statement")) if s.get("Sid") == sid), None)


def document_length(document: dict[str, Any]) -> int:
    """Characters of a policy document as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", json.dumps(document, ensure_ascii=False)))


def as_list(value: Any) -> list[Any]:
    """A policy element, which may be one value or a list, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
