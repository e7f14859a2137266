# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The S3 target endpoint in the DMS account, as a kind of resource: read and call (s3_target_calls.py), decide (endpoint_plan.py).

`ensure` is all that a module or an action plugin needs; it knows nothing of AnsibleModule.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core import resources
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
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
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import WAIT_SPEC, check_waiting
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import DMS_TAGS, TAGS_SPEC, check_tags
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_configs import list_replication_configs
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import list_tasks
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import add_tags, list_tags, remove_tags
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_plan, s3_settings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_target_calls as calls
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import DesiredSettings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import (
    desired_settings,
    kms_key_problem,
    snake_settings,
)
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_target_calls import Target

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
            "described_settings": {"type": "dict"},
            "sent_attributes": {"type": "dict"},
            "extra_connection_attributes": {"type": "str"},
            "tags": {"type": "dict"},
        },
    },
    "iam_propagation_timeout": {"type": "int", "default": 300},
    "arn_reuse_timeout": {"type": "int", "default": 30},
    **TAGS_SPEC,
    **DEPLOYMENT_SPEC,
    **WAIT_SPEC,
}

Endpoint = dict[str, Any]
_Context = Context[DesiredSettings]
_Change = Change[DesiredSettings, Endpoint, Plan]


def ensure(
    account: Account,
    params: dict[str, Any],
    check_mode: bool,
    known_absent: bool = False,
    former: dict[str, Any] | None = None,
    retry_refused_role: bool = True,
) -> dict[str, Any]:
    """Bring the endpoint into the state that the parameters ask for.

    :param params: the options of dms_s3_endpoint.
    :param known_absent: whether the caller has just read that there is no such endpoint; else the endpoint is read. If it exists nevertheless, AWS
        refuses to create it.
    :param former: the definition of a former endpoint, see endpoint_plan.definition. The endpoint gets its settings in place of those of the
        parameters, and they are not checked.
    :param retry_refused_role: whether CreateEndpoint is repeated for iam_propagation_timeout while DMS can't use the role.
    :returns: the module's result: changed, diff, action, reasons, differences, settings, endpoint, external_id, current_external_id,
        persisted, in_use_by, undeclared, definition, warnings.
    :raises DatalakeError: an invalid option, or tasks that block the action, before anything is changed. AnsibleAWSError: a call failed.
    """
    kind = _restoring(former, account) if former else KIND
    if not retry_refused_role:
        kind = replace(kind, apply={**kind.apply, **_WITHOUT_RETRY})
    return resources.ensure(kind, account, params, check_mode, known_absent)


def _restoring(former: dict[str, Any], account: Account) -> Kind[DesiredSettings, Endpoint, Plan]:
    """The kind of resource whose desired state is a former endpoint."""
    desired = endpoint_plan.as_it_was(former, account.region)
    return replace(
        KIND, check=lambda _params: desired, refuse=lambda _context, current: endpoint_plan.check_kind(current)
    )


def check_options(params: dict[str, Any]) -> DesiredSettings | None:
    """Check the options before any call, and return the declared settings; None for state=absent.

    :raises DatalakeError: with what to do.
    """
    endpoint_plan.check_identifiers(params["endpoint_identifier"], params["resource_identifier"])
    check_waiting(params)
    check_deployment(params["deployment"])
    if params["state"] == "absent":
        return None
    check_tags(params["tags"], params["deployment"], DMS_TAGS)
    if params["s3_settings"] is None:
        raise DatalakeError(
            message="s3_settings is required for state=present; set at least service_access_role_arn and bucket_name in it."
        )
    return desired_settings(params["s3_settings"], params["extra_connection_attributes"], params["settings_conflicts"])


# The steps of resources.ensure


def _noun(context: _Context) -> str:
    return f"endpoint {calls.identifier_of(context.params)}"


def _check(params: dict[str, Any]) -> DesiredSettings:
    return check_options(params) or DesiredSettings({}, {})


def _read(context: _Context) -> Endpoint | None:
    return calls.read(context.account.client("dms"), context.params)


def _refuse(context: _Context, current: Endpoint | None) -> None:
    """
    :raises DatalakeError: the endpoint is not an S3 target, or the key can't be used across accounts.
    """
    endpoint_plan.check_kind(current)
    if context.absent:
        return
    problem = kms_key_problem(context.desired.settings, _dms_account_id(context, current))
    if problem:
        raise DatalakeError(message=problem)


def _dms_account_id(context: _Context, current: Endpoint | None) -> str:
    """The account of the endpoint's ARN; without an endpoint, the caller's account."""
    return (account_of(current["EndpointArn"]) if current else None) or context.account.identity.account_id


def _plan(context: _Context, current: Endpoint | None, tags: dict[str, str]) -> Plan:
    if context.absent:
        return plan_absence(current)
    account_id, params = _dms_account_id(context, current), context.params
    plan = endpoint_plan.plan_endpoint(current, context.desired, account_id, params["recreate"], params["exact"])
    return plan if params["recreate"] else endpoint_plan.without_returned(plan, tags)


