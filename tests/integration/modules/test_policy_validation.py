# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""validate_policies: what IAM Access Analyzer says of a policy before anything is written."""

from __future__ import annotations

import json

import pytest
from builders import policy_document

pytestmark = pytest.mark.once

NOT_EVERYBODY = {
    "Sid": "Others",
    "Effect": "Allow",
    "NotPrincipal": {"AWS": "999999999999"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"sts:ExternalId": "theirs"}},
}
WRONG_PRINCIPAL = {"service_principals": ["dms.amazonaws.com", "dms.amazonaws.con"]}


def add_to_trust(lab, statement):
    """Somebody adds a statement to the role's trust."""
    trust = lab.iam_role()["Trust"]
    document = {**trust, "Statement": [*trust["Statement"], statement]}
    lab.client("lake", "iam").update_assume_role_policy(RoleName="dms-s3-crm", PolicyDocument=json.dumps(document))


@pytest.mark.parametrize("check", [False, True])
def test_both_policies_of_a_new_role_are_validated_before_it_is_made(lab, check):
    result = lab.role(check=check)
    assert lab.calls("ValidatePolicy", *lab.writes())[:2] == ["ValidatePolicy"] * 2
    assert bool(lab.writes()) is not check
    assert (result["policy_findings"], result["warnings"]) == ([], [])


def test_what_stands_is_not_validated_again(lab):
    lab.role()
    lab.forget_calls()
    lab.role()
    assert lab.calls("ValidatePolicy") == []
    lab.role(external_ids=["an-id-of-aws"])
    assert lab.calls("ValidatePolicy") == ["ValidatePolicy"]


@pytest.mark.parametrize("check", [False, True])
def test_fail_writes_nothing(lab, check):
    with pytest.raises(Exception, match="IAM Access Analyzer found errors, and nothing was written") as error:
        lab.role(check=check, validate_policies="fail", **WRONG_PRINCIPAL)
    sentence = str(error.value)
    assert "trust of role dms-s3-crm: The service principal does not match" in sentence
    assert "add INVALID_SERVICE_PRINCIPAL_FORMAT to validation_exceptions" in sentence
    assert lab.iam_role() is None
    assert lab.policies() == {}


@pytest.mark.parametrize("mode", ["warn", "fail"])
def test_exceptions_do_not_count(lab, mode):
    result = lab.role(
        validate_policies=mode,
        validation_exceptions=["INVALID_SERVICE_PRINCIPAL_FORMAT"],
        check=True,
        **WRONG_PRINCIPAL,
    )
    assert (result["policy_findings"], result["warnings"], result["changed"]) == ([], [], True)


def test_warn_tells_and_goes_on(lab):
    lab.role()
    add_to_trust(lab, NOT_EVERYBODY)
    result = lab.role(external_ids=["an-id-of-aws"])
    assert [f["issue_code"] for f in result["policy_findings"]] == ["ALLOW_WITH_NOT_PRINCIPAL"]
    assert result["policy_findings"][0]["policy"] == "trust of role dms-s3-crm"
    assert result["warnings"] == [
        "IAM Access Analyzer: trust of role dms-s3-crm: Using Allow with NotPrincipal can be overly permissive. We recommend that you "
        "use Principal instead (SECURITY_WARNING ALLOW_WITH_NOT_PRINCIPAL)."
    ]
    assert result["external_ids"] == ["an-id-of-aws"]


def test_suggestion_is_only_returned(lab):
    lab.role()
    add_to_trust(lab, {**NOT_EVERYBODY, "Sid": ""})
    result = lab.role(external_ids=["an-id-of-aws"], validation_exceptions=["ALLOW_WITH_NOT_PRINCIPAL"])
    assert [f["finding_type"] for f in result["policy_findings"]] == ["SUGGESTION"]
    assert result["warnings"] == []


def test_off_asks_nothing(lab):
    assert lab.role(validate_policies="off", check=True, **WRONG_PRINCIPAL)["policy_findings"] == []
    assert lab.calls("ValidatePolicy") == []


@pytest.mark.parametrize("mode", ["warn", "fail"])
def test_missing_permission_is_a_warning(lab, mode):
    denied = "User: x is not authorized to perform: access-analyzer:ValidatePolicy"
    lab.fault("accessanalyzer", "ValidatePolicy", "error", "lake", code="AccessDeniedException", message=denied)
    result = lab.role(validate_policies=mode)
    assert result["warnings"] == [
        "Policies are not validated, because the caller lacks access-analyzer:ValidatePolicy; grant it, or set validate_policies=off."
    ]
    assert lab.iam_role() is not None


def test_no_answer_is_a_warning(lab):
    lab.fault("accessanalyzer", "ValidatePolicy", "error", "lake", code="ValidationException", message="too long")
    (warning,) = lab.role()["warnings"]
    assert warning == "Policies are not validated: Failed to validate a policy: ValidationException: too long."


def test_no_answer_is_an_error_where_nothing_unvalidated_is_wanted(lab):
    lab.fault("accessanalyzer", "ValidatePolicy", "error", "lake", code="ValidationException", message="too long")
    with pytest.raises(
        Exception,
        match="nothing is written without a validation; set validate_policies to warn or off to continue without it",
    ):
        lab.role(validate_policies="fail")
    assert lab.iam_role() is None


def test_trusts_of_service_roles_are_validated_where_they_change(lab):
    result = lab.service_roles(check=True)
    # Both say the same.
    assert lab.calls("ValidatePolicy") == ["ValidatePolicy"]
    assert (result["policy_findings"], lab.writes()) == ([], [])
    lab.service_roles()
    lab.forget_calls()
    lab.service_roles()
    assert lab.calls("ValidatePolicy") == []


DOCUMENTS = {
    "trust": {"Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"},
    "identity": {"Action": "s3:ListBucket", "Resource": "*"},
    "bucket": {"Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::lake"},
    "key": {"Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"},
}


def policy(kind, **statement):
    document = policy_document({"Effect": "Allow", **DOCUMENTS[kind], **statement})
    return {"name": "it", "kind": kind, "document": document}


def test_policies_of_other_modules(lab):
    result = lab.run("dms_policy_validation", policies=[policy(kind) for kind in DOCUMENTS])
    assert result == {"changed": False, "policy_findings": [], "warnings": []}
    wrong = [policy(kind, NotAction="x:y") for kind in DOCUMENTS]
    result = lab.run("dms_policy_validation", policies=wrong)
    assert [f["policy"] for f in result["policy_findings"]] == [
        "trust of role it",
        "policy it",
        "policy of bucket it",
        "policy of key it",
    ]
    assert {f["finding_type"] for f in result["policy_findings"]} == {"ERROR"}
    with pytest.raises(Exception, match="add INVALID_POLICY_SYNTAX to validation_exceptions"):
        lab.run("dms_policy_validation", policies=wrong, validate_policies="fail")
