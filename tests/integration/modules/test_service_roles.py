# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_service_roles: made, taken over, completed, shared by runs at once, and removed only where nobody needs them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._accounts import service_role_plan, service_roles
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from builders import admits, policy_document

pytestmark = pytest.mark.once

VPC, LOGS, REDSHIFT = service_role_plan.SERVICE_ROLES
QUICKLY = {"aws_config": {"retries": {"mode": "standard", "total_max_attempts": 3}}}
ELSEWHERE = "eu-west-1"


def trust_of(*services, **more):
    return policy_document(admits(list(services), **more))


def make_by_hand(lab, name=VPC, trust=None):
    iam = lab.client("dms", "iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust or trust_of("dms.amazonaws.com")))
    return iam


def remove_the_instance(lab):
    lab.client("dms", "dms").delete_replication_instance(ReplicationInstanceArn=lab.instance_arn)


def test_made_as_predicted_and_healthy(lab, predicted):
    options = {"roles": [VPC, LOGS, REDSHIFT], "tags": {"team": "data"}, "deployment": "lake-dev"}
    prediction = predicted(lab.service_roles, **options)
    result = lab.service_roles(**options)
    assert prediction == result
    assert (result["changed"], result["made"], result["findings"]) == (True, [VPC, LOGS, REDSHIFT], [])
    assert result["diff"] == {"before": {VPC: None, LOGS: None, REDSHIFT: None}, "after": result["roles"]}
    for name, role in result["roles"].items():
        stands = lab.iam_role(name, "dms")
        assert stands["Trust"] == role["assume_role_policy_document"]
        assert list(stands["AttachedPolicies"]) == role["attached_policies"]
        assert stands["Tags"] == role["tags"]
    assert stands["Trust"]["Statement"][0]["Principal"]["Service"] == ["dms.amazonaws.com", "redshift.amazonaws.com"]
    assert service_roles.read(lab.client("dms", "iam"), [VPC, LOGS, REDSHIFT]) == result["roles"]
    lab.forget_calls()
    # Another deployment shares them as they are.
    again = lab.service_roles(deployment="lake-prod", tags={"team": "other"})
    assert (again["changed"], again["diff"]["before"] == again["diff"]["after"], lab.writes()) == (False, True, [])


def test_taken_over_completed_and_never_removed(lab, predicted):
    hardened = trust_of("dms.amazonaws.com", Condition={"StringEquals": {"aws:SourceAccount": lab.dms_account}})
    make_by_hand(lab, VPC, hardened)
    make_by_hand(lab, LOGS, trust_of("backup.amazonaws.com"))
    prediction = predicted(lab.service_roles, deployment="lake-dev")
    result = lab.service_roles(deployment="lake-dev")
    assert prediction == result
    assert (result["changed"], result["made"], result["findings"]) == (True, [], [])
    vpc, logs = lab.iam_role(VPC, "dms"), lab.iam_role(LOGS, "dms")
    assert vpc["Trust"] == hardened
    assert [s["Principal"]["Service"] for s in logs["Trust"]["Statement"]] == [
        ["backup.amazonaws.com"],
        ["dms.amazonaws.com"],
    ]
    assert [next(iter(r["AttachedPolicies"])).rpartition("/")[2] for r in (vpc, logs)] == [
        "AmazonDMSVPCManagementRole",
        "AmazonDMSCloudWatchLogsRole",
    ]
    assert vpc["Tags"] == logs["Tags"] == {}
    assert lab.service_roles()["changed"] is False
    remove_the_instance(lab)
    lab.forget_calls()
    kept = lab.service_roles(state="absent", deployment="lake-dev")
    assert (kept["changed"], list(kept["kept"]), lab.writes()) == (False, [VPC, LOGS], [])
    assert kept["warnings"][0] == "dms-vpc-role was not created by this collection and stays."


def test_condition_that_stops_the_logs_is_told_and_left(lab):
    trust = trust_of("dms.amazonaws.com", Condition={"StringEquals": {"aws:SourceAccount": lab.dms_account}})
    make_by_hand(lab, LOGS, trust)
    result = lab.service_roles(roles=[LOGS])
    assert len(result["findings"]) == 1
    assert "aws:SourceAccount" in result["findings"][0]
    assert result["warnings"] == result["findings"]
    assert lab.iam_role(LOGS, "dms")["Trust"] == trust


def test_runs_at_once_all_succeed(lab):
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(lab.service_roles, deployment=f"lake-{n}") for n in range(4)]
        results = [run.result() for run in runs]
    assert all(r["roles"][VPC]["attached_policies"] for r in results)
    assert lab.service_roles()["changed"] is False
    assert service_role_plan.problems(service_roles.read(lab.client("dms", "iam"), [VPC, LOGS]), [VPC, LOGS]) == []


def test_role_that_somebody_makes_in_this_very_moment_is_completed(lab):
    """The first look finds nothing; CreateRole answers that the role is there, and it is somebody else's."""
    make_by_hand(lab, VPC, trust_of("backup.amazonaws.com"))
    lab.fault("iam", "GetRole", "error", "dms", code="NoSuchEntity", status=404)
    result = lab.service_roles(roles=[VPC])
    assert result["changed"] is True
    assert len(lab.iam_role(VPC, "dms")["Trust"]["Statement"]) == 2
    assert (result["made"], lab.iam_role(VPC, "dms")["Tags"]) == ([], {})
    assert lab.service_roles(roles=[VPC])["changed"] is False


