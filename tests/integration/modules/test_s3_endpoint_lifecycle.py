# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_s3_endpoint: created, left alone, changed, removed; check mode predicts each."""

from __future__ import annotations

import pytest

KNOWN_LATER = "(known after creation)"
KEY_MODE = {"encryption_mode": "sse-kms"}


def test_created(lab):
    lab.role()
    result = lab.endpoint(tags={"team": "data"}, compression_type="gzip")
    (endpoint,) = lab.endpoints()
    assert (result["changed"], result["action"], result["persisted"]) == (True, "created", True)
    assert result["reasons"] == ["it does not exist"]
    assert result["external_id"] == endpoint["ExternalId"] == result["endpoint"]["external_id"]
    assert result["endpoint"]["endpoint_arn"] == f"arn:aws:dms:{lab.region}:{lab.dms_account}:endpoint:dev-crm"
    assert result["endpoint"]["s3_settings"]["compression_type"] == "GZIP"
    assert result["endpoint"]["tags"] == endpoint["Tags"] == {"team": "data"}
    assert result["settings"] == {**lab.s3_settings, "compression_type": "gzip"}
    assert result["warnings"] == []


def test_second_run_changes_nothing(lab):
    options = {
        "tags": {"team": "data"},
        "compression_type": "GZIP",
        "include_op_for_full_load": True,
        "max_file_size": 512,
    }
    lab.endpoint(**options)
    lab.forget_calls()
    result = lab.endpoint(**options)
    assert (result["changed"], result["action"], result["reasons"], result["differences"]) == (False, "none", [], [])
    assert result["diff"]["before"] == result["diff"]["after"]
    assert result["external_id"] == lab.endpoints()[0]["ExternalId"]
    assert lab.writes() == []


def test_identifier_is_kept_in_lower_case(lab):
    lab.endpoint(endpoint_identifier="Dev-CRM")
    assert lab.endpoint(endpoint_identifier="DEV-crm")["changed"] is False
    assert lab.endpoint(endpoint_identifier="Dev-CRM", state="absent")["changed"] is True
    assert lab.endpoints() == []


def test_check_mode_predicts_the_creation(lab, predicted):
    prediction = predicted(lab.endpoint, tags={"team": "data"})
    assert lab.endpoints() == []
    assert (prediction["changed"], prediction["action"], prediction["persisted"]) == (True, "created", False)
    assert prediction["external_id"] == prediction["endpoint"]["endpoint_arn"] == KNOWN_LATER
    made = lab.endpoint(tags={"team": "data"})
    for key in ("action", "reasons", "differences", "settings", "warnings", "changed"):
        assert prediction[key] == made[key]
    assert prediction["diff"]["after"]["settings"] == made["diff"]["after"]["settings"]
    assert prediction["endpoint"]["tags"] == made["endpoint"]["tags"]


def test_remote_role_is_created_again(lab, predicted):
    before = lab.endpoint(compression_type="none")
    prediction = predicted(lab.endpoint, compression_type="gzip")
    result = lab.endpoint(compression_type="gzip")
    for outcome in (prediction, result):
        assert (outcome["changed"], outcome["action"]) == (True, "recreated")
        assert outcome["reasons"] == ["AWS does not modify an endpoint whose role is in another account"]
        assert outcome["differences"] == ["compression_type"]
        assert outcome["diff"]["before"]["settings"]["compression_type"] == "NONE"
        assert outcome["diff"]["after"]["settings"]["compression_type"] == "gzip"
        assert outcome["endpoint"]["endpoint_arn"] == before["endpoint"]["endpoint_arn"]
    assert lab.calls("DeleteEndpoint", "CreateEndpoint", "ModifyEndpoint") == ["DeleteEndpoint", "CreateEndpoint"]
    assert prediction["external_id"] == KNOWN_LATER
    assert result["external_id"] not in (None, before["external_id"])
    assert lab.endpoint(compression_type="gzip")["changed"] is False


def test_tags_survive_the_recreation(lab):
    lab.endpoint(tags={"team": "data"})
    assert lab.endpoint(compression_type="gzip")["endpoint"]["tags"] == {"team": "data"}
    assert lab.endpoints()[0]["Tags"] == {"team": "data"}


def test_setting_that_is_no_longer_given_stays_through_a_recreation(lab, predicted):
    lab.endpoint(cdc_path="changes", extra_connection_attributes="tuning=5")
    prediction = predicted(lab.endpoint, compression_type="gzip")
    result = lab.endpoint(compression_type="gzip")
    assert result["action"] == "recreated"
    for outcome in (prediction, result):
        assert outcome["endpoint"]["s3_settings"]["cdc_path"] == "changes"
        assert "tuning=5" in outcome["endpoint"]["extra_connection_attributes"]


@pytest.mark.parametrize("local", [False, True], ids=["recreated", "modified"])
def test_exact_takes_away_what_nobody_asks_for(lab, predicted, local):
    role = {"service_access_role_arn": lab.local_role()} if local else {}
    lab.endpoint(**role, cdc_path="changes", max_file_size=1000)
    assert lab.endpoint(**role)["changed"] is False
    prediction = predicted(lab.endpoint, **role, exact=True)
    result = lab.endpoint(**role, exact=True)
    for outcome in (prediction, result):
        assert outcome["action"] == ("modified" if local else "recreated")
        assert sorted(outcome["differences"]) == ["cdc_path", "max_file_size"]
        assert outcome["diff"]["before"]["settings"]["cdc_path"] == "changes"
        assert outcome["diff"]["after"]["settings"]["cdc_path"] is None
        assert outcome["endpoint"]["s3_settings"].get("cdc_path") is None
    assert lab.endpoint(**role, exact=True)["changed"] is False


