# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the contenders run: an embedded AWS in a process of its own, with one pair of accounts, and an inventory of as many hosts as wanted."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import SIDES
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_roles import deployer_role_arn
from ansible_collections.datalake.dms.plugins.module_utils._accounts.permissions import DEPLOYER
from ansible_collections.datalake.dms.plugins.module_utils._accounts.preflight_checks import ENDPOINTS_PER_INSTANCE
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.connection_tests import TESTED_TAG
from embedded_aws import Control
from landscape import deployment_of, environment_of, hosts_of
from measure import Taken, cpu_seconds, run
from specs import Spec, bucket_policy_differences, differences, spec

CHECKOUT = Path(__file__).resolve().parents[1]
DEV = CHECKOUT / "inventories" / "dev"
# AWS DMS user guide, "API request throttling": calls at once, and calls per second, for an account and region.
THROTTLE = {"burst": 200, "refill": 8}
# Journals of what replaces an endpoint stay, as in the inventories that the collection ships.
GROUP = {"s3_endpoint_bucket_folder": "raw/{{ inventory_hostname }}", "s3_endpoint_account_wide": True}
# Connections are tested by no contender, but where that is measured.
UNTESTED = {"s3_endpoint_replication_instance_arn": ""}
# How long a written bucket policy has to stand, in seconds; it is waited for once, so the figures leave it out.
SETTLE_SECONDS = 10.0
IN_BUCKET_POLICY = {"s3_endpoint_access": "bucket_policy", "s3_endpoint_policy_settle_time": SETTLE_SECONDS}
CHANGED_SETTINGS = "{{ parquet_settings | combine({'cdc_max_batch_interval': 30}) }}"
_SERVER_LIFETIME = 24 * 3600


