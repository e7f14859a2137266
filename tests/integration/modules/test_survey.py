# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_survey: few calls for all endpoints, and it hides no change."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

# What is asked of each account, of the bucket in it, and of the replication instance, to see whether something blocks a host.
CHECK = [
    *("GetCallerIdentity", "GetCallerIdentity", "HeadBucket", "GetBucketOwnershipControls", "GetBucketEncryption"),
    *("GetAccountSummary", "ListRoles", "DescribeReplicationInstances", "DescribeReplicationInstances"),
    *("DescribeEndpoints", "DescribeAccountAttributes", "DescribeConnections"),
]
# And what is read to compare the hosts.
COMPARISON = [
    *("DescribeEndpoints", "ListTagsForResource", "DescribeConnections", "DescribeReplicationTasks"),
    *("ListObjectsV2", "ListRoles", "GetAccountAuthorizationDetails"),
]
PER_ROLE = ["GetRole", "ListAttachedRolePolicies", "ListRolePolicies", "GetPolicy", "GetPolicyVersion"]


@pytest.fixture
def deployed(lab):
    """An endpoint as a deployment leaves it: tested, with its token."""
    assert lab.deployment([lab.host()])["hosts"]["crm"]["connection_status"] == "successful"
    lab.forget_calls()
    return lab.endpoints()[0]["EndpointArn"]


@pytest.fixture
def reason(lab):
    """Survey one host; why it is deployed, None where nothing differs."""

    def run(**variables):
        result = lab.survey([lab.host(**variables)])
        assert (result["changed"], lab.writes(), result["blocked"]) == (False, [], {})
        assert set(result["unchanged"]) | set(result["reasons"]) == {"crm"}
        assert result["to_deploy"] == list(result["reasons"])
        return result["reasons"].get("crm")

    return run


def calls(lab):
    """Threads read side by side, in no order that could be told."""
    return sorted(call for call in lab.calls() if call != "AssumeRole")


def test_failed_task_is_named_though_nothing_differs(lab, deployed):
    lab.failed_task(deployed)
    result = lab.survey([lab.host()])
    assert (result["unchanged"], result["warnings"]) == (["crm"], [])
    assert result["stopped_tasks"][0].startswith("dev-crm: its task copy is failed (Stop Reason FATAL_ERROR")


def test_tasks_that_can_not_be_read_are_a_warning(lab, deployed):
    lab.fault("dms", "DescribeReplicationTasks", "error", "dms", code="AccessDeniedException", message="not authorized")
    result = lab.survey([lab.host()])
    assert (result["unchanged"], result["stopped_tasks"], len(result["warnings"])) == (["crm"], [], 1)
    assert result["warnings"][0].startswith("Tasks that do not run are not named, because they can't be read: ")


def test_tasks_of_an_endpoint_in_an_unknown_state_are_left_to_its_deployment(lab, deployed):
    lab.control.set_switches(lab.dms_account, deleting_polls=50)
    lab.failed_task(deployed)
    lab.client("dms", "dms").delete_replication_task(ReplicationTaskArn=lab.tasks()["copy"]["ReplicationTaskArn"])
    lab.client("dms", "dms").delete_endpoint(EndpointArn=deployed)
    result = lab.survey([lab.host()])
    assert (list(result["reasons"]), result["stopped_tasks"]) == (["crm"], [])


def test_host_that_is_as_declared(lab, deployed, reason):
    assert reason() is None
    assert calls(lab) == sorted(CHECK + COMPARISON)


def test_roles_are_read_one_by_one_where_nothing_else_was_granted(lab, deployed, reason):
    assert reason(account_wide=False) is None
    assert [call for call in lab.calls() if call in PER_ROLE] == PER_ROLE
    assert "GetAccountAuthorizationDetails" not in lab.calls()


# The access mode bucket_policy


@pytest.fixture
def bucket_policy(lab):
    """Variables of hosts with the access mode bucket_policy."""
    return {"access": "bucket_policy", "policy_settle_time": 0.1, "kms_key_arn": lab.key_arn}


def test_policies_of_bucket_and_key_are_read_once_for_all_hosts(lab, bucket_policy):
    hosts = [lab.host(name, **bucket_policy) for name in ("crm", "erp", "hr")]
    assert lab.deployment(hosts)["changed"] is True
    lab.forget_calls()
    assert lab.survey(hosts)["unchanged"] == ["crm", "erp", "hr"]
    # A role of the former access mode is looked for by its name.
    of_hosts = [call for call in calls(lab) if call in ("GetBucketPolicy", "GetKeyPolicy", "GetRole")]
    assert of_hosts == ["GetBucketPolicy", "GetKeyPolicy", "GetRole", "GetRole", "GetRole"]


