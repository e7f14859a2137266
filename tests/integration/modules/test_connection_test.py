# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_connection_test: the result, what it remembers, when it tests again."""

from __future__ import annotations

import time

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._core.unanswered import LOGGER
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests

pytestmark = pytest.mark.once

TAG = "datalake.dms:connection-tested"


@pytest.fixture
def arn(lab):
    """An endpoint whose connection works."""
    return lab.working_endpoint()["endpoint"]["endpoint_arn"]


@pytest.fixture
def closed_arn(lab):
    """An endpoint whose id its role does not know."""
    lab.role()
    return lab.endpoint()["endpoint"]["endpoint_arn"]


def tag(lab):
    return lab.endpoints()[0]["Tags"].get(TAG)


def attempts(lab):
    return len(lab.calls("TestConnection"))


def test_successful(lab, arn):
    lab.forget_calls()
    result = lab.test(arn)
    assert (result["status"], result["tested"], result["test_needed"], result["changed"]) == (
        "successful",
        True,
        True,
        True,
    )
    assert (result["last_failure_message"], result["hint"], result["failed_to_assume_role"]) == (None, None, False)
    assert "failure" not in result
    assert tag(lab)
    assert lab.writes() == ["TestConnection", "AddTagsToResource"]


def test_not_tested_again_where_nothing_changed(lab, arn):
    lab.test(arn, change_token="one")
    lab.forget_calls()
    result = lab.test(arn, change_token="one")
    assert (result["status"], result["tested"], result["test_needed"], result["changed"]) == (
        "successful",
        False,
        False,
        False,
    )
    assert lab.writes() == []


def test_tested_again_after_a_change(lab, arn):
    lab.test(arn, change_token="one")
    assert lab.test(arn, change_token="two")["tested"] is True
    assert lab.test(arn, change_token="two")["tested"] is False


def test_tested_again_where_that_is_always_wanted(lab, arn):
    lab.test(arn)
    assert lab.test(arn, test="always")["tested"] is True


def test_tested_again_when_the_last_test_is_too_old(lab, arn):
    lab.test(arn)
    assert lab.test(arn, max_age=3600)["tested"] is False
    dms = lab.client("dms", "dms")
    digits = tag(lab).partition("/")[2]
    dms.add_tags_to_resource(ResourceArn=arn, Tags=[{"Key": TAG, "Value": f"2020-01-01T00:00:00Z/{digits}"}])
    assert lab.test(arn)["tested"] is False
    assert lab.test(arn, max_age=3600)["tested"] is True


def test_tested_again_where_the_tag_is_gone(lab, arn):
    lab.test(arn)
    lab.client("dms", "dms").remove_tags_from_resource(ResourceArn=arn, TagKeys=[TAG])
    assert lab.test(arn)["tested"] is True


def test_purging_tags_of_the_endpoint_keeps_what_is_remembered(lab, arn):
    lab.test(arn)
    lab.endpoint(tags={"team": "data"})
    assert lab.test(arn)["tested"] is False


def test_tested_again_after_a_recreation(lab, arn):
    lab.test(arn)
    made = lab.endpoint(recreate=True)
    lab.role(external_ids=[made["external_id"]])
    assert lab.test(arn)["tested"] is True


def test_check_mode_predicts(lab, arn, predicted):
    prediction = predicted(lab.test, arn)
    assert (prediction["status"], prediction["test_needed"], prediction["changed"]) == ("unverified", True, True)
    lab.test(arn)
    prediction = predicted(lab.test, arn)
    assert (prediction["status"], prediction["test_needed"], prediction["changed"]) == ("successful", False, False)


def test_endpoint_that_check_mode_only_predicts(lab, predicted):
    result = predicted(lab.test, "(known after creation)")
    assert (result["status"], result["test_needed"], result["hint"]) == (
        "unverified",
        True,
        "the endpoint does not exist yet",
    )


