# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access Analyzer: ValidatePolicy, with one finding for a document that IAM would refuse, and a few of the checks that AWS documents.

Source: IAM User Guide, "Policy validation check reference": code, type and text of each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..server.wire import Answer, AwsError, Call
from .evaluation import as_list
from .policy_documents import Kind, problem_of

KIND_OF_TYPE: dict[str, Kind] = {
    "IDENTITY_POLICY": "identity",
    "RESOURCE_POLICY": "resource",
    "SERVICE_CONTROL_POLICY": "identity",
}
SERVICE_PRINCIPAL = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?")
TRUST = "AWS::IAM::AssumeRolePolicyDocument"


def answer(call: Call) -> Answer:
    if call.operation != "ValidatePolicy":
        raise AwsError("UnknownOperationException", f"The embedded AWS does not know {call.operation or 'this path'}")
    parameters = json.loads(call.body)
    kind = KIND_OF_TYPE.get(parameters.get("policyType"))
    if kind is None or "policyDocument" not in parameters:
        raise AwsError("ValidationException", "policyDocument and a known policyType are required")
    if parameters.get("validatePolicyResourceType") == TRUST:
        kind = "trust"
    findings = [_finding(*found) for found in _findings(parameters["policyDocument"], kind)]
    return Answer.of_json({"findings": findings}, content_type="application/json")


def _findings(text: str, kind: Kind) -> Iterator[tuple[str, str, str]]:
    """(type, issue code, details) of each."""
    problem = problem_of(text, kind)
    if problem:
        yield "ERROR", "JSON_SYNTAX_ERROR" if "Json" in problem else "INVALID_POLICY_SYNTAX", problem
        return
    document = json.loads(text)
    if "Version" not in document:
        yield (
            "WARNING",
            "MISSING_VERSION",
            "We recommend that you specify the Version element to help you with debugging permission issues.",
        )
    for statement in as_list(document["Statement"]):
        yield from _statement_findings(statement)


def _statement_findings(statement: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if statement["Effect"] == "Allow" and "NotPrincipal" in statement:
        yield (
            "SECURITY_WARNING",
            "ALLOW_WITH_NOT_PRINCIPAL",
            "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead.",
        )
    principal = statement.get("Principal")
    for service in as_list(principal.get("Service", [])) if isinstance(principal, dict) else []:
        if not SERVICE_PRINCIPAL.fullmatch(service):
            yield (
                "ERROR",
                "INVALID_SERVICE_PRINCIPAL_FORMAT",
                "The service principal does not match the expected format. Use the format [service].[region].amazonaws.com.",
            )
    if statement.get("Sid") == "":
        yield "SUGGESTION", "EMPTY_SID_VALUE", "Add a value to the empty string in the Sid element."


def _finding(finding_type: str, code: str, details: str) -> dict[str, object]:
    return {
        "findingDetails": details,
        "findingType": finding_type,
        "issueCode": code,
        "learnMoreLink": "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html",
        "locations": [],
    }
