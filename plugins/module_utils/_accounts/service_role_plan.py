# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the service roles of DMS: what each must have, its problems, what a run adds and what it may remove. Pure.

A role is a dictionary of `role_plan.role_view`, or None if it does not exist.
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
    """What DMS requires of the role: the name of the AWS managed policy, and the services that assume it."""

    policy: str
    services: tuple[str, ...] = (DMS_PRINCIPAL,)


LOGS_ROLE = "dms-cloudwatch-logs-role"

# DMS uses exactly these names.
SERVICE_ROLES = {
    "dms-vpc-role": ServiceRole("AmazonDMSVPCManagementRole"),
    LOGS_ROLE: ServiceRole("AmazonDMSCloudWatchLogsRole"),
    "dms-access-for-endpoint": ServiceRole("AmazonDMSRedshiftS3Role", (DMS_PRINCIPAL, "redshift.amazonaws.com")),
}

# The roles that every account with DMS needs. The third role is for Redshift targets.
USUAL_ROLES = ["dms-vpc-role", LOGS_ROLE]

# The tag of a role that this module created. It is set at creation only, so that a role of others is never removed.
MADE_BY_TAG = f"{RESERVED_PREFIX}made-by"
MADE_BY = "dms_service_roles"

# The Sid of our statement in a trust that others created.
STATEMENT_SID = "DatalakeDmsServiceRole"

# With these in its trust dms-cloudwatch-logs-role stopped logging (terraform-aws-dms, issue 84).
_SOURCE_KEYS = {"aws:sourcearn", "aws:sourceaccount"}


def planned_role(
    name: str, role: Role | None, identity: Identity, tags: dict[str, Any], deployment: str | None
) -> Role:
    """The desired role: a new one, or the present one with what is missing. Nothing is removed from it.

    :param tags: of a new role; an existing role keeps its tags. :param deployment: for the tag of a new role.
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
    """The trusts that the run writes. Unchanged ones are left out."""
    trusts = {name: role["assume_role_policy_document"] for name, role in after.items()}
    existing = {name: (role or {}).get("assume_role_policy_document") for name, role in before.items()}
    return [trust_policy(name, trust) for name, trust in trusts.items() if trust != existing[name]]


def policy_arn(name: str, partition: str) -> str:
    """The ARN of the AWS managed policy that the role must have."""
    return f"arn:{partition}:iam::aws:policy/service-role/{SERVICE_ROLES[name].policy}"


def problems(views: dict[str, Role | None], names: list[str]) -> list[str]:
    """The problems of the service roles, one sentence each; empty if DMS can use them.

    :param views: name -> role or None, see `service_roles.read`. :param names: of the required roles.
    """
    return [problem for name in names for problem in _problems_of(name, views.get(name))]


def is_made_by_us(role: Role | None) -> bool:
    """Whether this module created the role, according to its tag."""
    return bool(role) and (role or {})["tags"].get(MADE_BY_TAG) == MADE_BY


def reason_to_stay(name: str, role: Role) -> str | None:
    """Why a role is not removed, apart from its users; None if tag, policies and trust show that only this module created and changed it."""
    if not is_made_by_us(role):
        return f"{name} was not created by this collection and stays"
    foreign = sorted({*role["attached_policies"]} - {policy_arn(name, partition_of(role["arn"]))})
    foreign += [f"inline policy {policy}" for policy in role["inline_policies"]]
    if foreign:
        return f"{name} has policies of others ({', '.join(foreign)}) and stays; remove these first"
    if role["permissions_boundary"] or compare_policies(role["assume_role_policy_document"], _own_trust(name)):
        return f"others changed the trust or the permissions boundary of {name}, which stays; remove it by hand"
    return None


def reason_of_users(name: str, users: list[str]) -> str:
    """Why a role is not removed: resources of DMS still need it."""
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
    """The trust with our statement for the services that it does not admit. An explicit deny is intended, and stays."""
    lacking = [s for s in SERVICE_ROLES[name].services if not _says(trust, "Allow", s) and not _denies(trust, s)]
    if not lacking:
        return trust
    statements = [copy.deepcopy(s) for s in as_list(trust.get("Statement"))]
    sids = {s.get("Sid") for s in statements}
    own = _own_statement(lacking)
    if own["Sid"] in sids:
        # Our statement for other services, or one that others changed.
        own["Sid"] = next(f"{STATEMENT_SID}{n}" for n in range(2, len(sids) + 3) if f"{STATEMENT_SID}{n}" not in sids)
    return {**trust, "Statement": [*statements, own]}


def _says(trust: dict[str, Any], effect: str, service: str) -> bool:
    return any(_is_about(s, effect, service) for s in as_list(trust.get("Statement")))


def _denies(trust: dict[str, Any], service: str) -> bool:
    """Whether a statement denies the service without a condition. One with a condition is part of a hardened trust."""
    return any(_is_about(s, "Deny", service) and not s.get("Condition") for s in as_list(trust.get("Statement")))


def _is_about(statement: dict[str, Any], effect: str, service: str) -> bool:
    principal = statement.get("Principal")
    named = principal == "*" or (isinstance(principal, dict) and service in as_list(principal.get("Service")))
    return statement.get("Effect") == effect and named and covers_assume_role(statement)


# Problems


def _problems_of(name: str, role: Role | None) -> list[str]:
    if role is None:
        return [f"The service role {name} does not exist; create it with service_roles.yml, or by hand."]
    trust, found = role["assume_role_policy_document"], []
    for service in SERVICE_ROLES[name].services:
        if _denies(trust, service):
            found.append(
                f"The trust of the service role {name} denies {service}, so DMS can't use the role; remove that statement."
            )
        elif not _says(trust, "Allow", service):
            found.append(
                f"The trust of the service role {name} does not admit {service}; run service_roles.yml, or add it."
            )
    policy = policy_arn(name, partition_of(role["arn"]))
    if policy not in role["attached_policies"]:
        found.append(f"The service role {name} lacks the policy {policy}; run service_roles.yml, or attach it.")
    keys = sorted(_source_keys(trust)) if name == LOGS_ROLE else []
    if keys:
        found.append(
            f"The trust of the service role {name} has the condition {', '.join(keys)}, with which DMS may stop logging; remove the condition "
            "if task logs are missing."
        )
    return found


def _source_keys(trust: dict[str, Any]) -> set[str]:
    """The condition keys of the confused-deputy protection that the statements for DMS have."""
    about_dms = [s for s in as_list(trust.get("Statement")) if _is_about(s, s.get("Effect", ""), DMS_PRINCIPAL)]
    conditions = [operator for s in about_dms for operator in (s.get("Condition") or {}).values()]
    return {key for condition in conditions for key in condition if key.lower() in _SOURCE_KEYS}
