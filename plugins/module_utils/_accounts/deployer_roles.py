# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles that the playbooks assume: their trusts, policies and boundaries, from permissions.py. Pure.

They have their own IAM path, and no policy here allows to change anything under it. The boundary of the access roles has that path, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import ACCESS_MODES, DMS, LAKE, SIDES
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_scope import (
    ACCESS_BOUNDARY,
    ACCESS_PATH,
    DEPLOYER_BOUNDARY,
    DEPLOYERS_PATH,
    DeployerScope,
    check,
    deployer_role_name,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.permissions import (
    HOME,
    HOME_AND_LAKE,
    KINDS,
    PROFILE_SIDES,
    PROFILES,
    needs_of_profile,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.service_role_plan import SERVICE_ROLES, policy_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_account_id
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import Access, access_policy
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import (
    POLICY_LENGTH,
    VERSION,
    as_list,
    document_length,
)
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import DMS_PRINCIPAL

_POLICIES_PER_ROLE = 10

Document = dict[str, Any]


def deployer_access(
    deployment: DeployerScope, sides: Iterable[str], existing: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Everything that the account of these sides needs: {path, policies: [{name, arn, document}], roles: [{name, arn, profile, trust, boundary,
    policies}], documents: [{name, kind, document}]}, the latter for dms_policy_validation.

    :param existing: the roles of all deployments that the account has, {arn, assume_role_policy_document}.
    :raises DatalakeError: an option is invalid, or would grant too much.
    """
    check(deployment)
    policies: dict[str, dict[str, Any]] = {}
    roles: list[dict[str, Any]] = []
    for side in sides:
        of_side, with_policies = _side_access(deployment, side)
        policies |= {policy["arn"]: policy for policy in with_policies}
        roles += of_side
    _refuse_used_ids(deployment, roles, existing)
    return {
        "path": f"{DEPLOYERS_PATH}{deployment.name}/",
        "policies": list(policies.values()),
        "roles": roles,
        "documents": [
            *({"name": p["name"], "kind": "identity", "document": p["document"]} for p in policies.values()),
            *({"name": role["name"], "kind": "trust", "document": role["trust"]} for role in roles),
        ],
    }


def _side_access(deployment: DeployerScope, side: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Roles and policies of one side."""
    boundaries = [(DEPLOYER_BOUNDARY, deployer_boundary(deployment, side))]
    if side in deployment.homes:
        boundaries.append((ACCESS_BOUNDARY, access_boundary(deployment, side)))
    policies, roles = [_policy(deployment, side, *boundary) for boundary in boundaries], []
    for profile in PROFILES:
        if side in PROFILE_SIDES[profile]:
            name = deployer_role_name(deployment.name, side, profile)
            documents = [
                _policy(deployment, side, f"{name}-{number}" if number > 1 else name, document)
                for number, document in enumerate(profile_documents(deployment, side, profile), 1)
            ]
            policies += documents
            roles.append(
                {
                    "name": name,
                    "arn": deployer_role_arn(deployment, side, profile),
                    "profile": profile,
                    "trust": trust(deployment, side),
                    "boundary": deployment.boundary_arn(side, DEPLOYER_BOUNDARY),
                    "policies": [policy["arn"] for policy in documents],
                }
            )
    return roles, policies


def deployer_role_arn(deployment: DeployerScope, side: str, profile: str) -> str:
    """The ARN of the role that a side's playbooks of a profile assume."""
    name = deployer_role_name(deployment.name, side, profile)
    return deployment.iam_arn(side, f"role{DEPLOYERS_PATH}{deployment.name}/{name}")


def _refuse_used_ids(
    deployment: DeployerScope, roles: list[dict[str, Any]], existing: Iterable[dict[str, Any]]
) -> None:
    """
    :raises DatalakeError: another role can be assumed with an external id of one of `roles`.
    """
    own_trusts = {role["arn"]: role["trust"] for role in roles}
    ids = {external_id for document in own_trusts.values() for external_id in external_ids_of(document)}
    # Roles of this deployment are left out: a role may still have an old id.
    own = f":role{DEPLOYERS_PATH}{deployment.name}/"
    users = [
        role["arn"]
        for role in existing
        if role["arn"] not in own_trusts
        and own not in role["arn"]
        and ids & external_ids_of(role["assume_role_policy_document"])
    ]
    if users:
        raise DatalakeError(
            message=f"{', '.join(sorted(users))} can already be assumed with an external id of {deployment.name}, and each account and "
            "environment needs its own; choose another one in external_ids."
        )


def external_ids_of(document: Document) -> set[str]:
    """The external ids that a trust requires."""
    conditions = [
        statement.get("Condition", {}).get("StringEquals", {}) for statement in as_list(document.get("Statement"))
    ]
    return {external_id for condition in conditions for external_id in as_list(condition.get("sts:ExternalId"))}


def _policy(deployment: DeployerScope, side: str, name: str, document: Document) -> dict[str, Any]:
    return {"name": name, "arn": deployment.boundary_arn(side, name), "document": document}


# Permissions of the playbooks


def profile_documents(deployment: DeployerScope, side: str, profile: str) -> list[Document]:
    """The policies of a profile, as few as IAM's length limit allows."""
    documents: list[Document] = []
    for statement in _statements(
        deployment, side, needs_of_profile(profile, deployment.access_modes, deployment.account_wide)
    ):
        fuller = _document([*(documents[-1]["Statement"] if documents else []), statement])
        if documents and document_length(fuller) <= POLICY_LENGTH:
            documents[-1] = fuller
        else:
            documents.append(_document([statement]))
    too_long = [d["Statement"][0]["Sid"] for d in documents if document_length(d) > POLICY_LENGTH]
    if too_long or len(documents) > _POLICIES_PER_ROLE:
        raise DatalakeError(
            message=f"The policies of profile {profile} of {deployment.name} would exceed IAM's limits ({POLICY_LENGTH} characters each, "
            f"{_POLICIES_PER_ROLE} per role); distribute its buckets and keys over several deployments."
        )
    return documents


def _statements(deployment: DeployerScope, side: str, needs: dict[str, tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """One statement for all actions with the same resources and conditions."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    known: set[tuple[str, ...]] = set()
    for kind, actions in needs.items():
        for action in actions if side in sides_of(deployment, kind) else ():
            conditions = _conditions_of(kind, action)
            # Two kinds may mean the same resources, such as the data-lake account and the account of the access roles.
            grant = (action, *_resources(deployment, side, kind), *conditions)
            if grant not in known:
                known.add(grant)
                grouped.setdefault((kind, conditions), []).append(action)
    for (kind, conditions), granted in grouped.items():
        if "service_policy" in conditions:
            yield from _service_role_statements(deployment, side, granted)
            continue
        resources = _resources(deployment, side, kind)
        if resources:
            sid = "".join(word.capitalize() for word in [*kind.split("_"), *"_".join(conditions).split("_")])
            condition = _merged(_condition(deployment, side, name) for name in conditions)
            yield _allow(sid, granted, resources, condition)


def sides_of(deployment: DeployerScope, kind: str) -> list[str]:
    """The sides that have resources of a kind."""
    with_lake = [side for side in SIDES if side == LAKE or side in deployment.homes]
    return {HOME: deployment.homes, HOME_AND_LAKE: with_lake}.get(KINDS[kind][0], [KINDS[kind][0]])


def _conditions_of(kind: str, action: str) -> tuple[str, ...]:
    """The names of the conditions of an action on a kind of resource."""
    if kind == "service_role":
        return ("service_policy",) if action in ("iam:AttachRolePolicy", "iam:DetachRolePolicy") else ()
    found = {
        "iam:CreateRole": ("boundary",),
        "iam:PutRolePermissionsBoundary": ("boundary",),
        "iam:AttachRolePolicy": ("boundary", "own_policy"),
        "iam:DetachRolePolicy": ("own_policy",),
        "iam:PassRole": ("passed_to_dms",),
    }.get(action, ())
    if kind == "journal_key":
        found = (*found, "via_s3")
    # The region is not a condition for a global service, nor where the ARN has the region.
    named = (
        "endpoint",
        "local_endpoint",
        "task",
        "subscription",
        "instance",
        "any_instance",
        "key",
        "journal_key",
        "any_key",
        "alias",
    )
    return found if action.startswith("iam:") or kind in named else (*found, "region")


def _condition(deployment: DeployerScope, side: str, name: str) -> dict[str, dict[str, Any]]:
    if name == "boundary":
        return {"StringEquals": {"iam:PermissionsBoundary": deployment.boundary_arn(side)}}
    if name == "own_policy":
        return {"ArnLike": {"iam:PolicyARN": _resources(deployment, side, "access_policy")}}
    if name == "passed_to_dms":
        return {"StringEquals": {"iam:PassedToService": DMS_PRINCIPAL}}
    if name == "via_s3":
        # In China, services have another suffix.
        return {"StringLike": {"kms:ViaService": [f"s3.{region}.amazonaws.com*" for region in deployment.regions]}}
    return {"StringEquals": {"aws:RequestedRegion": list(deployment.regions)}}


def _merged(conditions: Iterable[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for condition in conditions:
        for operator, keys in condition.items():
            found.setdefault(operator, {}).update(keys)
    return found


def _resources(deployment: DeployerScope, side: str, kind: str) -> list[str]:
    """The ARNs of a kind; empty where the deployment has none."""
    d, s3 = deployment, f"arn:{deployment.partition}:s3:::"
    journals = f"{d.journal_prefix.strip('/')}/*".lstrip("/")
    # As the role landing_bucket names them.
    aliases = [name.replace(".", "-") for name in d.bucket_names]
    dms = [f"arn:{d.partition}:dms:{region}:{d.dms_account_id}" for region in d.regions]
    return {
        "dms_account": ["*"],
        "role_account": ["*"],
        "lake_account": ["*"],
        "any_key": [f"arn:{d.partition}:kms:{region}:{d.lake_account_id}:key/*" for region in d.regions],
        "alias": [
            f"arn:{d.partition}:kms:{region}:{d.lake_account_id}:alias/{name}"
            for region in d.regions
            for name in aliases
        ],
        "endpoint": [f"{arn}:endpoint:*" for arn in dms],
        "local_endpoint": [f"{arn}:endpoint:*" for arn in dms] if d.has_local_endpoints else [],
        "task": [f"{arn}:task:*" for arn in dms],
        "subscription": [f"{arn}:es:*" for arn in dms],
        "any_instance": [f"{arn}:rep:*" for arn in dms],
        "instance": list(d.replication_instance_arns),
        "passed_role": [d.iam_arn(home, f"role{ACCESS_PATH}{d.name}/*") for home in d.homes],
        "journal_bucket": [f"{s3}{d.journal_bucket}"] if d.journal_bucket else [],
        "journal": [f"{s3}{d.journal_bucket}/{journals}"] if d.journal_bucket else [],
        "journal_key": [d.journal_kms_key_arn] if d.journal_bucket and d.journal_kms_key_arn else [],
        "absent_role": [d.iam_arn(side, f"role/{name}") for name in d.role_names],
        "access_role": [d.iam_arn(side, f"role{ACCESS_PATH}{d.name}/*")],
        "access_policy": [d.iam_arn(side, f"policy{ACCESS_PATH}{d.name}/*")],
        "service_role": [d.iam_arn(DMS, f"role/{name}") for name in SERVICE_ROLES],
        "bucket": [f"{s3}{name}" for name in d.bucket_names],
        "key": list(d.kms_key_arns),
    }[kind]


def _service_role_statements(deployment: DeployerScope, side: str, actions: list[str]) -> Iterator[dict[str, Any]]:
    """A statement for each service role, restricted to AWS's policy for it, because service roles have no boundary."""
    for name in SERVICE_ROLES:
        arn = policy_arn(name, deployment.partition)
        sid = "".join(word.capitalize() for word in name.split("-"))
        yield _allow(sid, actions, [deployment.iam_arn(side, f"role/{name}")], {"ArnEquals": {"iam:PolicyARN": arn}})


# Boundaries


def deployer_boundary(deployment: DeployerScope, side: str) -> Document:
    """The boundary of the deployer roles. It prevents privilege escalation, whatever policy such a role gets.

    The roles can change nothing under their own path. They can change only roles that have the access roles' boundary, and the service roles of DMS.
    Of IAM they can use only the actions that the playbooks need.
    """
    own = [deployment.iam_arn(side, f"{kind}{DEPLOYERS_PATH}*") for kind in ("role", "policy")]
    used = {
        a
        for profile in PROFILES
        for actions in needs_of_profile(profile, ACCESS_MODES, account_wide=True).values()
        for a in actions
    }
    allowed = sorted({action if action.startswith("iam:") else f"{action.split(':')[0]}:*" for action in used})
    boundary = {"StringNotEquals": {"iam:PermissionsBoundary": deployment.boundary_arn(side)}}
    unbound = ["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    return _document(
        [
            _allow("WhatPlaybooksUse", allowed, ["*"]),
            {"Sid": "NotTheDeployers", "Effect": "Deny", "NotAction": ["iam:Get*", "iam:List*"], "Resource": own},
            {
                "Sid": "NotWithoutBoundary",
                "Effect": "Deny",
                "Action": unbound,
                "NotResource": _resources(deployment, side, "service_role"),
                "Condition": boundary,
            },
        ]
    )


def access_boundary(deployment: DeployerScope, side: str) -> Document:
    """The boundary of the access roles: the most that an endpoint of this deployment can need."""
    allowed: dict[str, dict[str, Any]] = {}
    for document in _widest_policies(deployment, side):
        for statement in document["Statement"]:
            known = allowed.setdefault(statement["Sid"], {**statement, "Resource": []})
            known["Resource"] = list(dict.fromkeys([*known["Resource"], *statement["Resource"]]))
    buckets = [arn for name in deployment.bucket_names for arn in (f"arn:{deployment.partition}:s3:::{name}",)]
    return _document(
        [
            *allowed.values(),
            {"Sid": "NoIdentities", "Effect": "Deny", "Action": ["iam:*", "sts:*"], "Resource": "*"},
            {
                "Sid": "NoOtherBuckets",
                "Effect": "Deny",
                "Action": "s3:*",
                "NotResource": [resource for arn in buckets for resource in (arn, f"{arn}/*")],
            },
        ]
    )


def _widest_policies(deployment: DeployerScope, side: str) -> Iterator[Document]:
    account = deployment.account_of(side)
    for region in deployment.regions:
        for bucket in deployment.bucket_names:
            for key in deployment.kms_key_arns or [""]:
                widest = Access(bucket, None, key or None, glue_catalog_generation=True, canned_acl_for_objects="any")
                yield access_policy(widest, deployment.partition, region, account)


def trust(deployment: DeployerScope, side: str) -> Document:
    """The trust of the deployer roles: the principals, with the external id of this account and environment."""
    principals = [
        f"arn:{deployment.partition}:iam::{principal}:root" if is_account_id(principal) else principal
        for principal in deployment.principals
    ]
    return _document(
        [
            {
                "Sid": "Automation",
                "Effect": "Allow",
                "Principal": {"AWS": principals},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": deployment.external_ids[side]}},
            }
        ]
    )


def _document(statements: list[dict[str, Any]]) -> Document:
    return {"Version": VERSION, "Statement": statements}


def _allow(
    sid: str, actions: list[str], resources: list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement
