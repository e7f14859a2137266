# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_verification: each thing that drifted is said in a sentence, for each host by itself, and nothing is written."""

from __future__ import annotations

import json

import pytest
from builders import admits, allows, policy_document

pytestmark = pytest.mark.once

OTHER_TEAM = [{"Key": "team", "Value": "other"}]
TESTED_TAG = "datalake.dms:connection-tested"
BOB = {"owner": "bob@desk", "id": "b1", "machine": "elsewhere", "pid": 7, "started": "99"}


@pytest.fixture
def deployed(lab):
    """An endpoint as a deployment leaves it; its ARN."""
    return deploy(lab)


def deploy(lab, name="crm", **variables):
    told = lab.deployment([lab.host(name, **variables)])["hosts"][name]
    assert not told["failed"], told["msg"]
    return told["endpoint_arn"]


def begin(lab, **options):
    """Begin a replacement, which is then interrupted; when it began."""
    replacement = lab.replacement(**options)
    replacement.stop_tasks("recreated")
    return replacement.journal.current.began


@pytest.fixture
def verify(lab):
    """Verify one host; what was found, after proof that nothing was written."""

    def run(name="crm", **variables):
        lab.forget_calls()
        result = lab.verification([lab.host(name, **variables)])
        assert (result["changed"], lab.writes(), list(result["hosts"])) == (False, [], [name])
        told = result["hosts"][name]
        assert told["failed"] is bool(told["findings"])
        assert told["changed"] is False
        return told

    return run


@pytest.fixture
def finding(verify):
    """Verify one host that drifted in one thing; the sentence."""

    def run(**variables):
        told = verify(**variables)
        (found,) = told["findings"]
        assert told["msg"].startswith(f"dev-crm: {found}. Run deploy.yml to correct it.")
        return found

    return run


def put_trust(lab, *statements, name="dms-s3-crm", side="lake"):
    trust = json.dumps(policy_document(*statements))
    lab.client(side, "iam").update_assume_role_policy(RoleName=name, PolicyDocument=trust)


def statements(lab, name="dms-s3-crm"):
    return list(lab.iam_role(name)["Trust"]["Statement"])


# No drift


def test_endpoint_as_declared(lab, deployed, verify):
    told = verify()
    assert told["msg"] == "dev-crm: no drift, connection successful."
    assert (told["findings"], told["foreign"], told["connection_status"]) == ([], [], "successful")
    assert told["external_id_state"] == "trusted"


def test_endpoint_that_bucket_and_key_admit(lab, verify):
    given = {"access": "bucket_policy", "kms_key_arn": lab.key_arn}
    deploy(lab, **given)
    assert verify(**given)["msg"] == "dev-crm: no drift, connection successful."


def test_endpoint_within_one_account(lab, verify):
    given = {
        "lake_account_id": lab.dms_account,
        "lake_assume_role_arn": lab.deployers["dms"],
        "bucket_name": lab.journals,
        "environments": {"dev": {"dms_account_id": lab.dms_account, "lake_account_id": lab.dms_account}},
    }
    assert verify(**given)["external_id_state"] == "not_used"
    deploy(lab, **given)
    told = verify(**given)
    assert (told["msg"], told["external_id_state"]) == ("dev-crm: no drift, connection successful.", "not_used")


def test_endpoint_without_a_replication_instance_is_not_tested_and_no_drift(lab, verify):
    given = {"replication_instance_arn": ""}
    deploy(lab, **given)
    assert (
        verify(**given)["msg"]
        == "dev-crm: no drift, connection not tested: s3_endpoint_replication_instance_arn is not set."
    )


def test_dms_is_read_once_for_all(lab):
    names = [f"host-{number}" for number in range(5)]
    lab.deployment([lab.host(name) for name in names])
    lab.forget_calls()
    told = lab.verification([lab.host(name) for name in names])["hosts"]
    assert (list(told), {one["failed"] for one in told.values()}) == (names, {False})
    once = (
        "DescribeEndpoints",
        "ListTagsForResource",
        "DescribeConnections",
        "ListObjectsV2",
        "ListRoles",
        "HeadBucket",
    )
    assert sorted(lab.calls(*once)) == sorted(once)
    # No call has the tags of many policies.
    assert (len(lab.calls("GetRole")), len(lab.calls("GetPolicy"))) == (0, 5)