def without_bucket_policy(lab):
    lab.client("lake", "s3").delete_bucket_policy(Bucket=lab.bucket)


def without_key_statement(lab):
    kms = lab.client("lake", "kms")
    policy = json.loads(kms.get_key_policy(KeyId=lab.key_arn, PolicyName="default")["Policy"])
    others = [one for one in policy["Statement"] if not one.get("Sid", "").startswith("DatalakeDms")]
    assert len(others) < len(policy["Statement"])
    kms.put_key_policy(KeyId=lab.key_arn, PolicyName="default", Policy=json.dumps({**policy, "Statement": others}))


@pytest.mark.parametrize("remove", [without_bucket_policy, without_key_statement])
def test_missing_statement_is_seen(lab, bucket_policy, reason, remove):
    lab.deployment([lab.host(**bucket_policy)])
    lab.forget_calls()
    assert reason(**bucket_policy) is None
    remove(lab)
    lab.forget_calls()
    assert reason(**bucket_policy) == "the policy of bucket or key differs"


def test_role_of_the_former_access_mode_in_the_lake_account_is_seen(lab, deployed, bucket_policy, reason):
    moved = lab.host(**bucket_policy, replication_instance_arn="")
    assert lab.deployment([moved])["hosts"]["crm"]["failed"] is False
    lab.forget_calls()
    # Without a connection test, a deployment keeps it.
    assert reason(**bucket_policy, replication_instance_arn="") is None
    assert reason(**bucket_policy) == "the role of the former access mode exists"
    lab.deployment([lab.host(**bucket_policy)])
    lab.forget_calls()
    assert reason(**bucket_policy) is None


def test_many_hosts_cost_no_more_calls(lab, deployed):
    hosts = [lab.host(), *(lab.host(f"host-{n}") for n in range(20))]
    result = lab.survey(hosts)
    assert result["unchanged"] == ["crm"]
    assert set(result["reasons"].values()) == {"the endpoint does not exist"}
    assert result["to_deploy"] == [f"host-{n}" for n in range(20)] == list(result["declared"])
    assert calls(lab) == sorted(CHECK + COMPARISON)


@pytest.mark.parametrize(("compare_from", "compared"), [(0, False), (1, True), (2, True), (3, False)])
def test_hosts_are_compared_from_a_number_of_them_on(lab, deployed, compare_from, compared):
    result = lab.survey([lab.host(), lab.host("erp")], compare_from=compare_from)
    assert result["hosts"] == ["crm", "erp"]
    assert (result["unchanged"], result["to_deploy"]) == ((["crm"], ["erp"]) if compared else ([], ["crm", "erp"]))
    assert list(result["reasons"]) == (["erp"] if compared else [])
    assert calls(lab) == sorted(CHECK + COMPARISON if compared else CHECK)


def test_blocked_host_is_not_compared(lab, deployed):
    wrong = lab.host("erp", bucket_name="no-such-bucket")
    other = lab.host(
        "web", replication_instance_arn=lab.instance_arn.replace("rep:dev", "rep:none"), bucket_name="nowhere"
    )
    result = lab.survey([wrong, lab.host(), other], problems={"hr": "The variables are not right."}, compare_from=1)
    assert (result["hosts"], result["unchanged"], result["to_deploy"]) == (["crm"], ["crm"], [])
    assert list(result["blocked"]) == ["hr", "erp", "web"]
    assert result["blocked"]["hr"] == "The variables are not right."
    assert result["blocked"]["erp"].startswith("Bucket no-such-bucket does not exist in account")
    # All that blocks it, on both sides.
    assert "rep:none does not exist" in result["blocked"]["web"]
    assert "Bucket nowhere does not exist" in result["blocked"]["web"]
    assert result["reasons"] == {}
    # A play of blocked hosts alone would end the playbook for all others.
    assert result["to_stop"] == ["hr", "erp", "web", "crm"]
    assert sorted(result["asked"]) == ["crm", "erp", "hr", "web"]
    assert lab.writes() == []


def test_nothing_is_to_be_stopped_where_nothing_blocks(lab, deployed):
    result = lab.survey([lab.host(), lab.host("erp")])
    assert (result["to_stop"], result["asked"]) == ([], ["crm", "erp"])


def test_what_is_wrong_on_both_sides_is_said_once(lab):
    (why,) = lab.survey([lab.host(environment="test")])["blocked"].values()
    assert why == (
        "environment=test is not in the map of environments (known: dev): add it there, or correct the inventory."
    )


def test_enough_hosts_to_compare_are_those_that_nothing_blocks(lab, deployed):
    result = lab.survey([lab.host(), lab.host("erp", bucket_name="no-such-bucket")], compare_from=2)
    assert (result["unchanged"], result["to_deploy"], result["reasons"]) == ([], ["crm"], {})


