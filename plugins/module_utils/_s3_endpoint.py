# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The S3 target endpoint in the DMS account: decide (pure), then call.

`ensure` is all that a module or an action plugin needs; it knows nothing of AnsibleModule.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.arn import parse_aws_arn
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list, compare_aws_tags
from ansible_collections.amazon.aws.plugins.module_utils.transformation import boto3_resource_to_ansible_dict
from ansible_collections.datalake.dms.plugins.module_utils import _dms
from ansible_collections.datalake.dms.plugins.module_utils._account import Account
from ansible_collections.datalake.dms.plugins.module_utils._errors import (
    CALLER,
    KNOWN_AFTER_CREATION,
    ORGANIZATION,
    PASS_ROLE,
    PROPAGATION,
    DatalakeError,
    DmsErrorHandler,
    denial,
)
from ansible_collections.datalake.dms.plugins.module_utils._s3_settings import (
    DesiredSettings,
    desired_settings,
    differences,
    format_attributes,
    kms_key_problem,
    snake_settings,
    without_secrets,
)
from ansible_collections.datalake.dms.plugins.module_utils._tags import planned_tags

# CreateEndpoint.ResourceIdentifier: at most 31 characters.
RESOURCE_IDENTIFIER_LENGTH = 31

# CreateEndpoint.EndpointIdentifier; DMS lower-cases it. DMS names no limit; the console's is 255.
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")

# States of a task or serverless replication in which ModifyEndpoint is allowed: it does not read its endpoints.
_IDLE_STATES = {"stopped", "ready", "failed", "created", "failed-move"}

# Faults of CreateEndpoint after which the endpoint may stand.
_MAY_STAND_ALL_THE_SAME = [
    "ResourceAlreadyExistsFault",
    "AccessDeniedFault",
    "AccessDeniedException",
    "S3AccessDeniedFault",
]

NONE, CREATED, MODIFIED, RECREATED, DELETED = "none", "created", "modified", "recreated", "deleted"


@dataclass(frozen=True)
class Plan:
    """What is to be done with the endpoint, why, and what differs: option -> (present, desired)."""

    action: str
    reasons: tuple[str, ...]
    changes: dict[str, tuple[Any, Any]]


