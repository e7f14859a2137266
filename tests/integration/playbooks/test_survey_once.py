# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a survey found absent counts for one deployment: a second one in the same play reads again."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.once

TWO = ("--limit", "logistics,pricing", "-e", "s3_endpoint_poll_interval=0.1", "-e", "s3_endpoint_survey_hosts=1")


def test_second_deployment_of_a_play_changes_nothing(aws, play, tmp_path):
    own = tmp_path / "own.yml"
    own.write_text(
        """
- hosts: s3_endpoints
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: datalake.dms.s3_endpoint, tasks_from: survey}
    - ansible.builtin.import_role: {name: datalake.dms.s3_endpoint}
    - ansible.builtin.assert: {that: s3_endpoint_result is changed}
    - ansible.builtin.import_role: {name: datalake.dms.s3_endpoint}
    - ansible.builtin.assert: {that: s3_endpoint_result is not changed}
"""
    )
    aws.control.clear_journal()
    status, said, changed = play("dev", own.with_suffix(""), *TWO)
    assert (status, changed) == (0, 1), said
    calls = [call["operation"] for call in aws.control.journal()]
    # Those of the second deployment; the first one read neither.
    assert (calls.count("CreateRole"), calls.count("GetObject")) == (2, 2)