def test_account_is_checked_once_and_shown_in_one_table(lab, deployed):
    result = lab.survey([lab.host(), lab.host("erp"), lab.host("web", bucket_name="no-such-bucket")])
    assert [(check["side"], check["account_id"], check["hosts"]) for check in result["accounts"]] == [
        ("dms", lab.dms_account, ["crm", "erp", "web"]),
        ("lake", lab.lake_account, ["crm", "erp"]),
        ("lake", lab.lake_account, ["web"]),
    ]
    assert [line.split()[:4] for line in result["table"] if line.startswith("failed")] == [
        ["failed", "lake", lab.lake_account, lab.region]
    ]
    assert "Bucket no-such-bucket does not exist" in result["table"][0]
    once = ("DescribeAccountAttributes", "GetBucketEncryption")
    assert sorted(lab.calls(*once)) == list(once)


def test_text_for_support_where_no_endpoint_has_a_role_elsewhere_yet(lab):
    (text,) = lab.survey([lab.host(), lab.host("erp")])["support_cases"]
    assert f"Account with DMS: {lab.dms_account}" in text


def test_no_text_for_support_where_one_has(lab, deployed):
    assert lab.survey([lab.host()])["support_cases"] == []


def test_declaration_with_a_secret_is_not_told(lab):
    secret = lab.host("erp", extra_connection_attributes="password=very-hidden-thing;")
    result = lab.survey([lab.host(), secret])
    assert result["to_deploy"] == ["crm", "erp"]
    assert result["declared"] == {"crm": {**lab.host(), "known_absent": ["endpoint", "access"]}}
    assert "very-hidden-thing" not in json.dumps(result)


def open_trust(lab, _arn):
    trust = json.dumps(policy_document(admits()))
    lab.client("lake", "iam").update_assume_role_policy(RoleName="dms-s3-crm", PolicyDocument=trust)


def other_policy(lab, _arn):
    document = json.dumps(policy_document(allows("s3:PutObject")))
    lab.client("lake", "iam").create_policy_version(
        PolicyArn=lab.policy_arn, PolicyDocument=document, SetAsDefault=True
    )


def interrupted(lab, _arn):
    key = f"datalake-dms/{lab.region}/dev-crm.json"
    lab.client("dms", "s3").put_object(Bucket=lab.journals, Key=key, Body=b"{}")


def former_role(lab, deployment):
    """A role of the access mode bucket_policy."""
    trust = json.dumps(policy_document(admits()))
    tags = [{"Key": "datalake.dms:deployment", "Value": deployment}]
    lab.client("dms", "iam").create_role(RoleName="dms-s3-crm", AssumeRolePolicyDocument=trust, Tags=tags)


OTHER_TEAM = [{"Key": "team", "Value": "other"}]
OTHER_OWNER = {"datalake.dms:deployment": "test"}
TESTED = ["datalake.dms:connection-tested"]
DIFFERENCES = {
    "endpoint tags": lambda lab, arn: lab.client("dms", "dms").add_tags_to_resource(ResourceArn=arn, Tags=OTHER_TEAM),
    "endpoint of another deployment": lambda lab, arn: lab.control.add_tags(
        lab.dms_account, lab.region, arn, OTHER_OWNER
    ),
    "trust": open_trust,
    "policy": other_policy,
    "attachment": lambda lab, _arn: lab.client("lake", "iam").detach_role_policy(
        RoleName="dms-s3-crm", PolicyArn=lab.policy_arn
    ),
    "role tags": lambda lab, _arn: lab.client("lake", "iam").tag_role(RoleName="dms-s3-crm", Tags=OTHER_TEAM),
    "role": lambda lab, _arn: lab.role(state="absent", deployment="dev"),
    "connection": lambda lab, arn: lab.client("dms", "dms").delete_connection(
        EndpointArn=arn, ReplicationInstanceArn=lab.instance_arn
    ),
    "test": lambda lab, arn: lab.client("dms", "dms").remove_tags_from_resource(ResourceArn=arn, TagKeys=TESTED),
    "journal": interrupted,
    "role of the other mode": lambda lab, _arn: former_role(lab, "dev"),
}


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("endpoint tags", "the endpoint differs"),
        ("endpoint of another deployment", "The endpoint dev-crm belongs to the deployment test"),
        ("trust", "role or policy differs"),
        # Who else has the policy is asked then.
        ("policy", ""),
        ("attachment", ""),
        ("role tags", "role or policy differs"),
        ("role", ""),
        ("connection", "the connection is to be tested"),
        ("test", "the connection is to be tested"),
        ("journal", "a replacement was interrupted"),
        ("role of the other mode", "the role of the former access mode exists"),
    ],
)
def test_every_difference_is_seen(lab, deployed, reason, what, told):
    DIFFERENCES[what](lab, deployed)
    lab.forget_calls()
    for account_wide in (True, False):
        seen = reason(account_wide=account_wide)
        assert seen is not None
        assert told in seen


