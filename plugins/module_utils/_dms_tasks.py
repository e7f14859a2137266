# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls of the DMS API about replication tasks and event subscriptions, one function each."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.datalake.dms.plugins.module_utils import _dms
from ansible_collections.datalake.dms.plugins.module_utils._errors import DmsErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._retries import retry_while

# Values of ReplicationTask.Status.
RUNNING = "running"
READY = "ready"


# States of a task in which ModifyEndpoint is allowed: it does not read its endpoints (ReplicationTask.Status in the API reference).
IDLE_STATES = ("stopped", "ready", "failed", "created", "failed-move")


# EventSubscription.SourceType of replication tasks.
TASK_EVENTS = "replication-task"


@DmsErrorHandler.list_error_handler("describe the replication tasks", [])
def describe_tasks(client: Any, identifiers: list[str]) -> list[dict[str, Any]]:
    """The tasks of these identifiers that there are, with their settings."""
    if not identifiers:
        return []
    pages = client.get_paginator("describe_replication_tasks").paginate(
        Filters=_dms.filters(replication_task_id=identifiers)
    )
    return list(pages.build_full_result()["ReplicationTasks"])


@DmsErrorHandler.common_error_handler("wait for the replication tasks")
def wait_for_tasks(client: Any, waiter: str, identifiers: list[str], params: dict[str, Any]) -> None:
    """Wait for tasks with one of _dms's waiters."""
    if identifiers:
        wanted = _dms.filters(replication_task_id=identifiers)
        _dms.wait_for(client, waiter, params["wait_timeout"], params["poll_interval"], Filters=wanted)


def create_task(client: Any, request: dict[str, Any], params: dict[str, Any]) -> None:
    """CreateReplicationTask, repeated while the endpoint is not ready for it; a task that is there by now is taken for made.

    Where the end of the ARN is never free again, AWS makes up another one.
    """
    name = request["ReplicationTaskIdentifier"]

    @DmsErrorHandler.common_error_handler(f"create the replication task {name}")
    @retry_while(["InvalidResourceStateFault"], params["wait_timeout"], params["poll_interval"])
    def create(**arguments: Any) -> None:
        try:
            client.create_replication_task(**arguments)
        except is_boto3_error_code("ResourceAlreadyExistsFault"):
            if describe_tasks(client, [name]):
                return
            if "ResourceIdentifier" not in arguments:
                raise
            create(**{k: v for k, v in arguments.items() if k != "ResourceIdentifier"})

    create(**request)


def start_task(client: Any, request: dict[str, Any]) -> None:
    """StartReplicationTask; a task that runs by now was started by our own first request, whose answer was lost."""
    _in_passing("start", client.start_replication_task, client, request, lambda status: status not in IDLE_STATES)


def stop_task(client: Any, arn: str) -> None:
    """StopReplicationTask, likewise."""
    request = {"ReplicationTaskArn": arn}
    _in_passing("stop", client.stop_replication_task, client, request, lambda s: s == "stopping" or s in IDLE_STATES)


def delete_task(client: Any, arn: str) -> None:
    """DeleteReplicationTask, likewise; a task that is gone is no error."""
    request = {"ReplicationTaskArn": arn}
    _in_passing("delete", client.delete_replication_task, client, request, lambda status: status in (None, "deleting"))


def _in_passing(verb: str, call: Any, client: Any, request: dict[str, Any], is_done: Any) -> None:
    """A call that changes a task's state, refused only where the state isn't what the call would bring about.

    :param is_done: tells of a state (None: there is no such task) whether it is.
    """

    @DmsErrorHandler.common_error_handler(f"{verb} the replication task {request['ReplicationTaskArn']}")
    def attempt() -> None:
        try:
            call(**request)
        except is_boto3_error_code(["InvalidResourceStateFault", "ResourceNotFoundFault"]):
            if not is_done(_status(client, request["ReplicationTaskArn"])):
                raise

    attempt()


def _status(client: Any, arn: str) -> str | None:
    wanted = _dms.filters(replication_task_arn=arn)
    try:
        found = client.describe_replication_tasks(Filters=wanted, WithoutSettings=True)["ReplicationTasks"]
    except is_boto3_error_code("ResourceNotFoundFault"):
        return None
    return str(found[0]["Status"]) if found else None


@DmsErrorHandler.list_error_handler("list the event subscriptions", [])
def list_subscriptions(client: Any) -> list[dict[str, Any]]:
    """The event subscriptions of account and region, in our words: {name, topic_arn, event_categories, source_ids, enabled}, those of tasks."""
    pages = client.get_paginator("describe_event_subscriptions").paginate()
    found = pages.build_full_result()["EventSubscriptionsList"]
    return [_subscription(item) for item in found if item.get("SourceType") == TASK_EVENTS]


@DmsErrorHandler.list_error_handler("describe the event subscription")
def describe_subscription(client: Any, name: str) -> dict[str, Any] | None:
    found = client.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    return _subscription(found[0]) if found else None


def make_subscription_again(client: Any, wanted: dict[str, Any], tags: dict[str, str], params: dict[str, Any]) -> None:
    """Delete and create an event subscription, since ModifyEventSubscription takes no sources.

    Another endpoint's run may do the same at once: each adds its own sources to what stands there.
    """

    @DmsErrorHandler.common_error_handler(f"create the event subscription {wanted['name']}")
    @retry_while(
        ["ResourceAlreadyExistsFault", "ResourceNotFoundFault"], params["wait_timeout"], params["poll_interval"]
    )
    def make() -> None:
        standing = describe_subscription(client, wanted["name"])
        sources = sorted({*wanted["source_ids"], *(standing or {}).get("source_ids", [])})
        if standing and standing["source_ids"] == sources:
            return
        if standing:
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

    make()


def _subscription(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["CustSubscriptionId"],
        "topic_arn": item["SnsTopicArn"],
        "event_categories": sorted(item.get("EventCategoriesList", [])),
        "source_ids": sorted(source.lower() for source in item.get("SourceIdsList", [])),
        "enabled": bool(item.get("Enabled", True)),
    }
