# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must exist before the collection runs, read off an inventory, so that the two can't disagree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import SIDES
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_roles import (
    access_boundary,
    deployer_role_arn,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_scope import DeployerScope
from ansible_collections.datalake.dms.plugins.module_utils._accounts.permissions import PROFILE_SIDES

ANSIBLE_INVENTORY = Path(sys.executable).with_name("ansible-inventory")


def environment(inventory: Path) -> dict[str, Any]:
    """The entry of an embedded AWS's landscape for the environment of an inventory directory."""
    return environment_of(hosts_of(inventory))


def environment_of(hosts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The same, of the hosts of an inventory with their variables: the roles to assume are there, and may do everything."""
    names, deployment = next(iter(hosts.values())), deployment_of(hosts)
    sides = {
        side: {
            **_side(names, side),
            "assume_role_arns": [
                deployer_role_arn(deployment, side, profile)
                for profile, has_roles_in in PROFILE_SIDES.items()
                if side in has_roles_in
            ],
            # The access role is in the data-lake account, or with bucket_policy in the DMS account.
            "policies": {deployment.boundary_arn(side): access_boundary(deployment, side)},
        }
        for side in SIDES
    }
    return {**bare_environment_of(hosts), **sides}


def bare_environment_of(hosts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The same without any role to assume."""
    names = next(iter(hosts.values()))
    return {
        "name": names["s3_endpoint_environment"],
        "region": names["s3_endpoint_region"],
        "dms": _side(names, "dms"),
        "lake": _side(names, "lake"),
    }


def deployment_of(hosts: dict[str, dict[str, Any]]) -> DeployerScope:
    """What deployer_access.yml makes roles for."""
    names = next(iter(hosts.values()))
    return DeployerScope(
        name=f"{names['s3_endpoint_inventory_name']}-{names['s3_endpoint_environment']}",
        partition="aws",
        regions=[names["s3_endpoint_region"]],
        dms_account_id=names["s3_endpoint_dms_account_id"],
        lake_account_id=names["s3_endpoint_lake_account_id"],
        principals=names["deployer_access_principals"],
        external_ids={side: names[f"s3_endpoint_{side}_assume_role_external_id"] for side in SIDES},
        bucket_names=[names["s3_endpoint_bucket_name"]],
        kms_key_arns=[names["s3_endpoint_kms_key_arn"]],
        replication_instance_arns=[names["s3_endpoint_replication_instance_arn"]],
        role_names=[f"dms-s3-{names['s3_endpoint_environment']}-*"],
        journal_bucket=names["s3_endpoint_journal_bucket"],
        journal_prefix="datalake-dms",
        account_wide=names["s3_endpoint_account_wide"],
    )


def hosts_of(inventory: Path) -> dict[str, dict[str, Any]]:
    """The hosts of an inventory with their variables."""
    listed = subprocess.run(
        [ANSIBLE_INVENTORY, "-i", inventory, "--list"], check=True, capture_output=True, text=True
    ).stdout
    return dict(json.loads(listed)["_meta"]["hostvars"])


def _side(names: dict[str, Any], side: str) -> dict[str, Any]:
    of_side = {
        "dms": {
            "replication_instance_arn": names["s3_endpoint_replication_instance_arn"],
            "journal_bucket_name": names["s3_endpoint_journal_bucket"],
            "prepared": True,
        },
        "lake": {"bucket_name": names["s3_endpoint_bucket_name"], "kms_key_arn": names["s3_endpoint_kms_key_arn"]},
    }
    return {
        "account_id": names[f"s3_endpoint_{side}_account_id"],
        "assume_role_external_id": names[f"s3_endpoint_{side}_assume_role_external_id"],
        **of_side[side],
    }
