# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arithmetic of the benchmark: measurements in, ratios, counts and the named figures out. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

OURS, PEERS, BY_HAND, FLOOR, EMPTY = "ours", ("peer-hosts", "peer-loops"), "by-hand", "floor", "empty"
# Ours in the access mode bucket_policy.
BUCKET_POLICY = "ours-bucket-policy"
FRESH, UNCHANGED, CHANGED, VERIFY, LIMIT = "fresh", "unchanged", "changed-one", "verify", "limit-one"
# What playbooks/preflight.yml alone asks, in the state before the step of that name.
PREFLIGHT = {FRESH: "preflight-fresh", UNCHANGED: "preflight-unchanged", LIMIT: "preflight-limit-one"}
# Not counted among the calls that have a goal, as preflight's are not: signing in, and the check of policies before they are written.
ASIDE = ("sts", "accessanalyzer")
# Two runs of the same kind: how they are told apart.
Key = tuple[str, str, int, int, bool, float | None]


@dataclass(frozen=True)
class Measurement:
    """One step of one contender. `calls` counts the journal's by "account service operation"; seconds and 10^6 bytes.

    `test_seconds`: how long a connection test takes, None where none is made.
    """

    contender: str
    step: str
    size: int
    latency_ms: int
    throttled: bool
    run: int
    status: int
    wall: float
    cpu: float
    peak_mb: float
    aws_cpu: float
    calls: dict[str, int] = field(default_factory=dict)
    throttled_calls: dict[str, int] = field(default_factory=dict)
    test_seconds: float | None = None

    @property
    def key(self) -> Key:
        return self.contender, self.step, self.size, self.latency_ms, self.throttled, self.test_seconds


@dataclass(frozen=True)
class Figure:
    """A median with its spread."""

    median: float
    low: float
    high: float

    def text(self, digits: int = 1) -> str:
        median, low, high = (f"{value:.{digits}f}" for value in (self.median, self.low, self.high))
        return median if low == high else f"{median} ({low} to {high})"


class Measurements:
    """What was measured, found again by its key."""

    def __init__(self, measured: Iterable[Measurement]) -> None:
        self._by_key: dict[Key, list[Measurement]] = {}
        for one in measured:
            self._by_key.setdefault(one.key, []).append(one)

    def of(
        self,
        contender: str,
        step: str,
        size: int,
        latency_ms: int = 0,
        throttled: bool = False,
        test_seconds: float | None = None,
    ) -> list[Measurement]:
        """The runs of one step that succeeded, in their order."""
        key = (contender, step, size, latency_ms, throttled, test_seconds)
        return [one for one in self._by_key.get(key, []) if one.status == 0]

    def sizes(self, contender: str, step: str) -> list[int]:
        """At which sizes a step was measured, without latency, throttle or connection tests."""
        return sorted(
            key[2]
            for key, runs in self._by_key.items()
            if key[:2] == (contender, step) and key[3:] == (0, False, None) and runs
        )

    def latencies(self) -> list[int]:
        """Which latencies were measured, in milliseconds."""
        return sorted({key[3] for key in self._by_key if key[3]})

    def tests(self) -> list[tuple[int, float]]:
        """At which sizes and with connection tests of which length it was measured, in seconds."""
        return sorted({(key[2], key[5]) for key in self._by_key if key[5] is not None})

    def throttled_sizes(self) -> list[int]:
        return sorted({key[2] for key in self._by_key if key[4]})

    def better_peer(self, step: str, size: int, latency_ms: int = 0) -> str | None:
        """The peer's variant that takes less time."""
        medians = {
            name: statistics.median(one.wall for one in runs)
            for name in PEERS
            if (runs := self.of(name, step, size, latency_ms))
        }
        return min(medians, key=lambda name: medians[name]) if medians else None


def figure(values: Iterable[float]) -> Figure | None:
    """Median, lowest and highest; None of nothing."""
    known = list(values)
    return Figure(statistics.median(known), min(known), max(known)) if known else None


def ratio(above: list[float], below: list[float]) -> Figure | None:
    """How many times `below` goes into `above`, run by run; where one has fewer runs, its runs serve again."""
    if not above or not below:
        return None
    count = max(len(above), len(below))
    return figure(above[index % len(above)] / below[index % len(below)] for index in range(count))


