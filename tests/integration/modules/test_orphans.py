# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_orphans: what no host declares any more is listed, and removed where it is named; all else stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from builders import allows, policy_document

pytestmark = pytest.mark.once

BUCKET_POLICY = {"access": "bucket_policy"}
LIMITED = "This run is limited to crm."


def deploy(lab, *names, **variables):
    told = lab.deployment([lab.host(name, **variables) for name in names])["hosts"]
    assert [one["msg"] for one in told.values() if one["failed"]] == []


@pytest.fixture
def orphan(lab):
    """An endpoint that was declared once, beside one that is; the text of the orphan."""
    deploy(lab, "crm", "old")
    lab.forget_calls()
    arn = f"arn:aws:dms:{lab.region}:{lab.dms_account}:endpoint:dev-old"
    role = f"arn:aws:iam::{lab.lake_account}:role/dms-s3-old"
    return f"endpoint dev-old ({arn}), role dms-s3-old ({role}), policy dms-s3-old"


def listed(lab, *hosts, **options):
    """The orphans beside some hosts, after proof that nothing was written."""
    lab.forget_calls()
    result = lab.orphans(list(hosts) or [lab.host()], **options)
    assert (result["changed"], result["diff"], lab.writes()) == (False, [], [])
    assert len(result["names"]) == len(result["orphans"])
    return result


def prune(lab, *names, check=False, hosts=None, **options):
    lab.forget_calls()
    return lab.orphans(hosts or [lab.host()], check, state="absent", names=list(names), **options)


def what_exists(lab):
    """Endpoints, roles and the number of policies in both accounts, without the deployers."""
    states = [lab.control.state(account) for account in (lab.dms_account, lab.lake_account)]
    roles = [name for state in states for name in state["roles"] if name != "deployer"]
    endpoints = [one["EndpointIdentifier"] for one in lab.endpoints() if one["EndpointType"] == "TARGET"]
    return sorted(endpoints), sorted(roles), sum(len(state["policies"]) for state in states)


ALL = (["dev-crm", "dev-old"], ["dms-s3-crm", "dms-s3-old"], 2)
ONLY_DECLARED = (["dev-crm"], ["dms-s3-crm"], 1)


def protected(lab):
    accounts = {f"{side}_account_id": getattr(lab, f"{side}_account") for side in ("dms", "lake")}
    return {"environments": {"dev": {**accounts, "protected": True}}, "allow_endpoint_url": True}


# Listed


def test_orphans_are_listed(lab, orphan):
    result = listed(lab)
    assert ([one["text"] for one in result["orphans"]], result["names"]) == ([orphan], ["dev-old"])
    assert (result["problems"], result["warnings"]) == ([], [])
    assert listed(lab, lab.host(), lab.host("old"))["orphans"] == []


def test_role_whose_endpoint_is_gone(lab, orphan):
    """As a removal leaves it that was killed."""
    lab.endpoint(state="absent", endpoint_identifier="dev-old", deployment="dev")
    result = listed(lab)
    assert result["names"] == ["dms-s3-old"]
    assert ", whose endpoint is gone, policy dms-s3-old" in result["orphans"][0]["text"]
    assert prune(lab, "dms-s3-old")["changed"] is True
    assert what_exists(lab) == ONLY_DECLARED


def test_what_another_deployment_has_is_no_orphan(lab, orphan):
    deploy(lab, "theirs", deployment="theirs")
    assert listed(lab)["names"] == ["dev-old"]
    # Its own hosts say that it is theirs to look for.
    assert listed(lab, lab.host(), lab.host("other", deployment="theirs"))["names"] == ["dev-old", "dev-theirs"]


def test_accounts_are_read_once_whatever_the_number_of_hosts(lab, orphan):
    listed(lab, *(lab.host(f"host-{number}") for number in range(6)), lab.host())
    assert [one["operation"] for one in lab.control.journal()].count("AssumeRole") == 2
    assert lab.calls().count("DescribeEndpoints") == 1
    # In the DMS account only where an endpoint has its role there.
    assert lab.calls().count("ListRoles") == 1


def test_comparison_lists_the_same_orphans(lab, orphan):
    deploy(lab, "theirs", deployment="theirs")
    nobody = {"hosts": [], "problems": {}, "partial": ""}
    theirs = {**nobody, "hosts": [lab.host("other", deployment="theirs")]}

    def compared(**options):
        result = lab.verification([lab.host(), lab.host("hr")], **options)
        return [one["endpoint_identifier"] for one in result["orphans"]], result["orphan_problems"], result["warnings"]

    assert compared() == ([], [], [])
    assert compared(orphans_of=["crm"]) == (["dev-old"], [], [])
    assert compared(orphans_of=["crm", "other"], other_hosts=theirs) == (["dev-old", "dev-theirs"], [], [])
    # Hosts that are not asked about count neither as declared nor as unreadable.
    assert compared(orphans_of=["crm"], other_hosts=theirs, problems={"hr": "No bucket."})[0] == ["dev-old"]
    unknown = ["Orphans are unknown: hr: No bucket."]
    assert compared(orphans_of=["crm", "hr"], problems={"hr": "No bucket."}) == ([], unknown, [])
    assert compared(orphans_of=["crm", "hr"], other_hosts={**nobody, "problems": {"hr": "No bucket."}})[1] == unknown
    limited = {**nobody, "partial": LIMITED}
    assert compared(orphans_of=["crm"], other_hosts=limited) == ([], [], [f"{LIMITED} Orphans are not listed."])


