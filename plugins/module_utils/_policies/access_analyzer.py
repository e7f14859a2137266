# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate policies with IAM Access Analyzer before they are written (ValidatePolicy)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    KNOWN_AFTER_CREATION,
    DatalakeError,
    denial,
    explain,
)
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import PLACEHOLDER_PREFIX

OFF, WARN, FAIL = "off", "warn", "fail"

# The options of each module that writes a policy.
VALIDATION_SPEC: dict[str, dict[str, Any]] = {
    "validate_policies": {"type": "str", "choices": [OFF, WARN, FAIL], "default": WARN},
    "validation_exceptions": {"type": "list", "elements": "str", "default": []},
}

_MADE_UP = re.compile(rf"{re.escape(KNOWN_AFTER_CREATION)}|{re.escape(PLACEHOLDER_PREFIX)}[0-9a-f]+")

# Values of ValidatePolicyFinding.findingType. A SUGGESTION is about style, so it is returned and causes no warning.
_FAILING = ("ERROR", "SECURITY_WARNING")
_WARNING = (*_FAILING, "WARNING")


@dataclass(frozen=True)
class Policy:
    """A document to be written, and `what` it is, as readable text. The types are those of ValidatePolicy."""

    what: str
    document: dict[str, Any]
    policy_type: str
    resource_type: str | None = None


def trust_policy(role_name: str, document: dict[str, Any]) -> Policy:
    """The trust of a role."""
    return Policy(f"trust of role {role_name}", document, "RESOURCE_POLICY", "AWS::IAM::AssumeRolePolicyDocument")


def identity_policy(policy_name: str, document: dict[str, Any]) -> Policy:
    """A managed or inline policy of a role."""
    return Policy(f"policy {policy_name}", document, "IDENTITY_POLICY")


def bucket_policy(bucket_name: str, document: dict[str, Any]) -> Policy:
    """The policy of a bucket."""
    return Policy(f"policy of bucket {bucket_name}", document, "RESOURCE_POLICY", "AWS::S3::Bucket")


def key_policy(key_arn: str, document: dict[str, Any]) -> Policy:
    """The policy of a KMS key. ValidatePolicy has no resource type for it, so only the general checks of resource policies run."""
    return Policy(f"policy of key {key_arn}", document, "RESOURCE_POLICY")


# The kinds of policies of dms_policy_validation.
KINDS = {"trust": trust_policy, "identity": identity_policy, "bucket": bucket_policy, "key": key_policy}


def ensure(account: Account, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Validate policies that other modules write.

    :param params: the options of dms_policy_validation.
    :returns: the module's result: changed (never), policy_findings, warnings.
    :raises DatalakeError: see `validate`.
    """
    policies = [KINDS[policy["kind"]](policy["name"], policy["document"]) for policy in params["policies"]]
    findings, warnings = validate(account, policies, params)
    return {"changed": False, "policy_findings": findings, "warnings": warnings}


def validate(
    account: Account, policies: list[Policy], params: dict[str, Any]
) -> tuple[list[dict[str, str]], list[str]]:
    """Validate policies that are about to be written, also in check mode.

    :param policies: those that change. Unchanged policies are not validated.
    :param params: the options of VALIDATION_SPEC.
    :returns: the findings (policy, finding_type, issue_code, details) without the exceptions, and warnings.
    :raises DatalakeError: validate_policies=fail, and a finding is an ERROR or a SECURITY_WARNING, or the validation failed.
    """
    mode = params["validate_policies"]
    if mode == OFF or not policies:
        return [], []
    try:
        found = [finding for policy in policies for finding in _findings(account, policy)]
    except AnsibleAWSError as error:
        return [], [_unanswered(error, mode)]
    kept = [finding for finding in found if finding["issue_code"] not in params["validation_exceptions"]]
    return kept, judged(kept, mode)


def judged(findings: list[dict[str, str]], mode: str) -> list[str]:
    """The warnings for findings. Pure.

    :raises DatalakeError: in mode `fail`, for all that are an ERROR or a SECURITY_WARNING together.
    """
    failing = [_sentence(finding) for finding in findings if finding["finding_type"] in _FAILING]
    if failing and mode == FAIL:
        codes = sorted({finding["issue_code"] for finding in findings if finding["finding_type"] in _FAILING})
        raise DatalakeError(
            message=f"IAM Access Analyzer found errors, and nothing was written: {'; '.join(failing)}; correct that, or add "
            f"{', '.join(codes)} to validation_exceptions."
        )
    return [f"IAM Access Analyzer: {_sentence(f)}." for f in findings if f["finding_type"] in _WARNING]


def _sentence(finding: dict[str, str]) -> str:
    return f"{finding['policy']}: {finding['details'].rstrip('.')} ({finding['finding_type']} {finding['issue_code']})"


def _unanswered(error: AnsibleAWSError, mode: str) -> str:
    """
    :returns: a warning, the same for each host, so that Ansible shows it once.
    :raises DatalakeError: validate_policies=fail, and the cause is not a missing permission.
    """
    if denial(error):
        return "Policies are not validated, because the caller lacks access-analyzer:ValidatePolicy; grant it, or set validate_policies=off."
    if mode == FAIL:
        raise DatalakeError(
            message=f"{explain(error).rstrip('.')}; with validate_policies=fail nothing is written without a validation; set validate_policies to "
            "warn or off to continue without it."
        )
    return f"Policies are not validated: {explain(error)}"


def _findings(account: Account, policy: Policy) -> list[dict[str, str]]:
    """The findings of a policy. Equal documents are validated once."""
    request = {
        # Placeholders and values that AWS assigns later are replaced by one valid value, so that equal policies are validated once.
        "policyDocument": _MADE_UP.sub("made-up", json.dumps(policy.document)),
        "policyType": policy.policy_type,
        **({"validatePolicyResourceType": policy.resource_type} if policy.resource_type else {}),
    }
    found = account.answers.once(request, lambda: _validate_policy(account, request))
    return [
        {
            "policy": policy.what,
            "finding_type": finding["findingType"],
            "issue_code": finding["issueCode"],
            "details": finding["findingDetails"],
        }
        for finding in found
    ]


@AWSErrorHandler.common_error_handler("validate a policy")
def _validate_policy(account: Account, request: dict[str, str]) -> list[dict[str, Any]]:
    """ValidatePolicy, all pages."""
    pages = account.client("accessanalyzer").get_paginator("validate_policy").paginate(**request)
    return [finding for page in pages for finding in page["findings"]]
