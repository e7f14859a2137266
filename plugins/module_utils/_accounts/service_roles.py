# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account's service roles of DMS: read, decide (in _service_role_plan), call.

All migrations of an account share them, and each may run this at the same time: what somebody else made meanwhile is read again and completed.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils import iam
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import IAMErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.datalake.dms.plugins.module_utils._access.access_role import read_role
from ansible_collections.datalake.dms.plugins.module_utils._accounts import service_role_plan
from ansible_collections.datalake.dms.plugins.module_utils._accounts.service_role_plan import Role
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import check_deployment
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import retry_while
from ansible_collections.datalake.dms.plugins.module_utils._dms.instances import list_instances
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_configs import list_all_replication_configs
from ansible_collections.datalake.dms.plugins.module_utils._dms.replication_tasks import list_all_tasks
from ansible_collections.datalake.dms.plugins.module_utils._policies import access_analyzer

# Role by name, None where there is none.
Roles = dict[str, Any]

# IAM refuses two changes of one role at the same time.
_one_by_one = retry_while(["ConcurrentModification"], timeout=30, first_pause=0.5)


def ensure(account: Account, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Bring the service roles into the state that the parameters ask for.

    :param params: the options of dms_service_roles.
    :returns: the module's result: changed, diff, roles, made, kept, findings, policy_findings, warnings.
    :raises DatalakeError: a wrong option, before anything is changed. AnsibleAWSError: a call failed.
    """
    check_deployment(params["deployment"])
    if params["state"] == "absent":
        return _ensure_absent(account, params, check_mode)
    return _ensure_present(account, params, check_mode)


def read(client: Any, names: list[str]) -> Roles:
    """Each service role as it is, None where there is none (GetRole, ListAttachedRolePolicies, ListRolePolicies).

    :param client: of IAM.
    """
    return {name: read_role(client, name) for name in names}


def _ensure_present(account: Account, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    client, names = account.client("iam"), _names(params)
    before = read(client, names)
    after: Roles = {name: _planned(account, params, name, role) for name, role in before.items()}
    policy_findings, warnings = access_analyzer.validate(
        account, service_role_plan.policies_to_write(before, after), params
    )
    if not check_mode:
        after = {name: _make(account, params, name, role) for name, role in before.items()}
    findings = service_role_plan.problems(after, names)
    told = {"kept": {}, "findings": findings, "policy_findings": policy_findings, "warnings": [*findings, *warnings]}
    return {**_outcome(before, after), **told}


def _ensure_absent(account: Account, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    client = account.client("iam")
    before = read(client, _names(params))
    reasons = {n: service_role_plan.reason_to_stay(n, role) for n, role in before.items() if role}
    kept = {name: reason for name, reason in reasons.items() if reason}
    ours = [name for name in reasons if name not in kept]
    users = _users(params, account.region) if ours else []
    if users:
        kept |= {name: service_role_plan.reason_of_users(name, users) for name in ours}
    after: Roles = {name: role if name in kept else None for name, role in before.items()}
    if not check_mode:
        for name in set(reasons) - set(kept):
            _remove(client, before[name] or {})
    return {
        **_outcome(before, after),
        "kept": kept,
        "findings": [],
        "policy_findings": [],
        "warnings": [f"{reason}." for reason in kept.values()],
    }


def _names(params: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(params["roles"]))


def _outcome(before: Roles, after: Roles) -> dict[str, Any]:
    made = [name for name, role in after.items() if service_role_plan.is_made_by_us(role)]
    return {"changed": before != after, "diff": {"before": before, "after": after}, "roles": after, "made": made}


def _planned(account: Account, params: dict[str, Any], name: str, role: Role | None) -> Role:
    return service_role_plan.planned_role(name, role, account.identity, params["tags"] or {}, params["deployment"])


def _users(params: dict[str, Any], region: str | None) -> list[str]:
    """What DMS still has in the named regions, as sentences' ends; a region that can't be asked is an error, not an empty one."""
    regions = dict.fromkeys(params["regions"] or ([region] if region else []))
    if not regions:
        raise DatalakeError(
            message="regions is needed for state=absent, or region: name those in which the account has used DMS."
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


def _make(account: Account, params: dict[str, Any], name: str, role: Role | None) -> Role:
    """Make or complete one role; the role as it is then."""
    client = account.client("iam")
    planned = _planned(account, params, name, role)
    if role is None:
        if _create_role(client, planned):
            role = {**planned, "attached_policies": []}
        else:
            role = read_role(client, name)
            if role is None:
                raise DatalakeError(
                    message=f"The role {name} was made and removed by somebody else in this very moment; run again."
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
    """CreateRole; False where the role is there by now, by somebody else or by a request of ours whose answer was lost."""
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
