# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orphans: what a deployment has created, and no host declares."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._hosts.orphans import Names, orphan_names, orphans
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import Access, access_policy

DMS, LAKE, REGION = "111122223333", "444455556666", "eu-central-1"
OURS = {"datalake.dms:deployment": "dev"}
ANOTHERS = {"datalake.dms:deployment": "test"}


def role_arn(name, account=LAKE):
    return f"arn:aws:iam::{account}:role/{name}"


def policy_arn(name):
    return f"arn:aws:iam::{LAKE}:policy/{name}"


def endpoint(name="dev-old", role="old", account=DMS, region=REGION, tags=OURS, **more):
    return {
        "endpoint_identifier": name,
        "endpoint_arn": f"arn:aws:dms:{region}:{account}:endpoint:{name}",
        "engine_name": "s3",
        "endpoint_type": "TARGET",
        "status": "active",
        "s3_settings": {"service_access_role_arn": role_arn(role)},
        "tags": tags,
        **more,
    }


def trust(service="dms.amazonaws.com"):
    return {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}


def role(name="old", policies=({"name": "old", "tags": OURS},), tags=OURS, service="dms.amazonaws.com", **more):
    return {
        "role_name": name,
        "arn": role_arn(name),
        "path": "/",
        "assume_role_policy_document": trust(service),
        "attached_policies": [policy_arn(p["name"]) for p in policies],
        "inline_policies": [],
        "policies": [
            {"policy_name": p["name"], "arn": policy_arn(p["name"]), "document": {}, "tags": p["tags"]}
            for p in policies
        ],
        "tags": tags,
        **more,
    }


def declared(identifier="dev-crm", name="crm", account=DMS, region=REGION, lake=LAKE, path="/", deployment="dev"):
    return Names(
        deployment=deployment,
        endpoint_identifier=identifier,
        region=region,
        dms_account_id=account,
        lake_account_id=lake,
        role_name=name,
        role_path=path,
    )


def found(endpoints, roles, *names):
    """Identifier and role name of each entry."""
    entries = orphans(endpoints, roles, "dev", list(names) or [declared()])
    return [(entry["endpoint_identifier"], entry["role_name"]) for entry in entries]


def test_endpoint_with_its_role():
    (entry,) = orphans([endpoint()], [role()], "dev", [declared()])
    assert entry == {
        "deployment": "dev",
        "endpoint_identifier": "dev-old",
        "endpoint_arn": f"arn:aws:dms:{REGION}:{DMS}:endpoint:dev-old",
        "role_name": "old",
        "role_arn": role_arn("old"),
        "path": "/",
        "admitted_by": None,
        "policy_names": ["old"],
        "foreign_policies": [],
        "text": f"endpoint dev-old (arn:aws:dms:{REGION}:{DMS}:endpoint:dev-old), role old ({role_arn('old')}), policy old",
    }


def test_role_whose_endpoint_is_gone():
    (entry,) = orphans([], [role()], "dev", [declared()])
    assert (entry["endpoint_identifier"], entry["endpoint_arn"], entry["role_name"]) == (None, None, "old")
    assert entry["text"] == f"role old ({role_arn('old')}), whose endpoint is gone, policy old"


def test_endpoint_whose_role_is_gone():
    (entry,) = orphans([endpoint()], [], "dev", [declared()])
    assert (entry["endpoint_identifier"], entry["role_name"], entry["path"]) == ("dev-old", None, None)


@pytest.mark.parametrize(
    "other",
    [
        {"tags": {}},
        {"tags": {"team": "data"}},
        {"tags": ANOTHERS},
        {"engine_name": "mysql"},
        {"endpoint_type": "SOURCE"},
        {"status": "deleting"},
        {"role": "elsewhere/old"},
        {"s3_settings": {}},
    ],
    ids=str,
)
def test_endpoint_that_is_no_orphan(other):
    assert found([endpoint(**other)], []) == []


@pytest.mark.parametrize(
    "other",
    [{"tags": {}}, {"tags": None}, {"tags": ANOTHERS}, {"service": "ec2.amazonaws.com"}, {"path": "/elsewhere/"}],
    ids=str,
)
def test_role_that_is_no_orphan(other):
    assert found([], [role(**other)]) == []
    assert found([endpoint()], [role(**other)]) == [("dev-old", None)]


def test_no_deployment_owns_nothing():
    assert orphans([endpoint(tags={"datalake.dms:deployment": ""})], [], "", [declared()]) == []


def test_path_counts_for_the_deployment_that_declares_it():
    others = declared(path="/elsewhere/", deployment="test")
    assert found([endpoint()], [role()], declared(path="/ours/"), others) == []
    theirs = [endpoint(role="elsewhere/old")], [role(path="/elsewhere/", arn=role_arn("elsewhere/old"))]
    assert found(*theirs, declared(path="/ours/"), others) == []
    assert found(*theirs, declared(path="/elsewhere/"), declared()) == [("dev-old", "old")]


@pytest.mark.parametrize("name", ["dev-crm", "DEV-CRM"])
def test_declared_endpoint_stays(name):
    assert found([endpoint("dev-crm", "crm")], [role("crm")], declared(name)) == []


