# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account's service roles of DMS: what each must have, what is wrong with one, what a run makes of it and what it may remove. Pure.

A role is a dictionary as `role_plan.role_view` has it, or None where there is none.
Source: AWS DMS user guide, "Creating the IAM roles to use with AWS DMS".
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Identity
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import partition_of
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import RESERVED_PREFIX, planned_tags
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_analyzer import Policy, trust_policy
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import VERSION, as_list
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import DMS_PRINCIPAL, covers_assume_role

Role = dict[str, Any]


@dataclass(frozen=True)
class ServiceRole:
    """What DMS wants of the role: the name of AWS's managed policy, and the services that assume it."""

    policy: str
    services: tuple[str, ...] = (DMS_PRINCIPAL,)


LOGS_ROLE = "dms-cloudwatch-logs-role"

# DMS looks for them by exactly these names.
SERVICE_ROLES = {
    "dms-vpc-role": ServiceRole("AmazonDMSVPCManagementRole"),
    LOGS_ROLE: ServiceRole("AmazonDMSCloudWatchLogsRole"),
    "dms-access-for-endpoint": ServiceRole("AmazonDMSRedshiftS3Role", (DMS_PRINCIPAL, "redshift.amazonaws.com")),
}

# Those that every account with DMS needs; the third is for Redshift targets.
USUAL_ROLES = ["dms-vpc-role", LOGS_ROLE]

# The mark of a role that this module made; set at creation only, so that what was taken over is never removed.
MADE_BY_TAG = f"{RESERVED_PREFIX}made-by"
MADE_BY = "dms_service_roles"

# Marks our statement in a trust that somebody else made.
STATEMENT_SID = "DatalakeDmsServiceRole"

# With these in its trust dms-cloudwatch-logs-role stopped logging (terraform-aws-dms, issue 84).
_SOURCE_KEYS = {"aws:sourcearn", "aws:sourceaccount"}


def planned_role(
    name: str, role: Role | None, identity: Identity, tags: dict[str, Any], deployment: str | None
) -> Role:
    """The role as it shall be: a new one, or the present one with what it lacks. Nothing that it has is taken away.

    :param tags: of a new role; those of a role that exists stay as they are. :param deployment: likewise.
    """
    policy = policy_arn(name, identity.partition)
    if role is None:
        return {
            "role_name": name,
            "arn": f"arn:{identity.partition}:iam::{identity.account_id}:role/{name}",
            "path": "/",
            "assume_role_policy_document": _own_trust(name),
            "permissions_boundary": None,
            "attached_policies": [policy],
            "inline_policies": [],
            "tags": {**planned_tags({}, tags, False, deployment), MADE_BY_TAG: MADE_BY},
        }
    return {
        **role,
        "assume_role_policy_document": _completed_trust(name, role["assume_role_policy_document"]),
        "attached_policies": sorted({*role["attached_policies"], policy}),
    }


def policies_to_write(before: dict[str, Role | None], after: dict[str, Role]) -> list[Policy]:
    """The trusts that a run writes; not those that stay as they are."""
    trusts = {name: role["assume_role_policy_document"] for name, role in after.items()}
    existing = {name: (role or {}).get("assume_role_policy_document") for name, role in before.items()}
    return [trust_policy(name, trust) for name, trust in trusts.items() if trust != existing[name]]


def policy_arn(name: str, partition: str) -> str:
    """The ARN of AWS's managed policy that the role must have."""
    return f"arn:{partition}:iam::aws:policy/service-role/{SERVICE_ROLES[name].policy}"


def problems(views: dict[str, Role | None], names: list[str]) -> list[str]:
    """What is wrong with the service roles, a sentence for each problem; empty where DMS can use them.

    :param views: role by name, None where there is none, as `service_roles.read` has them. :param names: the roles that are needed.
    """
    return [problem for name in names for problem in _problems_of(name, views.get(name))]


def is_made_by_us(role: Role | None) -> bool:
    """Whether this module made the role, as its tag says."""
    return bool(role) and (role or {})["tags"].get(MADE_BY_TAG) == MADE_BY


