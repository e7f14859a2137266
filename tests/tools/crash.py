# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The crash matrix: disturb a run at each call of AWS that it makes, in each way, run it again, and compare the end with an undisturbed one.

`crash.py` takes every call and every way; `crash.py --each-call` every call, each in one of the ways by turns; `crash.py --sample`, which is part of
`make test`, every third call of those that change something, in some scenarios. A case is a host with accounts of its own, so that all cases of
a scenario go through one play; only a run that is killed is one of its own.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import crash_tasks
from embedded_aws import READS, EmbeddedAWS

CHECKOUT = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
# What the hosts have in common, and the play that makes their accounts: molecule's.
SHARED = CHECKOUT / "extensions" / "molecule" / "_shared"
# The second deployment: another setting, one that the inventory does not name any more, and everything that the owner of the tasks consents to.
CHANGED = {
    "s3_endpoint_settings": {"data_format": "parquet", "compression_type": "gzip"},
    "s3_endpoint_replace_tasks": True,
    "s3_endpoint_source_log_retention": 86400,
    "s3_endpoint_accept": ["foreign_tasks"],
    "s3_endpoint_journal_bucket": "{{ journal_bucket_name }}",
}

Run = tuple[str, dict[str, Any]]
"""A playbook and its variables."""


@dataclass(frozen=True)
class Scenario:
    """A run that is disturbed, and what comes before and after it; `sampled`: whether a sample has it.

    `before`: an undisturbed run; `host`: more variables of each host; `prepare`: called for each case once that is done; `check`: called for each
    case at its end, says what is wrong with it in a sentence, None if nothing is. The check of the end state leaves out how tasks were started and
    which were deleted, and where they are.
    """

    run: Run
    before: Run | None = None
    host: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[EmbeddedAWS, Case], None] | None = None
    check: Callable[[EmbeddedAWS, Case], str | None] | None = None
    sampled: bool = True


# The other way of access.
MOVED = {**CHANGED, "s3_endpoint_access": "bucket_policy", "s3_endpoint_policy_settle_time": 0.3}

SCENARIOS: dict[str, Scenario] = {
    "first deployment": Scenario(run=("deploy", {})),
    "update with tasks": Scenario(
        before=("deploy", {}),
        run=("deploy", CHANGED),
        host={"switches": {"task_polls": 1, "event_sources_on_task_delete": "dropped"}},
        prepare=crash_tasks.make_tasks,
        check=crash_tasks.lost_positions,
    ),
    "move": Scenario(
        before=("deploy", {}),
        run=("deploy", MOVED),
        prepare=crash_tasks.make_tasks,
        check=crash_tasks.lost_positions,
        sampled=False,
    ),
    "move back": Scenario(
        before=("deploy", MOVED),
        run=("deploy", CHANGED),
        prepare=crash_tasks.make_tasks,
        check=crash_tasks.lost_positions,
        sampled=False,
    ),
    "removal": Scenario(before=("deploy", {}), run=("remove", {})),
}

# Once: botocore tries again. From there on: the run is dead, before the call took effect or after it. Killed: so is its process, with no chance to
# tidy up.
ONCE = {"request lost": "reset_before", "answer lost": "reset_after", "throttled": "throttle", "500": "error500"}
DEAD = {"dead before": None, "dead after": "reset_after"}
KILLED = {"killed before": "kill_before", "killed after": "kill_after"}
WAYS = (*ONCE, *DEAD, *KILLED)
KILLED_AT_A_TIME = 2

# Parts of the matrix.
SAMPLE, EACH_CALL = "sample", "each call"


@dataclass(frozen=True)
class Case:
    """Disturb call number `call` (0 is the first) of `scenario` in that way; `number` makes the host's accounts. No way: undisturbed."""

    scenario: str
    number: int
    call: int = 0
    way: str | None = None

    @property
    def host(self) -> str:
        return f"case_{self.number}"

    @property
    def accounts(self) -> tuple[str, str]:
        """DMS and data lake, as _shared/inventory/group_vars/all.yml makes them."""
        return f"1{90:05}{self.number:06}", f"2{90:05}{self.number:06}"

    def __str__(self) -> str:
        return f"{self.scenario}, call {self.call}, {self.way}"


