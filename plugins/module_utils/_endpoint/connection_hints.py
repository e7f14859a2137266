# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Likely causes of a failed connection test, by the text of LastFailureMessage. Pure."""

from __future__ import annotations

import re

# LastFailureMessage -> likely cause; the first match counts. AWS does not document these texts. The patterns match words that all known texts have.
# `assumed-role/…` in an ARN does not mean that the role could not be assumed.
_ASSUME_ROLE = re.compile(r"\bassume\s+(the\s+)?(iam\s+)?role|assumerole|trust policy", re.IGNORECASE)
_DENIED = re.compile(r"denied|not authorized|403", re.IGNORECASE)
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        _ASSUME_ROLE,
        "DMS could not assume the access role: the role's trust needs the endpoint's ExternalId, and DMS sees a change of IAM only after a while",
    ),
    (
        re.compile(r"kms|encrypt", re.IGNORECASE),
        "KMS denied access to the key: the access policy and the key policy must both admit the role, and the key must be enabled",
    ),
    (
        re.compile(r"NoSuchBucket|bucket does not exist|not found", re.IGNORECASE),
        "the bucket does not exist under this name: check bucket_name",
    ),
    (
        re.compile(r"owner", re.IGNORECASE),
        "the bucket belongs to another account than expected_bucket_owner says",
    ),
    (
        re.compile(r"region|redirect", re.IGNORECASE),
        "bucket and replication instance must be in the same region",
    ),
    (
        _DENIED,
        "the access policy, the bucket's policy or a permissions boundary does not allow it",
    ),
    (
        re.compile(r"timeout|timed out|connect", re.IGNORECASE),
        "the replication instance can't reach S3: it needs an S3 VPC endpoint or a public route (DMS 3.4.7 and later)",
    ),
)
_NO_HINT = "check the task log of the replication instance and CloudTrail of the data-lake account"


def failed_to_assume_role(message: str | None) -> bool:
    """Whether a LastFailureMessage says that the role could not be assumed."""
    return bool(message and _ASSUME_ROLE.search(message))


def is_denied(message: str | None) -> bool:
    """Whether a LastFailureMessage may be due to a change of IAM that DMS has not seen yet. An explicit deny is not."""
    denied = failed_to_assume_role(message) or bool(message and _DENIED.search(message))
    return denied and "explicit deny" not in str(message).lower()


def failure_hint(message: str | None) -> str:
    """The likely cause of a LastFailureMessage, in plain words."""
    return next((hint for pattern, hint in _HINTS if pattern.search(message or "")), _NO_HINT)