def test_roles_are_listed_only_where_the_list_is_used(lab, verify):
    """The role of the former access mode is then in the data-lake account, where it is read on its own."""
    given = {"access": "bucket_policy"}
    deploy(lab, **given)
    lab.forget_calls()
    assert verify(**given)["findings"] == []
    assert lab.calls("ListRoles") == []


# The endpoint


def test_endpoint_that_is_not_there(lab, verify):
    told = verify()
    assert told["findings"][0] == "the endpoint does not exist"
    assert (told["connection_status"], told["external_id_state"]) == ("unverified", "pending")
    # Nothing stands of its role either, and nothing was tested.
    assert told["findings"][1].startswith("role or policy differs: role is not set, declared ")
    assert told["findings"][2:] == ["the connection has no successful test since the last change"]


def test_endpoint_that_is_gone_while_its_role_stands(lab, deployed, verify):
    lab.client("dms", "dms").delete_endpoint(EndpointArn=deployed)
    told = verify()
    assert (told["findings"][0], told["external_id_state"]) == ("the endpoint does not exist", "pending")
    assert not any("role or policy" in found for found in told["findings"])


def test_endpoint_that_differs(lab, deployed, verify):
    told = verify(settings={"data_format": "csv"})
    assert told["findings"][0].startswith("the endpoint differs in data_format: ")
    assert "settings.data_format is parquet, declared csv" in told["findings"][0]


def test_tags_of_the_endpoint(lab, deployed, finding):
    lab.client("dms", "dms").add_tags_to_resource(ResourceArn=deployed, Tags=OTHER_TEAM)
    assert finding() == "the endpoint differs in tags: tags.team is other, declared data"


def test_endpoint_on_its_way_out_is_waited_for(lab, deployed, verify):
    """What was read once for all can't say what becomes of it."""
    lab.switch(deleting_polls=4)
    lab.client("dms", "dms").delete_endpoint(EndpointArn=deployed)
    assert verify()["findings"][0] == "the endpoint does not exist"
    assert len(lab.calls("DescribeEndpoints")) > 1


def test_endpoint_of_another_deployment(lab, deployed, verify):
    told = verify(deployment="other")
    assert "dev-crm belongs to the deployment dev" in told["msg"]
    assert (told["connection_status"], told["findings"]) == (None, [told["msg"]])


# Role, trust and policies


def test_trust_that_is_open(lab, deployed, verify):
    put_trust(lab, *statements(lab), admits(Sid="Open"))
    told = verify()
    text = "the trust's statement Open lets dms.amazonaws.com assume the role without sts:ExternalId, for any customer of DMS"
    assert told["findings"][0] == text
    # And what a deployment would do about it.
    assert told["findings"][1].startswith("role or policy differs: ")
    assert len(told["findings"]) == 2


def test_trust_without_the_id(lab, deployed, finding):
    (ours,) = statements(lab)
    (external_id,) = ours["Condition"]["StringEquals"]["sts:ExternalId"]
    ours["Condition"]["StringEquals"]["sts:ExternalId"] = ["datalake-dms-placeholder-0123"]
    put_trust(lab, ours)
    assert f'sts:ExternalId lacks ["{external_id}"]' in finding()


@pytest.mark.parametrize("tested", [True, False])
def test_old_id_is_drift_only_where_a_deployment_would_remove_it(lab, deployed, verify, tested):
    ids = [*statements(lab)[0]["Condition"]["StringEquals"]["sts:ExternalId"], "the-one-before"]
    lab.role(external_ids=ids, deployment="dev", tags={"team": "data"})
    found = verify(**({} if tested else {"replication_instance_arn": ""}))["findings"]
    assert len(found) == (1 if tested else 0)
    assert all('sts:ExternalId has ["the-one-before"], not declared' in text for text in found)


