# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_crossaccount_role: created, left alone, updated, removed; check mode predicts each."""

from __future__ import annotations

import json

import pytest

EXTERNAL_IDS = ("one-id", "another-id")


def trust_ids(lab):
    return lab.iam_role()["Trust"]["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"]


def test_created_with_a_placeholder(lab):
    result = lab.role()
    role = lab.iam_role()
    assert result["changed"] is True
    assert result["role"]["arn"] == role["Arn"] == lab.role_arn
    assert result["role"]["assume_role_policy_document"] == role["Trust"]
    assert result["policy"]["document"] == role["AttachedPolicies"][lab.policy_arn]
    assert (result["external_ids"], result["bootstrapping"]) == ([], True)
    assert trust_ids(lab)[0].startswith("datalake-dms-placeholder-")
    assert result["diff"]["before"] == {"role": None, "policy": None}
    assert result["diff"]["after"] == {"role": result["role"], "policy": result["policy"]}


def test_policy_is_there_before_the_role(lab):
    lab.forget_calls()
    lab.role()
    assert lab.writes() == ["CreatePolicy", "CreateRole", "AttachRolePolicy"]


def test_second_run_changes_nothing(lab):
    first = lab.role(tags={"team": "data"}, server_side_encryption_kms_key_id=lab.key_arn, glue_catalog_generation=True)
    lab.forget_calls()
    second = lab.role(
        tags={"team": "data"}, server_side_encryption_kms_key_id=lab.key_arn, glue_catalog_generation=True
    )
    assert second["changed"] is False
    assert second["diff"]["before"] == second["diff"]["after"]
    assert second["role"] == first["role"]
    assert lab.writes() == []


def test_id_drives_the_placeholder_out_and_a_second_one_is_added(lab):
    lab.role()
    assert lab.role(external_ids=["one-id"])["external_ids"] == ["one-id"]
    assert trust_ids(lab) == ["one-id"]
    assert lab.role(external_ids=["another-id"])["external_ids"] == ["one-id", "another-id"]
    assert lab.role()["changed"] is False
    assert lab.role(external_ids=["another-id"], purge_external_ids=True)["external_ids"] == ["another-id"]
    assert trust_ids(lab) == ["another-id"]


UPDATES = {
    "folder": {"bucket_folder": "raw/other"},
    "key": {"server_side_encryption_kms_key_id": "arn:aws:kms:eu-central-1:444455556666:key/1234abcd"},
    "glue": {"glue_catalog_generation": True},
    "acl": {"canned_acl_for_objects": "bucket-owner-full-control"},
    "id": {"external_ids": ["one-id"]},
    "source account": {"source_account": "111122223333"},
    "source ARN": {"source_arn": "arn:aws:dms:eu-central-1:111122223333:endpoint:*"},
    "tags": {"tags": {"team": "data"}},
    "principals": {"service_principals": ["dms.amazonaws.com", "dms.eu-central-1.amazonaws.com"]},
}


@pytest.mark.parametrize("options", UPDATES.values(), ids=UPDATES)
def test_update_is_predicted_made_and_made_once(lab, predicted, options):
    lab.role()
    prediction = predicted(lab.role, **options)
    result = lab.role(**options)
    assert prediction == result
    assert result["changed"] is True
    role = lab.iam_role()
    assert result["role"]["assume_role_policy_document"] == role["Trust"]
    assert result["role"]["tags"] == role["Tags"]
    assert result["policy"]["document"] == role["AttachedPolicies"][lab.policy_arn]
    assert lab.role(**options)["changed"] is False


def test_check_mode_predicts_the_creation(lab, predicted):
    prediction = predicted(lab.role, tags={"team": "data"})
    assert lab.iam_role() is None
    assert lab.policies() == {}
    assert (prediction["external_ids"], prediction["bootstrapping"]) == ([], True)
    assert "(known after creation)" in json.dumps(prediction["role"]["assume_role_policy_document"])
    made = lab.role(tags={"team": "data"})
    for result in (prediction, made):
        del result["role"]["assume_role_policy_document"], result["diff"]
    assert prediction == made


def test_check_mode_predicts_the_creation_with_an_id(lab, predicted):
    prediction = predicted(lab.role, external_ids=["one-id"])
    assert prediction == lab.role(external_ids=["one-id"])


def test_removed_and_absent_again(lab, predicted):
    lab.role()
    lab.role(bucket_folder="raw/other")
    prediction = predicted(lab.role, state="absent")
    result = lab.role(state="absent")
    assert prediction == result
    assert (result["changed"], result["role"], result["policy"]) == (True, None, None)
    assert lab.iam_role() is None
    assert lab.policies() == {}
    lab.forget_calls()
    assert lab.role(state="absent")["changed"] is False
    assert lab.writes() == []


def test_policy_without_its_role_is_removed_too(lab):
    lab.role()
    iam = lab.client("lake", "iam")
    iam.detach_role_policy(RoleName="dms-s3-crm", PolicyArn=lab.policy_arn)
    iam.delete_role(RoleName="dms-s3-crm")
    assert lab.role(state="absent")["changed"] is True
    assert lab.policies() == {}


@pytest.mark.parametrize("missing", ["attachment", "role", "policy"])
def test_interrupted_run_is_finished(lab, missing):
    first = lab.role(external_ids=["one-id"])
    iam = lab.client("lake", "iam")
    iam.detach_role_policy(RoleName="dms-s3-crm", PolicyArn=lab.policy_arn)
    if missing == "role":
        iam.delete_role(RoleName="dms-s3-crm")
    if missing == "policy":
        iam.delete_policy(PolicyArn=lab.policy_arn)
    again = lab.role(external_ids=["one-id"])
    assert again["changed"] is True
    assert again["role"] == first["role"]
    assert list(lab.iam_role()["AttachedPolicies"]) == [lab.policy_arn]


def test_names_and_path_are_those_that_are_asked_for(lab):
    result = lab.role(policy_name="lake-access", path="/dms/targets/")
    assert result["role"]["arn"] == f"arn:aws:iam::{lab.lake_account}:role/dms/targets/dms-s3-crm"
    assert result["policy"]["arn"] == f"arn:aws:iam::{lab.lake_account}:policy/dms/targets/lake-access"
    assert list(lab.policies()) == [result["policy"]["arn"]]
    assert lab.role(policy_name="lake-access", path="/dms/targets/")["changed"] is False
    lab.role(policy_name="lake-access", path="/dms/targets/", state="absent")
    assert lab.policies() == {}


def test_tags_are_set_changed_and_purged(lab):
    lab.role(tags={"team": "data", "cost": "1"})
    result = lab.role(tags={"team": "lake"})
    assert result["role"]["tags"] == result["policy"]["tags"] == {"team": "lake"}
    assert lab.iam_role()["Tags"] == lab.policies()[lab.policy_arn]["Tags"] == {"team": "lake"}
    assert lab.role(tags={"owner": "me"}, purge_tags=False)["role"]["tags"] == {"team": "lake", "owner": "me"}
    assert lab.role()["role"]["tags"] == {"team": "lake", "owner": "me"}
    assert lab.role(tags={})["role"]["tags"] == {}
    assert lab.iam_role()["Tags"] == lab.policies()[lab.policy_arn]["Tags"] == {}
