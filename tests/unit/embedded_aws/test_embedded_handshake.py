# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cross-account handshake is needed, and works with each way that AWS may go."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_aws import EmbeddedAWS
from embedded_cloud import DMS, INSTANCE_ARN, LAKE, REGION, ROLE_ARN, dms_trust


def test_the_endpoint_works_only_after_the_trust_has_its_external_id(cloud: Any) -> None:
    cloud.create_role(dms_trust("an-unguessable-placeholder"))
    endpoint = cloud.create_endpoint()

    before = cloud.test(endpoint["EndpointArn"])
    assert before["Status"] == "failed"
    assert f"Failed to assume role {ROLE_ARN}" in before["LastFailureMessage"]

    cloud.iam.update_assume_role_policy(RoleName="dms-orders", PolicyDocument=dms_trust(endpoint["ExternalId"]))
    assert cloud.test(endpoint["EndpointArn"])["Status"] == "successful"


def test_another_endpoints_external_id_does_not_help(cloud: Any) -> None:
    one, other = cloud.create_endpoint("one"), cloud.create_endpoint("other")
    cloud.create_role(dms_trust(other["ExternalId"]))
    assert cloud.test(one["EndpointArn"])["Status"] == "failed"
    assert cloud.test(other["EndpointArn"])["Status"] == "successful"


def test_describe_returns_the_same_external_id(cloud: Any) -> None:
    endpoint = cloud.create_endpoint()
    assert cloud.describe(endpoint["EndpointArn"])[0]["ExternalId"] == endpoint["ExternalId"]


def test_the_confused_deputy_conditions_hold_for_this_endpoint_only(cloud: Any) -> None:
    endpoint = cloud.create_endpoint()
    source = {"StringEquals": {"aws:SourceAccount": DMS, "sts:ExternalId": endpoint["ExternalId"]}}
    endpoints = {"ArnLike": {"aws:SourceArn": f"arn:aws:dms:{REGION}:{DMS}:endpoint:*"}}
    cloud.create_role(dms_trust(**source, **endpoints))
    assert cloud.test(endpoint["EndpointArn"])["Status"] == "successful"

    elsewhere = {"ArnLike": {"aws:SourceArn": f"arn:aws:dms:{REGION}:{LAKE}:endpoint:*"}}
    cloud.iam.update_assume_role_policy(RoleName="dms-orders", PolicyDocument=dms_trust(**source, **elsewhere))
    assert cloud.test(endpoint["EndpointArn"])["Status"] == "failed"


def test_way_b_answers_first_and_keeps_the_second(cloud: Any) -> None:
    cloud.control.set_switches(DMS, create_endpoint="answer_only")
    first = cloud.create_endpoint()
    assert cloud.describe() == []
    second = cloud.create_endpoint()
    assert second["ExternalId"] == first["ExternalId"]
    assert [endpoint["EndpointArn"] for endpoint in cloud.describe()] == [second["EndpointArn"]]


def test_way_c_shows_the_external_id_later(cloud: Any) -> None:
    cloud.control.set_switches(DMS, create_endpoint="id_later", id_later_polls=2)
    endpoint = cloud.create_endpoint()
    shown = [cloud.describe(endpoint["EndpointArn"])[0].get("ExternalId") for _poll in range(3)]
    assert "ExternalId" not in endpoint
    assert shown[:2] == [None, None]
    assert shown[2]


def test_way_d_denies_and_keeps(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, create_endpoint="access_denied_kept")
    assert refused(cloud.create_endpoint).startswith("AccessDeniedFault: The IAM Role")
    assert cloud.describe()[0]["ExternalId"]
    assert refused(cloud.create_endpoint).startswith("ResourceAlreadyExistsFault")


def test_way_d_denies_and_loses(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, create_endpoint="access_denied_lost", access_denied_calls=2)
    for _call in range(2):
        assert refused(cloud.create_endpoint).startswith("AccessDeniedFault")
        assert cloud.describe() == []
    assert cloud.create_endpoint()["ExternalId"]


