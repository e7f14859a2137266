# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bootstrap_trust=powerless: an endpoint is created while the trust of its role is open, and no permission ever meets that."""

from __future__ import annotations

import json

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._access import role_plan
from builders import allows, policy_document

pytestmark = pytest.mark.once

POWERLESS = {"bootstrap_trust": "powerless"}
CONSENT = {"replace_tasks": True, "source_log_retention": 86400}
CSV = {"settings": {"data_format": "csv"}}
QUOTA = {"code": "ResourceQuotaExceededFault", "message": "No more of them."}
DENIED = {"code": "AccessDenied", "message": "not authorized to perform: this any more", "status": 403}
OPEN = "dev-crm: until its ExternalId is known, the trust of dms-s3-crm is open to DMS, and the role has no policy. "


@pytest.fixture(autouse=True)
def strict(lab, monkeypatch):
    """AWS assumes the role at creation, without any condition key; the tests do not wait for earlier sessions to be denied."""
    lab.switch(trust_checked="at_creation_without_keys")
    monkeypatch.setattr(role_plan, "CLOSING_SECONDS", 0)


def deploy(lab, check=False, **variables):
    return lab.deployment([lab.host(**{**CONSENT, **POWERLESS, **variables})], check)["hosts"]["crm"]


def is_open(trust):
    return any("StringEquals" not in statement.get("Condition", {}) for statement in trust["Statement"])


def history(lab):
    """The open trusts that roles ever had, each with the policies of that time."""
    return [trust["Policies"] for trust in lab.control.state(lab.lake_account)["trusts"] if is_open(trust)]


def denial(lab):
    document = lab.policies()[lab.policy_arn]["Document"]
    return [statement for statement in document["Statement"] if statement["Sid"] == "DenyEarlierSessions"]


def assert_closed(lab):
    assert not is_open(lab.iam_role()["Trust"])
    assert all(policies == [] for policies in history(lab))


def test_endpoint_is_created(lab):
    assert deploy(lab, bootstrap_trust="auto")["failed"] is True
    assert history(lab) == []
    told = deploy(lab)
    assert (told["failed"], told["connection_status"]) == (False, "successful"), told["msg"]
    assert told["msg"] == f"{OPEN}dev-crm: endpoint created, connection successful."
    assert history(lab) == [[]]
    assert_closed(lab)
    assert list(lab.iam_role()["AttachedPolicies"]) == [lab.policy_arn]
    assert lab.iam_role()["Trust"]["Statement"][0]["Condition"]["StringEquals"] == {
        "sts:ExternalId": [lab.endpoints()[0]["ExternalId"]]
    }
    (statement,) = denial(lab)
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "*", "*")
    assert list(statement["Condition"]["DateLessThan"]) == ["aws:TokenIssueTime"]


def test_policy_is_attached_once_the_trust_is_closed(lab):
    lab.forget_calls()
    assert deploy(lab)["failed"] is False
    writes = lab.writes()
    assert writes.index("CreateEndpoint") < writes.index("UpdateAssumeRolePolicy") < writes.index("AttachRolePolicy")


def test_second_run_changes_nothing(lab):
    deploy(lab)
    before = denial(lab)
    lab.forget_calls()
    told = deploy(lab)
    assert (told["changed"], lab.writes(), denial(lab)) == (False, [], before)
    hosts = [lab.host(**CONSENT, **POWERLESS)]
    assert lab.survey(hosts)["unchanged"] == ["crm"]
    verified = lab.verification(hosts)["hosts"]["crm"]
    assert (verified["failed"], verified["findings"]) == (False, [])
    # Nor does another way: the statement stays.
    assert deploy(lab, bootstrap_trust="auto")["changed"] is False


def test_earlier_sessions_are_denied(lab, monkeypatch):
    hosts = [lab.host(**CONSENT, **POWERLESS)]
    monkeypatch.setattr(role_plan, "CLOSING_SECONDS", 3600)
    told = lab.deployment(hosts)["hosts"]["crm"]
    assert told["failed"] is True
    assert "explicit deny" in told["msg"].lower() or "AccessDenied" in told["msg"], told["msg"]
    assert_closed(lab)


def test_next_run_waits_until_sessions_are_not_denied_any_more(lab, monkeypatch):
    """The run before was killed, or had too little patience."""
    monkeypatch.setattr(role_plan, "CLOSING_SECONDS", 3)
    hosts = [lab.host(**CONSENT, **POWERLESS, iam_propagation_timeout=10)]
    short = {**hosts[0], "test": {**hosts[0]["test"], "iam_propagation_timeout": 0}}
    assert lab.deployment([short])["hosts"]["crm"]["failed"] is True
    told = lab.deployment(hosts)["hosts"]["crm"]
    assert (told["failed"], told["connection_status"]) == (False, "successful"), told["msg"]


def test_preview_says_so_and_shows_the_end(lab):
    lab.forget_calls()
    told = deploy(lab, check=True)
    assert (told["failed"], told["changed"], lab.writes()) == (False, True, [])
    assert told["msg"].startswith(OPEN)
    (role,) = [one["after"]["role"] for one in told["diff"] if one["before_header"] == "role"]
    assert not is_open(role["assume_role_policy_document"])
    assert role["attached_policies"] == [lab.policy_arn]