def walls(runs: list[Measurement]) -> list[float]:
    return [one.wall for one in runs]


def counted_calls(runs: list[Measurement], preflight: list[Measurement]) -> Figure | None:
    """The calls of each run without those aside; preflight's are those that it makes alone in the same state."""
    known = Counter(preflight[0].calls) if preflight else Counter[str]()
    return figure(sum(without_aside(Counter(one.calls) - known).values()) for one in runs)


def calls_of_each(runs: list[Measurement], preflight: list[Measurement], size: int) -> Figure | None:
    """The share of one endpoint, of so many, in the counted calls."""
    counted = counted_calls(runs, preflight)
    return Figure(counted.median / size, counted.low / size, counted.high / size) if counted else None


def without_polling(one: Measurement) -> Measurement:
    """Polling aside: whether AWS keeps an endpoint that it has created is known after a look at it, one for each."""
    looks = "dms dms DescribeEndpoints"
    polls = min(one.calls.get("dms dms CreateEndpoint", 0), one.calls.get(looks, 0))
    return replace(one, calls={**one.calls, looks: one.calls.get(looks, 0) - polls})


def without_policy_tags(one: Measurement) -> Measurement:
    """The tags of policies aside: no call gives those of many, so a verification reads each policy for them, unless it is asked not to."""
    reads = "lake iam GetPolicy"
    return replace(one, calls={**one.calls, reads: max(0, one.calls.get(reads, 0) - one.size)})


def without_aside(calls: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in calls.items() if name.split()[1] not in ASIDE}


def by_service(calls: dict[str, int]) -> dict[str, int]:
    """Calls by "account service"."""
    counts: Counter[str] = Counter()
    for name, count in calls.items():
        counts[name.rpartition(" ")[0]] += count
    return dict(sorted(counts.items()))


def throttle_allows(one: Measurement, burst: float, refill: float) -> float:
    """The seconds that the bucket alone takes for the DMS calls that it granted."""
    dms = sum(count for name, count in one.calls.items() if name.split()[1] == "dms")
    return max(0.0, dms - sum(one.throttled_calls.values()) - burst) / refill


def cpu_beyond_empty(measured: Measurements, step: str, size: int) -> Figure | None:
    """CPU seconds of ours beyond those of an empty play over the same hosts."""
    ours, empty = measured.of(OURS, step, size), measured.of(EMPTY, EMPTY, size)
    return figure(one.cpu - empty[index % len(empty)].cpu for index, one in enumerate(ours)) if empty else None


def per_endpoint(measured: Measurements, step: str, size: int, base: int) -> Figure | None:
    """Time per endpoint at one size over that at another."""
    large = [one.wall / size for one in measured.of(OURS, step, size)]
    return ratio(large, [one.wall / base for one in measured.of(OURS, step, base)])


