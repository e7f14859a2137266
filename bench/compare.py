# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench`: the collection beside what people use today, on one embedded AWS; see README.md.

make bench BENCH="--quick"
make bench BENCH="--sizes 1,12,36 --runs 1 --only ours,floor"
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The tools are scripts, in no package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "tools"))

import contenders
from contenders import CONTENDERS, Scope, Step
from figures import (
    BUCKET_POLICY,
    BY_HAND,
    CHANGED,
    EMPTY,
    FLOOR,
    FRESH,
    OURS,
    PEERS,
    PREFLIGHT,
    Measurement,
    Measurements,
)
from report import write_report
from world import World, world

# Who takes longer than this from nothing is measured once.
ONCE_ABOVE_SECONDS = 60.0
ALL_SIZES = (1, 12, 36, 120, 360, 1000)
# Beyond this, those that start processes for each endpoint take an hour; with --brief, the slowest of them stop here, and see no latency.
SLOW_SIZE, BRIEF_SIZE = 120, 36
SLOWEST = ("peer-loops", BY_HAND)
LATENCY_SIZE = TESTED_SIZE = BUCKET_POLICY_SIZE = 36


@dataclass(frozen=True)
class Case:
    """One contender under one set of conditions."""

    contender: str
    size: int
    latency_ms: int = 0
    throttled: bool = False
    # Which of its steps, see contenders.steps.
    scope: Scope = "compared"
    # How long a connection test takes, None for none.
    test_seconds: float | None = None


