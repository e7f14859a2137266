# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event subscriptions."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_cloud import DMS, REGION

TOPIC = f"arn:aws:sns:{REGION}:{DMS}:alarms"
ARN = f"arn:aws:dms:{REGION}:{DMS}:es:alarms"


def subscribe(cloud: Any, name: str = "alarms", **more: Any) -> dict[str, Any]:
    answer = cloud.dms.create_event_subscription(SubscriptionName=name, SnsTopicArn=TOPIC, **more)
    return dict(answer["EventSubscription"])


def described(cloud: Any, **asked: Any) -> list[dict[str, Any]]:
    return list(cloud.dms.describe_event_subscriptions(**asked)["EventSubscriptionsList"])


@pytest.fixture
def task(cloud: Any) -> str:
    return str(cloud.create_task(cloud.create_endpoint()["EndpointArn"]))


@pytest.mark.usefixtures("task")
def test_the_life_of_a_subscription(cloud: Any, refused: Any) -> None:
    more = {"SourceType": "replication-task", "SourceIds": ["copy"], "EventCategories": ["failure"]}
    tags = [{"Key": "owner", "Value": "shop"}]
    assert subscribe(cloud, Tags=tags, **more)["Status"] == "creating"
    assert refused(subscribe, cloud=cloud).startswith("ResourceAlreadyExistsFault")
    [made] = described(cloud, SubscriptionName="alarms")
    assert made.pop("SubscriptionCreationTime")
    whole = {
        "CustomerAwsId": DMS,
        "CustSubscriptionId": "alarms",
        "SnsTopicArn": TOPIC,
        "Status": "active",
        "SourceType": "replication-task",
        "SourceIdsList": ["copy"],
        "EventCategoriesList": ["failure"],
        "Enabled": True,
    }
    assert made == whole
    assert cloud.dms.list_tags_for_resource(ResourceArn=ARN)["TagList"] == tags
    assert cloud.control.state(DMS)["event_subscriptions"][0]["Tags"] == {"owner": "shop"}
    cloud.dms.modify_event_subscription(SubscriptionName="alarms", Enabled=False, EventCategories=["creation"])
    [modified] = described(cloud, SubscriptionName="alarms")
    modified.pop("SubscriptionCreationTime")
    assert modified == {**whole, "Enabled": False, "EventCategoriesList": ["creation"]}
    cloud.dms.delete_event_subscription(SubscriptionName="alarms")
    assert described(cloud) == []
    for operation in ("describe_event_subscriptions", "modify_event_subscription", "delete_event_subscription"):
        answer = refused(getattr(cloud.dms, operation), SubscriptionName="alarms")
        assert answer.startswith("ResourceNotFoundFault"), operation
    assert refused(cloud.dms.list_tags_for_resource, ResourceArn=ARN).startswith("ResourceNotFoundFault")


def test_subscriptions_are_paged_and_filtered(cloud: Any) -> None:
    names = [f"s-{number:02}" for number in range(21)]
    for name in names:
        subscribe(cloud, name)
    pages = list(cloud.dms.get_paginator("describe_event_subscriptions").paginate(PaginationConfig={"PageSize": 20}))
    assert [len(page["EventSubscriptionsList"]) for page in pages] == [20, 1]
    assert [one["CustSubscriptionId"] for page in pages for one in page["EventSubscriptionsList"]] == names
    for name, value in (("event-subscription-id", "s-07"), ("event-subscription-arn", ARN.replace("alarms", "s-07"))):
        found = described(cloud, Filters=[{"Name": name, "Values": [value]}])
        assert [one["CustSubscriptionId"] for one in found] == ["s-07"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"SourceType": "replication-task", "SourceIds": ["absent"]}, "ResourceNotFoundFault"),
        ({"SourceType": "replication-instance", "SourceIds": ["copy"]}, "ResourceNotFoundFault"),
        ({"SourceIds": ["copy"]}, "InvalidParameterCombinationException"),
        ({"SourceType": "endpoint"}, "InvalidParameterValueException"),
        ({"SnsTopicArn": f"arn:aws:sqs:{REGION}:{DMS}:alarms"}, "SNSInvalidTopicFault"),
    ],
)
@pytest.mark.usefixtures("task")
def test_subscriptions_that_cannot_be(cloud: Any, refused: Any, wrong: dict[str, Any], code: str) -> None:
    create = cloud.dms.create_event_subscription
    assert refused(create, **{"SubscriptionName": "alarms", "SnsTopicArn": TOPIC, **wrong}).startswith(code)
    assert described(cloud) == []


@pytest.mark.parametrize(("way", "left"), [("kept", ["copy"]), ("dropped", [])])
def test_a_deleted_task_in_a_subscription(cloud: Any, task: str, way: str, left: list[str]) -> None:
    cloud.control.set_switches(DMS, event_sources_on_task_delete=way)
    subscribe(cloud, SourceType="replication-task", SourceIds=["copy"])
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    assert described(cloud)[0]["SourceIdsList"] == left
