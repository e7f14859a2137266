# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The S3 target endpoint in the DMS account: read, decide (in endpoint_plan.py), call.

`ensure` is all that a module or an action plugin needs; it knows nothing of AnsibleModule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import format_attributes
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    PROPAGATION,
    DatalakeError,
    DmsErrorHandler,
    denial,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import (
    DEPLOYMENT_SPEC,
    check_deployment,
    check_owner,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import WAIT_SPEC, check_waiting, retry_while
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import (
    TAGS_SPEC,
    check_required,
    inheritable_tags,
    planned_tags,
)
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_configs import list_replication_configs
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import list_tasks
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import add_tags, list_tags, remove_tags
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import VISIBILITY_ATTEMPTS, wait_for, waited_for
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_plan, s3_settings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import (
    CREATED,
    DELETED,
    MODIFIED,
    NONE,
    RECREATED,
    Plan,
)
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import (
    DesiredSettings,
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

# Faults of CreateEndpoint after which the endpoint may stand.
_MAY_STAND_ALL_THE_SAME = [
    "ResourceAlreadyExistsFault",
    "AccessDeniedFault",
    "AccessDeniedException",
    "S3AccessDeniedFault",
]


@dataclass(frozen=True)
class _Job:
    """One endpoint to see to: the client, the module's parameters, what is wanted, and whether its role is in another account."""

    client: Any
    params: dict[str, Any]
    desired: DesiredSettings
    remote: bool

    @property
    def identifier(self) -> str:
        return str(self.params["endpoint_identifier"]).lower()

    @property
    def looks(self) -> dict[str, Any]:
        """What each wait for the endpoint needs."""
        return {"poll_interval": self.params["poll_interval"], "Filters": filters(endpoint_id=self.identifier)}


def ensure(account: Account, params: dict[str, Any], check_mode: bool, known_absent: bool = False) -> dict[str, Any]:
    """Bring the endpoint into the state that the parameters ask for.

    :param params: the options of dms_s3_endpoint.
    :param known_absent: whether the caller has just looked and there is none; else the endpoint is read. Should it exist by now, AWS refuses a second
        one of its name.
    :returns: the module's result: changed, diff, action, reasons, differences, settings, endpoint, external_id, current_external_id,
        persisted, in_use_by, undeclared, definition, warnings.
    :raises DatalakeError: a wrong option, or tasks in the way, before anything is changed. AnsibleAWSError: a call failed.
    """
    desired = check_options(params)
    client = account.client("dms")
    current = None if known_absent else _read(client, params)
    endpoint_plan.check_kind(current)
    if desired is None:
        return _ensure_absent(client, current, params, check_mode)
    dms_account_id = (account_of(current["EndpointArn"]) if current else None) or account.identity.account_id
    problem = kms_key_problem(desired.settings, dms_account_id)
    if problem:
        raise DatalakeError(message=problem)
    plan = endpoint_plan.plan_endpoint(current, desired, dms_account_id, params["recreate"], params["exact"])
    job = _Job(client, params, desired, endpoint_plan.is_remote(desired, dms_account_id))
    return _ensure_present(job, current, plan, check_mode)


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


def _ensure_present(job: _Job, current: dict[str, Any] | None, plan: Plan, check_mode: bool) -> dict[str, Any]:
    current_tags = _owned_tags(job.client, current, job.params) if current else _tags_of_predecessor(job.params)
    in_use_by = _blocking_users(job.client, current, plan, job.params) if current else []
    # What the endpoint takes over from: itself, or the one that an interrupted run deleted to create it again.
    before = current or endpoint_plan.predecessor(job.params["predecessor"])
    if current and plan.action == NONE and job.remote and not current.get("ExternalId"):
        current = _wait_external_id(job)
    wanted_tags = planned_tags(current_tags, job.params["tags"], job.params["purge_tags"], job.params["deployment"])
    check_required(f"endpoint {job.identifier}", wanted_tags, job.params["required_tags"])
    tags = inheritable_tags(wanted_tags) if plan.action in (CREATED, RECREATED) else wanted_tags
    full_settings = endpoint_plan.with_carried_over(before, job.desired, job.params["exact"])
    after = endpoint_plan.predicted(current, full_settings, plan, job.identifier, job.remote)
    persisted, warnings = plan.action not in (CREATED, RECREATED), list(job.desired.warnings)
    if not check_mode:
        after, persisted = _carry_out(job, current, before, plan, full_settings, tags)
        if current and plan.action in (NONE, MODIFIED):
            _update_tags(job.client, after["EndpointArn"], current_tags, tags)
        if persisted:
            warnings += _spelling_warnings(job.desired, after)
    before_values = {name: before for name, (before, _after) in plan.changes.items()}
    after_values = {name: value for name, (_before, value) in plan.changes.items()}
    return {
        "changed": plan.action != NONE or wanted_tags != current_tags,
        "action": plan.action,
        "reasons": list(plan.reasons),
        "differences": [*plan.changes, *(["tags"] if current and wanted_tags != current_tags else [])],
        "settings": snake_settings(job.desired.settings),
        "diff": {
            "before": endpoint_plan.diff_view(current, current_tags, job.desired, before_values),
            "after": endpoint_plan.diff_view(after, tags, job.desired, after_values),
        },
        "endpoint": endpoint_plan.endpoint_view(after, tags),
        "external_id": after.get("ExternalId"),
        "current_external_id": (current or {}).get("ExternalId"),
        "persisted": persisted,
        "in_use_by": in_use_by,
        "undeclared": _undeclared(job, current, current_tags) if current and plan.action == RECREATED else [],
        "definition": endpoint_plan.definition(current, current_tags) if current else job.params["predecessor"],
        "warnings": [f"{job.identifier}: {warning}" for warning in warnings],
    }


def _ensure_absent(
    client: Any, current: dict[str, Any] | None, params: dict[str, Any], check_mode: bool
) -> dict[str, Any]:
    plan = Plan(DELETED, ("state is absent",)) if current else Plan(NONE)
    tags: dict[str, str] = {}
    if current:
        tags = _owned_tags(client, current, params)
        _blocking_users(client, current, plan, params)
        if not check_mode:
            _delete(client, current["EndpointArn"], params)
    return {
        "changed": current is not None,
        "action": plan.action,
        "reasons": list(plan.reasons),
        "differences": [],
        "settings": {},
        "diff": {"before": endpoint_plan.endpoint_view(current, tags) or {}, "after": {}},
        "endpoint": None,
        "external_id": None,
        "current_external_id": (current or {}).get("ExternalId"),
        "persisted": False,
        "in_use_by": [],
        "undeclared": [],
        "definition": endpoint_plan.definition(current, tags) if current else None,
        "warnings": [],
    }


def _spelling_warnings(desired: DesiredSettings, endpoint: dict[str, Any]) -> list[str]:
    """What AWS still shows otherwise than it was sent: better seen at once than as a change on every run."""
    return [
        f"AWS shows {name} as {shown!r} though {sent!r} was sent, so every run will see a change; give it as AWS shows it."
        for name, (shown, sent) in differences(desired, endpoint).items()
    ]


def _owned_tags(client: Any, endpoint: dict[str, Any], params: dict[str, Any]) -> dict[str, str]:
    """The endpoint's tags.

    :raises DatalakeError: it is not ours, see check_owner.
    """
    tags = list_tags(client, endpoint["EndpointArn"])
    check_owner(f"endpoint {endpoint['EndpointIdentifier']}", tags, params)
    return tags


def _blocking_users(client: Any, endpoint: dict[str, Any], plan: Plan, params: dict[str, Any]) -> list[str]:
    """Who uses the endpoint and would be hurt, for people.

    :raises DatalakeError: somebody does, unless in_use is ignore.
    """
    if plan.action not in (MODIFIED, RECREATED, DELETED):
        return []
    arn = endpoint["EndpointArn"]
    tasks, configs = list_tasks(client, arn), list_replication_configs(client, arn)
    users = endpoint_plan.blocking_users(plan, tasks, configs)
    if params["in_use"] == "fail":
        endpoint_plan.refuse_users(endpoint, plan, users)
    return users


def _tags_of_predecessor(params: dict[str, Any]) -> dict[str, str]:
    return dict((params["predecessor"] or {}).get("tags") or {})


def _undeclared(job: _Job, current: dict[str, Any], tags: dict[str, str]) -> list[str]:
    if job.params["exact"]:
        return []
    return endpoint_plan.undeclared(current, job.desired, tags, job.params["tags"] or {})


# The calls


def _carry_out(
    job: _Job,
    current: dict[str, Any] | None,
    before: dict[str, Any] | None,
    plan: Plan,
    full_settings: DesiredSettings,
    tags: dict[str, str],
) -> tuple[dict[str, Any], bool]:
    """Do what the plan says; the endpoint as AWS has it then, and whether AWS kept it.

    :param before: the endpoint whose end of the ARN is kept: the current one, or its predecessor.
    :param full_settings: the settings of an endpoint that is created, see endpoint_plan.with_carried_over.
    """
    if current and plan.action == NONE:
        return current, True
    if current and plan.action == MODIFIED:
        _modify(job, current["EndpointArn"])
        return _wait_active(job.client, job.params), True
    if current:
        _delete(job.client, current["EndpointArn"], job.params)
    tail = job.params["resource_identifier"]
    return _create(job, endpoint_plan.create_request(before, full_settings, job.identifier, tail, tags))


def _read(client: Any, params: dict[str, Any]) -> dict[str, Any] | None:
    """The endpoint; one that is on its way out, left by an interrupted run, counts as absent once it is gone."""
    endpoint = describe_endpoint(client, params["endpoint_identifier"].lower())
    if endpoint and endpoint["Status"] == "deleting":
        _wait_deleted(client, endpoint["EndpointArn"], params)
        return None
    if endpoint and endpoint["Status"] in ("creating", "modifying"):
        return _wait_active(client, params)
    return endpoint


def _create(job: _Job, request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """CreateEndpoint, in each of the ways in which AWS may answer it for a role in another account.

    The endpoint as it stands then, with its ExternalId, and whether AWS kept it: where it answers with an id and keeps nothing,
    the id has to be put into the role's trust and the endpoint created again.

    :raises DatalakeError: AWS gave no ExternalId, or somebody else made an endpoint of this name meanwhile.
    """
    answer = _create_when_role_is_ready(job, request)
    # Mostly one look tells all.
    made = describe_endpoint(job.client, job.identifier)
    if made and made["Status"] == "active" and (made.get("ExternalId") or not job.remote):
        return made, True
    some_looks = (VISIBILITY_ATTEMPTS - 1) * job.params["poll_interval"]
    if not waited_for(job.client, "endpoint_visible", some_looks, **job.looks):
        if not answer.get("ExternalId"):
            raise DatalakeError(
                message=f"AWS answered CreateEndpoint for {job.identifier}, but shows no such endpoint and gave no ExternalId; run "
                "again, and if that ends likewise, ask AWS Support with the request in CloudTrail."
            )
        return answer, False
    if job.remote:
        _wait_external_id(job)
    return _wait_active(job.client, job.params), True


def _create_when_role_is_ready(job: _Job, request: dict[str, Any]) -> dict[str, Any]:
    """CreateEndpoint, repeated while DMS can't use the role yet, or the name of a deleted endpoint isn't free yet.

    Where the ARN's tail of the deleted endpoint is never free again, AWS makes up another one.
    """
    retried = [PROPAGATION, "ResourceAlreadyExistsFault"]

    @DmsErrorHandler.common_error_handler(f"create the endpoint {job.identifier}")
    @retry_while(retried, job.params["iam_propagation_timeout"], min(1.0, job.params["poll_interval"]))
    def create(**arguments: Any) -> dict[str, Any]:
        try:
            return dict(job.client.create_endpoint(**arguments)["Endpoint"])
        except is_boto3_error_code(_MAY_STAND_ALL_THE_SAME) as error:
            made = _existing(job) if denial(error) in (None, PROPAGATION) else None
            if made is None:
                raise
            return made

    try:
        return dict(create(**request))
    except is_ansible_aws_error_code("ResourceAlreadyExistsFault"):
        if "ResourceIdentifier" not in request:
            raise
        return dict(create(**{k: v for k, v in request.items() if k != "ResourceIdentifier"}))


def _existing(job: _Job) -> dict[str, Any] | None:
    """The endpoint that CreateEndpoint left behind though it answered with a fault: the answer to a first request was lost and
    botocore sent it again, or AWS keeps what it says it denies.

    :raises DatalakeError: it is somebody else's, or another kind of endpoint.
    """
    made = describe_endpoint(job.client, job.identifier)
    endpoint_plan.check_kind(made)
    if made is None or made["Status"] == "deleting":
        return None
    _owned_tags(job.client, made, job.params)
    if differences(job.desired, made):
        raise DatalakeError(
            message=f"The endpoint {job.identifier} was made by somebody else in this very moment, with other settings; run again to "
            "take it over, or choose another endpoint_identifier."
        )
    return made


def _wait_external_id(job: _Job) -> dict[str, Any]:
    """The endpoint, once AWS shows its ExternalId.

    :raises DatalakeError: it does not within wait_timeout.
    """
    timeout = job.params["wait_timeout"]
    shown = waited_for(job.client, "endpoint_external_id", timeout, **job.looks)
    endpoint = describe_endpoint(job.client, job.identifier) if shown else None
    if endpoint is None:
        raise DatalakeError(
            message=f"AWS gave the endpoint {job.identifier} no ExternalId within {timeout} seconds, though its role is in another "
            "account; run again, or give a longer wait_timeout (seconds)."
        )
    return endpoint


@DmsErrorHandler.common_error_handler("wait for the endpoint to be active")
def _wait_active(client: Any, params: dict[str, Any]) -> dict[str, Any]:
    identifier = params["endpoint_identifier"].lower()
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
            endpoint = describe_endpoint(client, params["endpoint_identifier"].lower())
            # Our own first request, whose answer was lost, has done it.
            if endpoint and endpoint["Status"] != "deleting":
                raise

    delete()
    _wait_deleted(client, arn, params)


def _modify(job: _Job, arn: str) -> None:
    """ModifyEndpoint, repeated while DMS is busy with the endpoint. It is partial, unless exact: what isn't named stays."""
    request: dict[str, Any] = {"EndpointArn": arn, "EngineName": "s3", "S3Settings": job.desired.settings}
    if job.params["exact"]:
        request["ExactSettings"] = True
    if job.desired.attributes:
        request["ExtraConnectionAttributes"] = format_attributes(job.desired.attributes)
    retried = [PROPAGATION, "InvalidResourceStateFault"]

    @DmsErrorHandler.common_error_handler("modify the endpoint")
    @retry_while(retried, job.params["iam_propagation_timeout"], job.params["poll_interval"])
    def modify() -> None:
        job.client.modify_endpoint(**request)

    modify()


def _update_tags(client: Any, arn: str, before: dict[str, str], after: dict[str, str]) -> None:
    to_set, to_unset = compare_aws_tags(before, after)
    if to_unset:
        remove_tags(client, arn, to_unset)
    if to_set:
        add_tags(client, arn, to_set)
