# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS event subscriptions: which sources notify which topic. Nothing is sent, and topics are not looked up."""

from __future__ import annotations

from typing import Any

from ..server.wire import AwsError
from .backend import (
    Dms,
    Parameters,
    Resource,
    already_exists,
    find,
    invalid,
    not_found,
    now,
    page,
    select,
)

SOURCE_TYPES = ("replication-instance", "replication-task")


def create_subscription(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    name = parameters["SubscriptionName"]
    if name in dms.subscriptions:
        raise already_exists(f"The event subscription {name} already exists.")
    _check(parameters)
    _check_sources(dms, parameters)
    shape = {
        "CustomerAwsId": dms.account,
        "CustSubscriptionId": name,
        "SnsTopicArn": parameters["SnsTopicArn"],
        "Status": "active",
        "SubscriptionCreationTime": f"{now():%Y-%m-%d %H:%M:%S.%f}",
        "SourceIdsList": list(parameters.get("SourceIds", [])),
        "EventCategoriesList": list(parameters.get("EventCategories", [])),
        "Enabled": parameters.get("Enabled", True),
    }
    if "SourceType" in parameters:
        shape["SourceType"] = parameters["SourceType"]
    dms.subscriptions[name] = Resource(dms.next_seq(), shape)
    dms.tag(arn_of(dms, name), parameters.get("Tags", []))
    return {"EventSubscription": {**shape, "Status": "creating"}}


def modify_subscription(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    """The sources can't be modified: the operation has no SourceIds."""
    subscription = find(dms.subscriptions, parameters["SubscriptionName"], "Event subscription")
    _check(parameters)
    shape_names = {"EventCategories": "EventCategoriesList"}
    for name in ("SnsTopicArn", "SourceType", "EventCategories", "Enabled"):
        if name in parameters:
            subscription.shape[shape_names.get(name, name)] = parameters[name]
    return {"EventSubscription": {**subscription.shape, "Status": "modifying"}}


def delete_subscription(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    name = parameters["SubscriptionName"]
    subscription = find(dms.subscriptions, name, "Event subscription")
    del dms.subscriptions[name]
    dms.tags.pop(arn_of(dms, name), None)
    return {"EventSubscription": {**subscription.shape, "Status": "deleting"}}


def describe_subscriptions(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    filters = {
        "event-subscription-arn": lambda shape: [arn_of(dms, shape["CustSubscriptionId"])],
        "event-subscription-id": lambda shape: [shape["CustSubscriptionId"]],
    }
    selected = list(dms.subscriptions.values())
    if "SubscriptionName" in parameters:
        selected = [find(dms.subscriptions, parameters["SubscriptionName"], "Event subscription")]
    shown, marker = page(select(selected, parameters, filters), parameters)
    return {"EventSubscriptionsList": [subscription.shape for subscription in shown], **marker}


def arn_of(dms: Dms, name: str) -> str:
    """A subscription's ARN, which no answer has: it ends in the subscription's name."""
    return dms.arn("es", name)


def _check(parameters: Parameters) -> None:
    topic = parameters.get("SnsTopicArn", "arn:aws:sns:")
    if topic.split(":")[0:3:2] != ["arn", "sns"]:
        raise AwsError("SNSInvalidTopicFault", f"The SNS topic is invalid: {topic}")
    source_type = parameters.get("SourceType")
    if source_type not in (None, *SOURCE_TYPES):
        raise invalid(f"The source type {source_type} is invalid. Valid values: {' | '.join(SOURCE_TYPES)}")


def _check_sources(dms: Dms, parameters: Parameters) -> None:
    """Sources are identifiers of one type, and they exist."""
    if "SourceIds" not in parameters:
        return
    known = {
        "replication-task": [task.shape["ReplicationTaskIdentifier"] for task in dms.tasks.values()],
        "replication-instance": [one.shape["ReplicationInstanceIdentifier"] for one in dms.instances.values()],
    }
    source_type = parameters.get("SourceType")
    if source_type is None:
        raise AwsError("InvalidParameterCombinationException", "SourceIds need a SourceType.")
    absent = [source for source in parameters["SourceIds"] if source not in known[source_type]]
    if absent:
        raise not_found(f"No {source_type} {', '.join(absent)} found.")
