# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The crash matrix: disturb a run at each call of AWS that it makes, in each way, run it again, and compare the end with an undisturbed one.

`crash.py` takes every call and every way; `crash.py --each-call` every call, each in one of the ways by turns; `crash.py --spread 60` so many of
these, spread evenly; `crash.py --sample`, which is part of `make test`, every third call of those that change something, in some scenarios. A case is
a host with accounts of its own, so that many cases of a scenario go through one play; only a run that is killed or stalls is one of its own. Two
groups of cases run at a time. What fails is printed at once; `--from N` begins with case N.
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
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import crash_tasks
from embedded_aws import READS, EmbeddedAWS
from embedded_aws.server.process_tree import is_stopped, let_go_on

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

POWERLESS = "powerless role"

SCENARIOS: dict[str, Scenario] = {
    "first deployment": Scenario(run=("deploy", {})),
    "update with tasks": Scenario(
        before=("deploy", {}),
        run=("deploy", CHANGED),
        host={"switches": {"task_polls": 1, "event_sources_on_task_delete": "dropped"}},
        prepare=crash_tasks.make_tasks,
        check=crash_tasks.lost_anything,
    ),
    "move": Scenario(
        before=("deploy", {}),
        run=("deploy", MOVED),
        prepare=crash_tasks.make_tasks,
        check=crash_tasks.lost_anything,
        sampled=False,
    ),
    "move back": Scenario(
        before=("deploy", MOVED),
        run=("deploy", CHANGED),
        prepare=crash_tasks.make_tasks,
        check=crash_tasks.lost_anything,
        sampled=False,
    ),
    "removal": Scenario(before=("deploy", {}), run=("remove", {})),
    # Its trust is open for a moment, and the role can do nothing then. The first tests fail for half a minute.
    POWERLESS: Scenario(
        run=("deploy", {"s3_endpoint_bootstrap_trust": "powerless", "s3_endpoint_iam_propagation_timeout": 90}),
        host={"switches": {"trust_checked": "at_creation_without_keys"}},
        sampled=False,
    ),
}

# Once: botocore tries again. From there on: the run is dead, before the call took effect or after it. Killed: so is its process, with no chance to
# tidy up. Interrupted, terminated: its process gets that signal. Stalled: its process stands still for longer than its lock, while another run does
# all; then it goes on. Refused: the call is refused for good, until somebody corrects that.
ONCE = {"request lost": "reset_before", "answer lost": "reset_after", "throttled": "throttle", "500": "error500"}
DEAD = {"dead before": None, "dead after": "reset_after"}
KILLED = {"killed before": "kill_before", "killed after": "kill_after"}
STALLED = {"stalled before": "stall_before", "stalled after": "stall_after"}
REFUSED = {
    "denied": ("AccessDeniedException", "User: deployer is not authorized to perform: this any more"),
    "invalid": ("InvalidParameterValueException", "AWS does not take this"),
    "expired": ("ExpiredTokenException", "The security token included in the request is expired"),
}
SIGNALLED = {"interrupted": "interrupt", "terminated": "terminate"}
OF_A_PROCESS = {**KILLED, **STALLED, **SIGNALLED}
WAYS = (*ONCE, *DEAD, *KILLED, *STALLED, *SIGNALLED, *REFUSED)
GROUPS_AT_A_TIME = 2
GROUP = 24
# How long a run that stalled may go on, in seconds.
LONGEST = 300

# Parts of the matrix.
SAMPLE, EACH_CALL = "sample", "each call"


