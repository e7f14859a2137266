# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of DMS in one account and region, and what its operations share: lookups, names, tags, pages.

Resources are dicts in the shape of the API's answers; what only the emulator knows stands beside them in dataclasses.
"""

from __future__ import annotations

import itertools
import re
import secrets
import string
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from ..arns import partition_of_region
from ..iam.propagation import Propagation
from ..server.switches import Switches
from ..server.wire import AwsError

Parameters = Mapping[str, Any]
IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
TAIL_CHARACTERS = string.ascii_uppercase + "234567"

# Quotas per region (DMS User Guide, "Quotas for AWS DMS") and how DescribeAccountAttributes names them.
QUOTAS = {
    "ReplicationInstances": 60,
    "ReplicationTasks": 600,
    "ReplicationSubnetGroups": 60,
    "Endpoints": 1000,
}
ENDPOINTS_PER_INSTANCE = 100


@dataclass
class Resource:
    """A resource; `seq` orders them for paging."""

    seq: int
    shape: dict[str, Any]


@dataclass
class Endpoint(Resource):
    """An endpoint; `settings` are the S3Settings as sent, None for other engines."""

    settings: dict[str, Any] | None = None
    sent_attributes: str | None = None
    external_id: str | None = None
    creating_polls: int = 0
    id_polls: int = 0
    deleting_polls: int | None = None

    @property
    def arn(self) -> str:
        return str(self.shape["EndpointArn"])

    @property
    def is_deleting(self) -> bool:
        return self.deleting_polls is not None


@dataclass
class Connection(Resource):
    """A connection. `shape` is the state before the test while `stale_polls` last, `result` the one after it.

    `testing_until` is a time of time.monotonic.
    """

    stale_polls: int = 0
    testing_polls: int = 0
    testing_until: float = 0.0
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def is_shown_testing(self) -> bool:
        return not self.stale_polls and (bool(self.testing_polls) or time.monotonic() < self.testing_until)

    @property
    def is_testing(self) -> bool:
        return bool(self.stale_polls) or self.is_shown_testing


@dataclass
class Task(Resource):
    """A replication task; `shape["Status"]` is the state that describes show.

    `next_status`: what follows a state in between after `polls` more describes, None when the task has settled.
    `starts`: (type, position that it began from) of each start. `position`: how far changes have been read, None
    where CDC has not begun. `load_polls`: describes of the running task before its full load is over.
    """

    next_status: str | None = None
    polls: int = 0
    starts: list[tuple[str, str | None]] = field(default_factory=list)
    position: int | None = None
    is_loaded: bool = False
    load_polls: int = 0
    dates: dict[str, datetime] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return str(self.shape["ReplicationTaskArn"])

    @property
    def migration_type(self) -> str:
        return str(self.shape["MigrationType"])


@dataclass
class Handshake:
    """What DMS remembers about an endpoint identifier with a role of another account."""

    external_id: str
    calls: int = 0


@dataclass
class Dms:
    """DMS in one account and region."""

    account: str
    region: str
    switches: Switches
    propagation: Propagation
    account_external_id: Callable[[], str]
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    connections: dict[tuple[str, str], Connection] = field(default_factory=dict)
    instances: dict[str, Resource] = field(default_factory=dict)
    subnet_groups: dict[str, Resource] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    deleted_tasks: list[dict[str, Any]] = field(default_factory=list)
    # ARN of a source -> number of its latest change; identifier of a task -> the numbers that it has written, in their order.
    changes: dict[str, int] = field(default_factory=dict)
    written: dict[str, list[int]] = field(default_factory=dict)
    configs: dict[str, Resource] = field(default_factory=dict)
    subscriptions: dict[str, Resource] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    handshakes: dict[str, Handshake] = field(default_factory=dict)
    deleted_arns: set[str] = field(default_factory=set)
    _seq: Iterator[int] = field(default_factory=itertools.count)

    @property
    def partition(self) -> str:
        return partition_of_region(self.region)

    def arn(self, kind: str, tail: str) -> str:
        """The ARN of a resource; `kind` is endpoint, rep, task, subgrp, es or replication-config."""
        return f"arn:{self.partition}:dms:{self.region}:{self.account}:{kind}:{tail}"

    def next_seq(self) -> int:
        return next(self._seq)

    def go_on_after(self, seq: int) -> None:
        """Have the next resource come after that of this `seq`."""
        self._seq = itertools.count(seq + 1)

    def tag(self, arn: str, tags: Iterable[Mapping[str, str]]) -> None:
        self.tags.setdefault(arn, {}).update({tag["Key"]: tag.get("Value", "") for tag in tags})

    def is_used(self, endpoint_arn: str) -> bool:
        """Whether a task or a replication config has the endpoint."""
        return any(
            endpoint_arn in (user.shape["SourceEndpointArn"], user.shape["TargetEndpointArn"])
            for user in (*self.tasks.values(), *self.configs.values())
        )


def now() -> datetime:
    return datetime.now(UTC)


def new_tail() -> str:
    """The end of an ARN as AWS generates it: longer than the 31 characters that a ResourceIdentifier may have."""
    return "".join(secrets.choice(TAIL_CHARACTERS) for _ in range(39))


def checked_tail(parameters: Parameters) -> str:
    """The end of a new ARN: the ResourceIdentifier if there is one, else a generated tail."""
    tail = parameters.get("ResourceIdentifier")
    if tail is None:
        return new_tail()
    check_identifier("ResourceIdentifier", tail)
    if len(tail) > 31:
        raise invalid(f"The parameter ResourceIdentifier must have at most 31 characters: {tail}")
    return str(tail)


def free_arn(dms: Dms, kind: str, parameters: Parameters) -> str:
    """The ARN of a new endpoint or task, with its ResourceIdentifier if there is one; nobody has it."""
    arn = dms.arn(kind, checked_tail(parameters))
    if arn in dms.endpoints or arn in dms.tasks:
        raise already_exists(f"The resource {arn} already exists.")
    if arn in dms.deleted_arns and dms.switches["resource_identifier_reuse"] == "refused":
        raise already_exists(f"The ResourceIdentifier of {arn} has been used before.")
    return arn


def check_identifier(name: str, value: str) -> None:
    if not IDENTIFIER.fullmatch(value):
        raise invalid(
            f"The parameter {name} must be provided and must not be blank. It must begin with a letter, contain only "
            f"ASCII letters, digits and hyphens, and must not end with a hyphen or contain two consecutive hyphens: "
            f"{value}"
        )


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundFault", message)


def invalid_state(message: str) -> AwsError:
    return AwsError("InvalidResourceStateFault", message)


def already_exists(message: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsFault", message)


def check_quota(name: str, used: int) -> None:
    if used >= QUOTAS[name]:
        raise AwsError("ResourceQuotaExceededFault", f"The quota for {name} has been reached: {QUOTAS[name]}")


AnyResource = TypeVar("AnyResource", bound=Resource)


def find(resources: Mapping[str, AnyResource], arn: str, what: str) -> AnyResource:
    """The resource with that ARN, else ResourceNotFoundFault."""
    if arn not in resources:
        raise not_found(f"{what} {arn} not found.")
    return resources[arn]


def check_endpoints(dms: Dms, parameters: Parameters) -> None:
    """Both endpoints of a task or a replication config exist, are on their side and stay."""
    for side in ("Source", "Target"):
        endpoint = find(dms.endpoints, parameters[f"{side}EndpointArn"], "Endpoint")
        if endpoint.shape["EndpointType"] != side.upper():
            raise invalid(f"The endpoint {endpoint.arn} is not a {side.lower()} endpoint.")
        if endpoint.is_deleting:
            raise invalid_state(f"The endpoint {endpoint.arn} is being deleted.")


Filters = Mapping[str, Callable[[dict[str, Any]], Iterable[str]]]
"""Filter names of a Describe operation, each with the values of a resource that it compares."""


def member(name: str) -> Callable[[dict[str, Any]], Iterable[str]]:
    """A filter by one member of the resource's shape."""
    return lambda shape: [shape[name]]