def main(arguments: list[str]) -> int:
    chosen = _parser().parse_args(arguments)
    if chosen.quick:
        chosen.sizes, chosen.runs, chosen.latencies, chosen.throttled, chosen.tested = (1, 36), 1, (), (), ()
        chosen.only = (OURS, EMPTY, FLOOR, "peer-hosts")
    scope: Scope = "counted" if chosen.quick else "all"
    began, load_before = time.time(), round(os.getloadavg()[0], 1)
    problems, measured = list[str](), list[Measurement]()
    if chosen.add:
        before = json.loads((chosen.output / "results.json").read_text())
        measured = earlier(before["measurements"])
        began -= before["machine"]["minutes"] * 60
        arguments = [before["machine"]["options"], "then", *arguments]
    try:
        with world() as place:
            for run in range(1, chosen.runs + 1):
                found = cases(chosen.only, chosen.sizes, chosen.latencies, chosen.throttled, scope, chosen.brief)
                # Waiting takes the same time in each run.
                found += tested_cases(chosen.only, chosen.tested, chosen.sizes) if run == 1 else []
                for case in found:
                    if not _takes_minutes(case, measured):
                        measured += _measure(place, case, run, problems)
    except KeyboardInterrupt:
        problems.append("interrupted")
    write_report(chosen.output, Measurements(measured), measured, began, load_before, arguments, problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def earlier(measurements: list[dict[str, Any]]) -> list[Measurement]:
    """What results.json has of measurements before, without those that failed."""
    return [one for one in (Measurement(**each) for each in measurements) if one.status == 0]


def _takes_minutes(case: Case, measured: list[Measurement]) -> bool:
    """Whether a run before has told that one has to do."""
    conditions = (case.contender, FRESH, case.size, case.latency_ms, case.throttled, case.test_seconds)
    return any(one.wall > ONCE_ABOVE_SECONDS and one.key == conditions for one in measured)


def cases(
    only: tuple[str, ...],
    sizes: tuple[int, ...],
    latencies: tuple[int, ...],
    throttled: tuple[int, ...],
    scope: Scope,
    brief: bool = False,
) -> list[Case]:
    """All that is measured in one run, contenders side by side."""
    quick = [name for name in only if name in (OURS, FLOOR)]
    found = [Case(name, size, scope=scope) for size in sizes for name in only if _is_measured(name, size, brief)]
    slowed = [name for name in only if name not in (EMPTY, BUCKET_POLICY) and not (brief and name in SLOWEST)]
    found += [Case(name, LATENCY_SIZE, latency) for latency in latencies for name in slowed]
    return found + [Case(name, size, throttled=True) for size in throttled for name in quick]


def tested_cases(only: tuple[str, ...], tested: tuple[int, ...], sizes: tuple[int, ...]) -> list[Case]:
    """Ours with connection tests that take so long (seconds); the longest of them at the largest size, too."""
    found = [Case(OURS, TESTED_SIZE, test_seconds=seconds) for seconds in tested]
    if tested and max(sizes) > TESTED_SIZE:
        found.append(Case(OURS, max(sizes), test_seconds=max(tested)))
    return found if OURS in only else []


def _is_measured(contender: str, size: int, brief: bool) -> bool:
    if contender == BUCKET_POLICY:
        # A bucket policy has room for about 60 statements.
        return size == BUCKET_POLICY_SIZE
    if brief and contender in SLOWEST:
        return size <= BRIEF_SIZE
    return size <= SLOW_SIZE or contender not in (*PEERS, BY_HAND)


def _measure(place: World, case: Case, run: int, problems: list[str]) -> Iterator[Measurement]:
    place.begin(case.size, case.latency_ms, case.throttled, case.test_seconds, case.contender == BUCKET_POLICY)
    for step in contenders.steps(case.contender, place, case.scope):
        if run > 1 and step.name in PREFLIGHT.values():
            continue
        if step.prepare:
            step.prepare()
        taken, aws_cpu, calls, throttled_calls = place.measure(step.command, step.environ)
        named = f"{case.contender}, {step.name}, {case.size} endpoints"
        print(
            f"run {run}: {named}, {case.latency_ms} ms{', throttled' if case.throttled else ''}"
            f"{'' if case.test_seconds is None else f', tests of {case.test_seconds} s'}: {taken.wall:.1f} s, {taken.cpu:.1f} CPU-s, "
            f"{taken.peak_mb:.0f} MB, {sum(calls.values())} calls",
            flush=True,
        )
        wrong = (
            [f"ended with status {taken.status}: {taken.said[-3000:]}"]
            if taken.status
            else _wrong(place, case, step, taken.said)
        )
        problems += [f"{named}: {text}" for text in wrong[:5]]
        yield Measurement(
            contender=case.contender,
            step=step.name,
            size=case.size,
            latency_ms=case.latency_ms,
            throttled=case.throttled,
            run=run,
            status=taken.status or (1 if wrong else 0),
            wall=taken.wall,
            cpu=taken.cpu,
            peak_mb=taken.peak_mb,
            aws_cpu=aws_cpu,
            calls=dict(sorted(calls.items())),
            throttled_calls=dict(throttled_calls),
            test_seconds=case.test_seconds,
        )
        if wrong:
            return


def _wrong(place: World, case: Case, step: Step, said: str) -> list[str]:
    """What is not as it has to be, so that nobody is fast by doing something else."""
    found = [f"it changed {contenders.changed(said)}"] if step.changes_nothing and contenders.changed(said) else []
    if step.name == CHANGED and not contenders.changed(said):
        found.append("it changed nothing")
    if step.reaches_state:
        found += place.differences(endpoint_tags=case.contender not in PEERS)
    return found


def _parser() -> argparse.ArgumentParser:
    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(number) for number in text.split(",") if number)

    def names(text: str) -> tuple[str, ...]:
        unknown = set(text.split(",")) - set(CONTENDERS)
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))}: unknown, known are {', '.join(CONTENDERS)}"
            )
        return tuple(text.split(","))

    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="ours, floor and peer-hosts once, at 1 and 36 endpoints, without verify and changed-one",
    )
    parser.add_argument(
        "--brief", action="store_true", help="peer-loops and by-hand at 36 at most, and without latency"
    )
    parser.add_argument("--sizes", type=numbers, default=ALL_SIZES, help="endpoints; peers and by-hand up to 120")
    parser.add_argument("--runs", type=int, default=5, help="runs of what takes no minutes")
    parser.add_argument("--only", type=names, default=CONTENDERS, help=f"some of {','.join(CONTENDERS)}")
    parser.add_argument("--latencies", type=numbers, default=(20, 100), help="milliseconds per call, at 36 endpoints")
    parser.add_argument(
        "--throttled", type=numbers, default=(120, 1000), help="sizes measured under DMS's throttle, of ours and floor"
    )
    parser.add_argument(
        "--tested",
        type=numbers,
        default=(0, 30),
        help="seconds per connection test, at 36 endpoints, the longest also at the most, ours once",
    )
    parser.add_argument(
        "--add", action="store_true", help="add to what --output has: of the same machine, in the same state"
    )
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent, help="folder of RESULTS.md, results.json and plot.svg"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
