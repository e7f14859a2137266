# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replacement: tasks are taken off an endpoint and put back at the position that they had reached."""

from __future__ import annotations

import json
import threading

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import stop_task
from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journal_stores import is_loopback
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run

pytestmark = pytest.mark.once

BOB = {"owner": "bob@desk", "id": "b1", "machine": "elsewhere", "pid": 7, "started": "99"}
FULL = {"MigrationType": "full-load-and-cdc", "ResourceIdentifier": "copy"}
SETTINGS = json.dumps({"Logging": {"EnableLogging": True}, "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"}})


@pytest.fixture
def endpoint_arn(lab):
    return lab.working_endpoint()["endpoint"]["endpoint_arn"]


@pytest.fixture
def task(lab, endpoint_arn):
    """A task past its full load, which replicates changes."""
    arn = lab.task(endpoint_arn, ReplicationTaskSettings=SETTINGS, Tags=[{"Key": "team", "Value": "data"}], **FULL)
    lab.start(arn)
    return arn


def begin(lab, action="recreated", check=False, **options):
    """Stop the tasks; the plan for them."""
    return lab.replacement(check, **options).stop_tasks(action)


def finish(lab, check=False, **options):
    """Put the tasks back; how the replacement ended."""
    replacement = lab.replacement(check, **options)
    ended = replacement.restore_tasks()
    replacement.end()
    return ended


def resume(lab, check=False, **options):
    """Take over what another run left; its journal."""
    return lab.replacement(check, **options).journal.take_over()


def recreate(lab, **settings):
    """The endpoint, created again, with its new id in the trust."""
    made = lab.endpoint(recreate=True, **settings)
    lab.role(external_ids=[made["external_id"]])
    return made


def final_checkpoint(lab, name="copy"):
    deleted = lab.control.state(lab.dms_account)["deleted_tasks"]
    return [t["RecoveryCheckpoint"] for t in deleted if t["ReplicationTaskIdentifier"] == name][-1]


def journals_left(lab):
    return lab.control.state(lab.dms_account)["objects"][lab.journals]


def test_task_goes_on_where_it_was_stopped(lab, task):
    lab.switch(task_polls=2)
    begun = begin(lab)
    assert begun.steps == ["task copy: stopped, deleted, created again as cdc from its checkpoint, started"]
    assert lab.tasks() == {}
    recreate(lab, compression_type="gzip")
    assert finish(lab) == "finished"
    made = lab.tasks()["copy"]
    assert made["ReplicationTaskArn"] == task
    assert (made["Status"], made["MigrationType"]) == ("running", "cdc")
    assert made["Starts"] == [["start-replication", final_checkpoint(lab)]]
    assert made["Tags"] == {"team": "data", "datalake.dms:migration-type": "full-load-and-cdc"}
    assert json.loads(made["ReplicationTaskSettings"])["FullLoadSettings"] == {"TargetTablePrepMode": "DO_NOTHING"}
    assert journals_left(lab) == []


def test_second_replacement_keeps_what_the_owner_declared(lab, task):
    for _ in range(2):
        begin(lab)
        recreate(lab)
        finish(lab)
    made = lab.tasks()["copy"]
    assert made["Tags"]["datalake.dms:migration-type"] == "full-load-and-cdc"
    assert made["Starts"] == [["start-replication", final_checkpoint(lab)]]


def test_only_tasks_that_ran_are_started(lab, endpoint_arn, task):
    stopped, never = lab.task(endpoint_arn, "stopped"), lab.task(endpoint_arn, "never", CdcStartPosition="its-own")
    lab.start(stopped)
    lab.client("dms", "dms").stop_replication_task(ReplicationTaskArn=stopped)
    assert never
    begin(lab)
    recreate(lab)
    finish(lab)
    made = lab.tasks()
    assert {name: t["Status"] for name, t in made.items()} == {"copy": "running", "stopped": "ready", "never": "ready"}
    assert made["stopped"]["CdcStartPosition"] == final_checkpoint(lab, "stopped")
    assert made["never"]["CdcStartPosition"] == "its-own"


