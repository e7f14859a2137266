# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check an inventory against the map of environments: its accounts and regions. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import SIDES
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of


def environment_findings(params: dict[str, Any]) -> list[str]:
    """A sentence for each account or region that does not match the map of environments. Pure.

    `environments` maps a name to {dms_account_id, lake_account_id, shares_accounts_with: [names], regions: [names]}.
    """
    name, environments = params["environment"], params["environments"] or {}
    findings = _role_findings(params)
    if not name:
        return findings
    if name not in environments:
        known = ", ".join(sorted(environments)) or "none"
        return [
            f"environment={name} is not in the map of environments (known: {known}): add it there, or correct the inventory."
        ]
    malformed = [_entry_finding(other, entry) for other, entry in sorted(environments.items())]
    if any(malformed):
        return findings + [m for m in malformed if m]
    declared = str(environments[name][f"{params['side']}_account_id"])
    if declared != params["account_id"]:
        findings.append(
            f"The inventory names {params['account_id']} as {params['side']} account of {name}, and the map of environments has "
            f"{declared}; correct the inventory or the map."
        )
    return findings + _region_findings(name, environments[name], params) + _shared_account_findings(name, environments)


def _region_findings(name: str, entry: dict[str, Any], params: dict[str, Any]) -> list[str]:
    regions, region = entry.get("regions") or [], params.get("region")
    if not regions or not region or region in regions:
        return []
    return [
        f"The inventory names region {region}, and the map of environments allows {', '.join(regions)} for {name}; correct the inventory or the map."
    ]


def _entry_finding(name: str, entry: Any) -> str | None:
    if isinstance(entry, dict) and all(entry.get(f"{side}_account_id") for side in SIDES):
        return None
    return f"The entry {name} in the map of environments must have dms_account_id and lake_account_id: complete it."


def _shared_account_findings(name: str, environments: dict[str, Any]) -> list[str]:
    own = environments[name]
    return [
        f"Environments {name} and {other} both use account {', '.join(sorted(_accounts(own) & _accounts(entry)))}: correct the map, "
        "or declare it with shares_accounts_with in one of them."
        for other, entry in sorted(environments.items())
        if other != name
        and _accounts(own) & _accounts(entry)
        and other not in (own.get("shares_accounts_with") or [])
        and name not in (entry.get("shares_accounts_with") or [])
    ]


def _accounts(entry: dict[str, Any]) -> set[str]:
    return {str(entry[f"{side}_account_id"]) for side in SIDES}


def _role_findings(params: dict[str, Any]) -> list[str]:
    account_id = account_of(params["assume_role_arn"])
    if account_id in (None, params["account_id"]):
        return []
    return [
        f"assume_role_arn={params['assume_role_arn']} is a role of account {account_id}, and the {params['side']} account is "
        f"{params['account_id']}; correct assume_role_arn or the account id."
    ]
