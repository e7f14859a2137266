# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags: what they shall be, and the ones that the collection keeps for itself. Pure."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

# Tags with this prefix hold what the collection has to remember on the resource itself; `purge_tags` leaves them alone.
RESERVED_PREFIX = "datalake.dms:"


def new_tags(tags: dict[str, str]) -> dict[str, str]:
    """Those of a resource's tags that its successor can be created with: AWS's own can't be asked for, ours are of the past."""
    return {key: value for key, value in tags.items() if not key.startswith(("aws:", RESERVED_PREFIX))}


def planned_tags(current: dict[str, str], tags: dict[str, Any] | None, purge_tags: bool) -> dict[str, str]:
    """The tags after a run; `tags` None leaves them as they are.

    :param current: the resource's tags, as a flat dict.
    :param purge_tags: whether tags that aren't in `tags` go; those of AWS (aws:) and of the collection always stay.
    """
    if tags is None:
        return current
    to_set, to_unset = compare_aws_tags(current, tags, purge_tags)
    gone = {key for key in to_unset if not key.startswith(RESERVED_PREFIX)}
    return {**{k: v for k, v in current.items() if k not in gone}, **{k: to_text(v) for k, v in to_set.items()}}
