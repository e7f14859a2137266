# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook over an empty or wrong inventory does not end as if all were well, and no host is taken for a machine to log in to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# The tools are scripts, in no package.
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from playbook import CHECKOUT, run_playbook

pytestmark = pytest.mark.once

PLAYBOOKS = ("deploy", "remove", "preflight", "unlock")
OTHERS = {"all": {"hosts": {"bastion": {"ansible_connection": "local"}}}}


@pytest.fixture
def run(aws, tmp_path):
    """Run a playbook over an inventory: its status, and what it says."""

    def over(inventory, playbook, *arguments):
        path = tmp_path / "hosts.json"
        path.write_text(json.dumps(inventory))
        ended = run_playbook(aws, path, playbook, *arguments)
        return ended.status, ended.said

    return over


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_inventory_without_endpoints_fails_with_a_sentence(run, playbook):
    status, said = run(OTHERS, playbook)
    assert status != 0
    assert "The inventory has no host in the group s3_endpoints; name the right inventory with -i" in said
    assert "Traceback" not in said


def test_limit_that_leaves_none_fails_with_a_sentence(run):
    status, said = run({**OTHERS, "s3_endpoints": {"hosts": {"crm": {}}}}, "deploy", "--limit", "bastion")
    assert status != 0
    assert "--limit leaves no host of the group s3_endpoints" in said


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_syntax_check_needs_no_host(run, playbook):
    assert run(OTHERS, playbook, "--syntax-check")[0] == 0


@pytest.mark.parametrize("variable", ["s3_endpoint_allow_empty=true", "awx_workflow_job_id=7"])
def test_no_host_is_no_failure_where_it_is_meant(run, variable):
    status, said = run(OTHERS, "deploy", "-e", variable)
    assert (status, "no hosts matched" in said) == (0, True)


def test_playbook_logs_in_to_no_machine_whatever_the_inventory_says(run):
    """The host lacks its variables, which is found without a login."""
    ssh = {"ansible_connection": "ssh", "ansible_host": "192.0.2.1", "ansible_python_interpreter": "/none"}
    status, said = run({"s3_endpoints": {"hosts": {"crm": ssh}}}, "deploy")
    assert status != 0
    assert "The host lacks s3_endpoint_" in said
    assert "UNREACHABLE" not in said
    assert "192.0.2.1" not in said


def test_role_refuses_to_log_in_to_a_machine(aws, own_play, tmp_path):
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps({"s3_endpoints": {"hosts": {"crm": {"ansible_connection": "ssh"}}}}))
    playbook = own_play("survey")
    command = ["ansible-playbook", "-i", str(path), f"{playbook}.yml"]
    ended = subprocess.run(
        command, cwd=CHECKOUT, env={**os.environ, **aws.environ}, capture_output=True, text=True, check=False
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert "crm has connection ssh, so Ansible would log in to a machine of that name" in said
