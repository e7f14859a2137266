# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`record_estate.py [estate | replacements]`: record what the playbooks of this checkout leave in AWS, for the code of later to read.

Into tests/integration/recorded, beside the inventories that they are recorded with:

- estate.json: {commit, accounts: {account id: dump}}: all that was deployed and is at rest;
- replacements.json: {commit, steps: [{number, moves, killed_after, accounts}]}: a replacement for each of its writing calls, whose run was killed
  when that had taken effect, as long as there was a journal.

A dump is what the embedded AWS makes of an account, see World.dump. tests/integration/playbooks/test_recorded_estate.py replays them. They are of
their time: record another one beside them rather than in their place.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import crash_tasks
from crash import Case
from embedded_aws import READS, EmbeddedAWS
from playbook import ANSIBLE_PLAYBOOK, CHECKOUT, run_playbook

RECORDED = CHECKOUT / "tests" / "integration" / "recorded"
SHIPPED, CUSTOM, REPLACEMENTS = RECORDED / "shipped.yml", RECORDED / "custom.yml", RECORDED / "replacements.yml"
NEW_SETTINGS = ("-e", "with_new_settings=true")
REGION = "eu-central-1"
KILLED_AT_A_TIME = 2
# The calls of a move after which it is in a state of its own: the role of the other way half made, made, admitted by the bucket, used.
OF_A_MOVE = ("iam CreatePolicy", "iam AttachRolePolicy", "s3 PutBucketPolicy", "dms TestConnection")
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# Whose the recorded locks are: a run of a machine that nobody has, and expired long ago, so that any later run may go on from there.
LOCK = {
    "owner": "somebody@elsewhere",
    "id": "0123456789abcdef",
    "machine": "elsewhere",
    "pid": 7,
    "started": "99",
    "expires": "2020-01-01T00:00:00Z",
}


def environment(name: str, accounts: tuple[str, str], **differing: Any) -> dict[str, Any]:
    """The entry of a landscape for an environment of the inventories.

    :param accounts: DMS and data lake. :param differing: members of it, or of its sides, that are otherwise.
    """
    dms, lake = accounts
    roles = {side: f"arn:aws:iam::{account}:role/deployer" for side, account in (("dms", dms), ("lake", lake))}
    lake_id = "for-the-dms-side" if dms == lake else "for-the-lake-side"
    of_dms = {
        "account_id": dms,
        "assume_role_arn": roles["dms"],
        "assume_role_external_id": "for-the-dms-side",
        "replication_instance_arn": f"arn:aws:dms:{REGION}:{dms}:rep:recorded",
    }
    of_lake = {
        "account_id": lake,
        "assume_role_arn": roles["lake"],
        "assume_role_external_id": lake_id,
        "bucket_name": f"recorded-lake-{name}",
        "kms_key_arn": f"arn:aws:kms:{REGION}:{lake}:key/00000000-0000-4000-8000-{lake}",
    }
    more = {"switches": differing.pop("switches", {})}
    sides = {"dms": {**of_dms, **differing.pop("dms", {})}, "lake": {**of_lake, **differing.pop("lake", {})}}
    return {"name": name, "region": REGION, **sides, **more}


