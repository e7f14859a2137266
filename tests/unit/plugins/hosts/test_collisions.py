# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that declare the same endpoint, role, policy or journal."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._hosts.collisions import collisions, overlaps
from builders import DMS, LAKE, declared_host

THIRD = "777788889999"


def host(name, **given):
    usual = {
        "environment": "dev",
        "environments": {},
        "region": "eu-central-1",
        "dms_account_id": DMS,
        "lake_account_id": LAKE,
        "deployment": "dev",
        "identifier": f"dev-{name}",
        "resource_identifier": f"dev-{name}",
        "role_name": f"dms-s3-dev-{name}",
        "policy_name": f"dms-s3-dev-{name}",
        "role_path": "/datalake-dms/dev/",
        "bucket_name": "lake",
        "journal_bucket": "journals",
    }
    return declared_host(name, {**usual, **given})


def test_hosts_of_their_own():
    assert collisions([host("crm"), host("erp"), host("hr", region="eu-west-1")]) == {}
    assert collisions([]) == {}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"identifier": "dev-crm"}, "the endpoint dev-crm"),
        ({"identifier": "DEV-CRM"}, "the endpoint dev-crm"),
        ({"resource_identifier": "dev-crm"}, "the end of an ARN dev-crm"),
        ({"role_name": "dms-s3-dev-crm"}, "the access role dms-s3-dev-crm"),
        ({"role_name": "DMS-s3-dev-crm", "region": "eu-west-1"}, "the access role dms-s3-dev-crm"),
        ({"role_name": "dms-s3-dev-crm", "access": "bucket_policy"}, "the access role dms-s3-dev-crm"),
        ({"policy_name": "dms-s3-dev-crm"}, "the access policy dms-s3-dev-crm"),
        (
            {"identifier": "dev-crm", "dms_account_id": THIRD, "access": "bucket_policy"},
            "the journal datalake-dms/eu-central-1/dev-crm.json",
        ),
    ],
    ids=str,
)
def test_both_hosts_are_named(given, named):
    found = collisions([host("crm"), host("erp", **given), host("hr")])
    assert list(found) == ["crm", "erp"]
    assert f"crm declares {named}, which erp declares, too; give each host its own s3_endpoint_" in found["crm"]
    assert f"erp declares {named}, which crm declares, too" in found["erp"]


@pytest.mark.parametrize(
    "given",
    [
        {"identifier": "dev-crm", "region": "eu-west-1", "journal_prefix": "other"},
        {"identifier": "dev-crm", "dms_account_id": THIRD, "journal_bucket": "other"},
        {"role_name": "dms-s3-dev-crm", "dms_account_id": "1" * 12, "lake_account_id": THIRD},
        {"policy_name": "dms-s3-dev-crm", "role_path": "/other/"},
    ],
    ids=str,
)
def test_same_name_elsewhere_is_another_resource(given):
    assert collisions([host("crm"), host("erp", **given)]) == {}


def test_what_follows_from_the_identifier_is_not_named():
    found = collisions([host("crm"), host("erp", **vars_of("crm"))])
    assert found["erp"] == (
        "erp declares the endpoint dev-crm, which crm declares, too; give each host its own s3_endpoint_identifier."
    )


def vars_of(name):
    names = {"role_name": "dms-s3-dev", "policy_name": "dms-s3-dev", "identifier": "dev", "resource_identifier": "dev"}
    return {variable: f"{prefix}-{name}" for variable, prefix in names.items()}


def test_third_host_is_named_as_well():
    found = collisions([host(name, policy_name="all") for name in ("crm", "erp", "hr")])
    assert "which erp and hr declare, too" in found["crm"]


# Folders


def at(name, folder, bucket="lake", **given):
    return host(name, bucket_name=bucket, bucket_folder=folder, **given)


@pytest.mark.parametrize(
    ("one", "other"),
    [("raw", "raw"), ("raw", "raw/crm"), ("", "raw"), ("", ""), ("raw/a", "raw/a/b/c"), ("raw/", "raw")],
)
def test_endpoints_that_share_a_folder_are_refused(one, other):
    hosts = [at("crm", one), at("erp", other), at("hr", "elsewhere", bucket="other")]
    found = overlaps(hosts)
    assert sorted(found) == ["crm", "erp"]
    assert overlaps(reversed(hosts)).keys() == found.keys()
    assert found["crm"].startswith("crm writes to s3://lake/")
    assert "and erp to s3://lake/" in found["crm"]
    assert "set s3_endpoint_allow_shared_folder=true for all of them." in found["erp"]


@pytest.mark.parametrize(
    ("one", "other", "bucket"),
    [("raw/crm", "raw/crm2", "lake"), ("raw", "rawer", "lake"), ("raw", "Raw", "lake"), ("raw", "raw", "other")],
)
def test_folders_of_their_own(one, other, bucket):
    assert overlaps([at("crm", one), at("erp", other, bucket=bucket)]) == {}


def test_folder_is_shared_where_all_allow_it():
    allowed = {"allow_shared_folder": True}
    assert overlaps([at("crm", "raw", **allowed), at("erp", "raw/erp", **allowed)]) == {}
    found = overlaps([at("crm", "raw", **allowed), at("erp", "raw", **allowed), at("hr", "raw")])
    assert sorted(found) == ["crm", "erp", "hr"]
    assert "crm writes to s3://lake/raw/, and hr to s3://lake/raw/, so" in found["crm"]


def test_many_others_are_counted():
    found = overlaps([at(f"h{number}", "raw") for number in range(9)])
    assert " and 5 more, so each" in found["h0"]


def test_settings_decide_where_an_endpoint_writes():
    hosts = [at("crm", "raw/crm", settings={"bucket_folder": "raw"}), at("erp", "raw")]
    assert sorted(overlaps(hosts)) == ["crm", "erp"]
