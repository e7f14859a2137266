# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS endpoints: create, modify, delete, describe, and the ExternalId of roles in other accounts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from ..arns import account_of
from ..iam.evaluation import trust_admits
from ..server.wire import AwsError
from . import s3_endpoint_settings as s3
from .backend import (
    Dms,
    Endpoint,
    Handshake,
    Parameters,
    already_exists,
    check_identifier,
    check_quota,
    find,
    free_arn,
    invalid,
    invalid_state,
    member,
    not_found,
    page,
    select,
)
from .connection_check import dms_access

FILTERS = {
    "endpoint-arn": member("EndpointArn"),
    "endpoint-type": lambda shape: [shape["EndpointType"].lower()],
    "endpoint-id": member("EndpointIdentifier"),
    "engine-name": member("EngineName"),
}
# Parameters that are not part of the endpoint's shape, or are dealt with apart.
NOT_IN_SHAPE = {"Password", "Tags", "ResourceIdentifier", "S3Settings", "ExtraConnectionAttributes", "ExactSettings"}
ENGINE_DISPLAY_NAMES = {
    "s3": "Amazon S3", "mysql": "MySQL", "postgres": "PostgreSQL", "oracle": "Oracle", "mariadb": "MariaDB",
    "aurora": "Amazon Aurora MySQL", "aurora-postgresql": "Amazon Aurora PostgreSQL", "db2": "IBM Db2",
    "sqlserver": "Microsoft SQL Server", "redshift": "Amazon Redshift", "kinesis": "Amazon Kinesis",
}  # fmt: skip
# A task in one of these states does not keep its endpoints from being modified.
IDLE = ("ready", "stopped", "failed")


