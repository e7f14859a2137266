# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_deployment replaces an endpoint that exists: with its tasks, back where it fails, and to the end where another run was interrupted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core import deadline
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests
from ansible_collections.datalake.dms.plugins.module_utils._hosts import deployment
from ansible_collections.datalake.dms.plugins.module_utils._replacement.endpoint_replacement import Replacement
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run

pytestmark = pytest.mark.once

BOB = {"owner": "bob@desk", "id": "b1", "machine": "elsewhere", "pid": 7, "started": "99"}
FULL = {"MigrationType": "full-load-and-cdc", "ResourceIdentifier": "copy"}
CONSENT = {"replace_tasks": True, "source_log_retention": 86400}
CSV = {"settings": {"data_format": "csv"}}
QUOTA = {"code": "ResourceQuotaExceededFault", "message": "No more of them."}
# With the timeouts of these tests.
DOWN = " Its tasks may be down for 3 minutes."
RAN = " Its tasks were down for"
ARNS = " The ARNs stay the same if AWS allows to reuse their last part at once; else endpoint and tasks get new ARNs. "
STEPS = "task copy: stopped, deleted, created again as cdc from its checkpoint, started"
BACK = "dev-crm could not be replaced, and endpoint and tasks are as they were before: "


@pytest.fixture
def deploy(lab):
    """Deploy one host; what became of it."""

    def run(name="crm", check=False, run=None, **variables):
        options = {"run": run} if run else {}
        result = lab.deployment([lab.host(name, **{**CONSENT, **variables})], check, **options)
        assert (result["asked"], result["postponed"]) == ([name], [])
        told = result["hosts"][name]
        assert result["changed"] is told["changed"]
        assert "\n" not in told["msg"]
        assert ".." not in told["msg"]
        return told

    return run


@pytest.fixture
def deployed(deploy):
    """An endpoint that works, and that no task uses yet; its ARN."""
    told = deploy()
    assert not told["failed"], told["msg"]
    return told["endpoint_arn"]


@pytest.fixture
def task(lab, deployed):
    """A running task past its full load, which replicates changes; its ARN."""
    arn = lab.task(deployed, **FULL)
    lab.start(arn)
    lab.forget_calls()
    return arn


def protected(lab):
    accounts = {f"{side}_account_id": getattr(lab, f"{side}_account") for side in ("dms", "lake")}
    return {"environments": {"dev": {**accounts, "protected": True}}, "allow_endpoint_url": True}


def format_of(lab, identifier="dev-crm"):
    (found,) = [one for one in lab.endpoints() if one["EndpointIdentifier"] == identifier]
    return found["S3Settings"]["DataFormat"]


def journals_left(lab):
    return lab.control.state(lab.dms_account)["objects"][lab.journals]


def journal_of(lab):
    (key,) = journals_left(lab)
    return json.loads(lab.client("dms", "s3").get_object(Bucket=lab.journals, Key=key)["Body"].read())


def checkpoint_when_deleted(lab):
    return lab.control.state(lab.dms_account)["deleted_tasks"][-1]["RecoveryCheckpoint"]


def last_position(lab, name):
    """Where a task was when it was last deleted; one that was never started has no checkpoint."""
    deleted = [one for one in lab.control.state(lab.dms_account)["deleted_tasks"] if one["RecoveryCheckpoint"]]
    return [one["RecoveryCheckpoint"] for one in deleted if one["ReplicationTaskIdentifier"] == name][-1]


def assert_as_before(lab, journals=0):
    assert format_of(lab) == "parquet"
    assert lab.tasks()["copy"]["Status"] == "running"
    assert len(journals_left(lab)) == journals


# An endpoint without tasks


@pytest.mark.parametrize("recreated", ["new", "same"])
def test_endpoint_is_replaced(lab, deploy, recreated):
    lab.switch(external_id_on_recreate=recreated)
    deploy()
    before = lab.endpoints()[0]["ExternalId"]
    told = deploy(**CSV)
    assert (told["failed"], told["action"]) == (False, "recreated")
    assert told["msg"] == "dev-crm: endpoint recreated, connection successful."
    (endpoint,) = lab.endpoints()
    assert (format_of(lab), endpoint["ExternalId"] == before) == ("csv", recreated == "same")
    assert (told["endpoint_arn"], told["role_arn"]) == (endpoint["EndpointArn"], lab.role_arn)
    assert (told["external_id_state"], told["connection_status"]) == ("trusted", "successful")
    assert told["differences"] == ["data_format"]
    trust = lab.iam_role()["Trust"]["Statement"][0]["Condition"]["StringEquals"]
    assert trust == {"sts:ExternalId": [endpoint["ExternalId"]]}
    assert journals_left(lab) == []
    lab.forget_calls()
    assert deploy(**CSV)["changed"] is False
    assert lab.writes() == []


def test_replacement_is_predicted(lab, deployed, predicted):
    told = predicted(lab.deployment, [lab.host(**CSV)])["hosts"]["crm"]
    assert (told["changed"], told["failed"], told["action"]) == (True, False, "recreated")
    assert told["msg"] == (
        "dev-crm: would recreate the endpoint, test the connection. AWS assigns the ExternalId at creation; the run then puts it into the trust."
    )
    assert told["external_id_state"] == "pending"


