# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_removal: an endpoint goes with its role, its policy and what admits them; the bucket and all that is another's stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._access import access_role
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

BUCKET_POLICY = {"access": "bucket_policy"}


@pytest.fixture
def remove(lab):
    """Remove one host's endpoint; what became of it."""

    def run(name="crm", check=False, **variables):
        lab.forget_calls()
        result = lab.removal([lab.host(name, **variables)], check)
        assert (result["asked"], list(result["hosts"]), result["postponed"]) == ([name], [name], [])
        told = result["hosts"][name]
        assert result["changed"] is told["changed"]
        assert "\n" not in told["msg"]
        assert not told["msg"].endswith("..")
        return told

    return run


def deploy(lab, name="crm", **variables):
    told = lab.deployment([lab.host(name, **variables)])["hosts"][name]
    assert not told["failed"], told["msg"]
    return told["endpoint_arn"]


def protected(lab):
    accounts = {f"{side}_account_id": getattr(lab, f"{side}_account") for side in ("dms", "lake")}
    return {"environments": {"dev": {**accounts, "protected": True}}, "allow_endpoint_url": True}


def what_exists(lab):
    """Endpoints, roles and policies of both accounts, without the deployers."""
    states = [lab.control.state(account) for account in (lab.dms_account, lab.lake_account)]
    roles = [name for state in states for name in state["roles"] if name != "deployer"]
    return [one["EndpointIdentifier"] for one in lab.endpoints()], roles, [p for s in states for p in s["policies"]]


NOTHING = ([], [], [])


