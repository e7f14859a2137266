# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The replication tasks that have failed. They are named, and no playbook starts them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, explain
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import list_all_tasks
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import FAILED

# Follows the sentences about an endpoint's tasks.
REMEDY = "Correct the cause and start it again; deploy.yml does not."


@dataclass(frozen=True)
class FailedTasks:
    """The failed tasks of an account.

    :ivar by_endpoint: ARN of the target endpoint -> its failed tasks, as sentences without a period. :ivar warnings: why they are unknown.
    """

    by_endpoint: dict[str, list[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def of(self, endpoint_arn: str | None) -> list[str]:
        """Those of one endpoint. :param endpoint_arn: None without an endpoint."""
        return self.by_endpoint.get(endpoint_arn or "", [])


def read_failed_tasks(client: Any) -> FailedTasks:
    """The failed tasks of the account in the client's region (DescribeReplicationTasks). A failed call is a warning."""
    try:
        return FailedTasks(by_endpoint(list_all_tasks(client)))
    except CALL_ERRORS as error:
        return FailedTasks(
            warnings=(f"Tasks that have failed are not named, because they can't be read: {explain(error)}",)
        )


def by_endpoint(tasks: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """See FailedTasks. Pure. :param tasks: items of DescribeReplicationTasks."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        if task["Status"] in FAILED:
            reason = task.get("LastFailureMessage") or task.get("StopReason") or "AWS gives no reason"
            sentence = f"its task {task['ReplicationTaskIdentifier']} is {task['Status']} ({reason})"
            found.setdefault(task["TargetEndpointArn"], []).append(sentence)
    return found
