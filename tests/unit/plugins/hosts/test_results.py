# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a result for many hosts names, and what of one host's result is published."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.datalake.dms.plugins.filter.hosts_in_result import FilterModule
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import failures, hosts_result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import EndpointResult, Record
from ansible_collections.datalake.dms.plugins.modules.dms_host_result import REPORTED, reported
from ansible_collections.datalake.dms.plugins.plugin_utils._play_hosts import partial_inventory

hosts_in_result = FilterModule().filters()["hosts_in_result"]
FIRST = {"asked": ["a", "b"], "to_deploy": ["b"], "blocked": {"a": "why"}}
SECOND = {"asked": ["c"], "to_deploy": ["c"], "blocked": {}}
# As each host has it after a task with `run_once` in two batches.
HOSTVARS = {"a": {"survey": FIRST}, "b": {"survey": FIRST}, "c": {"survey": SECOND}, "d": {}}


@pytest.mark.parametrize(
    ("key", "names"), [("to_deploy", ["b", "c"]), ("blocked", ["a"]), ("postponed", []), ("no_such_key", [])]
)
def test_each_result_is_taken_once(key, names):
    assert hosts_in_result(["a", "b", "c", "d", "absent"], HOSTVARS, "survey", key) == names


def test_nothing_was_asked():
    assert hosts_in_result(["a"], {}, "survey", "to_deploy") == []
    assert hosts_in_result([], HOSTVARS, "survey", "to_deploy") == []


# What a module for many hosts returns


def test_result_of_many_hosts():
    results = {
        **failures({"a": "no such account"}),
        "b": EndpointResult("b: endpoint created.", changed=True, action="created", warnings=("late", "late")),
        "c": EndpointResult("c: replaced in a later batch.", postponed=True),
    }
    told = hosts_result(results)
    assert {name: told[name] for name in ("changed", "asked", "postponed", "warnings")} == {
        "changed": True,
        "asked": ["a", "b", "c"],
        "postponed": ["c"],
        "warnings": ["late"],
    }
    assert list(told["hosts"]) == ["a", "b"]
    assert (told["hosts"]["a"]["failed"], told["hosts"]["a"]["msg"]) == (True, "no such account")
    assert (told["hosts"]["b"]["failed"], told["hosts"]["b"]["action"]) == (False, "created")


def test_nothing_changed_where_no_host_has():
    assert hosts_result({"a": EndpointResult("unchanged")})["changed"] is False
    assert hosts_result({}) == {"changed": False, "asked": [], "hosts": {}, "postponed": [], "warnings": []}


def test_report_of_a_host_has_all_but_what_the_task_is_for():
    result = EndpointResult("done", changed=True, findings=("one",), foreign=("two",)).as_result()
    report = reported(result)
    assert (
        set(report)
        == set(REPORTED)
        == {field.name for field in dataclasses.fields(EndpointResult)}
        - {
            "foreign",
            "warnings",
            "postponed",
        }
    )
    assert (report["msg"], report["changed"], report["findings"]) == ("done", True, ["one"])


def test_diff_is_from_the_beginning_of_a_run_to_its_end():
    record = Record()
    step = {"changed": True, "diff": {"before": 1, "after": 2}, "warnings": ["slow"]}
    record.add("role", dict(step))
    record.add("role", {**step, "diff": {"before": 2, "after": 3}})
    record.add("endpoint", {"changed": False, "diff": {"before": 4, "after": 4}})
    assert record.diff() == [{"before_header": "role", "after_header": "role", "before": 1, "after": 3}]
    assert (record.changed, record.warnings) == (True, ["slow"])
    assert Record().changed is False


# Whether a run has the whole inventory


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({}, ""),
        ({"ansible_limit": ""}, ""),
        ({"ansible_limit": "crm"}, "This run is limited to crm."),
        ({"awx_job_id": 7}, ""),
        ({"awx_workflow_job_id": 7}, "This is a job of an AWX workflow, which may be a slice; "),
        ({"tower_workflow_job_id": 7}, "This is a job of an AWX workflow, which may be a slice; "),
    ],
    ids=str,
)
def test_part_of_an_inventory(variables, why):
    assert partial_inventory(variables).startswith(why)
    assert bool(partial_inventory(variables)) is bool(why)
