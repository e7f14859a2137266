# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_s3_endpoint_info: every endpoint there is, in few calls."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.once

OWNER = "datalake.dms:deployment"


def make_endpoints(lab, count):
    dms = lab.client("dms", "dms")
    settings = {"ServiceAccessRoleArn": lab.local_role(), "BucketName": lab.bucket}
    for number in range(count):
        dms.create_endpoint(
            EndpointIdentifier=f"target-{number:03}",
            EndpointType="target",
            EngineName="s3",
            S3Settings=settings,
            Tags=[{"Key": "number", "Value": str(number)}],
        )


@pytest.mark.parametrize("switches", [{}, {"absent_endpoint": "empty"}], ids=["fault", "empty list"])
def test_no_endpoint(lab, switches):
    lab.switch(**switches)
    assert lab.endpoints_info() == []
    assert lab.endpoints_info(endpoint_identifiers=["dev-crm"]) == lab.endpoints_info(endpoint_identifiers=[]) == []


def test_endpoint_is_shown_as_the_module_shows_it(lab):
    made = lab.working_endpoint(tags={"team": "data"}, deployment="dev")
    assert lab.endpoints_info() == [made["endpoint"]]
    assert lab.endpoints_info()[0]["tags"] == {"team": "data", OWNER: "dev"}


def test_endpoints_of_another_kind_are_left_out(lab):
    made = lab.working_endpoint()
    lab.task(made["endpoint"]["endpoint_arn"])
    source = lab.client("dms", "dms")
    source.create_endpoint(EndpointIdentifier="files", EndpointType="target", EngineName="mysql")
    assert [e["endpoint_identifier"] for e in lab.endpoints_info()] == ["dev-crm"]


def test_each_hundred_endpoints_take_two_calls(lab):
    make_endpoints(lab, 101)
    lab.forget_calls()
    endpoints = lab.endpoints_info()
    assert lab.calls() == [*["DescribeEndpoints"] * 2, *["ListTagsForResource"] * 2]
    assert [e["endpoint_identifier"] for e in endpoints] == [f"target-{n:03}" for n in range(101)]
    assert [e["tags"] for e in endpoints] == [{"number": str(n)} for n in range(101)]


def test_only_those_that_are_asked_for(lab):
    make_endpoints(lab, 3)
    lab.forget_calls()
    wanted = ["TARGET-002", "target-000", "target-000", "none"]
    assert [e["endpoint_identifier"] for e in lab.endpoints_info(endpoint_identifiers=wanted)] == [
        "target-000",
        "target-002",
    ]
    assert lab.calls("DescribeEndpoints", "ListTagsForResource") == ["DescribeEndpoints", "ListTagsForResource"]


def test_endpoint_that_vanishes_between_the_calls(lab):
    """AWS refuses a list of ARNs as a whole where one of them is gone."""
    make_endpoints(lab, 2)
    lab.fault("dms", "ListTagsForResource", "error", code="ResourceNotFoundFault", message="gone", count=2)
    assert [e["tags"] for e in lab.endpoints_info()] == [{}, {"number": "1"}]


def test_external_ids_that_endpoints_share_are_told(lab):
    lab.switch(external_id="per_account")
    lab.role()
    for name in "abcdefg":
        lab.endpoint(endpoint_identifier=f"dev-{name}", resource_identifier=f"dev-{name}")
    result = lab.run("dms_s3_endpoint_info")
    ((shared),) = result["shared_external_ids"]
    assert shared["endpoint_identifiers"] == [f"dev-{name}" for name in "abcdefg"]
    assert {e["external_id"] for e in result["endpoints"]} == {shared["external_id"]}
    (warning,) = result["warnings"]
    assert "The endpoints dev-a, dev-b, dev-c, dev-d, dev-e and 2 more have the same ExternalId" in warning
    assert "aws:SourceAccount and aws:SourceArn" in warning


def test_ids_of_their_own_are_nothing_to_tell(lab):
    lab.role()
    lab.local_role()
    local = {"service_access_role_arn": f"arn:aws:iam::{lab.dms_account}:role/dms-s3-local"}
    for name, settings in (("a", {}), ("b", {}), ("c", local), ("d", local)):
        lab.endpoint(endpoint_identifier=f"dev-{name}", resource_identifier=f"dev-{name}", **settings)
    result = lab.run("dms_s3_endpoint_info")
    assert (result["shared_external_ids"], result["warnings"]) == ([], [])
    assert len(result["endpoints"]) == 4