def test_policy_that_differs(lab, deployed, finding):
    statement = {"Sid": "WriteObjects", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    document = json.dumps(policy_document(statement))
    iam = lab.client("lake", "iam")
    iam.create_policy_version(PolicyArn=lab.policy_arn, PolicyDocument=document, SetAsDefault=True)
    text = finding()
    assert text.startswith("role or policy differs: policy.document.Statement.")
    assert "policy.document.Statement.WriteObjects.Resource" in text


def test_policy_that_is_not_attached(lab, deployed, finding):
    lab.client("lake", "iam").detach_role_policy(RoleName="dms-s3-crm", PolicyArn=lab.policy_arn)
    assert finding() == f'role or policy differs: role.attached_policies lacks ["{lab.policy_arn}"]'


def test_tags_of_the_role(lab, deployed, finding):
    lab.client("lake", "iam").tag_role(RoleName="dms-s3-crm", Tags=OTHER_TEAM)
    assert finding() == "role or policy differs: role.tags.team is other, declared data"


def test_tags_of_the_policy(lab, deployed, finding):
    """A survey takes them to be those of the role."""
    lab.client("lake", "iam").tag_policy(PolicyArn=lab.policy_arn, Tags=OTHER_TEAM)
    assert lab.survey([lab.host()])["unchanged"] == ["crm"]
    assert finding() == "role or policy differs: policy.tags.team is other, declared data"


def test_boundary_that_differs(lab, deployed, verify):
    found = verify(permissions_boundary=f"arn:aws:iam::{lab.lake_account}:policy/limit")["findings"]
    assert found[0].startswith("role or policy differs: role.permissions_boundary is not set, declared arn:aws:iam::")


def test_bucket_and_key_that_do_not_admit_the_role(lab, verify):
    given = {"access": "bucket_policy", "kms_key_arn": lab.key_arn}
    deploy(lab, **given)
    lab.client("lake", "s3").delete_bucket_policy(Bucket=lab.bucket)
    (found,) = verify(**given)["findings"]
    assert found.startswith("what the policies of bucket and key admit differs: bucket is not set, declared ")


# The former access mode


def own_role(lab, side, path="/", deployment="dev", name="dms-s3-crm"):
    trust = json.dumps(policy_document(admits()))
    tags = [{"Key": "datalake.dms:deployment", "Value": deployment}]
    iam = lab.client(side, "iam")
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Path=path, Tags=tags)["Role"]["Arn"]


def test_role_of_the_former_access_mode(lab, deployed, finding):
    arn = own_role(lab, "dms")
    assert finding() == f"the role of the former access mode still exists: {arn}"


def test_role_of_the_former_access_mode_in_the_data_lake_account(lab, finding):
    given = {"access": "bucket_policy"}
    deploy(lab, **given)
    arn = own_role(lab, "lake")
    assert finding(**given) == f"the role of the former access mode still exists: {arn}"


@pytest.mark.parametrize(
    "somebody_elses",
    [{"deployment": "other"}, {"path": "/elsewhere/"}, {"name": "dms-s3-erp"}],
    ids=str,
)
def test_role_of_somebody_else_is_no_drift(lab, deployed, verify, somebody_elses):
    own_role(lab, "dms", **somebody_elses)
    assert verify()["findings"] == []


def test_role_of_the_other_mode_that_does_not_trust_dms_is_no_access_role(lab, deployed, verify):
    own_role(lab, "dms")
    put_trust(lab, admits("ec2.amazonaws.com"), side="dms")
    assert verify()["findings"] == []


def test_role_of_the_former_access_mode_stays_where_nothing_is_tested(lab, verify):
    given = {"replication_instance_arn": ""}
    deploy(lab, **given)
    own_role(lab, "dms")
    assert verify(**given)["findings"] == []


def test_role_that_the_endpoint_still_uses_is_told_with_the_endpoint(lab, verify):
    deploy(lab, access="bucket_policy")
    found = verify()["findings"]
    assert "service_access_role_arn" in found[0]
    assert not any("former access mode" in text for text in found)


