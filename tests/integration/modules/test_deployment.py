# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_deployment: many endpoints from nothing to a tested connection in one process, and each by itself."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from builders import admits, policy_document

pytestmark = pytest.mark.once

TESTED_TAG = "datalake.dms:connection-tested"
STATEMENT = "DatalakeDmsEndpoint"
# The writes of one endpoint, in their order; beside them it is looked for once, and so are journal, role and policy.
WRITES = [
    *("CreatePolicy", "CreateRole", "AttachRolePolicy", "CreateEndpoint", "UpdateAssumeRolePolicy"),
    *("TestConnection", "AddTagsToResource"),
]
# Of all that is called, what waits for DMS, or is the test, or looks at what is not written yet.
WAITING = ("AssumeRole", "ValidatePolicy", "DescribeConnections", "ListTagsForResource", "TestConnection")


@pytest.fixture
def deploy(lab):
    """Deploy one host; what became of it."""

    def run(name="crm", check=False, **variables):
        result = lab.deployment([lab.host(name, **variables)], check)
        assert (result["asked"], result["postponed"]) == ([name], [])
        told = result["hosts"][name]
        assert result["changed"] is told["changed"]
        assert result["warnings"] == told["warnings"]
        return told

    return run


def trusted_ids(lab, name="dms-s3-crm", side="lake"):
    trust = lab.iam_role(name, side)["Trust"]
    (statement,) = [one for one in trust["Statement"] if one["Sid"] == STATEMENT]
    return statement["Condition"]["StringEquals"].get("sts:ExternalId")


def endpoint_of(lab, identifier="dev-crm"):
    (found,) = [one for one in lab.endpoints() if one["EndpointIdentifier"] == identifier]
    return found


def assert_works(lab, told, name="crm"):
    """The endpoint is there, its role admits it and no other, and its connection was tested."""
    assert (told["failed"], told["connection_status"]) == (False, "successful"), told["msg"]
    endpoint = endpoint_of(lab, f"dev-{name}")
    assert trusted_ids(lab, f"dms-s3-{name}") == [endpoint["ExternalId"]]
    (connection,) = lab.client("dms", "dms").describe_connections(
        Filters=[{"Name": "endpoint-arn", "Values": [endpoint["EndpointArn"]]}]
    )["Connections"]
    assert connection["Status"] == "successful"
    assert TESTED_TAG in tags_of(lab, endpoint["EndpointArn"])


def tags_of(lab, arn):
    told = lab.client("dms", "dms").list_tags_for_resource(ResourceArn=arn)["TagList"]
    return {tag["Key"]: tag["Value"] for tag in told}


# From nothing, and again


def test_endpoint_from_nothing(lab, deploy):
    told = deploy()
    assert_works(lab, told)
    assert (told["changed"], told["action"]) == (True, "created")
    assert told["msg"] == "dev-crm: endpoint created, connection successful."
    assert [one["before_header"] for one in told["diff"]] == ["connection", "endpoint", "role"]
    role = next(one for one in told["diff"] if one["before_header"] == "role")
    assert role["before"] == {"role": None, "policy": None}
    # As it stands at the end, not as the first step left it.
    assert role["after"]["role"]["assume_role_policy_document"] == lab.iam_role()["Trust"]
    assert role["after"]["role"]["arn"] == lab.role_arn
    assert role["after"]["policy"]["arn"] == lab.policy_arn
    assert (told["endpoint_arn"], told["role_arn"]) == (endpoint_of(lab)["EndpointArn"], lab.role_arn)
    assert told["external_id_state"] == "trusted"
    usual = {"team": "data", "datalake.dms:deployment": "dev"}
    assert tags_of(lab, endpoint_of(lab)["EndpointArn"]).items() >= usual.items()


def test_second_run_changes_nothing(lab, deploy):
    deploy()
    lab.forget_calls()
    told = deploy()
    assert (told["changed"], told["failed"], told["diff"]) == (False, False, [])
    assert told["msg"] == "dev-crm: endpoint unchanged, connection successful."
    assert lab.writes() == []
    assert "ValidatePolicy" not in lab.calls()