def ensure(account: Account, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the endpoint into the state that the parameters ask for.

    :param params: the options of dms_s3_endpoint.
    :returns: the module's result: changed, diff, action, reasons, differences, settings, endpoint, external_id, persisted, warnings.
    :raises DatalakeError: a wrong option, or tasks in the way, before anything is changed. AnsibleAWSError: a call failed.
    """
    desired = check_options(params)
    client = account.client("dms")
    current = _read(client, params)
    if desired is None:
        return _ensure_absent(client, current, params, check_mode)
    dms_account_id = _account_of(current["EndpointArn"]) if current else account.identity.account_id
    problem = kms_key_problem(desired.settings, dms_account_id)
    if problem:
        raise DatalakeError(message=problem)
    return _ensure_present(client, current, desired, params, dms_account_id, check_mode)


def check_options(params: dict[str, Any]) -> DesiredSettings | None:
    """What can be known to be wrong before any call; the settings that are wanted, None for state=absent.

    :raises DatalakeError: with what to do.
    """
    identifier, tail = params["endpoint_identifier"], params["resource_identifier"]
    if not _IDENTIFIER.fullmatch(identifier) or len(identifier) > 255:
        raise DatalakeError(
            message=f"endpoint_identifier={identifier} must begin with a letter and have only ASCII letters, digits and single hyphens, none "
            "at the end (at most 255); choose another one."
        )
    if tail and (not _IDENTIFIER.fullmatch(tail) or len(tail) > RESOURCE_IDENTIFIER_LENGTH):
        raise DatalakeError(
            message=f"resource_identifier={tail} must begin with a letter and have only ASCII letters, digits and single hyphens, at most "
            f"{RESOURCE_IDENTIFIER_LENGTH}; shorten or change it."
        )
    if params["state"] == "absent":
        return None
    if params["s3_settings"] is None:
        raise DatalakeError(
            message="s3_settings is needed for state=present; give service_access_role_arn and bucket_name at least."
        )
    return desired_settings(params["s3_settings"], params["extra_connection_attributes"], params["settings_conflicts"])


def plan_endpoint(
    current: dict[str, Any] | None, desired: DesiredSettings, dms_account_id: str, recreate: bool = False
) -> Plan:
    """Whether the endpoint stays, is created, modified, or deleted and created again. Pure; tags aren't its business.

    AWS refuses to modify an endpoint whose role is in another account, so that one is created again.

    :raises DatalakeError: the identifier belongs to an endpoint of another kind.
    """
    if current is None:
        return Plan(CREATED, ("it does not exist",), {})
    if current.get("EngineName") != "s3" or current.get("EndpointType", "").lower() != "target":
        raise DatalakeError(
            message=f"The endpoint {current['EndpointIdentifier']} exists as {current.get('EndpointType', '').lower()} of engine "
            f"{current.get('EngineName')}, not as S3 target; choose another endpoint_identifier, or remove that endpoint."
        )
    changes = differences(desired, current)
    if recreate:
        return Plan(RECREATED, ("recreate is true",), changes)
    if not changes:
        return Plan(NONE, (), {})
    roles = (current.get("S3Settings", {}).get("ServiceAccessRoleArn"), desired.settings["ServiceAccessRoleArn"])
    if any(role and _account_of(role) != dms_account_id for role in roles):
        reason = "AWS does not modify an endpoint whose role is in another account"
        return Plan(RECREATED, (reason,), changes)
    if changes.get("encryption_mode", (None, None))[1] == "sse-kms":
        return Plan(RECREATED, ("AWS does not change encryption_mode to sse-kms",), changes)
    return Plan(MODIFIED, ("its role is in the same account",), changes)


def resource_identifier(endpoint_arn: str) -> str | None:
    """The tail of an endpoint's ARN, where it can be asked for again; None for the longer ones that AWS makes up."""
    tail = endpoint_arn.rsplit(":", 1)[-1]
    return tail if len(tail) <= RESOURCE_IDENTIFIER_LENGTH and _IDENTIFIER.fullmatch(tail) else None


def short_resource_identifier(name: str) -> str:
    """A resource identifier out of a name: the name, or its beginning and a hash where it is longer than 31 characters."""
    name = name.lower()
    if len(name) <= RESOURCE_IDENTIFIER_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: RESOURCE_IDENTIFIER_LENGTH - 9].rstrip('-')}-{digest}"


def _ensure_present(
    client: Any,
    current: dict[str, Any] | None,
    desired: DesiredSettings,
    params: dict[str, Any],
    dms_account_id: str,
    check_mode: bool,
) -> dict[str, Any]:
    plan = plan_endpoint(current, desired, dms_account_id, params["recreate"])
    current_tags = _dms.list_tags(client, current["EndpointArn"]) if current else {}
    tags = planned_tags(current_tags, params["tags"], params["purge_tags"])
    if current and plan.action in (MODIFIED, RECREATED):
        refuse_users(client, current, plan)
    predicted = _predicted(current, desired, params, plan)
    after, persisted = predicted, plan.action not in (CREATED, RECREATED)
    if not check_mode:
        after, persisted = _carry_out(client, current, desired, params, plan, tags, dms_account_id)
        if current and after and plan.action in (NONE, MODIFIED):
            _update_tags(client, after["EndpointArn"], current_tags, tags)
    return {
        "changed": plan.action != NONE or tags != current_tags,
        "action": plan.action,
        "reasons": list(plan.reasons),
        "differences": [*plan.changes, *(["tags"] if current and tags != current_tags else [])],
        "settings": snake_settings(desired.settings),
        "diff": {
            "before": _diff_view(current, current_tags, desired, {k: v[0] for k, v in plan.changes.items()}),
            "after": _diff_view(after, tags, desired, {k: v[1] for k, v in plan.changes.items()}),
        },
        "endpoint": endpoint_view(after, tags),
        "external_id": after.get("ExternalId"),
        "persisted": persisted,
        "warnings": [
            f"{params['endpoint_identifier']}: {w}" for w in (*desired.warnings, *_spelling_warnings(desired, after))
        ],
    }


def _spelling_warnings(desired: DesiredSettings, endpoint: dict[str, Any]) -> list[str]:
    """What AWS still shows otherwise than it was sent: better seen at once than as a change on every run."""
    return [
        f"AWS shows {name} as {shown!r} though {sent!r} was sent, so every run will see a change; give it as AWS shows it."
        for name, (shown, sent) in differences(desired, endpoint).items()
    ]


