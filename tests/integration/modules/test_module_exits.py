# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends: what Ansible gets of a result, a failure, a warning."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.datalake.dms.plugins.modules import (
    dms_connection_test,
    dms_crossaccount_role,
    dms_preflight,
    dms_s3_endpoint,
)


@pytest.fixture
def exits(lab, capsys):
    """Run a module as Ansible does; its exit status and what it tells Ansible."""

    def run(module, side, /, **options):
        caller = {"assume_role_arn": lab.deployers[side], "assume_role_external_id": "the-deployers-id"}
        with patch_module_args({**caller, **options}), pytest.raises(SystemExit) as end:
            module.main()
        return end.value.code, json.loads(capsys.readouterr().out)

    return run


def test_success(lab, exits):
    status, told = exits(dms_crossaccount_role, "lake", role_name="dms-s3-crm", bucket_name=lab.bucket)
    assert (status, told["changed"]) == (0, True)
    assert told["role"]["arn"] == lab.role_arn


def test_check_mode(lab, exits):
    status, told = exits(
        dms_crossaccount_role, "lake", role_name="dms-s3-crm", bucket_name=lab.bucket, _ansible_check_mode=True
    )
    assert (status, told["changed"]) == (0, True)
    assert lab.iam_role() is None


def test_error_is_one_sentence_without_a_traceback(lab, exits):
    status, told = exits(dms_crossaccount_role, "lake", role_name="dms s3", bucket_name=lab.bucket)
    assert (status, told["failed"]) == (1, True)
    assert told["msg"].startswith("role_name=dms s3, path=/: ")
    assert "exception" not in told


def test_error_of_aws_has_its_code(lab, exits):
    lab.fault(
        "dms", "DescribeEndpoints", "error", "dms", code="AccessDeniedException", message="not authorized to perform: x"
    )
    _status, told = exits(dms_s3_endpoint, "dms", endpoint_identifier="dev-crm", state="absent")
    assert told["failed"] is True
    assert told["error_code"] == "AccessDeniedException"
    assert "grant it" in told["msg"]


def test_failed_connection_test_fails_with_its_result(lab, exits):
    lab.role()
    arn = lab.endpoint()["endpoint"]["endpoint_arn"]
    instance = {"replication_instance_arn": lab.instance_arn, "poll_interval": 0.02}
    status, told = exits(dms_connection_test, "dms", endpoint_arn=arn, **instance)
    assert (status, told["failed"], told["status"], told["failed_to_assume_role"]) == (1, True, "failed", True)
    assert told["msg"].startswith("The connection test of endpoint dev-crm failed: ")


def test_findings_fail_with_the_findings(lab, exits):
    status, told = exits(dms_preflight, "lake", side="lake", account_id=lab.lake_account, bucket_name="nobodys-bucket")
    assert (status, told["failed"], len(told["findings"])) == (1, True, 1)
    assert told["msg"].startswith("Bucket nobodys-bucket does not exist")


def test_no_secret_reaches_ansible(lab, exits, environment):
    _status, told = exits(dms_preflight, "lake", side="lake", account_id=lab.lake_account)
    assert told["arn"]
    text = json.dumps(told)
    assert "ASIA" not in text
    assert "embedded-aws-secret-key" not in text
