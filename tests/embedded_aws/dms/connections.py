# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS connections: the test of an endpoint from a replication instance."""

from __future__ import annotations

import time
from typing import Any

from .. import moto_seams
from ..arns import account_of
from ..server.wire import AwsError
from . import connection_check
from . import s3_endpoint_settings as s3
from .backend import (
    ENDPOINTS_PER_INSTANCE,
    Connection,
    Dms,
    Endpoint,
    Parameters,
    Resource,
    find,
    invalid_state,
    member,
    not_found,
    page,
    select,
)
from .endpoints import role_of

FILTERS = {"endpoint-arn": member("EndpointArn"), "replication-instance-arn": member("ReplicationInstanceArn")}

# What public reports have of a failed test that names no cause.
UNEXPLAINED = "Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed to connect to database."


def test_connection(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    instance = find(dms.instances, parameters["ReplicationInstanceArn"], "Replication instance")
    endpoint = find(dms.endpoints, parameters["EndpointArn"], "Endpoint")
    pair = (instance.shape["ReplicationInstanceArn"], endpoint.arn)
    if endpoint.is_deleting:
        raise invalid_state(f"The endpoint {endpoint.arn} is being deleted.")
    if pair in dms.connections and dms.connections[pair].is_testing:
        raise invalid_state(f"The connection of {pair[1]} with {pair[0]} is already being tested.")
    if pair not in dms.connections:
        _check_connections_of_instance(dms, pair[0])
    _start_test(dms, instance, endpoint)
    return {"Connection": {**_base_shape(instance, endpoint), "Status": "testing"}}


def retest_connections(dms: Dms, endpoint_arn: str) -> None:
    """ModifyEndpoint tests the endpoint's connections by itself (TF#46139)."""
    for instance_arn, tested_arn in list(dms.connections):
        if tested_arn == endpoint_arn and not dms.connections[instance_arn, tested_arn].is_testing:
            _start_test(dms, dms.instances[instance_arn], dms.endpoints[endpoint_arn])


def describe_connections(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    shown, marker = page(select(dms.connections.values(), parameters, FILTERS), parameters)
    answer = {"Connections": [shape_of(connection) for connection in shown], **marker}
    for connection in shown:
        _count_poll(connection)
    return answer


def delete_connection(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    pair = (parameters["ReplicationInstanceArn"], parameters["EndpointArn"])
    if pair not in dms.connections:
        raise not_found(f"No connection of {pair[1]} with {pair[0]} found.")
    if dms.connections[pair].is_testing:
        raise invalid_state(f"The connection of {pair[1]} with {pair[0]} is being tested.")
    return {"Connection": {**dms.connections.pop(pair).result, "Status": "deleting"}}


def shape_of(connection: Connection) -> dict[str, Any]:
    """The connection as the API returns it now."""
    if connection.stale_polls:
        return connection.shape
    if connection.is_shown_testing:
        return {**connection.result, "Status": "testing", "LastFailureMessage": ""}
    return connection.result


def _check_connections_of_instance(dms: Dms, instance_arn: str) -> None:
    if sum(1 for other, _ in dms.connections if other == instance_arn) >= ENDPOINTS_PER_INSTANCE:
        raise AwsError(
            "ResourceQuotaExceededFault", f"{instance_arn} has {ENDPOINTS_PER_INSTANCE} connections already."
        )


def _start_test(dms: Dms, instance: Resource, endpoint: Endpoint) -> None:
    """Test now; describes show the result when the polls of the switches are over."""
    base = _base_shape(instance, endpoint)
    pair = (base["ReplicationInstanceArn"], base["EndpointArn"])
    before = dms.connections.get(pair)
    reason = _failure(dms, endpoint)
    if reason and dms.switches["test_failure"] == "unexplained":
        reason = UNEXPLAINED
    result = {**base, "Status": "failed", "LastFailureMessage": reason} if reason else {**base, "Status": "successful"}
    dms.connections[pair] = Connection(
        seq=before.seq if before else dms.next_seq(),
        shape=before.result if before else base,
        stale_polls=dms.switches["stale_polls"] if before else 0,
        testing_polls=dms.switches["test_polls"],
        testing_until=time.monotonic() + dms.switches["test_seconds"],
        result=result,
    )


def _base_shape(instance: Resource, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "ReplicationInstanceArn": instance.shape["ReplicationInstanceArn"],
        "ReplicationInstanceIdentifier": instance.shape["ReplicationInstanceIdentifier"],
        "EndpointArn": endpoint.arn,
        "EndpointIdentifier": endpoint.shape["EndpointIdentifier"],
    }


def _count_poll(connection: Connection) -> None:
    """A describe has shown the connection."""
    if connection.stale_polls:
        connection.stale_polls -= 1
    elif connection.testing_polls:
        connection.testing_polls -= 1


def _failure(dms: Dms, endpoint: Endpoint) -> str | None:
    """Why the test fails. Databases are not modelled: an endpoint of another engine than S3 connects."""
    if endpoint.settings is None:
        return None
    settings = s3.with_defaults(endpoint.settings)
    role_arn = role_of(endpoint)
    if role_arn is None:
        return "Test Endpoint failed: Application-Status: 1020912, Application-Message: No ServiceAccessRoleArn is set."
    key = settings.get("ServerSideEncryptionKmsKeyId")
    return connection_check.failure(
        connection_check.Subject(
            endpoint_arn=endpoint.arn,
            external_id=endpoint.external_id,
            instance_region=dms.region,
            role_arn=role_arn,
            settings=settings,
            role=dms.propagation.evaluate(role_arn),
            bucket=moto_seams.bucket_view(settings["BucketName"]),
            # A key that is not a full ARN is looked up in the account that writes: the role's.
            key=moto_seams.key_view(key, account_of(role_arn), dms.region) if key else None,
        )
    )
