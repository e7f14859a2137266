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

ANSIBLE_INVENTORY = Path(sys.executable).with_name("ansible-inventory")


def environment(inventory: Path) -> dict[str, Any]:
    """The entry of an embedded AWS's landscape for the environment of an inventory directory."""
    return environment_of(hosts_of(inventory))


def environment_of(hosts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The same, of the hosts of an inventory with their variables."""
    names = next(iter(hosts.values()))
    return {
        "name": names["s3_endpoint_environment"],
        "region": names["s3_endpoint_region"],
        "dms": {
            **_side(names, "dms"),
            "replication_instance_arn": names["s3_endpoint_replication_instance_arn"],
            "journal_bucket_name": names["s3_endpoint_journal_bucket"],
            "prepared": True,
        },
        "lake": {
            **_side(names, "lake"),
            "bucket_name": names["s3_endpoint_bucket_name"],
            "kms_key_arn": names["s3_endpoint_kms_key_arn"],
        },
    }


def hosts_of(inventory: Path) -> dict[str, dict[str, Any]]:
    """The hosts of an inventory with their variables."""
    listed = subprocess.run(
        [ANSIBLE_INVENTORY, "-i", inventory, "--list"], check=True, capture_output=True, text=True
    ).stdout
    return dict(json.loads(listed)["_meta"]["hostvars"])


def _side(names: dict[str, Any], side: str) -> dict[str, Any]:
    return {
        "account_id": names[f"s3_endpoint_{side}_account_id"],
        "assume_role_arn": names[f"s3_endpoint_{side}_assume_role_arn"],
        "assume_role_external_id": names[f"s3_endpoint_{side}_assume_role_external_id"],
    }
