# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags: what they shall be, and the ones that the collection keeps for itself. Pure."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

# Tags with this prefix hold what the collection has to remember on the resource itself; `purge_tags` leaves them alone.
RESERVED_PREFIX = "datalake.dms:"

# Whose a resource is: the deployment that made it, so that what no inventory declares any more is found, and two inventories never fight
# over one resource.
DEPLOYMENT_TAG = f"{RESERVED_PREFIX}deployment"

# The options of amazon.aws's fragment `tags`.
TAGS_SPEC: dict[str, dict[str, Any]] = {
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def check_required(what: str, tags: dict[str, str], required: list[str]) -> None:
    """
    :param tags: those that the resource shall have. :param required: the keys that somebody demands.
    :raises DatalakeError: one of them is not there, or empty.
    """
    missing = [key for key in required if not tags.get(key)]
    if missing:
        raise DatalakeError(
            message=f"The {what} would lack the tag {' and '.join(missing)}, which required_tags demands; give it in tags."
        )


def inheritable_tags(tags: dict[str, str]) -> dict[str, str]:
    """Those of a resource's tags that its successor can be created with: AWS's own can't be asked for, ours are of the past, but for whose
    it is."""
    past = ("aws:", RESERVED_PREFIX)
    return {key: value for key, value in tags.items() if key == DEPLOYMENT_TAG or not key.startswith(past)}


def planned_tags(
    current: dict[str, str], tags: dict[str, Any] | None, purge_tags: bool, deployment: str | None = None
) -> dict[str, str]:
    """The tags after a run; `tags` None leaves them as they are.

    :param current: the resource's tags, as a flat dict.
    :param purge_tags: whether tags that aren't in `tags` go; those of AWS (aws:) and of the collection always stay.
    :param deployment: whose the resource is, kept as a tag of the collection; None or empty adds no such tag.
    """
    ours = {DEPLOYMENT_TAG: deployment} if deployment else {}
    if tags is None:
        return {**current, **ours}
    to_set, to_unset = compare_aws_tags(current, tags, purge_tags)
    gone = {key for key in to_unset if not key.startswith(RESERVED_PREFIX)}
    kept = {key: value for key, value in current.items() if key not in gone}
    return {**kept, **{key: to_text(value) for key, value in to_set.items()}, **ours}
