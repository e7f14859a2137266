# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of an inventory that declare the same resource. Each run would change it to and fro. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.role_plan import policy_name
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host

# What one resource is: its kind, the variables that name it, and what identifies it.
_Resource = tuple[str, tuple[str, ...], tuple[Any, ...]]
_ENDPOINT, _ROLE, _POLICY = "endpoint", "access role", "access policy"
_TAIL, _JOURNAL = "end of an ARN", "journal"
_ORDER = (_ENDPOINT, _ROLE, _POLICY, _TAIL, _JOURNAL)


def collisions(hosts: Iterable[Host]) -> dict[str, str]:
    """Host name -> which resource it has in common with which other hosts, as sentences. Hosts without a collision are left out.

    Of several resources that the same hosts have in common, the first is named: names are made of the identifier by default.
    """
    holders: dict[_Resource, list[str]] = {}
    for host in hosts:
        for resource in _resources(host):
            holders.setdefault(resource, []).append(host.name)
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for resource, names in sorted(holders.items(), key=lambda held: _ORDER.index(held[0][0])):
        for name in names if len(names) > 1 else []:
            others = tuple(other for other in names if other != name)
            found.setdefault(name, {}).setdefault(others, _sentence(name, resource, others))
    return {name: " ".join(of_host.values()) for name, of_host in found.items()}


def _sentence(name: str, resource: _Resource, others: Sequence[str]) -> str:
    kind, variables, identity = resource
    verb = "declares" if len(others) == 1 else "declare"
    return (
        f"{name} declares the {kind} {identity[-1]}, which {' and '.join(others)} {verb}, too; give each host its own "
        f"{' or '.join(variables)}."
    )


def _resources(host: Host) -> list[_Resource]:
    """What a host declares. DMS compares identifiers without case, IAM names of roles and policies as well."""
    dms = (host.dms_account_id, host.dms.region)
    # IAM has no regions.
    homes = {host.dms_account_id, host.lake_account_id}
    found: list[_Resource] = [
        (_ENDPOINT, ("s3_endpoint_identifier",), (*dms, host.identifier.lower())),
    ]
    tail = host.endpoint.get("resource_identifier")
    if tail:
        found.append((_TAIL, ("s3_endpoint_resource_identifier",), (*dms, str(tail).lower())))
    role, policy = host.role_name, policy_name(host.role)
    for account in sorted(homes):
        found.append((_ROLE, ("s3_endpoint_role_name", "s3_endpoint_identifier"), (account, role.lower())))
        found.append((_POLICY, ("s3_endpoint_policy_name",), (account, host.role["path"], policy.lower())))
    if host.has_journal and host.replacement["journal_bucket"]:
        place = (host.replacement["journal_bucket"], host.journal_key)
        found.append((_JOURNAL, ("s3_endpoint_journal_prefix", "s3_endpoint_identifier"), place))
    return found
