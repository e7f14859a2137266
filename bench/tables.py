# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of RESULTS.md, as Markdown. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from figures import (
    BY_HAND,
    CHANGED,
    FLOOR,
    FRESH,
    LIMIT,
    OURS,
    PEERS,
    PREFLIGHT,
    UNCHANGED,
    VERIFY,
    Figure,
    Measurement,
    Measurements,
    by_service,
    calls_of_each,
    cpu_beyond_empty,
    figure,
    ratio,
    throttle_allows,
    walls,
)

NOTHING = "-"
MAKERS = (OURS, *PEERS, BY_HAND, FLOOR)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; empty without rows."""
    if not rows:
        return "Not measured."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def goals(figures: dict[str, Figure | None], wanted: dict[str, tuple[str, Callable[[float], bool]]]) -> str:
    rows = []
    for name, (goal, is_reached) in wanted.items():
        one = figures[name]
        reached = NOTHING if one is None else "yes" if is_reached(one.median) else "no"
        rows.append([f"`{name}`", goal, _text(one, 2), reached])
    return table(["figure", "goal", "measured", "reached"], rows)


def time_over_floor(measured: Measurements) -> dict[str, dict[int, float]]:
    """For the plot: medians of the time over the floor's, by contender and size."""
    found: dict[str, dict[int, float]] = {}
    for name in MAKERS:
        for size in measured.sizes(name, FRESH):
            one = _over(measured, name, FLOOR, size)
            if one:
                found.setdefault(name, {})[size] = one.median
    return found


def over_floor(measured: Measurements) -> str:
    sizes = _sizes(measured)
    rows = [[name, *(_text(_over(measured, name, FLOOR, size)) for size in sizes)] for name in (OURS, *PEERS, BY_HAND)]
    return table(["", *_heads(sizes)], rows)


def over_ours(measured: Measurements, what: str) -> str:
    """By `what`, a measurement's "wall" or "cpu"."""
    sizes = _sizes(measured)

    def cell(name: str, step: str, size: int) -> str:
        theirs, ours = measured.of(name, step, size), measured.of(OURS, step, size)
        return _text(ratio([getattr(one, what) for one in theirs], [getattr(one, what) for one in ours]))

    lines = [(name, step) for step in (FRESH, UNCHANGED) for name in (*PEERS, BY_HAND, FLOOR)]
    lines = [(name, step) for name, step in lines if measured.sizes(name, step)]
    return table(
        ["", "", *_heads(sizes)], [[name, step, *(cell(name, step, size) for size in sizes)] for name, step in lines]
    )


def other_steps(measured: Measurements) -> str:
    rows = []
    for size in measured.sizes(OURS, FRESH):
        fresh = walls(measured.of(OURS, FRESH, size))
        for step in (PREFLIGHT[UNCHANGED], FRESH, UNCHANGED, CHANGED, VERIFY, LIMIT):
            part = ratio(walls(measured.of(OURS, step, size)), fresh)
            if part:
                rows.append([str(size), step, _text(part, 2), _text(cpu_beyond_empty(measured, step, size))])
    return table(["endpoints", "step", "time over that from nothing", "CPU-s beyond an empty play"], rows)


def latencies(measured: Measurements) -> str:
    found = [0, *measured.latencies()]

    def cell(name: str, step: str, latency: int) -> str:
        return _text(ratio(walls(measured.of(name, step, 36, latency)), walls(measured.of(OURS, step, 36, latency))))

    lines = [(name, FRESH) for name in (*PEERS, BY_HAND, FLOOR)] + [(name, UNCHANGED) for name in PEERS]
    rows = [[name, step, *(cell(name, step, one) for one in found)] for name, step in lines] if len(found) > 1 else []
    return table(["", "", *(f"{one} ms" for one in found)], rows)


def throttled(measured: Measurements, burst: float, refill: float) -> str:
    rows = []
    for size in measured.throttled_sizes():
        for name in (OURS, FLOOR):
            runs = measured.of(name, FRESH, size, throttled=True)
            multiples = figure(one.wall / allowed for one in runs if (allowed := throttle_allows(one, burst, refill)))
            refused = figure(sum(one.throttled_calls.values()) for one in runs)
            rows.append([str(size), name, _text(multiples, 2), _text(refused, 0)])
    return table(["endpoints", "", "time over the bucket's", "calls throttled"], rows)