def test_setting_that_aws_returns_otherwise_is_a_finding_and_no_drift(lab, verify):
    lab.switch(cdc_path_in_settings="dropped")
    given = {"settings": {"data_format": "parquet", "cdc_path": "changes"}}
    deploy(lab, **given)
    lab.forget_calls()
    deploy(lab, **given)
    assert lab.writes() == []
    told = verify(**given)
    assert (told["failed"], told["differences"]) == (True, [])
    assert told["findings"] == [
        "AWS does not return cdc_path though 'changes' was sent; set it in extra_connection_attributes, or leave it out"
    ]
    assert "no drift, connection successful." in told["msg"]
    assert told["msg"].endswith("; deploy.yml leaves the endpoint alone.")


# The connection


def test_connection_that_was_never_tested(lab, deployed, finding):
    lab.client("dms", "dms").delete_connection(EndpointArn=deployed, ReplicationInstanceArn=lab.instance_arn)
    assert finding() == "the connection has no successful test since the last change"


def test_connection_whose_test_left_no_tag(lab, deployed, finding):
    lab.client("dms", "dms").remove_tags_from_resource(ResourceArn=deployed, TagKeys=[TESTED_TAG])
    assert finding() == "the connection has no successful test since the last change"


def test_connection_that_failed_last(lab, deployed, finding):
    trust = statements(lab)
    put_trust(lab, admits("ec2.amazonaws.com"))
    lab.test(deployed, test="always", iam_propagation_timeout=0)
    put_trust(lab, *trust)
    text = finding()
    assert text.startswith("the last connection test failed (Test Endpoint failed: ")
    assert "Failed to assume role" in text


# A replacement


def test_interrupted_replacement(lab, deployed, finding):
    began = begin(lab)
    assert finding() == f"its replacement, begun {began}, was interrupted"


def test_interrupted_replacement_whose_endpoint_is_gone(lab, deployed, verify):
    """It is compared with what it was to take over."""
    begin(lab)
    lab.client("dms", "dms").delete_endpoint(EndpointArn=deployed)
    found = verify()["findings"]
    assert found[0].startswith("its replacement, begun ")
    assert found[1] == "the endpoint does not exist"


def test_tags_that_an_endpoint_takes_over_count_as_its_own(lab, verify):
    """As of an endpoint that exists: what was there before stays without purge_tags, and is not asked for again."""
    declared = {"purge_tags": False, "required_tags": ["owner"]}
    arn = deploy(lab, tags={"team": "data", "owner": "jane"}, **declared)
    begin(lab)
    lab.client("dms", "dms").delete_endpoint(EndpointArn=arn)
    assert verify(**declared)["findings"][1] == "the endpoint does not exist"


def test_role_that_an_interrupted_replacement_goes_back_to_is_no_drift(lab, verify):
    arn = deploy(lab, access="bucket_policy")
    begin(lab, trusted_account_ids=[lab.lake_account])
    lab.client("dms", "dms").delete_endpoint(EndpointArn=arn)
    found = verify()["findings"]
    assert found[0].startswith("its replacement, begun ")
    assert not any("former access mode" in text for text in found)


def test_role_before_is_no_drift_while_the_replacement_may_go_back_to_it(lab, verify):
    """The endpoint exists again, with the role of the new access mode."""
    deploy(lab, access="bucket_policy")
    begin(lab, trusted_account_ids=[lab.lake_account])
    lab.role(deployment="dev", tags={"team": "data"})
    lab.endpoint(
        recreate=True, deployment="dev", tags={"team": "data"}, exact=True, expected_bucket_owner=lab.lake_account
    )
    assert lab.endpoints()[0]["S3Settings"]["ServiceAccessRoleArn"] == lab.role_arn
    found = verify()["findings"]
    assert found[0].startswith("its replacement, begun ")
    assert not any("former access mode" in text for text in found)


