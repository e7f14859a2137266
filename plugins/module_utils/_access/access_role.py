# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The access role of one endpoint: read it, plan (role_plan.py), and create, modify or delete it.

`ensure` is what modules and action plugins call. It does not depend on AnsibleModule.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils import iam
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.iam import IAMErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)
from ansible_collections.datalake.dms.plugins.module_utils._access import role_plan
from ansible_collections.datalake.dms.plugins.module_utils._access.role_plan import State
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account, Identity
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import KNOWN_AFTER_CREATION, DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.ownership import DEPLOYMENT_SPEC
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import unless_done
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import DEPLOYMENT_TAG, TAGS_SPEC
from ansible_collections.datalake.dms.plugins.module_utils._policies import access_analyzer, trusts
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import denial_of, new_denial

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "role_name": {"type": "str", "required": True},
    "policy_name": {"type": "str"},
    "path": {"type": "str", "default": "/"},
    "permissions_boundary": {"type": "str"},
    "bucket_name": {"type": "str"},
    "bucket_folder": {"type": "str"},
    "server_side_encryption_kms_key_id": {"type": "str"},
    "glue_catalog_generation": {"type": "bool", "default": False},
    "canned_acl_for_objects": {"type": "str"},
    "external_ids": {"type": "list", "elements": "str", "default": []},
    "purge_external_ids": {"type": "bool", "default": False},
    "bootstrap_trust": {
        "type": "str",
        "choices": ["placeholder", "source_account", role_plan.POWERLESS],
        "default": "placeholder",
    },
    "source_account": {"type": "str"},
    "source_arn": {"type": "str"},
    "service_principals": {"type": "list", "elements": "str", "default": [trusts.DMS_PRINCIPAL]},
    "purge_trust_statements": {"type": "bool", "default": False},
    "trust_length_limit": {"type": "int", "default": trusts.TRUST_LENGTH},
    **TAGS_SPEC,
    **DEPLOYMENT_SPEC,
    **access_analyzer.VALIDATION_SPEC,
}

# The state in which neither role nor policy exists.
ABSENT: State = {"role": None, "policy": None}

# IAM keeps five versions of a managed policy. The new version takes one. Another is left free, because botocore sends a request twice if its answer
# is lost.
_VERSIONS_KEPT = 3


# How often role and policy are read again because others create them at the same time: the policy once, the role once.
_READS_AGAIN = 2


class _CreatedMeanwhile(DatalakeError):
    """Role or policy was created since it was read."""


def ensure(
    account: Account, params: dict[str, Any], check_mode: bool, existing: State | None = None, former: bool = False
) -> dict[str, Any]:
    """Bring role and policy into the state that the parameters ask for.

    :param params: the options of dms_crossaccount_role.
    :param existing: role and policy, if the caller has just written them or knows that they are ABSENT; else they are read. If one exists
        nevertheless, because another run creates it at the same time, it is read and completed.
    :param former: whether the access is that of a former endpoint, see role_plan.check_options.
    :returns: the module's result: changed, diff, role, policy, external_ids, bootstrapping, findings,
        policy_findings, foreign, warnings.
    :raises DatalakeError: an invalid option, before anything is changed. AnsibleAWSError: a call failed.
    """
    if check_mode:
        # dms_s3_endpoint returns this value in check mode until AWS has assigned an ExternalId.
        known = [one for one in params["external_ids"] if one != KNOWN_AFTER_CREATION]
        # With an id that is not known yet, the trust is not open any more.
        closed = {"bootstrap_trust": "placeholder"} if params["external_ids"] and not known else {}
        closes_later = params["bootstrap_trust"] == role_plan.POWERLESS
        params = {**params, "external_ids": known, **(closed if closes_later else {})}
    role_plan.check_options(params, former)
    client = account.client("iam")
    # The deployment tag shows whether what others create belongs to the same deployment.
    reads_again = _READS_AGAIN if params["deployment"] else 0
    while True:
        before = existing or read_state(client, account.identity, params)
        role_plan.check_owners(before, params)
        if params["state"] == "absent":
            return _ensure_absent(client, before, params, check_mode)
        try:
            return _ensure_present(client, before, account, params, check_mode)
        except _CreatedMeanwhile:
            existing, reads_again = None, reads_again - 1
            # A run with other settings would take the permission away from the endpoint of this policy.
            if reads_again < 0 or _has_other_policy(account, params):
                raise


