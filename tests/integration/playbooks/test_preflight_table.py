# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight.yml: each account is looked at once, everything comes in one table, and a host stops for what concerns it alone."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter

import pytest

pytestmark = pytest.mark.once
ONE_IS_WRONG = {
    "s3_endpoint_poll_interval": 0.1,
    "s3_endpoint_bucket_name": "{{ 'nobodys-lake' if inventory_hostname == 'crm' else 'example-lake-dev' }}",
}


def calls(aws, *operations):
    counted = Counter(call["operation"] for call in aws.control.journal())
    return {operation: counted[operation] for operation in operations}


def test_all_accounts_are_looked_at_once_and_aws_support_gets_a_text(aws, play, tmp_path):
    text = tmp_path / "case.txt"
    aws.control.clear_journal()
    status, said, changed = play("dev", "preflight", "-e", f"s3_endpoint_support_case_dest={text}")
    assert (status, changed) == (0, 1), said  # The file.
    assert re.search(
        r"passed  dms   111122223333  eu-central-1  quota +Quota: 0 of 1000 endpoints used, 12 will be added", said
    )
    assert re.search(
        r"passed  lake  444455556666  eu-central-1  bucket +Bucket example-lake-dev belongs to account", said
    )
    once = calls(
        aws, "DescribeAccountAttributes", "HeadBucket", "DescribeKey", "GetAccountSummary", "DescribeVpcEndpoints"
    )
    assert set(once.values()) == {1}
    assert "Account with DMS: 111122223333" in said
    assert "\n\nPlease allow account 111122223333" in text.read_text()


def test_role_checks_the_accounts_in_a_play_of_ones_own(aws, play, own_play):
    for playbook in ("preflight", own_play("preflight")):
        status, said, _changed = play("dev", playbook, "--limit", "crm,erp", "-e", json.dumps(ONE_IS_WRONG))
        assert status == 2
        assert re.search(r"failed  lake  444455556666  eu-central-1  bucket +Bucket nobodys-lake does not exist", said)
        assert re.search(r"crm +: .*failed=1", said)
        assert not re.search(r"erp +: .*failed=[1-9]", said)


def test_host_stops_for_what_concerns_it_and_the_others_go_on(aws, play):
    aws.control.clear_journal()
    status, said, _changed = play("dev", "deploy", "--limit", "crm,erp", "-e", json.dumps(ONE_IS_WRONG))
    assert status == 2
    assert re.search(r"failed  lake  444455556666  eu-central-1  bucket +Bucket nobodys-lake does not exist", said)
    assert "Show the text for AWS Support" not in said or "Account with DMS" not in said
    assert re.search(r"crm +: ok=\d+ +changed=0 .*failed=1", said)
    assert re.search(r"erp +: ok=\d+ +changed=1 .*failed=0", said)
    assert calls(aws, "DescribeAccountAttributes", "HeadBucket") == {"DescribeAccountAttributes": 1, "HeadBucket": 2}


def test_nothing_is_removed_by_a_session_that_ends_soon(aws, play, monkeypatch):
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=20)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", end.isoformat())
    aws.control.clear_journal()
    status, said, _changed = play("dev", "remove", "--limit", "erp")
    assert status != 0
    assert "a replacement or removal needs 30" in said
    assert set(calls(aws, "DeleteEndpoint", "DeleteRole", "DescribeEndpoints").values()) == {0}


def test_hosts_that_have_nothing_to_do_are_spared(aws, play):
    surveyed = ("--limit", "hr,orders", "-e", "s3_endpoint_poll_interval=0.1", "-e", "s3_endpoint_survey_hosts=2")
    status, said, _changed = play("dev", "deploy", *surveyed)
    assert status == 0, said
    (orders,) = [
        endpoint
        for endpoint in aws.control.state("111122223333")["endpoints"]
        if endpoint["EndpointIdentifier"] == "dev-orders"
    ]
    aws.control.add_tags("111122223333", "eu-central-1", orders["EndpointArn"], {"by": "hand"})
    aws.control.clear_journal()
    status, said, _changed = play("dev", "deploy", *surveyed, "-e", "s3_endpoint_account_wide=true")
    assert status == 0, said
    assert "1 of 2 endpoints already match the inventory: hr." in said
    assert re.search(r"hr +: ok=\d+ +changed=0 ", said)
    assert re.search(r"orders +: ok=\d+ +changed=1 ", said)
    assert calls(aws, "GetAccountAuthorizationDetails", "RemoveTagsFromResource") == {
        "GetAccountAuthorizationDetails": 1,
        "RemoveTagsFromResource": 1,
    }
