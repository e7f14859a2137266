# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trust of one endpoint's access role: who may assume it, and with which ExternalId. Pure.

CreateEndpoint returns an ExternalId, which must be in the role's trust as `sts:ExternalId`. Until it is known, the trust has a random placeholder, so
that it never admits every customer of DMS.
"""

from __future__ import annotations

import copy
import fnmatch
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_account_id
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import KNOWN_AFTER_CREATION, DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import (
    VERSION,
    as_list,
    document_length,
    statement_of,
)

# The Sid of our statement. All other statements belong to others.
STATEMENT_SID = "DatalakeDmsEndpoint"

PLACEHOLDER_PREFIX = "datalake-dms-placeholder-"

DMS_PRINCIPAL = "dms.amazonaws.com"

# IAM's quota "Role trust policy length": 2,048 characters without white space, at most 4,096 on request.
TRUST_LENGTH = 2048
TRUST_LENGTH_MAX = 4096

# STS AssumeRole, parameter ExternalId: 2 to 1,224 characters.
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)

# What DMS sends as aws:SourceArn. The account must not be a wildcard.
_SOURCE_ARN = re.compile(r"arn:aws(?:-[a-z]+)*:dms:[a-z0-9*-]+:\d{12}:[\w*:-]+", re.ASCII)

# The service itself, and its regional and Chinese forms.
_DMS_SERVICE = re.compile(r"dms(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")

# Global condition keys that are absent from the request of a service.
_IDENTITY_KEYS = {"aws:principalorgid", "aws:principalaccount", "aws:principalarn"}

_EXTERNAL_ID_KEY = "sts:externalid"

# Operators that require one of the values. Not those that an absent key passes (IfExists, ForAllValues), or that take wildcards.
_EQUALS = ("StringEquals", "StringEqualsIgnoreCase", "ForAnyValue:StringEquals", "ForAnyValue:StringEqualsIgnoreCase")


@dataclass(frozen=True)
class TrustRequest:
    """The declared trust.

    `external_ids`: the known ids. `bootstrap` ("placeholder", "source_account" or "powerless"): what the trust requires while they are empty, where
    "powerless" requires nothing.
    `source_account`: a 12-digit account id for an additional condition `aws:SourceAccount`. `source_arn`: an ARN, which may have wildcards, for an
    additional condition `aws:SourceArn`.
    """

    external_ids: tuple[str, ...] = ()
    purge_external_ids: bool = False
    bootstrap: str = "placeholder"
    source_account: str | None = None
    source_arn: str | None = None
    principals: tuple[str, ...] = (DMS_PRINCIPAL,)
    purge_statements: bool = False


@dataclass(frozen=True)
class TrustPlan:
    """The desired trust, its ExternalIds, whether it requires none of them nor a source account, and findings about the present one."""

    document: dict[str, Any]
    external_ids: list[str]
    bootstrapping: bool
    findings: list[str]
    is_open: bool = False


def new_placeholder() -> str:
    """An ExternalId that can't be guessed: a fixed prefix and 128 random bits."""
    return f"{PLACEHOLDER_PREFIX}{secrets.token_hex(16)}"


def unknown_placeholder() -> str:
    """What check mode shows in place of a new placeholder."""
    return KNOWN_AFTER_CREATION


def plan_trust(
    current: dict[str, Any] | None, request: TrustRequest, make_placeholder: Callable[[], str] = new_placeholder
) -> TrustPlan:
    """The trust that `request` asks for, given the role's present trust document (None: there is no role yet).

    Ids are added to the present ones, and removed only with `purge_external_ids`. Statements of others stay, unless they
    let every customer of DMS assume the role.
    """
    statements = [copy.deepcopy(s) for s in as_list((current or {}).get("Statement"))]
    findings = trust_findings(current)
    ours = own_statement({"Statement": statements})
    ids = _next_ids(_external_ids(ours) if ours else [], request, make_placeholder)
    statement = _our_statement(ids, request)
    foreign = [] if request.purge_statements else [s for s in statements if s is not ours]
    closed = [s for s in map(_closed, foreign) if s is not None]
    real = [i for i in ids if not _is_placeholder(i)]
    return TrustPlan(
        document={"Version": (current or {}).get("Version", VERSION), "Statement": [statement, *closed]},
        external_ids=real,
        bootstrapping=not real,
        findings=findings,
        is_open=not ids and not request.source_account,
    )


