# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orphans: resources that a deployment created and no host declares any more. Pure.

A resource belongs to a deployment only if all three match: tag, IAM path, shape. An endpoint must be an S3 target whose role is under the IAM path
of the deployment. A role must be under that path and trust DMS. A policy must be attached to that role and have the tag itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._accounts.service_role_plan import SERVICE_ROLES
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, role_path
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import DEPLOYMENT_TAG
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import granted_resources
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import admits_dms


@dataclass(frozen=True)
class Names:
    """What identifies a host's endpoint and role: their names, accounts and region."""

    deployment: str
    endpoint_identifier: str
    region: str
    dms_account_id: str
    lake_account_id: str
    role_name: str
    role_path: str


def names_of(host: Host) -> Names:
    """The names of what a host declares."""
    return Names(
        deployment=host.deployment,
        endpoint_identifier=host.identifier,
        region=host.dms.region,
        dms_account_id=host.dms_account_id,
        lake_account_id=host.lake_account_id,
        role_name=host.role_name,
        role_path=host.role["path"],
    )


def orphans(
    endpoints: list[dict[str, Any]], roles: list[dict[str, Any]], deployment: str, declared: list[Names]
) -> list[dict[str, Any]]:
    """The endpoints of a deployment that no host declares, each with its role, and the roles whose endpoint is gone.

    A role that another endpoint uses is not listed. A role that several orphans use is listed once they are gone.

    :param endpoints: results of dms_s3_endpoint_info for all accounts and regions of the deployment; duplicates are allowed.
    :param roles: results of dms_crossaccount_role_info for all accounts of the deployment; duplicates are allowed.
    :param declared: the names of all hosts, also of other deployments.
    :returns: dictionaries, sorted: deployment, endpoint_identifier, endpoint_arn (None for a role alone), role_name, role_arn, path (None for
        an endpoint alone), admitted_by (bucket_name, kms_key_arn and lake_account_id, if the role is in the DMS account and policies of the
        data-lake account admit it; else None), policy_names, foreign_policies (policies of others on the role, which block its removal), text.
    """
    paths = {one.role_path for one in declared if one.deployment == deployment}
    existing = {e["endpoint_arn"]: e for e in endpoints if e.get("status") != "deleting"}
    gone = {
        arn: e
        for arn, e in existing.items()
        if _is_of_deployment(e, deployment, paths) and not _is_declared(e, declared)
    }
    users = Counter(_role_of(endpoint) for endpoint in existing.values())
    undeclared_roles = _undeclared_roles(roles, deployment, paths, declared)
    pairs = [(e, undeclared_roles.get(_role_of(e) or "") if users[_role_of(e)] == 1 else None) for e in gone.values()]
    alone = [(None, role) for arn, role in undeclared_roles.items() if not users[arn]]
    lakes = {one.dms_account_id: one.lake_account_id for one in declared if one.dms_account_id != one.lake_account_id}
    found = [_entry(deployment, endpoint, role, lakes) for endpoint, role in [*pairs, *alone]]
    return sorted(found, key=lambda entry: (_short_name(entry), entry["endpoint_arn"] or entry["role_arn"]))


def _undeclared_roles(
    roles: list[dict[str, Any]], deployment: str, paths: set[str], declared: list[Names]
) -> dict[str, dict[str, Any]]:
    """The access roles of a deployment that no host declares, by ARN."""
    # In both accounts, because each access mode has its role in another one.
    names = {
        (account, one.role_name.lower()) for one in declared for account in (one.dms_account_id, one.lake_account_id)
    }
    return {
        role["arn"]: role
        for role in roles
        if _has_tag(role, deployment)
        and role["path"] in paths
        and admits_dms(role["assume_role_policy_document"])
        # Service roles of the account belong to no endpoint, and other deployments need them too.
        and role["role_name"] not in SERVICE_ROLES
        and (account_of(role["arn"]), role["role_name"].lower()) not in names
    }


def orphan_names(entries: list[dict[str, Any]]) -> list[str]:
    """A name for each orphan: the endpoint's identifier, or the role's name; the ARN where several have the same name."""
    times = Counter(map(_short_name, entries))
    return [e["endpoint_arn"] or e["role_arn"] if times[_short_name(e)] > 1 else _short_name(e) for e in entries]