def test_endpoint_with_role_and_policy(lab, remove):
    deploy(lab)
    deploy(lab, "erp")
    told = remove()
    assert (told["failed"], told["changed"], told["action"]) == (False, True, "deleted")
    assert told["msg"] == "dev-crm: removed."
    assert [one["before_header"] for one in told["diff"]] == ["endpoint", "role"]
    endpoints, roles, policies = what_exists(lab)
    assert (endpoints, roles, len(policies)) == (["dev-erp"], ["dms-s3-erp"], 1)
    assert lab.client("lake", "s3").head_bucket(Bucket=lab.bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_second_removal_changes_nothing(lab, remove):
    deploy(lab)
    remove()
    told = remove()
    assert (told["failed"], told["changed"], told["action"], told["diff"]) == (False, False, "none", [])
    assert told["msg"] == "dev-crm: nothing to remove."
    assert lab.writes() == []


def test_check_mode_removes_nothing(lab, remove):
    deploy(lab)
    before = what_exists(lab)
    told = remove(check=True)
    assert (told["changed"], told["action"], lab.writes()) == (True, "deleted", [])
    assert told["msg"] == "dev-crm: would be removed."
    assert [one["before_header"] for one in told["diff"]] == ["endpoint", "role"]
    assert what_exists(lab) == before


def test_bucket_and_key_admit_the_role_no_longer(lab, remove):
    given = {**BUCKET_POLICY, "kms_key_arn": lab.key_arn}
    deploy(lab, **given)
    deploy(lab, "erp", **given)
    told = remove(**given)
    assert told["msg"] == "dev-crm: removed."
    assert [one["before_header"] for one in told["diff"]] == ["endpoint", "role", f"statements of {lab.bucket}"]
    assert [one["Principal"]["AWS"].rpartition("/")[2] for one in lab.bucket_policy()] == ["dms-s3-erp"]
    assert len(lab.key_policy()) == 2
    # AWS shows the unique id of a deleted role in place of its ARN.
    writes = lab.writes()
    assert writes.index("PutBucketPolicy") < writes.index("DeleteRole")
    told = remove("erp", **given)
    assert (told["failed"], lab.bucket_policy(), len(lab.key_policy()), what_exists(lab)) == (False, [], 1, NOTHING)
    assert remove("erp", **given)["changed"] is False


def test_bucket_where_it_wrote_before_admits_it_no_longer(lab, remove):
    """The inventory may have named another one since."""
    deploy(lab, **BUCKET_POLICY)
    other = f"{lab.bucket}-other"
    lab.client("lake", "s3").create_bucket(Bucket=other, CreateBucketConfiguration={"LocationConstraint": lab.region})
    told = remove(**BUCKET_POLICY, bucket_name=other)
    assert (told["failed"], lab.bucket_policy(), what_exists(lab)) == (False, [], NOTHING), told["msg"]


@pytest.mark.parametrize(
    ("before", "now"), [({}, BUCKET_POLICY), (BUCKET_POLICY, {})], ids=["to the bucket", "from the bucket"]
)
def test_access_mode_that_changed_since(lab, remove, before, now):
    """What exists is of the mode before, and nothing of it may stay."""
    deploy(lab, **before)
    told = remove(**now)
    assert told["msg"] == "dev-crm: removed."
    assert (what_exists(lab), lab.bucket_policy()) == (NOTHING, [])
    assert remove(**now)["changed"] is False


def test_endpoint_that_was_removed_by_hand(lab, remove):
    """A removal that was killed is finished."""
    arn = deploy(lab)
    lab.client("dms", "dms").delete_endpoint(EndpointArn=arn)
    told = remove()
    assert (told["msg"], told["action"], what_exists(lab)) == ("dev-crm: removed.", "none", NOTHING)


def test_endpoint_within_one_account(lab, remove):
    one = {
        "lake_account_id": lab.dms_account,
        "lake_assume_role_arn": lab.deployers["dms"],
        "bucket_name": lab.journals,
        "environments": {"dev": {f"{side}_account_id": lab.dms_account for side in ("dms", "lake")}},
    }
    deploy(lab, **one)
    assert remove(**one)["msg"] == "dev-crm: removed."
    assert what_exists(lab) == NOTHING


def test_what_a_deployment_needs_a_removal_does_not(lab, remove):
    deploy(lab)
    gone = {
        "bucket_name": "no-such-bucket",
        "replication_instance_arn": f"arn:aws:dms:{lab.region}:{lab.dms_account}:rep:gone",
    }
    assert remove(**gone)["msg"] == "dev-crm: removed."
    assert what_exists(lab) == NOTHING


# What is left alone


def test_protected_environment_needs_a_confirmation(lab):
    deploy(lab)
    deploy(lab, "erp")
    before = what_exists(lab)
    hosts = [lab.host(**protected(lab)), lab.host("erp")]
    lab.forget_calls()
    for check in (True, False):
        told = lab.removal(hosts, check)["hosts"]
        assert told["crm"]["failed"] is True
        assert told["crm"]["msg"] == (
            "Environment dev is protected, and this would remove dev-crm from it; if that is meant, run again with -e s3_endpoint_confirm=dev."
        )
        # Others go on.
        assert (told["erp"]["failed"], told["erp"]["changed"]) == (False, True)
        assert (what_exists(lab) == before) is check
    assert what_exists(lab)[0] == ["dev-crm"]
    assert lab.removal([lab.host(**protected(lab), confirm="prod")])["hosts"]["crm"]["failed"] is True
    assert lab.removal([lab.host(**protected(lab), confirm="dev")])["hosts"]["crm"]["msg"] == "dev-crm: removed."


def test_interrupted_replacement_must_end_first(lab, remove):
    arn = deploy(lab)
    lab.start(lab.task(arn))
    lab.replacement(accept=["no_checkpoint", "full_load", "source_logs"]).stop_tasks("recreated")
    before = what_exists(lab)
    for check in (True, False):
        told = remove(check=check)
        assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
        assert told["msg"] == (
            "The replacement of dev-crm was interrupted, and its journal may have the only definition of its tasks; run deploy.yml to complete the "
            "replacement, then remove the endpoint."
        )
    assert what_exists(lab) == before


def test_endpoint_that_a_task_uses(lab, remove):
    lab.task(deploy(lab))
    before = what_exists(lab)
    told = remove()
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert "copy" in told["msg"]
    assert what_exists(lab) == before


def test_endpoint_of_another_deployment(lab, remove):
    deploy(lab)
    before = what_exists(lab)
    told = remove(deployment="other")
    assert (told["failed"], lab.writes()) == (True, [])
    assert "belongs to the deployment dev" in told["msg"]
    assert what_exists(lab) == before


def test_policy_of_somebody_else_keeps_the_role(lab, remove):
    deploy(lab)
    document = json.dumps(policy_document(allows("s3:List*")))
    iam = lab.client("lake", "iam")
    iam.put_role_policy(RoleName="dms-s3-crm", PolicyName="theirs", PolicyDocument=document)
    told = remove()
    # What was done by then is said all the same.
    assert (told["failed"], told["changed"]) == (True, True)
    assert [one["before_header"] for one in told["diff"]] == ["endpoint"]
    assert "theirs" in told["msg"]
    assert what_exists(lab)[:2] == ([], ["dms-s3-crm"])
    iam.delete_role_policy(RoleName="dms-s3-crm", PolicyName="theirs")
    assert remove()["msg"] == "dev-crm: removed."
    assert what_exists(lab) == NOTHING


@pytest.mark.parametrize("of", [{"deployment": "other"}, {"path": "/elsewhere/"}], ids=str)
def test_role_of_somebody_else_in_the_other_account_stays(lab, remove, of):
    deploy(lab)
    tags = [{"Key": "datalake.dms:deployment", "Value": of.get("deployment", "dev")}]
    trust = json.dumps(policy_document(admits()))
    lab.client("dms", "iam").create_role(
        RoleName="dms-s3-crm", AssumeRolePolicyDocument=trust, Path=of.get("path", "/"), Tags=tags
    )
    assert remove()["msg"] == "dev-crm: removed."
    assert lab.iam_role(side="dms") is not None


# Whose failure it is


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"dms_account_id": "999900001111"}, "correct the inventory or the map"),
        ({"lake_assume_role_external_id": "not-the-one"}, "could not be assumed"),
        ({"environment": "test"}, "environment=test is not in the map of environments"),
        ({"identifier": "dev--erp"}, "endpoint_identifier=dev--erp must begin with a letter"),
    ],
    ids=str,
)
def test_wrong_host_fails_alone(lab, wrong, sentence):
    deploy(lab)
    told = lab.removal([lab.host("erp", **wrong), lab.host()])["hosts"]
    assert (told["erp"]["failed"], told["erp"]["changed"]) == (True, False)
    assert sentence in told["erp"]["msg"]
    assert told["crm"]["msg"] == "dev-crm: removed."
    assert what_exists(lab) == NOTHING


