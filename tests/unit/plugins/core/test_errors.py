# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an error of AWS means, and the sentence that says so."""

from __future__ import annotations

import botocore.exceptions
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    CALLER,
    EXPLICIT,
    ORGANIZATION,
    PASS_ROLE,
    PROPAGATION,
    DatalakeError,
    denial,
    error_code,
    error_message,
    explain,
)

NOT_AUTHORIZED = "User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform:"
SCP = "with an explicit deny in a service control policy"


def fault(code, message="", operation="CreateEndpoint"):
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, operation)


def wrapped(error):
    return AnsibleAWSError(message="Failed to create the endpoint dev-crm", exception=error)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("AccessDeniedFault", "The IAM Role arn:… is not configured properly.", PROPAGATION),
        ("AccessDeniedFault", "", PROPAGATION),
        ("S3AccessDeniedFault", "Insufficient privileges", PROPAGATION),
        ("AccessDeniedException", "Cross-account pass role is not allowed.", PASS_ROLE),
        ("AccessDenied", "Cross-account PassRole is not allowed", PASS_ROLE),
        ("AccessDeniedException", f"{NOT_AUTHORIZED} dms:CreateEndpoint on resource: *", CALLER),
        ("AccessDeniedException", f"{NOT_AUTHORIZED} dms:CreateEndpoint {SCP}", ORGANIZATION),
        ("AccessDeniedException", f"{NOT_AUTHORIZED} s3:PutObject because no resource control policy", ORGANIZATION),
        ("AccessDeniedException", f"{NOT_AUTHORIZED} iam:PassRole on resource: arn:aws:iam::1:role/x", CALLER),
        (
            "AccessDeniedException",
            f"{NOT_AUTHORIZED} iam:PassRole on resource: arn:aws:iam::1:role/x {SCP}",
            ORGANIZATION,
        ),
        (
            "AccessDeniedException",
            f"{NOT_AUTHORIZED} dms:CreateEndpoint with an explicit deny in a session policy",
            EXPLICIT,
        ),
        (
            "AccessDeniedFault",
            f"{NOT_AUTHORIZED} sts:AssumeRole with an explicit deny in a resource-based policy",
            EXPLICIT,
        ),
        ("AccessDeniedFault", f"{NOT_AUTHORIZED} sts:AssumeRole", PROPAGATION),
        ("ResourceNotFoundFault", "pass role", None),
        ("ThrottlingException", "", None),
    ],
)
def test_denial(code, message, kind):
    assert denial(fault(code, message)) == kind
    assert denial(wrapped(fault(code, message))) == kind


def test_no_error_is_no_denial():
    assert denial(None) is None
    assert denial(botocore.exceptions.NoRegionError()) is None
    assert error_code(None) == ""
    assert error_message(None) == ""


def test_code_and_message_are_found_behind_a_wrapper():
    assert error_code(wrapped(fault("X", "y"))) == "X"
    assert error_message(wrapped(fault("X", " y "))) == "y"


def test_finished_sentence_stays():
    assert explain(DatalakeError(message="Do this.")) == "Do this."


def test_error_of_no_call_is_said_to_be_unexpected():
    sentence = explain(KeyError("RoleArn"))
    assert "An unexpected error occurred (KeyError: 'RoleArn')" in sentence
    assert "please report it with the output of -vvv" in sentence


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (fault("AccessDenied", "no", "AssumeRole"), "assume_role_external_id"),
        (fault("InvalidClientTokenId", "no"), "access_key and secret_key"),
        (fault("UnrecognizedClientException", "no"), "access_key and secret_key"),
        (fault("ExpiredToken", "no"), "get new ones"),
        (fault("ExpiredTokenException", "no"), "get new ones"),
        (fault("ThrottlingException", "no"), "fewer forks"),
        (fault("Throttling", "no"), "fewer forks"),
        (fault("KMSKeyNotAccessibleFault", "no"), "its policy admits this account"),
        (fault("ResourceQuotaExceededFault", "no"), "a quota of the account"),
        (fault("LimitExceeded", "no"), "a quota of the account"),
        (fault("AccessDeniedException", "Cross-account pass role is not allowed"), "AWS Support must allow-list"),
        (fault("AccessDeniedException", f"{NOT_AUTHORIZED} x {SCP}"), "ask its administrator"),
        (
            fault("AccessDeniedException", f"{NOT_AUTHORIZED} dms:X with an explicit deny in a y"),
            "denies it explicitly",
        ),
        (fault("AccessDeniedException", f"{NOT_AUTHORIZED} dms:X"), "grant it"),
        (fault("AccessDeniedFault", "not configured properly"), "bootstrap_trust=source_account"),
        (botocore.exceptions.NoRegionError(), "set region"),
        (botocore.exceptions.NoCredentialsError(), "set access_key and secret_key"),
        (botocore.exceptions.PartialCredentialsError(provider="env", cred_var="x"), "set access_key and secret_key"),
        (botocore.exceptions.ProfileNotFound(profile="x"), "set profile"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), "AWS_ENDPOINT_URL"),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="https://x"), "AWS_ENDPOINT_URL"),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="https://x"), "AWS_ENDPOINT_URL"),
        (botocore.exceptions.ParamValidationError(report="x"), "correct the option"),
        (botocore.exceptions.WaiterError(name="x", reason="Max attempts exceeded", last_response={}), "wait_timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else error_code(value) or type(value).__name__,
)
def test_sentence_has_the_attempt_and_the_remedy(error, remedy):
    sentence = explain(wrapped(error))
    assert sentence.startswith("Failed to create the endpoint dev-crm: ")
    assert remedy in sentence
    assert sentence.endswith(".")
    assert ".;" not in sentence
    assert "\n" not in sentence


def test_unknown_fault_is_told_without_advice():
    assert explain(wrapped(fault("Strange", "It went wrong."))) == (
        "Failed to create the endpoint dev-crm: Strange: It went wrong."
    )


def test_bare_exception_is_explained_too():
    assert explain(botocore.exceptions.NoRegionError()).startswith("Failed to call AWS: You must specify a region")
