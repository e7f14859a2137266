# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line: `start` and `stop` a detached server, or `run` a command beside one."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from types import FrameType
from typing import Any

from . import Control

STATE_FILE, LOG_FILE = "server.json", "server.log"
PACKAGE_PARENT = str(Path(__file__).resolve().parents[1])
WAIT_SECONDS = 30.0


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    if chosen.action == "start":
        return start(chosen.state_dir, chosen.landscape, chosen.max_lifetime)
    if chosen.action == "stop":
        return stop(chosen.state_dir)
    if chosen.action == "serve":
        return serve(chosen.state_dir, chosen.landscape, chosen.max_lifetime)
    return run(chosen.landscape, chosen.command)


def start(state_dir: Path, landscape: Path | None, max_lifetime: float) -> int:
    """Start a detached server and print its url when it is ready."""
    running = _running_server(state_dir)
    if running:
        print(f"a server is running already: {running['url']} (pid {running['pid']})", file=sys.stderr)
        return 1
    state_dir.mkdir(parents=True, exist_ok=True)
    (state_dir / STATE_FILE).unlink(missing_ok=True)
    command = [sys.executable, "-m", "embedded_aws", "serve", "--state-dir", str(state_dir)]
    command += ["--max-lifetime", str(max_lifetime)]
    command += ["--landscape", str(landscape)] if landscape else []
    with (state_dir / LOG_FILE).open("wb") as log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([PACKAGE_PARENT, os.environ.get("PYTHONPATH", "")])},
        )
    if not _wait_for(lambda: (state_dir / STATE_FILE).exists() or server.poll() is not None):
        server.kill()
    if not (state_dir / STATE_FILE).exists():
        print(f"the server did not start:\n{(state_dir / LOG_FILE).read_text()}", file=sys.stderr)
        return 1
    print(_recorded(state_dir)["url"])
    return 0


def serve(state_dir: Path, landscape: Path | None, max_lifetime: float) -> int:
    """The detached process: serve until a signal or the end of the lifetime."""
    from . import EmbeddedAWS

    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: received.append(number))
    state_file = state_dir / STATE_FILE
    with EmbeddedAWS(_read(landscape)) as aws:
        complete = state_file.with_suffix(".tmp")
        complete.write_text(json.dumps({"url": aws.url, "pid": os.getpid(), "environ": aws.environ}, indent=2) + "\n")
        complete.rename(state_file)
        _wait_for(lambda: bool(received), max_lifetime)
    state_file.unlink(missing_ok=True)
    return 0


def stop(state_dir: Path) -> int:
    """End the recorded server; fine if there is none."""
    running = _running_server(state_dir)
    if running:
        os.kill(running["pid"], signal.SIGTERM)
        if not _wait_for(lambda: _running_server(state_dir) is None):
            os.kill(running["pid"], signal.SIGKILL)
    (state_dir / STATE_FILE).unlink(missing_ok=True)
    return 0


def run(landscape: Path | None, command: list[str]) -> int:
    """Run a command beside a server in this process, which therefore cannot outlive it; the command's exit status."""
    from . import EmbeddedAWS

    with EmbeddedAWS(_read(landscape)) as aws:
        child = subprocess.Popen(command, env={**os.environ, **aws.environ, "EMBEDDED_AWS_URL": aws.url})

        def forward(number: int, _frame: FrameType | None) -> None:
            child.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, forward)
        _wait_for(lambda: child.poll() is not None, math.inf)
    # A shell reports a command that a signal ended as 128 + the signal's number.
    return 128 - child.returncode if child.returncode < 0 else child.returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m embedded_aws", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="start|stop|run")
    # `serve` is what `start` runs in the detached process; without a help text it stays out of the listing.
    for name, text in (("start", "start a detached server"), ("serve", None)):
        action = actions.add_parser(name, help=text) if text else actions.add_parser(name)
        action.add_argument("--state-dir", type=Path, required=True)
        action.add_argument("--landscape", type=Path, help="JSON file of what the accounts hold")
        action.add_argument("--max-lifetime", type=float, default=3600.0, help="seconds (default: %(default)s)")
    action = actions.add_parser("stop", help="stop it")
    action.add_argument("--state-dir", type=Path, required=True)
    action = actions.add_parser("run", help="run a command beside a server")
    action.add_argument("--landscape", type=Path, help="JSON file of what the accounts hold")
    action.add_argument("command", nargs="+", metavar="-- COMMAND", help="the command and its arguments")
    return parser


def _read(landscape: Path | None) -> dict[str, Any]:
    return dict(json.loads(landscape.read_text())) if landscape else {}


def _recorded(state_dir: Path) -> dict[str, Any]:
    return dict(json.loads((state_dir / STATE_FILE).read_text()))


def _running_server(state_dir: Path) -> dict[str, Any] | None:
    """What is recorded, if the server at the recorded url says that it is the recorded process.

    A recorded pid alone proves nothing: it may belong to another process by now.
    """
    try:
        recorded = _recorded(state_dir)
        return recorded if Control(recorded["url"]).pid() == recorded["pid"] else None
    except (OSError, HTTPException, ValueError, KeyError):
        return None  # also where it ends in the middle of its answer


def _wait_for(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> bool:
    """Whether the condition holds within the seconds.

    It polls, since Python runs signal handlers in the main thread only, which a signal that the kernel gives to
    another thread would not wake.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


if __name__ == "__main__":
    sys.exit(main())
