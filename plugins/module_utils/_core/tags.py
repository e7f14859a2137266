# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired tags of resources, and the reserved tags of the collection. Pure."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

# The prefix of tags in which the collection stores data on a resource; `purge_tags` does not remove them.
RESERVED_PREFIX = "datalake.dms:"

# The deployment that a resource belongs to. It is needed to find orphans, and to keep two inventories from changing the same resource.
DEPLOYMENT_TAG = f"{RESERVED_PREFIX}deployment"

# The options of amazon.aws's fragment `tags`.
TAGS_SPEC: dict[str, dict[str, Any]] = {
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


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