def _has_other_policy(account: Account, params: dict[str, Any]) -> bool:
    """Whether the policy exists, belongs to the deployment, and is for another bucket, folder or key."""
    existing = read_policy(account.client("iam"), role_plan.policy_arn(account.identity, params))
    if not existing or existing["tags"].get(DEPLOYMENT_TAG) != params["deployment"]:
        return False
    return bool(
        compare_policies(existing["document"], role_plan.policy_document(account.identity, account.region, params))
    )


def read_state(client: Any, identity: Identity, params: dict[str, Any]) -> State:
    """Role and policy as they are (GetRole, ListAttachedRolePolicies, ListRolePolicies, GetPolicy, GetPolicyVersion)."""
    return {
        "role": read_role(client, params["role_name"]),
        "policy": read_policy(client, role_plan.policy_arn(identity, params)),
    }


def read_role(client: Any, name: str) -> dict[str, Any] | None:
    """A role with its policies (GetRole, ListAttachedRolePolicies, ListRolePolicies); None if it does not exist."""
    role = iam.get_iam_role(client, name)
    if not role:
        return None
    attached = [policy["PolicyArn"] for policy in iam.list_iam_role_attached_policies(client, name)]
    return role_plan.role_view(role, attached, iam.list_iam_role_policies(client, name))


def read_tags(client: Any, name: str) -> dict[str, str] | None:
    """The tags of a role (GetRole); None if it does not exist."""
    role = iam.get_iam_role(client, name)
    return dict(boto3_tag_list_to_ansible_dict(role.get("Tags", []))) if role else None


def _ensure_present(
    client: Any, before: State, account: Account, params: dict[str, Any], check_mode: bool
) -> dict[str, Any]:
    make_placeholder = trusts.unknown_placeholder if check_mode else trusts.new_placeholder
    current_trust = (before["role"] or {}).get("assume_role_policy_document")
    trust = trusts.plan_trust(current_trust, role_plan.trust_request(params), make_placeholder)
    trusts.check_length(trust.document, params["trust_length_limit"])
    if trust.is_open:
        role_plan.refuse_power(before, params)
    policy = _with_denial(
        role_plan.policy_document(account.identity, account.region, params), before, trust, account, params
    )
    after = role_plan.plan_state(before, account.identity, trust.document, policy, params, not trust.is_open)
    if before["policy"] and before["policy"]["document"] != after["policy"]["document"]:
        _refuse_shared_policy(client, before["policy"], params["role_name"])
    policy_findings, warnings = access_analyzer.validate(account, role_plan.policies_to_write(before, after), params)
    if not check_mode:
        _apply(client, before, after)
    return {
        **role_plan.outcome(before, after),
        "policy_findings": policy_findings,
        "external_ids": trust.external_ids,
        "bootstrapping": trust.bootstrapping,
        "findings": trust.findings,
        "foreign": role_plan.foreign(after),
        "warnings": [
            *warnings,
            *(
                f"{params['role_name']}: {finding}; the task removes that access."
                for finding in trust.findings
                # It is what the option asks for.
                if params["bootstrap_trust"] != role_plan.POWERLESS or trusts.STATEMENT_SID not in finding
            ),
        ],
    }


def _with_denial(
    policy: dict[str, Any], before: State, trust: trusts.TrustPlan, account: Account, params: dict[str, Any]
) -> dict[str, Any]:
    """The policy with the statement that denies earlier sessions, if there is one already or the policy is attached after the trust was open."""
    denial = denial_of((before["policy"] or {}).get("document"))
    if role_plan.needs_denial(before, trust, role_plan.policy_arn(account.identity, params), params):
        denial = new_denial(datetime.now(UTC) + timedelta(seconds=role_plan.CLOSING_SECONDS))
    return {**policy, "Statement": [*policy["Statement"], denial]} if denial else policy