def select(resources: Iterable[AnyResource], parameters: Parameters, filters: Filters) -> list[AnyResource]:
    """The resources that pass all filters; the values of one filter are alternatives."""
    selected = list(resources)
    for asked in parameters.get("Filters", []):
        values_of = filters.get(asked["Name"])
        if values_of is None:
            raise invalid(f"The filter name {asked['Name']} is invalid. Valid filter names: {' | '.join(filters)}")
        selected = [item for item in selected if set(values_of(item.shape)) & set(asked["Values"])]
    return selected


def check_found(dms: Dms, selected: Sequence[Resource], parameters: Parameters, what: str) -> None:
    """botocore's waiters for deleted tasks and instances end on this fault, so AWS answers with it."""
    if not selected and parameters.get("Filters") and dms.switches["absent_endpoint"] == "fault":
        raise not_found(f"No {what} found matching provided filter")


def page(resources: list[AnyResource], parameters: Parameters) -> tuple[list[AnyResource], dict[str, str]]:
    """One page, and the answer's Marker member if more follow. MaxRecords is 20 to 100, 100 by default."""
    size = parameters.get("MaxRecords", 100)
    if not 20 <= size <= 100:
        raise invalid(f"Invalid value {size} for MaxRecords. Must be between 20 and 100.")
    after = _marked_seq(parameters.get("Marker"))
    following = [item for item in sorted(resources, key=lambda item: item.seq) if item.seq > after]
    marker = {"Marker": f"after-{following[size - 1].seq}"} if len(following) > size else {}
    return following[:size], marker


def _marked_seq(marker: str | None) -> int:
    if not marker:
        return -1
    if not re.fullmatch(r"after-\d+", marker):
        raise invalid(f"Invalid marker {marker}")
    return int(marker.removeprefix("after-"))
