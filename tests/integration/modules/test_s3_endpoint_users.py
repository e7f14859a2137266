# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_s3_endpoint: tasks and serverless replications that use the endpoint are in the way, and named."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.once


@pytest.fixture
def used(lab):
    arn = lab.endpoint()["endpoint"]["endpoint_arn"]
    lab.task(arn, "copy-one")
    lab.task(arn, "copy-two")
    lab.serverless(arn)
    return arn


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("options", "verb"),
    [
        ({"state": "absent"}, "be deleted"),
        ({"compression_type": "gzip"}, "be recreated"),
        ({"recreate": True}, "be recreated"),
    ],
)
def test_endpoint_in_use_stays(lab, used, refused, options, verb, check):
    sentence = refused(lab.endpoint, check=check, **options)
    assert f"The endpoint dev-crm would {verb}" in sentence
    assert "serverless replication without-servers" in sentence
    assert "task copy-one (ready), task copy-two (ready)" in sentence
    assert "delete them first" in sentence
    assert used in [e["EndpointArn"] for e in lab.endpoints()]


def test_endpoint_in_use_that_needs_no_change_is_fine(lab, used):
    assert lab.endpoint()["changed"] is False
    assert lab.endpoint(tags={"team": "data"})["changed"] is True


def test_modification_waits_for_tasks_to_be_stopped(lab, refused):
    role = lab.local_role()
    arn = lab.endpoint(service_access_role_arn=role)["endpoint"]["endpoint_arn"]
    task = lab.task(arn)
    dms = lab.client("dms", "dms")
    dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType="start-replication")
    sentence = refused(lab.endpoint, service_access_role_arn=role, compression_type="gzip")
    assert "would be modified" in sentence
    assert "task copy (running)" in sentence
    assert "stop them first" in sentence
    dms.stop_replication_task(ReplicationTaskArn=task)
    assert lab.endpoint(service_access_role_arn=role, compression_type="gzip")["action"] == "modified"


def test_tasks_of_other_endpoints_do_not_matter(lab):
    lab.endpoint()
    other = lab.endpoint(endpoint_identifier="dev-erp", resource_identifier="dev-erp")
    lab.task(other["endpoint"]["endpoint_arn"])
    assert lab.endpoint(compression_type="gzip")["action"] == "recreated"
