# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints that tasks use, changed with deploy.yml as a user does: previewed first, and in prod in growing batches."""

from __future__ import annotations

import re

import boto3
import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import RECREATED
from ansible_collections.datalake.dms.plugins.module_utils._replacement.endpoint_replacement import (
    ARGUMENT_SPEC,
    Replacement,
)
from embedded_aws import READS

pytestmark = pytest.mark.once

REGION = "eu-central-1"
QUICK = ("-e", "s3_endpoint_poll_interval=0.1", "-e", "s3_endpoint_allow_endpoint_url=true")
CONSENT = (
    *("-e", "s3_endpoint_replace_tasks=true", "-e", "s3_endpoint_source_log_retention=86400"),
    *("-e", '{"s3_endpoint_accept": ["foreign_tasks"]}'),
)
CHANGE = ("-e", "s3_endpoint_bucket_folder=raw/elsewhere")
SHARED = ("-e", "s3_endpoint_allow_shared_folder=true")


@pytest.fixture
def client(aws, inventories, landscape):
    """A DMS client of an environment's DMS account."""

    def make(name):
        side = landscape.environment_of(inventories[name])["dms"]
        credentials = {
            k.lower(): v for k, v in aws.environ.items() if k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        }
        sts = boto3.client("sts", region_name=REGION, endpoint_url=aws.url, **credentials)
        given = sts.assume_role(
            RoleArn=side["assume_role_arns"][0],
            RoleSessionName="by-hand",
            ExternalId=side["assume_role_external_id"],
        )["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION)
        return boto3.Session(*keys).client("dms", endpoint_url=aws.url)

    return make


def run_a_task(dms, identifier, instance):
    """A running task that writes to the endpoint."""
    found = dms.describe_endpoints(Filters=[{"Name": "endpoint-id", "Values": [identifier]}])["Endpoints"][0]
    source = dms.create_endpoint(EndpointIdentifier=f"source-{identifier}", EndpointType="source", EngineName="mysql")
    made = dms.create_replication_task(
        ReplicationTaskIdentifier=f"copy-{identifier}",
        SourceEndpointArn=source["Endpoint"]["EndpointArn"],
        TargetEndpointArn=found["EndpointArn"],
        ReplicationInstanceArn=instance,
        MigrationType="cdc",
        TableMappings='{"rules": []}',
    )["ReplicationTask"]["ReplicationTaskArn"]
    dms.start_replication_task(ReplicationTaskArn=made, StartReplicationTaskType="start-replication")


def dms_account(inventories, name):
    return next(iter(inventories[name].values()))["s3_endpoint_dms_account_id"]


def writes(aws, account):
    """The operations that wrote to DMS in an account since the journal was cleared."""
    made = [c["operation"] for c in aws.control.journal() if c["account"] == account and c["service"] == "dms"]
    return [operation for operation in made if not operation.startswith(READS)]


def test_preview_tells_what_the_run_then_does(aws, play, client, inventories):
    one = (*QUICK, "--limit", "crm")
    assert play("dev", "deploy", *one)[0] == 0
    instance = inventories["dev"]["crm"]["s3_endpoint_replication_instance_arn"]
    run_a_task(client("dev"), "dev-crm", instance)
    aws.control.clear_journal()

    status, said, _changed = play("dev", "deploy", *one, *CHANGE, "--check", "--diff")
    assert status != 0
    for told in (
        "task copy-dev-crm: stopped, deleted, created again as cdc from its checkpoint, started",
        "set replace_tasks=true",
        "The ARNs stay the same if AWS allows to reuse their last part at once",
        '"bucket_folder": "raw/crm"',
        '"bucket_folder": "raw/elsewhere"',
        "AWS does not modify an endpoint whose role is in another account",
        "(its RecoveryCheckpoint, once it is stopped)",
        ":example-lake-dev/raw/elsewhere/*",
    ):
        assert told in said, told
    status, said, foretold = play("dev", "deploy", *one, *CHANGE, *CONSENT, "--check", "--diff")
    assert (status, "(its RecoveryCheckpoint, once it is stopped)" in said) == (0, True), said
    assert [c for c in aws.control.journal() if not c["operation"].startswith(READS)] == []

    status, said, changed = play("dev", "deploy", *one, *CHANGE, *CONSENT)
    assert (status, changed) == (0, foretold), said
    account = dms_account(inventories, "dev")
    assert writes(aws, account) == [
        "StopReplicationTask",
        "DeleteReplicationTask",
        "DeleteEndpoint",
        "CreateEndpoint",
        "TestConnection",
        "AddTagsToResource",
        "CreateReplicationTask",
        "StartReplicationTask",
        "AddTagsToResource",
    ]
    (task,) = aws.control.state(account)["tasks"]
    assert task["Status"] == "running"
    assert play("dev", "deploy", *one, *CHANGE)[::2] == (0, 0)


HOSTS = ["billing", "crm", "erp", "hr", "legacy_files", "logistics", "pricing", "webshop"]


def test_prod_goes_in_growing_batches_and_stops_at_the_first_failure(aws, play, inventories):
    some = (*QUICK, "--limit", ",".join(HOSTS))
    status, said, _changed = play("prod", "deploy", *some)
    assert status == 0, said
    account = dms_account(inventories, "prod")
    aws.control.clear_journal()
    # One, a quarter of eight, the rest: of the second batch, one fails.
    aws.control.add_fault(
        service="dms",
        operation="CreateEndpoint",
        account=account,
        kind="error",
        code="ResourceQuotaExceededFault",
        skip=1,
    )
    status, said, _changed = play("prod", "deploy", *some, *CHANGE, *SHARED)
    assert status != 0
    assert "could not be replaced, and endpoint and tasks are as they were before" in said
    left = re.search(r"([\w, ]+) not begun, because \w+ could not be replaced", said)
    assert left, said
    assert len(left[1].split(", ")) == 5
    replaced = [
        e for e in aws.control.state(account)["endpoints"] if e["S3Settings"]["BucketFolder"] == "raw/elsewhere"
    ]
    assert (len(replaced), len(aws.control.state(account)["endpoints"])) == (2, 8)


def begin_elsewhere(aws, side, variables):
    """A run on another machine that takes the tasks off dev-pricing, and dies.

    :param side: the DMS account, as landscape.environment_of has it. :param variables: of the host.
    """
    connection = {
        "region": REGION,
        "endpoint_url": aws.url,
        "access_key": aws.environ["AWS_ACCESS_KEY_ID"],
        "secret_key": aws.environ["AWS_SECRET_ACCESS_KEY"],
        "assume_role_arn": side["assume_role_arns"][0],
        "assume_role_external_id": side["assume_role_external_id"],
    }
    options = {
        "endpoint_identifier": "dev-pricing",
        "replace_tasks": True,
        "source_log_retention": 86400,
        "accept": ["foreign_tasks"],
        "journal_bucket": variables["s3_endpoint_journal_bucket"],
        "inventory_host": "pricing",
        "trusted_account_ids": [variables["s3_endpoint_lake_account_id"]],
        "poll_interval": 0.1,
        "run": {"owner": "bob@desk", "id": "b1", "machine": "elsewhere", "pid": 7, "started": "99"},
    }
    account = Account(validated({}, connection))
    Replacement(account, validated(ARGUMENT_SPEC, options), check_mode=False).stop_tasks(RECREATED)


def test_interrupted_replacement_is_locked_for_others_and_unlocked(aws, play, client, inventories, landscape):
    one = (*QUICK, "--limit", "pricing")
    assert play("dev", "deploy", *one)[0] == 0
    instance = inventories["dev"]["pricing"]["s3_endpoint_replication_instance_arn"]
    run_a_task(client("dev"), "dev-pricing", instance)
    begin_elsewhere(aws, landscape.environment_of(inventories["dev"])["dms"], inventories["dev"]["pricing"])
    status, said, _changed = play("dev", "deploy", *one)
    assert status != 0
    assert "is being replaced by bob@desk (run b1" in said
    status, said, changed = play("dev", "unlock", *one)
    assert (status, changed) == (0, 1), said
    assert "the lock of bob@desk was released" in said
    for playbook in ("remove", "verify"):
        status, said, _changed = play("dev", playbook, *one)
        assert (status != 0, "was interrupted" in said) == (True, True)
    status, said, _changed = play("dev", "deploy", *one)
    assert status == 0, said
    assert "The interrupted replacement was rolled back" in said
    tasks = aws.control.state(dms_account(inventories, "dev"))["tasks"]
    assert [t["Status"] for t in tasks if t["ReplicationTaskIdentifier"] == "copy-dev-pricing"] == ["running"]