def test_declared_role_stays_though_its_endpoint_is_not_there():
    assert found([], [role("crm")]) == []


@pytest.mark.parametrize("elsewhere", [{"account": "999988887777"}, {"region": "eu-west-1"}])
def test_identifier_that_is_declared_elsewhere_is_another_endpoint(elsewhere):
    assert found([endpoint("dev-crm", "old", **elsewhere)], []) == [("dev-crm", None)]


def test_role_name_that_is_declared_in_another_account_is_another_role():
    assert found([], [role("crm")], declared(lake="999988887777")) == [(None, "crm")]


@pytest.mark.parametrize("user", [{}, {"tags": {}}, {"tags": ANOTHERS}], ids=str)
def test_role_that_another_endpoint_uses_stays(user):
    """Declared or somebody else's: what stands there would break."""
    user = endpoint("dev-crm", "old", **user)
    assert found([user], [role()]) == []
    assert found([user, endpoint()], [role()]) == [("dev-old", None)]


def test_role_that_two_of_them_use_waits_until_they_are_gone():
    both = [endpoint("dev-a"), endpoint("dev-b", region="eu-west-1")]
    assert found(both, [role()]) == [("dev-a", None), ("dev-b", None)]
    assert found([], [role()]) == [(None, "old")]


def test_what_was_read_twice_is_one():
    assert found([endpoint(), endpoint()], [role(), role()]) == [("dev-old", "old")]


@pytest.mark.parametrize("tags", [{}, None, ANOTHERS], ids=str)
def test_policy_without_the_tag_is_foreign(tags):
    (entry,) = orphans([], [role(policies=[{"name": "old", "tags": tags}])], "dev", [declared()])
    assert (entry["policy_names"], entry["foreign_policies"]) == ([], [policy_arn("old")])


def test_what_others_gave_to_the_role_is_told():
    given = role(inline_policies=["by-hand"])
    given["attached_policies"].append("arn:aws:iam::aws:policy/ReadOnlyAccess")
    (entry,) = orphans([], [given], "dev", [declared()])
    assert entry["policy_names"] == ["old"]
    assert entry["foreign_policies"] == ["arn:aws:iam::aws:policy/ReadOnlyAccess", "by-hand"]
    assert "which has policies of others (arn:aws:iam::aws:policy/ReadOnlyAccess, by-hand)" in entry["text"]


KEY = f"arn:aws:kms:{REGION}:{LAKE}:key/1234abcd"


def role_in_dms_account(key=None):
    """A role of access mode bucket_policy, whose policy is about a bucket and perhaps a key."""
    policy = access_policy(Access("lake", "raw", key), "aws", REGION, DMS)
    made = role()
    made["policies"][0]["document"] = policy
    return {**made, "arn": role_arn("old", DMS)}


@pytest.mark.parametrize("key", [None, KEY])
def test_role_of_the_dms_account_comes_with_what_admits_it(key):
    settings = {"service_access_role_arn": role_arn("old", DMS)}
    admitted_by = {"bucket_name": "lake", "kms_key_arn": key, "lake_account_id": LAKE}
    for endpoints in ([endpoint(s3_settings=settings)], []):
        (entry,) = orphans(endpoints, [role_in_dms_account(key)], "dev", [declared()])
        assert entry["admitted_by"] == admitted_by
        assert "statements for it in the policy of bucket lake" in entry["text"]
        assert (f" and of key {KEY}" in entry["text"]) == (key is not None)


def test_endpoint_knows_the_owner_of_its_bucket_better():
    another = "999988887777"
    settings = {"service_access_role_arn": role_arn("old", DMS), "expected_bucket_owner": another}
    given = [endpoint(s3_settings=settings)], [role_in_dms_account()], "dev"
    names = [declared(), declared("dev-other", "other", account="123412341234", lake=another)]
    assert orphans(*given, names)[0]["admitted_by"]["lake_account_id"] == another
    assert orphans(*given, names[:1])[0]["admitted_by"]["lake_account_id"] == LAKE


def test_role_that_the_bucket_s_account_has_is_admitted_by_nobody():
    (entry,) = orphans([endpoint()], [role()], "dev", [declared()])
    assert entry["admitted_by"] is None
    within_one = declared(lake=DMS)
    (entry,) = orphans([], [role_in_dms_account()], "dev", [within_one])
    assert entry["admitted_by"] is None


def test_role_of_a_declared_name_stays_in_either_account():
    """The access mode may have changed; the host's own run removes the former role."""
    assert orphans([], [role_in_dms_account()], "dev", [declared(name="old")]) == []


def test_entries_are_sorted_and_named():
    account = "999988887777"
    endpoints = [endpoint("dev-b", "b"), endpoint("dev-a", "a"), endpoint("dev-b", "c", account=account)]
    entries = orphans(endpoints, [role("dev-aa")], "dev", [declared()])
    assert orphan_names(entries) == [
        "dev-a",
        "dev-aa",
        f"arn:aws:dms:{REGION}:{DMS}:endpoint:dev-b",
        f"arn:aws:dms:{REGION}:{account}:endpoint:dev-b",
    ]