def test_others_go_on_where_one_is_replaced_and_one_fails(lab, deployed):
    hosts = [lab.host(**CSV), lab.host("erp"), lab.host("web", bucket_name="no-such-bucket")]
    result = lab.deployment(hosts)
    assert {name: one["failed"] for name, one in result["hosts"].items()} == {"crm": False, "erp": False, "web": True}
    assert result["hosts"]["crm"]["action"] == "recreated"


# With a running task


def test_task_goes_on_where_it_was_stopped(lab, task, deploy):
    lab.switch(task_polls=2, start_needs_connection=True, creating_polls=1)
    told = deploy(**CSV)
    assert (told["failed"], told["action"], told["connection_status"]) == (False, "recreated", "successful")
    assert told["msg"].startswith("dev-crm: endpoint recreated (")
    assert f"); {STEPS}.{DOWN}{ARNS}dev-crm: endpoint recreated, connection successful.{RAN}" in told["msg"]
    assert [one["before_header"] for one in told["diff"]] == ["connection", "endpoint", "role", "tasks"]
    made = lab.tasks()["copy"]
    assert (made["Status"], made["MigrationType"], made["ReplicationTaskArn"]) == ("running", "cdc", task)
    assert made["TargetEndpointArn"] == told["endpoint_arn"]
    assert made["Starts"] == [["start-replication", checkpoint_when_deleted(lab)]]
    assert made["Tags"] == {"datalake.dms:migration-type": "full-load-and-cdc"}
    assert (format_of(lab), journals_left(lab)) == ("csv", [])
    # Everything is in the journal before a task is touched.
    order = [one for one in lab.writes() if one not in ("CreatePolicyVersion", "UpdateAssumeRolePolicy")]
    assert order[:6] == [
        "PutObject",
        "TagRole",
        "StopReplicationTask",
        "PutObject",
        "DeleteReplicationTask",
        "DeleteEndpoint",
    ]
    assert order[-5:] == [
        "CreateReplicationTask",
        "StartReplicationTask",
        "AddTagsToResource",
        "UntagRole",
        "DeleteObject",
    ]
    lab.forget_calls()
    assert deploy(**CSV)["changed"] is False
    assert lab.writes() == []


@pytest.mark.parametrize(
    "switches",
    [
        {"resource_identifier_reuse": "refused", "deleting_polls": 1, "absent_endpoint": "empty"},
        {"create_endpoint": "answer_only"},
        {"external_id_on_recreate": "same"},
    ],
    ids=str,
)
def test_task_goes_on_however_aws_answers(lab, task, deploy, switches):
    lab.switch(**switches)
    told = deploy(**CSV)
    assert told["failed"] is False, told["msg"]
    made = lab.tasks()["copy"]
    assert (made["Status"], made["TargetEndpointArn"]) == ("running", told["endpoint_arn"])
    assert made["Starts"] == [["start-replication", checkpoint_when_deleted(lab)]]
    assert journals_left(lab) == []


def test_preview_shows_what_becomes_of_the_tasks(lab, task, deploy):
    told = deploy(check=True, **CSV)
    assert lab.writes() == []
    assert (told["failed"], told["changed"]) == (False, True)
    assert f"); {STEPS}.{DOWN}{ARNS}dev-crm: would recreate the endpoint, " in told["msg"]
    (shown,) = [one for one in told["diff"] if one["before_header"] == "tasks"]
    assert shown["before"]["tasks"]["copy"]["migration_type"] == "full-load-and-cdc"
    assert shown["after"]["tasks"]["copy"]["migration_type"] == "cdc"


def test_endpoint_is_modified_under_a_running_task(lab, deploy):
    """Within one account DMS can modify the endpoint; its task is stopped and resumed."""
    one = {
        "lake_account_id": lab.dms_account,
        "lake_assume_role_arn": lab.deployers["dms"],
        "bucket_name": lab.journals,
    }
    lab.start(lab.task(deploy(**one)["endpoint_arn"], **FULL))
    lab.forget_calls()
    told = deploy(**one, **CSV)
    assert (told["failed"], told["action"]) == (False, "modified"), told["msg"]
    assert (
        f"; task copy: stopped, resumed.{DOWN} dev-crm: endpoint modified, connection successful.{RAN}" in told["msg"]
    )
    assert ARNS not in told["msg"]
    made = lab.tasks()["copy"]
    assert (made["Status"], made["MigrationType"]) == ("running", "full-load-and-cdc")
    assert [kind for kind, _position in made["Starts"]] == ["start-replication", "resume-processing"]
    assert "DeleteEndpoint" not in lab.calls()
    assert format_of(lab) == "csv"


def test_task_that_does_not_run_needs_no_replacement_for_a_modification(lab, deploy):
    one = {
        "lake_account_id": lab.dms_account,
        "lake_assume_role_arn": lab.deployers["dms"],
        "bucket_name": lab.journals,
    }
    lab.task(deploy(**one)["endpoint_arn"])
    lab.forget_calls()
    told = deploy(**one, **CSV, replace_tasks=False)
    assert (told["failed"], told["action"]) == (False, "modified"), told["msg"]
    assert lab.calls("PutObject", "StopReplicationTask") == []


# Refusals, before anything is changed


