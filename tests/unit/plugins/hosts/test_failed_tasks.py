# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replication tasks that have failed, by their target endpoint, each with the reason that AWS gives."""

from __future__ import annotations

from ansible_collections.datalake.dms.plugins.module_utils._hosts.failed_tasks import FailedTasks, by_endpoint


def task(name, status, target="arn:crm", **more):
    return {"ReplicationTaskIdentifier": name, "Status": status, "TargetEndpointArn": target, **more}


def test_failed_tasks_by_endpoint():
    tasks = [
        task("runs", "running"),
        task("stopped", "stopped", StopReason="Stop Reason NORMAL"),
        task("lost", "failed", LastFailureMessage="Last Error no memory", StopReason="Stop Reason FATAL_ERROR"),
        task("moved", "failed-move", StopReason="Stop Reason FATAL_ERROR"),
        task("silent", "failed", "arn:erp", StopReason=""),
    ]
    found = FailedTasks(by_endpoint(tasks))
    assert found.of("arn:crm") == [
        "its task lost is failed (Last Error no memory)",
        "its task moved is failed-move (Stop Reason FATAL_ERROR)",
    ]
    assert found.of("arn:erp") == ["its task silent is failed (AWS gives no reason)"]
    assert (found.of("arn:hr"), found.of(None)) == ([], [])