def test_modification_needs_them_stopped_only(lab, task):
    begin(lab, "modified")
    assert lab.tasks()["copy"]["Status"] == "stopped"
    finish(lab)
    made = lab.tasks()["copy"]
    assert (made["Status"], made["MigrationType"]) == ("running", "full-load-and-cdc")
    assert [kind for kind, _position in made["Starts"]] == ["start-replication", "resume-processing"]


def test_arns_that_are_not_free_again_change(lab, task):
    lab.switch(resource_identifier_reuse="refused")
    begin(lab)
    arn = recreate(lab)["endpoint"]["endpoint_arn"]
    finish(lab)
    made = lab.tasks()["copy"]
    assert made["ReplicationTaskArn"] != task
    assert made["TargetEndpointArn"] == arn


@pytest.mark.parametrize("way", ["kept", "dropped"])
def test_event_subscriptions_name_the_task_again(lab, endpoint_arn, task, way):
    lab.switch(event_sources_on_task_delete=way)
    lab.task(endpoint_arn, "other", CdcStartPosition="mysql-bin-changelog.000001:1")
    topic = f"arn:aws:sns:{lab.region}:{lab.dms_account}:alarms"
    lab.client("dms", "dms").create_event_subscription(
        SubscriptionName="alarms",
        SnsTopicArn=topic,
        SourceType="replication-task",
        EventCategories=["failure"],
        SourceIds=["copy"],
        Enabled=True,
        Tags=[{"Key": "team", "Value": "data"}],
    )
    before = lab.control.state(lab.dms_account)["event_subscriptions"]
    begin(lab)
    recreate(lab)
    finish(lab)
    told = lab.control.state(lab.dms_account)["event_subscriptions"]
    assert [(s["SourceIdsList"], s["SnsTopicArn"], s["Tags"]) for s in told] == [(["copy"], topic, {"team": "data"})]
    assert len(before) == 1


def test_event_subscription_that_a_dead_run_deleted_names_the_tasks_of_others_too(lab, endpoint_arn, task):
    lab.switch(event_sources_on_task_delete="dropped")
    lab.task(
        lab.endpoint(endpoint_identifier="dev-erp", resource_identifier="dev-erp")["endpoint"]["endpoint_arn"], "other"
    )
    lab.client("dms", "dms").create_event_subscription(
        SubscriptionName="alarms",
        SnsTopicArn=f"arn:aws:sns:{lab.region}:{lab.dms_account}:alarms",
        SourceType="replication-task",
        EventCategories=["failure"],
        SourceIds=["copy", "other"],
    )
    begin(lab)
    recreate(lab)
    lab.fault("dms", "CreateEventSubscription", "error", code="AccessDeniedException")
    with pytest.raises(AnsibleAWSError):
        finish(lab)
    assert lab.control.state(lab.dms_account)["event_subscriptions"] == []
    finish(lab)
    (told,) = lab.control.state(lab.dms_account)["event_subscriptions"]
    assert sorted(told["SourceIdsList"]) == ["copy", "other"]


def test_connection_is_tested_where_dms_wants_it_before_a_start(lab, task):
    begin(lab)
    recreate(lab)
    lab.switch(start_needs_connection=True)
    finish(lab)
    assert lab.tasks()["copy"]["Status"] == "running"


def test_tasks_wait_where_the_connection_fails(lab, task):
    begin(lab)
    lab.endpoint(recreate=True)
    with pytest.raises(DatalakeError) as error:
        finish(lab, iam_propagation_timeout=0)
    assert "not started, because its connection test from" in error.value.message
    assert "the journal keeps their definitions" in error.value.message
    assert lab.tasks()["copy"]["Status"] == "ready"
    assert len(journals_left(lab)) == 1


