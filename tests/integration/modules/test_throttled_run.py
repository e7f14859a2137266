# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many endpoints of one account side by side, throttled as AWS throttles DMS: slower, and none fails. `make throttle` is the long form."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.once

ENDPOINTS = [f"dev-{number}" for number in range(8)]
# Endpoints and bucket are AWS's (200 and 8), scaled down so that some seconds are enough.
BUCKET = {"burst": 10, "refill": 12}


@pytest.fixture
def botocore_pauses():
    """As long as they are, since they must outlast the throttle."""


def deploy(lab, name):
    """Role, endpoint, its ExternalId into the trust, and the connection test, as the role does; the test's result."""
    role = {"role_name": f"dms-s3-{name}"}
    lab.role(**role)
    made = lab.endpoint(
        endpoint_identifier=name,
        resource_identifier=name,
        service_access_role_arn=f"arn:aws:iam::{lab.lake_account}:role/{role['role_name']}",
    )
    lab.role(**role, external_ids=[made["external_id"]])
    return lab.test(made["endpoint"]["endpoint_arn"])["status"]


def test_throttled_run_ends_well(lab):
    lab.switch(dms_throttle=BUCKET)
    lab.forget_calls()
    with ThreadPoolExecutor(len(ENDPOINTS)) as pool:
        connections = list(pool.map(lambda name: deploy(lab, name), ENDPOINTS))
    throttled = [e for e in lab.control.journal() if e["error_code"] == "ThrottlingException"]
    assert {e["account"] for e in throttled} == {lab.dms_account}
    assert connections == ["successful"] * len(ENDPOINTS)
    assert sorted(e["EndpointIdentifier"] for e in lab.endpoints()) == ENDPOINTS
