# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access Analyzer: ValidatePolicy, with one finding for a document that IAM would refuse."""

from __future__ import annotations

import json

from .policy_documents import Kind, problem_of
from .wire import Answer, AwsError, Call

KIND_OF_TYPE: dict[str, Kind] = {
    "IDENTITY_POLICY": "identity",
    "RESOURCE_POLICY": "resource",
    "SERVICE_CONTROL_POLICY": "identity",
}
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
    problem = problem_of(parameters["policyDocument"], kind)
    findings = [_finding(problem)] if problem else []
    return Answer.of_json({"findings": findings}, content_type="application/json")


def _finding(problem: str) -> dict[str, object]:
    code = "JSON_SYNTAX_ERROR" if "Json" in problem else "INVALID_POLICY_SYNTAX"
    return {
        "findingDetails": problem,
        "findingType": "ERROR",
        "issueCode": code,
        "learnMoreLink": "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html",
        "locations": [],
    }
