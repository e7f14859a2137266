# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify.yml compares all endpoints in one process, shows each one's result, and has tasks of those hosts only that drifted."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.once

THREE = ("--limit", "crm,erp,hr", "-e", "s3_endpoint_poll_interval=0.1")
NAMES = ("crm", "erp", "hr")


# No playbook here changes anything.
@pytest.fixture(scope="module")
def deployed(play):
    status, said, _changed = play("dev", "deploy", *THREE)
    assert status == 0, said


def failures(said):
    """What the recap says of each host that had a task: name -> how often it failed."""
    recap = said.partition("PLAY RECAP")[2]
    return {host: int(failed) for host, failed in re.findall(r"^(\w+) +: ok=.* failed=(\d+)", recap, re.MULTILINE)}


def test_results_of_all_are_shown_and_no_host_has_a_task(play, deployed):
    status, said, _changed = play("dev", "verify", *THREE)
    assert status == 0, said
    for name in NAMES:
        assert f"dev-{name}: no drift, connection successful." in said
    # The one that compares for all.
    assert failures(said) == {"crm": 0}


def test_host_that_drifted_fails_and_one_other_keeps_the_playbook_going(play, deployed):
    status, said, _changed = play("dev", "verify", *THREE, "-e", json.dumps(other_tags("erp")))
    assert status == 2, said
    assert failures(said) == {"crm": 0, "erp": 1}
    assert "dev-erp: the endpoint differs in tags" in said
    assert "dev-hr: no drift, connection successful." in said


def test_orphans_are_expected_none_after_hosts_that_fail(play, deployed):
    status, said, _changed = play("dev", "verify", "-e", "s3_endpoint_poll_interval=0.1")
    assert status == 2, said
    failed = failures(said)
    assert (failed["crm"], failed["localhost"], sum(failed.values())) == (0, 0, 9)
    assert {"erp", "hr"} & set(failed) == set()
    assert "There are no orphans." in said


def test_orphans_are_shown_and_fail_after_hosts_that_drifted(play, deployed):
    others = json.dumps({"s3_endpoint_hosts": ["crm", "erp"], "s3_endpoint_poll_interval": 0.1})
    status, said, _changed = play("dev", "verify", "-e", others)
    assert status == 2, said
    shown, _recap, _rest = said.partition("TASK [Expect no orphans]")
    assert "dev-hr" in shown.partition("Show the orphans")[2].partition("Show the results")[0]
    assert "Run prune.yml to remove them." in said
    assert failures(said)["localhost"] == 1


def test_host_whose_variables_are_wrong_fails_alone(play, deployed):
    wrong = {"s3_endpoint_tags": "{{ {'crm': no_such_variable} if inventory_hostname == 'crm' else s3_tags }}"}
    tags = {"s3_tags": "{{ {'environment': 'dev', 'source': inventory_hostname, 'managed-by': 'datalake.dms'} }}"}
    status, said, _changed = play("dev", "verify", *THREE, "-e", json.dumps({**wrong, **tags}))
    assert status == 2, said
    assert "no_such_variable" in said
    assert failures(said) == {"crm": 1, "erp": 0}


def test_tags_of_policies_are_left_out_where_that_is_wanted(aws, play, deployed):
    wide = ("-e", "s3_endpoint_account_wide=true")
    aws.control.clear_journal()
    assert play("dev", "verify", *THREE, *wide)[0] == 0
    assert [call["operation"] for call in aws.control.journal()].count("GetPolicy") == 3
    aws.control.clear_journal()
    status, said, _changed = play("dev", "verify", *THREE, *wide, "-e", "s3_endpoint_compare_policy_tags=false")
    assert status == 0, said
    assert said.count("The tags of its policy were not compared.") == 3
    assert [call["operation"] for call in aws.control.journal()].count("GetPolicy") == 0


def other_tags(host):
    usual = "{'environment': 'dev', 'source': inventory_hostname, 'managed-by': 'datalake.dms'}"
    return {"s3_endpoint_tags": f"{{{{ {{'by': 'test'}} if inventory_hostname == '{host}' else {usual} }}}}"}
