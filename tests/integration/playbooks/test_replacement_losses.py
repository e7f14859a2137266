# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a replacement must not lose, whatever is refused or shown otherwise: playbooks as a user runs them, and what stands in AWS afterwards.

A case is a host with accounts of its own, so that a few runs take all of them: deploy.yml from nothing, what people do by hand, deploy.yml with what
a case changes and disturbs, and a last run for some. Nothing here knows how the collection does it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from embedded_aws import EmbeddedAWS

# The tools are scripts, in no package.
sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import crash_tasks
from playbook import CHECKOUT, Ended, run_playbook

pytestmark = pytest.mark.once

Variables = dict[str, Any]

REGION = crash_tasks.REGION
# What the hosts have in common, and the play that makes their accounts: molecule's, with a number of our own.
SHARED = CHECKOUT / "extensions" / "molecule" / "_shared"
SCENARIO = 91
PLAYS = 4
EVERY_HOST = {
    "s3_endpoint_journal_bucket": "{{ journal_bucket_name }}",
    "s3_endpoint_replace_tasks": True,
    "s3_endpoint_source_log_retention": 86400,
    "s3_endpoint_accept": ["foreign_tasks"],
}
OTHER_COMPRESSION = {"s3_endpoint_settings": {"data_format": "parquet", "compression_type": "gzip"}}
DENIED = {
    "kind": "error",
    "code": "AccessDeniedException",
    "message": "User: deployer is not authorized to perform: this any more",
}
INVALID = {"kind": "error", "code": "InvalidParameterValueException", "message": "AWS does not take this"}
BUCKET_OF_SOMEBODY = "bucket-of-somebody"
TEST_FAILS = {"operation": "TestConnection", "kind": "error", "code": "ResourceQuotaExceededFault"}


def nothing(_host: Host) -> None:
    """What most people do by hand."""


@dataclass(frozen=True)
class Case:
    """A host: its variables, what people do by hand after the first deployment, and its second one: what is changed and how AWS disturbs it.

    `changed`: None where the host has no second deployment. `verified`: whether verify.yml looks at it in the end.
    """

    host: Variables = field(default_factory=dict)
    by_hand: Callable[[Host], object] = nothing
    changed: Variables | None = None
    faults: tuple[dict[str, Any], ...] = ()
    verified: bool = False


@dataclass
class Host:
    """A case on its way: its accounts, and what was seen of them."""

    aws: EmbeddedAWS
    name: str
    pair: int
    # What its DMS account holds: after the first deployment, and before and after the second one.
    first: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    # What its DMS account was asked for in the second deployment.
    calls: list[str] = field(default_factory=list)

    @property
    def accounts(self) -> tuple[str, str]:
        """DMS and data lake, as _shared/inventory/group_vars/all.yml makes them."""
        return f"1{SCENARIO:05}{self.pair:06}", f"2{SCENARIO:05}{self.pair:06}"

    @property
    def identifier(self) -> str:
        return f"{self.name.replace('_', '-')}-target"

    @property
    def task(self) -> str:
        return f"copy-{self.name.replace('_', '-')}"

    @property
    def dms(self) -> Any:
        return crash_tasks.client(self.aws, self.accounts[0])

    def state(self, side: int = 0) -> dict[str, Any]:
        return self.aws.control.state(self.accounts[side])


def endpoint_in(state: dict[str, Any]) -> dict[str, Any] | None:
    """What Describe shows of a host's endpoint."""
    found = [endpoint for endpoint in state["endpoints"] if endpoint["EndpointIdentifier"].endswith("-target")]
    shown = ("S3Settings", "ExtraConnectionAttributes", "EngineName", "Status")
    return {name: found[0].get(name) for name in shown} if found else None


def tasks_in(state: dict[str, Any]) -> dict[str, str]:
    """The states of a host's tasks."""
    return {task["ReplicationTaskIdentifier"]: task["Status"] for task in state["tasks"]}


# What people do by hand.


