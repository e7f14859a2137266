# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of tasks that could not be started again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._replacement import tasks_down
from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import TaskEntry

BEGAN = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
MYSQL = {"EndpointIdentifier": "shop", "EngineName": "mysql"}
POSTGRES = {"EndpointIdentifier": "shop", "EngineName": "postgres"}
NAMED = {**POSTGRES, "PostgreSQLSettings": {"SlotName": "dms_crm"}}
QUOTED = {**POSTGRES, "ExtraConnectionAttributes": "slotName=it's"}


def said(source, retention=0, kind="cdc"):
    request = {"MigrationType": kind, "SourceEndpointArn": "source"}
    entry = TaskEntry("copy", "arn", request, {}, kind, True, True, True, "checkpoint")
    (sentence,) = tasks_down.sentences([entry], {"source": source} if source else {}, BEGAN, retention)
    assert sentence.startswith("Task copy is down; ")
    assert sentence.endswith(".")
    return sentence


def test_time_is_named_until_which_the_source_keeps_its_logs():
    assert "until 2026-11-22 22:30 UTC." in said(MYSQL, 86400)


@pytest.mark.parametrize("source", [MYSQL, POSTGRES, None])
def test_unknown_time_is_said(source):
    assert "is unknown, because source_log_retention is not set" in said(source)


@pytest.mark.parametrize("retention", [0, 86400])
def test_slot_fills_the_disk_and_has_its_sql(retention):
    sentence = said(NAMED, retention)
    assert "fill the disk of the source shop" in sentence
    assert "WHERE slot_name = 'dms_crm'" in sentence
    assert "SELECT pg_drop_replication_slot('dms_crm')" in sentence


def test_name_that_no_slot_has_is_not_put_into_sql():
    sentence = said(QUOTED)
    assert "its slot it's keeps" in sentence
    assert "SELECT" not in sentence


@pytest.mark.parametrize("source", [MYSQL, NAMED])
def test_task_that_only_loads_needs_no_logs(source):
    assert "it only loads" in said(source, kind="full-load")
