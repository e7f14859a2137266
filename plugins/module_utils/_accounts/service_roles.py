# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service roles of DMS in an account, as one resource: read, plan (service_role_plan.py), create, complete and remove them.

All migrations of an account share them, and several may run this at the same time. A role that others created meanwhile is read again and completed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils import iam
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import IAMErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.datalake.dms.plugins.module_utils._access.access_role import read_role
from ansible_collections.datalake.dms.plugins.module_utils._accounts import service_role_plan
from ansible_collections.datalake.dms.plugins.module_utils._accounts.service_role_plan import Role
from ansible_collections.datalake.dms.plugins.module_utils._core import resources
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import check_deployment
from ansible_collections.datalake.dms.plugins.module_utils._core.parallel_reads import in_parallel
from ansible_collections.datalake.dms.plugins.module_utils._core.resources import (
    DELETED,
    MODIFIED,
    NONE,
    Applied,
    Change,
    Context,
    Kind,
    Outcome,
    Plan,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import retry_while
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import IAM_TAGS, check_tags
from ansible_collections.datalake.dms.plugins.module_utils._dms.instances import list_instances
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_configs import list_all_replication_configs
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import list_all_tasks
from ansible_collections.datalake.dms.plugins.module_utils._policies import access_analyzer

# Name -> role, None if it does not exist.
Roles = dict[str, Any]

# IAM refuses two changes of one role at the same time.
_one_by_one = retry_while(["ConcurrentModification"], timeout=30, first_pause=0.5)


# The desired state is the names of the roles.
_Context = Context[list[str]]


@dataclass(frozen=True)
class RolesPlan(Plan):
    """The plan for all roles together. MODIFIED creates and completes them. DELETED removes those that nothing blocks.

    after: the roles after the plan. kept: name -> why the role is not removed. policy_findings, warnings: of Access Analyzer for the trusts that are
    written.
    """

    after: Roles = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    policy_findings: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


_Change = Change[list[str], Roles, RolesPlan]


def ensure(account: Account, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the service roles into the state that the parameters ask for.

    :param params: the options of dms_service_roles.
    :returns: the module's result: changed, diff, roles, made, kept, findings, policy_findings, warnings.
    :raises DatalakeError: an invalid option, before anything is changed. AnsibleAWSError: a call failed.
    """
    return resources.ensure(KIND, account, params, check_mode)


def read(client: Any, names: list[str]) -> Roles:
    """Name -> service role, None if it does not exist (GetRole, ListAttachedRolePolicies, ListRolePolicies).

    :param client: of IAM.
    """
    return dict(zip(names, in_parallel(lambda name: read_role(client, name), names), strict=True))


# The steps of resources.ensure


def _check(params: dict[str, Any]) -> list[str]:
    check_deployment(params["deployment"])
    check_tags(params["tags"], params["deployment"], IAM_TAGS)
    return list(dict.fromkeys(params["roles"]))


def _read(context: _Context) -> Roles:
    return read(context.account.client("iam"), context.desired)


def _plan(context: _Context, before: Roles | None, _tags: dict[str, str]) -> RolesPlan:
    return _plan_removal(before or {}) if context.absent else _plan_completion(context, before or {})


def _plan_completion(context: _Context, before: Roles) -> RolesPlan:
    """
    :raises DatalakeError: Access Analyzer finds an error in a trust, see access_analyzer.validate.
    """
    account, params = context.account, context.params
    after: Roles = {name: _planned(account, params, name, role) for name, role in before.items()}
    to_write = service_role_plan.policies_to_write(before, after)
    findings, warnings = access_analyzer.validate(account, to_write, params)
    action = NONE if after == before else MODIFIED
    return RolesPlan(action, after=after, policy_findings=findings, warnings=warnings)


def _plan_removal(before: Roles) -> RolesPlan:
    reasons = {name: service_role_plan.reason_to_stay(name, role) for name, role in before.items() if role}
    return _removal(before, {name: reason for name, reason in reasons.items() if reason})


def _removal(before: Roles, kept: dict[str, str]) -> RolesPlan:
    after = {name: role if name in kept else None for name, role in before.items()}
    return RolesPlan(NONE if after == before else DELETED, after=after, kept=kept)


def _users(context: _Context, before: Roles, plan: RolesPlan) -> RolesPlan:
    """The plan without the removal of roles that DMS still needs. Completing a role affects no user."""
    if plan.action != DELETED:
        return plan
    users = _users_of_dms(context.params, context.account.region)
    if not users:
        return plan
    needed = [name for name, role in before.items() if role and name not in plan.kept]
    return _removal(before, {**plan.kept, **{n: service_role_plan.reason_of_users(n, users) for n in needed}})


def _apply_completion(change: _Change) -> Applied[Roles]:
    account, params = change.context.account, change.context.params
    return Applied({name: _create_or_complete(account, params, name, role) for name, role in change.existing.items()})


def _apply_removal(change: _Change) -> Applied[Roles]:
    for name, role in change.existing.items():
        if role and change.plan.after[name] is None:
            _remove(change.context.account.client("iam"), role)
    return Applied(change.plan.after)


def _result(outcome: Outcome[list[str], Roles, RolesPlan]) -> dict[str, Any]:
    context, plan, roles = outcome.change.context, outcome.change.plan, outcome.applied.resource or {}
    findings = [] if context.absent else service_role_plan.problems(roles, context.desired)
    return {
        "roles": roles,
        "made": [name for name, role in roles.items() if service_role_plan.is_made_by_us(role)],
        "kept": plan.kept,
        "findings": findings,
        "policy_findings": plan.policy_findings,
        "warnings": [*(f"{reason}." for reason in plan.kept.values()), *findings, *plan.warnings],
    }


# All deployments of an account share the roles, so a tag does not say who owns them, and a role keeps the tags that it was created with.
KIND = Kind(
    noun=lambda context: f"service roles {', '.join(context.desired)}",
    check=_check,
    read=_read,
    plan=_plan,
    users=_users,
    apply={MODIFIED: _apply_completion, DELETED: _apply_removal},
    predicted=lambda change: change.plan.after,
    view=lambda _context, roles, _tags, _values: roles,
    result=_result,
)


def _planned(account: Account, params: dict[str, Any], name: str, role: Role | None) -> Role:
    return service_role_plan.planned_role(name, role, account.identity, params["tags"] or {}, params["deployment"])


def _users_of_dms(params: dict[str, Any], region: str | None) -> list[str]:
    """The resources of DMS in these regions, as readable text. A region that can't be read is an error."""
    regions = dict.fromkeys(params["regions"] or ([region] if region else []))
    if not regions:
        raise DatalakeError(
            message="regions is required for state=absent, or region; set it to the regions in which the account has used DMS."
        )
    return [user for one in regions for user in _users_in(Account({**params, "region": one}).client("dms"), one)]


def _users_in(client: Any, region: str) -> list[str]:
    found = {
        "replication instance": [i["ReplicationInstanceIdentifier"] for i in list_instances(client)],
        "replication task": [t["ReplicationTaskIdentifier"] for t in list_all_tasks(client)],
        "serverless replication": [c["ReplicationConfigIdentifier"] for c in list_all_replication_configs(client)],
    }
    return [f"{kind} {name} in {region}" for kind, names in found.items() for name in names]


# The calls


def _create_or_complete(account: Account, params: dict[str, Any], name: str, role: Role | None) -> Role:
    """Create or complete one role, and return it."""
    client = account.client("iam")
    planned = _planned(account, params, name, role)
    if role is None:
        if _create_role(client, planned):
            role = {**planned, "attached_policies": []}
        else:
            role = read_role(client, name)
            if role is None:
                raise DatalakeError(
                    message=f"The role {name} was created and deleted by others at the same time; run again."
                )
            planned = _planned(account, params, name, role)
    if role["assume_role_policy_document"] != planned["assume_role_policy_document"]:
        _update_trust(client, name, planned["assume_role_policy_document"])
    for arn in set(planned["attached_policies"]) - set(role["attached_policies"]):
        _attach_policy(client, name, arn)
    return planned


def _remove(client: Any, role: Role) -> None:
    for arn in role["attached_policies"]:
        iam.detach_iam_role_policy(client, arn, role["role_name"])
    _delete_role(client, role["role_name"])


@IAMErrorHandler.common_error_handler("create the service role")
@_one_by_one
def _create_role(client: Any, role: Role) -> bool:
    """CreateRole; False if the role exists already, created by others or by our first request, whose answer was lost."""
    try:
        client.create_role(
            RoleName=role["role_name"],
            Path=role["path"],
            AssumeRolePolicyDocument=json.dumps(role["assume_role_policy_document"]),
            Description="Used by AWS DMS in all regions of this account",
            Tags=ansible_dict_to_boto3_tag_list(role["tags"]),
        )
    except is_boto3_error_code("EntityAlreadyExists"):
        return False
    return True


@IAMErrorHandler.common_error_handler("update the service role's trust")
@_one_by_one
def _update_trust(client: Any, name: str, document: dict[str, Any]) -> None:
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))


@IAMErrorHandler.common_error_handler("attach AWS's policy to the service role")
@_one_by_one
def _attach_policy(client: Any, name: str, arn: str) -> None:
    client.attach_role_policy(RoleName=name, PolicyArn=arn)


@IAMErrorHandler.deletion_error_handler("delete the service role")
@_one_by_one
def _delete_role(client: Any, name: str) -> None:
    client.delete_role(RoleName=name)
