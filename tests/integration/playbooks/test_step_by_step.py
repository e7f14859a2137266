# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""step_by_step.yml: the plain sequence of public modules reaches the same end state as main, and writes nothing in check mode."""

from __future__ import annotations

import json
import re

import pytest
from embedded_aws import READS

pytestmark = pytest.mark.once

PLAYBOOK = """
- hosts: s3_endpoints
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: datalake.dms.s3_endpoint, tasks_from: step_by_step}
"""
QUICK = ("-e", "s3_endpoint_poll_interval=0.1")
# What differs from run to run.
VARYING = re.compile(
    r"AROA\w+|ANPA\w+|\d{4}-\d\d-\d\d[T ][\w:/.+-]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|/[0-9a-f]{16}"
)


@pytest.fixture
def step_by_step(play, tmp_path):
    playbook = tmp_path / "step_by_step.yml"
    playbook.write_text(PLAYBOOK)

    def run(host, *arguments):
        return play("dev", playbook.with_suffix(""), *QUICK, "--limit", host, *arguments)

    return run


def state_of(aws, host, inventories):
    """Endpoint, role, policy and connection of a host, with what tells it from another host taken out."""
    variables = inventories["dev"][host]
    found = []
    for account in (variables["s3_endpoint_dms_account_id"], variables["s3_endpoint_lake_account_id"]):
        state = aws.control.state(account)
        lists = [state["endpoints"], state["connections"], state["roles"].values(), state["policies"].values()]
        found += [json.dumps(item, sort_keys=True) for items in lists for item in items]
    own = [
        VARYING.sub(
            "VARYING",
            text.replace(f"dev-{host}", "HOST")
            .replace(f"raw/{host}", "FOLDER")
            .replace(f'"source": "{host}"', "SOURCE"),
        )
        for text in found
    ]
    return sorted(text for text in own if "HOST" in text)


def test_same_end_state_as_main(aws, play, step_by_step, inventories):
    aws.control.clear_journal()
    status, said, _changed = step_by_step("erp", "--check")
    assert status == 0, said
    assert [c["operation"] for c in aws.control.journal() if not c["operation"].startswith(READS)] == []
    status, said, changed = step_by_step("erp")
    assert (status, changed) == (0, 4), said
    assert play("dev", "deploy", *QUICK, "--limit", "crm")[0] == 0
    assert state_of(aws, "erp", inventories) == state_of(aws, "crm", inventories)
    # Again, and with main, nothing changes.
    assert step_by_step("erp")[::2] == (0, 0)
    aws.control.clear_journal()
    status, said, changed = play("dev", "deploy", *QUICK, "--limit", "erp")
    assert (status, changed) == (0, 0), said
    assert [c["operation"] for c in aws.control.journal() if not c["operation"].startswith(READS)] == []
