# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replication tasks, one function for each call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import retry_while, unless_done
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters, pages_of
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import IDLE_STATES
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import wait_for

_EXISTS = "ResourceAlreadyExistsFault"


@DmsErrorHandler.list_error_handler("describe the replication tasks", [])
def describe_tasks(client: Any, identifiers: list[str]) -> list[dict[str, Any]]:
    """The existing tasks of these identifiers, with their settings."""
    found: list[dict[str, Any]] = []
    for wanted in _filters_of(identifiers):
        pages = client.get_paginator("describe_replication_tasks").paginate(Filters=wanted)
        found += pages.build_full_result()["ReplicationTasks"]
    return found


@DmsErrorHandler.common_error_handler("wait for the replication tasks")
def wait_for_tasks(client: Any, waiter: str, identifiers: list[str], params: dict[str, Any]) -> None:
    """Wait for tasks with one of waiters.py."""
    for wanted in _filters_of(identifiers):
        wait_for(client, waiter, params["wait_timeout"], params["poll_interval"], Filters=wanted)


def _filters_of(identifiers: list[str]) -> Iterator[list[dict[str, Any]]]:
    """The filters of requests that name all of these tasks, as many in each as a page has. A waiter sees one page."""
    for page in pages_of(identifiers):
        yield filters(replication_task_id=page)


def create_task(client: Any, request: dict[str, Any], params: dict[str, Any]) -> None:
    """CreateReplicationTask, repeated while the endpoint is not ready. A task that exists already counts as created.

    If the last part of the former ARN stays in use, AWS generates another one.
    """
    name = request["ReplicationTaskIdentifier"]

    @DmsErrorHandler.common_error_handler(f"create the replication task {name}")
    @retry_while(["InvalidResourceStateFault"], params["wait_timeout"], params["poll_interval"])
    def create(**arguments: Any) -> None:
        with unless_done(_EXISTS, lambda: bool(describe_tasks(client, [name]))):
            client.create_replication_task(**arguments)

    try:
        create(**request)
    except is_ansible_aws_error_code(_EXISTS):
        if "ResourceIdentifier" not in request:
            raise
        create(**{k: v for k, v in request.items() if k != "ResourceIdentifier"})


def start_task(client: Any, request: dict[str, Any]) -> None:
    """StartReplicationTask. A task that runs already was started by our first request, whose answer was lost."""
    _change_state("start", client.start_replication_task, client, request, lambda status: status not in IDLE_STATES)


def stop_task(client: Any, arn: str) -> None:
    """StopReplicationTask. A task that is stopped already is no error."""
    request = {"ReplicationTaskArn": arn}
    _change_state("stop", client.stop_replication_task, client, request, lambda s: s == "stopping" or s in IDLE_STATES)


def delete_task(client: Any, arn: str) -> None:
    """DeleteReplicationTask. A task that no longer exists is no error."""
    request = {"ReplicationTaskArn": arn}
    _change_state(
        "delete", client.delete_replication_task, client, request, lambda status: status in (None, "deleting")
    )


def _change_state(verb: str, call: Any, client: Any, request: dict[str, Any], is_done: Any) -> None:
    """Call an operation that changes a task's state. A fault is no error if the task has the target state already.

    :param is_done: takes a state (None: the task does not exist), and returns whether it is the target state.
    """

    @DmsErrorHandler.common_error_handler(f"{verb} the replication task {request['ReplicationTaskArn']}")
    def attempt() -> None:
        codes = ["InvalidResourceStateFault", "ResourceNotFoundFault"]
        with unless_done(codes, lambda: is_done(_status(client, request["ReplicationTaskArn"]))):
            call(**request)

    attempt()


def _status(client: Any, arn: str) -> str | None:
    wanted = filters(replication_task_arn=arn)
    try:
        found = client.describe_replication_tasks(Filters=wanted, WithoutSettings=True)["ReplicationTasks"]
    except is_boto3_error_code("ResourceNotFoundFault"):
        return None
    return str(found[0]["Status"]) if found else None


def list_tasks(client: Any, endpoint_arn: str, settings: bool = False) -> list[dict[str, Any]]:
    """The replication tasks that use an endpoint. :param settings: whether with table mappings and task settings."""
    return _list_tasks(client, filters(endpoint_arn=endpoint_arn), settings)


def list_all_tasks(client: Any) -> list[dict[str, Any]]:
    """All replication tasks of the account in the client's region."""
    return _list_tasks(client, [], settings=False)


@DmsErrorHandler.list_error_handler("list the replication tasks", [])
def _list_tasks(client: Any, wanted: list[dict[str, Any]], settings: bool) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_replication_tasks").paginate(Filters=wanted, WithoutSettings=not settings)
    return list(pages.build_full_result()["ReplicationTasks"])