def refusal_of(lab, deploy, **variables):
    """Why a replacement is refused, after proof that nothing was written, and that a preview says the same."""
    lab.forget_calls()
    told = deploy(**variables)
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    preview = deploy(check=True, **variables)
    assert (preview["failed"], lab.writes()) == (True, [])
    assert preview["msg"] == told["msg"]
    return told["msg"]


def test_tasks_need_consent(lab, task, deploy):
    msg = refusal_of(lab, deploy, **CSV, replace_tasks=False)
    assert f"The endpoint dev-crm has tasks that would change ({STEPS}); to allow that, set replace_tasks=true." in msg
    assert_as_before(lab)


def test_tasks_need_a_journal(lab, task, deploy):
    msg = refusal_of(lab, deploy, **CSV, journal_bucket="")
    assert "set journal_bucket to a bucket of the DMS account" in msg
    assert_as_before(lab)


def test_loss_needs_consent(lab, task, deploy):
    msg = refusal_of(lab, deploy, **CSV, source_log_retention=0)
    assert "(accept=source_logs allows that)" in msg
    assert_as_before(lab)
    assert deploy(**CSV, source_log_retention=0, accept=["source_logs"])["failed"] is False


def test_protected_environment_needs_a_confirmation(lab, task, deploy):
    msg = refusal_of(lab, deploy, **CSV, **protected(lab))
    assert msg.endswith(
        "Environment dev is protected, and this would stop or recreate the tasks of dev-crm; if that is meant, run again with "
        "-e s3_endpoint_confirm=dev."
    )
    assert refusal_of(lab, deploy, **CSV, **protected(lab), confirm="prod") == msg
    assert_as_before(lab)
    told = deploy(**CSV, **protected(lab), confirm="dev")
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running")


def test_all_refusals_are_said_at_once(lab, task, deploy):
    msg = refusal_of(lab, deploy, **CSV, **protected(lab), replace_tasks=False, source_log_retention=0)
    for part in ("accept=source_logs", "set replace_tasks=true", "s3_endpoint_confirm=dev"):
        assert part in msg


def test_protected_environment_without_tasks_needs_none(lab, deployed, deploy):
    assert deploy(**CSV, **protected(lab))["action"] == "recreated"


def test_what_is_not_declared_needs_a_journal(lab, deploy):
    plain = {"journal_bucket": ""}
    deploy(settings={"data_format": "parquet", "timestamp_column_name": "TIMESTAMP"}, **plain)
    msg = refusal_of(lab, deploy, **CSV, **plain)
    assert msg == (
        "dev-crm would be recreated without a journal, and the inventory does not declare all of its settings and tags (timestamp_column_name), "
        "which would be lost if the run were killed meanwhile; set s3_endpoint_journal_bucket, declare these in the inventory, or set "
        "s3_endpoint_exact=true to remove them."
    )
    assert format_of(lab) == "parquet"
    for way in ({"exact": True, **plain}, {**CSV, "settings": {**CSV["settings"], "data_format": "parquet"}}):
        assert deploy(**{**CSV, **way})["failed"] is False


def test_setting_that_is_not_declared_is_carried_over(lab, deploy):
    deploy(settings={"data_format": "parquet", "timestamp_column_name": "TIMESTAMP"})
    assert deploy(**CSV)["action"] == "recreated"
    (endpoint,) = lab.endpoints()
    assert endpoint["S3Settings"]["TimestampColumnName"] == "TIMESTAMP"


def test_credentials_that_end_too_early(lab, task, deploy, monkeypatch):
    """Nobody could roll back with them."""
    ends = datetime.now(UTC) + timedelta(minutes=20)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    lab.forget_calls()
    msg = deploy(**CSV, session_seconds=3600)["msg"]
    assert "and a replacement or removal needs 60; get new ones." in msg
    assert lab.writes() == []
    assert_as_before(lab)
    # What destroys nothing needs no such time.
    assert deploy(session_seconds=3600)["failed"] is False
    assert deploy(**CSV, session_seconds=600)["failed"] is False


def test_what_would_fail_is_rehearsed_before_a_task_is_stopped(lab, task, deploy):
    told = deploy(settings={"data_format": "csv"}, required_tags=["owner"])
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert "owner" in told["msg"]
    lab.client("lake", "iam").tag_role(
        RoleName="dms-s3-crm", Tags=[{"Key": "datalake.dms:deployment", "Value": "other"}]
    )
    lab.forget_calls()
    told = deploy(**CSV)
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert "dms-s3-crm" in told["msg"]
    assert_as_before(lab)


# Rolled back


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("CreateEndpoint", "Failed to create the endpoint dev-crm: ResourceQuotaExceededFault"),
        ("TestConnection", "Failed to test the connection"),
        ("DeleteEndpoint", "ResourceQuotaExceededFault"),
        ("DeleteReplicationTask", "ResourceQuotaExceededFault"),
        ("StopReplicationTask", "ResourceQuotaExceededFault"),
        # After the new endpoint was tested.
        ("CreateReplicationTask", "Failed to create the replication task copy: ResourceQuotaExceededFault"),
        ("StartReplicationTask", "ResourceQuotaExceededFault"),
    ],
)
def test_failure_is_rolled_back(lab, task, deploy, operation, reason):
    lab.fault("dms", operation, "error", "dms", **QUOTA)
    told = deploy(**CSV)
    assert told["failed"] is True
    assert BACK in told["msg"]
    assert reason in told["msg"]
    assert_as_before(lab)
    lab.forget_calls()
    # And what it was is what it is: nothing is left to do.
    assert deploy()["failed"] is False
    assert "DeleteEndpoint" not in lab.calls()