def _users(context: _Context, current: Endpoint, plan: Plan) -> Plan:
    """The plan with the tasks and serverless replications that block it.

    :raises DatalakeError: there are any, and in_use is fail.
    """
    client, arn = context.account.client("dms"), current["EndpointArn"]
    tasks, configs = list_tasks(client, arn), list_replication_configs(client, arn)
    users = endpoint_plan.blocking_users(plan, tasks, configs)
    if context.params["in_use"] == "fail":
        endpoint_plan.refuse_users(current, plan, users)
    return replace(plan, users=tuple(users))


def _settled(context: _Context, current: Endpoint | None, plan: Plan) -> Endpoint | None:
    """The endpoint; an unchanged one is waited for until AWS returns its ExternalId."""
    if current is None or plan.action != NONE or current.get("ExternalId"):
        return current
    target = _target(context, current)
    return calls.wait_external_id(target) if target.remote else current


def _target(context: _Context, current: Endpoint | None) -> Target:
    remote = endpoint_plan.is_remote(context.desired, _dms_account_id(context, current))
    return Target(context.account.client("dms"), context.params, context.desired, remote)


def _predecessor(change: _Change) -> Endpoint | None:
    """The endpoint whose undeclared settings are kept: itself, or the one that an interrupted replacement deleted."""
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


def _apply_create(change: _Change, retry_refused_role: bool = True) -> Applied[Endpoint]:
    target = _target(change.context, change.current)
    tail = target.params["resource_identifier"]
    request = endpoint_plan.create_request(
        _predecessor(change), _full_settings(change), target.identifier, tail, change.tags.after
    )
    endpoint, persisted = calls.create(target, request, retry_refused_role)
    if persisted:
        _tag_returned(change, endpoint)
    return Applied(endpoint, persisted)


def _apply_modify(change: _Change) -> Applied[Endpoint]:
    target = _target(change.context, change.current)
    calls.modify(target, change.existing["EndpointArn"])
    endpoint = calls.wait_active(target.client, target.params)
    _tag_returned(change, endpoint)
    return Applied(endpoint)


def _tag_returned(change: _Change, endpoint: Endpoint) -> None:
    """Tag an endpoint that has settings which AWS returns otherwise than they were sent, so that the next run does not replace it for them."""
    context = change.context
    changes = endpoint_plan.settings_changes(context.desired, endpoint, context.params["exact"])
    if changes:
        digest = {endpoint_plan.RETURNED_TAG: endpoint_plan.returned_digest(changes)}
        add_tags(context.account.client("dms"), endpoint["EndpointArn"], digest)


def _apply_recreate(change: _Change, retry_refused_role: bool = True) -> Applied[Endpoint]:
    _apply_delete(change)
    return _apply_create(change, retry_refused_role)


def _apply_delete(change: _Change) -> Applied[Endpoint]:
    context = change.context
    calls.delete(context.account.client("dms"), change.existing["EndpointArn"], context.params)
    return Applied(None, persisted=False)


def _view(context: _Context, endpoint: Endpoint | None, tags: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    if context.absent:
        return endpoint_plan.endpoint_view(endpoint, tags) or {}
    return endpoint_plan.diff_view(endpoint, tags, context.desired, values)


def _result(outcome: Outcome[DesiredSettings, Endpoint, Plan]) -> dict[str, Any]:
    change, after = outcome.change, outcome.applied.resource
    context, current, plan, tags = change.context, change.current, change.plan, change.tags
    defined = endpoint_plan.definition(current, tags.before) if current else None
    returned_otherwise = _returned_otherwise(outcome)
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
        "returned_otherwise": returned_otherwise,
        "warnings": [
            f"{calls.identifier_of(context.params)}: {warning}"
            for warning in (*context.desired.warnings, *(f"{text}." for text in returned_otherwise))
        ],
    }


def _returned_otherwise(outcome: Outcome[DesiredSettings, Endpoint, Plan]) -> list[str]:
    """See endpoint_plan.returned_otherwise. Such settings are no difference as long as neither they nor what AWS returns changes."""
    context, plan, endpoint = outcome.change.context, outcome.change.plan, outcome.applied.resource
    is_predicted = context.check_mode and plan.action != NONE
    if context.absent or endpoint is None or is_predicted or not outcome.applied.persisted:
        return []
    return endpoint_plan.returned_otherwise(context.desired, endpoint, context.params["exact"])


def _undeclared(change: _Change) -> list[str]:
    """Undeclared settings and tags, which a run that is killed between deletion and creation would lose; empty with exact=true."""
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

# In place of those of KIND, where a refusal of the role is to be raised at once.
_WITHOUT_RETRY = {
    CREATED: partial(_apply_create, retry_refused_role=False),
    RECREATED: partial(_apply_recreate, retry_refused_role=False),
}