def test_way_e_denies_passing_the_role(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, create_endpoint="pass_role_denied")
    answer = refused(cloud.create_endpoint)
    assert answer == "AccessDeniedException: Cross-account pass role is not allowed."
    assert cloud.describe() == []


def test_the_ways_are_for_roles_of_other_accounts_only(cloud: Any) -> None:
    cloud.control.set_switches(DMS, create_endpoint="pass_role_denied")
    role = cloud.create_role(dms_trust(), side="dms")
    assert "ExternalId" not in cloud.create_endpoint(role=role)


def test_external_ids_differ_by_endpoint_or_are_the_accounts(cloud: Any) -> None:
    assert cloud.create_endpoint("one")["ExternalId"] != cloud.create_endpoint("two")["ExternalId"]
    cloud.control.set_switches(DMS, external_id="per_account")
    assert cloud.create_endpoint("three")["ExternalId"] == cloud.create_endpoint("four")["ExternalId"]


@pytest.mark.parametrize(("switch", "is_same"), [("new", False), ("same", True)])
def test_the_external_id_after_a_delete(cloud: Any, switch: str, is_same: bool) -> None:
    cloud.control.set_switches(DMS, external_id_on_recreate=switch)
    first = cloud.create_endpoint()
    cloud.dms.delete_endpoint(EndpointArn=first["EndpointArn"])
    assert (cloud.create_endpoint()["ExternalId"] == first["ExternalId"]) is is_same


def test_a_trust_that_is_checked_at_creation(cloud: Any, refused: Any) -> None:
    """With way (b) the id is known before the trust is checked."""
    cloud.create_role(dms_trust("an-unguessable-placeholder"))
    cloud.control.set_switches(DMS, trust_checked="at_creation", create_endpoint="answer_only")
    external_id = cloud.create_endpoint()["ExternalId"]
    assert refused(cloud.create_endpoint).startswith("AccessDeniedFault")
    assert cloud.describe() == []
    cloud.iam.update_assume_role_policy(RoleName="dms-orders", PolicyDocument=dms_trust(external_id))
    assert cloud.create_endpoint()["ExternalId"] == external_id


@pytest.mark.parametrize("uses", [0, 2])
def test_a_trust_is_seen_after_some_uses(cloud: Any, uses: int) -> None:
    endpoint = cloud.create_endpoint()
    cloud.create_role(dms_trust("an-unguessable-placeholder"))
    cloud.control.set_switches(LAKE, iam_propagation_uses=uses)
    cloud.iam.update_assume_role_policy(RoleName="dms-orders", PolicyDocument=dms_trust(endpoint["ExternalId"]))
    results = [cloud.test(endpoint["EndpointArn"])["Status"] for _test in range(uses + 1)]
    assert results == ["failed"] * uses + ["successful"]
    assert endpoint["ExternalId"] in str(cloud.iam.get_role(RoleName="dms-orders")), "IAM itself sees it at once"


def test_a_new_role_is_not_there_before_it_has_propagated(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, iam_propagation_uses=1)
    role = cloud.create_role(dms_trust(), side="dms")
    assert refused(cloud.create_endpoint, role=role) == (
        f"AccessDeniedFault: The IAM Role {role} is not configured properly."
    )
    assert cloud.create_endpoint(role=role)["Status"] == "active"


def test_the_pair_of_accounts_of_another_environment_is_not_affected(cloud: Any, aws: EmbeddedAWS) -> None:
    other = {"account_id": "333333333333"}
    aws.control.seed({"environments": [{"name": "test", "region": REGION, "dms": other, "lake": other}]})
    cloud.create_endpoint()
    assert len(aws.control.state(DMS)["endpoints"]) == 1
    assert aws.control.state("333333333333")["endpoints"] == []
    assert aws.control.state(DMS)["replication_instances"][0]["ReplicationInstanceArn"] == INSTANCE_ARN
