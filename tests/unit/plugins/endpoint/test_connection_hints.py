# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a LastFailureMessage means."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.connection_hints import (
    failed_to_assume_role,
    failure_hint,
    is_denied,
)
from builders import LAKE, role_arn

ROLE = role_arn()
SESSION = f"arn:aws:sts::{LAKE}:assumed-role/dms-s3-crm/dms-session"
ASSUME = [
    f"Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed to assume role {ROLE}.",
    "Unable to assume the IAM role",
    f"User: dms.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: {ROLE}",
    "Cannot assume IAM role, check the trust policy",
    "FAILED TO ASSUME THE ROLE",
]
NOT_ASSUME = [
    None,
    "",
    f"AccessDenied: {SESSION} is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::lake/x",
    f"User {SESSION} got 403 Forbidden",
    "NoSuchBucket: The specified bucket does not exist",
]


@pytest.mark.parametrize("message", ASSUME)
def test_failure_to_assume_the_role(message):
    assert failed_to_assume_role(message) is True
    assert is_denied(message) is True
    assert "ExternalId" in failure_hint(message)


@pytest.mark.parametrize("message", NOT_ASSUME)
def test_other_failure(message):
    assert failed_to_assume_role(message) is False


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f"AccessDenied: {SESSION} is not authorized to perform: s3:PutObject", "does not allow it"),
        (f"AccessDenied: {SESSION} is not authorized to perform: kms:GenerateDataKey", "KMS denied access to the key"),
        ("Failed to use the KMS key k. KMS.DisabledException: it is disabled.", "KMS denied access to the key"),
        ("NoSuchBucket: The specified bucket does not exist", "check bucket_name"),
        ("AccessDenied: the bucket's owner is not the ExpectedBucketOwner 4", "expected_bucket_owner"),
        ("PermanentRedirect: the bucket is in eu-west-1", "same region"),
        ("Connect timeout on endpoint URL", "S3 VPC endpoint"),
        ("something unheard of", "check the task log"),
        (None, "check the task log"),
        ("", "check the task log"),
    ],
)
def test_hint(message, words):
    assert words in failure_hint(message)


@pytest.mark.parametrize(
    ("message", "denied"),
    [
        ("AccessDenied: x", True),
        ("403 Forbidden", True),
        ("is not authorized to perform: s3:PutObject", True),
        ("is not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy", False),
        ("NoSuchBucket", False),
        ("timed out", False),
        (None, False),
    ],
)
def test_denial_may_be_a_matter_of_time(message, denied):
    assert is_denied(message) is denied