def _ensure_absent(client: Any, before: State, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    warnings = []
    after: State = {"role": None, "policy": None}
    if before["role"]:
        _refuse_foreign_policies(before)
    if before["policy"] and _attached_elsewhere(client, before["policy"]["arn"], params["role_name"]):
        after["policy"] = before["policy"]
        warnings.append(f"policy {role_plan.policy_name(params)} is attached to other roles too and stays.")
    elif role_plan.is_strangers_policy(before, params["deployment"]):
        after["policy"] = before["policy"]
        warnings.append(
            f"policy {role_plan.policy_name(params)} has no tag of deployment {params['deployment']} and stays."
        )
    if not check_mode:
        _remove(client, before, after, params["role_name"])
    nothing = {"external_ids": [], "bootstrapping": False, "findings": [], "policy_findings": []}
    foreign = role_plan.foreign(after)
    return {**role_plan.outcome(before, after), **nothing, "foreign": foreign, "warnings": warnings}


def read_policy(client: Any, arn: str) -> dict[str, Any] | None:
    """A managed policy with its default version (GetPolicy, GetPolicyVersion); None if it does not exist."""
    try:
        policy = iam.get_iam_managed_policy_by_arn(client, arn)
    except is_ansible_aws_error_code("NoSuchEntity"):
        return None
    version = iam.get_iam_managed_policy_version(client, arn, policy["DefaultVersionId"])
    return role_plan.policy_view(policy, version["Document"])


def read_policy_versions(client: Any, arn: str) -> list[dict[str, Any]]:
    """The documents of all versions of a managed policy (ListPolicyVersions, GetPolicyVersion); empty if it does not exist."""
    try:
        versions = iam.list_iam_managed_policy_versions(client, arn)
    except is_ansible_aws_error_code("NoSuchEntity"):
        return []
    return [iam.get_iam_managed_policy_version(client, arn, version["VersionId"])["Document"] for version in versions]


def _refuse_foreign_policies(before: State) -> None:
    if policies := role_plan.foreign_policies(before):
        raise DatalakeError(
            message=f"The role {before['role']['role_name']} has policies that this module did not create ({', '.join(policies)}); "
            "detach or delete them, then remove the role."
        )


def _refuse_shared_policy(client: Any, policy: dict[str, Any], role_name: str) -> None:
    if _attached_elsewhere(client, policy["arn"], role_name):
        raise DatalakeError(
            message=f"The policy {policy['policy_name']} would change and is attached to more than the role {role_name}; choose "
            "another policy_name, because each endpoint needs its own policy."
        )


def _attached_elsewhere(client: Any, policy_arn: str, role_name: str) -> bool:
    entities = iam.list_iam_entities_for_policy(client, policy_arn) or {}
    roles = [r["RoleName"] for r in entities.get("PolicyRoles", [])]
    return bool(
        [*entities.get("PolicyUsers", []), *entities.get("PolicyGroups", []), *(r for r in roles if r != role_name)]
    )


# The calls


def _apply(client: Any, before: State, after: State) -> None:
    """Create or modify role and policy. After an interrupted run, some of them may exist already."""
    if before["role"]:
        # Before the trust is opened.
        for arn in set(before["role"]["attached_policies"]) - set(after["role"]["attached_policies"]):
            iam.detach_iam_role_policy(client, arn, after["role"]["role_name"])
        _update_role(client, before["role"], after["role"])
    if not before["policy"]:
        _create_policy(client, after["policy"])
    else:
        _update_policy(client, before["policy"], after["policy"])
    if not before["role"]:
        _create_role(client, after["role"])
    for arn in set(after["role"]["attached_policies"]) - set((before["role"] or {}).get("attached_policies", [])):
        _attach_role_policy(client, after["role"]["role_name"], arn)


def _remove(client: Any, before: State, after: State, role_name: str) -> None:
    if before["role"]:
        for arn in before["role"]["attached_policies"]:
            iam.detach_iam_role_policy(client, arn, role_name)
    if before["policy"] and not after["policy"]:
        _prune_versions(client, before["policy"]["arn"], keep=0)
        _delete_policy(client, before["policy"]["arn"])
    if before["role"]:
        # The role is deleted last. If the run is killed before, the next one finds the policy by its role.
        _delete_role(client, role_name)


def _update_role(client: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    name = after["role_name"]
    if before["assume_role_policy_document"] != after["assume_role_policy_document"]:
        _update_trust(client, name, after["assume_role_policy_document"])
    if before["permissions_boundary"] != after["permissions_boundary"]:
        _put_boundary(client, name, after["permissions_boundary"])
    to_set, to_unset = compare_aws_tags(before["tags"], after["tags"])
    if to_unset:
        untag_role(client, name, to_unset)
    if to_set:
        tag_role(client, name, to_set)


def _update_policy(client: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    arn = after["arn"]
    if before["document"] != after["document"]:
        _prune_versions(client, arn, keep=_VERSIONS_KEPT)
        _create_policy_version(client, arn, after["document"])
    to_set, to_unset = compare_aws_tags(before["tags"], after["tags"])
    iam.untag_iam_policy(client, arn, to_unset)
    iam.tag_iam_policy(client, arn, to_set)


@IAMErrorHandler.common_error_handler("create the access role")
def _create_role(client: Any, role: dict[str, Any]) -> None:
    """CreateRole. If the role exists already, it must equal the role that was sent, with its trust and tags."""
    boundary = {"PermissionsBoundary": role["permissions_boundary"]} if role["permissions_boundary"] else {}
    trust = role["assume_role_policy_document"]

    def is_created() -> bool:
        found = iam.get_iam_role(client, role["role_name"])
        existing = found and role_plan.role_view(found, [], [])
        names = ("path", "permissions_boundary", "tags")
        is_equal = bool(existing) and all(existing[name] == role[name] for name in names)
        return _is_sent(
            f"role {role['role_name']}", existing["assume_role_policy_document"] if is_equal else None, trust
        )

    with unless_done("EntityAlreadyExists", is_created):
        client.create_role(
            RoleName=role["role_name"],
            Path=role["path"],
            AssumeRolePolicyDocument=json.dumps(trust),
            Tags=ansible_dict_to_boto3_tag_list(role["tags"]),
            **boundary,
        )


@IAMErrorHandler.common_error_handler("create the access policy")
def _create_policy(client: Any, policy: dict[str, Any]) -> None:
    """CreatePolicy. If the policy exists already, it must equal the policy that was sent, with its document and tags."""
    name, path = policy["policy_name"], policy["arn"].split(":policy", 1)[1].rsplit("/", 1)[0] + "/"

    def is_created() -> bool:
        existing = read_policy(client, policy["arn"])
        document = existing["document"] if existing and existing["tags"] == policy["tags"] else None
        return _is_sent(f"policy {name}", document, policy["document"])

    with unless_done("EntityAlreadyExists", is_created):
        client.create_policy(
            PolicyName=name,
            Path=path,
            PolicyDocument=json.dumps(policy["document"]),
            Tags=ansible_dict_to_boto3_tag_list(policy["tags"]),
        )


def _is_sent(what: str, existing: dict[str, Any] | None, sent: dict[str, Any]) -> bool:
    """True: the existing document is what was sent.

    :raises DatalakeError: it is that of others.
    """
    if not existing or compare_policies(existing, sent):
        raise _CreatedMeanwhile(
            message=f"The {what} was created by others at the same time; run again to take it over as it is, or choose another name."
        )
    return True


@IAMErrorHandler.common_error_handler("update the access role's trust")
def _update_trust(client: Any, name: str, document: dict[str, Any]) -> None:
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))


@IAMErrorHandler.common_error_handler("set the access role's permissions boundary")
def _put_boundary(client: Any, name: str, arn: str) -> None:
    client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)