def test_role_that_comes_and_goes_is_told(lab):
    lab.fault("iam", "CreateRole", "error", "dms", code="EntityAlreadyExists", status=409)
    with pytest.raises(Exception, match="dms-vpc-role was created and deleted by others at the same time"):
        lab.service_roles(roles=[VPC])


@pytest.mark.parametrize("operation", ["CreateRole", "AttachRolePolicy", "UpdateAssumeRolePolicy"])
def test_lost_answer_and_change_by_others_at_once(lab, operation):
    if operation == "UpdateAssumeRolePolicy":
        make_by_hand(lab, VPC, trust_of("backup.amazonaws.com"))
    lab.fault("iam", operation, "error", "dms", code="ConcurrentModification", status=409)
    lab.fault("iam", operation, "reset_after", "dms")
    assert lab.service_roles(roles=[VPC], **QUICKLY)["changed"] is True
    assert lab.calls(operation) == [operation] * 3
    assert lab.service_roles(roles=[VPC])["changed"] is False


@pytest.mark.parametrize("killed_at", ["AttachRolePolicy", "CreateRole"])
def test_interrupted_run_is_finished(lab, killed_at):
    lab.fault("iam", killed_at, "error", "dms", code="AccessDenied", skip=1, count=1)
    with pytest.raises(Exception, match="AccessDenied"):
        lab.service_roles(deployment="lake-dev")
    result = lab.service_roles(deployment="lake-dev")
    assert (result["changed"], result["made"]) == (True, [VPC, LOGS])
    assert lab.service_roles(deployment="lake-dev")["changed"] is False


def test_removed_as_predicted(lab, predicted):
    lab.service_roles(roles=[VPC, LOGS, REDSHIFT], deployment="lake-dev")
    remove_the_instance(lab)
    options = {"state": "absent", "roles": [VPC, LOGS, REDSHIFT], "regions": [lab.region, ELSEWHERE]}
    prediction = predicted(lab.service_roles, **options)
    result = lab.service_roles(**options)
    assert prediction == result
    assert (result["changed"], result["roles"], result["kept"]) == (True, {VPC: None, LOGS: None, REDSHIFT: None}, {})
    assert [lab.iam_role(name, "dms") for name in (VPC, LOGS, REDSHIFT)] == [None] * 3
    lab.forget_calls()
    assert lab.service_roles(**options)["changed"] is False
    # With nothing to remove nobody asks DMS.
    assert {operation for operation in lab.calls() if not operation.startswith("AssumeRole")} == {"GetRole"}


def users(lab, kind):
    """Leave one thing that needs the roles, in the other region where it can be alone; what it is called."""
    if kind == "replication instance":
        remove_the_instance(lab)
        made = {"ReplicationInstanceIdentifier": "shared", "ReplicationInstanceClass": "dms.t3.medium"}
        lab.client("dms", "dms", ELSEWHERE).create_replication_instance(**made)
        return f"still needed by replication instance shared in {ELSEWHERE}"
    arn = lab.working_endpoint()["endpoint"]["endpoint_arn"]
    if kind == "serverless replication":
        lab.serverless(arn)
        remove_the_instance(lab)
        return f"still needed by serverless replication without-servers in {lab.region}"
    lab.task(arn)
    return f"replication instance dev in {lab.region}, replication task copy in {lab.region}"


@pytest.mark.parametrize("kind", ["replication instance", "replication task", "serverless replication"])
def test_stay_while_somebody_needs_them(lab, kind):
    lab.service_roles()
    said = users(lab, kind)
    lab.forget_calls()
    result = lab.service_roles(state="absent", regions=[lab.region, ELSEWHERE])
    assert (result["changed"], list(result["kept"]), lab.writes()) == (False, [VPC, LOGS], [])
    assert said in result["kept"][VPC]
    assert all(said in warning for warning in result["warnings"])


def test_region_that_cannot_be_asked_is_not_an_empty_one(lab, refused):
    lab.service_roles()
    remove_the_instance(lab)
    lab.fault("dms", "DescribeReplicationTasks", "error", "dms", code="AccessDeniedException", region=ELSEWHERE)
    assert "AccessDeniedException" in refused(lab.service_roles, state="absent", regions=[lab.region, ELSEWHERE])
    assert lab.iam_role(VPC, "dms")


@pytest.mark.parametrize("operation", ["DetachRolePolicy", "DeleteRole"])
def test_removal_with_a_lost_answer(lab, operation):
    lab.service_roles()
    remove_the_instance(lab)
    lab.fault("iam", operation, "reset_after", "dms")
    assert lab.service_roles(state="absent", **QUICKLY)["changed"] is True
    assert lab.iam_role(VPC, "dms") is None


def test_deployment_that_cannot_be_a_tag_is_refused(lab, refused):
    assert refused(lab.service_roles, deployment="a b").startswith("deployment=a b must be")


def test_removal_without_a_region_is_refused(lab, refused, monkeypatch):
    lab.service_roles()
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    sentence = refused(lab.service_roles, state="absent")
    assert sentence.endswith("You must specify a region; set region, or AWS_REGION in the environment.")


def test_removal_needs_regions():
    """A guard: without a region, AWS's client fails before."""
    with pytest.raises(DatalakeError, match=r"regions is required for state=absent, or region; set it to the regions"):
        service_roles._users_of_dms({"regions": []}, None)
