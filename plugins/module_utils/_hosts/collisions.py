# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of an inventory that declare the same resource, or write to the same folder. Pure.

Each run would change such a resource to and fro. Endpoints of one folder may delete what the others have written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.role_plan import policy_name
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host

# What one resource is: its kind, the variables that name it, and what identifies it.
_Resource = tuple[str, tuple[str, ...], tuple[Any, ...]]
_ENDPOINT, _ROLE, _POLICY = "endpoint", "access role", "access policy"
_TAIL, _JOURNAL = "end of an ARN", "journal"
# How many other hosts a sentence names.
_NAMED = 3
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


def overlaps(hosts: Iterable[Host]) -> dict[str, str]:
    """Host name -> which other hosts write to its folder, to one inside it, or to one that it is inside of, as a sentence.

    Hosts that all allow it are left out. An endpoint without a folder writes to all of its bucket.
    """
    found: dict[str, list[str]] = {}
    place: dict[str, str] = {}
    # Sorted, a folder is followed by those inside it.
    open_folders: list[tuple[str, Host]] = []
    for path, host in sorted(((_path(host), host) for host in hosts), key=lambda pair: pair[0]):
        open_folders = [pair for pair in open_folders if path.startswith(pair[0])]
        for _outer, other in open_folders:
            if not (host.allow_shared_folder and other.allow_shared_folder):
                found.setdefault(host.name, []).append(other.name)
                found.setdefault(other.name, []).append(host.name)
        open_folders.append((path, host))
        place[host.name] = path
    return {name: _overlap(name, others, place) for name, others in found.items()}


def _overlap(name: str, others: Sequence[str], place: Mapping[str, str]) -> str:
    elsewhere = _few([f"{other} to s3://{place[other]}" for other in others])
    return (
        f"{name} writes to s3://{place[name]}, and {elsewhere}, so each may delete what the other one has written; give each host a "
        "s3_endpoint_bucket_folder of its own, or set s3_endpoint_allow_shared_folder=true for all of them."
    )


def _path(host: Host) -> str:
    """Bucket and folder, with a slash at the end. DMS adds the slash between folder and object."""
    settings = host.endpoint["s3_settings"]
    folder = str(settings.get("bucket_folder") or "").strip("/")
    return f"{settings['bucket_name']}/{folder}/" if folder else f"{settings['bucket_name']}/"


def _few(texts: list[str]) -> str:
    more = len(texts) - _NAMED
    return " and ".join([*texts[:_NAMED], *([f"{more} more"] if more > 0 else [])])


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