def tested(measured: Measurements) -> str:
    rows = []
    for size, seconds in measured.tests():
        runs, untested = measured.of(OURS, FRESH, size, test_seconds=seconds), measured.of(OURS, FRESH, size)
        polls = figure(one.calls.get("dms dms DescribeConnections", 0) for one in runs)
        more = figure(one.wall - without.wall for one, without in zip(runs, untested, strict=False))
        each = calls_of_each(runs, measured.of(OURS, PREFLIGHT[FRESH], size), size)
        rows.append([str(size), f"{seconds:g} s", _text(each, 2), _text(polls, 0), _text(more)])
    return table(
        ["endpoints", "a test takes", "calls per endpoint", "polls in all", "seconds more than untested"], rows
    )


def memory(measured: Measurements) -> str:
    sizes = _sizes(measured)
    lines = [(name, step) for step in (FRESH, UNCHANGED) for name in MAKERS if measured.sizes(name, step)]
    return table(
        ["", "", *_heads(sizes)],
        [
            [name, step, *(_text(figure(one.peak_mb for one in measured.of(name, step, size)), 0) for size in sizes)]
            for name, step in lines
        ],
    )


def calls(measured: Measurements) -> str:
    columns = []
    for step in (FRESH, UNCHANGED):
        for name in MAKERS:
            size = max((size for size in measured.sizes(name, step) if size <= 36), default=None)
            runs = measured.of(name, step, size) if size else []
            if size and runs:
                columns.append((f"{name}, {step}, {size}", size, by_service(_typical(runs).calls)))
    services = sorted({service for _head, _size, counts in columns for service in counts})
    rows = [
        [service, *(f"{counts.get(service, 0) / size:.2f}" for _head, size, counts in columns)] for service in services
    ]
    rows.append(["all", *(f"{sum(counts.values()) / size:.2f}" for _head, size, counts in columns)])
    return table(["account and service", *(head for head, _size, _counts in columns)], rows if columns else [])


def operations(measured: Measurements) -> str:
    """Of ours, by account, service and operation."""
    size = max((size for size in measured.sizes(OURS, UNCHANGED) if size <= 36), default=None)
    if size is None:
        return table([], [])
    heads = {
        FRESH: f"{size} from nothing",
        PREFLIGHT[FRESH]: "of which preflight",
        UNCHANGED: f"{size} unchanged",
        PREFLIGHT[UNCHANGED]: "of which preflight",
        LIMIT: "--limit one",
        PREFLIGHT[LIMIT]: "of which preflight",
    }
    found = {step: measured.of(OURS, step, size) for step in heads}
    counts = {step: _typical(runs).calls for step, runs in found.items() if runs}
    names = sorted({name for one in counts.values() for name in one})
    rows = [[name, *(str(one.get(name, 0)) for one in counts.values())] for name in names]
    rows.append(["all", *(str(sum(one.values())) for one in counts.values())])
    return table(["call", *(heads[step] for step in counts)], rows)


def _typical(runs: list[Measurement]) -> Measurement:
    """The run whose number of calls is the median, or the next above."""
    middle = statistics.median_high([sum(one.calls.values()) for one in runs])
    return next(one for one in runs if sum(one.calls.values()) == middle)


def _over(measured: Measurements, name: str, base: str, size: int) -> Figure | None:
    return ratio(walls(measured.of(name, FRESH, size)), walls(measured.of(base, FRESH, size)))


def _sizes(measured: Measurements) -> list[int]:
    return sorted({size for name in MAKERS for size in measured.sizes(name, FRESH)})


def _heads(sizes: Sequence[int]) -> list[str]:
    return [f"{size} endpoint{'s' if size > 1 else ''}" for size in sizes]


def _text(one: Figure | None, digits: int | None = None) -> str:
    if one is None:
        return NOTHING
    return one.text(digits if digits is not None else 1 if one.median >= 10 else 2)