# Before


def test_check_mode_shows_all_and_writes_nothing(lab, task, predicted):
    shown = predicted(begin, lab)
    assert shown.refusals == []
    before, after = shown.diff["before"]["tasks"]["copy"], shown.diff["after"]["tasks"]["copy"]
    assert (before["migration_type"], after["migration_type"]) == ("full-load-and-cdc", "cdc")
    assert lab.replacement().plan_tasks("recreated") == shown
    assert journals_left(lab) == []
    assert begin(lab) == shown


def test_without_consent_the_tasks_are_listed(lab, task, refused, predicted):
    for sentence in (
        refused(begin, lab, replace_tasks=False),
        *predicted(begin, lab, replace_tasks=False).refusals,
    ):
        assert "task copy: stopped, deleted, created again as cdc" in sentence
        assert "replace_tasks=true" in sentence
    assert lab.tasks()["copy"]["Status"] == "running"


def test_cloudformation_is_refused_whatever_is_accepted(lab, task, refused):
    lab.control.add_tags(lab.dms_account, lab.region, task, {"aws:cloudformation:stack-name": "prod"})
    accept = ["no_checkpoint", "full_load", "postgresql_slot", "source_logs"]
    assert "belongs to CloudFormation (prod)" in refused(begin, lab, accept=accept)


def test_task_of_another_tool_wants_a_consent(lab, task, refused, predicted):
    for sentence in (refused(begin, lab, accept=None), *predicted(begin, lab, accept=None).refusals):
        assert "task copy: it has no tag of this collection, so another tool may own it" in sentence
        assert "ignore_changes = [migration_type, cdc_start_position, tags]" in sentence
        assert "(accept=foreign_tasks allows that)" in sentence
    assert lab.tasks()["copy"]["Status"] == "running"
    # It is only stopped and started where the endpoint is modified.
    assert begin(lab, "modified", accept=None).refusals == []


def test_task_that_this_collection_created_needs_no_consent(lab, task):
    begin(lab)
    recreate(lab)
    finish(lab)
    assert begin(lab, accept=None).refusals == []


def test_interrupted_replacement_is_not_asked_again_for_foreign_tasks(lab, task):
    begin(lab)
    recreate(lab)
    assert finish(lab, accept=None) in ("finished", "rolled_back")


def no_checkpoint(lab):
    lab.switch(recovery_checkpoint="absent")
    return {}


def full_load(lab):
    lab.switch(full_load_polls=1000)
    return {}


def test_table_in_error_needs_the_consent_of_a_full_load(lab, task, refused):
    lab.switch(tables_errored=2)
    assert "2 of its tables are not loaded (loading, queued or in error)" in refused(begin, lab)
    assert lab.tasks()["copy"]["Status"] == "running"
    begin(lab, accept=["full_load"])
    recreate(lab)
    lab.switch(tables_errored=0)
    finish(lab)
    assert lab.tasks()["copy"]["MigrationType"] == "full-load-and-cdc"


def test_table_that_fails_until_the_task_is_stopped_keeps_the_task(lab, task, monkeypatch):
    def stop(client, arn):
        lab.switch(tables_errored=1)
        stop_task(client, arn)

    monkeypatch.setattr(endpoint_replacement, "stop_task", stop)
    with pytest.raises(DatalakeError, match="Task copy has tables that are not loaded after it was stopped"):
        begin(lab)
    assert lab.tasks()["copy"]["Status"] == "stopped"
    assert lab.client("dms", "dms").describe_replication_tasks()["ReplicationTasks"][0]["ReplicationTaskArn"] == task
    finish(lab)
    assert lab.tasks()["copy"]["Starts"][-1][0] == "resume-processing"


def postgresql_slot(_lab):
    return {"source": {"EngineName": "postgres"}}


def source_logs(_lab):
    return {}