def run_a_task(host: Host, migration_type: str = "cdc") -> str:
    """A running task that writes to the endpoint."""
    dms, account = host.dms, host.accounts[0]
    source = dms.create_endpoint(EndpointIdentifier="source", EndpointType="source", EngineName="mysql")["Endpoint"]
    ends = {"source": source["EndpointArn"], "target": crash_tasks.target_of(host.aws, account)}
    task = crash_tasks.create_task(dms, account, host.task, migration_type, ends)
    crash_tasks.start_task(dms, task, until="running")
    return task


def run_a_task_with_all_tags(host: Host) -> None:
    """One that is loaded and goes on capturing changes, with as many tags as AWS allows."""
    task = run_a_task(host, "full-load-and-cdc")
    tags = [{"Key": f"of-the-owner-{number}", "Value": "x"} for number in range(48)]
    host.dms.add_tags_to_resource(ResourceArn=task, Tags=tags)


def run_a_task_with_alarms(host: Host) -> None:
    run_a_task(host)
    host.dms.create_event_subscription(
        SubscriptionName="alarms",
        SnsTopicArn=f"arn:aws:sns:{REGION}:{host.accounts[0]}:alarms",
        SourceType="replication-task",
        SourceIds=[host.task],
        EventCategories=["failure"],
    )


def have_a_task_fail(host: Host) -> None:
    host.aws.control.fail_task(host.accounts[0], REGION, run_a_task(host))


def make_the_endpoint(host: Host, **settings: Any) -> None:
    """An endpoint as somebody made it by hand: with these settings and, of those that it had, with what names the bucket and the role."""
    arn = crash_tasks.target_of(host.aws, host.accounts[0])
    (made,) = host.dms.describe_endpoints(Filters=[{"Name": "endpoint-arn", "Values": [arn]}])["Endpoints"]
    host.dms.delete_endpoint(EndpointArn=arn)
    kept = {name: made["S3Settings"][name] for name in ("ServiceAccessRoleArn", "BucketName", "DataFormat")}
    host.dms.create_endpoint(
        EndpointIdentifier=host.identifier, EndpointType="target", EngineName="s3", S3Settings={**kept, **settings}
    )


def make_and_use_the_endpoint(**settings: Any) -> Callable[[Host], None]:
    def make(host: Host) -> None:
        make_the_endpoint(host, **settings)
        run_a_task(host)

    return make


def show_ignored_header_rows(host: Host) -> None:
    """The endpoint as it was, and a setting of sources that AWS shows for targets, too."""
    (settings,) = [e["S3Settings"] for e in host.state()["endpoints"] if e["EndpointIdentifier"] == host.identifier]
    make_the_endpoint(host, **{**settings, "IgnoreHeaderRows": 0})


def make_the_task_for_another_endpoint(host: Host) -> None:
    """The owner did not wait: the task of that name and ARN is there again, and writes elsewhere."""
    role = f"arn:aws:iam::{host.accounts[1]}:role/of-somebody"
    other = host.dms.create_endpoint(
        EndpointIdentifier="elsewhere",
        EndpointType="target",
        EngineName="s3",
        S3Settings={"ServiceAccessRoleArn": role, "BucketName": "elsewhere"},
    )["Endpoint"]["EndpointArn"]
    source = next(e["EndpointArn"] for e in host.state()["endpoints"] if e["EndpointIdentifier"] == "source")
    crash_tasks.create_task(host.dms, host.accounts[0], host.task, "cdc", {"source": source, "target": other})


ADOPTED = {"s3_endpoint_adopt": True, "switches": {"external_id_on_recreate": "same"}}
EXACT = {"s3_endpoint_exact": True}
AT_CREATION = {"switches": {"trust_checked": "at_creation"}, "s3_endpoint_iam_propagation_timeout": 1}
ONE_TASK: dict[str, Any] = {"by_hand": run_a_task, "changed": OTHER_COMPRESSION}

