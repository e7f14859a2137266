# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls of the DMS API, one function each, and how to wait: waiters are data, retries are decorators."""

from __future__ import annotations

import json
from typing import Any

try:
    from botocore.exceptions import WaiterError
except ImportError:
    pass  # AnsibleAWSModule reports a missing botocore before anything here is used.

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)
from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list
from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory
from ansible_collections.datalake.dms.plugins.module_utils._dms_tasks import IDLE_STATES
from ansible_collections.datalake.dms.plugins.module_utils._errors import (
    DmsErrorHandler,
)

# DMS may answer a Describe with what it knew a little ago; a resource that was just made is looked for this often.
VISIBLE_LOOKS = 6

# The most records in a page of a Describe call, and how many resources are asked for their tags at once. AWS names no limit for the latter.
PAGE_SIZE = 100


_NOT_FOUND = {"matcher": "error", "expected": "ResourceNotFoundFault"}
_NO_ENDPOINTS = {"matcher": "path", "argument": "length(Endpoints[])", "expected": 0}
_NO_TASKS = {"matcher": "path", "argument": "length(ReplicationTasks[])", "expected": 0}


def _status(matcher: str, argument: str, state: str, *values: str) -> list[dict[str, Any]]:
    return [{"state": state, "matcher": matcher, "argument": argument, "expected": value} for value in values]


def _all_tasks(*statuses: str) -> dict[str, Any]:
    """An acceptor: the status of each task is one of these."""
    others = f"ReplicationTasks[?!contains(`{json.dumps(statuses)}`, Status)]"
    return {"matcher": "path", "argument": f"length({others}) == `0`", "expected": True}


class _WaiterFactory(BaseWaiterFactory):
    """botocore's own waiters fall short: `endpoint_deleted` fails at once on `active` and never ends on an empty list,
    `test_connection_succeeds` takes an old row for a new one."""

    @property
    def _waiter_model_data(self) -> dict[str, Any]:
        def waiter(operation: str, *acceptors: dict[str, Any]) -> dict[str, Any]:
            return {"operation": operation, "delay": 5, "maxAttempts": 60, "acceptors": list(acceptors)}

        endpoint, connection = "Endpoints[].Status", "Connections[].Status"
        return {
            "endpoint_visible": waiter(
                "DescribeEndpoints",
                {"state": "retry", **_NOT_FOUND},
                {"state": "retry", **_NO_ENDPOINTS},
                {"state": "success", "matcher": "path", "argument": "length(Endpoints[]) > `0`", "expected": True},
            ),
            "endpoint_external_id": waiter(
                "DescribeEndpoints",
                {"state": "retry", **_NOT_FOUND},
                {
                    "state": "success",
                    "matcher": "path",
                    "argument": "length(Endpoints[?ExternalId]) > `0`",
                    "expected": True,
                },
            ),
            "endpoint_active": waiter(
                "DescribeEndpoints",
                *_status("pathAll", endpoint, "success", "active"),
                *_status("pathAny", endpoint, "failure", "failed", "deleting"),
            ),
            "endpoint_deleted": waiter(
                "DescribeEndpoints", {"state": "success", **_NOT_FOUND}, {"state": "success", **_NO_ENDPOINTS}
            ),
            # Nothing is going on with the tasks; those that are gone count.
            "tasks_settled": waiter(
                "DescribeReplicationTasks",
                {"state": "success", **_NOT_FOUND},
                {"state": "success", **_all_tasks("running", *IDLE_STATES)},
            ),
            "tasks_idle": waiter(
                "DescribeReplicationTasks",
                {"state": "success", **_NOT_FOUND},
                {"state": "success", **_all_tasks(*IDLE_STATES)},
            ),
            "tasks_deleted": waiter(
                "DescribeReplicationTasks",
                {"state": "success", **_NOT_FOUND},
                {"state": "success", **_NO_TASKS},
            ),
            # A full load may be over before the first look.
            "task_started": waiter(
                "DescribeReplicationTasks",
                *_status("pathAny", "ReplicationTasks[].Status", "success", "running"),
                {
                    "state": "success",
                    "matcher": "path",
                    "argument": "length(ReplicationTasks[?contains(StopReason || '', 'FINISHED')]) > `0`",
                    "expected": True,
                },
                *_status("pathAny", "ReplicationTasks[].Status", "failure", "failed"),
            ),
            "connection_test_started": waiter(
                "DescribeConnections",
                {"state": "retry", **_NOT_FOUND},
                *_status("pathAny", connection, "success", "testing"),
            ),
            "connection_test_finished": waiter(
                "DescribeConnections",
                {"state": "retry", **_NOT_FOUND},
                *_status("pathAll", connection, "success", "successful", "failed"),
            ),
        }


_WAITERS = _WaiterFactory()


def wait_for(client: Any, waiter: str, timeout: float, poll_interval: float, **request: Any) -> None:
    """Wait with one of the waiters above.

    :param timeout: the longest wait, in seconds; at least one look is taken.
    :param poll_interval: seconds between two looks.
    :raises botocore.exceptions.WaiterError: time is over, or the state can't be reached any more.
    """
    looks = 1 + int(timeout / poll_interval)
    _WAITERS.get_waiter(client, waiter).wait(**request, WaiterConfig={"Delay": poll_interval, "MaxAttempts": looks})