@IAMErrorHandler.common_error_handler("tag the access role")
def tag_role(client: Any, name: str, tags: dict[str, str]) -> None:
    """TagRole. :raises AnsibleAWSError: the call failed."""
    client.tag_role(RoleName=name, Tags=ansible_dict_to_boto3_tag_list(tags))


@IAMErrorHandler.common_error_handler("untag the access role")
def untag_role(client: Any, name: str, keys: list[str]) -> None:
    """UntagRole. :raises AnsibleAWSError: the call failed."""
    client.untag_role(RoleName=name, TagKeys=keys)


@IAMErrorHandler.common_error_handler("attach the access policy")
def _attach_role_policy(client: Any, name: str, arn: str) -> None:
    client.attach_role_policy(RoleName=name, PolicyArn=arn)


@IAMErrorHandler.deletion_error_handler("delete the access role")
def _delete_role(client: Any, name: str) -> None:
    client.delete_role(RoleName=name)


@IAMErrorHandler.common_error_handler("create a version of the access policy")
def _create_policy_version(client: Any, arn: str, document: dict[str, Any]) -> None:
    client.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)


def _prune_versions(client: Any, arn: str, keep: int) -> None:
    """Delete the oldest versions, so that at most `keep` remain. The default version is never deleted."""
    versions = sorted(iam.list_iam_managed_policy_versions(client, arn), key=lambda v: v["CreateDate"])
    idle = [v["VersionId"] for v in versions if not v["IsDefaultVersion"]]
    for version_id in idle[: max(0, len(versions) - keep)]:
        _delete_policy_version(client, arn, version_id)


@IAMErrorHandler.deletion_error_handler("delete an old version of the access policy")
def _delete_policy_version(client: Any, arn: str, version_id: str) -> None:
    client.delete_policy_version(PolicyArn=arn, VersionId=version_id)


@IAMErrorHandler.deletion_error_handler("delete the access policy")
def _delete_policy(client: Any, arn: str) -> None:
    client.delete_policy(PolicyArn=arn)