def _carry_out(
    client: Any,
    current: dict[str, Any] | None,
    desired: DesiredSettings,
    params: dict[str, Any],
    plan: Plan,
    tags: dict[str, str],
    dms_account_id: str,
) -> tuple[dict[str, Any], bool]:
    """Do what the plan says; the endpoint as AWS has it then, and whether AWS kept it."""
    if current and plan.action == NONE:
        return current, True
    if current and plan.action == MODIFIED:
        _modify(client, current["EndpointArn"], desired, params)
        return _wait_active(client, params), True
    if current:
        _delete(client, current["EndpointArn"], params)
    remote = _account_of(desired.settings["ServiceAccessRoleArn"]) != dms_account_id
    request = _create_request(current, desired, params, tags)
    return _create(client, request, desired, params, remote)


def _ensure_absent(
    client: Any, current: dict[str, Any] | None, params: dict[str, Any], check_mode: bool
) -> dict[str, Any]:
    plan = Plan(DELETED if current else NONE, ("state is absent",) if current else (), {})
    if current:
        refuse_users(client, current, plan)
        if not check_mode:
            _delete(client, current["EndpointArn"], params)
    return {
        "changed": current is not None,
        "action": plan.action,
        "reasons": list(plan.reasons),
        "differences": [],
        "settings": {},
        "diff": {"before": endpoint_view(current, {}) or {}, "after": {}},
        "endpoint": None,
        "external_id": None,
        "persisted": False,
        "warnings": [],
    }


def refuse_users(client: Any, endpoint: dict[str, Any], plan: Plan) -> None:
    """Stop where replication tasks or serverless replications use the endpoint and the plan would hurt them.

    :raises DatalakeError: naming them.
    """
    users = [
        *(
            (f"task {t['ReplicationTaskIdentifier']}", t.get("Status", ""))
            for t in _dms.list_tasks(client, endpoint["EndpointArn"])
        ),
        *(
            (f"serverless replication {c['ReplicationConfigIdentifier']}", "created")
            for c in _dms.list_replication_configs(client, endpoint["EndpointArn"])
        ),
    ]
    if plan.action == MODIFIED:
        users = [(name, status) for name, status in users if status not in _IDLE_STATES]
    if not users:
        return
    named = ", ".join(sorted(f"{name} ({status})" if status else name for name, status in users))
    verb, remedy = {
        MODIFIED: ("be modified", "stop them first"),
        RECREATED: ("be deleted and created again", "delete them first, AWS deletes no endpoint in use"),
        DELETED: ("be deleted", "delete them first, AWS deletes no endpoint in use"),
    }[plan.action]
    raise DatalakeError(
        message=f"The endpoint {endpoint['EndpointIdentifier']} would {verb} ({'; '.join(plan.reasons)}), but it is in use by {named}; {remedy}."
    )


# What is shown


def endpoint_view(endpoint: dict[str, Any] | None, tags: dict[str, str]) -> dict[str, Any] | None:
    """An endpoint of DescribeEndpoints as the module returns it."""
    if endpoint is None:
        return None
    shown = {k: v for k, v in endpoint.items() if k not in ("S3Settings", "ExtraConnectionAttributes")}
    return {
        **boto3_resource_to_ansible_dict(shown, transform_tags=False, force_tags=False),
        "s3_settings": snake_settings(endpoint.get("S3Settings", {})),
        "extra_connection_attributes": without_secrets(endpoint.get("ExtraConnectionAttributes")),
        "tags": tags,
    }


def _diff_view(
    endpoint: dict[str, Any] | None, tags: dict[str, str], desired: DesiredSettings, changes: dict[str, Any]
) -> dict[str, Any]:
    """One side of `diff`: what the user set, with the values of that side; nothing that AWS fills in."""
    if endpoint is None:
        return {}
    settings = {**snake_settings(desired.settings), **desired.attributes, **changes}
    return {
        "endpoint_identifier": endpoint["EndpointIdentifier"],
        "endpoint_arn": endpoint.get("EndpointArn"),
        "external_id": endpoint.get("ExternalId"),
        "settings": {k: "********" if without_secrets(f"{k}=x") != f"{k}=x" else v for k, v in settings.items()},
        "tags": tags,
    }