@pytest.mark.parametrize("deployment", ["test", ""])
def test_role_of_somebody_else_in_the_other_account_is_no_difference(lab, deployed, reason, deployment):
    former_role(lab, deployment)
    lab.forget_calls()
    assert reason() is None


@pytest.mark.parametrize(
    "wanted",
    [
        {"settings": {"compression_type": "gzip"}},
        {"tags": {"team": "other"}},
        {"source_account_condition": True},
        {"source_arn_condition": True},
        {"permissions_boundary": "arn:aws:iam::111122223333:policy/other"},
        {"role_name": "dms-s3-other"},
        {"test": "always"},
        {"bucket_folder": "elsewhere"},
        {"deployment": "other"},
        {"access": "bucket_policy"},
        {"journal_bucket": "", "journal_path": "/tmp/journals"},
    ],
    ids=str,
)
def test_every_wish_is_seen(deployed, reason, wanted):
    assert reason(**wanted) is not None


def test_unexpected_error_of_one_host_is_a_matter_of_its_deployment(lab, deployed, mistake_for_erp):
    result = lab.survey([lab.host("erp"), lab.host()])
    assert (result["unchanged"], result["to_deploy"], result["warnings"]) == (["crm"], ["erp"], [])
    assert result["reasons"]["erp"].startswith("An unexpected error occurred (KeyError: 'no such key')")


def test_what_a_module_would_refuse_stops_the_host(lab, deployed):
    result = lab.survey([lab.host("erp", settings={"data_format": "xml"}), lab.host()])
    assert (list(result["blocked"]), result["unchanged"], result["warnings"]) == (["erp"], ["crm"], [])
    assert result["blocked"]["erp"].startswith("s3_settings.data_format=xml must be one of ")


@pytest.mark.parametrize(
    ("side", "service", "operation", "in_the_check"),
    [
        ("dms", "dms", "DescribeEndpoints", 1),
        ("dms", "s3", "ListObjectsV2", 0),
        ("lake", "iam", "GetAccountAuthorizationDetails", 0),
    ],
)
def test_read_that_fails_is_said_once_and_each_host_is_read_by_itself(
    lab, deployed, side, service, operation, in_the_check
):
    lab.fault(
        service,
        operation,
        "error",
        side,
        code="AccessDeniedException",
        message="User: x is not authorized to perform it",
        skip=in_the_check,
    )
    # Both declare what stands there.
    result = lab.survey([lab.host(), lab.host("again", identifier="dev-crm", role_name="dms-s3-crm")])
    assert (result["unchanged"], result["to_deploy"]) == ([], ["crm", "again"])
    (warning,) = result["warnings"]
    assert warning.startswith("The survey failed, so each host is read on its own: ")
    assert lab.calls().count(operation) == 1 + in_the_check


@pytest.mark.parametrize("compare_from", [0, 1])
def test_what_stops_a_host_is_no_failure_of_the_survey(lab, deployed, compare_from):
    wrong = lab.host("erp", lake_assume_role_arn="deployer")
    result = lab.survey([wrong, lab.host()], compare_from=compare_from)
    assert (list(result["blocked"]), result["hosts"]) == (["erp"], ["crm"])
    assert result["warnings"] == []


def test_failure_of_one_account_is_none_of_the_others(lab, deployed):
    elsewhere = lab.host("elsewhere", dms_assume_role_external_id="not-the-one")
    result = lab.survey([elsewhere, lab.host()])
    assert (result["unchanged"], result["hosts"]) == (["crm"], ["crm"])
    why = result["blocked"]["elsewhere"]
    assert why.startswith(f"The DMS account {lab.dms_account} can't be checked: ")
    assert "could not be assumed" in why


def test_wrong_option_of_a_replacement_blocks_its_host(lab):
    result = lab.survey([lab.host(lock_timeout=1), lab.host("erp")])
    assert (list(result["blocked"]), result["to_deploy"]) == (["crm"], ["erp"])
    assert "lock_timeout=1 must be at least" in result["blocked"]["crm"]


def test_short_external_id_is_warned_of_and_not_shown(lab):
    declared = lab.host()
    short = {**declared, "dms": {**declared["dms"], "assume_role_external_id": "hush"}}
    result = lab.survey([declared, short], account_checks=False, compare_from=0)
    (warning,) = result["warnings"]
    assert warning == "s3_endpoint_dms_assume_role_external_id has 4 characters, and could be guessed; use 16 or more."
    assert "hush" not in str(result["warnings"])
