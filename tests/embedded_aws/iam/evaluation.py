# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation of IAM policies, on plain policy documents: no AWS, no state.

Source of the rules: IAM User Guide, "Policy evaluation logic" and "Cross-account policy evaluation logic". What is
not modelled (policy variables, date and IP conditions) raises `UnsupportedPolicy` rather than guessing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

Document = Mapping[str, Any]
Verdict = Literal["allow", "deny", "none"]


class UnsupportedPolicy(Exception):
    """The document uses something that this evaluation does not model."""


@dataclass(frozen=True)
class Principal:
    """Who asks: an AWS principal (`account` and its ARNs, most specific first) or a service."""

    account: str | None = None
    arns: tuple[str, ...] = ()
    service: str | None = None


@dataclass(frozen=True)
class Access:
    """One question: may `principal` do `action` on `resource`, given the condition keys in `context`?"""

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)


def identity_verdict(documents: Iterable[Document], access: Access) -> Verdict:
    """What identity-based policies (no Principal element) say: deny wins, then allow."""
    verdict: Verdict = "none"
    for statement in _statements(documents):
        if _applies(statement, access):
            if statement["Effect"] == "Deny":
                return "deny"
            verdict = "allow"
    return verdict


def resource_verdict(document: Document | None, access: Access) -> Literal["direct", "account", "deny", "none"]:
    """What a resource-based policy says.

    `direct`: it allows the principal itself; `account`: it allows the principal's account, which leaves it to the
    identity-based policies of that account.
    """
    verdict: Literal["direct", "account", "none"] = "none"
    for statement in _statements([document] if document else []):
        named = _principal_named(statement, access.principal)
        if named and _applies(statement, access):
            if statement["Effect"] == "Deny":
                return "deny"
            verdict = "direct" if named == "direct" or verdict == "direct" else "account"
    return verdict


def trust_admits(trust: Document, access: Access) -> bool:
    """Whether a role's trust policy lets the principal assume the role (either kind of naming is enough)."""
    return resource_verdict(trust, access) in ("direct", "account")


def refusal(
    access: Access,
    *,
    identity: Iterable[Document],
    boundary: Document | None,
    resource_policy: Document | None,
    resource_account: str,
    resource_policy_decides: bool = False,
) -> str | None:
    """Why the access is refused, in AWS's words; None when it is allowed.

    `resource_policy_decides`: IAM alone never opens the resource, its policy has to (true for KMS keys).
    """
    by_identity = identity_verdict(identity, access)
    by_resource = resource_verdict(resource_policy, access)
    by_boundary = identity_verdict([boundary], access) if boundary else "allow"
    for verdict, kind in (
        (by_identity, "an identity-based policy"),
        (by_boundary, "a permissions boundary"),
        (by_resource, "a resource-based policy"),
    ):
        if verdict == "deny":
            return _refused(access, f"with an explicit deny in {kind}")
    if by_boundary != "allow":
        return _refused(access, f"because no permissions boundary allows the {access.action} action")
    same_account = resource_account == access.principal.account
    if same_account and by_resource == "direct":
        return None
    if by_identity != "allow":
        return _refused(access, f"because no identity-based policy allows the {access.action} action")
    if by_resource == "none" and (resource_policy_decides or not same_account):
        return _refused(access, f"because no resource-based policy allows the {access.action} action")
    return None


def _refused(access: Access, because: str) -> str:
    who = access.principal.arns[0] if access.principal.arns else access.principal.service
    return f'User: {who} is not authorized to perform: {access.action} on resource: "{access.resource}" {because}'


def _statements(documents: Iterable[Document]) -> Iterable[Mapping[str, Any]]:
    for document in documents:
        yield from as_list(document["Statement"])


def as_list(value: Any) -> list[Any]:
    """A policy element that may be one value or a list, as a list."""
    return list(value) if isinstance(value, list) else [value]


def _applies(statement: Mapping[str, Any], access: Access) -> bool:
    return (
        _matches_element(statement, "Action", access.action, ignore_case=True)
        and _matches_element(statement, "Resource", access.resource)
        and _conditions_met(statement.get("Condition", {}), access.context)
    )


