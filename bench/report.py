# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESULTS.md, results.json and plot.svg, out of what was measured."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plot
import tables
from contenders import FORKS
from figures import GOALS, Figure, Measurement, Measurements, as_json, named
from world import SETTLE_SECONDS, THROTTLE


@dataclass(frozen=True)
class Machine:
    """Where and when it was measured."""

    began: str
    minutes: float
    cores: int
    memory_gb: float
    load_before: float
    load_after: float
    python: str
    versions: str
    options: str


def write_report(
    folder: Path,
    measured: Measurements,
    raw: list[Measurement],
    began: float,
    load_before: float,
    options: list[str],
    problems: list[str],
) -> None:
    """Write the three files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = _machine(began, load_before, options)
    figures = named(measured, THROTTLE["burst"], THROTTLE["refill"], SETTLE_SECONDS)
    (folder / "results.json").write_text(json.dumps(_results(machine, figures, raw, problems), indent=1) + "\n")
    (folder / "plot.svg").write_text(plot.svg(tables.time_over_floor(measured)))
    (folder / "RESULTS.md").write_text(_markdown(machine, measured, figures, problems))


def _results(
    machine: Machine, figures: dict[str, Figure | None], raw: list[Measurement], problems: list[str]
) -> dict[str, Any]:
    return {
        **{name: round(one.median, 3) if one else None for name, one in figures.items()},
        "spread": {name: [round(one.low, 3), round(one.high, 3)] for name, one in figures.items() if one},
        "machine": vars(machine),
        "problems": problems,
        "measurements": [as_json(one) for one in raw],
    }


def _markdown(machine: Machine, measured: Measurements, figures: dict[str, Figure | None], problems: list[str]) -> str:
    parts = [
        "# What the benchmark measured",
        "Written by `make bench`; [README.md](README.md) says what is compared and how. Ratios are medians of the runs, with the lowest and the "
        "highest where there were more; a dash is what was not measured.",
        _about(machine),
        "## What has a goal",
        tables.goals(figures, GOALS),
        "## Time",
        "How many times the floor's time each takes to make the endpoints from nothing:",
        tables.over_floor(measured),
        "![Time over the floor's](plot.svg)",
        "How many times as long as ours each takes:",
        tables.over_ours(measured, "wall"),
        "The same of CPU seconds, without those of the embedded AWS:",
        tables.over_ours(measured, "cpu"),
        "What else ours does, as a part of its time from nothing, and its CPU seconds beyond an empty play:",
        tables.other_steps(measured),
        "## Latency and throttle",
        "36 endpoints with latency added to each call; how many times as long as ours each takes:",
        tables.latencies(measured),
        "From nothing under DMS's throttle, as a multiple of what the bucket alone takes for the calls that were made:",
        tables.throttled(measured, THROTTLE["burst"], THROTTLE["refill"]),
        "From nothing by ours, each endpoint with a connection test that takes so long; polls are DescribeConnections:",
        tables.tested(measured),
        "## Memory",
        "The highest sum of the processes' PSS, in MB:",
        tables.memory(measured),
        "## Calls",
        "Each endpoint's share of all calls, by account and service, at 36 endpoints or the most below:",
        tables.calls(measured),
        "What ours asks, and what of it is preflight's (`playbooks/preflight.yml` alone, in the same state):",
        tables.operations(measured),
    ]
    if problems:
        parts += ["## What went wrong", "\n".join(f"- {problem.splitlines()[0]}" for problem in problems)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(machine: Machine) -> str:
    return (
        f'Begun {machine.began} UTC, {machine.minutes:.0f} minutes, `make bench BENCH="{machine.options}"`. {machine.cores} cores, '
        f"{machine.memory_gb:.0f} GB, load average {machine.load_before} before and {machine.load_after} at the end, its own included; "
        f"Python {machine.python}, {machine.versions}; {FORKS} forks."
    )


def _machine(began: float, load_before: float, options: list[str]) -> Machine:
    packages = ("ansible-core", "ansible", "boto3", "moto")
    return Machine(
        began=time.strftime("%Y-%m-%d %H:%M", time.gmtime(began)),
        minutes=round((time.time() - began) / 60, 1),
        cores=os.cpu_count() or 0,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        load_before=load_before,
        load_after=round(os.getloadavg()[0], 1),
        python=platform.python_version(),
        versions=", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages),
        options=" ".join(options),
    )
