# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks for the crash matrix: two on a case's endpoint, whether their successors went on from where they were, and whether changes are missing."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import boto3
from embedded_aws import EmbeddedAWS

if TYPE_CHECKING:
    from crash import Case

REGION = "eu-central-1"
RUNNING, STOPPED = "load-and-capture", "capture"
MAPPINGS = json.dumps(
    {
        "rules": [
            {
                "rule-type": "selection",
                "rule-id": "1",
                "rule-name": "orders",
                "object-locator": {"schema-name": "shop", "table-name": "orders"},
                "rule-action": "include",
            }
        ]
    }
)
SETTINGS = json.dumps({"Logging": {"EnableLogging": True}, "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}})


def make_tasks(aws: EmbeddedAWS, case: Case) -> None:
    """Two tasks on the case's endpoint: one runs past its full load, and events of it are subscribed to; one captured changes and is stopped."""
    account = case.accounts[0]
    dms = client(aws, account)
    source = dms.create_endpoint(
        EndpointIdentifier="source", EndpointType="source", EngineName="mysql", ResourceIdentifier="source"
    )["Endpoint"]["EndpointArn"]
    ends = {"source": source, "target": target_of(aws, account)}
    start_task(dms, create_task(dms, account, RUNNING, "full-load-and-cdc", ends), until="running")
    stopped = create_task(dms, account, STOPPED, "cdc", ends)
    start_task(dms, stopped, until="running")
    dms.stop_replication_task(ReplicationTaskArn=stopped)
    _describe(dms, stopped, until="stopped")
    dms.create_event_subscription(
        SubscriptionName="alarms",
        SnsTopicArn=f"arn:aws:sns:{REGION}:{account}:alarms",
        SourceType="replication-task",
        SourceIds=[RUNNING],
        EventCategories=["failure"],
        Tags=[{"Key": "owner", "Value": "shop"}],
    )


def lost_anything(aws: EmbeddedAWS, case: Case) -> str | None:
    """What is wrong with the tasks in the case's account: a task did not go on where its predecessor was, or changes of the source are missing in
    the target. None if nothing is."""
    account = case.accounts[0]
    dms = client(aws, account)
    for _look in range(3):
        dms.describe_replication_tasks()
    state = aws.control.state(account)
    return lost_position(state["deleted_tasks"], state["tasks"]) or lost_change(state["changes"], state["tasks"])


def lost_change(changes: dict[str, dict[str, int]], tasks: list[dict[str, Any]]) -> str | None:
    """The first task that has left out changes of its source, or that runs and does not write the latest ones.

    :param changes: see task_runs.changes of the embedded AWS.
    """
    running = {task["ReplicationTaskIdentifier"] for task in tasks if task["Status"] == "running"}
    for identifier, counted in changes.items():
        if counted["missing"]:
            return f"{counted['missing']} changes are missing in the target of the task {identifier}"
        # Each task that is described has the source change once more.
        if identifier in running and counted["waiting"] > len(tasks):
            return f"the task {identifier} runs and has not written {counted['waiting']} changes"
    return None


def lost_position(deleted: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> str | None:
    """The first task whose successor, of the same identifier, is absent or did not go on from its position; both lists are in order of time."""
    lives: dict[str, list[dict[str, Any]]] = {}
    for task in (*deleted, *tasks):
        lives.setdefault(task["ReplicationTaskIdentifier"], []).append(task)
    for identifier in {task["ReplicationTaskIdentifier"]: None for task in deleted}:
        of_one = lives[identifier]
        if of_one[-1] in deleted and _position(of_one[-1]):
            return f"the task {identifier} was deleted at {_position(of_one[-1])} and is not there any more"
        for before, after in itertools.pairwise(of_one):
            wrong = _wrong_begin(after, _position(before))
            if wrong:
                return f"the task {identifier} was at {_position(before)} and {wrong}"
    return None


def _position(task: dict[str, Any]) -> str | None:
    """Where a task was: at its checkpoint, or, when it never ran, where it would have begun."""
    position: str | None = task.get("RecoveryCheckpoint")
    return position or (None if task["Starts"] else task.get("CdcStartPosition"))


def _wrong_begin(task: dict[str, Any], position: str | None) -> str | None:
    if position is None:
        return None
    if not task["Starts"]:
        begin = task.get("CdcStartPosition")
        return None if begin == position else f"is to begin at {begin}"
    first, *later = task["Starts"]
    if list(first) != ["start-replication", position]:
        return f"began with {first[0]} at {first[1]}"
    again = [kind for kind, _position in later if kind != "resume-processing"]
    return f"was started later with {again[0]}" if again else None


def client(aws: EmbeddedAWS, account: str, service: str = "dms") -> Any:
    """A client in the account, as the deployer of _shared/inventory."""
    environ = aws.environ
    automation = boto3.Session(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    given = automation.client("sts", endpoint_url=aws.url).assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/deployer", RoleSessionName="crash", ExternalId="for-the-dms-side"
    )["Credentials"]
    deployer = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION)
    return deployer.client(service, endpoint_url=aws.url)


def target_of(aws: EmbeddedAWS, account: str) -> str:
    endpoints = aws.control.state(account)["endpoints"]
    return next(str(endpoint["EndpointArn"]) for endpoint in endpoints if endpoint["EngineName"] == "s3")


def create_task(dms: Any, account: str, identifier: str, migration_type: str, ends: dict[str, str]) -> str:
    made = dms.create_replication_task(
        ReplicationTaskIdentifier=identifier,
        ResourceIdentifier=identifier,
        SourceEndpointArn=ends["source"],
        TargetEndpointArn=ends["target"],
        ReplicationInstanceArn=f"arn:aws:dms:{REGION}:{account}:rep:molecule",
        MigrationType=migration_type,
        TableMappings=MAPPINGS,
        ReplicationTaskSettings=SETTINGS,
        Tags=[{"Key": "owner", "Value": "shop"}, {"Key": "task", "Value": identifier}],
    )
    arn = str(made["ReplicationTask"]["ReplicationTaskArn"])
    _describe(dms, arn, until="ready")
    return arn


def start_task(dms: Any, task: str, until: str) -> None:
    """Start the task, and look on until it has a checkpoint; a few more looks move that away from the log's beginning."""
    dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType="start-replication")
    _describe(dms, task, until, member="RecoveryCheckpoint")
    for _look in range(3):
        _describe(dms, task, until)


def _describe(dms: Any, task: str, until: str, member: str = "Status") -> dict[str, Any]:
    """The task once it is in that state and has that member; a look at it is what moves the embedded AWS on."""
    filters = [{"Name": "replication-task-arn", "Values": [task]}]
    for _look in range(100):
        described: dict[str, Any] = dms.describe_replication_tasks(Filters=filters)["ReplicationTasks"][0]
        if described["Status"] == until and member in described:
            return described
    raise TimeoutError(f"the task {task} did not become {until} with a {member}")
