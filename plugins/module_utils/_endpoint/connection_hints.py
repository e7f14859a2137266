# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Likely causes of a failed connection test, by what AWS says of it. Pure."""

from __future__ import annotations

import re

# Likely causes by what LastFailureMessage says; the first that matches counts. No source documents these texts: they are
# matched by the words that every form seen so far has in common. `assumed-role/…` in an ARN is no failure to assume.
_ASSUME_ROLE = re.compile(r"\bassume\s+(the\s+)?(iam\s+)?role|assumerole|trust policy", re.IGNORECASE)
_DENIED = re.compile(r"denied|not authorized|403", re.IGNORECASE)
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        _ASSUME_ROLE,
        "DMS could not assume the access role: the role's trust needs the endpoint's ExternalId, and a change of IAM takes a while to be seen",
    ),
    (
        re.compile(r"kms|encrypt", re.IGNORECASE),
        "the key refused: the access policy and the key's own policy must both admit the role, and the key must be enabled",
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
        "the replication instance has no way to S3: it needs an S3 VPC endpoint or a public route (DMS 3.4.7 and later)",
    ),
)
_NO_HINT = "look at the task log of the replication instance, and at CloudTrail of the data-lake account"


def failed_to_assume_role(message: str | None) -> bool:
    """Whether a LastFailureMessage says that the role could not be assumed."""
    return bool(message and _ASSUME_ROLE.search(message))


def is_denied(message: str | None) -> bool:
    """Whether a LastFailureMessage may be due to a change of IAM that DMS has not seen yet; a policy that says Deny is not."""
    denied = failed_to_assume_role(message) or bool(message and _DENIED.search(message))
    return denied and "explicit deny" not in str(message).lower()


def failure_hint(message: str | None) -> str:
    """The likely cause of a LastFailureMessage, in plain words."""
    return next((hint for pattern, hint in _HINTS if pattern.search(message or "")), _NO_HINT)
