# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy.yml and verify.yml handle all hosts of a play in one process, and each host has a result of its own."""

from __future__ import annotations

import json
import re

import pytest

THREE = ("--limit", "crm,erp,hr", "-e", "s3_endpoint_poll_interval=0.1")
SURVEYED = (*THREE, "-e", "s3_endpoint_survey_hosts=2")
# What only one of the hosts has, by what it says in the other two's place.
TWO_ARE_WRONG = {
    "s3_endpoint_tags": "{{ {'crm': no_such_variable} if inventory_hostname == 'crm' else {'by': 'test'} }}",
    "s3_endpoint_settings": "{{ {'compresion_type': 'gzip'} if inventory_hostname == 'erp' else {} }}",
}


@pytest.fixture(scope="module")
def deployed(play):
    assert play("dev", "deploy", *THREE)[0] == 0


def outcome(said, host):
    """What the recap says of a host: (changed, failed)."""
    found = re.search(rf"^{host} +: ok=\d+ +changed=(\d+) .*failed=(\d+)", said, re.MULTILINE)
    return found and (int(found[1]), int(found[2]))


def writers(aws):
    """The endpoints and roles that a run made or changed."""
    return {call["operation"] for call in aws.control.journal() if call["operation"].startswith(("Create", "Update"))}


@pytest.mark.once
def test_wrong_variables_stop_their_host_alone_before_anything_is_touched(aws, play):
    aws.control.clear_journal()
    status, said, _changed = play("dev", "deploy", *THREE, "-e", json.dumps(TWO_ARE_WRONG))
    assert status == 2
    assert "s3_endpoint_tags can't be templated: 'no_such_variable' is undefined; correct it" in said
    assert "s3_endpoint_settings has compresion_type, which is not a setting of an S3 endpoint; did you mean" in said
    assert [outcome(said, host) for host in ("crm", "erp", "hr")] == [(0, 1), (0, 1), (1, 0)]
    calls = [call["operation"] for call in aws.control.journal()]
    assert (calls.count("CreateEndpoint"), calls.count("CreateRole")) == (1, 1)
    # They are told before the first of the others is changed.
    assert said.index("no_such_variable") < said.index("endpoint created")


@pytest.mark.once
def test_nothing_to_do_is_told_of_all_hosts_and_takes_no_task_of_theirs(aws, play, deployed):
    aws.control.clear_journal()
    status, said, _changed = play("dev", "deploy", *SURVEYED)
    assert (status, writers(aws)) == (0, set()), said
    assert "3 of 3 endpoints already match the inventory: crm, erp, hr." in said
    # The one that looked for all.
    assert [outcome(said, host) for host in ("crm", "erp", "hr")] == [(0, 0), None, None]
    status, said, _changed = play("dev", "verify", *THREE)
    assert status == 0, said
    assert said.count("no drift, connection successful") == 3


def test_strategy_that_knows_no_run_once(aws, play, own_play, deployed, monkeypatch):
    monkeypatch.setenv("ANSIBLE_STRATEGY", "free")
    # A verification has no task of a host without drift, but for the one that compares all.
    expected = {"deploy": [(0, 0)] * 3, "verify": [(0, 0), None, None]}
    for playbook, recap in expected.items():
        status, said, _changed = play("dev", playbook, *THREE)
        assert (status, [outcome(said, host) for host in ("crm", "erp", "hr")]) == (0, recap), said
    status, said, _changed = play("dev", own_play("survey"), *THREE)
    assert status != 0
    assert "with run_once, which strategy free ignores; set `strategy: linear` for the play" in said


def test_play_sees_what_its_hosts_would_see(aws, play, tmp_path):
    """Variables of the play, of the role's task and of the command line, with the precedence that they have for a task of the host."""
    own = tmp_path / "own.yml"
    own.write_text(
        """
- hosts: s3_endpoints
  gather_facts: false
  vars:
    s3_endpoint_bucket_folder: of-the-play
    s3_endpoint_identifier: "own-{{ inventory_hostname }}"
    s3_endpoint_allow_shared_folder: true
  tasks:
    - datalake.dms.dms_survey: {compare_from: 0}
      register: survey
      run_once: true
      vars: {s3_endpoint_policy_name: "of-the-task-{{ s3_endpoint_identifier }}"}

    - ansible.builtin.debug:
        msg: "{{ settings.bucket_folder }} {{ role.role_name }} {{ role.policy_name }} {{ declared.test.max_age }}"
      vars:
        declared: "{{ survey.declared[inventory_hostname] }}"
        settings: "{{ declared.endpoint.s3_settings }}"
        role: "{{ declared.roles.crossaccount_role }}"
"""
    )
    status, said, _changed = play("dev", own.with_suffix(""), *THREE, "-e", "s3_endpoint_test_max_age=77")
    assert status == 0, said
    for host in ("crm", "erp", "hr"):
        assert f'"of-the-play dms-s3-own-{host} of-the-task-own-{host} 77"' in said


@pytest.mark.once
def test_secrets_are_told_by_no_verbosity(aws, play):
    secret = ("-e", "s3_endpoint_extra_connection_attributes=password=very-secret-text")
    for playbook, *more in (("deploy", "--check", "--diff"), ("deploy", "--diff"), ("verify",)):
        _status, said, _changed = play("dev", playbook, *SURVEYED, *secret, *more, "-vvvv")
        assert "very-secret-text" not in said.replace(
            "s3_endpoint_extra_connection_attributes=password=very-secret-text", ""
        )