@pytest.mark.parametrize("prepare", [no_checkpoint, full_load, postgresql_slot, source_logs])
def test_each_loss_has_a_consent_of_its_own(lab, endpoint_arn, refused, prepare):
    consent = prepare.__name__
    lab.start(lab.task(endpoint_arn, **FULL, **prepare(lab)))
    retention = 0 if consent == "source_logs" else 86400
    others = [c for c in ("no_checkpoint", "full_load", "postgresql_slot", "source_logs") if c != consent]
    sentence = refused(begin, lab, accept=others, source_log_retention=retention)
    assert f"task copy: {'it' if consent == 'no_checkpoint' else 'its'} " in sentence
    assert f"(accept={consent} allows that)" in sentence
    begin(lab, accept=[consent], source_log_retention=retention)
    assert (lab.tasks(), len(journals_left(lab))) == ({}, 1)
    recreate(lab)
    finish(lab)
    kept = consent in ("postgresql_slot", "source_logs")
    assert lab.tasks()["copy"]["MigrationType"] == ("cdc" if kept else "full-load-and-cdc")
    assert lab.tasks()["copy"]["Status"] == "running"


def test_position_that_is_gone_once_the_task_is_stopped_keeps_the_task(lab, task):
    lab.switch(task_polls=50)

    def lose_it_meanwhile():
        while not lab.calls("StopReplicationTask"):
            continue
        lab.switch(recovery_checkpoint="absent")

    meanwhile = threading.Thread(target=lose_it_meanwhile)
    meanwhile.start()
    with pytest.raises(DatalakeError) as error:
        begin(lab)
    meanwhile.join()
    assert "Task copy has no RecoveryCheckpoint after it was stopped" in error.value.message
    lab.switch(recovery_checkpoint="shown")
    finish(lab)
    assert lab.tasks()["copy"]["Starts"][-1][0] == "resume-processing"


def test_serverless_replications_are_named(lab, endpoint_arn, task, refused):
    lab.serverless(endpoint_arn)
    assert "serverless replication without-servers" in refused(begin, lab)


def test_absent_endpoint_is_named(lab, refused):
    assert "The endpoint dev-crm was deleted while this ran; run again." in refused(begin, lab)


def test_tasks_wait_for_an_endpoint_that_does_not_exist(lab, endpoint_arn, refused):
    begin(lab)
    lab.endpoint(state="absent")
    sentence = refused(finish, lab)
    assert (
        "The endpoint dev-crm does not exist, so its tasks can't be created again; run again, the journal keeps their definitions"
        in sentence
    )
    assert finish(lab, check=True) is None
    assert len(journals_left(lab)) == 1


# The journal


def test_without_a_journal_nothing_is_replaced(lab, task, refused):
    assert "set journal_bucket to a bucket of the DMS account" in refused(begin, lab, journal_bucket=None)


OPEN_TO_OTHERS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
            "Action": "s3:PutObject",
            "Resource": "*",
        }
    ],
}


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (
            lambda s3, name: s3.put_bucket_policy(Bucket=name, Policy=json.dumps(OPEN_TO_OTHERS)),
            "its policy lets arn:aws:iam::999999999999:root write to it",
        ),
        (
            lambda s3, name: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"}),
            "no versioning",
        ),
        (lambda s3, name: s3.delete_bucket_encryption(Bucket=name), "not encrypted with SSE-KMS"),
        (lambda s3, name: s3.delete_public_access_block(Bucket=name), "does not block public access"),
    ],
)
def test_bucket_that_is_not_fit_is_refused(lab, task, refused, spoil, what):
    spoil(lab.client("dms", "s3"), lab.journals)
    assert what in refused(begin, lab)
    assert what in refused(begin, lab, check=True)


def test_bucket_of_another_account_is_refused(lab, task, refused):
    sentence = refused(begin, lab, journal_bucket=lab.bucket)
    assert f"journal_bucket={lab.bucket} can't be read" in sentence
    assert f"it must belong to account {lab.dms_account}" in sentence


