# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier version left in AWS: its estate stays as it is, and its interrupted replacements are brought to an end.

The recordings are those of tests/tools/record_estate.py. Here are playbooks and what AWS holds after them, and nothing of the collection's own
modules: they may be rewritten, the recordings may not. A host that is replaced takes seconds, so that of the interrupted replacements each way to an
end takes every fourth; RECORDED=all takes all of them, for minutes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from embedded_aws import READS, EmbeddedAWS

pytestmark = pytest.mark.once

CHECKOUT = Path(__file__).resolve().parents[3]
ALL = os.environ.get("RECORDED") == "all"


@pytest.fixture(scope="module")
def tools():
    """The tool that recorded."""
    sys.path.insert(0, str(CHECKOUT / "tests" / "tools"))
    import record_estate  # a script, no package

    return record_estate


# One server at a time can run in a process, and other tests have theirs.
@pytest.fixture(scope="module")
def aws():
    with EmbeddedAWS() as running:
        yield running


def recorded(tools, name):
    return json.loads((tools.RECORDED / f"{name}.json").read_text())


def writes(aws):
    return [call["operation"] for call in aws.control.journal() if not call["operation"].startswith(READS)]


# --- The estate --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def estate(aws, tools):
    """What was deployed, restored: a dump of each account by its id."""
    accounts = recorded(tools, "estate")["accounts"]
    aws.control.reset()
    for account, dumped in accounts.items():
        aws.control.restore(account, dumped)
    return accounts


@pytest.mark.parametrize("playbook", ["service_roles", "deploy", "verify"])
def test_estate_is_as_declared(aws, tools, estate, playbook):
    aws.control.clear_journal()
    changed = tools.play(aws, [tools.SHIPPED, tools.CUSTOM], playbook)
    assert (changed, writes(aws)) == (0, [])
    assert {account: aws.control.dump(account) for account in estate} == estate


@pytest.mark.skipif(not ALL, reason="RECORDED=all: a task for each policy and role takes half a minute")
@pytest.mark.parametrize("side", ["dms", "lake"])
def test_recorded_roles_to_assume_are_completed_and_not_made_anew(aws, tools, estate, side):
    """Permissions may change with what playbooks call, but who they are granted to and what bounds them is there already."""
    account = {"dms": "100000000001", "lake": "200000000001"}[side]
    aws.control.clear_journal()
    tools.play(aws, [tools.SHIPPED], "deployer_access", environ=tools.administrator(aws, account))
    anew = {"CreateRole", "DeleteRole", "CreatePolicy", "DeletePolicy", "PutRolePermissionsBoundary"}
    assert anew & set(writes(aws)) == set()


# --- Replacements ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new_settings", [True, False], ids=["finished", "rolled back"])
def test_interrupted_replacements_are_brought_to_an_end(aws, tools, tmp_path, new_settings):
    steps = recorded(tools, "replacements")["steps"]
    if not ALL:
        steps = steps[0 if new_settings else 2 :: 4]
    aws.control.reset()
    for step in steps:
        for account, dumped in step["accounts"].items():
            aws.control.restore(account, dumped)
    hosts = tools.write_hosts(tmp_path / "hosts.json", {step["number"]: step["moves"] for step in steps})
    tools.play(aws, [tools.REPLACEMENTS, hosts], "deploy", *(tools.NEW_SETTINGS if new_settings else ()))
    wrong = {f"{name(tools, step)}: {problem}" for step in steps for problem in problems(aws, step, new_settings)}
    assert wrong == set()


def name(tools, step):
    moved = " of a move" if step["moves"] else ""
    return f"{tools.host_of(step['number'])}, killed after {step['killed_after']}{moved}"


def problems(aws, step, new_settings):
    """What is not as it was before the replacement, or as the replacement was to make it, each in a few words."""
    import crash_tasks  # a script, no package; `tools` made its folder known

    dms, lake = (aws.control.state(account) for account in step["accounts"])
    home, elsewhere = (dms, lake) if step["moves"] and new_settings else (lake, dms)
    targets = [one for one in dms["endpoints"] if one["EngineName"] == "s3"]
    settings = targets[0]["S3Settings"]
    tested = [one["Status"] for one in dms["connections"] if one["EndpointArn"] == targets[0]["EndpointArn"]]
    access = [role for role in home["roles"].values() if role["AttachedPolicies"]]
    tasks = {task["ReplicationTaskIdentifier"]: task for task in dms["tasks"]}
    stopped = tasks.get(crash_tasks.STOPPED, {})
    alarms = [
        (s["SourceIdsList"], s["EventCategoriesList"], s["Enabled"], s["Tags"]) for s in dms["event_subscriptions"]
    ]
    expected = {
        "journals": ([*dms["objects"].values()], [[]]),
        "endpoints": (len(targets), 1),
        "folder": (settings["BucketFolder"], "raw/new" if new_settings else "raw/old"),
        "compression": (settings["CompressionType"].lower(), "gzip" if new_settings else "none"),
        "connection": (tested, ["successful"]),
        "access role": ([role["Arn"] for role in access], [settings["ServiceAccessRoleArn"]]),
        "policies": (len(home["policies"]), 1),
        "former access role": ([r for r in elsewhere["roles"].values() if r["AttachedPolicies"]], []),
        "former policies": (list(elsewhere["policies"]), []),
        "bucket's policy": (bool(lake["bucket_policies"]), home is dms),
        "tasks": (sorted(tasks), sorted([crash_tasks.RUNNING, crash_tasks.STOPPED])),
        "targets of tasks": ({t["TargetEndpointArn"] for t in tasks.values()}, {targets[0]["EndpointArn"]}),
        "running task": (tasks.get(crash_tasks.RUNNING, {}).get("Status"), "running"),
        "stopped task": (stopped.get("Status") in ("stopped", "ready"), True),
        # Beside them, ours.
        "tags of tasks": (
            [k for k, t in tasks.items() if not t["Tags"].items() >= {"owner": "shop", "task": k}.items()],
            [],
        ),
        "positions": (crash_tasks.lost_position(dms["deleted_tasks"], dms["tasks"]), None),
        "event subscriptions": (alarms, [([crash_tasks.RUNNING], ["failure"], True, {"owner": "shop"})]),
    }
    if step["killed_after"] == "iam CreatePolicy" and not new_settings:
        # A journal of that time does not say that the endpoint was to move, so the policy that no role has yet is not searched for.
        expected["former policies"] = (len(elsewhere["policies"]), 1)
    return [f"{what} {found} in place of {wanted}" for what, (found, wanted) in expected.items() if found != wanted]
