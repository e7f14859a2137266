# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that kill the process that calls, with all that it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded_cloud import DMS, REGION

# A process of three generations: the child leaves its session, as ansible-core's workers do, and its child calls AWS. They say who they are in a
# file each, and the one that called says so when it lives on.
FAMILY = """
import json, os, sys, time
folder, credentials = sys.argv[1], json.loads(sys.argv[2])
def here(name):
    with open(f"{folder}/{name}", "w") as file:
        file.write(str(os.getpid()))
here("parent")
if os.fork() == 0:
    os.setsid()
    here("child")
    if os.fork() == 0:
        here("grandchild")
        while not os.path.exists(f"{folder}/go"):
            time.sleep(0.01)
        import botocore.session
        client = botocore.session.Session().create_client("dms", **credentials)
        try:
            client.create_endpoint(EndpointIdentifier="e", EndpointType="source", EngineName="mysql")
        finally:
            here("survivor")
    os.wait()
os.wait()
"""


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def family(cloud: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    given = cloud.assume("dms")
    credentials = {
        "endpoint_url": cloud.aws.url,
        "region_name": REGION,
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    with subprocess.Popen([sys.executable, "-c", FAMILY, str(tmp_path), json.dumps(credentials)]) as process:
        yield process
        # Only what is left after a failed test.
        for name in ("parent", "child", "grandchild"):
            if is_running(tmp_path / name):
                os.kill(int((tmp_path / name).read_text()), signal.SIGKILL)


def is_running(file: Path) -> bool:
    """Whether the process that wrote its number into the file still runs; a zombie doesn't."""
    try:
        stat = Path("/proc", file.read_text(), "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize(("kind", "endpoints"), [("kill_before", 0), ("kill_after", 1)])
def test_the_caller_dies_with_its_family(
    cloud: Any, tmp_path: Path, family: Any, bystander: Any, kind: str, endpoints: int
) -> None:
    cloud.control.add_fault(service="dms", operation="CreateEndpoint", kind=kind, pid=family.pid)
    while not (tmp_path / "grandchild").exists():
        assert family.poll() is None
    (tmp_path / "go").touch()
    assert family.wait(timeout=30) == -signal.SIGKILL
    # Signals take a moment to arrive; one who was missed sleeps on for ever.
    until = time.monotonic() + 5
    while any(is_running(tmp_path / name) for name in ("child", "grandchild")):
        assert time.monotonic() < until
    assert not (tmp_path / "survivor").exists()
    assert bystander.poll() is None
    assert len(cloud.control.state(DMS)["endpoints"]) == endpoints
    entry = cloud.control.journal()[-1]
    assert (entry["operation"], entry["fault"], entry["status"]) == ("CreateEndpoint", kind, None)


def test_a_process_that_has_ended_is_no_trouble(cloud: Any) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    cloud.control.add_fault(service="dms", kind="kill_before", pid=ended.pid)
    with pytest.raises(Exception, match="Connection was closed"):
        cloud.dms.describe_endpoints()
    assert cloud.dms.describe_endpoints()["Endpoints"] == []
