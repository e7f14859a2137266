# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""start, stop and run, as an outside process uses them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import embedded_aws
import pytest
from embedded_aws import Control
from embedded_cloud import DMS, landscape

ENVIRON = {**os.environ, "PYTHONPATH": str(Path(embedded_aws.__file__).parents[1])}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "embedded_aws", *arguments]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), env=ENVIRON, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def landscape_file(tmp_path: Path) -> str:
    file = tmp_path / "landscape.json"
    file.write_text(json.dumps(landscape()))
    return str(file)


def is_answering(url: str) -> bool:
    try:
        Control(url).pid()
    # The second where it ends in the middle of its answer.
    except (OSError, HTTPException):
        return False
    return True


def test_start_and_stop(tmp_path: Path, landscape_file: str) -> None:
    state = str(tmp_path / "state")
    started = call("start", "--state-dir", state, "--landscape", landscape_file)
    try:
        recorded: dict[str, Any] = json.loads((tmp_path / "state/server.json").read_text())
        url = recorded["url"]
        assert started.stdout.strip() == url == recorded["environ"]["AWS_ENDPOINT_URL"]
        assert Control(url).pid() == recorded["pid"]
        assert Control(url).state(DMS)["replication_instances"]
        again = call("start", "--state-dir", state)
        assert (again.returncode, url in again.stderr) == (1, True)
    finally:
        stopped = call("stop", "--state-dir", state)
    assert stopped.returncode == 0
    assert not (tmp_path / "state/server.json").exists()
    assert not is_answering(url)
    assert call("stop", "--state-dir", state).returncode == 0


def test_the_lifetime_ends(tmp_path: Path) -> None:
    started = call("start", "--state-dir", str(tmp_path), "--max-lifetime", "0.2")
    assert started.returncode == 0, started.stderr
    until = time.monotonic() + 5
    while is_answering(started.stdout.strip()) or (tmp_path / "server.json").exists():
        assert time.monotonic() < until, "the server outlives its lifetime"


def test_stop_leaves_a_process_alone_that_is_not_the_server(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as other:
        record = {"url": "http://127.0.0.1:9", "pid": other.pid, "environ": {}}
        (tmp_path / "server.json").write_text(json.dumps(record))
        try:
            assert call("stop", "--state-dir", str(tmp_path)).returncode == 0
            assert other.poll() is None
        finally:
            other.kill()
    assert not (tmp_path / "server.json").exists()


def test_a_wrong_landscape_is_told(tmp_path: Path) -> None:
    file = tmp_path / "landscape.json"
    file.write_text('{"colour": "red"}')
    started = call("start", "--state-dir", str(tmp_path), "--landscape", str(file))
    assert started.returncode == 1
    assert "colour" in started.stderr


def test_run_exports_the_environment_and_returns_the_status(landscape_file: str) -> None:
    script = """
import os, sys
from embedded_aws import Control
url = os.environ["EMBEDDED_AWS_URL"]
assert url == os.environ["AWS_ENDPOINT_URL"]
assert os.environ["AWS_REGION"] == os.environ["AWS_DEFAULT_REGION"] == "eu-central-1"
assert len(os.environ["AWS_ACCESS_KEY_ID"]) == 20 and len(os.environ["AWS_SECRET_ACCESS_KEY"]) > 30
assert Control(url).state("111111111111")["replication_instances"]
print(url)
sys.exit(7)
"""
    ran = call("run", "--landscape", landscape_file, "--", sys.executable, "-c", script)
    assert ran.returncode == 7, ran.stderr
    assert not is_answering(ran.stdout.strip())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_passes_signals_on_and_ends(number: signal.Signals) -> None:
    """The command restores the default of SIGINT, which python turns into an exception."""
    script = (
        "import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "print(os.environ['EMBEDDED_AWS_URL'], flush=True); time.sleep(30)"
    )
    arguments = command("run", "--", sys.executable, "-c", script)
    with subprocess.Popen(arguments, env=ENVIRON, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert is_answering(url)
        running.send_signal(number)
        assert running.wait(timeout=10) == 128 + number
    assert not is_answering(url)