def test_part_of_an_inventory_knows_no_orphans(lab, orphan):
    result = listed(lab, partial=LIMITED)
    assert (result["orphans"], result["names"], result["problems"]) == ([], [], [])
    assert result["warnings"] == [f"{LIMITED} Orphans are not listed."]
    assert lab.calls() == []


def test_inventory_without_hosts_knows_no_orphans(lab, orphan):
    result = lab.orphans([])
    assert result["orphans"] == []
    assert result["problems"] == ["Orphans are unknown: the inventory has no host, so no account to read."]


def test_host_that_says_nothing_hides_all(lab, orphan):
    """What it declares would be an orphan."""
    result = listed(lab, problems={"web": "The host is not in the inventory.", "hr": "No."})
    assert result["orphans"] == []
    assert result["problems"] == [
        "Orphans are unknown: web: The host is not in the inventory.",
        "Orphans are unknown: hr: No.",
    ]
    assert lab.calls() == []


@pytest.mark.parametrize(
    ("side", "service", "operation"),
    [("lake", "iam", "ListRoles"), ("dms", "dms", "DescribeEndpoints"), ("dms", "dms", "ListTagsForResource")],
)
def test_account_that_cannot_be_read_hides_its_deployment_only(lab, orphan, side, service, operation):
    deploy(lab, "theirs", deployment="theirs")
    code = "AccessDenied" if service == "iam" else "AccessDeniedException"
    lab.fault(service, operation, "error", side, code=code, message="no such luck")
    result = listed(lab, lab.host(), lab.host("other", deployment="theirs"))
    assert result["names"] == ["dev-theirs"]
    (problem,) = result["problems"]
    assert problem.startswith("Orphans of dev are unknown: ")
    assert "no such luck" in problem


def test_wrong_account_hides_its_deployment_only(lab, orphan):
    wrong = lab.host("wrong", deployment="theirs", dms_assume_role_external_id="not-the-one")
    result = listed(lab, lab.host(), wrong)
    assert result["names"] == ["dev-old"]
    (problem,) = result["problems"]
    assert problem.startswith("Orphans of theirs are unknown: ")
    assert "could not be assumed" in problem


# Removed


def test_named_orphan_is_removed(lab, orphan):
    result = prune(lab, "dev-old")
    assert (result["changed"], "failure" in result, result["names"]) == (True, False, ["dev-old"])
    arns = [result["orphans"][0][name] for name in ("endpoint_arn", "role_arn")]
    assert [one["before_header"] for one in result["diff"]] == [f"endpoint {arns[0]}", f"role {arns[1]}"]
    assert what_exists(lab) == ONLY_DECLARED
    # The role goes last, so that an interrupted run is found again.
    assert lab.writes().index("DeleteEndpoint") < lab.writes().index("DeleteRole")
    assert listed(lab)["orphans"] == []


def test_check_mode_removes_nothing(lab, orphan):
    result = prune(lab, "dev-old", check=True)
    assert (result["changed"], len(result["diff"]), lab.writes()) == (True, 2, [])
    assert what_exists(lab) == ALL


def test_orphan_that_is_not_named_stays(lab, orphan):
    deploy(lab, "older")
    prune(lab, "dev-older")
    assert what_exists(lab) == ALL


def test_statements_for_its_role_go_too(lab):
    given = {**BUCKET_POLICY, "kms_key_arn": lab.key_arn}
    deploy(lab, "crm", "old", **given)
    hosts = [lab.host(**given)]
    result = listed(lab, *hosts)
    assert result["names"] == ["dev-old"]
    text = f"statements for it in the policy of bucket {lab.bucket} and of key {lab.key_arn}"
    assert text in result["orphans"][0]["text"]
    result = prune(lab, "dev-old", hosts=hosts)
    assert (result["changed"], "failure" in result) == (True, False)
    assert what_exists(lab) == ONLY_DECLARED
    assert [one["Principal"]["AWS"].rpartition("/")[2] for one in lab.bucket_policy()] == ["dms-s3-crm"]
    assert len(lab.key_policy()) == 2
    writes = lab.writes()
    assert writes.index("DeleteEndpoint") < writes.index("PutBucketPolicy") < writes.index("DeleteRole")