def test_calls_of_a_new_endpoint(lab, deploy):
    deploy()
    assert lab.writes() == WRITES
    its_own = Counter(call for call in lab.calls() if call not in WAITING)
    # Asked once for all hosts of an account; and the endpoint is looked at once more when DMS has answered.
    its_own -= Counter(["ListRoles", "DescribeEndpoints"])
    assert its_own - Counter(WRITES) == Counter(["DescribeEndpoints", "GetObject", "GetRole", "GetPolicy"])
    assert its_own.total() <= 10
    # Policy and trust, once each: an id in place of the placeholder makes no difference.
    assert len(lab.calls("ValidatePolicy")) == 2


def test_calls_of_an_endpoint_that_is_there(lab, deploy):
    deploy()
    lab.forget_calls()
    deploy()
    once_for_all_hosts = ("ListRoles", "DescribeReplicationTasks")
    assert len([call for call in lab.calls() if call not in once_for_all_hosts]) <= 10
    assert lab.calls().count("DescribeReplicationTasks") == 1


def test_failed_task_is_named(lab, deploy):
    lab.failed_task(deploy()["endpoint_arn"])
    told = deploy()
    assert (told["failed"], told["changed"]) == (False, False)
    assert told["msg"].startswith("dev-crm: its task copy is failed (Stop Reason FATAL_ERROR")
    # Which is no reason not to deploy.
    lab.fault("dms", "DescribeReplicationTasks", "error", "dms", code="AccessDeniedException", message="not authorized")
    told = deploy()
    assert (told["failed"], told["changed"]) == (False, False)
    assert told["warnings"][0].startswith("Tasks that do not run are not named, because they can't be read: ")


def test_check_mode_writes_nothing_and_tells_what_would_be(lab, predicted):
    told = predicted(lab.deployment, [lab.host()])["hosts"]["crm"]
    assert (told["changed"], told["action"], told["connection_status"]) == (True, "created", "unverified")
    assert [one["before_header"] for one in told["diff"]] == ["connection", "endpoint", "role"]
    assert told["msg"] == (
        "dev-crm: would create the endpoint, create role and policy, test the connection. AWS assigns the ExternalId at creation; "
        "the run then puts it into the trust."
    )
    assert told["external_id_state"] == "pending"
    made = lab.deployment([lab.host()])["hosts"]["crm"]
    foretold, policy = ({one["before_header"]: one for one in of["diff"]} for of in (told, made))
    assert foretold["role"]["after"]["policy"] == policy["role"]["after"]["policy"]


def test_check_mode_of_an_endpoint_that_is_there(lab, deploy, predicted):
    deploy()
    result = predicted(lab.deployment, [lab.host()])
    assert (result["changed"], result["hosts"]["crm"]["diff"]) == (False, [])
    assert result["hosts"]["crm"]["msg"] == "dev-crm: endpoint unchanged, connection successful."
    told = predicted(lab.deployment, [lab.host(tags={"team": "other"})])["hosts"]["crm"]
    assert (told["changed"], told["action"]) == (True, "none")
    assert [one["before_header"] for one in told["diff"]] == ["connection", "endpoint", "role"]
    assert told["msg"] == (
        "dev-crm: would update the tags of the endpoint, update role and policy, test the connection."
    )


def test_tags_alone_are_no_replacement(lab, deploy):
    deploy()
    arn = endpoint_of(lab)["EndpointArn"]
    lab.forget_calls()
    told = deploy(tags={"team": "other"})
    assert told["msg"] == "dev-crm: endpoint tags updated, connection successful."
    assert tags_of(lab, arn)["team"] == "other"
    assert "CreateEndpoint" not in lab.calls()
    # What was tested is as it was.
    assert TESTED_TAG in tags_of(lab, arn)


