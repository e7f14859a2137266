# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the access role of one endpoint and its policy. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils import iam
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Identity
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import check_deployment, check_owner
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import (
    DEPLOYMENT_TAG,
    IAM_TAGS,
    check_required,
    check_tags,
    planned_tags,
)
from ansible_collections.datalake.dms.plugins.module_utils._policies import access_analyzer, trusts
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import (
    Access,
    access_policy,
    check_access,
)

# The value of bootstrap_trust with which the trust is open, and the role has no policy, until the ExternalId is known.
POWERLESS = "powerless"
# Sessions are denied until so long after that trust is closed, in seconds: IAM's changes are not effective everywhere at once, and clocks differ.
CLOSING_SECONDS = 30

# The present or the desired state, as in `diff`: {"role": {...} | None, "policy": {...} | None}.
State = dict[str, Any]


def check_options(params: dict[str, Any], former: bool = False) -> None:
    """Check the options before any call.

    :param former: whether bucket, folder and key are those of a former endpoint. AWS has accepted them, so they are not checked.
    :raises DatalakeError: with what to do.
    """
    for kind, name in (("role", params["role_name"]), ("policy", policy_name(params))):
        problem = iam.validate_iam_identifiers(kind, name, params["path"])
        if problem:
            raise DatalakeError(
                message=f"{kind}_name={name}, path={params['path']}: {problem}; choose another name or path."
            )
    check_deployment(params["deployment"])
    if params["state"] == "absent":
        return
    if not former:
        check_tags(params["tags"], params["deployment"], IAM_TAGS)
    if not params["bucket_name"]:
        raise DatalakeError(
            message="bucket_name is required for state=present; set it to the bucket that the endpoint writes to."
        )
    if not 1 <= params["trust_length_limit"] <= trusts.TRUST_LENGTH_MAX:
        raise DatalakeError(
            message=f"trust_length_limit={params['trust_length_limit']} must be 1 to {trusts.TRUST_LENGTH_MAX}, the most that IAM allows."
        )
    if not former:
        check_access(Access.of(params))
    trusts.check_request(trust_request(params), params["trust_length_limit"])


def check_owners(before: State, params: dict[str, Any]) -> None:
    """Check that role and policy belong to the deployment. A role that is to be removed must also have the path, and trust DMS.

    :raises DatalakeError: see ownership.check_owner; or the role to remove has another path or does not trust DMS.
    """
    role, removal = before["role"], params["state"] == "absent"
    if role:
        check_owner(f"role {role['role_name']}", role["tags"], params)
    if before["policy"] and not (removal and is_strangers_policy(before, params["deployment"])):
        check_owner(f"policy {before['policy']['policy_name']}", before["policy"]["tags"], params)
    if not (role and removal and params["deployment"]):
        return
    if role["path"] != params["path"]:
        raise DatalakeError(
            message=f"The role {role['role_name']} has path {role['path']}, not path={params['path']}, and is not removed; set path to "
            "the role's path to remove it."
        )
    if not trusts.admits_dms(role["assume_role_policy_document"]):
        raise DatalakeError(
            message=f"The role {role['role_name']} does not trust DMS, so it is not an access role, and is not removed; correct "
            "role_name, or remove the role by hand."
        )


def is_own(role: dict[str, Any], deployment: str, path: str, arn_before: str) -> bool:
    """Whether a role of the other access mode belongs to this deployment: by tag and path. Without a deployment, it must be the former role.

    :param role: see access_role.read_role. :param arn_before: ARN of the endpoint's role before this run; empty for none.
    """
    if deployment:
        return role["tags"].get(DEPLOYMENT_TAG) == deployment and role["path"] == path
    return bool(arn_before) and role["arn"] == arn_before


def is_strangers_policy(before: State, deployment: str | None) -> bool:
    """Whether a policy does not belong to the deployment, because it has no deployment tag. Without a deployment: False."""
    return bool(deployment and before["policy"] and not before["policy"]["tags"].get(DEPLOYMENT_TAG))


def refuse_power(before: State, params: dict[str, Any]) -> None:
    """Check that a role whose trust is to be open can do nothing once its own policy is detached.

    :raises DatalakeError: it has policies of others.
    """
    if policies := foreign_policies(before):
        raise DatalakeError(
            message=f"The role {params['role_name']} has policies of others ({', '.join(policies)}), so bootstrap_trust=powerless must not open its "
            "trust; detach or delete them, or choose another bootstrap_trust."
        )


def needs_denial(before: State, trust: trusts.TrustPlan, arn: str, params: dict[str, Any]) -> bool:
    """Whether the policy that is attached now must deny earlier sessions, because the trust may have been open without it.

    :param trust: the desired one. :param arn: of the policy.
    """
    role = before["role"]
    if role is None or trust.is_open or arn in role["attached_policies"]:
        return False
    ours = trusts.own_statement(role["assume_role_policy_document"])
    # A role that somebody made by hand has no such statement: its sessions are those of tasks that run.
    return ours is not None and (params["bootstrap_trust"] == POWERLESS or trusts.is_open(ours))


