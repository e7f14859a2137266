# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's arithmetic, and that ours and the floor reach one state."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

# The benchmark and the tools are scripts, in no package.
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))

import compare
import contenders
import figures
import plot
import specs
import tables
from figures import (
    BUCKET_POLICY,
    FLOOR,
    FRESH,
    LIMIT,
    OURS,
    PREFLIGHT,
    UNCHANGED,
    VERIFY,
    Figure,
    Measurement,
    Measurements,
)
from world import world

pytestmark = pytest.mark.once

NAMES = {
    "s3_endpoint_environment": "dev",
    "s3_endpoint_lake_account_id": "444455556666",
    "s3_endpoint_bucket_name": "lake",
    "s3_endpoint_kms_key_arn": "arn:aws:kms:eu-central-1:444455556666:key/1",
}


def took(contender, step, wall, size=36, run=1, **more):
    values = {"latency_ms": 0, "throttled": False, "status": 0, "cpu": wall, "peak_mb": 100.0, "aws_cpu": 0.0}
    return Measurement(contender=contender, step=step, size=size, run=run, wall=wall, **{**values, **more})


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        ([10.0, 12.0, 30.0], [1.0, 2.0, 3.0], Figure(10.0, 6.0, 10.0)),
        # One run of what takes minutes serves for all runs of the other.
        ([12.0], [1.0, 2.0, 3.0], Figure(6.0, 4.0, 12.0)),
        ([], [1.0], None),
        ([1.0], [], None),
    ],
)
def test_ratio_is_taken_run_by_run(above, below, expected):
    assert figures.ratio(above, below) == expected


@pytest.mark.parametrize(
    ("calls", "preflight", "expected"),
    [
        (
            {"dms dms DescribeEndpoints": 5, "automation sts AssumeRole": 9, "lake accessanalyzer ValidatePolicy": 3},
            {},
            5,
        ),
        (
            {"dms dms DescribeEndpoints": 5, "lake s3 HeadBucket": 1},
            {"dms dms DescribeEndpoints": 2, "lake s3 HeadBucket": 1},
            3,
        ),
        # What preflight asks more often alone takes nothing from other calls.
        ({"dms dms DescribeEndpoints": 5}, {"lake s3 HeadBucket": 4}, 5),
    ],
)
def test_calls_aside_are_not_counted(calls, preflight, expected):
    runs, before = [took(OURS, UNCHANGED, 1.0, calls=calls)], [took(OURS, PREFLIGHT[UNCHANGED], 1.0, calls=preflight)]
    assert figures.counted_calls(runs, before) == Figure(expected, expected, expected)


@pytest.mark.parametrize(
    ("looks", "counted"), [(74, 38), (36, 0), (30, 0)], ids=["each before, too", "each after", "fewer than endpoints"]
)
def test_a_look_after_each_creation_is_polling(looks, counted):
    one = took(OURS, FRESH, 1.0, calls={"dms dms CreateEndpoint": 36, "dms dms DescribeEndpoints": looks})
    assert figures.without_polling(one).calls["dms dms DescribeEndpoints"] == counted