def administrator(aws: EmbeddedAWS, account: str) -> dict[str, str]:
    """Environment variables with credentials of an account's administrator, a role that anything of the automation's may assume."""
    environ = aws.environ
    automation = boto3.Session(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    role = f"arn:aws:iam::{account}:role/administrator"
    given = automation.client("sts", endpoint_url=aws.url).assume_role(RoleArn=role, RoleSessionName="administrator")
    keys = given["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def play(aws: EmbeddedAWS, inventories: list[Path], playbook: str, *arguments: str, **more: Any) -> int:
    """Run a playbook over inventories, which has to succeed; how much it changed."""
    first, *others = inventories
    given = [argument for one in others for argument in ("-i", str(one))]
    began = time.monotonic()
    ended = run_playbook(aws, first, playbook, *given, *arguments, **more)
    print(f"{time.monotonic() - began:5.1f} s  {playbook}", flush=True)
    if ended.status:
        raise RuntimeError(f"{playbook}.yml ended with status {ended.status}:\n{ended.said[-10000:]}")
    return ended.changed


# --- The estate --------------------------------------------------------------------------------------------------


def record_estate() -> dict[str, Any]:
    """Deploy the inventories shipped.yml and custom.yml, one endpoint of them twice, and dump all their accounts."""
    pairs = {
        "shipped": ("100000000001", "200000000001"),
        "custom": ("100000000002", "200000000002"),
        "alone": ("100000000003", "100000000003"),
    }
    (dms, lake), both = pairs["shipped"], [SHIPPED, CUSTOM]
    with EmbeddedAWS() as aws:
        administrators = {
            side: {"assume_role_arn": f"arn:aws:iam::{account}:role/administrator", "assume_role_external_id": None}
            for side, account in (("dms", dms), ("lake", lake))
        }
        journals = {"journal_bucket_name": "recorded-journals-shipped"}
        limits = {"policies": {"arn:aws:iam::200000000002:policy/limits/everything": ALLOW_ALL}}
        own = {**limits, "ownership": "BucketOwnerPreferred"}
        environments = [
            environment(
                "shipped",
                pairs["shipped"],
                dms={**administrators["dms"], **journals},
                lake={**administrators["lake"], "bucket_name": None},
            ),
            environment("custom", pairs["custom"], lake=own),
            environment("alone", pairs["alone"]),
        ]
        aws.control.seed({"environments": environments})
        for account in (dms, lake):
            play(aws, [SHIPPED], "deployer_access", environ=administrator(aws, account))
        play(aws, [SHIPPED], "landing_bucket")
        play(aws, both, "service_roles")
        # An endpoint that was made again, with a policy that has an older version.
        play(aws, both, "deploy", "--limit", "crm", "-e", "s3_endpoint_bucket_folder=raw/before")
        play(aws, both, "deploy")
        if play(aws, both, "deploy") or play(aws, both, "verify"):
            raise RuntimeError("what was deployed is not at rest")
        accounts = sorted({account for pair in pairs.values() for account in pair})
        return {account: aws.control.dump(account) for account in accounts}


# --- Replacements ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replacement:
    """An endpoint with two tasks whose replacement is killed; `moves`: to the other way of access as well."""

    number: int
    moves: bool

    @property
    def host(self) -> str:
        return host_of(self.number)

    @property
    def case(self) -> Case:
        """As tests/tools/crash.py has it, for its tasks; the accounts are the same."""
        return Case("update with tasks", self.number)

    @property
    def accounts(self) -> tuple[str, str]:
        """DMS and data lake, as replacements.yml makes them."""
        return self.case.accounts


def host_of(number: int) -> str:
    return f"step_{number}"


def write_hosts(path: Path, moves_of: dict[int, bool]) -> Path:
    """An inventory of the hosts of these numbers, beside replacements.yml; :param moves_of: whether the endpoint is moved, by number."""
    hosts = {host_of(number): {"number": number, "moves": moves} for number, moves in moves_of.items()}
    path.write_text(json.dumps({"s3_endpoints": {"hosts": hosts}}))
    return path


class Replacements:
    """Records replacements of one kind, killed after each call that writes."""

    def __init__(self, aws: EmbeddedAWS, folder: Path, numbers: itertools.count[int], moves: bool) -> None:
        self._aws, self._folder, self._numbers, self._moves = aws, folder, numbers, moves

    def record(self) -> list[dict[str, Any]]:
        """The steps, in order."""
        calm = self._new()
        self._prepare([calm])
        self._aws.control.clear_journal()
        play(self._aws, self._inventories([calm]), "deploy", *NEW_SETTINGS)
        calls = [call for call in self._aws.control.journal() if call["account"] in calm.accounts]
        sides = [calm.accounts.index(call["account"]) for call in calls]
        writing = [k for k, call in enumerate(calls) if not call["operation"].startswith(READS)]
        chosen = [(self._new(), k) for k in writing]
        self._prepare([one for one, _k in chosen])
        self._aws.control.clear_journal()
        with ThreadPoolExecutor(KILLED_AT_A_TIME) as at_a_time:
            list(at_a_time.map(lambda one: self._kill(one[0], one[1], sides), chosen))
        fatal = {call["account"]: call for call in self._aws.control.journal() if call["fault"]}
        steps = []
        for one, k in chosen:
            (call,) = [fatal[account] for account in one.accounts if account in fatal]
            if call["operation"] != calls[k]["operation"]:
                raise RuntimeError(f"{one.host} was killed at {call['operation']}, not at {calls[k]['operation']}")
            step = self._step(one, f"{call['service']} {call['operation']}")
            steps += [step] if step else []
        print(f"{len(calls)} calls, of which {len(writing)} write, and {len(steps)} leave a journal", flush=True)
        return steps

    def _new(self) -> Replacement:
        return Replacement(next(self._numbers), self._moves)

    def _prepare(self, some: list[Replacement]) -> None:
        """Accounts, endpoints and tasks, before the replacement."""
        # Tasks take a while for everything, and AWS may drop one that is deleted from the subscriptions to its events.
        switches = {"task_polls": 1, "event_sources_on_task_delete": "dropped"}
        environments = []
        for one in some:
            instance = {"replication_instance_arn": f"arn:aws:dms:{REGION}:{one.accounts[0]}:rep:molecule"}
            journals = {"journal_bucket_name": f"recorded-journals-{one.number}"}
            made = environment(str(one.number), one.accounts, dms={**instance, **journals}, switches=switches)
            environments.append(made)
        self._aws.control.seed({"environments": environments})
        play(self._aws, self._inventories(some), "deploy")
        for one in some:
            crash_tasks.make_tasks(self._aws, one.case)

    def _inventories(self, some: list[Replacement]) -> list[Path]:
        path = self._folder / f"hosts_{some[0].number}_{len(some)}.json"
        return [REPLACEMENTS, write_hosts(path, {one.number: one.moves for one in some})]

    def _kill(self, one: Replacement, call: int, sides: list[int]) -> None:
        """Replace in a process that is killed once call number `call` took effect; :param sides: the index of each call's account."""
        given = [argument for path in self._inventories([one]) for argument in ("-i", str(path))]
        command = [str(ANSIBLE_PLAYBOOK), *given, "playbooks/deploy.yml", *NEW_SETTINGS]
        temporary = {"ANSIBLE_LOCAL_TEMP": str(self._folder / "tmp"), "TMPDIR": str(self._folder)}
        # The shell becomes ansible-playbook once it has read a line, so that the fault knows its process before it can call anything.
        with subprocess.Popen(
            ["sh", "-c", 'read -r _ && exec "$@"', "sh", *command],
            cwd=CHECKOUT,
            env={**os.environ, **self._aws.environ, **temporary},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as run:
            account, skip = one.accounts[sides[call]], sides[:call].count(sides[call])
            self._aws.control.add_fault(service="*", account=account, skip=skip, kind="kill_after", pid=run.pid)
            run.communicate(b"go\n")
        if run.returncode != -signal.SIGKILL:
            raise RuntimeError(f"{one.host} was not killed at call {call}, but ended with status {run.returncode}")

    def _step(self, one: Replacement, killed_after: str) -> dict[str, Any] | None:
        """What the killed run left, None if there is no journal."""
        accounts = {account: self._aws.control.dump(account) for account in one.accounts}
        journals = next(b for b in accounts[one.accounts[0]]["buckets"] if b["Name"].startswith("recorded-journals"))
        written = journals.get("Objects", {})
        for key, text in written.items():
            # As the collection writes it.
            written[key] = json.dumps({**json.loads(text), "lock": LOCK}, indent=1, sort_keys=True)
        step = {"number": one.number, "moves": one.moves, "killed_after": killed_after, "accounts": accounts}
        return step if written else None


def record_replacements() -> list[dict[str, Any]]:
    """Each step of a replacement with other settings, and some of one with another way of access as well."""
    numbers = itertools.count(1)
    with tempfile.TemporaryDirectory() as folder, EmbeddedAWS() as aws:
        stays, moved = (Replacements(aws, Path(folder), numbers, moves).record() for moves in (False, True))
    return [*stays, *(step for step in moved if step["killed_after"] in OF_A_MOVE)]


def save(name: str, **recorded: Any) -> None:
    """Write a recording, with the last commit that changed the collection."""
    last = ["git", "log", "-1", "--format=%H", "--", "playbooks", "plugins", "roles"]
    head = subprocess.run(last, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    path = RECORDED / f"{name}.json"
    path.write_text(_lines({"commit": head.stdout.strip(), **recorded}, 3 if name == "replacements" else 2) + "\n")
    print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size // 1024} KB", flush=True)


def _lines(value: Any, depth: int) -> str:
    """JSON with a line for each member of the outer levels, and no blanks within it."""
    if depth == 0 or not isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        return "[\n" + ",\n".join(_lines(one, depth - 1) for one in value) + "\n]"
    members = (f"{json.dumps(name)}:{_lines(one, depth - 1)}" for name, one in value.items())
    return "{\n" + ",\n".join(members) + "\n}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", nargs="?", choices=["estate", "replacements"], help="this one only")
    what = options.parse_args().what
    if what in (None, "estate"):
        save("estate", accounts=record_estate())
    if what in (None, "replacements"):
        save("replacements", steps=record_replacements())
    return 0


if __name__ == "__main__":
    sys.exit(main())
