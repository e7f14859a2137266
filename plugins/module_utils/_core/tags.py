# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired tags of resources, and the reserved tags of the collection. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

# The prefix of tags in which the collection stores data on a resource; `purge_tags` does not remove them.
RESERVED_PREFIX = "datalake.dms:"

# The deployment that a resource belongs to. It is needed to find orphans, and to keep two inventories from changing the same resource.
DEPLOYMENT_TAG = f"{RESERVED_PREFIX}deployment"


@dataclass(frozen=True)
class TagRules:
    """What a service takes as tags.

    :ivar name: of the service. :ivar more: characters of keys and values beside letters, digits, white space and those of every service.
    :ivar reserved: prefixes of keys that are AWS's. :ivar ignores_case: whether keys that differ by case only are one.
    :ivar own: tags that the collection may add later.
    """

    name: str
    more: str
    reserved: tuple[str, ...]
    ignores_case: bool
    own: int


# API references of AddTagsToResource (DMS) and TagRole (IAM); 50 tags: Tagging AWS Resources user guide, "Tag naming limits".
DMS_TAGS = TagRules("DMS", "", ("aws:", "dms:"), ignores_case=False, own=3)
IAM_TAGS = TagRules("IAM", "@", ("aws:",), ignores_case=True, own=1)
_KEY_LENGTH, _VALUE_LENGTH, _MOST = 128, 256, 50

# The options of amazon.aws's fragment `tags`.
TAGS_SPEC: dict[str, dict[str, Any]] = {
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def check_tags(tags: dict[str, Any] | None, deployment: str | None, rules: TagRules) -> None:
    """Check declared tags before any call.

    :param tags: the option; None leaves the tags as they are. :param deployment: value of the deployment tag; None or empty adds no such tag.
    :raises DatalakeError: the service would refuse one of them.
    """
    texts = {str(key): to_text(value) for key, value in (tags or {}).items()}
    for key, value in texts.items():
        problem = _key_problem(key, rules) or _text_problem("value", value, _VALUE_LENGTH, rules)
        if problem:
            raise DatalakeError(message=f"tags has {key!r}, whose {problem}; correct it.")
    folded: dict[str, str] = {}
    for key in texts if rules.ignores_case else ():
        if folded.setdefault(key.lower(), key) != key:
            raise DatalakeError(
                message=f"tags has {folded[key.lower()]!r} and {key!r}, which are one key for {rules.name}; remove one of them."
            )
    count, own = len(texts), rules.own + bool(deployment)
    if count + own > _MOST:
        raise DatalakeError(
            message=f"tags has {count} tags, {own} of the collection come with them, and {rules.name} takes {_MOST}; remove some."
        )


def _key_problem(key: str, rules: TagRules) -> str | None:
    """What is wrong with a key, after "whose"."""
    reserved = next((prefix for prefix in rules.reserved if key.lower().startswith(prefix)), None)
    if reserved:
        return f"key begins with {reserved}, which is reserved for AWS"
    return "key is empty" if not key else _text_problem("key", key, _KEY_LENGTH, rules)


def _text_problem(part: str, text: str, most: int, rules: TagRules) -> str | None:
    if len(text) > most:
        return f"{part} has {len(text)} characters, and {rules.name} takes {most}"
    wrong = sorted({c for c in text if unicodedata.category(c)[0] not in "LNZ" and c not in f"_.:/=+-{rules.more}"})
    return f"{part} has {' '.join(map(repr, wrong))}, which {rules.name} does not take in tags" if wrong else None


def check_required(what: str, tags: dict[str, str], required: list[str]) -> None:
    """
    :param tags: the desired tags. :param required: the keys that must be there.
    :raises DatalakeError: one of them is missing or empty.
    """
    missing = [key for key in required if not tags.get(key)]
    if missing:
        raise DatalakeError(
            message=f"The {what} would lack the tag {' and '.join(missing)}, which required_tags requires; set it in tags."
        )


def inheritable_tags(tags: dict[str, str]) -> dict[str, str]:
    """The tags that a recreated resource gets: without those of AWS (aws:) and the reserved ones of the collection, but with the deployment tag."""
    past = ("aws:", RESERVED_PREFIX)
    return {key: value for key, value in tags.items() if key == DEPLOYMENT_TAG or not key.startswith(past)}


def planned_tags(
    current: dict[str, str], tags: dict[str, Any] | None, purge_tags: bool, deployment: str | None = None
) -> dict[str, str]:
    """The tags after a run. With `tags` None, they stay as they are.

    :param current: the resource's tags, as a flat dict.
    :param purge_tags: whether tags that are not in `tags` are removed; those of AWS (aws:) and of the collection always stay.
    :param deployment: value of the deployment tag; None or empty adds no such tag.
    """
    owner = {DEPLOYMENT_TAG: deployment} if deployment else {}
    if tags is None:
        return {**current, **owner}
    to_set, to_unset = compare_aws_tags(current, tags, purge_tags)
    gone = {key for key in to_unset if not key.startswith(RESERVED_PREFIX)}
    kept = {key: value for key, value in current.items() if key not in gone}
    return {**kept, **{key: to_text(value) for key, value in to_set.items()}, **owner}
