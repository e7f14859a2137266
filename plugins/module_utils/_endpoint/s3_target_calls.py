# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that read, create, modify and delete an S3 target endpoint, and the waits after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import format_attributes
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    PROPAGATION,
    DatalakeError,
    DmsErrorHandler,
    denial,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import check_owner
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import retry_while, unless_done
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import list_tags
from ansible_collections.datalake.dms.plugins.module_utils._dms.shared_polling import together
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import VISIBILITY_ATTEMPTS, wait_for, waited_for
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_plan
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import DesiredSettings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import differences

# Faults of CreateEndpoint after which the endpoint may exist nevertheless.
_MAY_EXIST_ALL_THE_SAME = [
    "ResourceAlreadyExistsFault",
    "AccessDeniedFault",
    "AccessDeniedException",
    "S3AccessDeniedFault",
]


@dataclass(frozen=True)
class Target:
    """The endpoint of the calls: the client, the module's parameters, the declared settings, and whether its role is in another account."""

    client: Any
    params: dict[str, Any]
    desired: DesiredSettings
    remote: bool

    @property
    def identifier(self) -> str:
        return identifier_of(self.params)

    @property
    def waiting(self) -> dict[str, Any]:
        """Arguments of a wait for the endpoint."""
        return {"poll_interval": self.params["poll_interval"], "Filters": filters(endpoint_id=self.identifier)}


def identifier_of(params: dict[str, Any]) -> str:
    """The endpoint's identifier in lower case, as DMS stores it."""
    return str(params["endpoint_identifier"]).lower()


def read(client: Any, params: dict[str, Any]) -> dict[str, Any] | None:
    """The endpoint; None without one. If an interrupted run is deleting it, wait until it is deleted."""
    endpoint = describe_endpoint(client, identifier_of(params))
    if endpoint and endpoint["Status"] == "deleting":
        _wait_deleted(client, endpoint["EndpointArn"], params)
        return None
    if endpoint and endpoint["Status"] in ("creating", "modifying"):
        return wait_active(client, params)
    return endpoint


def create(target: Target, request: dict[str, Any], retry_refused_role: bool = True) -> tuple[dict[str, Any], bool]:
    """CreateEndpoint, with all answers that AWS may give for a role in another account.

    :param request: the parameters of CreateEndpoint.
    :param retry_refused_role: whether the call is repeated for iam_propagation_timeout while DMS can't use the role.
    :returns: the endpoint with its ExternalId, and whether AWS kept it. If it kept none, put the id into the role's
        trust and create the endpoint again.
    :raises DatalakeError: AWS assigned no ExternalId, or others created an endpoint of this name meanwhile.
    """
    answer = _create_when_role_is_ready(target, request, retry_refused_role)
    # In most cases, one read is enough.
    created = describe_endpoint(together(target.client), target.identifier)
    if created and created["Status"] == "active" and (created.get("ExternalId") or not target.remote):
        return created, True
    timeout = (VISIBILITY_ATTEMPTS - 1) * target.params["poll_interval"]
    if not waited_for(target.client, "endpoint_visible", timeout, **target.waiting):
        if not answer.get("ExternalId"):
            raise DatalakeError(
                message=f"AWS answered CreateEndpoint for {target.identifier}, but kept no endpoint and returned no ExternalId; run again, and "
                "if it fails in the same way, ask AWS Support with the request from CloudTrail."
            )
        return answer, False
    if target.remote:
        wait_external_id(target)
    return wait_active(target.client, target.params), True


def _create_when_role_is_ready(target: Target, request: dict[str, Any], retry_refused_role: bool) -> dict[str, Any]:
    """CreateEndpoint, repeated while DMS can't use the role yet, and while name or ARN of a deleted endpoint are still in use.

    If the last part of the deleted endpoint's ARN stays in use for arn_reuse_timeout, AWS generates another one: tasks are down meanwhile.
    """
    params, pause = target.params, min(1.0, target.params["poll_interval"])

    @DmsErrorHandler.common_error_handler(f"create the endpoint {target.identifier}")
    @retry_while([PROPAGATION] if retry_refused_role else [], params["iam_propagation_timeout"], pause)
    @retry_while(["ResourceAlreadyExistsFault"], params["arn_reuse_timeout"], pause)
    def send(**arguments: Any) -> dict[str, Any]:
        try:
            return dict(target.client.create_endpoint(**arguments)["Endpoint"])
        except is_boto3_error_code(_MAY_EXIST_ALL_THE_SAME) as error:
            existing = _existing(target) if denial(error) in (None, PROPAGATION) else None
            if existing is None:
                raise
            return existing

    try:
        return dict(send(**request))
    except is_ansible_aws_error_code("ResourceAlreadyExistsFault"):
        if "ResourceIdentifier" not in request:
            raise
        return dict(send(**{k: v for k, v in request.items() if k != "ResourceIdentifier"}))