def _predicted(
    current: dict[str, Any] | None, desired: DesiredSettings, params: dict[str, Any], plan: Plan
) -> dict[str, Any]:
    """The endpoint as the plan leaves it, with KNOWN_AFTER_CREATION for what only AWS can know."""
    if current and plan.action == NONE:
        return current
    kept = current or {
        "EndpointIdentifier": params["endpoint_identifier"].lower(),
        "EndpointType": "TARGET",
        "EngineName": "s3",
    }
    predicted = {
        **kept,
        "Status": "active",
        "S3Settings": {**kept.get("S3Settings", {}), **desired.settings},
        "ServiceAccessRoleArn": desired.settings["ServiceAccessRoleArn"],
    }
    if plan.action in (CREATED, RECREATED):
        same_tail = current and resource_identifier(current["EndpointArn"])
        predicted["EndpointArn"] = current["EndpointArn"] if current and same_tail else KNOWN_AFTER_CREATION
        predicted["ExternalId"] = KNOWN_AFTER_CREATION
        predicted["ExtraConnectionAttributes"] = format_attributes(desired.attributes)
    return predicted


# The calls


def _account_of(arn: str) -> str:
    return str((parse_aws_arn(arn) or {}).get("account_id"))


def _read(client: Any, params: dict[str, Any]) -> dict[str, Any] | None:
    """The endpoint; one that is on its way out, left by an interrupted run, counts as absent once it is gone."""
    endpoint = _dms.describe_endpoint(client, params["endpoint_identifier"].lower())
    if endpoint and endpoint["Status"] == "deleting":
        _wait_deleted(client, endpoint["EndpointArn"], params)
        return None
    if endpoint and endpoint["Status"] in ("creating", "modifying"):
        return _wait_active(client, params)
    return endpoint


def _create_request(
    current: dict[str, Any] | None, desired: DesiredSettings, params: dict[str, Any], tags: dict[str, str]
) -> dict[str, Any]:
    request = {
        "EndpointIdentifier": params["endpoint_identifier"].lower(),
        "EndpointType": "target",
        "EngineName": "s3",
        "S3Settings": desired.settings,
    }
    tail = (current and resource_identifier(current["EndpointArn"])) or params["resource_identifier"]
    if tail:
        request["ResourceIdentifier"] = tail
    if desired.attributes:
        request["ExtraConnectionAttributes"] = format_attributes(desired.attributes)
    if tags:
        request["Tags"] = ansible_dict_to_boto3_tag_list(tags)
    return request


def _create(
    client: Any, request: dict[str, Any], desired: DesiredSettings, params: dict[str, Any], remote: bool
) -> tuple[dict[str, Any], bool]:
    """CreateEndpoint, in each of the ways in which AWS may answer it for a role in another account.

    The endpoint as it stands then, with its ExternalId, and whether AWS kept it: where it answers with an id and keeps nothing,
    the id has to be put into the role's trust and the endpoint created again.

    :raises DatalakeError: AWS gave no ExternalId, or somebody else made an endpoint of this name meanwhile.
    """
    answer = _create_when_role_is_ready(client, request, desired, params)
    looks = {
        "poll_interval": params["poll_interval"],
        "Filters": _dms.filters(endpoint_id=request["EndpointIdentifier"]),
    }
    if not _dms.waited_for(client, "endpoint_visible", (_dms.VISIBLE_LOOKS - 1) * params["poll_interval"], **looks):
        if not answer.get("ExternalId"):
            raise DatalakeError(
                message=f"AWS answered CreateEndpoint for {request['EndpointIdentifier']}, but shows no such endpoint and gave no ExternalId; "
                "run again, and if that ends likewise, ask AWS Support with the request in CloudTrail."
            )
        return answer, False
    if remote and not _dms.waited_for(client, "endpoint_external_id", params["wait_timeout"], **looks):
        raise DatalakeError(
            message=f"AWS gave the endpoint {request['EndpointIdentifier']} no ExternalId within {params['wait_timeout']} seconds, though its "
            "role is in another account; run again, or give a longer wait_timeout (seconds)."
        )
    return _wait_active(client, params), True