def test_problem_that_was_told_before_is_a_failure(lab):
    deploy(lab)
    told = lab.removal([lab.host()], problems={"erp": "The variables are not right."})["hosts"]
    assert (told["erp"]["failed"], told["erp"]["msg"]) == (True, "The variables are not right.")
    assert told["crm"]["failed"] is False


def test_unexpected_error_of_one_host_is_its_failure_only(lab, mistake_for_erp):
    deploy(lab)
    told = lab.removal([lab.host("erp"), lab.host()], parallel=1)["hosts"]
    assert (told["erp"]["failed"], "no such key" in told["erp"]["msg"]) == (True, True)
    assert told["crm"]["msg"] == "dev-crm: removed."


def test_credentials_that_end_too_early(lab, remove, monkeypatch):
    deploy(lab)
    ends = datetime.now(UTC) + timedelta(minutes=20)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    told = remove(session_seconds=3600)
    assert (told["failed"], lab.writes()) == (True, [])
    assert "and a replacement or removal needs 60; get new ones." in told["msg"]
    assert remove(session_seconds=600)["msg"] == "dev-crm: removed."


@pytest.mark.parametrize("operation", ["DeleteEndpoint", "DetachRolePolicy", "DeleteRole", "DeletePolicy"])
def test_next_run_finishes_what_ended_before(lab, remove, operation):
    deploy(lab)
    service, side = ("dms", "dms") if operation == "DeleteEndpoint" else ("iam", "lake")
    code = "AccessDeniedException" if service == "dms" else "AccessDenied"
    lab.fault(service, operation, "error", side, code=code, message=f"not authorized to perform: {operation}")
    assert remove()["failed"] is True
    assert remove()["msg"] == "dev-crm: removed."
    assert what_exists(lab) == NOTHING


@pytest.mark.parametrize("parallel", [1, 4])
def test_many_hosts_and_each_account_is_checked_once(lab, parallel):
    names = [f"host-{number}" for number in range(6)]
    lab.deployment([lab.host(name) for name in names])
    lab.forget_calls()
    result = lab.removal([lab.host(name) for name in names], parallel=parallel)
    assert (list(result["hosts"]), result["changed"], result["warnings"]) == (names, True, [])
    assert what_exists(lab) == NOTHING
    assert len([one for one in lab.control.journal() if one["operation"] == "AssumeRole"]) == 2


def test_no_hosts_are_nothing_to_do(lab):
    lab.forget_calls()
    result = lab.removal([])
    assert (result["changed"], result["hosts"], lab.calls()) == (False, {}, [])


def test_endpoint_that_another_run_creates_meanwhile_is_named(lab, monkeypatch):
    """It would lack its role, and nobody would be told."""
    lab.role(deployment="dev")
    remove = access_role._remove

    def raced(*arguments):
        assert lab.deployment([lab.host()])["hosts"]["crm"]["failed"] is False
        remove(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(access_role, "_remove", raced)
        told = lab.removal([lab.host()])["hosts"]["crm"]
    assert (told["failed"], told["changed"]) == (True, True)
    assert told["msg"] == (
        "The endpoint dev-crm was created by another run while this one removed its access; run remove.yml or deploy.yml again."
    )
    assert lab.deployment([lab.host()])["hosts"]["crm"]["failed"] is False