def test_replacement_of_another_run(lab, deployed, finding):
    begin(lab, run=BOB)
    text = finding()
    assert "bob@desk" in text
    assert "its replacement" not in text


@pytest.mark.parametrize("text", ["{}", "no journal at all"])
def test_journal_that_is_none(lab, deployed, verify, text):
    key = f"datalake-dms/{lab.region}/dev-crm.json"
    lab.client("dms", "s3").put_object(Bucket=lab.journals, Key=key, Body=text.encode())
    told = verify()
    assert (told["failed"], told["connection_status"]) == (True, "successful")
    assert len(told["findings"]) == 1
    assert ".." not in told["msg"]


def test_journals_that_cannot_be_read(lab, deployed, verify):
    message = "User: x is not authorized to perform: s3:ListBucket"
    lab.fault("s3", "ListObjectsV2", "error", "dms", code="AccessDenied", message=message, status=403)
    (found,) = verify()["findings"]
    assert "not authorized to perform: s3:ListBucket" in found
    assert not found.endswith(".")


def test_no_journals_are_nothing_to_read(lab, deployed, verify):
    assert verify(journal_bucket="")["failed"] is False
    assert lab.calls("ListObjectsV2", "GetObject") == []


# What somebody else added


def test_foreign_things_are_listed_and_are_no_drift(lab, deployed, verify):
    iam = lab.client("lake", "iam")
    document = policy_document(allows("s3:List*"))
    policy = iam.create_policy(PolicyName="of-the-auditors", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="dms-s3-crm", PolicyArn=policy)
    iam.put_role_policy(RoleName="dms-s3-crm", PolicyName="inline", PolicyDocument=json.dumps(document))
    auditor = admits(Sid="Auditor", Principal={"AWS": f"arn:aws:iam::{lab.lake_account}:root"})
    put_trust(lab, *statements(lab), auditor)
    told = verify()
    assert (told["failed"], told["findings"]) == (False, [])
    assert told["foreign"] == [
        f"others attached {policy}",
        "others added the inline policy inline",
        f"others added the trust statement {json.dumps(auditor)}",
    ]
    assert told["msg"] == f"dev-crm: no drift, connection successful. dms-s3-crm: {'; '.join(told['foreign'])}."


def test_foreign_things_are_listed_beside_drift(lab, deployed, verify):
    iam = lab.client("lake", "iam")
    document = policy_document(allows("s3:List*"))
    iam.put_role_policy(RoleName="dms-s3-crm", PolicyName="inline", PolicyDocument=json.dumps(document))
    iam.tag_role(RoleName="dms-s3-crm", Tags=OTHER_TEAM)
    told = verify()
    assert told["failed"] is True
    assert told["msg"].endswith("Run deploy.yml to correct it. dms-s3-crm: others added the inline policy inline.")


# Whose failure it is


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"dms_account_id": "999900001111"}, "correct the inventory or the map"),
        ({"lake_account_id": "999900001111"}, "correct the inventory or the map"),
        ({"dms_assume_role_external_id": "not-the-one"}, "could not be assumed"),
        ({"lake_assume_role_external_id": "not-the-one"}, "could not be assumed"),
        ({"environment": "test"}, "environment=test is not in the map of environments"),
        ({"bucket_name": "no-such-bucket"}, "Bucket no-such-bucket does not exist"),
        ({"settings": {"data_format": "xml"}}, "s3_settings.data_format=xml must be one of"),
        ({"identifier": "dev--erp"}, "endpoint_identifier=dev--erp must begin with a letter"),
    ],
    ids=str,
)
def test_wrong_host_fails_alone(lab, deployed, wrong, sentence):
    lab.forget_calls()
    told = lab.verification([lab.host("erp", **wrong), lab.host()])["hosts"]
    assert (told["erp"]["failed"], told["erp"]["connection_status"]) == (True, None)
    assert sentence in told["erp"]["msg"]
    assert told["erp"]["findings"] == [told["erp"]["msg"]]
    assert told["crm"]["msg"] == "dev-crm: no drift, connection successful."
    assert lab.writes() == []