def test_missing_bucket_is_named(lab, task, refused):
    assert "journal_bucket=no-such-bucket does not exist" in refused(begin, lab, journal_bucket="no-such-bucket")


def test_local_journal_does_where_everything_is_local(lab, task, tmp_path):
    here = {"journal_bucket": None, "journal_path": str(tmp_path / "journals")}
    begin(lab, **here)
    (kept,) = (path for path in (tmp_path / "journals").rglob("*.json"))
    assert kept.stat().st_mode & 0o077 == 0
    recreate(lab)
    finish(lab, **here)
    assert list((tmp_path / "journals").rglob("*.json")) == []
    assert lab.tasks()["copy"]["Status"] == "running"


def test_local_journal_is_refused_where_calls_go_to_aws(lab, refused, tmp_path):
    sentence = refused(
        begin,
        lab,
        journal_bucket=None,
        journal_path=str(tmp_path),
        endpoint_url="https://dms.eu-central-1.amazonaws.com",
    )
    assert (
        "which is allowed only with a loopback endpoint URL, and calls go to dms.eu-central-1.amazonaws.com; set journal_bucket"
        in sentence
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("dms.eu-central-1.amazonaws.com", False),
        ("", False),
    ],
)
def test_loopback(host, expected):
    assert is_loopback(host) is expected


def test_journal_holds_no_secret(lab):
    made = lab.endpoint(extra_connection_attributes="apiToken=very-secret-text;someFlag=true")
    lab.task(made["endpoint"]["endpoint_arn"], MigrationType="full-load")
    begin(lab)
    (key,) = journals_left(lab)
    text = lab.client("dms", "s3").get_object(Bucket=lab.journals, Key=key)["Body"].read().decode()
    assert "someFlag=true" in text
    assert "secret" not in text.lower()


def test_another_run_is_refused_with_the_holders_name(lab, task, refused):
    begin(lab, run=BOB)
    for step in (resume, begin, finish):
        assert "is being replaced by bob@desk (run b1" in refused(step, lab)
        assert "bob@desk" in refused(step, lab, check=True)


def test_lock_that_expired_or_was_freed_is_taken_over(lab, task):
    begin(lab, run=BOB)
    assert lab.replacement().journal.release() is False
    assert lab.replacement(check=True).journal.unlock() is True
    freed = lab.replacement().journal
    assert (freed.unlock(), freed.current.lock["owner"]) == (True, "bob@desk")
    assert lab.replacement().journal.unlock() is False
    lab.forget_calls()
    assert [entry.identifier for entry in resume(lab).tasks] == ["copy"]
    assert lab.writes() == ["PutObject"]
    lab.forget_calls()
    assert [entry.identifier for entry in resume(lab).tasks] == ["copy"]
    assert lab.writes() == []
    assert lab.replacement().journal.release() is True


def test_lock_of_a_dead_run_of_this_machine_is_taken_over(lab, task):
    begin(lab, run={**current_run(), "id": "dead", "started": "1"})
    recreate(lab)
    assert finish(lab) == "rolled_back"
    assert (lab.tasks()["copy"]["Status"], journals_left(lab)) == ("running", [])


def test_nothing_is_resumed_where_nothing_was_begun(lab, task):
    lab.forget_calls()
    assert (resume(lab), finish(lab), finish(lab, check=True)) == (None, None, None)
    assert (lab.replacement().journal.release(), lab.replacement().journal.unlock()) == (False, False)
    assert lab.writes() == []


def test_journal_that_somebody_wrote_is_not_believed(lab, task, refused):
    begin(lab)
    s3 = lab.client("dms", "s3")
    (key,) = journals_left(lab)
    journal = json.loads(s3.get_object(Bucket=lab.journals, Key=key)["Body"].read())
    journal["endpoint"]["s3_settings"]["service_access_role_arn"] = "arn:aws:iam::999988887777:role/theirs"
    s3.put_object(Bucket=lab.journals, Key=key, Body=json.dumps(journal).encode())
    assert "it names arn:aws:iam::999988887777:role/theirs" in refused(finish, lab)