def _existing(target: Target) -> dict[str, Any] | None:
    """The endpoint that exists although CreateEndpoint answered with a fault. Either the answer to the first request was lost and botocore sent it
    again, or AWS created the endpoint although it answered AccessDenied.

    :raises DatalakeError: others created it, or it is not an S3 target.
    """
    existing = describe_endpoint(target.client, target.identifier)
    endpoint_plan.check_kind(existing)
    if existing is None or existing["Status"] == "deleting":
        return None
    check_owner(f"endpoint {target.identifier}", list_tags(target.client, existing["EndpointArn"]), target.params)
    if differences(target.desired, existing):
        raise DatalakeError(
            message=f"The endpoint {target.identifier} was created by others at the same time, with other settings; run again to "
            "take it over, or choose another endpoint_identifier."
        )
    return existing


def wait_external_id(target: Target) -> dict[str, Any]:
    """The endpoint, once AWS returns its ExternalId.

    :raises DatalakeError: AWS returns none within wait_timeout.
    """
    timeout = target.params["wait_timeout"]
    shown = waited_for(target.client, "endpoint_external_id", timeout, **target.waiting)
    endpoint = describe_endpoint(target.client, target.identifier) if shown else None
    if endpoint is None:
        raise DatalakeError(
            message=f"AWS assigned no ExternalId to the endpoint {target.identifier} within {timeout} seconds, though its role is in another "
            "account; run again, or set a longer wait_timeout (seconds)."
        )
    return endpoint


@DmsErrorHandler.common_error_handler("wait for the endpoint to be active")
def wait_active(client: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The endpoint, once it is active.

    :raises DatalakeError: it was deleted meanwhile. AnsibleAWSError: it is not active within wait_timeout.
    """
    identifier = identifier_of(params)
    wanted = filters(endpoint_id=identifier)
    wait_for(client, "endpoint_active", params["wait_timeout"], params["poll_interval"], Filters=wanted)
    endpoint = describe_endpoint(client, identifier)
    if endpoint is None:
        raise DatalakeError(message=f"The endpoint {identifier} was deleted by others while this ran; run again.")
    return endpoint


@DmsErrorHandler.common_error_handler("wait for the endpoint to be deleted")
def _wait_deleted(client: Any, arn: str, params: dict[str, Any]) -> None:
    wanted = filters(endpoint_arn=arn)
    wait_for(client, "endpoint_deleted", params["wait_timeout"], params["poll_interval"], Filters=wanted)


def delete(client: Any, arn: str, params: dict[str, Any]) -> None:
    """DeleteEndpoint, repeated while DMS is busy with it (a connection test, say), and wait until it is gone."""

    def is_deleted() -> bool:
        endpoint = describe_endpoint(client, identifier_of(params))
        return not endpoint or endpoint["Status"] == "deleting"

    @DmsErrorHandler.deletion_error_handler("delete the endpoint")
    @retry_while(["InvalidResourceStateFault"], params["wait_timeout"], params["poll_interval"])
    def send() -> None:
        with unless_done("InvalidResourceStateFault", is_deleted):
            client.delete_endpoint(EndpointArn=arn)

    send()
    _wait_deleted(client, arn, params)


def modify(target: Target, arn: str) -> None:
    """ModifyEndpoint, repeated while DMS is busy with the endpoint. Unless exact is true, undeclared settings stay as they are.

    Without EndpointType, AWS has taken a target with GlueCatalogGeneration for a source (terraform-provider-aws#34029).
    """
    request: dict[str, Any] = {"EndpointArn": arn, "EndpointType": "target", "EngineName": "s3"}
    request["S3Settings"] = target.desired.settings
    if target.params["exact"]:
        request["ExactSettings"] = True
    if target.desired.attributes:
        request["ExtraConnectionAttributes"] = format_attributes(target.desired.attributes)
    retried = [PROPAGATION, "InvalidResourceStateFault"]

    @DmsErrorHandler.common_error_handler("modify the endpoint")
    @retry_while(retried, target.params["iam_propagation_timeout"], target.params["poll_interval"])
    def send() -> None:
        target.client.modify_endpoint(**request)

    send()