def _matches_element(statement: Mapping[str, Any], name: str, value: str, ignore_case: bool = False) -> bool:
    """Match `Action`/`NotAction`, `Resource`/`NotResource`; an absent element (a trust has no Resource) matches."""
    if f"Not{name}" in statement:
        return not any(glob_matches(pattern, value, ignore_case) for pattern in as_list(statement[f"Not{name}"]))
    return any(glob_matches(pattern, value, ignore_case) for pattern in as_list(statement.get(name, "*")))


def _principal_named(statement: Mapping[str, Any], principal: Principal) -> Literal["direct", "account"] | None:
    if "NotPrincipal" in statement:
        return None if _named_in(statement["NotPrincipal"], principal) else "direct"
    return _named_in(statement.get("Principal", {}), principal)


def _named_in(element: Any, principal: Principal) -> Literal["direct", "account"] | None:
    if element == "*":
        return "direct"
    if principal.service:
        return "direct" if principal.service in as_list(element.get("Service", [])) else None
    named = as_list(element.get("AWS", []))
    if "*" in named or any(arn in named for arn in principal.arns):
        return "direct"
    of_account = re.compile(rf"{principal.account}|arn:[^:]+:iam::{principal.account}:root")
    return "account" if any(of_account.fullmatch(name) for name in named) else None


@lru_cache(maxsize=4096)
def _glob(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    if "${" in pattern:
        raise UnsupportedPolicy(f"policy variables are not evaluated: {pattern}")
    translated = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.compile(translated, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def glob_matches(pattern: str, value: str, ignore_case: bool = False) -> bool:
    """IAM's wildcards: `*` any characters, `?` one; nothing else is special."""
    return _glob(pattern, ignore_case).fullmatch(value) is not None


def _arn_matches(pattern: str, value: str) -> bool:
    """ArnLike and ArnEquals compare the six parts of an ARN one by one."""
    pattern_parts, value_parts = pattern.split(":", 5), value.split(":", 5)
    return len(pattern_parts) == len(value_parts) and all(map(glob_matches, pattern_parts, value_parts))


# Each compares one expected with one actual value; "Not" variants negate the whole test.
COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda expected, actual: expected == actual,
    "StringEqualsIgnoreCase": lambda expected, actual: expected.lower() == actual.lower(),
    "StringLike": glob_matches,
    "ArnEquals": _arn_matches,
    "ArnLike": _arn_matches,
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
    "DateLessThan": lambda expected, actual: datetime.fromisoformat(actual) < datetime.fromisoformat(expected),
    "NumericEquals": lambda expected, actual: float(actual) == float(expected),
    "NumericLessThan": lambda expected, actual: float(actual) < float(expected),
    "NumericLessThanEquals": lambda expected, actual: float(actual) <= float(expected),
    "NumericGreaterThan": lambda expected, actual: float(actual) > float(expected),
    "NumericGreaterThanEquals": lambda expected, actual: float(actual) >= float(expected),
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
}


def _conditions_met(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str | list[str]]) -> bool:
    """All operators and all keys have to be met; the values of one key are alternatives."""
    values_of = {key.lower(): as_list(value) for key, value in context.items()}
    return all(
        _condition_met(operator, [_text(value) for value in as_list(expected)], values_of.get(key.lower()))
        for operator, keys in conditions.items()
        for key, expected in keys.items()
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition_met(operator: str, expected: list[str], actual: list[str] | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if name == "Null":
        return (actual is None) == (expected[0].lower() == "true")
    base = name.removesuffix("IfExists")
    negated = base in NEGATED
    compare = COMPARISONS.get(NEGATED.get(base, base))
    if compare is None:
        raise UnsupportedPolicy(f"the condition operator {operator} is not evaluated")
    if actual is None:
        # An absent key meets "not equal", "if exists" and "for all values", and nothing else.
        return negated or name != base or quantifier == "ForAllValues"
    met = [any(compare(value, one) for value in expected) != negated for one in actual]
    return all(met) if quantifier == "ForAllValues" or (negated and not quantifier) else any(met)