CASES: dict[str, Case] = {
    "folder_with_a_slash": Case(
        ADOPTED, make_and_use_the_endpoint(BucketFolder="dms/"), OTHER_COMPRESSION, (TEST_FAILS,)
    ),
    "key_without_a_name": Case(
        ADOPTED,
        lambda host: make_the_endpoint(host, EncryptionMode="sse-kms", TimestampColumnName=""),
        OTHER_COMPRESSION,
        (TEST_FAILS,),
    ),
    "rollback_refused": Case(
        **ONE_TASK,
        faults=(
            {"operation": "CreateEndpoint", "kind": "error", "code": "ResourceQuotaExceededFault"},
            {"operation": "*", "after": "CreateEndpoint", "count": None, **DENIED},
        ),
    ),
    "task_refused": Case(**ONE_TASK, faults=({"operation": "CreateReplicationTask", **INVALID},)),
    "start_refused": Case(**ONE_TASK, faults=({"operation": "StartReplicationTask", **INVALID},)),
    "alarms_refused": Case(
        {"switches": {"event_sources_on_task_delete": "dropped"}},
        run_a_task_with_alarms,
        OTHER_COMPRESSION,
        ({"operation": "CreateEventSubscription", **INVALID},),
    ),
    "journal_refused": Case(
        **ONE_TASK, faults=({"service": "s3", "operation": "PutObject", "after": "TestConnection", **DENIED},)
    ),
    "all_tags_taken": Case(by_hand=run_a_task_with_all_tags, changed=OTHER_COMPRESSION),
    "path_not_kept": Case(
        {
            "switches": {"cdc_path_in_settings": "dropped"},
            "s3_endpoint_settings": {"data_format": "parquet", "cdc_path": "changes"},
        },
        changed={},
    ),
    "task_made_elsewhere": Case(
        **ONE_TASK,
        faults=({"operation": "*", "after": "DeleteReplicationTask", "count": None, **DENIED},),
    ),
    "failed_task": Case(by_hand=have_a_task_fail, changed={}, verified=True),
    "moved_and_back": Case(
        by_hand=run_a_task,
        changed={"s3_endpoint_access": "bucket_policy", "s3_endpoint_policy_settle_time": 0.3},
        faults=(TEST_FAILS,),
    ),
    "foreign_task": Case(
        {"s3_endpoint_accept": []}, lambda host: run_a_task(host, "full-load-and-cdc"), OTHER_COMPRESSION
    ),
    # The first deployment says it all.
    "unexplained_failure": Case(
        {
            "switches": {"test_failure": "unexplained", "iam_propagation_uses": 2},
            "s3_endpoint_settings": {"data_format": "csv", "csv_no_sup_value": ""},
        }
    ),
    "trust_by_default": Case(AT_CREATION),
    "trust_auto": Case({**AT_CREATION, "s3_endpoint_bootstrap_trust": "auto"}),
    # A verification says it all.
    "attributes_of_aws": Case(
        {**ADOPTED, **EXACT, "s3_endpoint_settings": {"data_format": "csv", "csv_null_value": "none;mislaid=1"}},
        show_ignored_header_rows,
        verified=True,
    ),
}

# Hosts that are deployed last, three of them with a journal that nobody should believe.
LATE: dict[str, Variables] = {
    "bytes_for_text": {},
    "neighbour": {},
    "file_for_a_folder": {
        "s3_endpoint_journal_bucket": "",
        "s3_endpoint_journal_path": "{{ embedded_aws_state }}/server.json",
    },
    "bucket_of_somebody": {},
}