def test_connection_test_that_fails_is_rolled_back(lab, task, deploy):
    told = deploy(bucket_name="no-such-bucket")
    assert (told["failed"], told["changed"]) == (True, True)
    assert f"{BACK}The connection test of dev-crm failed: " in told["msg"]
    assert "NoSuchBucket" in told["msg"]
    # It does not stay, as a new endpoint would.
    assert "stay as they are" not in told["msg"]
    (endpoint,) = [one for one in lab.endpoints() if one["EndpointType"] == "TARGET"]
    assert endpoint["S3Settings"]["BucketName"] == lab.bucket
    assert lab.tasks()["copy"]["Starts"] == [["start-replication", checkpoint_when_deleted(lab)]]
    assert_as_before(lab)
    assert deploy()["failed"] is False


def test_replacement_without_a_journal_is_rolled_back_too(lab, deploy):
    plain = {"journal_bucket": ""}
    deploy(**plain)
    told = deploy(**plain, bucket_name="no-such-bucket")
    assert told["msg"].startswith(f"{BACK}The connection test of dev-crm failed: ")
    assert lab.endpoints()[0]["S3Settings"]["BucketName"] == lab.bucket


def test_unexpected_error_is_rolled_back_too(lab, task, deploy, monkeypatch):
    """Whatever fails: a mistake of ours must not leave an endpoint without its tasks."""
    ensure, calls = connection_tests.ensure, []

    def mistaken(account, params, check_mode, *more):
        calls.append(check_mode)
        if calls.count(False) == 1 and not check_mode:
            raise KeyError("no such key")
        return ensure(account, params, check_mode, *more)

    monkeypatch.setattr(connection_tests, "ensure", mistaken)
    told = deploy(**CSV)
    assert told["failed"] is True
    assert BACK in told["msg"]
    assert "no such key" in told["msg"]
    assert_as_before(lab)


@pytest.mark.parametrize("operation", ["CreateReplicationTask", "StartReplicationTask"])
def test_tasks_that_were_restored_already_are_rolled_back_with_the_others(lab, task, deployed, deploy, operation):
    lab.start(lab.task(deployed, "other", ResourceIdentifier="other"))
    lab.fault("dms", operation, "error", "dms", skip=1, **QUOTA)
    told = deploy(**CSV)
    assert BACK in told["msg"]
    assert_as_before(lab)
    starts = {name: restored["Starts"] for name, restored in lab.tasks().items()}
    assert starts == {name: [["start-replication", last_position(lab, name)]] for name in ("copy", "other")}


@pytest.mark.parametrize("operation", ["CreateReplicationTask", "StartReplicationTask"])
def test_refusal_that_lasts_loses_nothing(lab, task, deploy, operation):
    """The rollback meets it as well. The first run after it has the new settings and the tasks."""
    lab.fault("dms", operation, "error", "dms", count=None, **QUOTA)
    told = deploy(**CSV)
    assert " The rollback failed as well: " in told["msg"]
    (entry,) = journal_of(lab)["tasks"]
    assert (entry["identifier"], format_of(lab)) == ("copy", "parquet")
    lab.control.clear_faults()
    told = deploy(**CSV, run=BOB)
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running"), told["msg"]
    assert lab.tasks()["copy"]["Starts"] == [["start-replication", last_position(lab, "copy")]]
    assert (format_of(lab), journals_left(lab)) == ("csv", [])


def test_task_of_others_with_the_same_name_is_not_rolled_back_for(lab, task, deployed, deploy):
    """A rollback would meet it as well."""
    interrupt(lab, deploy)
    other = lab.endpoint(endpoint_identifier="dev-erp", resource_identifier="dev-erp")["endpoint"]["endpoint_arn"]
    lab.task_from(next(e["EndpointArn"] for e in lab.endpoints() if e["EndpointType"] == "SOURCE"), other)
    lab.forget_calls()
    told = deploy(**CSV)
    assert told["failed"] is True
    assert f"The replication task copy was created by others for {other}" in told["msg"]
    assert "Task copy is down; " in told["msg"]
    assert "DeleteEndpoint" not in lab.calls()
    assert len(journals_left(lab)) == 1
    # The next run need not wait for the lock, whoever runs it.
    lab.client("dms", "dms").delete_replication_task(ReplicationTaskArn=lab.tasks()["copy"]["ReplicationTaskArn"])
    assert deploy(**CSV, run=BOB)["failed"] is False
    assert (lab.tasks()["copy"]["Status"], format_of(lab), journals_left(lab)) == ("running", "csv", [])


def test_journal_that_cannot_be_removed_rolls_nothing_back(lab, task, deploy):
    denied = {"code": "AccessDenied", "message": "no more deleting", "status": 403}
    lab.fault("s3", "DeleteObject", "error", "dms", **denied)
    told = deploy(**CSV)
    assert (told["failed"], "no more deleting" in told["msg"]) == (True, True)
    assert (format_of(lab), lab.tasks()["copy"]["Status"]) == ("csv", "running")
    lab.forget_calls()
    assert deploy(**CSV)["failed"] is False
    assert ("DeleteEndpoint" in lab.calls(), journals_left(lab)) == (False, [])