def test_replacement_with_tasks(lab):
    lab.start(lab.task(deploy(lab)["endpoint_arn"], MigrationType="full-load-and-cdc", ResourceIdentifier="copy"))
    lab.forget_calls()
    told = deploy(lab, **CSV)
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (False, "running"), told["msg"]
    writes = lab.writes()
    order = [writes.index(one) for one in ("DeleteEndpoint", "DetachRolePolicy", "CreateEndpoint", "AttachRolePolicy")]
    assert order == sorted(order)
    assert history(lab) == [[], []] or history(lab) == [[]]
    assert_closed(lab)
    assert deploy(lab, **CSV)["changed"] is False


def test_creation_that_is_refused_closes_the_trust(lab):
    lab.fault("dms", "CreateEndpoint", "error", "dms", count=None, **QUOTA)
    assert deploy(lab)["failed"] is True
    assert_closed(lab)
    assert len(denial(lab)) == 1
    lab.control.clear_faults()
    assert deploy(lab)["failed"] is False
    assert_closed(lab)


def test_replacement_that_fails_is_rolled_back(lab):
    lab.start(lab.task(deploy(lab)["endpoint_arn"], MigrationType="full-load-and-cdc", ResourceIdentifier="copy"))
    lab.fault("dms", "CreateEndpoint", "error", "dms", **QUOTA)
    told = deploy(lab, **CSV)
    assert (told["failed"], lab.tasks()["copy"]["Status"]) == (True, "running"), told["msg"]
    assert "endpoint and tasks are as they were before" in told["msg"]
    assert_closed(lab)
    assert deploy(lab)["failed"] is False


def test_trust_that_stays_open_is_said_and_closed_by_the_next_run(lab):
    lab.fault("dms", "CreateEndpoint", "error", "dms", **QUOTA)
    lab.fault("iam", "UpdateAssumeRolePolicy", "error", "lake", **DENIED)
    told = deploy(lab)
    assert told["failed"] is True
    assert "The trust of dms-s3-crm is still open, and the role has no policy: " in told["msg"]
    assert told["msg"].endswith(" Run deploy.yml again to close it.")
    verified = lab.verification([lab.host(**CONSENT, **POWERLESS)])["hosts"]["crm"]
    assert "for any customer of DMS" in verified["msg"]
    lab.forget_calls()
    told = deploy(lab)
    assert told["failed"] is False, told["msg"]
    # Closed first, then opened again for the creation.
    writes = lab.writes()
    assert writes.index("UpdateAssumeRolePolicy") < writes.index("CreateEndpoint")
    assert_closed(lab)


@pytest.mark.parametrize("bootstrap_trust", ["auto", "placeholder"])
def test_open_trust_is_closed_whatever_the_next_run_declares(lab, bootstrap_trust):
    lab.fault("dms", "CreateEndpoint", "error", "dms", **QUOTA)
    lab.fault("iam", "UpdateAssumeRolePolicy", "error", "lake", **DENIED)
    deploy(lab)
    lab.switch(trust_checked="on_test")
    assert deploy(lab, bootstrap_trust=bootstrap_trust)["failed"] is False
    assert_closed(lab)
    assert len(denial(lab)) == 1


def test_role_with_policies_of_others_is_refused(lab):
    deploy(lab)
    iam = lab.client("lake", "iam")
    iam.put_role_policy(
        RoleName="dms-s3-crm",
        PolicyName="theirs",
        PolicyDocument=json.dumps(policy_document(allows("s3:GetObject"))),
    )
    lab.client("dms", "dms").delete_endpoint(EndpointArn=lab.endpoints()[0]["EndpointArn"])
    lab.forget_calls()
    told = deploy(lab)
    assert (told["failed"], "CreateEndpoint" in lab.writes()) == (True, False)
    assert (
        "The role dms-s3-crm has policies of others (theirs), so bootstrap_trust=powerless must not open" in told["msg"]
    )
    assert_closed(lab)


def test_patience_must_be_longer_than_sessions_are_denied(lab, monkeypatch):
    monkeypatch.setattr(role_plan, "CLOSING_SECONDS", 30)
    with pytest.raises(AnsibleAWSError, match="s3_endpoint_iam_propagation_timeout=30 must be more than 30"):
        lab.host(**POWERLESS, iam_propagation_timeout=30)
    assert lab.host(**POWERLESS, iam_propagation_timeout=31)
    assert lab.host(**POWERLESS, iam_propagation_timeout=1, replication_instance_arn="")


def test_module_on_its_own(lab):
    opened = lab.role(**POWERLESS)
    assert (opened["changed"], opened["bootstrapping"], lab.iam_role()["AttachedPolicies"]) == (True, True, {})
    assert lab.role(**POWERLESS)["changed"] is False
    closed = lab.role(**POWERLESS, external_ids=["one-id"])
    assert (closed["external_ids"], list(lab.iam_role()["AttachedPolicies"])) == (["one-id"], [lab.policy_arn])
    assert_closed(lab)
    assert lab.role(**POWERLESS, external_ids=["one-id"])["changed"] is False