class Lab:
    """Runs playbooks over hosts that have accounts of their own."""

    def __init__(self, aws: EmbeddedAWS, folder: Path, variables: dict[str, Variables]) -> None:
        self.aws, self._folder = aws, folder
        self.hosts = {name: Host(aws, name, pair) for pair, name in enumerate(variables, 1)}
        state = folder / "embedded_aws"
        state.mkdir()
        (state / "server.json").write_text(json.dumps({"url": aws.url, "environ": aws.environ}))
        prepared = self._run(f"../{SHARED.relative_to(CHECKOUT)}/prepare", variables)
        assert prepared.status == 0, prepared.said

    def run(self, playbook: str, variables: dict[str, Variables]) -> list[Ended]:
        """Run a playbook over the hosts that have variables, an empty dict at least; plays of a few hosts take less time than one of all."""
        parts = [dict(list(variables.items())[begin::PLAYS]) for begin in range(PLAYS)]
        return self.run_each([(playbook, part) for part in parts])

    def run_each(self, plays: list[tuple[str, dict[str, Variables]]]) -> list[Ended]:
        """Run a playbook over the hosts of each play, two plays at a time."""
        with ThreadPoolExecutor(2) as at_a_time:
            return list(at_a_time.map(lambda play: self._run(*play), plays))

    def _run(self, playbook: str, variables: dict[str, Variables]) -> Ended:
        hosts = {
            name: {"scenario": SCENARIO, "pair": self.hosts[name].pair, **EVERY_HOST, **of_host}
            for name, of_host in variables.items()
        }
        inventory = self._folder / f"{min(hosts)}.json"
        inventory.write_text(json.dumps({"s3_endpoints": {"hosts": hosts}}))
        more = ("-i", str(inventory), "-e", "s3_endpoint_poll_interval=0.05")
        environ = {"MOLECULE_EPHEMERAL_DIRECTORY": str(self._folder)}
        return run_playbook(self.aws, SHARED / "inventory", playbook, *more, environ=environ)


@dataclass(frozen=True)
class Runs:
    """All hosts, and how their first deployment, the disturbed one, and whatever came last for them ended."""

    hosts: dict[str, Host]
    first: list[Ended]
    second: list[Ended]
    last: list[Ended]


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    variables = {name: case.host for name, case in CASES.items()}
    with EmbeddedAWS() as aws, tempfile.TemporaryDirectory() as folder:
        lab = Lab(aws, Path(folder), {**variables, **LATE})
        first = lab.run("deploy", variables)
        for name, case in CASES.items():
            lab.hosts[name].first = lab.hosts[name].state()
            case.by_hand(lab.hosts[name])
            lab.hosts[name].before = lab.hosts[name].state()
            for fault in case.faults:
                aws.control.add_fault(**{"service": "dms", "account": lab.hosts[name].accounts[0], **fault})
        aws.control.clear_journal()
        second = lab.run("deploy", {n: {**c.host, **c.changed} for n, c in CASES.items() if c.changed is not None})
        calls = aws.control.journal()
        aws.control.clear_faults()
        for host in lab.hosts.values():
            host.calls = [call["operation"] for call in calls if call["account"] == host.accounts[0]]
            host.after = host.state()
        last = lab.run_each(last_plays(lab))
        yield Runs(lab.hosts, first, second, last)


def last_plays(lab: Lab) -> list[tuple[str, dict[str, Variables]]]:
    """The plays at the end, and what comes before them: journals that are none, and what the owner of a task did meanwhile."""
    interrupted = lab.hosts["task_made_elsewhere"]
    key, text = left_journal(interrupted)
    make_the_task_for_another_endpoint(interrupted)
    put_journal(lab.hosts["bytes_for_text"], interrupted, key, b"\xff\xfe")
    somebody = lab.hosts["bucket_of_somebody"]
    forged = as_of(somebody, interrupted, text).replace(f"lake-{SCENARIO}-{somebody.pair}", BUCKET_OF_SOMEBODY)
    put_journal(somebody, interrupted, key, forged.encode())
    lab.aws.control.add_fault(service="dms", account=somebody.accounts[0], **TEST_FAILS)
    return [
        ("deploy", {interrupted.name: OTHER_COMPRESSION}),
        ("verify", {name: case.host for name, case in CASES.items() if case.verified}),
        # What one does to the other is to be seen.
        ("deploy", {name: LATE[name] for name in ("bytes_for_text", "neighbour")}),
        *[("deploy", {name: LATE[name]}) for name in ("file_for_a_folder", "bucket_of_somebody")],
    ]


