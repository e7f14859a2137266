# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: what was read of an account, as data, and a client that answers from it.

With such a client, a module plans in check mode without a call. The client raises NotInSnapshot for data that was not read, and for any operation
that writes. So no module decides on unread data. Pure.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account

Item = dict[str, Any]
Operation = Callable[..., Item]
"""Answers a request, whose parameters are keyword arguments."""


class NotInSnapshot(Exception):
    """The snapshot does not have the requested data."""


@dataclass(frozen=True)
class Held:
    """The data of a snapshot for one operation.

    :ivar answer: the member of the answer, such as "Endpoints". :ivar items: as AWS returned them.
    :ivar by: filter or parameter of a request -> member of an item. A request must have all of them, and no other.
    :ivar one: whether the answer is one item. A request for an item that was not read is refused.
    :ivar of: values of the first of `by` that were read. None: all were read, so what is not among the items does not exist.
    :ivar unknown: value of the first of `by` -> what was not read. A request for such a value is refused.
    :ivar member: the member of each item that is in the answer; the complete item if this is empty.
    """

    answer: str
    items: list[Item]
    by: Mapping[str, str]
    one: bool = False
    of: frozenset[str] | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    member: str = ""

    def __call__(self, **request: Any) -> Item:
        """The answer to a request.

        :raises NotInSnapshot: the requested data was not read.
        """
        wanted = _wanted(request)
        if set(wanted) != set(self.by):
            raise NotInSnapshot(f"{self.answer} by {', '.join(sorted(wanted)) or 'nothing'}")
        values = [wanted[name] for name in self.by]
        for value in values[0]:
            if value in self.unknown:
                raise NotInSnapshot(self.unknown[value])
            if self.of is not None and value not in self.of:
                raise NotInSnapshot(f"{self.answer} of {value}")
        found = [item for key in itertools.product(*values) for item in self._index.get(key, [])]
        if not self.one:
            return {self.answer: [item[self.member] if self.member else item for item in found]}
        if not found:
            raise NotInSnapshot(f"{self.answer} {' '.join(value for each in values for value in each)}")
        return {self.answer: found[0]}

    @functools.cached_property
    def _index(self) -> dict[tuple[str, ...], list[Item]]:
        index: dict[tuple[str, ...], list[Item]] = {}
        for item in self.items:
            index.setdefault(tuple(item[member] for member in self.by.values()), []).append(item)
        return index


def _wanted(request: Item) -> dict[str, list[str]]:
    """The filters and the other parameters of a request, as name -> values."""
    filters = {one["Name"]: list(one["Values"]) for one in request.get("Filters", [])}
    return {**filters, **{name: [value] for name, value in request.items() if name != "Filters"}}


class SnapshotClient:
    """A client for some operations of a service.

    :param operations: name of the method of botocore's client -> operation. Most are Held; a method of the real client calls AWS.
    """

    def __init__(self, operations: Mapping[str, Operation]):
        self._operations = operations

    def __getattr__(self, name: str) -> Operation:
        return self._operation(name)

    def get_paginator(self, name: str) -> _Pages:
        """A paginator that returns everything in one page."""
        return _Pages(self._operation(name))

    def _operation(self, name: str) -> Operation:
        if name not in self._operations:
            raise NotInSnapshot(name)
        return self._operations[name]


class _Pages:
    def __init__(self, operation: Operation, request: Item | None = None):
        self._operation, self._request = operation, request or {}

    def paginate(self, **request: Any) -> _Pages:
        return _Pages(self._operation, request)

    def build_full_result(self) -> Item:
        return self._operation(**self._request)


class SnapshotAccount(Account):
    """An account whose clients answer from a snapshot."""

    def __init__(self, real: Account, clients: Mapping[str, Mapping[str, Operation]]):
        """
        :param clients: service -> its operations, see SnapshotClient.
        """
        self.region, self.answers = real.region, real.answers
        self._clients = {service: SnapshotClient(operations) for service, operations in clients.items()}
        # The identity was read once for all hosts.
        self.__dict__["identity"] = real.identity

    def client(self, service: str) -> Any:
        """The client of a service that was read.

        :raises NotInSnapshot: nothing of the service was read.
        """
        if service not in self._clients:
            raise NotInSnapshot(service)
        return self._clients[service]


# Operations as data


def held_endpoints(endpoints: list[Item]) -> Held:
    """describe_endpoints, with all endpoints. An endpoint that is not active is unknown, because its state is about to change."""
    unknown = {
        one["EndpointIdentifier"]: f"the final state of an endpoint that is {one['Status']}"
        for one in endpoints
        if one["Status"] != "active"
    }
    return Held("Endpoints", endpoints, {"endpoint-id": "EndpointIdentifier"}, unknown=unknown)


def held_tags(tags: dict[str, dict[str, str]]) -> Held:
    """list_tags_for_resource, with the resources whose tags were read. :param tags: ARN -> tags."""
    items = [
        {"ResourceArn": arn, **tag} for arn, of_one in tags.items() for tag in ansible_dict_to_boto3_tag_list(of_one)
    ]
    return Held("TagList", items, {"ResourceArn": "ResourceArn"}, of=frozenset(tags))


def held_connections(connections: list[Item]) -> Held:
    """describe_connections, with all connections."""
    by = {"endpoint-arn": "EndpointArn", "replication-instance-arn": "ReplicationInstanceArn"}
    return Held("Connections", connections, by)


def held_roles(details: Item) -> dict[str, Held]:
    """The operations that read an access role, answered from GetAccountAuthorizationDetails.

    GetAccountAuthorizationDetails has no tags of policies. They are assumed to equal those of the role that the policy is attached to. A policy
    without a role is left out.

    :param details: RoleDetailList and Policies.
    """
    roles, policies = details["RoleDetailList"], details["Policies"]
    names = frozenset(role["RoleName"] for role in roles)
    attached = [{"RoleName": role["RoleName"], **policy} for role, policy in _each(roles, "AttachedManagedPolicies")]
    inline = [{"RoleName": role["RoleName"], **policy} for role, policy in _each(roles, "RolePolicyList")]
    versions = [{"PolicyArn": policy["Arn"], **version} for policy, version in _each(policies, "PolicyVersionList")]
    tags_of = {policy["PolicyArn"]: role.get("Tags", []) for role, policy in _each(roles, "AttachedManagedPolicies")}
    tagged = [{**policy, "Tags": tags_of[policy["Arn"]]} for policy in policies if policy["Arn"] in tags_of]
    of_role, of_policy = {"RoleName": "RoleName"}, {"PolicyArn": "PolicyArn"}
    return {
        "get_role": Held("Role", roles, of_role, one=True),
        "list_attached_role_policies": Held("AttachedPolicies", attached, of_role, of=names),
        "list_role_policies": Held("PolicyNames", inline, of_role, of=names, member="PolicyName"),
        "get_policy": Held("Policy", tagged, {"PolicyArn": "Arn"}, one=True),
        "get_policy_version": Held("PolicyVersion", versions, {**of_policy, "VersionId": "VersionId"}, one=True),
    }


def _each(items: Iterable[Item], member: str) -> list[tuple[Item, Item]]:
    """Each pair of an item and an element of its list `member`."""
    return [(item, inner) for item in items for inner in item.get(member, [])]
