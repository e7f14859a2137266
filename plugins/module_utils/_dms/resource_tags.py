# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags of DMS resources, one function for each call."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import pages_of


def list_tags_of(client: Any, arns: list[str]) -> dict[str, dict[str, str]]:
    """ARN -> tags of many resources, one call per page. A resource that no longer exists has none."""
    tags: dict[str, dict[str, str]] = {}
    for page in pages_of(arns):
        together = _list_tags_together(client, page)
        # If one of them no longer exists, AWS refuses the complete page.
        tags |= {arn: list_tags(client, arn) for arn in page} if together is None else together
    return tags


@DmsErrorHandler.list_error_handler("list the endpoints' tags")
def _list_tags_together(client: Any, arns: list[str]) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = {arn: {} for arn in arns}
    for tag in client.list_tags_for_resource(ResourceArnList=arns)["TagList"]:
        tags[tag["ResourceArn"]][tag["Key"]] = tag["Value"]
    return tags


@DmsErrorHandler.list_error_handler("list the tags", {})
def list_tags(client: Any, arn: str) -> dict[str, str]:
    return dict(boto3_tag_list_to_ansible_dict(client.list_tags_for_resource(ResourceArn=arn)["TagList"]))


@DmsErrorHandler.common_error_handler("tag the endpoint")
def add_tags(client: Any, arn: str, tags: dict[str, str]) -> None:
    client.add_tags_to_resource(ResourceArn=arn, Tags=ansible_dict_to_boto3_tag_list(tags))


@DmsErrorHandler.common_error_handler("untag the endpoint")
def remove_tags(client: Any, arn: str, keys: list[str]) -> None:
    client.remove_tags_from_resource(ResourceArn=arn, TagKeys=keys)
