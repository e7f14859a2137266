# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the embedded AWS holds beside moto: accounts' switches, DMS, sessions, faults, the journal."""

from __future__ import annotations

import threading
import uuid
from typing import Any

from .. import moto_seams
from ..arns import account_of, region_of
from ..dms import connections as dms_connections
from ..dms import endpoints as dms_endpoints
from ..dms import event_subscriptions as dms_event_subscriptions
from ..dms import recording
from ..dms import replication as dms_replication
from ..dms import responses as dms_responses
from ..dms import task_runs as dms_task_runs
from ..dms.backend import Dms, find
from ..iam.authorization import Authorization
from ..iam.identity import Sessions
from ..iam.propagation import Propagation, RoleKey
from . import landscape
from .faults import Faults, TokenBuckets
from .journal import Journal
from .switches import Switches


class World:
    """The state. `lock` is held while a call takes effect, so that calls take effect one by one."""

    def __init__(self, landscape_at_start: dict[str, Any]) -> None:
        self._landscape_at_start = landscape_at_start
        self.lock = threading.RLock()
        self.journal = Journal()
        self.faults = Faults()
        self.buckets = TokenBuckets()
        self.sessions = Sessions()
        self.authorization = Authorization(self._tags_of)
        self.propagation = Propagation(moto_seams.role_view, self.switches_of)
        self._switches: dict[str, Switches] = {}
        self._dms: dict[tuple[str, str], Dms] = {}
        self._account_external_ids: dict[str, str] = {}
        self._trusts: dict[str, list[dict[str, Any]]] = {}
        self.reset()

    def switches_of(self, account: str) -> Switches:
        return self._switches.setdefault(account, Switches())

    def dms_of(self, account: str, region: str) -> Dms:
        """DMS of an account in a region; it exists from its first use on."""
        key = (account, region)
        if key not in self._dms:
            self._dms[key] = Dms(
                account=account,
                region=region,
                switches=self.switches_of(account),
                propagation=self.propagation,
                account_external_id=lambda: self._account_external_ids.setdefault(account, str(uuid.uuid4())),
            )
        return self._dms[key]

    def reset(self) -> None:
        """Back to how the server started: the automation's user, and the landscape that was given then."""
        moto_seams.reset()
        for part in (self.journal, self.faults, self.buckets, self.sessions, self.authorization, self.propagation):
            part.clear()
        self._switches.clear()
        self._dms.clear()
        self._account_external_ids.clear()
        self._trusts.clear()
        self._automation = landscape.DEFAULT_AUTOMATION
        self.seed(self._landscape_at_start)

    def seed(self, described: dict[str, Any]) -> None:
        """Add what `described` (see landscape.py) has; what exists already stays."""
        landscape.check_landscape(described)
        if "automation" in described:
            self._automation = landscape.automation_of(described)
        landscape.seed_automation(self._automation)
        for environment in described.get("environments", []):
            landscape.seed_accounts(environment, self._automation["account_id"])
            instance_arn = environment["dms"].get("replication_instance_arn")
            if instance_arn:
                dms = self.dms_of(environment["dms"]["account_id"], environment["region"])
                dms_replication.seed_instance(dms, instance_arn, in_vpc=bool(environment["dms"].get("prepared")))
            for account, switches in landscape.switches_by_account(environment).items():
                self.switches_of(account).update(switches)

    def add_tags(self, account: str, region: str, arn: str, tags: dict[str, str]) -> None:
        """Tag a resource of DMS, also with keys that the API reserves for AWS."""
        dms = self.dms_of(account, region)
        dms_responses.check_taggable(dms, arn)
        dms.tag(arn, [{"Key": key, "Value": value} for key, value in tags.items()])

    def fail_task(self, account: str, region: str, arn: str) -> None:
        """Have a replication task fail, which nobody can ask for through the API."""
        dms_task_runs.fail(find(self.dms_of(account, region).tasks, arn, "Replication task"))

    def _tags_of(self, arn: str) -> dict[str, str]:
        """The tags of a resource of DMS."""
        dms = self._dms.get((account_of(arn), region_of(arn))) if arn.count(":") >= 5 else None
        return dict(dms.tags.get(arn, {})) if dms else {}

    def remember_trusts(self, changed: list[RoleKey]) -> None:
        """Keep each trust that a role ever had, with the names of its policies at that time, for who asks whether one was open for a moment, and
        what could be done with it."""
        for key in changed:
            view, known = moto_seams.role_view(key), self._trusts.setdefault(key[1], [])
            if view:
                trust = {**view["Trust"], "Policies": sorted([*view["Policies"], *view["AttachedPolicies"]])}
                if trust not in known:
                    known.append(trust)

    def dump(self, account: str) -> dict[str, Any]:
        """All that an account holds in DMS, IAM, S3 and KMS, and its switches, as JSON for `restore`."""
        own_id = (
            {"account_external_id": self._account_external_ids[account]}
            if account in self._account_external_ids
            else {}
        )
        return {
            **own_id,
            "switches": self.switches_of(account).as_set(),
            "dms": {region: recording.dump_dms(dms) for (owner, region), dms in self._dms.items() if owner == account},
            **moto_seams.dump_account(account),
        }

    def restore(self, account: str, dumped: dict[str, Any]) -> None:
        """Put what `dump` gave into an account that holds nothing, with every id, ARN and date as it was."""
        if any(moto_seams.dump_account(account).values()) or any(owner == account for owner, _region in self._dms):
            raise ValueError(f"account {account} is in use")
        self.switches_of(account).update(dumped["switches"])
        if "account_external_id" in dumped:
            self._account_external_ids[account] = dumped["account_external_id"]
        moto_seams.restore_account(account, dumped)
        for region, held in dumped["dms"].items():
            recording.restore_dms(self.dms_of(account, region), held)

    @property
    def environ(self) -> dict[str, str]:
        """The automation's credentials as environment variables."""
        return {
            "AWS_ACCESS_KEY_ID": self._automation["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self._automation["secret_access_key"],
        }

    def state(self, account: str) -> dict[str, Any]:
        """DMS resources of all regions, IAM roles, customer policies, objects, policies of buckets and keys of an account; it counts as no poll.

        Tasks have their Starts, a list of (type, position); deleted_tasks are what dms_task_runs keeps of each; objects
        are the keys that exist now, by bucket; trusts are all that its roles ever had.
        """
        regions = [dms for (owner, _), dms in self._dms.items() if owner == account]
        return {
            "endpoints": [
                {**dms_endpoints.shape_of(dms, endpoint), "Tags": dms.tags.get(endpoint.arn, {})}
                for dms in regions
                for endpoint in dms.endpoints.values()
            ],
            "connections": [
                dms_connections.shape_of(connection) for dms in regions for connection in dms.connections.values()
            ],
            "tasks": [
                {**dms_task_runs.shape_of(dms, task), "Tags": dms.tags.get(arn, {}), "Starts": task.starts}
                for dms in regions
                for arn, task in dms.tasks.items()
            ],
            "event_subscriptions": [
                {**one.shape, "Tags": dms.tags.get(dms_event_subscriptions.arn_of(dms, name), {})}
                for dms in regions
                for name, one in dms.subscriptions.items()
            ],
            "deleted_tasks": [task for dms in regions for task in dms.deleted_tasks],
            "changes": {name: counted for dms in regions for name, counted in dms_task_runs.changes(dms).items()},
            "replication_instances": [instance.shape for dms in regions for instance in dms.instances.values()],
            "replication_configs": [config.shape for dms in regions for config in dms.configs.values()],
            "trusts": self._trusts.get(account, []),
            "roles": moto_seams.role_views(account),
            "policies": moto_seams.customer_policy_views(account),
            "objects": moto_seams.object_keys(account),
            "bucket_policies": moto_seams.bucket_policies(account),
            "key_policies": moto_seams.key_policies(account),
        }