def _create_when_role_is_ready(
    client: Any, request: dict[str, Any], desired: DesiredSettings, params: dict[str, Any]
) -> dict[str, Any]:
    """CreateEndpoint, repeated while DMS can't use the role yet, or the name of a deleted endpoint isn't free yet.

    Where the ARN's tail of the deleted endpoint is never free again, AWS makes up another one.
    """
    retried = [PROPAGATION, "ResourceAlreadyExistsFault"]

    @DmsErrorHandler.common_error_handler(f"create the endpoint {request['EndpointIdentifier']}")
    @_dms.retry_while(retried, params["iam_propagation_timeout"], min(1.0, params["poll_interval"]))
    def create(**arguments: Any) -> dict[str, Any]:
        try:
            return dict(client.create_endpoint(**arguments)["Endpoint"])
        except is_boto3_error_code(_MAY_STAND_ALL_THE_SAME) as error:
            made = None if denial(error) in (PASS_ROLE, ORGANIZATION, CALLER) else _standing(client, arguments, desired)
            if made is None:
                raise
            return made

    try:
        return dict(create(**request))
    except is_ansible_aws_error_code("ResourceAlreadyExistsFault"):
        if "ResourceIdentifier" not in request:
            raise
        return dict(create(**{k: v for k, v in request.items() if k != "ResourceIdentifier"}))


def _standing(client: Any, request: dict[str, Any], desired: DesiredSettings) -> dict[str, Any] | None:
    """The endpoint that CreateEndpoint left behind though it answered with a fault: the answer to a first request was lost and
    botocore sent it again, or AWS keeps what it says it denies.

    :raises DatalakeError: it is somebody else's.
    """
    made = _dms.describe_endpoint(client, request["EndpointIdentifier"])
    if made is None or made["Status"] == "deleting":
        return None
    if differences(desired, made):
        raise DatalakeError(
            message=f"The endpoint {request['EndpointIdentifier']} was made by somebody else in this very moment, with other settings; run again "
            "to take it over, or choose another endpoint_identifier."
        )
    return made


@DmsErrorHandler.common_error_handler("wait for the endpoint to be active")
def _wait_active(client: Any, params: dict[str, Any]) -> dict[str, Any]:
    identifier = params["endpoint_identifier"].lower()
    _dms.wait_for(
        client,
        "endpoint_active",
        params["wait_timeout"],
        params["poll_interval"],
        Filters=_dms.filters(endpoint_id=identifier),
    )
    endpoint = _dms.describe_endpoint(client, identifier)
    if endpoint is None:
        raise DatalakeError(
            message=f"The endpoint {identifier} was deleted by somebody else while this ran; run again."
        )
    return endpoint


@DmsErrorHandler.common_error_handler("wait for the endpoint to be deleted")
def _wait_deleted(client: Any, arn: str, params: dict[str, Any]) -> None:
    _dms.wait_for(
        client,
        "endpoint_deleted",
        params["wait_timeout"],
        params["poll_interval"],
        Filters=_dms.filters(endpoint_arn=arn),
    )


def _delete(client: Any, arn: str, params: dict[str, Any]) -> None:
    """DeleteEndpoint, repeated while DMS is busy with it (a connection test, say), and wait until it is gone."""

    @DmsErrorHandler.deletion_error_handler("delete the endpoint")
    @_dms.retry_while(["InvalidResourceStateFault"], params["wait_timeout"], params["poll_interval"])
    def delete() -> None:
        client.delete_endpoint(EndpointArn=arn)

    delete()
    _wait_deleted(client, arn, params)


def _modify(client: Any, arn: str, desired: DesiredSettings, params: dict[str, Any]) -> None:
    """ModifyEndpoint, repeated while DMS is busy with the endpoint. It is partial: what isn't named stays."""
    request = {"EndpointArn": arn, "EngineName": "s3", "S3Settings": desired.settings}
    if desired.attributes:
        request["ExtraConnectionAttributes"] = format_attributes(desired.attributes)

    @DmsErrorHandler.common_error_handler("modify the endpoint")
    @_dms.retry_while(
        [PROPAGATION, "InvalidResourceStateFault"], params["iam_propagation_timeout"], params["poll_interval"]
    )
    def modify() -> None:
        client.modify_endpoint(**request)

    modify()


def _update_tags(client: Any, arn: str, before: dict[str, str], after: dict[str, str]) -> None:
    to_set, to_unset = compare_aws_tags(before, after)
    if to_unset:
        _dms.remove_tags(client, arn, to_unset)
    if to_set:
        _dms.add_tags(client, arn, to_set)
