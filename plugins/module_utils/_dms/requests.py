# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters and page size of requests to DMS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list

# The most records in a page of a Describe call, and the number of resources in one ListTagsForResource. AWS documents no limit for the latter.
PAGE_SIZE = 100

_Item = TypeVar("_Item")


def pages_of(items: list[_Item]) -> Iterator[list[_Item]]:
    """The items in lists of PAGE_SIZE at most, one for each request."""
    for start in range(0, len(items), PAGE_SIZE):
        yield items[start : start + PAGE_SIZE]


def filters(**values: str | list[str]) -> list[dict[str, Any]]:
    """Filters of a request, from keywords such as endpoint_arn. The items of a list are alternatives."""
    return list(ansible_dict_to_boto3_filter_list({name.replace("_", "-"): value for name, value in values.items()}))