def test_endpoint_whose_role_is_of_a_third_account_cannot_be_journaled(lab, task, refused):
    sentence = refused(begin, lab, trusted_account_ids=[])
    assert f"it names {lab.role_arn}, whose account is not in trusted_account_ids" in sentence


@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "error500"])
@pytest.mark.parametrize("operation", ["PutObject", "DeleteObject"])
def test_lost_answers_of_s3_do_no_harm(lab, task, operation, kind):
    lab.fault("s3", operation, kind)
    begin(lab)
    recreate(lab)
    finish(lab)
    assert journals_left(lab) == []


@pytest.mark.parametrize(
    "operation", ["StopReplicationTask", "DeleteReplicationTask", "CreateReplicationTask", "StartReplicationTask"]
)
def test_lost_answers_of_dms_do_no_harm(lab, task, operation):
    lab.switch(task_polls=1)
    lab.fault("dms", operation, "reset_after")
    begin(lab)
    recreate(lab)
    finish(lab)
    made = lab.tasks()["copy"]
    assert made["Starts"] == [["start-replication", final_checkpoint(lab)]]


def test_task_that_somebody_made_meanwhile_is_left_alone(lab, task):
    begin(lab)
    other = lab.endpoint(endpoint_identifier="dev-erp", resource_identifier="dev-erp")["endpoint"]["endpoint_arn"]
    recreate(lab)
    lab.task_from(next(e["EndpointArn"] for e in lab.endpoints() if e["EndpointType"] == "SOURCE"), other)
    with pytest.raises(DatalakeError) as error:
        finish(lab)
    assert f"copy was created by others for {other}" in error.value.message


def test_rolled_back_is_told(lab, task):
    begin(lab)
    recreate(lab)
    assert finish(lab, check=True) == "rolled_back"
    assert finish(lab) == "rolled_back"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lock_timeout": 0, "wait_timeout": 0, "iam_propagation_timeout": 0}, "lock_timeout=0 must be at least 1"),
        ({"lock_timeout": 60, "wait_timeout": 61}, "lock_timeout=60 must be at least 61, the longest wait of this run"),
        ({"lock_timeout": 60, "iam_propagation_timeout": 90}, "lock_timeout=60 must be at least 90"),
        ({"source_log_retention": -1}, "source_log_retention=-1"),
        ({"journal_path": "/tmp/x"}, "journal_bucket and journal_path are both set"),
        ({"endpoint_identifier": "-x"}, "endpoint_identifier=-x"),
        ({"poll_interval": 0}, "poll_interval=0"),
    ],
)
def test_wrong_options_are_named(lab, refused, options, sentence):
    assert sentence in refused(begin, lab, **options)


def test_run_that_was_overtaken_names_the_other(lab, task):
    begin(lab)
    overtaken = lab.replacement().journal
    overtaken.take_over()
    lab.replacement(run=BOB).journal.unlock()
    lab.replacement(run=BOB).journal.take_over()
    with pytest.raises(DatalakeError) as error:
        overtaken.save()
    assert error.value.message == ("This run no longer has the lock of dev-crm: bob@desk (run b1) has taken over.")


def test_run_whose_journal_was_removed_says_so(lab, task):
    begin(lab)
    robbed = lab.replacement().journal
    robbed.take_over()
    (key,) = journals_left(lab)
    lab.client("dms", "s3").delete_object(Bucket=lab.journals, Key=key)
    with pytest.raises(DatalakeError) as error:
        robbed.save()
    assert error.value.message == (
        "This run no longer has the lock of dev-crm: its journal was removed, so another run has ended the replacement, or somebody removed it by "
        "hand, and journal_bucket has its former versions."
    )
