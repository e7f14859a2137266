# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_s3_endpoint: each way in which AWS may answer CreateEndpoint for a role in another account (AWS-FACTS, section 1)."""

from __future__ import annotations

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_target_calls

REFUSED_ONCE = ("access_denied_lost", "access_denied_kept")


def attempts(lab):
    return len(lab.calls("CreateEndpoint"))


def test_endpoint_stays(lab):
    lab.switch(create_endpoint="stays")
    result = lab.endpoint()
    assert (result["persisted"], attempts(lab)) == (True, 1)


def test_only_the_id_stays(lab):
    """The endpoint has to be created again, and has the same id then."""
    lab.switch(create_endpoint="answer_only")
    first = lab.endpoint()
    assert (first["changed"], first["action"], first["persisted"]) == (True, "created", False)
    assert lab.endpoints() == []
    again = lab.endpoint()
    assert (again["action"], again["persisted"]) == ("created", True)
    assert again["external_id"] == first["external_id"] == lab.endpoints()[0]["ExternalId"]
    assert lab.endpoint()["changed"] is False


def test_only_the_id_stays_of_an_endpoint_that_is_created_again(lab):
    lab.endpoint()
    lab.switch(create_endpoint="answer_only")
    assert lab.endpoint(compression_type="gzip")["persisted"] is False
    assert lab.endpoint(compression_type="gzip")["persisted"] is True


def test_id_comes_later(lab):
    lab.switch(create_endpoint="id_later", id_later_polls=4)
    result = lab.endpoint()
    assert result["persisted"] is True
    assert result["external_id"] == result["endpoint"]["external_id"] == lab.endpoints()[0]["ExternalId"]


def test_id_never_comes(lab):
    lab.switch(create_endpoint="id_later", id_later_polls=10**6)
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint(wait_timeout=0)
    sentence = explain(error.value)
    assert "AWS assigned no ExternalId to the endpoint dev-crm within 0 seconds" in sentence
    assert "longer wait_timeout" in sentence


def test_id_that_came_after_the_run_gave_up_is_shown_by_the_next(lab):
    lab.switch(create_endpoint="id_later", id_later_polls=8)
    with pytest.raises(AnsibleAWSError):
        lab.endpoint(wait_timeout=0)
    result = lab.endpoint()
    assert result["action"] == "none"
    assert result["external_id"] is not None


def test_denied_and_yet_kept(lab):
    lab.switch(create_endpoint="access_denied_kept")
    result = lab.endpoint(tags={"team": "data"})
    assert (result["action"], result["persisted"], attempts(lab)) == ("created", True, 1)
    assert result["external_id"] == lab.endpoints()[0]["ExternalId"]
    assert lab.endpoint(tags={"team": "data"})["changed"] is False


def test_denied_until_the_role_is_seen(lab):
    lab.switch(create_endpoint="access_denied_lost", access_denied_calls=3)
    result = lab.endpoint()
    assert (result["persisted"], attempts(lab)) == (True, 4)


def test_denied_for_ever(lab):
    lab.switch(create_endpoint="access_denied_lost", access_denied_calls=10**6)
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint()
    sentence = explain(error.value)
    assert "create the endpoint dev-crm" in sentence
    assert "bootstrap_trust=source_account" in sentence
    assert attempts(lab) > 1


def test_no_patience_means_one_attempt(lab):
    lab.switch(create_endpoint="access_denied_lost")
    with pytest.raises(AnsibleAWSError):
        lab.endpoint(iam_propagation_timeout=0)
    assert attempts(lab) == 1


def test_pass_role_across_accounts_is_not_allowed(lab):
    lab.switch(create_endpoint="pass_role_denied")
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint()
    sentence = explain(error.value)
    assert "Cross-account pass role is not allowed" in sentence
    assert "AWS Support must allow-list the accounts" in sentence
    assert "s3_endpoint_access=bucket_policy" in sentence
    assert attempts(lab) == 1


@pytest.mark.parametrize(
    "message",
    [
        "User: x is not authorized to perform: dms:CreateEndpoint with an explicit deny in a service control policy",
        "User: x is not authorized to perform: dms:CreateEndpoint on resource: *",
    ],
    ids=["organization", "caller"],
)
def test_denial_of_the_caller_is_not_repeated(lab, message):
    lab.fault("dms", "CreateEndpoint", "error", "dms", code="AccessDeniedException", message=message, count=None)
    with pytest.raises(AnsibleAWSError):
        lab.endpoint()
    assert attempts(lab) == 1


def test_trust_checked_at_creation_refuses_the_placeholder(lab):
    lab.switch(trust_checked="at_creation")
    lab.role()
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint()
    assert "set bootstrap_trust=source_account" in explain(error.value)


def test_trust_checked_at_creation_takes_the_source_account(lab):
    lab.switch(trust_checked="at_creation")
    lab.role(bootstrap_trust="source_account", source_account=lab.dms_account)
    made = lab.endpoint()
    assert made["persisted"] is True
    lab.role(bootstrap_trust="source_account", source_account=lab.dms_account, external_ids=[made["external_id"]])
    assert lab.test(made["endpoint"]["endpoint_arn"])["status"] == "successful"


@pytest.mark.parametrize("recreated", ["new", "same"])
@pytest.mark.parametrize("belongs_to", ["per_endpoint", "per_account"])
def test_id_is_the_endpoints_after_a_recreation(lab, belongs_to, recreated):
    lab.switch(external_id=belongs_to, external_id_on_recreate=recreated)
    first = lab.endpoint()
    again = lab.endpoint(compression_type="gzip")
    assert again["external_id"] == lab.endpoints()[0]["ExternalId"]
    same = belongs_to == "per_account" or recreated == "same"
    assert (again["external_id"] == first["external_id"]) is same


def test_remote_endpoint_is_created_again_though_aws_would_modify_it(lab):
    lab.switch(modify_remote="accepted")
    lab.endpoint()
    assert lab.endpoint(compression_type="gzip")["action"] == "recreated"


def test_role_of_the_same_account_is_waited_for(lab):
    """CreateEndpoint refuses it while it is not there."""
    role = f"arn:aws:iam::{lab.dms_account}:role/late"
    lab.fault(
        "dms", "CreateEndpoint", "error", "dms", code="AccessDeniedFault", message="not configured properly", count=2
    )
    assert lab.local_role("late") == role
    assert lab.endpoint(service_access_role_arn=role)["persisted"] is True
    assert attempts(lab) == 3


def test_endpoint_that_is_not_kept_and_has_no_id(lab, monkeypatch):
    """AWS documents no such answer."""
    lab.switch(create_endpoint="answer_only")
    send = s3_target_calls._create_when_role_is_ready
    monkeypatch.setattr(
        s3_target_calls, "_create_when_role_is_ready", lambda *given: {**send(*given), "ExternalId": None}
    )
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint()
    sentence = explain(error.value)
    assert "kept no endpoint and returned no ExternalId; run again" in sentence
    assert "ask AWS Support" in sentence


def test_endpoint_that_others_delete_while_it_is_created(lab, monkeypatch):
    lab.switch(creating_polls=2)
    wait = s3_target_calls.wait_for

    def delete_after(client, *given, **more):
        wait(client, *given, **more)
        client.delete_endpoint(EndpointArn=lab.endpoints()[0]["EndpointArn"])

    monkeypatch.setattr(s3_target_calls, "wait_for", delete_after)
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint()
    assert explain(error.value) == "The endpoint dev-crm was deleted by others while this ran; run again."