def test_local_role_is_modified(lab, predicted):
    role = lab.local_role()
    before = lab.endpoint(service_access_role_arn=role)
    prediction = predicted(lab.endpoint, service_access_role_arn=role, compression_type="gzip")
    result = lab.endpoint(service_access_role_arn=role, compression_type="gzip")
    for outcome in (prediction, result):
        assert (outcome["action"], outcome["differences"], outcome["warnings"]) == (
            "modified",
            ["compression_type"],
            [],
        )
        assert outcome["endpoint"]["endpoint_arn"] == before["endpoint"]["endpoint_arn"]
        assert outcome["external_id"] is None
        assert outcome["persisted"] is True
    assert lab.writes() == ["ModifyEndpoint"]
    assert lab.endpoint(service_access_role_arn=role, compression_type="gzip")["changed"] is False


def test_modification_leaves_what_is_not_given(lab):
    role = lab.local_role()
    lab.endpoint(service_access_role_arn=role, cdc_path="changes")
    result = lab.endpoint(service_access_role_arn=role, compression_type="gzip")
    assert result["endpoint"]["s3_settings"]["cdc_path"] == "changes"


def test_check_mode_predicts_no_external_id_for_a_local_role(lab, predicted):
    role = lab.local_role()
    prediction = predicted(lab.endpoint, service_access_role_arn=role)
    assert prediction["external_id"] is lab.endpoint(service_access_role_arn=role)["external_id"] is None


def test_local_role_that_gets_a_key_is_created_again(lab):
    role = lab.local_role()
    lab.endpoint(service_access_role_arn=role)
    key = {**KEY_MODE, "server_side_encryption_kms_key_id": lab.key_arn}
    result = lab.endpoint(service_access_role_arn=role, **key)
    assert (result["action"], result["reasons"]) == ("recreated", ["AWS does not change encryption_mode to sse-kms"])
    assert lab.endpoint(service_access_role_arn=role, **key)["changed"] is False


def test_endpoint_moves_from_a_local_to_a_remote_role(lab):
    lab.endpoint(service_access_role_arn=lab.local_role())
    result = lab.endpoint()
    assert (result["action"], result["differences"]) == ("recreated", ["service_access_role_arn"])
    assert result["external_id"] == lab.endpoints()[0]["ExternalId"]


def test_recreate_makes_it_anew_though_nothing_differs(lab):
    first = lab.endpoint()
    again = lab.endpoint(recreate=True)
    assert (again["action"], again["reasons"], again["differences"]) == ("recreated", ["recreate is true"], [])
    assert again["external_id"] != first["external_id"]


def test_tags_alone(lab, predicted):
    lab.endpoint(tags={"team": "data", "cost": "1"})
    prediction = predicted(lab.endpoint, tags={"team": "lake"})
    result = lab.endpoint(tags={"team": "lake"})
    for outcome in (prediction, result):
        assert (outcome["changed"], outcome["action"], outcome["differences"]) == (True, "none", ["tags"])
        assert outcome["endpoint"]["tags"] == outcome["diff"]["after"]["tags"] == {"team": "lake"}
        assert outcome["diff"]["before"]["tags"] == {"team": "data", "cost": "1"}
    assert lab.writes() == ["RemoveTagsFromResource", "AddTagsToResource"]
    assert lab.endpoints()[0]["Tags"] == {"team": "lake"}
    assert lab.endpoint(tags={"a": "b"}, purge_tags=False)["endpoint"]["tags"] == {"team": "lake", "a": "b"}
    assert lab.endpoint()["changed"] is False


def test_removed_and_absent_again(lab, predicted):
    lab.endpoint()
    prediction = predicted(lab.endpoint, state="absent")
    result = lab.endpoint(state="absent")
    assert prediction == result
    assert (result["changed"], result["action"], result["endpoint"]) == (True, "deleted", None)
    assert lab.endpoints() == []
    lab.forget_calls()
    again = lab.endpoint(state="absent")
    assert (again["changed"], again["action"]) == (False, "none")
    assert lab.writes() == []


@pytest.mark.parametrize("state", ["present", "absent"])
def test_endpoint_of_another_kind_is_left_alone(lab, refused, state):
    dms = lab.client("dms", "dms")
    dms.create_endpoint(EndpointIdentifier="dev-crm", EndpointType="source", EngineName="mysql")
    sentence = refused(lab.endpoint, state=state)
    assert "dev-crm exists as source of engine mysql, not as S3 target" in sentence
    assert "choose another endpoint_identifier" in sentence


def test_aws_says_that_a_filtered_describe_found_nothing_by_an_empty_list(lab):
    lab.switch(absent_endpoint="empty")
    assert lab.endpoint()["action"] == "created"
    assert lab.endpoint(compression_type="gzip")["action"] == "recreated"
    assert lab.endpoint(state="absent")["action"] == "deleted"
    assert lab.endpoint(state="absent")["action"] == "none"


def test_modification_of_an_endpoint_with_a_glue_catalog(lab):
    """AWS takes one without a type for a source."""
    role = lab.local_role()
    lab.endpoint(service_access_role_arn=role, glue_catalog_generation=True)
    result = lab.endpoint(service_access_role_arn=role, glue_catalog_generation=True, compression_type="gzip")
    assert (result["action"], result["changed"]) == ("modified", True)