@pytest.mark.parametrize("instance", [None, ""])
def test_unverified_without_an_instance(lab, arn, instance):
    lab.forget_calls()
    result = lab.test(arn, replication_instance_arn=instance)
    assert (result["status"], result["tested"], result["changed"]) == ("unverified", False, False)
    assert "set replication_instance_arn" in result["hint"]
    assert lab.calls() == []


def test_role_that_can_not_be_assumed(lab, closed_arn):
    result = lab.test(closed_arn)
    assert (result["status"], result["tested"], result["changed"]) == ("failed", True, False)
    assert result["failed_to_assume_role"] is True
    assert "Failed to assume role" in result["last_failure_message"]
    assert "needs the endpoint's ExternalId" in result["hint"]
    assert result["failure"] == (
        f"The connection test of endpoint dev-crm failed: {result['last_failure_message']}; {result['hint']}."
    )
    assert tag(lab) is None


def test_failure_is_told_in_check_mode_too(lab, closed_arn, predicted):
    lab.test(closed_arn)
    prediction = predicted(lab.test, closed_arn)
    assert (prediction["status"], prediction["test_needed"]) == ("unverified", True)
    assert "Failed to assume role" in prediction["last_failure_message"]
    assert "failure" not in prediction


CAUSES = {
    "folder": ({"role": {"bucket_folder": "raw/other"}}, "does not allow it"),
    "bucket": ({"role": {"bucket_name": "nobodys-bucket"}, "bucket_name": "nobodys-bucket"}, "check bucket_name"),
    "owner": ({"expected_bucket_owner": "000000000000"}, "expected_bucket_owner"),
    "acl": ({"canned_acl_for_objects": "private"}, "does not allow it"),
}


@pytest.mark.parametrize(("options", "hint"), CAUSES.values(), ids=CAUSES)
def test_failure_has_a_hint(lab, options, hint):
    lab.role(**options.get("role", {}))
    settings = {k: v for k, v in options.items() if k != "role"}
    made = lab.endpoint(**settings)
    lab.role(external_ids=[made["external_id"]], **options.get("role", {}))
    result = lab.test(made["endpoint"]["endpoint_arn"])
    assert result["status"] == "failed"
    assert hint in result["hint"]
    assert result["failed_to_assume_role"] is False


def test_key_that_refuses_has_a_hint(lab):
    made = lab.working_endpoint(encryption_mode="sse-kms", server_side_encryption_kms_key_id=lab.key_arn)
    result = lab.test(made["endpoint"]["endpoint_arn"])
    assert result["status"] == "failed"
    assert "KMS denied access to the key" in result["hint"]
    lab.role(server_side_encryption_kms_key_id=lab.key_arn)
    assert lab.test(made["endpoint"]["endpoint_arn"])["status"] == "successful"


@pytest.mark.parametrize(
    ("role", "settings"),
    [
        ({"glue_catalog_generation": True}, {"glue_catalog_generation": True}),
        ({"canned_acl_for_objects": "private"}, {"canned_acl_for_objects": "private"}),
        ({"bucket_folder": None}, {"bucket_folder": None}),
    ],
    ids=["glue", "acl", "no folder"],
)
def test_policy_is_enough(lab, role, settings):
    lab.role(**role)
    made = lab.endpoint(**settings)
    lab.role(external_ids=[made["external_id"]], **role)
    assert lab.test(made["endpoint"]["endpoint_arn"])["status"] == "successful"


def test_change_of_iam_that_dms_sees_later_is_waited_for(lab, closed_arn):
    lab.switch("lake", iam_propagation_uses=3)
    lab.role(external_ids=[lab.endpoints()[0]["ExternalId"]])
    lab.forget_calls()
    result = lab.test(closed_arn, iam_propagation_timeout=5)
    assert result["status"] == "successful"
    assert attempts(lab) > 1


