# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of calls as one sentence that says what to do. Pure.

The meaning of each fault is defined here only. Sources: botocore's DMS model; for texts that distinguish denials, messages that users of other tools
reported.
"""

from __future__ import annotations

from typing import Any

try:
    from botocore import exceptions as botocore_exceptions
    from botocore.exceptions import BotoCoreError, ClientError

    _BOTO_ERRORS: tuple[type[Exception], ...] = (BotoCoreError, ClientError)
except ImportError:
    _BOTO_ERRORS = ()  # AnsibleAWSModule reports a missing botocore before anything here is used.

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

# What a call, or a check of options before it, may raise. `explain` turns each into a sentence.
CALL_ERRORS: tuple[type[Exception], ...] = (AnsibleAWSError, *_BOTO_ERRORS)

# What check mode shows for a value that AWS assigns at creation.
KNOWN_AFTER_CREATION = "(known after creation)"

# Kinds of an AccessDenied*, see `denial`.
PASS_ROLE = "pass_role"
ORGANIZATION = "organization"
EXPLICIT = "explicit"
CALLER = "caller"
PROPAGATION = "propagation"

# The error of a policy that names a role or user which does not exist, or is not known everywhere yet.
INVALID_PRINCIPAL = "invalid_principal"
MALFORMED_CODES = ["MalformedPolicy", "MalformedPolicyDocumentException"]

_CREDENTIAL_CODES = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "AuthFailure",
}
_EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_THROTTLE_CODES = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}


class DatalakeError(AnsibleAWSError):
    """A finished sentence for the user; nothing is added to it."""


class DmsErrorHandler(AWSErrorHandler):
    """Error handler for DMS calls: `ResourceNotFoundFault` means an absent resource."""

    _CUSTOM_EXCEPTION = AnsibleAWSError

    @classmethod
    def _is_missing(cls) -> Any:
        return is_boto3_error_code("ResourceNotFoundFault")


def error_code(error: BaseException | None) -> str:
    """The AWS error code of a botocore ClientError, or of an exception that wraps one; else ""."""
    response = getattr(_cause(error), "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def error_message(error: BaseException | None) -> str:
    """The AWS message of a botocore ClientError, or of an exception that wraps one; else the exception's text."""
    cause = _cause(error)
    response = getattr(cause, "response", None) or {}
    return " ".join(str(response.get("Error", {}).get("Message") or cause or "").split())


def denial(error: BaseException | None) -> str | None:
    """The kind of an AccessDenied*; None for any other error.

    Waiting does not help for `pass_role`, `organization`, `explicit` (an explicit deny) and `caller` (the caller lacks a permission). It may help for
    `propagation`: DMS can't use the role yet, because a change of IAM is not known everywhere.
    """
    code, message = error_code(error), error_message(error).lower()
    if "AccessDenied" not in code:
        return None
    if "service control policy" in message or "resource control policy" in message:
        return ORGANIZATION
    if "explicit deny" in message:
        return EXPLICIT
    if "not authorized to perform" in message and not (code == "AccessDeniedFault" and "sts:assumerole" in message):
        return CALLER
    return PASS_ROLE if "cross-account passrole" in message.replace("pass role", "passrole") else PROPAGATION


def is_invalid_principal(error: BaseException | None) -> bool:
    """Whether S3 or KMS refuses a policy because it names a role or user that does not exist, or is not known everywhere yet."""
    return error_code(error) in MALFORMED_CODES and "invalid principal" in error_message(error).lower()


def explain(error: BaseException) -> str:
    """One sentence for an error of a call: what failed, the error of AWS, what to do.

    :param error: a DatalakeError (returned as it is), an AnsibleAWSError around a botocore exception, or such an exception; any other is a bug.
    """
    if isinstance(error, DatalakeError):
        return str(error.message)
    if not isinstance(error, CALL_ERRORS):
        return (
            f"An unexpected error occurred ({type(error).__name__}: {error}); please report it with the output of -vvv."
        )
    attempt = getattr(error, "message", None) or "Failed to call AWS"
    cause = _cause(error)
    advice = _advice(cause)
    said = f"{error_code(cause)}: {error_message(cause)}" if error_code(cause) else error_message(cause)
    return f"{attempt}: {said.rstrip('.')}{'; ' + advice if advice else ''}."


def _cause(error: BaseException | None) -> BaseException | None:
    return getattr(error, "exception", None) or error


def _advice(cause: BaseException | None) -> str:
    return _advice_for_fault(cause) if error_code(cause) else _advice_without_answer(cause)


def _advice_for_fault(cause: BaseException | None) -> str:
    code = error_code(cause)
    if code in _CREDENTIAL_CODES:
        return "AWS does not know these credentials: check access_key and secret_key, profile, or the AWS_* environment"
    if code in _EXPIRED_CODES:
        return "the credentials have expired: get new ones and run again; the run continues where it stopped"
    if code in _THROTTLE_CODES:
        return "AWS throttles this account: run again with fewer forks"
    if getattr(cause, "operation_name", "") == "AssumeRole":
        return (
            "the role in assume_role_arn could not be assumed: check that it exists, that its trust admits this caller, "
            "and that assume_role_external_id is the one that the trust requires"
        )
    if is_invalid_principal(cause):
        return "a role or user that the policy names does not exist (yet): create it first, or set a longer iam_propagation_timeout (seconds)"
    if code == "KMSKeyNotAccessibleFault":
        return "check that the key exists, is enabled and in this region, and that its policy admits this account"
    if code in ("ResourceQuotaExceededFault", "LimitExceeded"):
        return "a quota of the account is used up: request a higher one or remove unused resources"
    return {
        PASS_ROLE: (
            "AWS Support must allow-list the accounts for cross-account DMS endpoints first; or set "
            "s3_endpoint_access=bucket_policy, with the role in the DMS account"
        ),
        ORGANIZATION: "a policy of the AWS organization denies it: ask its administrator",
        EXPLICIT: "a policy denies it explicitly: change the policy that AWS names here",
        CALLER: "the caller lacks this IAM permission: grant it to the credentials or to the role in assume_role_arn",
        PROPAGATION: (
            "DMS can't use the role in service_access_role_arn: check that it exists and that its trust admits "
            "dms.amazonaws.com; if the trust requires a placeholder and AWS validates it already at creation, set "
            "bootstrap_trust=source_account on the access role"
        ),
    }.get(denial(cause) or "", "")


def _advice_without_answer(cause: BaseException | None) -> str:
    kinds = (
        (botocore_exceptions.NoRegionError, "set region, or AWS_REGION in the environment"),
        (
            (botocore_exceptions.NoCredentialsError, botocore_exceptions.PartialCredentialsError),
            "set access_key and secret_key, or profile, or AWS_* in the environment",
        ),
        (botocore_exceptions.ProfileNotFound, "set profile to one that ~/.aws/config has"),
        (
            (botocore_exceptions.ConnectionError, botocore_exceptions.HTTPClientError),
            "AWS could not be reached: check region, the network, and AWS_ENDPOINT_URL if it is set",
        ),
        (botocore_exceptions.ParamValidationError, "correct the option that this names"),
        (botocore_exceptions.WaiterError, "check the resource in AWS, or set a longer wait_timeout (seconds)"),
    )
    return next((advice for kind, advice in kinds if isinstance(cause, kind)), "")
