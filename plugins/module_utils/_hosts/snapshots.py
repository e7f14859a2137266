# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that answer from what a survey has read, and refuse everything else: with them a module decides in check mode without a call.

A request that a client here does not know raises NotInSnapshot; so does whatever would be written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account

Item = dict[str, Any]


class NotInSnapshot(Exception):
    """Something that was not read."""


@dataclass(frozen=True)
class DmsSnapshot:
    """What was read of DMS: items of its answers by identifier, tags by ARN."""

    endpoints: dict[str, Item]
    tags: dict[str, dict[str, str]]
    connections: list[Item]


@dataclass(frozen=True)
class IamSnapshot:
    """What GetAccountAuthorizationDetails told: roles by name, policies by ARN."""

    roles: dict[str, Item]
    policies: dict[str, Item]


class SnapshotAccount(Account):
    """An account whose clients know what was read, and nothing else."""

    def __init__(self, real: Account, clients: dict[str, Any]):
        self.region, self.answers, self._clients = real.region, real.answers, clients
        # Where it is not given away by the role to assume, STS was asked once for all hosts.
        self.__dict__["identity"] = real.identity

    def client(self, service: str) -> Any:
        """The client of a service that was surveyed.

        :raises NotInSnapshot: another service.
        """
        if service not in self._clients:
            raise NotInSnapshot(service)
        return self._clients[service]


class _Client:
    def __getattr__(self, operation: str) -> Any:
        raise NotInSnapshot(operation)


class SnapshotDms(_Client):
    """DMS as it was read."""

    def __init__(self, snapshot: DmsSnapshot):
        self._snapshot = snapshot

    def describe_endpoints(self, **request: Any) -> Item:
        (identifier,) = _values(request, "endpoint-id")
        found = self._snapshot.endpoints.get(identifier)
        if found and found["Status"] != "active":
            raise NotInSnapshot(f"what becomes of an endpoint that is {found['Status']}")
        return {"Endpoints": [found] if found else []}

    def describe_connections(self, **request: Any) -> Item:
        endpoints, instances = _values(request, "endpoint-arn"), _values(request, "replication-instance-arn")
        connections = self._snapshot.connections
        of_endpoint = [one for one in connections if one["EndpointArn"] in endpoints]
        return {"Connections": [one for one in of_endpoint if one["ReplicationInstanceArn"] in instances]}

    def list_tags_for_resource(self, **request: Any) -> Item:
        return {"TagList": ansible_dict_to_boto3_tag_list(self._snapshot.tags[request["ResourceArn"]])}


class SnapshotIam(_Client):
    """IAM as it was read: all but the tags of policies, which are taken to be those of the role that has the policy."""

    def __init__(self, snapshot: IamSnapshot):
        self._snapshot = snapshot
        self._role_of = {
            policy["PolicyArn"]: role
            for role in snapshot.roles.values()
            for policy in role.get("AttachedManagedPolicies", [])
        }

    def get_role(self, **request: Any) -> Item:
        return {"Role": self._role(request["RoleName"])}

    def get_paginator(self, operation: str) -> Any:
        lists = {"list_attached_role_policies": self._attached_policies, "list_role_policies": self._policy_names}
        if operation not in lists:
            raise NotInSnapshot(operation)
        return _Pages(lists[operation])

    def get_policy(self, **request: Any) -> Item:
        arn = request["PolicyArn"]
        if arn not in self._snapshot.policies or arn not in self._role_of:
            raise NotInSnapshot(f"policy {arn}")
        return {"Policy": {**self._snapshot.policies[arn], "Tags": self._role_of[arn].get("Tags", [])}}

    def get_policy_version(self, **request: Any) -> Item:
        versions = self._snapshot.policies[request["PolicyArn"]]["PolicyVersionList"]
        return {"PolicyVersion": next(one for one in versions if one["VersionId"] == request["VersionId"])}

    def _role(self, name: str) -> Item:
        if name not in self._snapshot.roles:
            raise NotInSnapshot(f"role {name}")
        return self._snapshot.roles[name]

    def _attached_policies(self, request: Item) -> Item:
        return {"AttachedPolicies": self._role(request["RoleName"]).get("AttachedManagedPolicies", [])}

    def _policy_names(self, request: Item) -> Item:
        policies = self._role(request["RoleName"]).get("RolePolicyList", [])
        return {"PolicyNames": [policy["PolicyName"] for policy in policies]}


class _Pages:
    """A paginator with one page of all."""

    def __init__(self, answer: Callable[[Item], Item], request: Item | None = None):
        self._answer, self._request = answer, request or {}

    def paginate(self, **request: Any) -> _Pages:
        return _Pages(self._answer, request)

    def build_full_result(self) -> Item:
        return self._answer(self._request)


def _values(request: Item, name: str) -> list[str]:
    return [value for one in request["Filters"] if one["Name"] == name for value in one["Values"]]