def waited_for(client: Any, waiter: str, timeout: float, poll_interval: float, **request: Any) -> bool:
    """Like wait_for, with False where time is over; a call that fails is raised as ever."""
    try:
        wait_for(client, waiter, timeout, poll_interval, **request)
    except WaiterError as error:
        if not error.kwargs["reason"].startswith("Max attempts exceeded"):
            raise
        return False
    return True


def filters(**values: str | list[str]) -> list[dict[str, Any]]:
    """Filters as DMS takes them, of keywords such as endpoint_arn; the items of a list are alternatives."""
    return list(ansible_dict_to_boto3_filter_list({name.replace("_", "-"): value for name, value in values.items()}))


@DmsErrorHandler.list_error_handler("describe the endpoint")
def describe_endpoint(client: Any, identifier: str) -> dict[str, Any] | None:
    """The endpoint of an identifier; None where AWS answers ResourceNotFoundFault or an empty list."""
    found = client.describe_endpoints(Filters=filters(endpoint_id=identifier))["Endpoints"]
    return found[0] if found else None


@DmsErrorHandler.list_error_handler("describe the endpoints", [])
def list_endpoints(client: Any, **wanted: str | list[str]) -> list[dict[str, Any]]:
    """All endpoints that pass the filters, such as engine_name; the values of one filter are alternatives."""
    pages = client.get_paginator("describe_endpoints").paginate(
        Filters=filters(**wanted), PaginationConfig={"PageSize": PAGE_SIZE}
    )
    return list(pages.build_full_result()["Endpoints"])


def list_tags_of(client: Any, arns: list[str]) -> dict[str, dict[str, str]]:
    """The tags of many resources by their ARN, a page of them in a call; a resource that is gone by now has none."""
    tags: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), PAGE_SIZE):
        page = arns[start : start + PAGE_SIZE]
        together = _list_tags_together(client, page)
        # Where one of them is gone, AWS refuses the whole page.
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


def list_tasks(client: Any, endpoint_arn: str, settings: bool = False) -> list[dict[str, Any]]:
    """The replication tasks that use an endpoint; their mappings and settings, too, where asked for."""
    return _list_tasks(client, filters(endpoint_arn=endpoint_arn), settings)


def list_all_tasks(client: Any) -> list[dict[str, Any]]:
    """All replication tasks of the account in the client's region."""
    return _list_tasks(client, [], settings=False)


@DmsErrorHandler.list_error_handler("list the replication tasks", [])
def _list_tasks(client: Any, wanted: list[dict[str, Any]], settings: bool) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_replication_tasks").paginate(Filters=wanted, WithoutSettings=not settings)
    return list(pages.build_full_result()["ReplicationTasks"])


def list_replication_configs(client: Any, endpoint_arn: str) -> list[dict[str, Any]]:
    """The serverless replication configs that use an endpoint; DMS has no filter by endpoint."""
    configs = list_all_replication_configs(client)
    return [c for c in configs if endpoint_arn in (c.get("SourceEndpointArn"), c.get("TargetEndpointArn"))]


@DmsErrorHandler.list_error_handler("list the serverless replications", [])
def list_all_replication_configs(client: Any) -> list[dict[str, Any]]:
    """All serverless replication configs of the account in the client's region; botocore has no paginator."""
    configs: list[dict[str, Any]] = []
    marker: dict[str, str] = {}
    while True:
        page = client.describe_replication_configs(**marker)
        configs += page["ReplicationConfigs"]
        if not page.get("Marker"):
            return configs
        marker = {"Marker": page["Marker"]}


@DmsErrorHandler.list_error_handler("describe the connection")
def describe_connection(client: Any, endpoint_arn: str, replication_instance_arn: str) -> dict[str, Any] | None:
    """The connection of an endpoint and an instance; None where it was never tested."""
    wanted = filters(endpoint_arn=endpoint_arn, replication_instance_arn=replication_instance_arn)
    found = client.describe_connections(Filters=wanted)["Connections"]
    return found[0] if found else None


@DmsErrorHandler.list_error_handler("list the connections", [])
def list_connections(client: Any, **wanted: str) -> list[dict[str, Any]]:
    """All connections that pass the filters, such as replication_instance_arn."""
    pages = client.get_paginator("describe_connections").paginate(
        Filters=filters(**wanted), PaginationConfig={"PageSize": PAGE_SIZE}
    )
    return list(pages.build_full_result()["Connections"])


@DmsErrorHandler.common_error_handler("look at the quotas of DMS")
def account_quotas(client: Any) -> list[dict[str, Any]]:
    """DescribeAccountAttributes: AccountQuotaName, Used and Max of each quota."""
    return list(client.describe_account_attributes()["AccountQuotas"])


@DmsErrorHandler.list_error_handler("describe the replication instance")
def describe_instance(client: Any, arn: str) -> dict[str, Any] | None:
    found = client.describe_replication_instances(Filters=filters(replication_instance_arn=arn))["ReplicationInstances"]
    return found[0] if found else None


@DmsErrorHandler.list_error_handler("list the replication instances", [])
def list_instances(client: Any) -> list[dict[str, Any]]:
    """All replication instances of the account in the client's region."""
    pages = client.get_paginator("describe_replication_instances").paginate()
    return list(pages.build_full_result()["ReplicationInstances"])