def test_role_of_the_dms_account_is_found_beside_hosts_of_the_other_mode(lab):
    deploy(lab, "crm")
    deploy(lab, "old", **BUCKET_POLICY)
    assert prune(lab, "dev-old")["changed"] is True
    assert (what_exists(lab), lab.bucket_policy()) == (ONLY_DECLARED, [])


def test_orphans_of_many_deployments(lab, orphan):
    deploy(lab, "theirs", deployment="theirs")
    hosts = [lab.host(), lab.host("other", deployment="theirs")]
    prune(lab, "dev-old", "dev-theirs", hosts=hosts)
    assert what_exists(lab) == ONLY_DECLARED


def test_orphan_that_is_in_use_leaves_the_others_alone(lab, orphan):
    deploy(lab, "used")
    lab.task(next(one["EndpointArn"] for one in lab.endpoints() if one["EndpointIdentifier"] == "dev-used"))
    result = prune(lab, "dev-old", "dev-used")
    assert result["changed"] is True
    assert "copy" in result["failure"]
    # Its role stays with it.
    assert what_exists(lab) == (["dev-crm", "dev-used"], ["dms-s3-crm", "dms-s3-used"], 2)


# Refused


def test_consent_is_asked_for(lab, orphan, refused):
    deploy(lab, "older")
    sentence = refused(prune, lab)
    assert sentence.startswith("These are orphans: ")
    assert orphan in sentence
    assert """-e '{"s3_endpoint_prune": ["dev-old", "dev-older"]}'; leave out what you want to keep.""" in sentence


def test_nothing_to_remove_is_no_failure(lab):
    deploy(lab, "crm")
    result = prune(lab)
    assert (result["changed"], result["orphans"], lab.writes()) == (False, [], [])


@pytest.mark.parametrize("name", ["dev-crm", "dms-s3-old", "dev-nothing"])
def test_what_is_no_orphan_is_not_removed(lab, orphan, refused, name):
    sentence = refused(prune, lab, "dev-old", name)
    assert f"s3_endpoint_prune has {name}, which is not an orphan: " in sentence
    assert "Nothing was removed" in sentence
    assert what_exists(lab) == ALL


def test_orphan_that_is_gone_already_is_named(lab, orphan, refused):
    prune(lab, "dev-old")
    assert "s3_endpoint_prune has dev-old, which is not an orphan" in refused(prune, lab, "dev-old")


def test_policies_of_others_must_go_first(lab, orphan, refused):
    deploy(lab, "older")
    document = json.dumps(policy_document(allows("s3:List*")))
    lab.client("lake", "iam").put_role_policy(RoleName="dms-s3-old", PolicyName="theirs", PolicyDocument=document)
    sentence = refused(prune, lab, "dev-old", "dev-older")
    assert sentence.startswith("Policies of others block the removal: ")
    assert "which has policies of others (theirs)" in sentence
    assert "dev-older" not in sentence
    assert "Nothing was removed." in sentence
    # One that is not named is in nobody's way.
    assert prune(lab, "dev-older")["changed"] is True


def test_protected_environment_needs_a_confirmation(lab, orphan, refused):
    hosts = [lab.host(**protected(lab))]
    for confirm in ("", "prod"):
        sentence = refused(prune, lab, "dev-old", hosts=hosts, confirm=confirm)
        assert sentence == (
            "Environment dev is protected, and this would remove dev-old; if that is meant, run again with -e s3_endpoint_confirm=dev."
        )
    assert what_exists(lab) == ALL
    assert prune(lab, "dev-old", hosts=hosts, confirm="dev")["changed"] is True
    assert what_exists(lab) == ONLY_DECLARED


def test_part_of_an_inventory_removes_nothing(lab, orphan, refused):
    assert refused(prune, lab, "dev-old", partial=LIMITED) == f"{LIMITED} Nothing is removed."
    assert lab.calls() == []
    assert what_exists(lab) == ALL


def test_orphans_that_are_not_known_are_not_removed(lab, orphan, refused):
    lab.fault("iam", "ListRoles", "error", "lake", code="AccessDenied", message="no such luck")
    sentence = refused(prune, lab, "dev-old")
    assert sentence.startswith("Orphans of dev are unknown: ")
    assert sentence.endswith("Nothing was removed.")
    sentence = refused(prune, lab, "dev-old", problems={"web": "The host is not in the inventory."})
    assert sentence.startswith("Orphans are unknown: web: ")
    assert what_exists(lab) == ALL


def test_credentials_that_end_too_early(lab, orphan, monkeypatch):
    ends = datetime.now(UTC) + timedelta(minutes=20)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    with pytest.raises(AnsibleAWSError, match=r"and a replacement or removal needs \d+; get new ones"):
        prune(lab, "dev-old", session_seconds=3600)
    assert what_exists(lab) == ALL
    # A list destroys nothing.
    assert listed(lab, session_seconds=3600)["names"] == ["dev-old"]
    assert prune(lab, "dev-old", session_seconds=600)["changed"] is True
