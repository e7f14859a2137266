# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done with an endpoint, and the names that go with it."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.filter.resource_identifier import FilterModule
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import short_resource_identifier
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import (
    create_request,
    plan_endpoint,
    resource_identifier,
)
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import DesiredSettings
from builders import DMS, dms_arn, role_arn

REMOTE, LOCAL = role_arn(), role_arn(account=DMS)
ARN = dms_arn("endpoint", "")


def endpoint(role=REMOTE, **settings):
    return {
        "EndpointIdentifier": "dev-crm",
        "EndpointArn": f"{ARN}dev-crm",
        "EndpointType": "TARGET",
        "EngineName": "s3",
        "S3Settings": {"ServiceAccessRoleArn": role, "BucketName": "lake", **settings},
    }


def desired(role=REMOTE, **settings):
    return DesiredSettings({"ServiceAccessRoleArn": role, "BucketName": "lake", **settings}, {})


def planned(current, wanted, **options):
    plan = plan_endpoint(current, wanted, DMS, **options)
    return plan.action, plan.reasons, plan.changes


def test_absent_is_created():
    assert planned(None, desired()) == ("created", ("it does not exist",), {})


@pytest.mark.parametrize("role", [REMOTE, LOCAL])
def test_equal_stays(role):
    assert planned(endpoint(role), desired(role)) == ("none", (), {})


def test_role_of_another_account_is_created_again():
    action, reasons, changes = planned(endpoint(), desired(CompressionType="gzip"))
    assert action == "recreated"
    assert reasons == ("AWS does not modify an endpoint whose role is in another account",)
    assert changes == {"compression_type": (None, "gzip")}


def test_role_of_the_same_account_is_modified():
    action, reasons, _changes = planned(endpoint(LOCAL), desired(LOCAL, CompressionType="gzip"))
    assert (action, reasons) == ("modified", ("its role is in the same account",))


@pytest.mark.parametrize(("before", "after"), [(LOCAL, REMOTE), (REMOTE, LOCAL)])
def test_move_between_accounts_is_created_again(before, after):
    assert planned(endpoint(before), desired(after))[0] == "recreated"


def test_encryption_with_a_key_is_not_modified_into():
    before = endpoint(LOCAL, EncryptionMode="SSE_S3")
    wanted = desired(LOCAL, EncryptionMode="sse-kms", ServerSideEncryptionKmsKeyId="k")
    assert planned(before, wanted)[:2] == ("recreated", ("AWS does not change encryption_mode to sse-kms",))


def test_encryption_without_a_key_is_modified_into():
    before = endpoint(LOCAL, EncryptionMode="SSE_KMS")
    assert planned(before, desired(LOCAL, EncryptionMode="sse-s3"))[0] == "modified"


def test_recreate_wins_over_everything_but_absence():
    assert planned(endpoint(), desired(), recreate=True) == ("recreated", ("recreate is true",), {})
    assert planned(None, desired(), recreate=True)[0] == "created"


@pytest.mark.parametrize("other", [{"EngineName": "mysql"}, {"EndpointType": "SOURCE"}])
def test_endpoint_of_another_kind_is_refused(other):
    with pytest.raises(
        DatalakeError, match=r"dev-crm exists as .* not as S3 target, and is not changed; choose another"
    ):
        planned({**endpoint(), **other}, desired())


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("dev-crm", "dev-crm"),
        ("x" * 31, "x" * 31),
        ("x" * 32, None),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGH", None),
        ("2dev", None),
        ("dev--crm", None),
    ],
)
def test_tail_of_an_arn_that_can_be_asked_for_again(tail, expected):
    assert resource_identifier(f"{ARN}{tail}") == expected


@pytest.mark.parametrize("name", ["dev-crm", "Dev-CRM", "x" * 31])
def test_short_name_stays(name):
    assert short_resource_identifier(name) == name.lower()


@pytest.mark.parametrize(
    "name", ["production-customer-relationship-management", "x" * 32, "production-customer-re-lationship", "PROD-" * 10]
)
def test_long_name_is_cut_to_what_dms_takes(name):
    short = short_resource_identifier(name)
    assert len(short) <= 31
    assert resource_identifier(f"{ARN}{short}") == short
    assert short_resource_identifier(name.lower()) == short


def test_long_names_with_the_same_beginning_stay_apart():
    names = [f"production-customer-relationship-{n}" for n in range(50)]
    assert len({short_resource_identifier(name) for name in names}) == 50


def test_filter_is_that_function():
    assert FilterModule().filters()["resource_identifier"]("dev-crm") == "dev-crm"


def test_endpoint_that_is_created_again_keeps_its_tail():
    request = create_request(endpoint(), desired(), "dev-crm", "other", {})
    assert request["ResourceIdentifier"] == "dev-crm"
    assert create_request(None, desired(), "dev-crm", "other", {})["ResourceIdentifier"] == "other"
