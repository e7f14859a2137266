# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a policy document malformed: pure checks on its text. Source: IAM JSON policy grammar."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from .evaluation import as_list

Kind = Literal["identity", "trust", "resource"]

VERSIONS = ("2012-10-17", "2008-10-17")
STATEMENT_MEMBERS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[\w*?]+")
PRINCIPAL_ELEMENTS = ("Principal", "NotPrincipal")
USER_OR_ROLE = re.compile(r"arn:[^:]+:iam::\d{12}:(user|role)/.+")
UNIQUE_ID = re.compile(r"A(ROA|IDA)[A-Z0-9]{12,124}")
PRINCIPAL_KINDS = {"AWS", "Service", "Federated", "CanonicalUser"}


def problem_of(text: str, kind: Kind) -> str | None:
    """What is wrong with a policy document, None when it is well-formed."""
    try:
        document = json.loads(text)
    except ValueError:
        return "This policy contains invalid Json"
    if not isinstance(document, dict) or "Statement" not in document:
        return "Syntax errors in policy: Missing required field Statement"
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        return "The policy must contain a valid version string"
    if set(document) - {"Version", "Id", "Statement"}:
        return "Syntax errors in policy."
    statements = as_list(document["Statement"])
    if not statements:
        return "Syntax errors in policy: Missing required field Statement"
    sids = [statement.get("Sid") for statement in statements if isinstance(statement, dict) and statement.get("Sid")]
    if len(sids) != len(set(sids)):
        return "Statement IDs (SID) in a single policy must be unique."
    return next(filter(None, (_statement_problem(statement, kind) for statement in statements)), None)


def _statement_problem(statement: Any, kind: Kind) -> str | None:
    if not isinstance(statement, dict) or set(statement) - STATEMENT_MEMBERS:
        return "Syntax errors in policy."
    if statement.get("Effect") not in ("Allow", "Deny"):
        return "Syntax errors in policy: Missing required field Effect"
    actions = _listed(statement, "Action", "NotAction")
    if not actions:
        return "Policy statement must contain actions."
    malformed = [action for action in actions if not isinstance(action, str) or not ACTION.fullmatch(action)]
    if malformed:
        return f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {malformed[0]}"
    if kind == "trust" and ("Resource" in statement or "NotResource" in statement):
        return "Has prohibited field Resource"
    if kind != "trust" and not _listed(statement, "Resource", "NotResource"):
        return "Policy statement must contain resources."
    if not isinstance(statement.get("Condition", {}), dict):
        return "Syntax errors in policy."
    return _principal_problem(statement, kind)


def _principal_problem(statement: dict[str, Any], kind: Kind) -> str | None:
    names = [name for name in PRINCIPAL_ELEMENTS if name in statement]
    if kind == "identity":
        return "Policy document should not specify a principal." if names else None
    if len(names) != 1:
        return "Missing required field Principal"
    principal = statement[names[0]]
    if principal == "*":
        return None
    if not isinstance(principal, dict) or not principal or set(principal) - PRINCIPAL_KINDS:
        return "Invalid principal in policy"
    return None if all(principal.values()) else "Invalid principal in policy"


def _listed(statement: dict[str, Any], name: str, negated: str) -> list[Any]:
    """The values of the one of two exclusive elements that is there; empty when none or both are."""
    if (name in statement) == (negated in statement):
        return []
    return [value for value in as_list(statement.get(name, statement.get(negated))) if value]


def named_principals(text: str) -> list[str]:
    """The ARNs of users and roles that a well-formed document names as principals, and the unique ids of deleted ones."""
    principals = [
        statement.get(name) for statement in as_list(json.loads(text)["Statement"]) for name in PRINCIPAL_ELEMENTS
    ]
    named = [arn for element in principals if isinstance(element, dict) for arn in as_list(element.get("AWS", []))]
    return [name for name in named if USER_OR_ROLE.fullmatch(name) or UNIQUE_ID.fullmatch(name)]


def without_principal(document: dict[str, Any], arn: str, unique_id: str) -> dict[str, Any]:
    """The document as AWS shows it once a role or user is deleted: with its unique id in the place of its ARN."""

    def renamed(element: Any) -> Any:
        if not isinstance(element, dict) or arn not in as_list(element.get("AWS", [])):
            return element
        names = [unique_id if name == arn else name for name in as_list(element["AWS"])]
        return {**element, "AWS": names if isinstance(element["AWS"], list) else names[0]}

    statements = [
        {name: renamed(value) if name in PRINCIPAL_ELEMENTS else value for name, value in statement.items()}
        for statement in as_list(document["Statement"])
    ]
    return {**document, "Statement": statements}