def test_rollback_that_fails_frees_the_lock_and_says_both_reasons(lab, task, deploy):
    lab.fault("dms", "CreateEndpoint", "error", "dms", code="ResourceQuotaExceededFault", message="the first")
    lab.fault("dms", "CreateEndpoint", "error", "dms", code="ResourceQuotaExceededFault", message="the second")
    told = deploy(**CSV)
    assert (told["failed"], told["changed"]) == (True, True)
    first, second = "dev-crm could not be replaced: ", " The rollback failed as well: "
    assert first in told["msg"]
    assert told["msg"].index(first) < told["msg"].index("the first") < told["msg"].index(second)
    assert told["msg"].index(second) < told["msg"].index("the second")
    correct = "Correct that and run deploy.yml again: the journal has the definitions of endpoint and tasks."
    down = "Task copy is down; its source keeps the logs that it needs until "
    assert f"{correct} {down}" in told["msg"]
    assert told["msg"].endswith(" UTC.")
    assert (lab.tasks(), len(journals_left(lab))) == ({}, 1)
    # The next run need not wait for the lock, whoever runs it.
    told = deploy(**CSV, run=BOB)
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running"), told["msg"]
    assert told["msg"].endswith("The interrupted replacement was finished.")
    assert (format_of(lab), journals_left(lab)) == ("csv", [])


def test_rollback_without_a_journal_that_fails(lab, deploy):
    plain = {"journal_bucket": ""}
    deploy(**plain)
    lab.fault("dms", "CreateEndpoint", "error", "dms", count=2, **QUOTA)
    told = deploy(**plain, **CSV)
    assert "The rollback failed as well: " in told["msg"]
    assert told["msg"].endswith(
        "Correct that and run deploy.yml again: it creates dev-crm as the inventory declares it."
    )
    assert deploy(**plain, **CSV)["failed"] is False
    assert format_of(lab) == "csv"


def test_lock_that_cannot_be_freed_is_said(lab, task, deploy):
    lab.fault("dms", "CreateEndpoint", "error", "dms", count=2, **QUOTA)
    denied = {"code": "AccessDenied", "message": "no more writing", "status": 403}
    # The journal, and the positions of the tasks; the rollback proves its lock by reading.
    lab.fault("s3", "PutObject", "error", "dms", skip=2, count=9, **denied)
    told = deploy(**CSV)
    assert "The rollback failed as well: " in told["msg"]
    assert "the journal has the definitions of endpoint and tasks. The lock could not be released: " in told["msg"]
    assert "no more writing" in told["msg"]


# Time


def test_replacement_that_takes_too_long_is_rolled_back(lab, task, deploy, monkeypatch):
    """Its waits end before their own timeouts; the rollback has time of its own."""
    limits = iter((0.3, 60.0))
    monkeypatch.setattr(Replacement, "limit_time", lambda _replacement: deadline.begin(next(limits)))
    lab.switch(creating_polls=60)
    told = deploy(**CSV, wait_timeout=60, lock_timeout=3600)
    assert told["failed"] is True
    assert BACK in told["msg"]
    assert "Max attempts exceeded" in told["msg"]
    assert RAN in told["msg"]
    assert list(limits) == []
    assert_as_before(lab)


def windows(opens_in, minutes):
    """One that opens in so many hours."""
    begin = datetime.now(UTC) + timedelta(hours=opens_in)
    return ["-".join(f"{at:%a:%H:%M}".lower() for at in (begin, begin + timedelta(minutes=minutes)))]


def test_replacement_begins_in_its_window_only(lab, task, deploy):
    confirmed = {**CSV, **protected(lab), "confirm": "dev"}
    lab.forget_calls()
    told = deploy(**confirmed, change_window=windows(5, 120))
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert "dev-crm is not replaced now, because s3_endpoint_change_window (" in told["msg"]
    assert "is closed, and opens in " in told["msg"]
    # A preview says so, and shows all the same what would be done.
    told = deploy(check=True, **confirmed, change_window=windows(5, 120))
    assert (told["failed"], told["changed"], lab.writes()) == (False, True, [])
    assert "dev-crm is not replaced now, because s3_endpoint_change_window (" in told["msg"]
    # It would not end in time.
    told = deploy(**confirmed, change_window=windows(-1, 62))
    assert (told["failed"], lab.writes()) == (True, [])
    assert "and the tasks may be down for 3 minutes; run again then." in told["msg"]
    assert_as_before(lab)
    assert deploy(**confirmed, change_window=windows(-1, 120))["failed"] is False
    assert format_of(lab) == "csv"


def test_window_is_for_protected_environments(lab, task, deploy):
    assert deploy(**CSV, change_window=windows(5, 120))["failed"] is False


def test_interrupted_replacement_is_completed_outside_the_window(lab, task, deploy):
    interrupt(lab, deploy)
    told = deploy(**CSV, **protected(lab), confirm="dev", change_window=windows(5, 120))
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running"), told["msg"]


# Interrupted