@dataclass(frozen=True)
class Calm:
    """What a scenario does undisturbed: the calls, each with the index of its account, and the end state."""

    calls: list[dict[str, Any]]
    sides: list[int]
    state: str


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
        self._lock = threading.Lock()
        self._calm: dict[str, Calm] = {}
        state = folder / "embedded_aws"
        state.mkdir()
        (state / "server.json").write_text(json.dumps({"url": aws.url, "environ": aws.environ}))
        self.cases = self.broken = self.again = 0
        self.failed: list[str] = []

    def run(self, names: list[str], part: str | None, spread: int | None, first: int) -> None:
        """The cases of these scenarios from number `first` on; what ends otherwise than the undisturbed one is added to `failed`."""
        for number, name in enumerate(names, 1):
            self._calm[name] = self._undisturbed(Case(name, number))
        cases = self._chosen(names, part)
        if spread:
            cases = [cases[len(cases) * place // spread] for place in range(min(spread, len(cases)))]
        cases = [case for case in cases if case.number >= first]
        of_one = [[case for case in cases if case.scenario == name] for name in names]
        groups = [each[begin : begin + GROUP] for each in of_one for begin in range(0, len(each), GROUP)]
        with ThreadPoolExecutor(GROUPS_AT_A_TIME) as at_a_time:
            list(at_a_time.map(self._run_group, groups))

    def _undisturbed(self, case: Case) -> Calm:
        self._prepare([case])
        self._aws.control.clear_journal()
        self._play([case], SCENARIOS[case.scenario].run)
        calls = [call for call in self._aws.control.journal() if call["account"] in case.accounts]
        self._note([f"{case.scenario}, undisturbed: {wrong}" for wrong in self._wrong(case, None)])
        return Calm(calls, [case.accounts.index(call["account"]) for call in calls], self._state(case))

    def _chosen(self, names: list[str], part: str | None) -> list[Case]:
        """All cases of a part of the matrix, numbered from one after the undisturbed ones."""
        numbers, ways = itertools.count(len(names) + 1), itertools.cycle(WAYS)
        cases = []
        for name in names:
            calls = self._calm[name].calls
            taken = [k for k, c in enumerate(calls) if part != SAMPLE or not c["operation"].startswith(READS)]
            # Each commit waits for it.
            taken = taken[::3] if part == SAMPLE else taken
            cases += [Case(name, next(numbers), k, way) for k in taken for way in ([next(ways)] if part else WAYS)]
        return cases

    def _run_group(self, cases: list[Case]) -> None:
        calm, name = self._calm[cases[0].scenario], cases[0].scenario
        self._prepare(cases)
        broken = self._disturbed(cases, calm)
        self._play(cases, SCENARIOS[name].run)
        self._note(
            [f"case {case.number}: {case}: {wrong}" for case in cases for wrong in self._wrong(case, calm.state)]
        )
        with self._lock:
            self.cases, self.broken = self.cases + len(cases), self.broken + broken
        print(f"{name}: cases {cases[0].number} to {cases[-1].number}, of which {broken} broke off", flush=True)

    def _wrong(self, case: Case, expected: str | None) -> Iterator[str]:
        """What is wrong with a case at its end."""
        if self._open_trusts(case):
            yield "a trust was open meanwhile"
        if expected is not None and self._state(case) != expected:
            yield "another end state"
        wrong = SCENARIOS[case.scenario].check
        found = wrong(self._aws, case) if wrong else None
        if found:
            yield found
        counted = self._aws.control.state(case.accounts[0])["changes"].values()
        with self._lock:
            self.again += sum(one["again"] for one in counted)

    def _note(self, failures: list[str]) -> None:
        with self._lock:
            self.failed += failures
            print(*failures, sep="\n" if failures else "", end="\n" if failures else "", flush=True)

    def _prepare(self, cases: list[Case]) -> None:
        """Make the accounts of cases of one scenario, and all that is there before its run."""
        scenario = SCENARIOS[cases[0].scenario]
        self._ansible(cases, SHARED / "prepare.yml", {})
        if scenario.before:
            self._play(cases, scenario.before)
        if scenario.prepare:
            for case in cases:
                scenario.prepare(self._aws, case)

    def _disturbed(self, cases: list[Case], calm: Calm) -> int:
        """Run the cases, each disturbed in its way; how many of them broke off."""
        alone = [case for case in cases if case.way in OF_A_PROCESS]
        in_one_play = [case for case in cases if case.way not in OF_A_PROCESS]
        for case in in_one_play:
            self._disturb(case, calm)
        broken = self._play(in_one_play, SCENARIOS[cases[0].scenario].run) if in_one_play else 0
        for case in alone:
            self._run_alone(case, calm.sides)
        self._aws.control.clear_faults([account for case in cases for account in case.accounts])
        return broken + len(alone)

    def _run_alone(self, case: Case, sides: list[int]) -> None:
        """Run a case in a process of its own, which is killed or stopped."""
        command = self._command([case], *self._playbook(SCENARIOS[case.scenario].run))
        # The shell becomes ansible-playbook once it has read a line, so that the fault knows its process before it can call anything.
        waiting = ["sh", "-c", 'read -r _ && exec "$@"', "sh", *command]
        said = self._folder / f"said_{case.number}"
        with (
            said.open("wb") as to,
            subprocess.Popen(
                waiting, cwd=CHECKOUT, env=self._environ(), stdin=subprocess.PIPE, stdout=to, stderr=to
            ) as run,
        ):
            side, kind = sides[case.call], OF_A_PROCESS[str(case.way)]
            self._fault(case.accounts[side], sides[: case.call].count(side), kind=kind, pid=run.pid)
            assert run.stdin
            run.stdin.write(b"go\n")
            run.stdin.close()
            if case.way in STALLED:
                self._overtake(case, run)
            run.wait(LONGEST)
        text = said.read_text(errors="replace")
        with self._lock, self._log.open("a") as log:
            log.write(text)
        self._note([f"case {case.number}: {case}: {wrong}" for wrong in _wrong_end(case, run.returncode, text)])

    def _overtake(self, case: Case, run: subprocess.Popen[bytes]) -> None:
        """Once a run stands still, let another one do its work, and the first one go on then."""
        while run.poll() is None and not is_stopped(run.pid):
            time.sleep(0.1)
        if run.poll() is not None:
            self._note([f"case {case.number}: {case}: its run did not stall"])
            return
        self._aws.control.clear_faults(case.accounts)
        self._play([case], ("unlock", {}))
        self._play([case], SCENARIOS[case.scenario].run)
        let_go_on(run.pid)

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

    def _disturb(self, case: Case, calm: Calm) -> None:
        """Inject the faults of a case."""
        way, sides, side = str(case.way), calm.sides, calm.sides[case.call]
        # How many calls each account sees before the one that is disturbed.
        before = [sides[: case.call].count(index) for index in (0, 1)]
        if way in ONCE:
            self._fault(case.accounts[side], before[side], kind=ONCE[way])
            return
        if way in REFUSED:
            operation, (code, message) = calm.calls[case.call]["operation"], REFUSED[way]
            earlier = [call for call, of in zip(calm.calls[: case.call], sides, strict=False) if of == side]
            skip = [call["operation"] for call in earlier].count(operation)
            refusal = {"kind": "error", "code": code, "message": message, "count": None}
            self._fault(case.accounts[side], skip, operation=operation, **refusal)
            return
        if DEAD[way]:
            self._fault(case.accounts[side], before[side], kind=DEAD[way])
        for index, account in enumerate(case.accounts):
            passed = before[index] + (1 if DEAD[way] and index == side else 0)
            self._fault(account, passed, kind="error", code="AccessDeniedException", message=_DEAD, count=None)

    def _fault(self, account: str, skip: int, **fault: Any) -> None:
        self._aws.control.add_fault(service="*", account=account, skip=skip, **fault)

    def _open_trusts(self, case: Case) -> bool:
        """Whether the trust of a role was, for however long, without a condition, while the role had a policy, or where that is not meant."""
        trusts = self._aws.control.state(case.accounts[1])["trusts"]
        opened = [t for t in trusts if any("StringEquals" not in s.get("Condition", {}) for s in t["Statement"])]
        return any(trust["Policies"] or case.scenario != POWERLESS for trust in opened)

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
        # Two runs that open and close a trust each write a version of the policy for it.
        history = (*_HISTORY, "VersionIds") if case.scenario == POWERLESS else _HISTORY
        text = json.dumps(
            {name: value for name, value in resource.items() if name not in history}, sort_keys=True, indent=1
        )
        text = re.sub(rf"\b{case.host.replace('_', '-')}\b", "HOST", text)
        for index, account in enumerate(case.accounts):
            text = text.replace(account, f"ACCOUNT{index}")
        text = re.sub(rf"\b([a-z]+)-90-{case.number}\b", r"\1-HOST", text)
        return _VARYING.sub("VARYING", text)


def _wrong_end(case: Case, status: int, said: str) -> Iterator[str]:
    """What is wrong with the end of a process that was killed, stopped or signalled."""
    if case.way in KILLED and status != -signal.SIGKILL:
        yield "its run was not killed"
    if case.way in SIGNALLED and not status:
        yield "its run ended well in spite of the signal"
    if "Traceback" in said:
        yield "its run said a traceback"


_DEAD = "User: deployer is not authorized to perform: anything any more"
_HISTORY = ("changes", "deleted_tasks", "Starts", "trusts")
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
    parts.add_argument("--spread", type=int, help="so many cases of --each-call, spread evenly")
    options.add_argument("--from", dest="first", type=int, default=1, help="begin with the case of this number")
    options.add_argument("--scenario", action="append", choices=SCENARIOS, help="this one only; may be given again")
    chosen = options.parse_args()
    part = EACH_CALL if chosen.spread else chosen.part
    with tempfile.TemporaryDirectory() as folder, EmbeddedAWS() as aws:
        matrix = Matrix(aws, Path(folder))
        names = chosen.scenario or [name for name, one in SCENARIOS.items() if part != SAMPLE or one.sampled]
        matrix.run(names, part, chosen.spread, chosen.first)
        if matrix.failed:
            print((Path(folder) / "log").read_text(errors="replace")[-20000:], *matrix.failed, sep="\n")
    print(
        f"crash matrix: {matrix.cases} cases, {matrix.broken} broke off, {len(matrix.failed)} failed; {matrix.again} changes were written again"
    )
    return 1 if matrix.failed or not matrix.cases else 0


if __name__ == "__main__":
    sys.exit(main())