def test_named_figures():
    calls = {"lake iam GetRole": 72, "automation sts AssumeRole": 5}
    measured = Measurements(
        [
            *(took(OURS, FRESH, wall, run=run, calls=calls) for run, wall in enumerate((5.0, 4.0, 6.0), 1)),
            took(OURS, PREFLIGHT[FRESH], 1.0),
            took(FLOOR, FRESH, 2.0),
            took(OURS, FRESH, 9.0, latency_ms=100),
            took(FLOOR, FRESH, 3.0, latency_ms=100),
            took("peer-hosts", FRESH, 40.0),
            took("peer-loops", FRESH, 80.0),
            # It failed, so it counts for nothing.
            took("peer-loops", FRESH, 1.0, status=1),
            took(OURS, UNCHANGED, 2.0),
            took("empty", "empty", 0.5),
            took(OURS, FRESH, 200.0, size=1000, peak_mb=450.0),
            took(OURS, UNCHANGED, 50.0, size=1000, peak_mb=300.0),
            took(OURS, LIMIT, 1.0, calls={"dms dms DescribeEndpoints": 3}),
            took(OURS, VERIFY, 2.2, calls={"lake iam GetPolicy": 37, "dms dms DescribeEndpoints": 2, "lake sts X": 4}),
            took(
                OURS,
                FRESH,
                120.0,
                size=1000,
                throttled=True,
                calls={"dms dms CreateEndpoint": 1100},
                throttled_calls={"x": 100},
            ),
        ]
    )
    found = figures.named(measured, burst=200, refill=8, settle=10)
    assert {name: one.median for name, one in found.items() if one} == pytest.approx(
        {
            "peer_over_ours_fresh_36": 8.0,
            "ours_over_floor_fresh_36": 2.5,
            "ours_over_floor_fresh_36_100_ms": 3.0,
            "cpu_beyond_empty_unchanged_36": 1.5,
            "calls_unchanged_36": 0,
            "calls_per_new_endpoint": 2.0,
            "per_endpoint_time_1000_over_36": 1.44,
            "peak_mb_1000": 450.0,
            "throttled_over_limit_1000": 1.2,
            "calls_limit_one": 3,
            "verify_over_unchanged_36": 1.1,
            "calls_verify_36": 3,
        }
    )
    assert figures.GOALS.keys() == found.keys()
    assert [found[name] for name in ("peer_over_ours_unchanged_36", "calls_unchanged_360")] == [None, None]
    told = tables.goals(found, figures.GOALS)
    assert "| `peer_over_ours_fresh_36` | at least 10 | 8.00 (6.67 to 10.00) | no |" in told
    assert "| `calls_unchanged_360` | at most 30 | - | - |" in told
    assert tables.time_over_floor(measured)[OURS] == {36: 2.5}


