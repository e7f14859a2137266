# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The S3 target endpoint in the DMS account, as a kind of resource: read, decide (in endpoint_plan.py), call.

`ensure` is all that a module or an action plugin needs; it knows nothing of AnsibleModule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.datalake.dms.plugins.module_utils._core import resources
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import format_attributes
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    PROPAGATION,
    DatalakeError,
    DmsErrorHandler,
    denial,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import DEPLOYMENT_SPEC, check_deployment
from ansible_collections.datalake.dms.plugins.module_utils._core.resources import (
    CREATED,
    DELETED,
    MODIFIED,
    NONE,
    RECREATED,
    Applied,
    Change,
    Context,
    Kind,
    Outcome,
    Plan,
    Tags,
    plan_absence,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import WAIT_SPEC, check_waiting, retry_while
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import TAGS_SPEC
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_configs import list_replication_configs
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import list_tasks
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import add_tags, list_tags, remove_tags
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import VISIBILITY_ATTEMPTS, wait_for, waited_for
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_plan, s3_settings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import DesiredSettings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import (
    desired_settings,
    differences,
    kms_key_problem,
    snake_settings,
)

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "endpoint_identifier": {"type": "str", "required": True},
    "resource_identifier": {"type": "str"},
    "s3_settings": {"type": "dict", "options": s3_settings.argument_spec()},
    "extra_connection_attributes": {"type": "str"},
    "settings_conflicts": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    "exact": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
    "in_use": {"type": "str", "choices": ["fail", "ignore"], "default": "fail"},
    "predecessor": {
        "type": "dict",
        "options": {
            "endpoint_arn": {"type": "str", "required": True},
            "external_id": {"type": "str"},
            "s3_settings": {"type": "dict"},
            "extra_connection_attributes": {"type": "str"},
            "tags": {"type": "dict"},
        },
    },
    "iam_propagation_timeout": {"type": "int", "default": 300},
    **TAGS_SPEC,
    **DEPLOYMENT_SPEC,
    **WAIT_SPEC,
}

# Faults of CreateEndpoint after which the endpoint may exist.
_MAY_EXIST_ALL_THE_SAME = [
    "ResourceAlreadyExistsFault",
    "AccessDeniedFault",
    "AccessDeniedException",
    "S3AccessDeniedFault",
]


Endpoint = dict[str, Any]
_Context = Context[DesiredSettings]
_Change = Change[DesiredSettings, Endpoint, Plan]


@dataclass(frozen=True)
class _Target:
    """The endpoint that calls are for: the client, the module's parameters, what is wanted, and whether its role is in another account."""

    client: Any
    params: dict[str, Any]
    desired: DesiredSettings
    remote: bool

    @property
    def identifier(self) -> str:
        return _identifier(self.params)

    @property
    def waiting(self) -> dict[str, Any]:
        """What each wait for the endpoint needs."""
        return {"poll_interval": self.params["poll_interval"], "Filters": filters(endpoint_id=self.identifier)}


def ensure(account: Account, params: dict[str, Any], check_mode: bool, known_absent: bool = False) -> dict[str, Any]:
    """Bring the endpoint into the state that the parameters ask for.

    :param params: the options of dms_s3_endpoint.
    :param known_absent: whether the caller has just read, and there is none; else the endpoint is read. Should it exist by now, AWS refuses a
        second one of its name.
    :returns: the module's result: changed, diff, action, reasons, differences, settings, endpoint, external_id, current_external_id,
        persisted, in_use_by, undeclared, definition, warnings.
    :raises DatalakeError: a wrong option, or tasks that block it, before anything is changed. AnsibleAWSError: a call failed.
    """
    return resources.ensure(KIND, account, params, check_mode, known_absent)


def check_options(params: dict[str, Any]) -> DesiredSettings | None:
    """What can be known to be wrong before any call; the settings that are wanted, None for state=absent.

    :raises DatalakeError: with what to do.
    """
    endpoint_plan.check_identifiers(params["endpoint_identifier"], params["resource_identifier"])
    check_waiting(params)
    check_deployment(params["deployment"])
    if params["state"] == "absent":
        return None
    if params["s3_settings"] is None:
        raise DatalakeError(
            message="s3_settings is needed for state=present; give service_access_role_arn and bucket_name at least."
        )
    return desired_settings(params["s3_settings"], params["extra_connection_attributes"], params["settings_conflicts"])


def _identifier(params: dict[str, Any]) -> str:
    """The endpoint's identifier as DMS has it, which lower-cases it."""
    return str(params["endpoint_identifier"]).lower()


# The steps of resources.ensure


