# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ARNs in options: their syntax and their account. Pure.

The patterns are stricter than amazon.aws's parse_aws_arn, which finds an ARN anywhere in a text, because these ARNs are written into policies.
"""

from __future__ import annotations

import hashlib
import re

# CreateEndpoint.ResourceIdentifier: at most 31 characters.
RESOURCE_IDENTIFIER_LENGTH = 31

_PARTITION = r"arn:aws(?:-[a-z]+)*"
_PATTERNS = {
    "role": re.compile(rf"{_PARTITION}:iam::(\d{{12}}):role/[\w+=,.@/-]+", re.ASCII),
    "policy": re.compile(rf"{_PARTITION}:iam::(\d{{12}}):policy/[\w+=,.@/-]+", re.ASCII),
    "key": re.compile(rf"{_PARTITION}:kms:[a-z0-9-]+:(\d{{12}}):key/[\w-]+", re.ASCII),
    "endpoint": re.compile(rf"{_PARTITION}:dms:[a-z0-9-]+:(\d{{12}}):endpoint:[\w-]+", re.ASCII),
    "rep": re.compile(rf"{_PARTITION}:dms:[a-z0-9-]+:(\d{{12}}):rep:[\w-]+", re.ASCII),
}

_PRINCIPAL = re.compile(rf"{_PARTITION}:iam::\d{{12}}:(?:role|user)/[\w+=,.@/-]+", re.ASCII)


def is_arn(text: str | None, kind: str) -> bool:
    """Whether a text is the full ARN of that kind: "role" or "policy" (IAM), "key" (KMS; an alias isn't one), "endpoint" or "rep" (DMS)."""
    return bool(_PATTERNS[kind].fullmatch(text or ""))


def is_principal(text: str | None) -> bool:
    """Whether a text is the ARN of an IAM role or user."""
    return bool(_PRINCIPAL.fullmatch(text or ""))


def is_account_id(text: str | None) -> bool:
    """Whether a text is the id of an account: 12 digits."""
    return bool(re.fullmatch(r"\d{12}", text or "", re.ASCII))


def account_of(arn: str | None) -> str | None:
    """The account id in an ARN of one of these kinds; None for any other text."""
    matches = (pattern.fullmatch(arn or "") for pattern in _PATTERNS.values())
    return next((match[1] for match in matches if match), None)


def role_path(arn: str) -> str | None:
    """The IAM path of a role's ARN, with both slashes; None for any other text."""
    return arn.split(":role", 1)[1].rsplit("/", 1)[0] + "/" if is_arn(arn, "role") else None


def partition_of(arn: str) -> str:
    """The partition of an ARN: aws, aws-cn, aws-us-gov, …"""
    return arn.split(":")[1]


def short_resource_identifier(name: str) -> str:
    """A resource identifier from a name: the name in lower case; if it is longer than 31 characters, its beginning and a hash."""
    name = name.lower()
    if len(name) <= RESOURCE_IDENTIFIER_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: RESOURCE_IDENTIFIER_LENGTH - 9].rstrip('-')}-{digest}"