def test_plot_has_a_line_for_each_contender_and_higher_is_slower():
    drawn = ElementTree.fromstring(plot.svg({"ours": {1: 2.0, 36: 3.0}, "peer-hosts": {36: 30.0}}))
    lines = [line.get("points").split() for line in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    (first, last), (slower,) = [[tuple(map(float, point.split(","))) for point in line] for line in lines]
    assert first[0] < last[0] == slower[0]
    assert first[1] > last[1] > slower[1]


def test_peers_and_the_procedure_are_not_measured_where_they_take_an_hour():
    cases = compare.cases((OURS, FLOOR, "peer-hosts", "by-hand"), (120, 360), (20,), (1000,), "all")
    assert {case.size for case in cases if case.contender in ("peer-hosts", "by-hand")} == {36, 120}
    assert {case.contender for case in cases if case.throttled} == {OURS, FLOOR}


def test_what_was_measured_before_is_added_to_but_for_what_failed():
    good, failed = took(OURS, FRESH, 5.0, calls={"lake iam GetRole": 2}), took(FLOOR, FRESH, 1.0, status=1)
    assert compare.earlier([figures.as_json(good), figures.as_json(failed)]) == [good]


def test_brief_leaves_out_what_takes_longest():
    cases = compare.cases((OURS, "peer-loops", "by-hand"), (36, 120), (20,), (), "all", brief=True)
    assert [(case.size, case.latency_ms) for case in cases if case.contender == "by-hand"] == [(36, 0)]
    assert [(case.size, case.latency_ms) for case in cases if case.contender == OURS] == [(36, 0), (120, 0), (36, 20)]


def test_connection_tests_are_a_row_of_their_own():
    tested = {"dms dms DescribeConnections": 9, "dms dms CreateEndpoint": 36, "lake iam GetRole": 4}
    measured = Measurements(
        [
            took(OURS, FRESH, 5.0),
            took(OURS, FRESH, 40.0, test_seconds=30, calls=tested),
            took(OURS, PREFLIGHT[FRESH], 1.0, calls={"lake iam GetRole": 4}),
        ]
    )
    assert measured.sizes(OURS, FRESH) == [36]
    assert figures.walls(measured.of(OURS, FRESH, 36)) == [5.0]
    assert tables.tested(measured).splitlines()[-1] == "| 36 | 30 s | 1.25 | 9 | 35.0 |"
    assert figures.named(measured, burst=200, refill=8, settle=10)["calls_per_tested_endpoint"].median == 1.25
    cases = compare.tested_cases((OURS, FLOOR), (0, 30), (1, 36, 1000))
    assert [(case.contender, case.size, case.test_seconds) for case in cases] == [
        (OURS, 36, 0),
        (OURS, 36, 30),
        (OURS, 1000, 30),
    ]
    assert [case.size for case in compare.tested_cases((OURS,), (30,), (36,))] == [36]
    assert compare.tested_cases((FLOOR,), (0, 30), (1000,)) == []


def test_bucket_policy_is_measured_beside_the_handshake():
    cases = compare.cases((OURS, BUCKET_POLICY), (12, 36, 1000), (20,), (), "all")
    assert [(case.size, case.latency_ms) for case in cases if case.contender == BUCKET_POLICY] == [(36, 0)]
    # The settle time is waited for once.
    measured = Measurements([took(OURS, FRESH, 5.0), took(BUCKET_POLICY, FRESH, 16.0)])
    assert figures.named(measured, burst=200, refill=8, settle=10)["bucket_policy_over_handshake_36"].median == 1.2


def test_what_takes_minutes_from_nothing_is_measured_once():
    measured = [took(OURS, FRESH, 61.0), took(OURS, UNCHANGED, 61.0, size=12), took(FLOOR, FRESH, 59.0)]
    cases = compare.cases((OURS, FLOOR), (12, 36), (), (), "all")
    again = [(case.contender, case.size) for case in cases if not compare._takes_minutes(case, measured)]
    assert again == [(OURS, 12), (FLOOR, 12), (FLOOR, 36)]


def existing():
    """The states of both accounts where one endpoint stands as it should."""
    one = specs.spec("source_0001", NAMES)
    settings = {**one.settings, "EncryptionMode": "SSE_KMS", "MaxFileSize": 1}
    endpoint = {"EndpointIdentifier": one.identifier, "S3Settings": settings, "Tags": one.tags, "ExternalId": "abc"}
    role = {
        "Arn": one.role_arn,
        "Trust": specs.trust("abc"),
        "Tags": one.tags,
        "AttachedPolicies": {one.policy_arn: one.policy},
    }
    policy = {"Document": one.policy, "Tags": one.tags}
    return one, {"endpoints": [endpoint]}, {"roles": {one.role_name: role}, "policies": {one.policy_arn: policy}}


def test_a_state_is_held_against_the_specs():
    one, dms, lake = existing()
    assert specs.differences([one], dms, lake) == []
    assert specs.differences([], dms, lake) == ["the endpoint dev-source-0001 is one too many"]
    dms["endpoints"][0]["Tags"] = {}
    assert specs.differences([one], dms, lake, endpoint_tags=False) == []
    assert len(specs.differences([one], dms, lake)) == 1
    dms["endpoints"][0]["S3Settings"]["DataFormat"] = "csv"
    lake["roles"][one.role_name]["Trust"] = specs.trust("another")
    assert len(specs.differences([one], dms, lake)) == 3
    assert specs.differences([one], {"endpoints": []}, lake) == ["the endpoint dev-source-0001 does not stand"]


def test_a_state_in_bucket_policy_is_held_against_the_specs():
    one, dms, lake = existing()
    arn = f"arn:aws:iam::111122223333:role{one.path}{one.role_name}"
    dms["roles"] = {one.role_name: {"Arn": arn, "AttachedPolicies": {"arn": one.policy}}}
    dms["endpoints"][0]["S3Settings"]["ServiceAccessRoleArn"] = arn
    statements = {"Statement": [{"Principal": {"AWS": arn}}]}
    lake["bucket_policies"], lake["key_policies"] = {"lake": statements}, {"key": statements}
    assert specs.bucket_policy_differences([one], dms, lake) == []
    lake["key_policies"] = {"key": {"Statement": []}}
    assert len(specs.bucket_policy_differences([one], dms, lake)) == 1
    dms["roles"][one.role_name]["AttachedPolicies"] = {}
    assert len(specs.bucket_policy_differences([one], dms, lake)) == 2
    assert len(specs.bucket_policy_differences([one], {**dms, "roles": {}}, lake)) == 2


def test_ours_and_the_floor_reach_one_state():
    with world() as place:
        for contender, calls in (
            (FLOOR, {"dms dms CreateEndpoint", "lake iam AttachRolePolicy"}),
            (OURS, {"lake iam CreateRole"}),
        ):
            place.begin(1)
            step = next(step for step in contenders.steps(contender, place, scope="compared") if step.name == FRESH)
            assert place.differences(endpoint_tags=True) == ["the endpoint dev-source-0001 does not stand"]
            taken, _aws_cpu, called, _throttled = place.measure(step.command, step.environ)
            assert (taken.status, place.differences(endpoint_tags=True)) == (0, []), taken.said
            assert calls <= called.keys()
            assert min(taken.wall, taken.cpu) > 0
            assert taken.peak_mb > 10
            if contender == FLOOR:
                assert sum(figures.without_aside(called).values()) == 5
