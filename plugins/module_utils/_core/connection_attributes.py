# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Extra connection attributes, `key=value;key=value`, as users write them and as AWS returns them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

_SECRET_KEY = re.compile(r"passw|secret|token|credential", re.IGNORECASE)

# Attributes for which an empty text is a value.
_MAY_BE_EMPTY = ("csvnullvalue",)


def parse_attributes(text: str | None) -> dict[str, str]:
    """The user's extra connection attributes, `key=value;key=value`, as a dict in their order.

    :raises DatalakeError: an empty part, a part without `=`, white space around it, a key without a value, or one key with two values. Keys are
        case-insensitive.
    """
    attributes: dict[str, str] = {}
    parts = [part.strip() for part in (text or "").strip().removesuffix(";").split(";")]
    for part in parts if parts != [""] else []:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise DatalakeError(
                message=f"extra_connection_attributes has the part {part!r} without a key and a value; write key=value;key=value."
            )
        if key != key.strip() or value != value.strip():
            raise DatalakeError(
                message=f"extra_connection_attributes has white space around = after {key.strip()}, which AWS would take as a part of key or value; "
                "remove it."
            )
        if not value and key.lower() not in _MAY_BE_EMPTY:
            raise DatalakeError(
                message=f"extra_connection_attributes has {key} without a value; give one, or remove it."
            )
        earlier = next((name for name in attributes if name.lower() == key.lower()), key)
        if attributes.get(earlier, value) != value:
            raise DatalakeError(
                message=f"extra_connection_attributes has {key} twice with different values; set it once."
            )
        attributes[earlier] = value
    return attributes


def read_attributes(text: str | None, members: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The extra connection attributes that AWS returns, as a dict.

    AWS writes the settings into the text and appends the sent attributes, without quotes. A delimiter may be part of a value. A key may come twice;
    the last one counts. A part without a key is left out.

    :param members: the settings, by their names in the API. One whose value has a delimiter is left out.
    """
    pairs = (part.strip().partition("=") for part in _parts(text, members or {}))
    return {key: value for key, equals, value in pairs if key and equals}


def sent_attributes(text: str | None, members: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that somebody sent, out of those that AWS returns: without the settings that AWS writes into the text.

    Of a setting, the first part is AWS's; a second one was sent. A part without a key belongs to the value before it.

    :param members: the settings that AWS returned, by their names in the API.
    """
    written = {member.lower() for member in members}
    sent: dict[str, str] = {}
    last = ""
    for part in _parts(text, members):
        key, equals, value = part.strip().partition("=")
        if key.lower() in written and equals:
            written.remove(key.lower())
            last = ""
        elif key and equals:
            sent[key], last = value, key
        elif last and part:
            sent[last] += f";{part}"
    return sent


def _parts(text: str | None, members: Mapping[str, Any]) -> list[str]:
    """The parts of the text between delimiters, without the members whose value has a delimiter."""
    text = text or ""
    for member, value in members.items():
        if isinstance(value, str) and ";" in value:
            # As a part of its own: behind a delimiter, or at the beginning.
            its_own = re.compile(rf"(?:^|(?<=;))\s*{re.escape(member)}={re.escape(value)}(?=;|$)", re.IGNORECASE)
            text = its_own.sub("", text, count=1)
    return text.split(";")


def format_attributes(attributes: dict[str, str]) -> str:
    """The text form of extra connection attributes."""
    return ";".join(f"{key}={value}" for key, value in attributes.items())


def is_secret(key: str) -> bool:
    """Whether the name of an attribute suggests a secret."""
    return bool(_SECRET_KEY.search(key))


def secret_values(text: str | None) -> list[str]:
    """The values of password-like keys in extra connection attributes. An S3 target needs none, but users may write them."""
    return [value for key, value in read_attributes(text).items() if value and is_secret(key)]


def without_secrets(text: str | None) -> str | None:
    """Extra connection attributes with the value of each password-like key hidden."""
    for secret in secret_values(text):
        text = (text or "").replace(f"={secret}", "=********")
    return text