def _noun(context: _Context) -> str:
    return f"endpoint {_identifier(context.params)}"


def _check(params: dict[str, Any]) -> DesiredSettings:
    return check_options(params) or DesiredSettings({}, {})


def _read(context: _Context) -> Endpoint | None:
    """The endpoint; one that is being deleted, as an interrupted run leaves it, counts as absent once it is gone."""
    client, params = context.account.client("dms"), context.params
    endpoint = describe_endpoint(client, _identifier(params))
    if endpoint and endpoint["Status"] == "deleting":
        _wait_deleted(client, endpoint["EndpointArn"], params)
        return None
    if endpoint and endpoint["Status"] in ("creating", "modifying"):
        return _wait_active(client, params)
    return endpoint


def _refuse(context: _Context, current: Endpoint | None) -> None:
    """
    :raises DatalakeError: the identifier is another endpoint's, or the key can't be used across accounts.
    """
    endpoint_plan.check_kind(current)
    if context.absent:
        return
    problem = kms_key_problem(context.desired.settings, _dms_account_id(context, current))
    if problem:
        raise DatalakeError(message=problem)


def _dms_account_id(context: _Context, current: Endpoint | None) -> str:
    """The account of the endpoint: out of its ARN, else the caller's."""
    return (account_of(current["EndpointArn"]) if current else None) or context.account.identity.account_id


def _plan(context: _Context, current: Endpoint | None) -> Plan:
    if context.absent:
        return plan_absence(current)
    account_id, params = _dms_account_id(context, current), context.params
    return endpoint_plan.plan_endpoint(current, context.desired, account_id, params["recreate"], params["exact"])


def _users(context: _Context, current: Endpoint, plan: Plan) -> Plan:
    """The plan with the tasks and serverless replications that it would hurt.

    :raises DatalakeError: there are some, unless in_use is ignore.
    """
    client, arn = context.account.client("dms"), current["EndpointArn"]
    tasks, configs = list_tasks(client, arn), list_replication_configs(client, arn)
    users = endpoint_plan.blocking_users(plan, tasks, configs)
    if context.params["in_use"] == "fail":
        endpoint_plan.refuse_users(current, plan, users)
    return replace(plan, users=tuple(users))


def _settled(context: _Context, current: Endpoint | None, plan: Plan) -> Endpoint | None:
    """An endpoint that stays as it is, once AWS shows its ExternalId."""
    if current is None or plan.action != NONE or current.get("ExternalId"):
        return current
    target = _target(context, current)
    return _wait_external_id(target) if target.remote else current


def _target(context: _Context, current: Endpoint | None) -> _Target:
    remote = endpoint_plan.is_remote(context.desired, _dms_account_id(context, current))
    return _Target(context.account.client("dms"), context.params, context.desired, remote)


def _predecessor(change: _Change) -> Endpoint | None:
    """What the endpoint takes over from: itself, or the one that an interrupted run deleted to create it again."""
    return change.current or endpoint_plan.predecessor(change.context.params["predecessor"])


def _full_settings(change: _Change) -> DesiredSettings:
    context = change.context
    return endpoint_plan.with_carried_over(_predecessor(change), context.desired, context.params["exact"])


def _predicted(change: _Change) -> Endpoint | None:
    if change.context.absent:
        return None
    target = _target(change.context, change.current)
    return endpoint_plan.predicted(
        change.current, _full_settings(change), change.plan, target.identifier, target.remote
    )


def _apply_create(change: _Change) -> Applied[Endpoint]:
    target = _target(change.context, change.current)
    tail = target.params["resource_identifier"]
    request = endpoint_plan.create_request(
        _predecessor(change), _full_settings(change), target.identifier, tail, change.tags.after
    )
    endpoint, persisted = _create(target, request)
    return Applied(endpoint, persisted)


def _apply_modify(change: _Change) -> Applied[Endpoint]:
    target = _target(change.context, change.current)
    _modify(target, change.existing["EndpointArn"])
    return Applied(_wait_active(target.client, target.params))


def _apply_recreate(change: _Change) -> Applied[Endpoint]:
    _apply_delete(change)
    return _apply_create(change)


def _apply_delete(change: _Change) -> Applied[Endpoint]:
    context = change.context
    _delete(context.account.client("dms"), change.existing["EndpointArn"], context.params)
    return Applied(None, persisted=False)