class Matrix:
    """Runs cases against one embedded AWS, and keeps what went wrong."""

    def __init__(self, aws: EmbeddedAWS, folder: Path):
        self._aws, self._folder = aws, folder
        self._log = folder / "log"
        self._log.touch()
        self._numbers = itertools.count(1)
        self.cases = 0
        self.failed: list[str] = []
        state = folder / "embedded_aws"
        state.mkdir()
        (state / "server.json").write_text(json.dumps({"url": aws.url, "environ": aws.environ}))

    def run(self, name: str, part: str | None) -> None:
        """All cases of a scenario; what ends otherwise than the undisturbed one is added to `failed`."""
        scenario, calm = SCENARIOS[name], Case(name, next(self._numbers))
        self._prepare([calm])
        self._aws.control.clear_journal()
        self._play([calm], scenario.run)
        calls = [call for call in self._aws.control.journal() if call["account"] in calm.accounts]
        expected = self._state(calm)
        sides = [calm.accounts.index(call["account"]) for call in calls]
        taken = [k for k, c in enumerate(calls) if part != SAMPLE or not c["operation"].startswith(READS)]
        # Each commit waits for it.
        taken = taken[::3] if part == SAMPLE else taken
        ways = itertools.cycle(WAYS)
        chosen = [(k, way) for k in taken for way in ([next(ways)] if part else WAYS)]
        cases = [Case(name, next(self._numbers), k, way) for k, way in chosen]
        self._prepare(cases)
        broken = self._disturbed(cases, sides)
        self._play(cases, scenario.run)
        self.failed += [f"{case}: a trust was open meanwhile" for case in cases if self._open_trusts(case)]
        self.failed += [f"{case}: another end state" for case in cases if self._state(case) != expected]
        if scenario.check:
            checked = [(case, scenario.check(self._aws, case)) for case in (calm, *cases)]
            self.failed += [f"{case}: {wrong}" for case, wrong in checked if wrong]
        self.cases += len(cases)
        print(f"{name}: {len(calls)} calls, {len(cases)} cases, of which {broken} broke off", flush=True)

    def _prepare(self, cases: list[Case]) -> None:
        """Make the accounts of cases of one scenario, and all that is there before its run."""
        scenario = SCENARIOS[cases[0].scenario]
        self._ansible(cases, SHARED / "prepare.yml", {})
        if scenario.before:
            self._play(cases, scenario.before)
        if scenario.prepare:
            for case in cases:
                scenario.prepare(self._aws, case)

    def _disturbed(self, cases: list[Case], sides: list[int]) -> int:
        """Run the cases, each disturbed in its way; how many of them broke off."""
        killed = [case for case in cases if case.way in KILLED]
        in_one_play = [case for case in cases if case.way not in KILLED]
        for case in in_one_play:
            self._disturb(case, sides)
        broken = self._play(in_one_play, SCENARIOS[cases[0].scenario].run) if in_one_play else 0
        with ThreadPoolExecutor(KILLED_AT_A_TIME) as at_a_time:
            statuses = list(at_a_time.map(lambda case: self._kill(case, sides), killed))
        self.failed += [
            f"{case}: its run was not killed"
            for case, status in zip(killed, statuses, strict=True)
            if status != -signal.SIGKILL
        ]
        self._aws.control.clear_faults()
        return broken + len(killed)

    def _kill(self, case: Case, sides: list[int]) -> int:
        """Run a case in a process of its own, which is killed; its exit status."""
        command = self._command([case], *self._playbook(SCENARIOS[case.scenario].run))
        # The shell becomes ansible-playbook once it has read a line, so that the fault knows its process before it can call anything.
        waiting = ["sh", "-c", 'read -r _ && exec "$@"', "sh", *command]
        with (
            self._log.open("ab") as log,
            subprocess.Popen(
                waiting, cwd=CHECKOUT, env=self._environ(), stdin=subprocess.PIPE, stdout=log, stderr=log
            ) as run,
        ):
            side = sides[case.call]
            self._fault(case.accounts[side], sides[: case.call].count(side), kind=KILLED[str(case.way)], pid=run.pid)
            run.communicate(b"go\n")
        return run.returncode

    def _play(self, cases: list[Case], run: Run) -> int:
        """Run a playbook over the cases' hosts; how many of them failed."""
        return self._ansible(cases, *self._playbook(run))

    def _playbook(self, run: Run) -> tuple[Path, dict[str, Any]]:
        playbook, variables = run
        return CHECKOUT / "playbooks" / f"{playbook}.yml", variables

    def _ansible(self, cases: list[Case], playbook: Path, variables: dict[str, Any]) -> int:
        """Run a playbook over the cases' hosts; how many failed. What counts is what they leave behind."""
        command = self._command(cases, playbook, variables)
        ended = subprocess.run(command, cwd=CHECKOUT, env=self._environ(), capture_output=True, text=True, check=False)
        with self._log.open("a") as log:
            log.write(ended.stdout + ended.stderr)
        return len(re.findall(r"\bfailed=[1-9]", ended.stdout))

    def _command(self, cases: list[Case], playbook: Path, variables: dict[str, Any]) -> list[str]:
        """The command for a playbook over the cases' hosts, with an inventory of just these."""
        hosts = {case.host: {"scenario": 90, "pair": case.number, **SCENARIOS[case.scenario].host} for case in cases}
        inventory = self._folder / f"hosts_{cases[0].number}_{len(cases)}.json"
        inventory.write_text(json.dumps({"s3_endpoints": {"hosts": hosts}}))
        command = [str(ANSIBLE_PLAYBOOK), "-i", str(SHARED / "inventory"), "-i", str(inventory), str(playbook)]
        return [*command, "-e", json.dumps({"s3_endpoint_poll_interval": 0.05, **variables})]

    def _environ(self) -> dict[str, str]:
        # A killed run leaves its temporary files, which go with the folder.
        temporary = {"ANSIBLE_LOCAL_TEMP": str(self._folder / "tmp"), "TMPDIR": str(self._folder)}
        return {**os.environ, **self._aws.environ, "MOLECULE_EPHEMERAL_DIRECTORY": str(self._folder), **temporary}

    def _disturb(self, case: Case, sides: list[int]) -> None:
        """Inject the faults of a case; `sides` has for each call of the undisturbed run the index of its account."""
        way, side = str(case.way), sides[case.call]
        # How many calls each account sees before the one that is disturbed.
        before = [sides[: case.call].count(index) for index in (0, 1)]
        if way in ONCE:
            self._fault(case.accounts[side], before[side], kind=ONCE[way])
            return
        if DEAD[way]:
            self._fault(case.accounts[side], before[side], kind=DEAD[way])
        for index, account in enumerate(case.accounts):
            passed = before[index] + (1 if DEAD[way] and index == side else 0)
            self._fault(account, passed, kind="error", code="AccessDeniedException", message=_DEAD, count=None)

    def _fault(self, account: str, skip: int, **fault: Any) -> None:
        self._aws.control.add_fault(service="*", account=account, skip=skip, **fault)

    def _open_trusts(self, case: Case) -> bool:
        """Whether the trust of a role was, for however long, without a condition."""
        trusts = self._aws.control.state(case.accounts[1])["trusts"]
        return any("StringEquals" not in s.get("Condition", {}) for trust in trusts for s in trust["Statement"])

    def _state(self, case: Case) -> str:
        """What both accounts hold, without what differs from host to host and from run to run."""
        held = []
        for account in case.accounts:
            for kind, resources in sorted(self._aws.control.state(account).items()):
                if kind in _HISTORY:
                    continue
                # The order in which resources were made again says nothing.
                each = resources if isinstance(resources, list) else [resources]
                held += [kind, *sorted(self._as_of_any(case, resource) for resource in each)]
        return "\n".join(held)

    def _as_of_any(self, case: Case, resource: dict[str, Any]) -> str:
        """A resource as it would be for any other case."""
        text = json.dumps(
            {name: value for name, value in resource.items() if name not in _HISTORY}, sort_keys=True, indent=1
        )
        text = re.sub(rf"\b{case.host.replace('_', '-')}\b", "HOST", text)
        for index, account in enumerate(case.accounts):
            text = text.replace(account, f"ACCOUNT{index}")
        text = re.sub(rf"\b([a-z]+)-90-{case.number}\b", r"\1-HOST", text)
        return _VARYING.sub("VARYING", text)


