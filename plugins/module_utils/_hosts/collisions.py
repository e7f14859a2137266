# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of an inventory that declare the same resource. Each run would change it to and fro. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.role_plan import policy_name
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host

# What one resource is: its kind, the variables that name it, and what identifies it.
_Resource = tuple[str, tuple[str, ...], tuple[Any, ...]]


def collisions(hosts: Iterable[Host]) -> dict[str, str]:
    """Host name -> which resource it has in common with which other hosts, as sentences. Hosts without a collision are left out."""
    found: dict[str, dict[_Resource, list[str]]] = {}
    holders: dict[_Resource, list[str]] = {}
    for host in hosts:
        for resource in _resources(host):
            holders.setdefault(resource, []).append(host.name)
    for resource, names in holders.items():
        for name in names if len(names) > 1 else []:
            found.setdefault(name, {})[resource] = [other for other in names if other != name]
    return {
        name: " ".join(_sentence(name, resource, others) for resource, others in of_host.items())
        for name, of_host in found.items()
    }


def _sentence(name: str, resource: _Resource, others: list[str]) -> str:
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
        ("endpoint", ("s3_endpoint_identifier",), (*dms, host.identifier.lower())),
    ]
    tail = host.endpoint.get("resource_identifier")
    if tail:
        found.append(("end of an ARN", ("s3_endpoint_resource_identifier",), (*dms, str(tail).lower())))
    role, policy = host.role_name, policy_name(host.role)
    for account in sorted(homes):
        found.append(("access role", ("s3_endpoint_role_name", "s3_endpoint_identifier"), (account, role.lower())))
        found.append(("access policy", ("s3_endpoint_policy_name",), (account, host.role["path"], policy.lower())))
    if host.has_journal and host.replacement["journal_bucket"]:
        place = (host.replacement["journal_bucket"], host.journal_key)
        found.append(("journal", ("s3_endpoint_journal_prefix", "s3_endpoint_identifier"), place))
    return found