def plan_state(
    before: State,
    identity: Identity,
    trust: dict[str, Any],
    policy: dict[str, Any],
    params: dict[str, Any],
    is_attached: bool = True,
) -> State:
    """The desired role and policy. A document that is equivalent to the present one is left as it is.

    :param is_attached: whether the role is to have its policy.
    :raises DatalakeError: the role exists with another path, which IAM can't change, or a required tag would be missing.
    """
    role, current_policy = before["role"] or {}, before["policy"] or {}
    if role and role["path"] != params["path"]:
        raise DatalakeError(
            message=f"The role {params['role_name']} exists with path {role['path']}, and IAM can't change it to path={params['path']}; "
            "set path to the role's path, or remove the role first."
        )
    arn = policy_arn(identity, params)
    tags = {name: params[name] for name in ("tags", "purge_tags", "deployment")}
    role_tags = planned_tags(role.get("tags", {}), **tags)
    policy_tags = planned_tags(current_policy.get("tags", {}), **tags)
    check_required(f"role {params['role_name']}", role_tags, params["required_tags"])
    check_required(f"policy {policy_name(params)}", policy_tags, params["required_tags"])
    return {
        "role": {
            "role_name": params["role_name"],
            "arn": f"arn:{identity.partition}:iam::{identity.account_id}:role{params['path']}{params['role_name']}",
            "path": params["path"],
            "assume_role_policy_document": _unless_equal(role.get("assume_role_policy_document"), trust),
            "permissions_boundary": params["permissions_boundary"] or role.get("permissions_boundary"),
            "attached_policies": sorted(
                {*role.get("attached_policies", []), arn}
                if is_attached
                else {*role.get("attached_policies", [])} - {arn}
            ),
            "inline_policies": role.get("inline_policies", []),
            "tags": role_tags,
        },
        "policy": {
            "policy_name": policy_name(params),
            "arn": arn,
            "document": _unless_equal(current_policy.get("document"), policy),
            "tags": policy_tags,
        },
    }


def outcome(before: State, after: State) -> dict[str, Any]:
    """The common part of all results: changed, diff, role, policy."""
    return {"changed": before != after, "diff": {"before": before, "after": after}, **after}


def policies_to_write(before: State, after: State) -> list[access_analyzer.Policy]:
    """The documents that the run writes. Unchanged ones are left out."""
    role, policy = after["role"], after["policy"]
    is_same_trust = (before["role"] or {}).get("assume_role_policy_document") == role["assume_role_policy_document"]
    is_same_policy = (before["policy"] or {}).get("document") == policy["document"]
    return [
        *(
            []
            if is_same_trust
            else [access_analyzer.trust_policy(role["role_name"], role["assume_role_policy_document"])]
        ),
        *([] if is_same_policy else [access_analyzer.identity_policy(policy["policy_name"], policy["document"])]),
    ]


# What the options mean


def policy_name(params: dict[str, Any]) -> str:
    """The policy's name; by default the role's name."""
    return str(params["policy_name"] or params["role_name"])


def policy_arn(identity: Identity, params: dict[str, Any]) -> str:
    """The ARN that the policy has or will have."""
    return f"arn:{identity.partition}:iam::{identity.account_id}:policy{params['path']}{policy_name(params)}"


def policy_document(identity: Identity, region: str | None, params: dict[str, Any]) -> dict[str, Any]:
    """The policy that the role is to have.

    :raises DatalakeError: glue_catalog_generation without a region, which is part of the catalog's ARN.
    """
    if params["glue_catalog_generation"] and not region:
        raise DatalakeError(
            message="region is required with glue_catalog_generation=true; set it to the region of the Glue catalog."
        )
    return access_policy(Access.of(params), identity.partition, region or "", identity.account_id)


def trust_request(params: dict[str, Any]) -> trusts.TrustRequest:
    """The trust that the options ask for."""
    return trusts.TrustRequest(
        external_ids=tuple(params["external_ids"]),
        purge_external_ids=params["purge_external_ids"],
        bootstrap=params["bootstrap_trust"],
        source_account=params["source_account"],
        source_arn=params["source_arn"],
        principals=tuple(params["service_principals"]),
        purge_statements=params["purge_trust_statements"],
    )


# What IAM answers


def role_view(role: dict[str, Any], attached: list[str], inline: list[str]) -> dict[str, Any]:
    """A role of GetRole, with the ARNs of its managed policies and the names of its inline ones, as the module returns it."""
    return {
        "role_name": role["RoleName"],
        "arn": role["Arn"],
        "path": role["Path"],
        "assume_role_policy_document": role["AssumeRolePolicyDocument"],
        "permissions_boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "attached_policies": sorted(attached),
        "inline_policies": sorted(inline),
        "tags": boto3_tag_list_to_ansible_dict(role.get("Tags", [])),
    }


def policy_view(policy: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """A managed policy of GetPolicy with the document of its default version, as the module returns it."""
    return {
        "policy_name": policy["PolicyName"],
        "arn": policy["Arn"],
        "document": document,
        "tags": boto3_tag_list_to_ansible_dict(policy.get("Tags", [])),
    }


def foreign(state: State) -> dict[str, Any]:
    """What others added to the role: statements of its trust, managed policies, inline policies."""
    role, policy = state["role"] or {}, state["policy"] or {}
    return {
        "trust_statements": trusts.foreign_statements(role.get("assume_role_policy_document", {})),
        "attached_policies": [arn for arn in role.get("attached_policies", []) if arn != policy.get("arn")],
        "inline_policies": role.get("inline_policies", []),
    }


def foreign_policies(state: State) -> list[str]:
    """The policies that others added to the role: ARNs of managed ones, names of inline ones."""
    others = foreign(state)
    return [*others["attached_policies"], *others["inline_policies"]]


def _unless_equal(current: dict[str, Any] | None, desired: dict[str, Any]) -> dict[str, Any]:
    """The present document if it is equivalent to the desired one, in any order; else the desired one."""
    return current if current and not compare_policies(current, desired) else desired