_DEAD = "User: deployer is not authorized to perform: anything any more"
_HISTORY = ("deleted_tasks", "Starts", "trusts")
_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-zA-Z]{12,}|AROA\w+|\d{4}-\d\d-\d\d[T ][\w:/.+-]+|\"v\d+\"|\b\d{10}\.\d+\b"
    r"|(?<=\"ElapsedTimeMillis\": )\d+|checkpoint:V1#[^\"]+|\bDatalakeDms\w{12,}"
)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    parts = options.add_mutually_exclusive_group()
    for flag, part, of_which in (
        ("--sample", SAMPLE, "that changes something, and of these every third"),
        ("--each-call", EACH_CALL, "of all"),
    ):
        told = f"every call {of_which}, each in one of the ways by turns"
        parts.add_argument(flag, dest="part", action="store_const", const=part, help=told)
    options.add_argument("--scenario", action="append", choices=SCENARIOS, help="this one only; may be given again")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedAWS() as aws:
        matrix = Matrix(aws, Path(folder))
        sampled = [name for name, scenario in SCENARIOS.items() if chosen.part != SAMPLE or scenario.sampled]
        for scenario in chosen.scenario or sampled:
            matrix.run(scenario, chosen.part)
        if matrix.failed:
            print((Path(folder) / "log").read_text(errors="replace")[-20000:], *matrix.failed, sep="\n")
    print(f"crash matrix: {matrix.cases} cases, {len(matrix.failed)} failed")
    return 1 if matrix.failed or not matrix.cases else 0


if __name__ == "__main__":
    sys.exit(main())
