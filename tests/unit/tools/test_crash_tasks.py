# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the crash matrix holds against tasks that were made again."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

# The tools are scripts, in no package.
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import crash_tasks
from embedded_aws import EmbeddedAWS

ACCOUNT, LAKE = "100000000001", "200000000001"
DEPLOYER = {"assume_role_arn": f"arn:aws:iam::{ACCOUNT}:role/deployer", "assume_role_external_id": "for-the-dms-side"}
INSTANCE = f"arn:aws:dms:eu-central-1:{ACCOUNT}:rep:molecule"
SWITCHES = {"task_polls": 1, "full_load_polls": 2}


def task(*starts: tuple[str, str | None], at: str | None = None, begins: str | None = None) -> dict[str, Any]:
    named = {"RecoveryCheckpoint": at, "CdcStartPosition": begins}
    return {"ReplicationTaskIdentifier": "copy", "Starts": [list(start) for start in starts], **named}


START, RESUME = "start-replication", "resume-processing"
RAN = task((START, None), at="5")
GOOD = task((START, "5"), at="9")


@pytest.mark.parametrize(
    ("deleted", "tasks", "wrong"),
    [
        ([], [RAN], None),
        ([RAN], [GOOD], None),
        ([RAN], [task(begins="5")], None),
        ([RAN], [task((START, "5"), (RESUME, "7"), (RESUME, "8"))], None),
        ([RAN, GOOD], [task((START, "9"))], None),
        ([RAN, task(begins="5")], [GOOD], None),
        ([task()], [], None),
        ([RAN], [], "is not there any more"),
        ([RAN, GOOD], [], "was deleted at 9"),
        ([RAN, task(begins="5")], [], "was deleted at 5"),
        ([RAN], [task((START, "4"))], "began with start-replication at 4"),
        ([RAN], [task((START, None), begins=None)], "at None"),
        ([RAN], [task((RESUME, "5"))], "began with resume-processing"),
        ([RAN], [task((START, "5"), (START, "5"))], "started later with start-replication"),
        ([RAN], [task(begins="4")], "is to begin at 4"),
        ([RAN], [task()], "is to begin at None"),
        ([RAN, GOOD], [task((START, "5"))], "was at 9 and began"),
        ([RAN, task(begins="5")], [task((START, "6"))], "was at 5 and began"),
    ],
)
def test_lost_positions(deleted: list[Any], tasks: list[Any], wrong: str | None) -> None:
    sentence = crash_tasks.lost_position(deleted, tasks)
    assert sentence is None if wrong is None else wrong in str(sentence)


@pytest.mark.parametrize("switches", [{}, SWITCHES])
def test_the_tasks_that_are_made(switches: dict[str, int]) -> None:
    environment = {
        "name": "dev",
        "region": "eu-central-1",
        "dms": {"account_id": ACCOUNT, "replication_instance_arn": INSTANCE, **DEPLOYER},
        "lake": {"account_id": LAKE},
        "switches": switches,
    }
    case: Any = SimpleNamespace(accounts=(ACCOUNT, LAKE))
    with EmbeddedAWS({"environments": [environment]}) as aws:
        dms = crash_tasks.client(aws, ACCOUNT)
        role = f"arn:aws:iam::{LAKE}:role/dms"
        s3 = {"BucketName": "lake", "ServiceAccessRoleArn": role}
        dms.create_endpoint(EndpointIdentifier="target", EndpointType="target", EngineName="s3", S3Settings=s3)
        crash_tasks.make_tasks(aws, case)
        state = aws.control.state(ACCOUNT)
        assert crash_tasks.lost_anything(aws, case) is None
        made = {one["ReplicationTaskIdentifier"]: one for one in state["tasks"]}
        assert {name: (one["MigrationType"], one["Status"]) for name, one in made.items()} == {
            "load-and-capture": ("full-load-and-cdc", "running"),
            "capture": ("cdc", "stopped"),
        }
        assert all("checkpoint:V1#" in one["RecoveryCheckpoint"] and one["Tags"]["owner"] for one in made.values())
        assert made["load-and-capture"]["ReplicationTaskStats"]["FullLoadProgressPercent"] == 100
        assert state["event_subscriptions"][0]["SourceIdsList"] == ["load-and-capture"]
        dms.delete_replication_task(ReplicationTaskArn=made["capture"]["ReplicationTaskArn"])
        dms.describe_replication_tasks()
        assert "the task capture was deleted at checkpoint:V1#" in str(crash_tasks.lost_anything(aws, case))


@pytest.mark.parametrize(
    ("counted", "status", "wrong"),
    [
        ({"missing": 0, "again": 3, "waiting": 0}, "running", None),
        ({"missing": 0, "again": 0, "waiting": 1}, "running", None),
        ({"missing": 0, "again": 0, "waiting": 9}, "stopped", None),
        ({"missing": 0, "again": 0, "waiting": 9}, "running", "has not written 9 changes"),
        ({"missing": 2, "again": 0, "waiting": 0}, "stopped", "2 changes are missing in the target of the task copy"),
    ],
)
def test_lost_changes(counted: dict[str, int], status: str, wrong: str | None) -> None:
    sentence = crash_tasks.lost_change({"copy": counted}, [{"ReplicationTaskIdentifier": "copy", "Status": status}])
    assert sentence is None if wrong is None else wrong in str(sentence)
