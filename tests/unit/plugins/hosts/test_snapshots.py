# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots as data: what is held is answered as AWS would, and everything else is refused."""

from __future__ import annotations

import pytest

# Both read roles of a client.
from ansible_collections.datalake.dms.plugins.module_utils._access.access_role import read_policy, read_role
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import describe_connection
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import list_tags
from ansible_collections.datalake.dms.plugins.module_utils._hosts.snapshots import (
    Held,
    NotInSnapshot,
    SnapshotClient,
    held_connections,
    held_endpoints,
    held_roles,
    held_tags,
)
from builders import policy_arn, role_arn

CRM = {"EndpointIdentifier": "crm", "EndpointArn": "arn:crm", "Status": "active"}
POLICY = policy_arn("crm")
DETAILS = {
    "RoleDetailList": [
        {
            "RoleName": "crm",
            "Arn": role_arn("crm"),
            "Path": "/",
            "AssumeRolePolicyDocument": {},
            "Tags": [{"Key": "team", "Value": "data"}],
            "AttachedManagedPolicies": [{"PolicyName": "crm", "PolicyArn": POLICY}],
            "RolePolicyList": [{"PolicyName": "extra", "PolicyDocument": {}}],
        },
        {"RoleName": "bare", "Arn": "arn:bare", "Path": "/", "AssumeRolePolicyDocument": {}},
    ],
    "Policies": [
        {
            "PolicyName": "crm",
            "Arn": POLICY,
            "DefaultVersionId": "v2",
            "PolicyVersionList": [
                {"VersionId": "v1", "Document": {"Id": "old"}, "IsDefaultVersion": False},
                {"VersionId": "v2", "Document": {"Id": "new"}, "IsDefaultVersion": True},
            ],
        },
        {"PolicyName": "loose", "Arn": f"{POLICY}-loose", "DefaultVersionId": "v1", "PolicyVersionList": []},
    ],
}


@pytest.fixture
def dms():
    connection = {"EndpointArn": "arn:crm", "ReplicationInstanceArn": "arn:rep", "Status": "successful"}
    return SnapshotClient(
        {
            "describe_endpoints": held_endpoints(
                [CRM, {**CRM, "EndpointIdentifier": "erp", "EndpointArn": "arn:erp", "Status": "deleting"}]
            ),
            "describe_connections": held_connections([connection]),
            "list_tags_for_resource": held_tags({"arn:crm": {"team": "data"}, "arn:bare": {}}),
        }
    )


@pytest.fixture
def iam():
    return SnapshotClient(held_roles(DETAILS))


def test_endpoint_that_was_read(dms):
    assert describe_endpoint(dms, "crm") == CRM
    assert list_tags(dms, "arn:crm") == {"team": "data"}
    assert list_tags(dms, "arn:bare") == {}
    assert describe_connection(dms, "arn:crm", "arn:rep")["Status"] == "successful"


def test_what_a_whole_list_does_not_have_does_not_exist(dms):
    assert describe_endpoint(dms, "web") is None
    assert describe_connection(dms, "arn:crm", "arn:other") is None


@pytest.mark.parametrize(
    ("ask", "unread"),
    [
        (lambda dms: describe_endpoint(dms, "erp"), "the final state of an endpoint that is deleting"),
        (lambda dms: list_tags(dms, "arn:erp"), "TagList of arn:erp"),
        (lambda dms: dms.describe_endpoints(Filters=filters(endpoint_arn="arn:crm")), "Endpoints by endpoint-arn"),
        (lambda dms: dms.describe_endpoints(Filters=filters(endpoint_id="crm"), Marker="x"), "Endpoints by Marker"),
        (lambda dms: dms.describe_endpoints(), "Endpoints by nothing"),
        (lambda dms: dms.describe_connections(Filters=filters(endpoint_arn="arn:crm")), "Connections by endpoint-arn"),
        (lambda dms: dms.describe_replication_tasks(), "describe_replication_tasks"),
        (lambda dms: dms.get_paginator("describe_replication_tasks"), "describe_replication_tasks"),
        (lambda dms: dms.create_endpoint(EndpointIdentifier="crm"), "create_endpoint"),
    ],
)
def test_what_was_not_read_is_refused(dms, ask, unread):
    with pytest.raises(NotInSnapshot, match=unread):
        ask(dms)


def test_role_that_was_read(iam):
    role = read_role(iam, "crm")
    assert (role["attached_policies"], role["inline_policies"], role["tags"]) == ([POLICY], ["extra"], {"team": "data"})
    assert (read_role(iam, "bare")["attached_policies"], read_role(iam, "bare")["inline_policies"]) == ([], [])
    policy = read_policy(iam, POLICY)
    # The tags are the role's, as the details have none of policies.
    assert (policy["document"], policy["tags"]) == ({"Id": "new"}, {"team": "data"})


@pytest.mark.parametrize(
    "ask",
    [
        lambda iam: read_role(iam, "none"),
        lambda iam: iam.get_paginator("list_role_policies").paginate(RoleName="none").build_full_result(),
        lambda iam: read_policy(iam, f"{POLICY}-none"),
        # Nobody knows its tags.
        lambda iam: read_policy(iam, f"{POLICY}-loose"),
        lambda iam: iam.get_policy_version(PolicyArn=POLICY, VersionId="v9"),
        lambda iam: iam.get_paginator("list_entities_for_policy"),
    ],
)
def test_role_that_was_not_read_is_refused(iam, ask):
    with pytest.raises(NotInSnapshot):
        ask(iam)


def test_another_service_is_data_too():
    held = Held("Keys", [{"KeyId": "1", "Enabled": True}], {"KeyId": "KeyId"}, one=True)
    client = SnapshotClient({"describe_key": held, "list_keys": lambda **_request: {"Keys": ["asked"]}})
    assert client.describe_key(KeyId="1") == {"Keys": {"KeyId": "1", "Enabled": True}}
    assert client.get_paginator("list_keys").paginate().build_full_result() == {"Keys": ["asked"]}