def reason_to_stay(name: str, role: Role) -> str | None:
    """Why a role is not removed, whoever needs it; None where tag, policies and trust all say that it is ours alone."""
    if not is_made_by_us(role):
        return f"{name} was not made by this collection and stays"
    foreign = sorted({*role["attached_policies"]} - {policy_arn(name, partition_of(role["arn"]))})
    foreign += [f"inline policy {policy}" for policy in role["inline_policies"]]
    if foreign:
        return f"{name} has what somebody else gave it ({', '.join(foreign)}) and stays; take that away first"
    if role["permissions_boundary"] or compare_policies(role["assume_role_policy_document"], _own_trust(name)):
        return f"somebody else changed the trust or the permissions boundary of {name}, which stays; remove it by hand"
    return None


def reason_of_users(name: str, users: list[str]) -> str:
    """Why a role is not removed that could be, as DMS still has what needs it."""
    return f"{name} stays, because it is still needed by {', '.join(users)}"


# The trust


def _own_trust(name: str) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": [_own_statement(SERVICE_ROLES[name].services)]}


def _own_statement(services: tuple[str, ...] | list[str]) -> dict[str, Any]:
    return {
        "Sid": STATEMENT_SID,
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": "sts:AssumeRole",
    }


def _completed_trust(name: str, trust: dict[str, Any]) -> dict[str, Any]:
    """The trust with a statement of ours for the services that it does not admit. A denial is somebody's will and stays."""
    lacking = [s for s in SERVICE_ROLES[name].services if not _says(trust, "Allow", s) and not _denies(trust, s)]
    if not lacking:
        return trust
    statements = [copy.deepcopy(s) for s in as_list(trust.get("Statement"))]
    sids = {s.get("Sid") for s in statements}
    own = _own_statement(lacking)
    if own["Sid"] in sids:
        # Ours for other services, or changed by somebody.
        own["Sid"] = next(f"{STATEMENT_SID}{n}" for n in range(2, len(sids) + 3) if f"{STATEMENT_SID}{n}" not in sids)
    return {**trust, "Statement": [*statements, own]}


def _says(trust: dict[str, Any], effect: str, service: str) -> bool:
    return any(_is_about(s, effect, service) for s in as_list(trust.get("Statement")))


def _denies(trust: dict[str, Any], service: str) -> bool:
    """Whether a statement denies the service in any case; one with a condition is part of a hardened trust."""
    return any(_is_about(s, "Deny", service) and not s.get("Condition") for s in as_list(trust.get("Statement")))


def _is_about(statement: dict[str, Any], effect: str, service: str) -> bool:
    principal = statement.get("Principal")
    named = principal == "*" or (isinstance(principal, dict) and service in as_list(principal.get("Service")))
    return statement.get("Effect") == effect and named and covers_assume_role(statement)


# What is wrong


def _problems_of(name: str, role: Role | None) -> list[str]:
    if role is None:
        return [f"The service role {name} does not exist: make it with service_roles.yml, or by hand."]
    trust, found = role["assume_role_policy_document"], []
    for service in SERVICE_ROLES[name].services:
        if _denies(trust, service):
            found.append(
                f"The trust of the service role {name} denies {service}: take that statement out, DMS can't use the role."
            )
        elif not _says(trust, "Allow", service):
            found.append(
                f"The trust of the service role {name} does not admit {service}: run service_roles.yml, or add it."
            )
    policy = policy_arn(name, partition_of(role["arn"]))
    if policy not in role["attached_policies"]:
        found.append(f"The service role {name} lacks the policy {policy}: run service_roles.yml, or attach it.")
    keys = sorted(_source_keys(trust)) if name == LOGS_ROLE else []
    if keys:
        found.append(
            f"The trust of the service role {name} asks for {', '.join(keys)}, with which DMS was seen to stop logging: take the condition "
            "out if no task logs arrive."
        )
    return found


def _source_keys(trust: dict[str, Any]) -> set[str]:
    """The condition keys of the confused-deputy protection that the statements for DMS have."""
    about_dms = [s for s in as_list(trust.get("Statement")) if _is_about(s, s.get("Effect", ""), DMS_PRINCIPAL)]
    conditions = [operator for s in about_dms for operator in (s.get("Condition") or {}).values()]
    return {key for condition in conditions for key in condition if key.lower() in _SOURCE_KEYS}
