# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that the collection ships, an embedded AWS with their accounts, and playbooks as a user runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_aws import EmbeddedAWS

CHECKOUT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
ENVIRONMENTS = ("dev", "test", "prod")


# What takes longest, the longest first: the last test to begin is a short one then, and no core waits for it.
LONGEST = (
    "test_permissions",
    "test_replacement_losses",
    "test_account_wide",
    "test_in_process",
    "test_step_by_step",
    "test_replacement",
    "test_recorded_estate",
    "test_inventories",
)


def pytest_collection_modifyitems(items):
    """Playbooks before all else, since they take seconds each; xdist begins at the front and lets others take from the back."""

    def turn(item):
        if item.path.parent != Path(__file__).parent:
            return len(LONGEST) + 1
        return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)

    items.sort(key=turn)


@pytest.fixture(scope="session")
def landscape():
    sys.path.insert(0, str(CHECKOUT / "tests" / "tools"))
    import landscape  # a script, no package

    return landscape


@pytest.fixture(scope="session")
def inventories(landscape):
    return {name: landscape.hosts_of(CHECKOUT / "inventories" / name) for name in ENVIRONMENTS}


# One server at a time can run in a process, and other tests have theirs.
@pytest.fixture(scope="module")
def aws(landscape, inventories):
    with EmbeddedAWS() as running:
        running.control.seed({"environments": [landscape.environment_of(hosts) for hosts in inventories.values()]})
        yield running


@pytest.fixture(scope="module")
def play(aws):
    """Runs a playbook for one endpoint of an environment; gives its status, what it said, and how much it changed."""

    def run(name, playbook, *arguments):
        command = [
            BIN / "ansible-playbook",
            *("-i", f"inventories/{name}"),
            CHECKOUT / "playbooks" / f"{playbook}.yml",
            *arguments,
        ]
        ended = subprocess.run(
            command, cwd=CHECKOUT, env={**os.environ, **aws.environ}, capture_output=True, text=True, check=False
        )
        said = ended.stdout + ended.stderr
        changed = re.search(r"\bok=\d+ +changed=(\d+)", said)
        return ended.returncode, said, int(changed[1]) if changed else None

    return run


@pytest.fixture
def own_play(tmp_path):
    """Writes a play of one's own that imports an entry point of the role; gives its path as `play` takes it."""

    def write(tasks_from):
        path = tmp_path / "own.yml"
        path.write_text(
            f"""
- hosts: s3_endpoints
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {{name: datalake.dms.s3_endpoint, tasks_from: {tasks_from}}}
"""
        )
        return path.with_suffix("")

    return write
