# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All roles of an account that DMS may assume, with their policies, in few calls."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.iam import IAMErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._access.access_role import read_policy, read_role
from ansible_collections.datalake.dms.plugins.module_utils._access.role_plan import policy_view, role_view
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import admits_dms

# The most items that IAM puts into a page.
_PAGE = {"PageSize": 1000}

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "path_prefix": {"type": "str", "default": "/"},
    "role_names": {"type": "list", "elements": "str"},
    "exclude_role_names": {"type": "list", "elements": "str", "default": []},
    "account_authorization_details": {"type": "bool", "default": False},
}


def ensure(account: Account, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Read the roles.

    :param params: the options of dms_crossaccount_role_info.
    :returns: the module's result: changed, roles (sorted by name).
    :raises DatalakeError: a wrong option. AnsibleAWSError: a call failed.
    """
    if not params["path_prefix"].startswith("/"):
        raise DatalakeError(
            message=f"path_prefix={params['path_prefix']} must begin with a slash; write /{params['path_prefix']}."
        )
    client = account.client("iam")
    read = _by_account if params["account_authorization_details"] else _by_role
    return {"changed": False, "roles": sorted(read(client, params), key=lambda role: str(role["role_name"]))}


def _is_wanted(name: str, path: str, trust: dict[str, Any], params: dict[str, Any]) -> bool:
    named = params["role_names"] is None or name in params["role_names"]
    left_out = name in params["exclude_role_names"]
    return named and not left_out and path.startswith(params["path_prefix"]) and admits_dms(trust)


def _by_role(client: Any, params: dict[str, Any]) -> list[dict[str, Any]]:
    """ListRoles returns the trusts, but no tags. So the roles that DMS may assume are read one by one."""
    names = params["role_names"]
    if names is None:
        listed = list_roles(client, params["path_prefix"])
        names = [
            r["RoleName"] for r in listed if _is_wanted(r["RoleName"], r["Path"], r["AssumeRolePolicyDocument"], params)
        ]
    roles = [read_role(client, name) for name in dict.fromkeys(names) if name not in params["exclude_role_names"]]
    wanted = [r for r in roles if r and _is_wanted(r["role_name"], r["path"], r["assume_role_policy_document"], params)]
    return [{**role, "policies": _read_policies(client, role)} for role in wanted]


def _read_policies(client: Any, role: dict[str, Any]) -> list[dict[str, Any]]:
    """The customer managed policies of a role. AWS managed policies are left out."""
    policies = [read_policy(client, arn) for arn in role["attached_policies"] if is_arn(arn, "policy")]
    return [policy for policy in policies if policy]


def _by_account(client: Any, params: dict[str, Any]) -> list[dict[str, Any]]:
    """GetAccountAuthorizationDetails returns everything but the tags of policies."""
    details = account_details(client)
    own = [policy for policy in details["Policies"] if is_arn(policy["Arn"], "policy")]
    policies = {policy["Arn"]: _policy_view_without_tags(policy) for policy in own}
    roles = [_role_view_of_details(role) for role in details["RoleDetailList"]]
    wanted = [r for r in roles if _is_wanted(r["role_name"], r["path"], r["assume_role_policy_document"], params)]
    return [{**r, "policies": [policies[arn] for arn in r["attached_policies"] if arn in policies]} for r in wanted]


def _role_view_of_details(role: dict[str, Any]) -> dict[str, Any]:
    attached = [policy["PolicyArn"] for policy in role.get("AttachedManagedPolicies", [])]
    return role_view(role, attached, [policy["PolicyName"] for policy in role.get("RolePolicyList", [])])


def _policy_view_without_tags(policy: dict[str, Any]) -> dict[str, Any]:
    document = next(version["Document"] for version in policy["PolicyVersionList"] if version["IsDefaultVersion"])
    return {**policy_view(policy, document), "tags": None}


@IAMErrorHandler.common_error_handler("list the roles")
def list_roles(client: Any, path_prefix: str) -> list[dict[str, Any]]:
    """The account's roles under a path (ListRoles, all pages)."""
    pages = client.get_paginator("list_roles").paginate(PathPrefix=path_prefix, PaginationConfig=_PAGE)
    return list(pages.build_full_result()["Roles"])


@IAMErrorHandler.common_error_handler("read the account's authorization details")
def account_details(client: Any) -> dict[str, Any]:
    """RoleDetailList and Policies of GetAccountAuthorizationDetails, all pages."""
    pages = client.get_paginator("get_account_authorization_details").paginate(
        Filter=["Role", "LocalManagedPolicy"], PaginationConfig=_PAGE
    )
    return dict(pages.build_full_result())