def _view(context: _Context, endpoint: Endpoint | None, tags: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    if context.absent:
        return endpoint_plan.endpoint_view(endpoint, tags) or {}
    return endpoint_plan.diff_view(endpoint, tags, context.desired, values)


def _result(outcome: Outcome[DesiredSettings, Endpoint, Plan]) -> dict[str, Any]:
    change, after = outcome.change, outcome.applied.resource
    context, current, plan, tags = change.context, change.current, change.plan, change.tags
    defined = endpoint_plan.definition(current, tags.before) if current else None
    return {
        "action": plan.action,
        "reasons": list(plan.reasons),
        "differences": [*plan.changes, *(["tags"] if current and tags.differ else [])],
        "settings": snake_settings(context.desired.settings),
        "endpoint": endpoint_plan.endpoint_view(after, tags.after),
        "external_id": (after or {}).get("ExternalId"),
        "current_external_id": (current or {}).get("ExternalId"),
        "persisted": outcome.applied.persisted,
        "in_use_by": [] if context.absent else list(plan.users),
        "undeclared": _undeclared(change),
        "definition": defined if current or context.absent else context.params["predecessor"],
        "warnings": [f"{_identifier(context.params)}: {warning}" for warning in _warnings(outcome)],
    }


def _warnings(outcome: Outcome[DesiredSettings, Endpoint, Plan]) -> list[str]:
    """Conflicts, and what AWS still shows otherwise than it was sent: better seen at once than as a change on every run."""
    context, endpoint = outcome.change.context, outcome.applied.resource
    written = endpoint if outcome.applied.persisted and not context.check_mode else None
    return [
        *context.desired.warnings,
        *(
            f"AWS shows {name} as {shown!r} though {sent!r} was sent, so every run will see a change; give it as AWS shows it."
            for name, (shown, sent) in (differences(context.desired, written) if written else {}).items()
        ),
    ]


def _undeclared(change: _Change) -> list[str]:
    """What would be lost if the run died between deletion and creation; nothing where the declaration is exact."""
    params = change.context.params
    if change.current is None or change.plan.action != RECREATED or params["exact"]:
        return []
    return endpoint_plan.undeclared(change.current, change.context.desired, change.tags.before, params["tags"] or {})


def _read_tags(context: _Context, endpoint: Endpoint) -> dict[str, str]:
    return list_tags(context.account.client("dms"), endpoint["EndpointArn"])


def _write_tags(context: _Context, endpoint: Endpoint, to_set: dict[str, str], to_unset: list[str]) -> None:
    client, arn = context.account.client("dms"), endpoint["EndpointArn"]
    if to_unset:
        remove_tags(client, arn, to_unset)
    if to_set:
        add_tags(client, arn, to_set)


def _inherited_tags(context: _Context) -> dict[str, str]:
    return dict((context.params["predecessor"] or {}).get("tags") or {})


KIND = Kind(
    noun=_noun,
    check=_check,
    read=_read,
    refuse=_refuse,
    tags=Tags(read=_read_tags, write=_write_tags, inherited=_inherited_tags),
    plan=_plan,
    users=_users,
    settled=_settled,
    apply={CREATED: _apply_create, MODIFIED: _apply_modify, RECREATED: _apply_recreate, DELETED: _apply_delete},
    predicted=_predicted,
    view=_view,
    result=_result,
)


# The calls


def _create(target: _Target, request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """CreateEndpoint, in each of the ways in which AWS may answer it for a role in another account.

    The endpoint as it is then, with its ExternalId, and whether AWS kept it: where it answers with an id and keeps nothing,
    the id has to be put into the role's trust and the endpoint created again.

    :raises DatalakeError: AWS gave no ExternalId, or somebody else made an endpoint of this name meanwhile.
    """
    answer = _create_when_role_is_ready(target, request)
    # Mostly one read is enough.
    made = describe_endpoint(target.client, target.identifier)
    if made and made["Status"] == "active" and (made.get("ExternalId") or not target.remote):
        return made, True
    timeout = (VISIBILITY_ATTEMPTS - 1) * target.params["poll_interval"]
    if not waited_for(target.client, "endpoint_visible", timeout, **target.waiting):
        if not answer.get("ExternalId"):
            raise DatalakeError(
                message=f"AWS answered CreateEndpoint for {target.identifier}, but shows no such endpoint and gave no ExternalId; run "
                "again, and if that ends likewise, ask AWS Support with the request in CloudTrail."
            )
        return answer, False
    if target.remote:
        _wait_external_id(target)
    return _wait_active(target.client, target.params), True


def _create_when_role_is_ready(target: _Target, request: dict[str, Any]) -> dict[str, Any]:
    """CreateEndpoint, repeated while DMS can't use the role yet, or the name of a deleted endpoint isn't free yet.

    Where the ARN's tail of the deleted endpoint is never free again, AWS makes up another one.
    """
    retried = [PROPAGATION, "ResourceAlreadyExistsFault"]

    @DmsErrorHandler.common_error_handler(f"create the endpoint {target.identifier}")
    @retry_while(retried, target.params["iam_propagation_timeout"], min(1.0, target.params["poll_interval"]))
    def create(**arguments: Any) -> dict[str, Any]:
        try:
            return dict(target.client.create_endpoint(**arguments)["Endpoint"])
        except is_boto3_error_code(_MAY_EXIST_ALL_THE_SAME) as error:
            made = _existing(target) if denial(error) in (None, PROPAGATION) else None
            if made is None:
                raise
            return made

    try:
        return dict(create(**request))
    except is_ansible_aws_error_code("ResourceAlreadyExistsFault"):
        if "ResourceIdentifier" not in request:
            raise
        return dict(create(**{k: v for k, v in request.items() if k != "ResourceIdentifier"}))


def _existing(target: _Target) -> dict[str, Any] | None:
    """The endpoint that CreateEndpoint left behind though it answered with a fault: the answer to a first request was lost and
    botocore sent it again, or AWS keeps what it says it denies.

    :raises DatalakeError: it is somebody else's.
    """
    made = describe_endpoint(target.client, target.identifier)
    if made is None or made["Status"] == "deleting":
        return None
    if differences(target.desired, made):
        raise DatalakeError(
            message=f"The endpoint {target.identifier} was made by somebody else in this very moment, with other settings; run again to "
            "take it over, or choose another endpoint_identifier."
        )
    return made


def _wait_external_id(target: _Target) -> dict[str, Any]:
    """The endpoint, once AWS shows its ExternalId.

    :raises DatalakeError: it does not within wait_timeout.
    """
    timeout = target.params["wait_timeout"]
    shown = waited_for(target.client, "endpoint_external_id", timeout, **target.waiting)
    endpoint = describe_endpoint(target.client, target.identifier) if shown else None
    if endpoint is None:
        raise DatalakeError(
            message=f"AWS gave the endpoint {target.identifier} no ExternalId within {timeout} seconds, though its role is in another "
            "account; run again, or give a longer wait_timeout (seconds)."
        )
    return endpoint


@DmsErrorHandler.common_error_handler("wait for the endpoint to be active")
def _wait_active(client: Any, params: dict[str, Any]) -> dict[str, Any]:
    identifier = _identifier(params)
    wanted = filters(endpoint_id=identifier)
    wait_for(client, "endpoint_active", params["wait_timeout"], params["poll_interval"], Filters=wanted)
    endpoint = describe_endpoint(client, identifier)
    if endpoint is None:
        raise DatalakeError(
            message=f"The endpoint {identifier} was deleted by somebody else while this ran; run again."
        )
    return endpoint


@DmsErrorHandler.common_error_handler("wait for the endpoint to be deleted")
def _wait_deleted(client: Any, arn: str, params: dict[str, Any]) -> None:
    wanted = filters(endpoint_arn=arn)
    wait_for(client, "endpoint_deleted", params["wait_timeout"], params["poll_interval"], Filters=wanted)


def _delete(client: Any, arn: str, params: dict[str, Any]) -> None:
    """DeleteEndpoint, repeated while DMS is busy with it (a connection test, say), and wait until it is gone."""

    @DmsErrorHandler.deletion_error_handler("delete the endpoint")
    @retry_while(["InvalidResourceStateFault"], params["wait_timeout"], params["poll_interval"])
    def delete() -> None:
        try:
            client.delete_endpoint(EndpointArn=arn)
        except is_boto3_error_code("InvalidResourceStateFault"):
            endpoint = describe_endpoint(client, _identifier(params))
            # Our own first request, whose answer was lost, has done it.
            if endpoint and endpoint["Status"] != "deleting":
                raise

    delete()
    _wait_deleted(client, arn, params)


def _modify(target: _Target, arn: str) -> None:
    """ModifyEndpoint, repeated while DMS is busy with the endpoint. It is partial, unless exact: what isn't named stays."""
    request: dict[str, Any] = {"EndpointArn": arn, "EngineName": "s3", "S3Settings": target.desired.settings}
    if target.params["exact"]:
        request["ExactSettings"] = True
    if target.desired.attributes:
        request["ExtraConnectionAttributes"] = format_attributes(target.desired.attributes)
    retried = [PROPAGATION, "InvalidResourceStateFault"]

    @DmsErrorHandler.common_error_handler("modify the endpoint")
    @retry_while(retried, target.params["iam_propagation_timeout"], target.params["poll_interval"])
    def modify() -> None:
        target.client.modify_endpoint(**request)

    modify()