def test_endpoint_without_a_replication_instance_is_not_tested(lab, deploy):
    told = deploy(replication_instance_arn="")
    assert (told["failed"], told["connection_status"]) == (False, "unverified")
    assert told["msg"] == (
        "dev-crm: endpoint created, connection not tested: s3_endpoint_replication_instance_arn is not set."
    )
    assert trusted_ids(lab) == [endpoint_of(lab)["ExternalId"]]
    assert "TestConnection" not in lab.calls()


@pytest.mark.parametrize("tested", [True, False])
def test_old_ids_go_after_a_successful_test_only(lab, deploy, tested):
    deploy()
    lab.role(external_ids=["the-one-before"], deployment="dev", tags={"team": "data"})
    deploy(**({} if tested else {"replication_instance_arn": ""}))
    assert ("the-one-before" in trusted_ids(lab)) is not tested
    assert endpoint_of(lab)["ExternalId"] in trusted_ids(lab)


def test_failed_test_removes_ids_that_no_endpoint_has(lab, deploy):
    deploy()
    other = lab.endpoint(endpoint_identifier="dev-erp", resource_identifier="dev-erp")["external_id"]
    lab.role(external_ids=["the-one-before", other], deployment="dev", tags={"team": "data"})
    deny = {"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    policy = policy_document({**deny, "Resource": f"arn:aws:s3:::{lab.bucket}/*"})
    lab.client("lake", "s3").put_bucket_policy(Bucket=lab.bucket, Policy=json.dumps(policy))
    assert deploy(test="always")["failed"] is True
    assert set(trusted_ids(lab)) == {endpoint_of(lab)["ExternalId"], other}


def test_change_of_the_policy_is_tested(lab, deploy):
    deploy()
    lab.client("lake", "iam").detach_role_policy(RoleName="dms-s3-crm", PolicyArn=lab.policy_arn)
    lab.forget_calls()
    told = deploy()
    assert (told["changed"], told["action"], told["connection_status"]) == (True, "none", "successful")
    assert lab.writes()[:2] == ["AttachRolePolicy", "TestConnection"]


@pytest.mark.parametrize("bootstrap", ["placeholder", "source_account"])
def test_endpoint_within_one_account(lab, deploy, bootstrap):
    given = {
        "lake_account_id": lab.dms_account,
        "lake_assume_role_arn": lab.deployers["dms"],
        "bucket_name": lab.journals,
        "bootstrap_trust": bootstrap,
    }
    told = deploy(**given)
    assert (told["failed"], told["connection_status"]) == (False, "successful"), told["msg"]
    trust = lab.iam_role(side="dms")["Trust"]["Statement"][0]["Condition"]["StringEquals"]
    assert trust == {"aws:SourceAccount": lab.dms_account}
    assert deploy(**given)["changed"] is False


# Whose failure it is


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"settings": {"data_format": "xml"}}, "s3_settings.data_format=xml must be one of"),
        ({"identifier": "dev--erp"}, "endpoint_identifier=dev--erp must begin with a letter"),
        ({"bucket_name": ""}, "bucket_name"),
        ({"role_name": "no such role"}, "role/no such role is not the ARN of an IAM role"),
        ({"dms_assume_role_external_id": "not-the-one"}, "the role in assume_role_arn could not be assumed"),
        ({"lake_assume_role_external_id": "not-the-one"}, "the role in assume_role_arn could not be assumed"),
        ({"dms_assume_role_arn": "deployer"}, "deployer"),
        ({"replication_instance_arn": "dev"}, "replication_instance_arn=dev is not an ARN of that kind"),
        ({"required_tags": ["owner"]}, "owner"),
    ],
    ids=str,
)
def test_wrong_host_fails_alone(lab, wrong, sentence):
    result = lab.deployment([lab.host("erp", **wrong), lab.host()])
    told = result["hosts"]["erp"]
    assert (told["failed"], result["changed"], result["postponed"]) == (True, True, [])
    assert sentence in told["msg"]
    assert told["msg"].endswith(".")
    assert not told["msg"].endswith("..")
    assert "\n" not in told["msg"]
    assert_works(lab, result["hosts"]["crm"])
    assert [one["EndpointIdentifier"] for one in lab.endpoints()] == ["dev-crm"]


@pytest.mark.parametrize(
    ("side", "service", "operation"),
    [
        ("lake", "iam", "GetRole"),
        ("lake", "iam", "CreatePolicy"),
        ("dms", "dms", "CreateEndpoint"),
        ("dms", "dms", "DescribeEndpoints"),
        ("lake", "iam", "UpdateAssumeRolePolicy"),
        ("dms", "dms", "TestConnection"),
    ],
)
def test_denied_call_is_the_failure_of_one_host(lab, side, service, operation):
    denied(lab, side, service, operation)
    hosts = [lab.host(name) for name in ("erp", "crm", "web")]
    result = lab.deployment(hosts, parallel=1)
    assert result["hosts"]["erp"]["failed"] is True
    assert "not authorized to perform" in result["hosts"]["erp"]["msg"]
    assert "the caller lacks this IAM permission" in result["hosts"]["erp"]["msg"]
    for name in ("crm", "web"):
        assert_works(lab, result["hosts"][name], name)
    # What it has changed by then is told all the same.
    changed = result["hosts"]["erp"]["changed"]
    assert changed is (lab.iam_role("dms-s3-erp") is not None)
    assert bool(result["hosts"]["erp"]["diff"]) is changed


def denied(lab, side, service, operation, **more):
    code = "AccessDenied" if service == "iam" else "AccessDeniedException"
    message = f"User: x is not authorized to perform: {service}:{operation}"
    lab.fault(service, operation, "error", side, code=code, message=message, **more)


def test_read_of_all_fails_for_each(lab):
    denied(lab, "dms", "iam", "ListRoles")
    result = lab.deployment([lab.host(), lab.host("erp")])
    assert [told["failed"] for told in result["hosts"].values()] == [True, True]
    assert all("not authorized to perform: iam:ListRoles" in told["msg"] for told in result["hosts"].values())
    assert lab.calls("ListRoles") == ["ListRoles"]
    assert lab.writes() == []


def test_problem_that_was_told_before_is_a_failure(lab):
    result = lab.deployment([lab.host()], problems={"erp": "The variables are not right."})
    told = {"changed": False, "failed": True, "msg": "The variables are not right.", "diff": []}
    assert result["hosts"]["erp"].items() >= told.items()
    assert_works(lab, result["hosts"]["crm"])


def test_connection_that_fails_keeps_what_is_made(lab, deploy):
    told = deploy(bucket_name="no-such-bucket")
    assert (told["failed"], told["changed"], told["action"]) == (True, True, "created")
    assert told["msg"].startswith("The connection test of dev-crm failed: ")
    assert "NoSuchBucket" in told["msg"]
    assert told["msg"].endswith("Endpoint and role stay as they are; correct the cause and run again.")
    # It is no fault of the role, so the endpoint is made but once.
    assert lab.calls("CreateEndpoint") == ["CreateEndpoint"]
    assert [one["before_header"] for one in told["diff"]] == ["endpoint", "role"]
    lab.forget_calls()
    again = deploy(bucket_name="no-such-bucket")
    assert (again["failed"], again["changed"]) == (True, False)
    assert lab.writes() == ["TestConnection"]


def test_somebody_elses_endpoint_is_left_to_them(lab, deploy):
    deploy()
    lab.forget_calls()
    told = deploy(deployment="other")
    assert told["failed"] is True
    assert "belongs to the deployment dev" in told["msg"]
    assert lab.writes() == []


def test_warning_of_many_hosts_is_told_once(lab):
    hosts = [lab.host(name, settings={"data_format": "parquet"}, tags={"team": "data"}) for name in ("crm", "erp")]
    for host in hosts:
        (role_name,) = {role["role_name"] for role in host["roles"].values()}
        lab.role(role_name=role_name)
        open_trust(lab, role_name)
    for host in hosts:
        host["roles"] = {mode: {**role, "adopt": True} for mode, role in host["roles"].items()}
    warnings = lab.deployment(hosts)["warnings"]
    told = [warning for warning in warnings if "without sts:ExternalId" in warning]
    assert sorted(warning.split(":")[0] for warning in told) == ["dms-s3-crm", "dms-s3-erp"]


def open_trust(lab, name):
    trust = json.dumps(policy_document(admits()))
    lab.client("lake", "iam").update_assume_role_policy(RoleName=name, PolicyDocument=trust)


@pytest.mark.parametrize(
    "wrong", [{}, {"bucket_name": "no-such-bucket"}, {"settings": {"data_format": "xml"}}], ids=str
)
def test_secret_is_never_told(lab, wrong):
    secret = {"extra_connection_attributes": "password=very-hidden-thing;", **wrong}
    for check in (True, False, False):
        assert "very-hidden-thing" not in json.dumps(lab.deployment([lab.host(**secret)], check))
    other = {**secret, "extra_connection_attributes": "password=as-hidden-as-before;"}
    for check in (True, False):
        told = json.dumps(lab.deployment([lab.host(**other)], check))
        assert "very-hidden-thing" not in told
        assert "as-hidden-as-before" not in told


def test_unexpected_error_of_one_host_is_its_failure_only(lab, mistake_for_erp):
    """A mistake of ours, too, ends no other host."""
    result = lab.deployment([lab.host("erp"), lab.host()], parallel=1)
    assert (result["hosts"]["erp"]["failed"], result["hosts"]["erp"]["changed"]) == (True, False)
    assert "no such key" in result["hosts"]["erp"]["msg"]
    assert_works(lab, result["hosts"]["crm"])


def test_partition_is_that_of_the_account(lab):
    """The inventory need not say it, where no role to assume does."""
    elsewhere = Host.of(lab.host()).in_partition("aws-cn")
    assert elsewhere.role_arn.startswith("arn:aws-cn:")
    told = lab.deployment([elsewhere.declared()])["hosts"]["crm"]
    assert_works(lab, told)
    assert told["role_arn"] == lab.role_arn


def test_what_was_declared_before_is_taken_by_the_action_plugin_only(lab):
    """The module itself has no use for it."""
    assert lab.deployment([], declared={"crm": lab.host()})["hosts"] == {}


# Bucket and key admit the role


def test_bucket_and_key_admit_the_role(lab, deploy):
    given = {"access": "bucket_policy", "kms_key_arn": lab.key_arn}
    told = deploy(**given)
    assert (told["failed"], told["connection_status"]) == (False, "successful"), told["msg"]
    assert (told["external_id_state"], told["role_arn"]) == ("not_used", lab.iam_role(side="dms")["Arn"])
    assert [one["before_header"] for one in told["diff"]] == ["bucket_access", "connection", "endpoint", "role"]
    (statement,) = lab.bucket_policy()
    assert statement["Principal"] == {"AWS": told["role_arn"]} == {"AWS": lab.iam_role(side="dms")["Arn"]}
    assert len(lab.key_policy()) == 2
    assert lab.iam_role() is None
    lab.forget_calls()
    told = deploy(**given)
    assert (told["changed"], told["diff"], lab.writes()) == (False, [], [])


def test_many_hosts_share_the_policy_of_one_bucket(lab):
    """Each writes its own statement, side by side, and loses none of the others'."""
    names = ["crm", "erp", "web"]
    result = lab.deployment([lab.host(name, access="bucket_policy") for name in names], parallel=3)
    assert [one["failed"] for one in result["hosts"].values()] == [False] * 3, result["hosts"]
    admitted = {statement["Principal"]["AWS"].rpartition("/")[2] for statement in lab.bucket_policy()}
    assert admitted == {f"dms-s3-{name}" for name in names}


# Each way in which AWS may answer


@pytest.mark.parametrize(
    "switches",
    [
        {"create_endpoint": "stays"},
        {"create_endpoint": "answer_only"},
        {"create_endpoint": "id_later", "id_later_polls": 4},
        {"create_endpoint": "access_denied_kept"},
        {"create_endpoint": "access_denied_lost", "access_denied_calls": 3},
        {"external_id": "per_account"},
        {"external_id": "per_account", "create_endpoint": "answer_only"},
        {"absent_endpoint": "empty"},
        {"creating_polls": 3, "test_polls": 3, "stale_polls": 2},
        {"returned_spelling": "as_sent"},
    ],
    ids=str,
)
def test_every_way_leads_to_an_endpoint_that_works(lab, deploy, switches):
    lab.switch(**switches)
    told = deploy()
    assert_works(lab, told)
    assert told["action"] == "created"
    lab.forget_calls()
    assert deploy()["changed"] is False
    assert lab.writes() == []


@pytest.mark.parametrize("kept", ["answer_only", "stays"])
def test_endpoint_that_aws_does_not_keep_is_made_again(lab, deploy, kept):
    lab.switch(create_endpoint=kept)
    deploy()
    assert len(lab.calls("CreateEndpoint")) == (2 if kept == "answer_only" else 1)
    # The id stands in the trust before.
    between = lab.writes()[: lab.writes().index("TestConnection")]
    assert between[-1] == ("CreateEndpoint" if kept == "answer_only" else "UpdateAssumeRolePolicy")


def test_endpoint_that_aws_never_keeps_is_an_error(lab, deploy):
    lab.switch(create_endpoint="answer_only", answer_only_calls=10**6)
    told = deploy(iam_propagation_timeout=0, poll_interval=0.05)
    assert (told["failed"], lab.endpoints()) == (True, [])
    assert "AWS answered CreateEndpoint for dev-crm twice with an ExternalId and kept no endpoint" in told["msg"]
    assert "ask AWS Support whether cross-account endpoints are enabled" in told["msg"]


def test_trust_checked_at_creation_refuses_the_placeholder(lab, deploy):
    lab.switch(trust_checked="at_creation")
    told = deploy(bootstrap_trust="placeholder")
    assert (told["failed"], told["changed"], told["action"]) == (True, True, "created")
    assert "set bootstrap_trust=source_account" in told["msg"]
    assert [one["before_header"] for one in told["diff"]] == ["role"]


@pytest.mark.parametrize("create_endpoint", ["stays", "id_later", "access_denied_kept"])
def test_trust_checked_at_creation_takes_the_source_account(lab, deploy, create_endpoint):
    lab.switch(trust_checked="at_creation", create_endpoint=create_endpoint)
    assert_works(lab, deploy(bootstrap_trust="source_account"))
    assert deploy(bootstrap_trust="source_account")["changed"] is False
    told = deploy(bootstrap_trust="source_account", settings={"data_format": "csv"})
    assert_works(lab, told)
    assert told["action"] == "recreated"


@pytest.mark.parametrize("create_endpoint", ["stays", "id_later", "answer_only", "access_denied_kept"])
def test_trust_checked_at_creation_takes_the_source_account_by_default(lab, deploy, create_endpoint):
    lab.switch(trust_checked="at_creation", create_endpoint=create_endpoint)
    assert_works(lab, deploy())
    assert deploy()["changed"] is False
    told = deploy(settings={"data_format": "csv"})
    assert_works(lab, told)
    assert told["action"] == "recreated"
    assert deploy(settings={"data_format": "csv"})["changed"] is False
    (statement,) = lab.iam_role()["Trust"]["Statement"]
    assert list(statement["Condition"]["StringEquals"]) == ["sts:ExternalId"]


def test_refused_placeholder_is_replaced_at_once(lab, deploy):
    lab.switch(trust_checked="at_creation")
    assert_works(lab, deploy(iam_propagation_timeout=0))
    writes = lab.writes()
    begin = writes.index("CreateEndpoint")
    assert writes[begin : begin + 4] == [
        "CreateEndpoint",
        "UpdateAssumeRolePolicy",
        "CreateEndpoint",
        "UpdateAssumeRolePolicy",
    ]


def test_role_that_is_refused_for_another_reason_is_refused_again(lab, deploy):
    lab.control.add_fault(
        service="dms",
        operation="CreateEndpoint",
        kind="error",
        code="AccessDeniedFault",
        message="The IAM Role is not configured properly.AccessDenied",
        count=None,
    )
    told = deploy(iam_propagation_timeout=0)
    assert (told["failed"], len(lab.calls("CreateEndpoint")), lab.endpoints()) == (True, 2, [])
    assert "check that it exists and that its trust admits dms.amazonaws.com" in told["msg"]
    lab.control.clear_faults()
    assert_works(lab, deploy())


def test_pass_role_is_not_allowed(lab, deploy):
    lab.switch(create_endpoint="pass_role_denied")
    told = deploy()
    assert told["failed"] is True
    assert "AWS Support must allow-list the accounts" in told["msg"]


@pytest.mark.parametrize("recreated", ["new", "same"])
def test_new_endpoint_that_cannot_assume_its_role_is_made_once_more(lab, deploy, recreated):
    lab.switch("lake", iam_propagation_uses=1)
    lab.switch(external_id_on_recreate=recreated)
    told = deploy(iam_propagation_timeout=0)
    assert len(lab.calls("CreateEndpoint")) == 2
    if recreated == "same":
        # The trust, which IAM has shown by now, was right.
        assert_works(lab, told)
    else:
        assert (told["failed"], told["action"]) == (True, "created")
        assert "DMS could not assume the access role" in told["msg"]
        assert trusted_ids(lab)[-1:] == [endpoint_of(lab)["ExternalId"]]
    assert_works(lab, deploy())


def test_role_that_is_never_seen_is_an_error_and_no_loop(lab, deploy):
    lab.switch("lake", iam_propagation_uses=10**6)
    told = deploy(iam_propagation_timeout=0)
    assert told["failed"] is True
    assert len(lab.calls("CreateEndpoint")) == 2
    lab.forget_calls()
    # One that was there before this run is not made again.
    assert deploy(iam_propagation_timeout=0)["failed"] is True
    assert lab.calls("CreateEndpoint", "DeleteEndpoint") == []


def test_iam_that_takes_its_time_is_waited_for(lab, deploy):
    lab.switch("lake", iam_propagation_uses=3)
    assert_works(lab, deploy())
    assert len(lab.calls("CreateEndpoint")) == 1


@pytest.mark.parametrize("kind", ["throttle", "error500", "reset_before"])
# STS, which is asked first in each account, is tried four times, and all others more often.
@pytest.mark.parametrize(("skip", "count"), [(3, 3), (8, 4)])
def test_trouble_that_passes(lab, deploy, kind, skip, count):
    lab.fault("*", "*", kind, count=count, skip=skip)
    assert_works(lab, deploy())


# A run that was killed


@pytest.mark.parametrize(
    ("side", "service", "operation"),
    [
        ("lake", "iam", "CreatePolicy"),
        ("lake", "iam", "CreateRole"),
        ("lake", "iam", "AttachRolePolicy"),
        ("dms", "dms", "CreateEndpoint"),
        ("lake", "iam", "UpdateAssumeRolePolicy"),
        ("dms", "dms", "TestConnection"),
        ("dms", "dms", "AddTagsToResource"),
    ],
)
def test_next_run_finishes_what_ended_before(lab, deploy, side, service, operation):
    denied(lab, side, service, operation)
    assert deploy()["failed"] is True
    assert lab.writes()[-1] == operation
    lab.forget_calls()
    told = deploy()
    assert_works(lab, told)
    # Nothing is made twice; a test that left no tag is made again.
    assert lab.writes() == WRITES[WRITES.index("TestConnection" if operation == "AddTagsToResource" else operation) :]
    assert deploy()["changed"] is False


def test_run_after_one_that_ended_before_the_test_waits_for_iam(lab, deploy):
    lab.switch("lake", iam_propagation_uses=2)
    denied(lab, "dms", "dms", "TestConnection")
    assert deploy()["failed"] is True
    lab.forget_calls()
    assert_works(lab, deploy())
    assert len(lab.calls("TestConnection")) > 1


@pytest.mark.parametrize("operation", [name for name in WRITES if name != "TestConnection"])
def test_lost_answer(lab, deploy, operation):
    lab.fault("*", operation, "reset_after")
    assert_works(lab, deploy())
    assert lab.calls(operation) == [operation] * 2
    assert deploy()["changed"] is False


OURS = {"deployment": "dev", "tags": {"team": "data"}}


def policy_only(lab):
    lab.role(**OURS)
    iam = lab.client("lake", "iam")
    iam.detach_role_policy(RoleName="dms-s3-crm", PolicyArn=lab.policy_arn)
    iam.delete_role(RoleName="dms-s3-crm")


def role_with_placeholder(lab):
    lab.role(**OURS)


def id_not_in_the_trust(lab):
    lab.role(**OURS)
    lab.endpoint(**OURS, expected_bucket_owner=lab.lake_account)


def id_of_an_endpoint_that_was_not_kept(lab):
    lab.switch(create_endpoint="answer_only")
    role_with_placeholder(lab)
    made = lab.endpoint(**OURS, expected_bucket_owner=lab.lake_account)
    lab.role(**OURS, external_ids=[made["external_id"]])
    assert lab.endpoints() == []


@pytest.mark.parametrize(
    "state",
    [policy_only, role_with_placeholder, id_not_in_the_trust, id_of_an_endpoint_that_was_not_kept],
    ids=lambda state: state.__name__,
)
@pytest.mark.parametrize("check_first", [False, True])
def test_run_goes_on_from_what_another_left(lab, deploy, predicted, state, check_first):
    state(lab)
    lab.forget_calls()
    if check_first:
        assert predicted(lab.deployment, [lab.host()])["changed"] is True
    assert_works(lab, deploy())
    assert deploy()["changed"] is False


# Side by side


@pytest.mark.parametrize("parallel", [1, 4])
def test_many_hosts_and_each_account_is_assumed_once(lab, parallel):
    names = [f"host-{number}" for number in range(12)]
    lab.forget_calls()
    result = lab.deployment([lab.host(name) for name in names], parallel=parallel)
    journal = lab.control.journal()
    assert (list(result["hosts"]), result["postponed"], result["warnings"]) == (names, [], [])
    for name in names:
        assert_works(lab, result["hosts"][name], name)
    assert len({one["ExternalId"] for one in lab.endpoints()}) == 12
    calls = Counter(one["operation"] for one in journal)
    assert (calls["AssumeRole"], calls["ListRoles"], calls["CreateEndpoint"]) == (2, 1, 12)
    assert len({one["access_key"] for one in journal if one["service"] != "sts"}) == 2


def test_no_hosts_are_nothing_to_do(lab):
    lab.forget_calls()
    result = lab.deployment([])
    assert (result["changed"], result["hosts"], result["asked"], lab.calls()) == (False, {}, [], [])


@pytest.mark.parametrize("parallel", [0, -3])
def test_less_than_one_at_a_time_is_one(lab, parallel):
    assert_works(lab, lab.deployment([lab.host()], parallel=parallel)["hosts"]["crm"])


def test_failure_is_not_repeated_where_the_checks_have_warned_of_its_cause(lab):
    """A failed test after a change may be IAM's delay, whatever its text says."""
    elsewhere = {"bucket_name": "no-such-bucket", "iam_propagation_timeout": 1}
    obstacle = "The subnets subnet-1 of the replication instance have no route to s3."
    tests = []
    for name, known in (("crm", []), ("erp", [obstacle])):
        lab.forget_calls()
        told = lab.deployment([{**lab.host(name, **elsewhere), "known_obstacles": known}])["hosts"][name]
        assert (told["failed"], obstacle in told["msg"]) == (True, bool(known))
        tests.append(lab.calls().count("TestConnection"))
    assert tests[0] > tests[1] == 1
