# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`replication_task: {name: copy}` makes a source and a replication task for the host's endpoint, and starts it: what somebody else did before.
With `state: absent` it stops and deletes the account's task."""

from __future__ import annotations

import boto3
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The options: `name`; `state`, present unless given; `migration_type`, full-load-and-cdc unless given; `source`, more
    parameters of the source endpoint."""

    def run(self, tmp=None, task_vars=None):
        result, name = super().run(tmp, task_vars), self._task.args["name"]
        names = {n: self._templar.template(task_vars[n]) for n in task_vars if n.startswith("s3_endpoint_")}
        dms = self._client(names)
        if self._task.args.get("state") == "absent":
            self._remove(dms)
            return {**result, "changed": True}
        found = dms.describe_endpoints(Filters=[{"Name": "endpoint-id", "Values": [names["s3_endpoint_identifier"]]}])
        source = {"EngineName": "mysql", **self._task.args.get("source", {})}
        made = dms.create_endpoint(EndpointIdentifier=f"source-{name}", EndpointType="source", **source)
        task = dms.create_replication_task(
            ReplicationTaskIdentifier=name,
            ResourceIdentifier=name,
            SourceEndpointArn=made["Endpoint"]["EndpointArn"],
            TargetEndpointArn=found["Endpoints"][0]["EndpointArn"],
            ReplicationInstanceArn=names["s3_endpoint_replication_instance_arn"],
            MigrationType=self._task.args.get("migration_type", "full-load-and-cdc"),
            TableMappings='{"rules": []}',
        )["ReplicationTask"]["ReplicationTaskArn"]
        # Looks move the embedded AWS on.
        while dms.describe_replication_tasks()["ReplicationTasks"][0]["Status"] != "ready":
            continue
        dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType="start-replication")
        while dms.describe_replication_tasks()["ReplicationTasks"][0]["Status"] != "running":
            continue
        return {**result, "changed": True}

    @staticmethod
    def _remove(dms):
        (task,) = dms.describe_replication_tasks()["ReplicationTasks"]
        dms.stop_replication_task(ReplicationTaskArn=task["ReplicationTaskArn"])
        while dms.describe_replication_tasks()["ReplicationTasks"][0]["Status"] != "stopped":
            continue
        dms.delete_replication_task(ReplicationTaskArn=task["ReplicationTaskArn"])
        while dms.describe_replication_tasks()["ReplicationTasks"]:
            continue

    @staticmethod
    def _client(names):
        region = names["s3_endpoint_region"]
        role = {
            "RoleArn": names["s3_endpoint_dms_assume_role_arn"],
            "ExternalId": names["s3_endpoint_dms_assume_role_external_id"],
        }
        given = boto3.client("sts", region_name=region).assume_role(RoleSessionName="colleague", **role)["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region)
        return boto3.Session(*keys).client("dms")