class World:
    """One embedded AWS, set back before each contender."""

    def __init__(self, folder: Path, server: dict[str, Any]) -> None:
        self.folder = folder
        self.inventory = folder / "inventory"
        self.specs: list[Spec] = []
        self.names: dict[str, Any] = {}
        self._pid = int(server["pid"])
        self._environ = {**_own_environ(), **server["environ"]}
        self._control = Control(server["url"])
        self._accounts: dict[str, str] = {}
        self._is_tested = False
        self._in_bucket_policy = False

    def begin(
        self,
        size: int,
        latency_ms: int = 0,
        throttled: bool = False,
        test_seconds: float | None = None,
        in_bucket_policy: bool = False,
    ) -> None:
        """Empty accounts, an inventory of `size` endpoints, and how the embedded AWS answers.

        :param test_seconds: how long a connection test takes; None for none.
        :param in_bucket_policy: whether the endpoints have the access mode bucket_policy.
        """
        self._is_tested, self._in_bucket_policy = test_seconds is not None, in_bucket_policy
        self.write_inventory(size)
        hosts = hosts_of(self.inventory)
        # Inventories make the ARNs of the roles to assume out of other variables, which nobody but Ansible reads.
        roles = {side: deployer_role_arn(deployment_of(hosts), side, DEPLOYER) for side in SIDES}
        self.names = {
            **next(iter(hosts.values())),
            **{f"s3_endpoint_{side}_assume_role_arn": arn for side, arn in roles.items()},
        }
        self.specs = [spec(source, self.names) for source in sorted(hosts)]
        landscape = environment_of(hosts)
        dms, lake = landscape["dms"]["account_id"], landscape["lake"]["account_id"]
        self._accounts = {dms: "dms", lake: "lake"}
        self._control.reset()
        self._control.seed({"environments": [landscape, *_more_instances(landscape, size)]})
        # Which whoever has as many endpoints has had AWS raise.
        self._control.set_switches(lake, roles_quota=5000)
        if self._is_tested:
            self._control.set_switches(dms, test_polls=0, test_seconds=test_seconds)
        if throttled:
            self._control.set_switches(dms, dms_throttle=THROTTLE)
        if latency_ms:
            self._control.add_fault(service="*", kind="delay", seconds=latency_ms / 1000, count=None)

    def write_inventory(self, size: int, one_changed: bool = False) -> None:
        """The dev inventory with `size` hosts in place of its own; with `one_changed` the first has another setting."""
        group_vars = self.inventory / "group_vars"
        group_vars.mkdir(parents=True, exist_ok=True)
        if not (group_vars / "all").is_symlink():
            (group_vars / "all").symlink_to(DEV / "group_vars" / "all")
        # Beside the hosts, they would give way to those for all.
        group = {
            **GROUP,
            **({} if self._is_tested else UNTESTED),
            **(IN_BUCKET_POLICY if self._in_bucket_policy else {}),
        }
        (group_vars / "s3_endpoints.json").write_text(json.dumps(group))
        hosts: dict[str, dict[str, str]] = {f"source_{number:04}": {} for number in range(1, size + 1)}
        if self._is_tested:
            for number, variables in enumerate(hosts.values()):
                # Each instance takes so many at most.
                if number >= ENDPOINTS_PER_INSTANCE:
                    variables["s3_endpoint_replication_instance_arn"] = _instance(number // ENDPOINTS_PER_INSTANCE)
        if one_changed:
            hosts["source_0001"]["s3_endpoint_settings"] = CHANGED_SETTINGS
        (self.inventory / "endpoints.json").write_text(json.dumps({"s3_endpoints": {"hosts": hosts}}))

    def measure(
        self, command: list[str], extra_environ: dict[str, str]
    ) -> tuple[Taken, float, Counter[str], Counter[str]]:
        """Run a command; what it took, the embedded AWS's own CPU seconds meanwhile, its calls, and those that were throttled."""
        self._control.clear_journal()
        before = cpu_seconds(self._pid)
        taken = run(command, {**self._environ, **extra_environ}, CHECKOUT)
        aws_cpu = cpu_seconds(self._pid) - before
        calls: Counter[str] = Counter()
        throttled: Counter[str] = Counter()
        for call in self._control.journal():
            name = f"{self._accounts.get(call['account'], 'automation')} {call['service']} {call['operation']}"
            calls[name] += 1
            throttled[name] += call["error_code"] == "ThrottlingException"
        return taken, aws_cpu, calls, +throttled

    def differences(self, endpoint_tags: bool) -> list[str]:
        """Where the accounts are not as the specs say."""
        states = {side: self._control.state(account) for account, side in self._accounts.items()}
        if self._in_bucket_policy:
            return bucket_policy_differences(self.specs, states["dms"], states["lake"])
        if self._is_tested:
            # Which tells when that was.
            for endpoint in states["dms"]["endpoints"]:
                endpoint["Tags"].pop(TESTED_TAG, None)
        return differences(self.specs, states["dms"], states["lake"], endpoint_tags)


@contextmanager
def world() -> Iterator[World]:
    """A world that ends with all that it started."""
    with tempfile.TemporaryDirectory(prefix="datalake-dms-bench-") as name:
        folder = Path(name)
        state = ["--state-dir", str(folder / "aws")]
        embedded_aws = [sys.executable, "-m", "embedded_aws"]
        start = [*embedded_aws, "start", *state, "--max-lifetime", str(_SERVER_LIFETIME)]
        try:
            subprocess.run(start, check=True, stdout=subprocess.DEVNULL)
            yield World(folder, json.loads((folder / "aws" / "server.json").read_text()))
        finally:
            subprocess.run([*embedded_aws, "stop", *state], check=True)


def _instance(number: int) -> str:
    """The ARN of a replication instance: 0 is that of the dev inventory."""
    return f"{_first_instance()}-{number}" if number else _first_instance()


@functools.cache
def _first_instance() -> str:
    accounts = yaml.safe_load((DEV / "group_vars" / "all" / "accounts.yml").read_text())
    return str(accounts["s3_endpoint_replication_instance_arn"])


def _more_instances(landscape: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """Environments that add the other replication instances for so many endpoints."""
    more = range(1, (size - 1) // ENDPOINTS_PER_INSTANCE + 1)
    return [
        {**landscape, "dms": {**landscape["dms"], "replication_instance_arn": _instance(number)}} for number in more
    ]


def _own_environ() -> dict[str, str]:
    """The environment without what could steer Ansible or boto3 otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "PYTHON"))}
    # Collections under ~/.ansible would shadow the checkout; pipelining spares the peer, which starts a process for each module, some others.
    return {
        **kept,
        "ANSIBLE_HOME": str(CHECKOUT / ".ansible"),
        "ANSIBLE_PIPELINING": "true",
        "AWS_CONFIG_FILE": os.devnull,
    }