def test_problem_that_was_told_before_is_a_failure(lab, deployed):
    told = lab.verification([lab.host()], problems={"erp": "The variables are not right."})["hosts"]
    assert (told["erp"]["failed"], told["erp"]["msg"]) == (True, "The variables are not right.")
    assert told["crm"]["failed"] is False


def test_denied_read_of_a_role_is_the_failure_of_one_host(lab, deployed):
    deploy(lab, "erp")
    message = "User: x is not authorized to perform: iam:GetRole"
    lab.fault("iam", "GetRole", "error", "lake", code="AccessDenied", message=message)
    one_by_one = {"account_wide": False}
    told = lab.verification([lab.host(**one_by_one), lab.host("erp", **one_by_one)], parallel=1)["hosts"]
    assert (told["crm"]["failed"], told["erp"]["failed"]) == (True, False)
    assert "grant it to the credentials" in told["crm"]["msg"]


@pytest.mark.parametrize("operation", ["DescribeEndpoints", "ListTagsForResource", "DescribeConnections"])
def test_denied_read_of_dms_is_the_failure_of_all(lab, deployed, operation):
    message = f"User: x is not authorized to perform: dms:{operation}"
    lab.fault("dms", operation, "error", "dms", code="AccessDeniedException", message=message)
    told = lab.verification([lab.host(), lab.host("erp")])["hosts"]
    assert [one["failed"] for one in told.values()] == [True, True]
    assert all(message in one["msg"] for one in told.values())


def test_failed_task_is_a_finding_and_no_drift(lab, deployed, verify):
    lab.start(lab.task(deployed, "runs"))
    lab.failed_task(deployed)
    told = verify()
    (found,) = told["findings"]
    assert found.startswith("its task copy is failed (Stop Reason FATAL_ERROR")
    assert told["msg"].startswith("dev-crm: no drift, connection successful. But its task copy is failed (")
    assert told["msg"].endswith("Correct the cause and start it again; deploy.yml does not.")


def test_tasks_that_can_not_be_read_are_a_warning(lab, deployed):
    lab.fault("dms", "DescribeReplicationTasks", "error", "dms", code="AccessDeniedException", message="not authorized")
    result = lab.verification([lab.host()])
    assert result["hosts"]["crm"]["failed"] is False
    assert result["warnings"][0].startswith("Tasks that do not run are not named, because they can't be read: ")


@pytest.mark.parametrize("more", [{}, {"settings": {"data_format": "xml"}}], ids=str)
def test_secret_is_never_told(lab, more):
    given = {"extra_connection_attributes": "password=very-hidden-thing;"}
    deploy(lab, **given)
    for hidden in ("very-hidden-thing", "as-hidden-as-before"):
        host = lab.host(extra_connection_attributes=f"password={hidden};", **more)
        told = json.dumps(lab.verification([host]))
        assert "very-hidden-thing" not in told
        assert "as-hidden-as-before" not in told


def test_secret_that_differs_is_told_to_differ(lab, verify):
    deploy(lab, extra_connection_attributes="password=very-hidden-thing;")
    assert verify(extra_connection_attributes="password=very-hidden-thing;")["failed"] is False
    found = verify(extra_connection_attributes="password=another-one;")["findings"]
    assert found[0].startswith("the endpoint differs in ")


def test_many_hosts_side_by_side(lab):
    names = [f"host-{number}" for number in range(12)]
    lab.deployment([lab.host(name) for name in names])
    drifted = names[::3]
    for name in drifted:
        lab.client("lake", "iam").tag_role(RoleName=f"dms-s3-{name}", Tags=OTHER_TEAM)
    for parallel in (1, 4):
        lab.forget_calls()
        told = lab.verification([lab.host(name) for name in names], parallel=parallel)["hosts"]
        assert list(told) == names
        assert [name for name in names if told[name]["failed"]] == drifted
        assert len([one for one in lab.control.journal() if one["operation"] == "AssumeRole"]) == 2
        assert lab.writes() == []