def interrupt(lab, deploy, operation="CreateEndpoint", run=None):
    """Have a run lose its endpoint, its tasks and then itself; its journal stays, with its lock."""
    replacement = lab.replacement(**({"run": run} if run else {}))
    replacement.stop_tasks("recreated")
    lab.endpoint(state="absent", deployment="dev")
    assert [one for one in lab.endpoints() if one["EndpointType"] == "TARGET"] == []
    assert lab.tasks() == {}
    return replacement.journal.current


def test_interrupted_replacement_is_finished(lab, task, deploy):
    journal = interrupt(lab, deploy)
    told = deploy(**CSV)
    assert (told["failed"], told["action"]) == (False, "created"), told["msg"]
    assert told["msg"].startswith(
        f"dev-crm: the replacement that began {journal.began} was interrupted and is now completed (tasks: copy). "
    )
    assert f"connection successful.{RAN}" in told["msg"]
    assert told["msg"].endswith("The interrupted replacement was finished.")
    made = lab.tasks()["copy"]
    assert (made["Status"], made["MigrationType"], made["TargetEndpointArn"]) == (
        "running",
        "cdc",
        told["endpoint_arn"],
    )
    assert made["Starts"] == [["start-replication", checkpoint_when_deleted(lab)]]
    assert (format_of(lab), journals_left(lab)) == ("csv", [])
    assert deploy(**CSV)["changed"] is False


def test_interrupted_replacement_is_rolled_back_where_the_inventory_is_as_before(lab, task, deploy):
    interrupt(lab, deploy)
    told = deploy()
    assert told["failed"] is False, told["msg"]
    assert told["msg"].endswith("The interrupted replacement was rolled back.")
    assert_as_before(lab)


def test_interrupted_replacement_that_fails_again_goes_back_to_what_was(lab, task, deploy):
    """To the definition in the journal: there is no endpoint any more that could be read."""
    interrupt(lab, deploy)
    told = deploy(bucket_name="no-such-bucket")
    assert told["failed"] is True
    assert f"{BACK}The connection test of dev-crm failed: " in told["msg"]
    assert_as_before(lab)


def test_interrupted_replacement_needs_no_consent_any_more(lab, task, deploy):
    """Its consents are in the journal; without them the tasks would be lost."""
    interrupt(lab, deploy)
    told = deploy(**CSV, replace_tasks=False, source_log_retention=0)
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running"), told["msg"]


def test_replacement_that_was_interrupted_before_its_endpoint_was_deleted(lab, task, deploy):
    lab.replacement().stop_tasks("recreated")
    told = deploy(**CSV)
    assert (told["failed"], told["action"]) == (False, "recreated"), told["msg"]
    assert (lab.tasks()["copy"]["Status"], format_of(lab), journals_left(lab)) == ("running", "csv", [])


def test_replacement_that_was_interrupted_after_its_endpoint_was_created(lab, task, deploy, monkeypatch):
    interrupt(lab, deploy)

    def killed(_replacement):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Replacement, "restore_tasks", killed)
        with pytest.raises(SystemExit):
            deploy(**CSV)
    assert (lab.tasks(), len(journals_left(lab))) == ({}, 1)
    told = deploy(**CSV)
    assert (told["failed"], told["action"]) == (False, "none"), told["msg"]
    assert told["msg"].endswith("The interrupted replacement was finished.")
    assert (lab.tasks()["copy"]["Status"], journals_left(lab)) == ("running", [])


def test_preview_of_an_interrupted_replacement(lab, task, deploy):
    interrupt(lab, deploy)
    lab.forget_calls()
    told = deploy(check=True, **CSV)
    assert (told["failed"], told["changed"], lab.writes()) == (False, True, [])
    assert "was interrupted and is now completed (tasks: copy)." in told["msg"]
    assert len(journals_left(lab)) == 1


def test_lock_of_another_run_is_respected(lab, task, deploy):
    interrupt(lab, deploy, run=BOB)
    lab.forget_calls()
    told = deploy(**CSV)
    assert (told["failed"], lab.writes()) == (True, [])
    assert "dev-crm is being replaced by bob@desk (run b1" in told["msg"]
    assert "playbooks/unlock.yml --limit crm" in told["msg"]


def test_lock_of_a_dead_run_is_taken_over(lab, task, deploy):
    interrupt(lab, deploy, run={**current_run(), "id": "dead", "started": "1"})
    assert deploy(**CSV)["failed"] is False
    assert journals_left(lab) == []


@pytest.mark.parametrize("deployed_before", [False, True])
def test_journal_that_is_none_is_not_believed(lab, deploy, deployed_before):
    if deployed_before:
        deploy()
    key = f"datalake-dms/{lab.region}/dev-crm.json"
    lab.client("dms", "s3").put_object(Bucket=lab.journals, Key=key, Body=b"{}")
    lab.forget_calls()
    told = deploy(**CSV)
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert told["msg"].startswith("The journal of dev-crm is not valid: ")


OTHER = {"bucket_name": "bucket-of-somebody"}
# Stands for the data-lake account of a test.
LAKE = "000000000000"
KEY = f"arn:aws:kms:eu-central-1:{LAKE}:key/99999999-3333-4444-5555-000000000000"