def _short_name(entry: dict[str, Any]) -> str:
    return str(entry["endpoint_identifier"] or entry["role_name"])


def _has_tag(resource: dict[str, Any], deployment: str) -> bool:
    return bool(deployment) and (resource["tags"] or {}).get(DEPLOYMENT_TAG) == deployment


def _is_of_deployment(endpoint: dict[str, Any], deployment: str, paths: set[str]) -> bool:
    is_s3_target = endpoint.get("engine_name") == "s3" and endpoint.get("endpoint_type", "").lower() == "target"
    return is_s3_target and _has_tag(endpoint, deployment) and role_path(_role_of(endpoint) or "") in paths


def _is_declared(endpoint: dict[str, Any], declared: list[Names]) -> bool:
    region, account = endpoint["endpoint_arn"].split(":")[3:5]
    place = (account, region, endpoint["endpoint_identifier"].lower())
    return any(place == (one.dms_account_id, one.region, one.endpoint_identifier.lower()) for one in declared)


def _role_of(endpoint: dict[str, Any]) -> str | None:
    role = endpoint.get("s3_settings", {}).get("service_access_role_arn") or endpoint.get("service_access_role_arn")
    return str(role) if role else None


def _entry(
    deployment: str, endpoint: dict[str, Any] | None, role: dict[str, Any] | None, lakes: dict[str, str]
) -> dict[str, Any]:
    policies = [p for p in role["policies"] if _has_tag(p, deployment)] if role else []
    own = {policy["arn"] for policy in policies}
    foreign = [arn for arn in role["attached_policies"] if arn not in own] + role["inline_policies"] if role else []
    entry = {
        "deployment": deployment,
        "endpoint_identifier": endpoint["endpoint_identifier"] if endpoint else None,
        "endpoint_arn": endpoint["endpoint_arn"] if endpoint else None,
        "role_name": role["role_name"] if role else None,
        "role_arn": role["arn"] if role else None,
        "path": role["path"] if role else None,
        "admitted_by": _admitted_by(endpoint, role, policies, lakes),
        "policy_names": [policy["policy_name"] for policy in policies],
        "foreign_policies": foreign,
    }
    return {**entry, "text": _text(entry)}


def _admitted_by(
    endpoint: dict[str, Any] | None, role: dict[str, Any] | None, policies: list[dict[str, Any]], lakes: dict[str, str]
) -> dict[str, Any] | None:
    """The bucket and key whose policies admit a role of the DMS account, taken from the role's own policy.

    :param lakes: DMS account -> data-lake account, as the hosts declare it. The endpoint's expected_bucket_owner takes precedence.
    """
    lake = lakes.get(account_of(role["arn"]) or "") if role else None
    named = [granted_resources(policy["document"]) for policy in policies]
    if lake is None or not named or not named[0][0]:
        return None
    owner = (endpoint or {}).get("s3_settings", {}).get("expected_bucket_owner")
    return {
        "bucket_name": named[0][0],
        "kms_key_arn": named[0][1],
        "lake_account_id": owner if owner in lakes.values() else lake,
    }


def _text(entry: dict[str, Any]) -> str:
    parts = []
    if entry["endpoint_arn"]:
        parts.append(f"endpoint {entry['endpoint_identifier']} ({entry['endpoint_arn']})")
    if entry["role_arn"]:
        without_endpoint = "" if entry["endpoint_arn"] else ", whose endpoint is gone"
        parts.append(f"role {entry['role_name']} ({entry['role_arn']}){without_endpoint}")
    parts += [f"policy {name}" for name in entry["policy_names"]]
    if entry["admitted_by"]:
        key = entry["admitted_by"]["kms_key_arn"]
        parts.append(
            f"statements for it in the policy of bucket {entry['admitted_by']['bucket_name']}"
            + (f" and of key {key}" if key else "")
        )
    if entry["foreign_policies"]:
        parts.append(f"which has policies of others ({', '.join(entry['foreign_policies'])})")
    return ", ".join(parts)