def left_journal(host: Host) -> tuple[str, str]:
    """The key and the text of the journal that a host's run left behind."""
    ((bucket, keys),) = [(bucket, keys) for bucket, keys in host.after["objects"].items() if keys]
    found = crash_tasks.client(host.aws, host.accounts[0], "s3").get_object(Bucket=bucket, Key=keys[0])
    return keys[0], found["Body"].read().decode()


def as_of(host: Host, other: Host, text: str) -> str:
    """A text about another host as it would be about this one."""
    names = [(other.name, host.name), (other.identifier, host.identifier), (other.task, host.task)]
    buckets = [(f"-{SCENARIO}-{other.pair}", f"-{SCENARIO}-{host.pair}")]
    for old, new in [*names, *buckets, *zip(other.accounts, host.accounts, strict=True)]:
        text = text.replace(old, new)
    return text


def put_journal(host: Host, other: Host, key: str, body: bytes) -> None:
    """A journal where the host's is, by where another host has left one."""
    s3 = crash_tasks.client(host.aws, host.accounts[0], "s3")
    s3.put_object(Bucket=f"journals-{SCENARIO}-{host.pair}", Key=as_of(host, other, key), Body=body)


def failure(ended: list[Ended], host: Host) -> str | None:
    """The message with which a host failed in a run; None where it did not."""
    for said in (one.said for one in ended):
        recap = re.search(rf"^{host.name} +: ok=.* failed=(\d+)", said, re.MULTILINE)
        told = list(re.finditer(rf"^fatal: \[{host.name}\]: FAILED! => ", said, re.MULTILINE))
        if told and recap and recap[1] != "0":
            return str(json.JSONDecoder().raw_decode(said, told[-1].end())[0]["msg"])
    return None


def told_last(runs: Runs) -> str:
    """All that the last runs said."""
    return "".join(ended.said for ended in runs.last)


def check_put_back(host: Host) -> None:
    """Endpoint and tasks are as they were, and the tasks go on where they were."""
    assert endpoint_in(host.after) == endpoint_in(host.before)
    assert tasks_in(host.after) == tasks_in(host.before)
    assert crash_tasks.lost_position(host.after["deleted_tasks"], host.after["tasks"]) is None


@pytest.mark.parametrize(
    "name",
    [
        "moved_and_back",
        "folder_with_a_slash",
        "key_without_a_name",
    ],
)
def test_what_stood_is_put_back_where_the_test_of_the_new_endpoint_fails(runs: Runs, name: str) -> None:
    assert "An injected fault" in str(failure(runs.second, runs.hosts[name])), failure(runs.second, runs.hosts[name])
    check_put_back(runs.hosts[name])


def test_both_reasons_are_told_where_the_rollback_fails_too(runs: Runs) -> None:
    told = str(failure(runs.second, runs.hosts["rollback_refused"]))
    assert "ResourceQuotaExceededFault" in told
    assert DENIED["message"] in told


@pytest.mark.parametrize("name", ["task_refused", "start_refused", "alarms_refused"])
def test_what_stood_is_put_back_where_a_call_after_the_test_is_refused(runs: Runs, name: str) -> None:
    host = runs.hosts[name]
    assert INVALID["message"] in str(failure(runs.second, host))
    check_put_back(host)
    alarms = [[one["SourceIdsList"] for one in state["event_subscriptions"]] for state in (host.before, host.after)]
    assert alarms[0] == alarms[1]


def test_task_runs_where_the_journal_could_not_be_written(runs: Runs) -> None:
    host = runs.hosts["journal_refused"]
    assert tasks_in(host.after) == {host.task: "running"}
    as_before = endpoint_in(host.after) == endpoint_in(host.before)
    assert as_before == (failure(runs.second, host) is not None)


def test_tags_without_room_for_ours_stop_it_before_a_task_is_stopped(runs: Runs) -> None:
    host = runs.hosts["all_tags_taken"]
    assert "StopReplicationTask" not in host.calls
    assert "remove one of its tags" in str(failure(runs.second, host))