def forge(lab, settings=None, **endpoint):
    """Change the journal of dev-crm: settings as AWS described them, or other members of its endpoint."""
    place = {"Bucket": lab.journals, "Key": f"datalake-dms/{lab.region}/dev-crm.json"}
    s3 = lab.client("dms", "s3")
    journal = json.loads(s3.get_object(**place)["Body"].read())
    journal["endpoint"] |= endpoint
    for name, value in (settings or {}).items():
        journal["endpoint"]["s3_settings"][name] = value
        journal["endpoint"]["described_settings"]["".join(part.capitalize() for part in name.split("_"))] = value
    s3.put_object(**place, Body=json.dumps(journal).encode())


@pytest.mark.parametrize(
    ("forged", "named"),
    [
        ({"settings": OTHER}, "writes to bucket-of-somebody/raw/crm, and"),
        ({"settings": {"bucket_folder": "raw/erp"}}, "/raw/erp, and"),
        ({"settings": {"bucket_folder": ""}}, ", and"),
        ({"settings": {"server_side_encryption_kms_key_id": KEY, "encryption_mode": "sse-kms"}}, f"with key {KEY}"),
        ({"settings": {"service_access_role_arn": f"arn:aws:iam::{LAKE}:role/other"}}, "uses the role arn:"),
        ({"settings": {"expected_bucket_owner": "999999999999"}}, "expects a bucket of account 999999999999"),
        ({"sent_attributes": {"bucketName": "bucket-of-somebody"}}, "has two values for bucket_name"),
        ({"extra_connection_attributes": "bucketFolder=elsewhere"}, "has two values for bucket_folder"),
        ({"described_settings": {}, "s3_settings": OTHER}, "uses the role None"),
    ],
    ids=str,
)
def test_journal_whose_endpoint_writes_elsewhere_is_not_used(lab, task, deploy, forged, named):
    interrupt(lab, deploy)
    forge(lab, **json.loads(json.dumps(forged).replace(LAKE, lab.lake_account)))
    lab.forget_calls()
    told = deploy(**CSV)
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert told["msg"].startswith("The journal of dev-crm is not used, because its endpoint "), told["msg"]
    assert named.replace(LAKE, lab.lake_account) in told["msg"]
    assert "set accept=unproven_journal to use it" in told["msg"]


def test_journal_of_an_endpoint_that_exists_has_one_bucket(lab, task, deploy):
    lab.replacement().stop_tasks("recreated")
    forge(lab, described_settings={"BucketName": "bucket-of-somebody"})
    told = deploy(**CSV)
    assert (told["failed"], "has two values for bucket_name" in told["msg"]) == (True, True)


def test_journal_of_an_endpoint_that_exists_with_another_role_is_used(lab, deployed, deploy):
    """Somebody made the endpoint by hand; the inventory gives it the role of the host."""
    dms = lab.client("dms", "dms")
    role = f"arn:aws:iam::{lab.lake_account}:role/by-hand"
    lab.endpoint(state="absent", deployment="dev")
    lab.endpoint(service_access_role_arn=role, deployment="dev")
    (arn,) = [one["EndpointArn"] for one in lab.endpoints() if one["EndpointType"] == "TARGET"]
    assert dms.describe_endpoints(Filters=[{"Name": "endpoint-arn", "Values": [arn]}])
    lab.task(arn, MigrationType="full-load")
    lab.replacement().stop_tasks("recreated")
    told = deploy(**CSV)
    assert "The journal of dev-crm is not used" not in told["msg"]


def dies_after_the_deletion(lab, deploy, **variables):
    """A run loses its credentials once the endpoint is deleted; its journal has a digest."""
    lab.fault("dms", "*", "error", "dms", after="DeleteEndpoint", count=None, code="ExpiredTokenException")
    assert deploy(**CSV, **variables)["failed"] is True
    lab.control.clear_faults()
    lab.forget_calls()


def tag_of_role(lab, side="lake"):
    return lab.iam_role(side=side)["Tags"].get("datalake.dms:journal")


def test_journal_has_a_digest_in_a_tag_of_the_role(lab, task, deploy):
    dies_after_the_deletion(lab, deploy)
    assert len(tag_of_role(lab)) == 32
    told = deploy(**CSV)
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running"), told["msg"]
    assert (tag_of_role(lab), journals_left(lab)) == (None, [])
    assert deploy(**CSV)["changed"] is False


@pytest.mark.parametrize(
    "change",
    [
        lambda journal: journal["tasks"][0]["request"].update(TableMappings='{"rules": []}'),
        lambda journal: journal["tasks"][0]["tags"].update(team="other"),
        lambda journal: journal["tasks"].clear(),
        lambda journal: journal["accept"].append("full_load"),
        lambda journal: journal["endpoint"]["s3_settings"].update(timestamp_column_name="other"),
        lambda journal: journal["endpoint"]["tags"].update(team="other"),
    ],
    ids=["mappings", "task tags", "tasks", "consents", "setting", "tags"],
)
def test_journal_with_another_digest_is_not_used(lab, task, deploy, change):
    dies_after_the_deletion(lab, deploy)
    place = {"Bucket": lab.journals, "Key": f"datalake-dms/{lab.region}/dev-crm.json"}
    s3 = lab.client("dms", "s3")
    right = s3.get_object(**place)["Body"].read()
    forged = json.loads(right)
    change(forged)
    s3.put_object(**place, Body=json.dumps(forged).encode())
    lab.forget_calls()
    told = deploy(**CSV)
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert "The journal of dev-crm is not used, because it differs from the one that a run has written" in told["msg"]
    assert "tag datalake.dms:journal of the role dms-s3-crm" in told["msg"]
    s3.put_object(**place, Body=right)
    assert deploy(**CSV)["failed"] is False
    assert (lab.tasks()["copy"]["Status"], tag_of_role(lab)) == ("running", None)