def create_endpoint(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    endpoint = _new_endpoint(dms, parameters)
    role_arn = role_of(endpoint)
    if role_arn and is_remote(endpoint):
        _create_with_remote_role(dms, endpoint, role_arn, parameters)
    elif role_arn and not _admits_dms(dms, endpoint, role_arn):
        raise AwsError("AccessDeniedFault", f"The IAM Role {role_arn} is not configured properly.")
    if not _only_answers(dms, endpoint):
        _keep(dms, endpoint, parameters)
    return {"Endpoint": shape_of(dms, endpoint)}


def modify_endpoint(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    endpoint = find(dms.endpoints, parameters["EndpointArn"], "Endpoint")
    _check_modifiable(dms, endpoint)
    if (parameters.get("S3Settings") or {}).get("GlueCatalogGeneration") and "EndpointType" not in parameters:
        # terraform-provider-aws#34029
        raise invalid("The parameter GlueCatalogGeneration is not supported for a source endpoint.")
    changed = _without_passwords(parameters)
    if "EndpointIdentifier" in changed:
        changed["EndpointIdentifier"] = _free_identifier(dms, changed["EndpointIdentifier"], besides=endpoint)
    if "EndpointType" in changed:
        changed["EndpointType"] = changed["EndpointType"].upper()
    settings, sent_attributes = _modified_settings(endpoint, parameters)
    modified = replace(
        endpoint, shape={**endpoint.shape, **changed}, settings=settings, sent_attributes=sent_attributes
    )
    _check_modified_role(dms, endpoint, modified)
    dms.endpoints[endpoint.arn] = modified
    return {"Endpoint": shape_of(dms, modified)}


def delete_endpoint(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    endpoint = find(dms.endpoints, parameters["EndpointArn"], "Endpoint")
    if endpoint.is_deleting:
        raise invalid_state(f"The endpoint {endpoint.arn} is already being deleted.")
    if dms.is_used(endpoint.arn):
        raise invalid_state(f"The endpoint {endpoint.arn} is still used by one or more replication tasks.")
    endpoint.deleting_polls = dms.switches["deleting_polls"]
    answer = shape_of(dms, endpoint)
    for pair in [pair for pair in dms.connections if endpoint.arn in pair]:
        del dms.connections[pair]
    if not endpoint.deleting_polls:
        _forget(dms, endpoint)
    return {"Endpoint": answer}


def describe_endpoints(dms: Dms, parameters: Parameters) -> dict[str, Any]:
    selected = select(dms.endpoints.values(), parameters, FILTERS)
    if not selected and parameters.get("Filters") and dms.switches["absent_endpoint"] == "fault":
        raise not_found("No Endpoints found matching provided filter")
    shown, marker = page(selected, parameters)
    answer = {"Endpoints": [shape_of(dms, endpoint) for endpoint in shown], **marker}
    for endpoint in shown:
        _count_poll(dms, endpoint)
    return answer


def role_of(endpoint: Endpoint) -> str | None:
    """The role that DMS assumes for the endpoint; S3Settings go before the top level."""
    role = (endpoint.settings or {}).get("ServiceAccessRoleArn") or endpoint.shape.get("ServiceAccessRoleArn")
    return str(role) if role else None


def is_remote(endpoint: Endpoint) -> bool:
    """Whether the endpoint's role is in another account than the endpoint."""
    role = role_of(endpoint)
    return role is not None and account_of(role) != account_of(endpoint.arn)


def shape_of(dms: Dms, endpoint: Endpoint) -> dict[str, Any]:
    """The endpoint as the API returns it now."""
    shape = dict(endpoint.shape)
    shape["Status"] = "deleting" if endpoint.is_deleting else "creating" if endpoint.creating_polls else "active"
    if endpoint.external_id and not endpoint.id_polls:
        shape["ExternalId"] = endpoint.external_id
    if endpoint.settings is None:
        if endpoint.sent_attributes is not None:
            shape["ExtraConnectionAttributes"] = endpoint.sent_attributes
        return shape
    role = role_of(endpoint)
    settings = s3.returned(
        endpoint.settings,
        dms.switches["returned_spelling"],
        dms.switches["returned_kms_key"],
        account=account_of(role) if role else dms.account,
        region=dms.region,
        partition=dms.partition,
    )
    shape["S3Settings"] = settings
    shape["ExtraConnectionAttributes"] = s3.extra_connection_attributes(settings, endpoint.sent_attributes)
    # The top-level key encrypts connection parameters; AWS drops it for S3 (TF#32514).
    shape.pop("KmsKeyId", None)
    return shape


def _new_endpoint(dms: Dms, parameters: Parameters) -> Endpoint:
    """An endpoint from checked parameters; not kept yet."""
    check_quota("Endpoints", len(dms.endpoints))
    identifier = _free_identifier(dms, parameters["EndpointIdentifier"])
    arn = free_arn(dms, "endpoint", parameters)
    settings = _checked_settings(parameters)
    if settings and dms.switches["cdc_path_in_settings"] == "dropped":
        settings = s3.without_cdc_path(settings, parameters.get("ExtraConnectionAttributes"))
    shape = {
        "SslMode": "none",
        **_without_passwords(parameters),
        "EndpointIdentifier": identifier,
        "EndpointArn": arn,
        "EndpointType": parameters["EndpointType"].upper(),
        "EngineDisplayName": ENGINE_DISPLAY_NAMES.get(parameters["EngineName"], parameters["EngineName"]),
    }
    endpoint = Endpoint(dms.next_seq(), shape, settings, parameters.get("ExtraConnectionAttributes"))
    endpoint.creating_polls = dms.switches["creating_polls"]
    return endpoint


def _without_passwords(parameters: Parameters) -> dict[str, Any]:
    """What the endpoint's shape takes over from the parameters; passwords are never returned."""
    return {
        name: {key: one for key, one in value.items() if not key.endswith("Password")}
        if isinstance(value, dict)
        else value
        for name, value in parameters.items()
        if name not in NOT_IN_SHAPE
    }


def _free_identifier(dms: Dms, identifier: str, besides: Endpoint | None = None) -> str:
    """The identifier in lower case, if it is well-formed and no other endpoint has it."""
    check_identifier("EndpointIdentifier", identifier)
    lowered = identifier.lower()
    others = (endpoint for endpoint in dms.endpoints.values() if endpoint is not besides)
    if any(endpoint.shape["EndpointIdentifier"] == lowered for endpoint in others):
        raise already_exists(f"An endpoint with the identifier {lowered} already exists.")
    return lowered


def _checked_settings(parameters: Parameters) -> dict[str, Any] | None:
    """The S3Settings of an S3 endpoint, else None."""
    if parameters["EngineName"] != "s3":
        return None
    settings = dict(parameters.get("S3Settings", {}))
    if not settings.get("BucketName"):
        raise invalid("The parameter S3Settings.BucketName must be provided and must not be blank.")
    s3.check_enums(settings)
    return settings


def _create_with_remote_role(dms: Dms, endpoint: Endpoint, role_arn: str, parameters: Parameters) -> None:
    """Give the endpoint its ExternalId, and go the way that the switches choose (AWS-FACTS.md, section 1)."""
    way = dms.switches["create_endpoint"]
    if way == "pass_role_denied":
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.")
    handshake = _handshake(dms, endpoint)
    handshake.calls += 1
    endpoint.external_id = handshake.external_id
    denied = AwsError("AccessDeniedFault", f"The IAM Role {role_arn} is not configured properly.")
    if way == "access_denied_lost" and handshake.calls <= dms.switches["access_denied_calls"]:
        raise denied
    if way == "access_denied_kept":
        _keep(dms, endpoint, parameters)
        raise denied
    if way == "id_later":
        endpoint.id_polls = dms.switches["id_later_polls"]
    checked = dms.switches["trust_checked"]
    at_creation = checked in ("at_creation", "at_creation_without_keys") and not _only_answers(dms, endpoint)
    if at_creation and not _admits_dms(dms, endpoint, role_arn, checked == "at_creation_without_keys"):
        raise denied


def _handshake(dms: Dms, endpoint: Endpoint) -> Handshake:
    """What is remembered for the endpoint's identifier; attempts for one identifier share the id."""
    identifier = endpoint.shape["EndpointIdentifier"]
    if identifier not in dms.handshakes:
        per_account = dms.switches["external_id"] == "per_account"
        external_id = dms.account_external_id() if per_account else str(uuid.uuid4())
        dms.handshakes[identifier] = Handshake(external_id)
    return dms.handshakes[identifier]


def _only_answers(dms: Dms, endpoint: Endpoint) -> bool:
    """Way (b): the first calls for an identifier answer with the ExternalId and keep nothing."""
    if not is_remote(endpoint) or dms.switches["create_endpoint"] != "answer_only":
        return False
    return dms.handshakes[endpoint.shape["EndpointIdentifier"]].calls <= dms.switches["answer_only_calls"]


def _admits_dms(dms: Dms, endpoint: Endpoint, role_arn: str, without_keys: bool = False) -> bool:
    """Whether DMS may assume the role. :param without_keys: whether its request has no condition key."""
    role = dms.propagation.evaluate(role_arn)
    access = dms_access(endpoint.arn, endpoint.external_id, role_arn)
    if without_keys:
        access = replace(access, context={})
    return role is not None and trust_admits(role["Trust"], access)


def _keep(dms: Dms, endpoint: Endpoint, parameters: Parameters) -> None:
    dms.endpoints[endpoint.arn] = endpoint
    if parameters.get("Tags"):
        dms.tag(endpoint.arn, parameters["Tags"])


def _check_modifiable(dms: Dms, endpoint: Endpoint) -> None:
    if endpoint.is_deleting:
        raise invalid_state(f"The endpoint {endpoint.arn} is being deleted.")
    _check_remote_modification(dms, endpoint)
    for task in dms.tasks.values():
        in_task = endpoint.arn in (task.shape["SourceEndpointArn"], task.shape["TargetEndpointArn"])
        if in_task and task.shape["Status"] not in IDLE:
            raise invalid_state(f"The endpoint {endpoint.arn} is used by the task {task.shape['ReplicationTaskArn']}.")


def _check_remote_modification(dms: Dms, endpoint: Endpoint) -> None:
    if is_remote(endpoint) and dms.switches["modify_remote"] == "refused":
        raise AwsError(
            "InvalidParameterCombinationException", "Modifying an endpoint with a cross-account role is not supported."
        )


def _modified_settings(endpoint: Endpoint, parameters: Parameters) -> tuple[dict[str, Any] | None, str | None]:
    """S3Settings and extra connection attributes: only what is given changes, unless ExactSettings."""
    sent_attributes = parameters.get("ExtraConnectionAttributes", endpoint.sent_attributes)
    if endpoint.settings is None or "S3Settings" not in parameters:
        return endpoint.settings, sent_attributes
    given = dict(parameters["S3Settings"])
    s3.check_enums(given)
    before = endpoint.settings
    was_kms = s3.fold(before.get("EncryptionMode", "sse-s3")) == "sse-kms"
    if not was_kms and s3.fold(given.get("EncryptionMode", "sse-s3")) == "sse-kms":
        # "You can change SSE_KMS to SSE_S3, but not SSE_S3 to SSE_KMS" (S3Settings, EncryptionMode).
        raise AwsError("InvalidParameterCombinationException", "EncryptionMode can't be changed from SSE_S3 to SSE_KMS")
    return (given if parameters.get("ExactSettings") else {**before, **given}), sent_attributes


def _check_modified_role(dms: Dms, endpoint: Endpoint, modified: Endpoint) -> None:
    """A new role needs what it needs at creation; a role that became remote gets an ExternalId."""
    role_arn = role_of(modified)
    if role_arn is None or role_arn == role_of(endpoint):
        return
    if is_remote(modified):
        _check_remote_modification(dms, modified)
        modified.external_id = _handshake(dms, modified).external_id
    elif not _admits_dms(dms, modified, role_arn):
        raise AwsError("AccessDeniedFault", f"The IAM Role {role_arn} is not configured properly.")


def _count_poll(dms: Dms, endpoint: Endpoint) -> None:
    """A describe has shown the endpoint."""
    endpoint.creating_polls = max(0, endpoint.creating_polls - 1)
    endpoint.id_polls = max(0, endpoint.id_polls - 1)
    if endpoint.deleting_polls is not None:
        endpoint.deleting_polls -= 1
        if endpoint.deleting_polls <= 0:
            _forget(dms, endpoint)


def _forget(dms: Dms, endpoint: Endpoint) -> None:
    del dms.endpoints[endpoint.arn]
    dms.tags.pop(endpoint.arn, None)
    dms.deleted_arns.add(endpoint.arn)
    if dms.switches["external_id_on_recreate"] == "new":
        dms.handshakes.pop(endpoint.shape["EndpointIdentifier"], None)