def test_first_result_counts_without_patience(lab, closed_arn):
    lab.switch("lake", iam_propagation_uses=3)
    lab.role(external_ids=[lab.endpoints()[0]["ExternalId"]])
    lab.forget_calls()
    assert lab.test(closed_arn)["status"] == "failed"
    assert attempts(lab) == 1


def test_text_that_names_no_cause_may_be_a_matter_of_time(lab, closed_arn):
    lab.switch(test_failure="unexplained")
    lab.switch("lake", iam_propagation_uses=3)
    lab.role(external_ids=[lab.endpoints()[0]["ExternalId"]])
    assert lab.test(closed_arn, iam_propagation_timeout=5)["status"] == "successful"


def test_failure_that_lasts_is_final(lab, closed_arn, monkeypatch, caplog):
    monkeypatch.setattr(connection_tests, "_QUIET", 0)
    lab.forget_calls()
    with caplog.at_level("INFO", logger=LOGGER):
        assert lab.test(closed_arn, iam_propagation_timeout=1)["status"] == "failed"
    assert attempts(lab) > 1
    (message,) = caplog.messages
    assert message.startswith("The connection test of dev-crm fails (")
    assert message.endswith("seconds more, because DMS may see a change of IAM late.")


@pytest.mark.parametrize("polls", [0, 1, 5])
def test_test_that_takes_its_time(lab, arn, polls):
    lab.switch(test_polls=polls)
    assert lab.test(arn)["status"] == "successful"


@pytest.mark.parametrize("stale", [1, 3])
def test_row_of_the_test_before_is_not_taken_for_the_new_one(lab, closed_arn, stale):
    assert lab.test(closed_arn)["status"] == "failed"
    lab.switch(stale_polls=stale)
    lab.role(external_ids=[lab.endpoints()[0]["ExternalId"]])
    assert lab.test(closed_arn)["status"] == "successful"


def test_test_of_another_hand_is_waited_out(lab, arn):
    lab.switch(test_polls=2)
    lab.client("dms", "dms").test_connection(EndpointArn=arn, ReplicationInstanceArn=lab.instance_arn)
    result = lab.test(arn)
    assert (result["status"], result["tested"]) == ("successful", True)


def test_lost_answer(lab, arn):
    lab.fault("dms", "TestConnection", "reset_after", "dms")
    assert (
        lab.test(arn, aws_config={"retries": {"mode": "standard", "total_max_attempts": 3}})["status"] == "successful"
    )


def test_wait_that_ends_too_soon_is_explained(lab, arn):
    lab.switch(test_polls=10**6)
    started = time.monotonic()
    with pytest.raises(AnsibleAWSError) as error:
        lab.test(arn, wait_timeout=0)
    sentence = explain(error.value)
    assert "wait for the connection test" in sentence
    assert "longer wait_timeout" in sentence
    assert time.monotonic() - started < 10


def test_instance_that_is_not_there(lab, arn):
    with pytest.raises(AnsibleAWSError) as error:
        lab.test(arn, replication_instance_arn=f"{lab.instance_arn}-other")
    assert "test the connection: ResourceNotFoundFault" in explain(error.value)


@pytest.mark.parametrize(
    ("options", "option", "remedy"),
    [
        ({"endpoint_arn": "dev-crm"}, "endpoint_arn=dev-crm", "give one like"),
        ({"replication_instance_arn": "dev"}, "replication_instance_arn=dev", "give one like"),
        ({"max_age": -1}, "max_age=-1", "give seconds"),
        ({"wait_timeout": -1}, "wait_timeout=-1", "give"),
    ],
)
def test_wrong_option(lab, refused, options, option, remedy):
    arn = f"arn:aws:dms:{lab.region}:{lab.dms_account}:endpoint:dev-crm"
    sentence = refused(lab.test, **{"endpoint_arn": arn, **options})
    assert option in sentence
    assert remedy in sentence
    assert lab.calls() == []
