# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's playbooks, run as a user runs them, against an embedded AWS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from embedded_aws import EmbeddedAWS

CHECKOUT = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status, its recap over all hosts, and all that it said."""

    status: int
    changed: int
    failed: int
    said: str


def run_playbook(
    aws: EmbeddedAWS,
    inventory: Path | str,
    playbook: str,
    *arguments: str,
    echo: bool = False,
    environ: dict[str, str] | None = None,
) -> Ended:
    """Run playbooks/<playbook>.yml as the automation; with `echo` what it says is shown at once.

    :param environ: variables of the environment that say otherwise.
    """
    command = [str(ANSIBLE_PLAYBOOK), "-i", str(inventory), f"playbooks/{playbook}.yml", *arguments]
    if echo:
        print("$", " ".join(["ansible-playbook", *command[1:]]), flush=True)
    lines = []
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **aws.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=None if echo else subprocess.STDOUT,
        text=True,
    ) as run:
        for line in run.stdout or ():
            lines.append(line)
            if echo:
                print(line, end="", flush=True)
    said = "".join(lines)
    recap = [tuple(map(int, counts)) for counts in _RECAP.findall(said)]
    return Ended(run.returncode, sum(changed for changed, _ in recap), sum(failed > 0 for _, failed in recap), said)


_RECAP = re.compile(r"\bok=\d+ +changed=(\d+) +unreachable=\d+ +failed=(\d+)")
