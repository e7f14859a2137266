# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event subscriptions of replication tasks, one function for each call."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import retry_while

# EventSubscription.SourceType of replication tasks.
TASK_EVENTS = "replication-task"


@DmsErrorHandler.list_error_handler("list the event subscriptions", [])
def list_subscriptions(client: Any) -> list[dict[str, Any]]:
    """The event subscriptions of tasks, of account and region: {name, topic_arn, event_categories, source_ids, enabled}."""
    pages = client.get_paginator("describe_event_subscriptions").paginate()
    found = pages.build_full_result()["EventSubscriptionsList"]
    return [_subscription(item) for item in found if item.get("SourceType") == TASK_EVENTS]


@DmsErrorHandler.list_error_handler("describe the event subscription")
def describe_subscription(client: Any, name: str) -> dict[str, Any] | None:
    found = client.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    return _subscription(found[0]) if found else None


def recreate_subscription(client: Any, wanted: dict[str, Any], tags: dict[str, str], params: dict[str, Any]) -> None:
    """Delete and create an event subscription, because ModifyEventSubscription can't change its sources.

    The run of another endpoint may do the same at the same time. Each adds its own sources to the present ones.
    """

    @DmsErrorHandler.common_error_handler(f"create the event subscription {wanted['name']}")
    @retry_while(
        ["ResourceAlreadyExistsFault", "ResourceNotFoundFault"], params["wait_timeout"], params["poll_interval"]
    )
    def recreate() -> None:
        existing = describe_subscription(client, wanted["name"])
        sources = sorted({*wanted["source_ids"], *(existing or {}).get("source_ids", [])})
        if existing and existing["source_ids"] == sources:
            return
        if existing:
            client.delete_event_subscription(SubscriptionName=wanted["name"])
        client.create_event_subscription(
            SubscriptionName=wanted["name"],
            SnsTopicArn=wanted["topic_arn"],
            SourceType=TASK_EVENTS,
            EventCategories=wanted["event_categories"],
            SourceIds=sources,
            Enabled=wanted["enabled"],
            Tags=ansible_dict_to_boto3_tag_list(tags),
        )

    recreate()


def _subscription(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["CustSubscriptionId"],
        "topic_arn": item["SnsTopicArn"],
        "event_categories": sorted(item.get("EventCategoriesList", [])),
        "source_ids": sorted(source.lower() for source in item.get("SourceIdsList", [])),
        "enabled": bool(item.get("Enabled", True)),
    }
