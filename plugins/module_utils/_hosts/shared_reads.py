# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cache for many hosts: accounts with their clients, and what was read of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._access import role_info, role_plan
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account, assume_role_problem
from ansible_collections.datalake.dms.plugins.module_utils._core.answers import Answers
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._core.parallel_reads import in_parallel
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import list_connections
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import list_tags_of
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import is_s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Connection, Host
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_account import SharedAccount
from ansible_collections.datalake.dms.plugins.module_utils._hosts.snapshots import (
    Held,
    Item,
    Operation,
    SnapshotAccount,
    held_connections,
    held_endpoints,
    held_roles,
    held_tags,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.stopped_tasks import StoppedTasks, read_stopped_tasks
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_policies import (
    Policy,
    PolicyStore,
    read_policy,
)


class SharedReads:
    """Reads of all hosts and threads. :ivar answers: what was read; an error is raised again for every host that asks for the same."""

    def __init__(self) -> None:
        self.answers = Answers()

    def account(self, connection: Connection) -> SharedAccount:
        """The account of a connection.

        :raises DatalakeError: invalid options.
        """
        account: SharedAccount = self.answers.once(["account", asdict(connection)], lambda: _account(connection))
        return account

    def in_partition(self, host: Host) -> Host:
        """The host with the partition of its data-lake account in derived ARNs.

        :raises DatalakeError: invalid options. AnsibleAWSError: a call failed.
        """
        return host.in_partition(self.account(host.lake).identity.partition)

    def role_names(self, connection: Connection, path: str) -> set[str]:
        """Names of the roles of an account under a path."""
        key = ["roles", asdict(connection), path]
        names: set[str] = self.answers.once(key, lambda: _role_names(self.account(connection), path))
        return names

    def journals(self, host: Host) -> set[str]:
        """The keys of all journals in the host's journal bucket; empty without one."""
        dms, bucket, prefix = host.dms, host.replacement["journal_bucket"], host.replacement["journal_prefix"]
        if not bucket:
            return set()
        keys: set[str] = self.answers.once(
            ["journals", asdict(dms), bucket, prefix], lambda: _journal_keys(self.account(dms), bucket, prefix)
        )
        return keys

    def stopped_tasks(self, host: Host) -> StoppedTasks:
        """The replication tasks of the DMS account in the host's region that ran and do not run any more."""
        client = self.account(host.dms).client("dms")
        key = ["stopped tasks", asdict(host.dms)]
        tasks: StoppedTasks = self.answers.once(key, lambda: read_stopped_tasks(client))
        return tasks

    def policy(self, store: PolicyStore) -> Policy | None:
        """The policy of a bucket or key, which is the same for all hosts. Not for writing: who writes reads it anew.

        :raises AnsibleAWSError: the call failed.
        """
        policy: Policy | None = self.answers.once(["policy", store.what], lambda: read_policy(store))
        return policy

    # Snapshots

    def read_snapshots(self, hosts: list[Host]) -> None:
        """Read in parallel what many hosts will ask for. An error is raised when a host asks."""

        def read(one: tuple[Callable[[Host], Any], Host]) -> None:
            what, host = one
            try:
                what(host)
            except Exception:
                return

        # One host after the other: the first one of an account asks for everything at once, and the others find the answers.
        in_parallel(read, [(what, host) for host in hosts for what in self._snapshots_of(host)])

    def _snapshots_of(self, host: Host) -> list[Callable[[Host], Any]]:
        """The reads that a host will ask for."""
        wanted: list[Callable[[Host], Any]] = [self._endpoints, self.stopped_tasks, self.iam_snapshot]
        if host.is_tested:
            wanted.append(self._connections)
        if host.is_tested and host.lists_former_roles:
            wanted.append(self._role_names_of)
        return wanted

    def dms_snapshot(self, host: Host) -> Account:
        """A snapshot of the DMS account: all endpoints, the tags of S3 targets, and the connections if the host is tested."""
        tested = {"describe_connections": self._connections(host)} if host.is_tested else {}
        return SnapshotAccount(self.account(host.dms), {"dms": {**self._endpoints(host), **tested}})

    def iam_snapshot(self, host: Host, policy_tags: bool = False) -> Account:
        """A snapshot of the account of the access role, where account-wide reading is granted; else the account itself.

        :param policy_tags: whether the tags of each policy are read, with one call each; else they are assumed to equal those of its role.
        """
        account = self.account(host.home)
        if not host.account_wide:
            return account
        tagged = {"get_policy": account.client("iam").get_policy} if policy_tags else {}
        return SnapshotAccount(account, {"iam": {**self._roles(host).held, **tagged}})

    def access_is_absent(self, host: Host) -> bool:
        """Whether the snapshot of IAM has neither the host's access role nor its policy; False without a snapshot."""
        if not host.account_wide:
            return False
        roles, policy = self._roles(host), role_plan.policy_arn(self.account(host.home).identity, host.role)
        return host.role_name not in roles.names and policy not in roles.policy_arns

    def _endpoints(self, host: Host) -> dict[str, Operation]:
        client = self.account(host.dms).client("dms")
        held: dict[str, Operation] = self.answers.once(["endpoints", asdict(host.dms)], lambda: _endpoints(client))
        return held

    def _connections(self, host: Host) -> Held:
        client = self.account(host.dms).client("dms")
        key = ["connections", asdict(host.dms)]
        held: Held = self.answers.once(key, lambda: held_connections(list_connections(client)))
        return held

    def _roles(self, host: Host) -> _Roles:
        client = self.account(host.home).client("iam")
        roles: _Roles = self.answers.once(["iam", asdict(host.home)], lambda: _all_roles(client))
        return roles

    def _role_names_of(self, host: Host) -> set[str]:
        return self.role_names(host.dms, host.role["path"])


@dataclass(frozen=True)
class _Roles:
    """All roles and policies of an account.

    :ivar held: operations of a snapshot. :ivar names: of the roles. :ivar policy_arns: of all customer managed policies, attached or not.
    """

    held: Mapping[str, Operation]
    names: set[str]
    policy_arns: set[str]


def _all_roles(client: Any) -> _Roles:
    details = role_info.account_details(client)
    names = {role["RoleName"] for role in details["RoleDetailList"]}
    return _Roles(held_roles(details), names, {policy["Arn"] for policy in details["Policies"]})


def _endpoints(client: Any) -> dict[str, Operation]:
    # All kinds of endpoints, because identifiers are unique among all of them.
    endpoints: list[Item] = list_endpoints(client)
    tags = list_tags_of(client, [endpoint["EndpointArn"] for endpoint in endpoints if is_s3_target(endpoint)])
    return {"describe_endpoints": held_endpoints(endpoints), "list_tags_for_resource": held_tags(tags)}


def _account(connection: Connection) -> SharedAccount:
    params = validated({}, connection.options())
    problem = assume_role_problem(params)
    if problem:
        raise DatalakeError(message=problem)
    return SharedAccount(params)


def _role_names(account: Account, path: str) -> set[str]:
    return {role["RoleName"] for role in role_info.list_roles(account.client("iam"), path)}


@AWSErrorHandler.common_error_handler("list the journals")
def _journal_keys(account: Account, bucket: str, prefix: str) -> set[str]:
    owner = {"Bucket": bucket, "ExpectedBucketOwner": account.identity.account_id}
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(**owner, Prefix=prefix.strip("/"))
    return {item["Key"] for item in pages.build_full_result().get("Contents", [])}