def test_journal_with_another_digest_is_used_with_a_consent(lab, task, deploy):
    dies_after_the_deletion(lab, deploy)
    forge(lab, {"timestamp_column_name": "other"})
    told = deploy(**CSV, accept=["unproven_journal"])
    assert (told["failed"], tag_of_role(lab)) == (False, None), told["msg"]


def test_positions_and_lock_are_not_in_the_digest(lab, task, deploy):
    """A run that takes over writes both."""
    dies_after_the_deletion(lab, deploy)
    lab.replacement(run=BOB).journal.take_over()
    lab.unlock([lab.host()])
    assert deploy(**CSV)["failed"] is False


def test_move_has_its_digest_at_the_role_that_exists(lab, task, deploy):
    dies_after_the_deletion(lab, deploy, access="bucket_policy")
    assert len(tag_of_role(lab)) == 32
    told = deploy(**CSV, access="bucket_policy")
    assert told["failed"] is False, told["msg"]
    assert "datalake.dms:journal" not in lab.iam_role(side="dms")["Tags"]


def test_role_that_may_not_be_tagged_leaves_the_journal_without_a_digest(lab, task, deploy):
    denied = {"code": "AccessDenied", "message": "not authorized to perform: iam:TagRole", "status": 403}
    lab.fault("iam", "TagRole", "error", "lake", count=None, **denied)
    assert deploy(**CSV)["failed"] is False
    assert ("UntagRole" in lab.calls(), journals_left(lab)) == (False, [])


def test_journal_that_changes_after_its_check_is_not_used(lab, task, deploy, monkeypatch):
    interrupt(lab, deploy, run={**current_run(), "id": "dead", "started": "1"})
    check = deployment.check_journal

    def checked_then_forged(*arguments):
        check(*arguments)
        forge(lab, OTHER)

    monkeypatch.setattr(deployment, "check_journal", checked_then_forged)
    lab.forget_calls()
    told = deploy(**CSV)
    assert (told["failed"], "CreateEndpoint" in lab.calls()) == (True, False)


def test_journal_that_agrees_with_nothing_is_used_with_a_consent(lab, task, deploy):
    interrupt(lab, deploy)
    forge(lab, {"bucket_folder": "raw/erp"})
    told = deploy(**CSV, accept=["unproven_journal"])
    assert told["failed"] is False, told["msg"]
    assert lab.tasks()["copy"]["Status"] == "running"


def test_journal_of_a_folder_that_the_inventory_no_longer_has_is_used(lab, task, deploy):
    lab.fault("dms", "*", "error", "dms", after="DeleteEndpoint", count=None, code="ExpiredTokenException")
    assert deploy(bucket_folder="raw/new")["failed"] is True
    assert [one for one in lab.endpoints() if one["EndpointType"] == "TARGET"] == []
    lab.control.clear_faults()
    told = deploy(bucket_folder="raw/new")
    assert told["failed"] is False, told["msg"]
    assert lab.tasks()["copy"]["Status"] == "running"
    assert journals_left(lab) == []


# Postponed to a batch of their own


def test_replacement_in_a_protected_environment_is_postponed(lab, deployed):
    hosts = [lab.host(**CSV, **protected(lab)), lab.host("erp", **protected(lab))]
    lab.forget_calls()
    result = lab.deployment(hosts, postpone_replacements=True)
    assert (result["asked"], result["postponed"], list(result["hosts"])) == (["crm", "erp"], ["crm"], ["erp"])
    assert (result["hosts"]["erp"]["action"], format_of(lab)) == ("created", "parquet")
    assert "DeleteEndpoint" not in lab.calls()
    result = lab.deployment(hosts)
    assert (result["postponed"], result["hosts"]["crm"]["action"]) == ([], "recreated")


def test_replacement_is_not_postponed_elsewhere(lab, deployed):
    result = lab.deployment([lab.host(**CSV)], postpone_replacements=True)
    assert (result["postponed"], result["hosts"]["crm"]["action"]) == ([], "recreated")


def test_preview_shows_what_would_be_postponed(lab, deployed, predicted):
    result = predicted(lab.deployment, [lab.host(**CSV, **protected(lab))], postpone_replacements=True)
    assert (result["postponed"], result["hosts"]["crm"]["action"]) == ([], "recreated")


def test_interrupted_replacement_is_not_postponed(lab, task, deploy):
    interrupt(lab, deploy)
    host = lab.host(**CSV, **CONSENT, **protected(lab), confirm="dev")
    result = lab.deployment([host], postpone_replacements=True)
    assert (result["postponed"], result["hosts"]["crm"]["failed"]) == ([], False)
    assert lab.tasks()["copy"]["Status"] == "running"