def trust_findings(document: dict[str, Any] | None) -> list[str]:
    """A sentence for each statement that lets DMS assume the role without asking for an ExternalId."""
    return [
        f"the trust's statement {s.get('Sid') or index + 1} lets {_whom(s)} assume the role without sts:ExternalId"
        + ("" if _has_source_account(s) else ", for any customer of DMS")
        for index, s in enumerate(as_list((document or {}).get("Statement")))
        if is_open(s)
    ]


def _whom(statement: dict[str, Any]) -> str:
    return "everybody but some (NotPrincipal)" if "NotPrincipal" in statement else DMS_PRINCIPAL


def foreign_statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a trust that belong to others."""
    return [s for s in as_list(document.get("Statement")) if s.get("Sid") != STATEMENT_SID]


def own_statement(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """Our statement of a trust; None without one."""
    return statement_of(document, STATEMENT_SID)


def admits_dms(document: dict[str, Any]) -> bool:
    """Whether a trust allows the DMS service, in any spelling and with any condition."""
    allowed = [s for s in as_list(document.get("Statement")) if s.get("Effect") == "Allow"]
    return any(_DMS_SERVICE.fullmatch(service) for s in allowed for service in _services(s.get("Principal")))


def check_request(request: TrustRequest, length_limit: int = TRUST_LENGTH) -> None:
    """Check the request before any call.

    :raises DatalakeError: IAM would refuse an id, an account or the length.
    """
    for external_id in request.external_ids:
        if not _EXTERNAL_ID.fullmatch(external_id):
            raise DatalakeError(
                message=f"external_ids has {external_id!r}, and an ExternalId is 2 to 1,224 letters, digits or characters of "
                "+=,.@:/-; use the value that CreateEndpoint returned."
            )
    if request.purge_external_ids and not request.external_ids and request.bootstrap == "placeholder":
        raise DatalakeError(
            message="purge_external_ids=true needs external_ids, else DMS could not assume the role; set external_ids to the ids to keep."
        )
    if request.bootstrap == "source_account" and not request.source_account:
        raise DatalakeError(
            message="bootstrap_trust=source_account needs source_account; set it to the id of the account that runs DMS."
        )
    if request.source_account and not is_account_id(request.source_account):
        raise DatalakeError(
            message=f"source_account={request.source_account} is not a 12-digit AWS account id; correct it."
        )
    if request.source_arn and not _SOURCE_ARN.fullmatch(request.source_arn):
        raise DatalakeError(
            message=f"source_arn={request.source_arn} is not the ARN of a DMS resource; give one like "
            "arn:aws:dms:eu-central-1:111122223333:endpoint:*, with wildcards only in the region and in the last part."
        )
    if not request.principals:
        raise DatalakeError(
            message=f"service_principals is empty; leave it out for {DMS_PRINCIPAL}, or name a service."
        )
    check_length(plan_trust(None, request).document, length_limit)


def check_length(document: dict[str, Any], limit: int) -> None:
    """
    :raises DatalakeError: a trust that is longer than IAM's quota allows.
    """
    length = document_length(document)
    if length > limit:
        raise DatalakeError(
            message=f"The role's trust would have {length} characters and the account's quota is {limit}; prune old external_ids "
            "or foreign statements, or request a higher quota (at most 4,096) and set trust_length_limit to it."
        )


def _next_ids(current: list[str], request: TrustRequest, make_placeholder: Callable[[], str]) -> list[str]:
    """The ids of our statement. Known ids replace the placeholder; without one, the present ids stay."""
    real = [] if request.purge_external_ids else [i for i in current if not _is_placeholder(i)]
    if request.external_ids or request.bootstrap in ("source_account", "powerless"):
        return list(dict.fromkeys([*real, *request.external_ids]))
    return current or [make_placeholder()]


def _our_statement(ids: list[str], request: TrustRequest) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    if ids:
        conditions["sts:ExternalId"] = ids
    if request.source_account:
        conditions["aws:SourceAccount"] = request.source_account
    condition = {
        **({"StringEquals": conditions} if conditions else {}),
        **({"ArnLike": {"aws:SourceArn": request.source_arn}} if request.source_arn else {}),
    }
    return {
        "Sid": STATEMENT_SID,
        "Effect": "Allow",
        "Principal": {"Service": list(request.principals)},
        "Action": "sts:AssumeRole",
        **({"Condition": condition} if condition else {}),
    }


def _is_placeholder(external_id: str) -> bool:
    return external_id.startswith(PLACEHOLDER_PREFIX) or external_id == KNOWN_AFTER_CREATION


def _external_ids(statement: dict[str, Any]) -> list[str]:
    """The values of `sts:ExternalId` under StringEquals that are ids. A policy variable such as ${sts:ExternalId} is not an id.

    Condition keys are case-insensitive.
    """
    return [v for v in _asked_external_ids(statement) if _EXTERNAL_ID.fullmatch(v)]


def _asked_external_ids(statement: dict[str, Any]) -> list[str]:
    return [
        str(value)
        for operator, keys in (statement.get("Condition") or {}).items()
        if operator in _EQUALS
        for key, values in keys.items()
        if key.lower() == _EXTERNAL_ID_KEY
        for value in as_list(values)
    ]


def is_open(statement: dict[str, Any]) -> bool:
    """Whether DMS may assume the role without an ExternalId. Our own statement may have aws:SourceAccount in its place."""
    if statement.get("Effect") != "Allow" or not covers_assume_role(statement) or not _admitted_dms(statement):
        return False
    asked = _asked_external_ids(statement)
    if asked:
        return _external_ids(statement) != asked
    return statement.get("Sid") != STATEMENT_SID or not _has_source_account(statement)


def _has_source_account(statement: dict[str, Any]) -> bool:
    equals = (statement.get("Condition") or {}).get("StringEquals") or {}
    return any(key.lower() == "aws:sourceaccount" for key in equals)


def covers_assume_role(statement: dict[str, Any]) -> bool:
    """Whether a statement allows or denies sts:AssumeRole."""

    def covered(patterns: Any) -> bool:
        return any(fnmatch.fnmatchcase("sts:assumerole", str(p).lower()) for p in as_list(patterns))

    return not covered(statement["NotAction"]) if "NotAction" in statement else covered(statement.get("Action"))


def _admitted_dms(statement: dict[str, Any]) -> bool:
    """Whether DMS is among the statement's principals: by name, by wildcard, or by a NotPrincipal, which admits all but a few."""
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    if any(map(_is_dms_service, _services(principal))):
        return True
    return _is_everyone(principal) and not _asks_for_an_identity(statement)


def _is_everyone(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in as_list(principal.get("AWS")))


def _asks_for_an_identity(statement: dict[str, Any]) -> bool:
    """Whether a condition requires what an AWS service does not have: an organization, account or ARN of the principal."""
    equals = (statement.get("Condition") or {}).get("StringEquals") or {}
    return any(key.lower() in _IDENTITY_KEYS for key in equals)


def _services(principal: Any) -> list[str]:
    return as_list(principal.get("Service")) if isinstance(principal, dict) else []


def _is_dms_service(service: str) -> bool:
    return service == "*" or bool(_DMS_SERVICE.fullmatch(service))


def _closed(statement: dict[str, Any]) -> dict[str, Any] | None:
    """A statement of others without the access for DMS; None if nothing remains of it."""
    if not is_open(statement):
        return statement
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        return None
    remaining = {
        **principal,
        "Service": [s for s in _services(principal) if not _is_dms_service(s)],
        "AWS": principal.get("AWS") if not _is_everyone(principal) else _named(principal),
    }
    remaining = {kind: names for kind, names in remaining.items() if names}
    return {**statement, "Principal": remaining} if remaining else None


def _named(principal: dict[str, Any]) -> list[str]:
    return [name for name in as_list(principal.get("AWS")) if name != "*"]