def named(measured: Measurements, burst: float, refill: float, settle: float) -> dict[str, Figure | None]:
    """The figures that have a goal, by their names; None for what was not measured.

    :param burst, refill: DMS's throttle: calls at once, and calls per second.
    :param settle: the seconds that a written bucket policy has to stand.
    """

    def peer_over_ours(step: str) -> Figure | None:
        peer = measured.better_peer(step, 36)
        return ratio(walls(measured.of(peer, step, 36)), walls(measured.of(OURS, step, 36))) if peer else None

    def calls(step: str, size: int) -> Figure | None:
        return counted_calls(measured.of(OURS, step, size), measured.of(OURS, PREFLIGHT[step], size))

    def over_floor(latency_ms: int = 0) -> Figure | None:
        ours, floor = (measured.of(contender, FRESH, 36, latency_ms) for contender in (OURS, FLOOR))
        return ratio(walls(ours), walls(floor))

    def worst(figures: Iterable[Figure | None]) -> Figure | None:
        return max((one for one in figures if one), key=lambda one: one.median, default=None)

    def verify_calls(size: int) -> Figure | None:
        return counted_calls([without_policy_tags(one) for one in measured.of(OURS, VERIFY, size)], [])

    fresh = [without_polling(one) for one in measured.of(OURS, FRESH, 36)]
    throttled = measured.of(OURS, FRESH, 1000, throttled=True)
    in_bucket_policy = [wall - settle for wall in walls(measured.of(BUCKET_POLICY, FRESH, 36))]

    def tested_calls(size: int) -> Figure | None:
        runs = measured.of(OURS, FRESH, size, test_seconds=30)
        return calls_of_each(runs, measured.of(OURS, PREFLIGHT[FRESH], size), size)

    return {
        "peer_over_ours_fresh_36": peer_over_ours(FRESH),
        "ours_over_floor_fresh_36": over_floor(),
        "ours_over_floor_fresh_36_100_ms": over_floor(100),
        "peer_over_ours_unchanged_36": peer_over_ours(UNCHANGED),
        "cpu_beyond_empty_unchanged_36": cpu_beyond_empty(measured, UNCHANGED, 36),
        "calls_unchanged_36": calls(UNCHANGED, 36),
        "calls_unchanged_360": calls(UNCHANGED, 360),
        "calls_per_new_endpoint": calls_of_each(fresh, measured.of(OURS, PREFLIGHT[FRESH], 36), 36),
        "calls_per_tested_endpoint": tested_calls(36),
        "calls_per_tested_endpoint_1000": tested_calls(1000),
        "bucket_policy_over_handshake_36": ratio(in_bucket_policy, walls(measured.of(OURS, FRESH, 36))),
        "per_endpoint_time_1000_over_36": worst(per_endpoint(measured, step, 1000, 36) for step in (FRESH, UNCHANGED)),
        "peak_mb_1000": worst(
            figure(one.peak_mb for one in measured.of(OURS, step, 1000)) for step in (FRESH, UNCHANGED)
        ),
        "throttled_over_limit_1000": figure(
            one.wall / allowed for one in throttled if (allowed := throttle_allows(one, burst, refill))
        ),
        "calls_limit_one": calls(LIMIT, 36),
        "verify_over_unchanged_36": ratio(
            walls(measured.of(OURS, VERIFY, 36)), walls(measured.of(OURS, UNCHANGED, 36))
        ),
        "calls_verify_36": verify_calls(36),
        "calls_verify_360": verify_calls(360),
    }


# What each must reach: how it reads, and when it is reached.
GOALS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "peer_over_ours_fresh_36": ("at least 10", lambda value: value >= 10),
    "ours_over_floor_fresh_36": ("at most 4", lambda value: value <= 4),
    "ours_over_floor_fresh_36_100_ms": ("at most 2.5", lambda value: value <= 2.5),
    "peer_over_ours_unchanged_36": ("at least 15", lambda value: value >= 15),
    "cpu_beyond_empty_unchanged_36": ("at most 2.5 s", lambda value: value <= 2.5),
    "calls_unchanged_36": ("at most 15", lambda value: value <= 15),
    "calls_unchanged_360": ("at most 30", lambda value: value <= 30),
    "calls_per_new_endpoint": ("at most 7", lambda value: value <= 7),
    "calls_per_tested_endpoint": ("at most 10", lambda value: value <= 10),
    "calls_per_tested_endpoint_1000": ("at most 10", lambda value: value <= 10),
    "bucket_policy_over_handshake_36": ("at most 1.5", lambda value: value <= 1.5),
    "per_endpoint_time_1000_over_36": ("at most 1", lambda value: value <= 1),
    "peak_mb_1000": ("under 500", lambda value: value < 500),
    "throttled_over_limit_1000": ("at most 1.2", lambda value: value <= 1.2),
    "calls_limit_one": ("at most 12", lambda value: value <= 12),
    "verify_over_unchanged_36": ("at most 1.15", lambda value: value <= 1.15),
    # 10 for the accounts, and 5 for each 100 endpoints.
    "calls_verify_36": ("at most 15", lambda value: value <= 15),
    "calls_verify_360": ("at most 30", lambda value: value <= 30),
}


def as_json(one: Measurement) -> dict[str, Any]:
    """A measurement for results.json."""
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(one).items()}
    return {name: value for name, value in rounded.items() if value not in ({}, None)}