def test_setting_that_aws_does_not_show_replaces_nothing(runs: Runs) -> None:
    assert failure(runs.first, runs.hosts["path_not_kept"]) is None
    assert "DeleteEndpoint" not in runs.hosts["path_not_kept"].calls


def test_empty_text_is_not_sent(runs: Runs) -> None:
    shown = endpoint_in(runs.hosts["unexplained_failure"].first)
    assert shown
    assert [name for name, value in shown["S3Settings"].items() if value == ""] == []


def test_failure_without_a_cause_is_tried_again_while_iam_may_be_behind(runs: Runs) -> None:
    host = runs.hosts["unexplained_failure"]
    assert failure(runs.first, host) is None
    assert [connection["Status"] for connection in host.first["connections"]] == ["successful"]


@pytest.mark.parametrize("attribute", ["mislaid", "ignoreHeaderRows"])
def test_what_only_aws_says_in_extra_connection_attributes_is_no_difference(runs: Runs, attribute: str) -> None:
    # It was made by hand, so that its tags differ and its connection was never tested.
    told = str(failure(runs.last, runs.hosts["attributes_of_aws"]))
    assert "tags" in told
    assert attribute not in told


def test_task_that_its_owner_made_for_another_endpoint_is_left_alone(runs: Runs) -> None:
    state = runs.hosts["task_made_elsewhere"].state()
    (elsewhere,) = [one["EndpointArn"] for one in state["endpoints"] if one["EndpointIdentifier"] == "elsewhere"]
    assert len(state["deleted_tasks"]) == 1
    assert [task["TargetEndpointArn"] for task in state["tasks"]] == [elsewhere]


def test_journal_of_bytes_is_told_in_a_sentence(runs: Runs) -> None:
    told = str(failure(runs.last, runs.hosts["bytes_for_text"]))
    assert "journal" in told
    assert "codec" not in told


def test_journal_that_names_a_bucket_of_somebody_is_not_believed(runs: Runs) -> None:
    host = runs.hosts["bucket_of_somebody"]
    assert failure(runs.last, host) is not None
    buckets = [endpoint["S3Settings"]["BucketName"] for endpoint in host.state()["endpoints"]]
    assert BUCKET_OF_SOMEBODY not in buckets


def test_neighbour_of_a_host_with_an_exception_is_deployed_and_told(runs: Runs) -> None:
    host = runs.hosts["neighbour"]
    assert endpoint_in(host.state())
    assert failure(runs.last, host) is None
    assert host.identifier in told_last(runs)


def test_deployment_names_a_task_that_failed(runs: Runs) -> None:
    assert any(runs.hosts["failed_task"].task in ended.said for ended in runs.second)


def test_verification_names_a_task_that_failed(runs: Runs) -> None:
    assert runs.hosts["failed_task"].task in str(failure(runs.last, runs.hosts["failed_task"]))


def test_move_that_is_rolled_back_leaves_no_role_unsaid(runs: Runs) -> None:
    host = runs.hosts["moved_and_back"]
    told = str(failure(runs.second, host))
    new = set(host.after["roles"]) - set(host.before["roles"])
    assert [name for name in new if name not in told] == []


def test_journal_folder_that_is_a_file_is_told_in_a_sentence(runs: Runs) -> None:
    told = str(failure(runs.last, runs.hosts["file_for_a_folder"]))
    assert "journal" in told
    assert "Errno" not in told


@pytest.mark.parametrize("name", ["trust_by_default", "trust_auto"])
def test_trust_that_is_checked_at_creation_is_found(runs: Runs, name: str) -> None:
    host = runs.hosts[name]
    assert failure(runs.first, host) is None
    assert [connection["Status"] for connection in host.first["connections"]] == ["successful"]
    trusts = [statement for trust in host.state(1)["trusts"] for statement in trust["Statement"]]
    assert all("StringEquals" in statement.get("Condition", {}) for statement in trusts)


def test_task_of_another_tool_wants_a_consent(runs: Runs) -> None:
    host = runs.hosts["foreign_task"]
    assert "StopReplicationTask" not in host.calls
    assert "foreign_tasks" in str(failure(runs.second, host))
