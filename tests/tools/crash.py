# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The crash matrix: disturb a run at each call of AWS that it makes, in each way, run it again, and compare the end with an undisturbed one.

`crash.py` takes every call and every way; `crash.py --sample` every call, each in one of the ways by turns. A case is a host with accounts of its
own, so that all cases of a scenario go through one play.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_aws import EmbeddedAWS

CHECKOUT = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
# What the hosts have in common, and the play that makes their accounts: molecule's.
SHARED = CHECKOUT / "extensions" / "molecule" / "_shared"
# All settings of the deployment are named again: one that isn't is lost where a run dies between deletion and creation, until a journal of the
# replacement (issue 3) remembers it.
CHANGED = {
    "s3_endpoint_settings": {
        "data_format": "parquet",
        "timestamp_column_name": "TIMESTAMP",
        "compression_type": "gzip",
    }
}

# A scenario: the undisturbed run before, if any, and the run that is disturbed, each a playbook and variables.
SCENARIOS: dict[str, tuple[tuple[str, dict[str, Any]] | None, tuple[str, dict[str, Any]]]] = {
    "first deployment": (None, ("deploy", {})),
    "update": (("deploy", {}), ("deploy", CHANGED)),
    "removal": (("deploy", {}), ("remove", {})),
}

# Once: botocore tries again. From there on: the run is dead, before the call took effect or after it.
ONCE = {"request lost": "reset_before", "answer lost": "reset_after", "throttled": "throttle", "500": "error500"}
DEAD = {"dead before": None, "dead after": "reset_after"}
WAYS = (*ONCE, *DEAD)


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
        self._numbers = itertools.count(1)
        self.cases = 0
        self.failed: list[str] = []
        state = folder / "embedded_aws"
        state.mkdir()
        (state / "server.json").write_text(json.dumps({"url": aws.url, "environ": aws.environ}))

    def run(self, scenario: str, sample: bool) -> None:
        """All cases of a scenario; what ends otherwise than the undisturbed one is added to `failed`."""
        calm = Case(scenario, next(self._numbers))
        self._prepare([calm])
        self._aws.control.clear_journal()
        self._play(SCENARIOS[scenario][1])
        calls = [call["account"] for call in self._aws.control.journal() if call["account"] in calm.accounts]
        expected = self._state(calm)
        sides = [calm.accounts.index(account) for account in calls]
        ways = itertools.cycle(WAYS)
        chosen = [(k, way) for k in range(len(sides)) for way in ([next(ways)] if sample else WAYS)]
        cases = [Case(scenario, next(self._numbers), k, way) for k, way in chosen]
        self._prepare(cases)
        for case in cases:
            self._disturb(case, sides)
        broken = self._play(SCENARIOS[scenario][1])
        self._aws.control.clear_faults()
        self.failed += [f"{case}: a trust was open meanwhile" for case in cases if self._open_trusts(case)]
        self._play(SCENARIOS[scenario][1])
        self.failed += [f"{case}: another end state" for case in cases if self._state(case) != expected]
        self.cases += len(cases)
        print(f"{scenario}: {len(calls)} calls, {len(cases)} cases, of which {broken} broke off", flush=True)

    def _prepare(self, cases: list[Case]) -> None:
        hosts = {case.host: {"scenario": 90, "pair": case.number} for case in cases}
        (self._folder / "hosts.json").write_text(json.dumps({"s3_endpoints": {"hosts": hosts}}))
        self._ansible(SHARED / "prepare.yml", {})
        before = SCENARIOS[cases[0].scenario][0]
        if before:
            self._play(before)

    def _play(self, run: tuple[str, dict[str, Any]]) -> int:
        """Run a playbook over the hosts that were prepared last; how many of them failed."""
        playbook, variables = run
        return self._ansible(CHECKOUT / "playbooks" / f"{playbook}.yml", variables)

    def _ansible(self, playbook: Path, variables: dict[str, Any]) -> int:
        """Run a playbook over the hosts; how many failed. What counts is what they leave behind."""
        inventories = ["-i", str(SHARED / "inventory"), "-i", str(self._folder / "hosts.json")]
        command = [str(ANSIBLE_PLAYBOOK), *inventories, str(playbook)]
        command += ["-e", json.dumps({"s3_endpoint_poll_interval": 0.05, **variables})]
        environ = {**os.environ, **self._aws.environ, "MOLECULE_EPHEMERAL_DIRECTORY": str(self._folder)}
        ended = subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False)
        with (self._folder / "log").open("a") as log:
            log.write(ended.stdout + ended.stderr)
        return len(re.findall(r"\bfailed=[1-9]", ended.stdout))

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
        roles = self._aws.control.state(case.accounts[1])["roles"].values()
        return any("StringEquals" not in s.get("Condition", {}) for r in roles for s in r["Trust"]["Statement"])

    def _state(self, case: Case) -> str:
        """What both accounts hold, without what differs from host to host and from run to run."""
        text = json.dumps([self._aws.control.state(account) for account in case.accounts], sort_keys=True, indent=1)
        text = re.sub(rf"\b{case.host.replace('_', '-')}\b", "HOST", text)
        for index, account in enumerate(case.accounts):
            text = text.replace(account, f"ACCOUNT{index}")
        text = re.sub(rf"\blake-90-{case.number}\b", "BUCKET", text)
        return _VARYING.sub("VARYING", text)


_DEAD = "User: deployer is not authorized to perform: anything any more"
_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-zA-Z]{12,}|AROA\w+|\d{4}-\d\d-\d\dT[\w:/.+-]+|\"v\d+\"|\b\d{10}\.\d+\b"
)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sample", action="store_true", help="every call, each in one of the ways by turns")
    options.add_argument("--scenario", action="append", choices=SCENARIOS, help="this one only; may be given again")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedAWS() as aws:
        matrix = Matrix(aws, Path(folder))
        for scenario in chosen.scenario or SCENARIOS:
            matrix.run(scenario, chosen.sample)
        if matrix.failed:
            print((Path(folder) / "log").read_text()[-20000:], *matrix.failed, sep="\n")
    print(f"crash matrix: {matrix.cases} cases, {len(matrix.failed)} failed")
    return 1 if matrix.failed or not matrix.cases else 0


if __name__ == "__main__":
    sys.exit(main())
