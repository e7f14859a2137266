# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: what was read of an account, as data, and one client for any service that answers from it.

With such a client a module decides in check mode without a call. What a snapshot does not hold the client refuses with NotInSnapshot, so that no
module decides on something that was not read; so does whatever would be written. Pure.
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
"""Answers a request, given as keywords."""


class NotInSnapshot(Exception):
    """Something that was not read."""


@dataclass(frozen=True)
class Held:
    """What a snapshot holds for one operation.

    :ivar answer: the member of the answer, such as "Endpoints". :ivar items: what was read, as AWS answers it.
    :ivar by: filter or parameter of a request -> member of an item. A request must have each of them, and nothing else.
    :ivar one: whether the answer is one item; one that was not read is refused.
    :ivar of: values of the first of `by` that were read; None for all, so that what is not among the items does not exist.
    :ivar unknown: values of the first of `by` of which nothing can be said -> what was not read.
    :ivar member: what of each item is in the answer; all of it where this is empty.
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

        :raises NotInSnapshot: it asks for what was not read.
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
    """What a request asks by: its filters, name -> values, and its other parameters."""
    filters = {one["Name"]: list(one["Values"]) for one in request.get("Filters", [])}
    return {**filters, **{name: [value] for name, value in request.items() if name != "Filters"}}


class SnapshotClient:
    """A client of any service that knows some operations.

    :param operations: by their names as methods of botocore's client. Mostly they are Held; one of the real client's asks AWS all the same.
    """

    def __init__(self, operations: Mapping[str, Operation]):
        self._operations = operations

    def __getattr__(self, name: str) -> Operation:
        return self._operation(name)

    def get_paginator(self, name: str) -> _Pages:
        """A paginator with one page of all."""
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
    """An account whose clients know what was read, and nothing else."""

    def __init__(self, real: Account, clients: Mapping[str, Mapping[str, Operation]]):
        """
        :param clients: service -> its operations, see SnapshotClient.
        """
        self.region, self.answers = real.region, real.answers
        self._clients = {service: SnapshotClient(operations) for service, operations in clients.items()}
        # Where it is not given away by the role to assume, STS was asked once for all hosts.
        self.__dict__["identity"] = real.identity

    def client(self, service: str) -> Any:
        """The client of a service that was read.

        :raises NotInSnapshot: another service.
        """
        if service not in self._clients:
            raise NotInSnapshot(service)
        return self._clients[service]


# Operations as data


def held_endpoints(endpoints: list[Item]) -> Held:
    """describe_endpoints, of all endpoints; of one on its way from one state to another nothing can be said."""
    unknown = {
        one["EndpointIdentifier"]: f"what becomes of an endpoint that is {one['Status']}"
        for one in endpoints
        if one["Status"] != "active"
    }
    return Held("Endpoints", endpoints, {"endpoint-id": "EndpointIdentifier"}, unknown=unknown)


def held_tags(tags: dict[str, dict[str, str]]) -> Held:
    """list_tags_for_resource, of the resources whose tags were read. :param tags: ARN -> its tags."""
    items = [
        {"ResourceArn": arn, **tag} for arn, of_one in tags.items() for tag in ansible_dict_to_boto3_tag_list(of_one)
    ]
    return Held("TagList", items, {"ResourceArn": "ResourceArn"}, of=frozenset(tags))


def held_connections(connections: list[Item]) -> Held:
    """describe_connections, of all connections."""
    by = {"endpoint-arn": "EndpointArn", "replication-instance-arn": "ReplicationInstanceArn"}
    return Held("Connections", connections, by)


def held_roles(details: Item) -> dict[str, Held]:
    """The operations that read an access role, of GetAccountAuthorizationDetails.

    That has no tags of policies: they are taken to be those of the role that has the policy. A policy that no role has is not held.

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
    """Each item with each of what it has in a list."""
    return [(item, inner) for item in items for inner in item.get(member, [])]
