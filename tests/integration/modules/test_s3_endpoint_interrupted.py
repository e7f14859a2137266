# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_s3_endpoint: lost answers, names that are not free yet, states that an interrupted run left behind."""

from __future__ import annotations

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain

pytestmark = pytest.mark.once

QUICKLY = {"aws_config": {"retries": {"mode": "standard", "total_max_attempts": 3}}}


def test_lost_answer_of_a_creation(lab):
    lab.fault("dms", "CreateEndpoint", "reset_after", "dms")
    result = lab.endpoint(tags={"team": "data"}, **QUICKLY)
    assert lab.calls("CreateEndpoint") == ["CreateEndpoint"] * 2
    (endpoint,) = lab.endpoints()
    assert (result["action"], result["persisted"], result["external_id"]) == ("created", True, endpoint["ExternalId"])
    assert lab.endpoint(tags={"team": "data"})["changed"] is False


@pytest.mark.parametrize("deleting_polls", [0, 3])
@pytest.mark.parametrize("operation", ["DeleteEndpoint", "CreateEndpoint"])
def test_lost_answer_of_a_recreation(lab, operation, deleting_polls):
    lab.switch(deleting_polls=deleting_polls)
    lab.endpoint()
    lab.fault("dms", operation, "reset_after", "dms")
    result = lab.endpoint(compression_type="gzip", **QUICKLY)
    assert result["action"] == "recreated"
    assert result["external_id"] == lab.endpoints()[0]["ExternalId"]
    assert lab.endpoint(compression_type="gzip")["changed"] is False


@pytest.mark.parametrize("operation", ["ModifyEndpoint", "AddTagsToResource", "RemoveTagsFromResource"])
def test_lost_answer_of_a_modification(lab, operation):
    role = lab.local_role()
    lab.endpoint(service_access_role_arn=role, tags={"a": "1"})
    lab.fault("dms", operation, "reset_after", "dms")
    changed = {"service_access_role_arn": role, "compression_type": "gzip", "tags": {"b": "2"}}
    assert lab.endpoint(**changed, **QUICKLY)["action"] == "modified"
    assert lab.calls(operation) == [operation] * 2
    assert lab.endpoint(**changed)["changed"] is False


def test_lost_answer_of_a_removal(lab):
    lab.endpoint()
    lab.fault("dms", "DeleteEndpoint", "reset_after", "dms")
    assert lab.endpoint(state="absent", **QUICKLY)["changed"] is True
    assert lab.endpoints() == []


@pytest.mark.parametrize("kind", ["throttle", "error500", "error503", "reset_before"])
def test_trouble_that_passes(lab, kind):
    lab.fault("dms", "*", kind, "dms", count=2)
    assert lab.endpoint(**QUICKLY)["action"] == "created"


def test_endpoint_of_somebody_else_in_the_very_moment_is_not_taken_for_ours(lab):
    made = {"ServiceAccessRoleArn": lab.role_arn, "BucketName": "another"}
    dms = lab.client("dms", "dms")
    lab.fault("dms", "DescribeEndpoints", "error", "dms", code="ResourceNotFoundFault")
    dms.create_endpoint(EndpointIdentifier="dev-crm", EndpointType="target", EngineName="s3", S3Settings=made)
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint()
    sentence = explain(error.value)
    assert "dev-crm was created by others at the same time, with other settings" in sentence
    assert "run again to take it over" in sentence


def test_tail_of_the_arn_stays(lab):
    first = lab.endpoint()
    again = lab.endpoint(compression_type="gzip", resource_identifier="another")
    assert again["endpoint"]["endpoint_arn"] == first["endpoint"]["endpoint_arn"]


def test_tail_that_is_not_free_any_more_is_made_up_by_aws(lab):
    lab.switch(resource_identifier_reuse="refused")
    first = lab.endpoint()
    again = lab.endpoint(compression_type="gzip")
    assert again["persisted"] is True
    assert again["endpoint"]["endpoint_arn"] != first["endpoint"]["endpoint_arn"]
    assert len(again["endpoint"]["endpoint_arn"].rsplit(":", 1)[1]) > 31
    assert lab.endpoint(compression_type="gzip")["changed"] is False
    assert lab.endpoint(compression_type="none")["action"] == "recreated"


def test_endpoint_that_is_being_deleted_is_waited_out(lab):
    lab.switch(deleting_polls=4)
    arn = lab.endpoint()["endpoint"]["endpoint_arn"]
    lab.client("dms", "dms").delete_endpoint(EndpointArn=arn)
    result = lab.endpoint()
    assert (result["action"], result["persisted"]) == ("created", True)


def test_endpoint_that_is_being_deleted_is_absent_in_the_end(lab):
    lab.switch(deleting_polls=4)
    arn = lab.endpoint()["endpoint"]["endpoint_arn"]
    lab.client("dms", "dms").delete_endpoint(EndpointArn=arn)
    assert lab.endpoint(state="absent")["changed"] is False
    assert lab.endpoints() == []


@pytest.mark.parametrize("absent", ["fault", "empty"])
def test_deletion_is_waited_for(lab, absent):
    lab.switch(deleting_polls=3, absent_endpoint=absent)
    lab.endpoint()
    assert lab.endpoint(state="absent")["changed"] is True
    assert lab.endpoints() == []


def test_endpoint_that_is_being_created_is_waited_for(lab):
    lab.switch(creating_polls=5)
    result = lab.endpoint()
    assert result["endpoint"]["status"] == "active"
    lab.client("dms", "dms").create_endpoint(
        EndpointIdentifier="dev-erp",
        EndpointType="target",
        EngineName="s3",
        S3Settings={"ServiceAccessRoleArn": lab.role_arn, "BucketName": lab.bucket},
    )
    erp = lab.endpoint(endpoint_identifier="dev-erp", bucket_folder="")
    assert erp["endpoint"]["status"] == "active"


def test_wait_that_ends_too_soon_is_explained(lab):
    lab.switch(creating_polls=10**6)
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint(wait_timeout=0)
    sentence = explain(error.value)
    assert "wait for the endpoint to be active" in sentence
    assert "longer wait_timeout" in sentence
