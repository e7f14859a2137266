# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeding: what exists in the accounts before the collection runs.

Each side of an environment has the roles to assume (`assume_role_arn`, or a list in `assume_role_arns`), which may do
everything, and managed `policies` {ARN: document}.
"""

from __future__ import annotations

import re
from typing import Any

from .. import moto_seams
from ..arns import partition_of_region
from ..iam.authorization import ALLOW_ALL
from .switches import SWITCHES, check_switch

DEFAULT_AUTOMATION = {
    "account_id": "999999999999",
    "access_key_id": "AKIAEMBEDDEDAUTOMATE",
    # Long, since Ansible masks every occurrence of a secret in its output.
    "secret_access_key": "embedded-aws-secret-key-of-the-automation-user",
}
SERVICE_ROLES = {
    "dms-vpc-role": "AmazonDMSVPCManagementRole",
    "dms-cloudwatch-logs-role": "AmazonDMSCloudWatchLogsRole",
}
AUTOMATION_USER = "automation"
ACCOUNT_ID = re.compile(r"\d{12}")


class InvalidLandscape(ValueError):
    """A landscape that cannot be seeded; the message names what is wrong."""


def automation_of(landscape: dict[str, Any]) -> dict[str, str]:
    """The automation principal of a landscape, with defaults."""
    automation = {**DEFAULT_AUTOMATION, **landscape.get("automation", {})}
    if not re.fullmatch(r"[A-Z0-9]{20}", automation["access_key_id"]):
        raise InvalidLandscape("automation.access_key_id needs 20 capital letters or digits")
    return automation


def check_landscape(landscape: dict[str, Any]) -> None:
    """Raise unless the landscape is complete, so that seeding is all or nothing."""
    unknown = set(landscape) - {"automation", "environments"}
    if unknown:
        raise InvalidLandscape(f"unknown members of a landscape: {', '.join(sorted(unknown))}")
    automation_of(landscape)
    for environment in landscape.get("environments", []):
        name = environment.get("name", "without a name")
        for side in ("dms", "lake"):
            account = environment.get(side, {}).get("account_id", "")
            if not ACCOUNT_ID.fullmatch(str(account)):
                raise InvalidLandscape(f"environment {name}: {side}.account_id {account!r} is not a 12-digit number")
        if not environment.get("region"):
            raise InvalidLandscape(f"environment {name}: region is missing")
        for switch, value in environment.get("switches", {}).items():
            check_switch(switch, value)
        _check_bucket(name, environment["lake"]["account_id"], environment["lake"].get("bucket_name"))
        _check_bucket(name, environment["dms"]["account_id"], environment["dms"].get("journal_bucket_name"))


def _check_bucket(environment: str, account: str, bucket_name: str | None) -> None:
    bucket = moto_seams.bucket_view(bucket_name) if bucket_name else None
    if bucket and bucket["Account"] != account:
        raise InvalidLandscape(f"environment {environment}: bucket {bucket['Name']} belongs to {bucket['Account']}")


def switches_by_account(environment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The switches of an environment, each for the account that it applies to."""
    chosen: dict[str, dict[str, Any]] = {}
    for name, value in environment.get("switches", {}).items():
        applies_to = SWITCHES[name].applies_to
        for side in ("dms", "lake") if applies_to == "both" else (applies_to,):
            chosen.setdefault(environment[side]["account_id"], {})[name] = value
    return chosen


def seed_automation(automation: dict[str, str], partition: str = "aws") -> None:
    """The user behind the automation's access key."""
    moto_seams.create_user(
        partition,
        automation["account_id"],
        AUTOMATION_USER,
        automation["access_key_id"],
        automation["secret_access_key"],
    )


def seed_accounts(environment: dict[str, Any], automation_account: str) -> None:
    """Roles to assume, buckets and key of one environment; the replication instance is DMS's own matter."""
    partition = partition_of_region(environment["region"])
    for side in ("dms", "lake"):
        trust = automation_trust(partition, automation_account, environment[side].get("assume_role_external_id"))
        role_arns = environment[side].get("assume_role_arns", [environment[side].get("assume_role_arn")])
        for role_arn in filter(None, role_arns):
            moto_seams.put_role(role_arn, trust, ALLOW_ALL)
        for policy_arn, document in environment[side].get("policies", {}).items():
            moto_seams.put_policy(policy_arn, document)
    if environment["dms"].get("prepared"):
        _seed_service_roles(partition, environment["dms"]["account_id"])
    lake = environment["lake"]
    if lake.get("bucket_name") and not moto_seams.bucket_view(lake["bucket_name"]):
        ownership = lake.get("ownership", "BucketOwnerEnforced")
        moto_seams.create_bucket(partition, lake["account_id"], environment["region"], lake["bucket_name"], ownership)
        if lake.get("bucket_policy"):
            moto_seams.put_bucket_policy(lake["bucket_name"], lake["bucket_policy"])
    journal = environment["dms"].get("journal_bucket_name")
    if journal and not moto_seams.bucket_view(journal):
        account = environment["dms"]["account_id"]
        moto_seams.create_bucket(partition, account, environment["region"], journal, "BucketOwnerEnforced")
        journal_key = environment["dms"].get("journal_kms_key_arn")
        if journal_key:
            moto_seams.create_key(journal_key)
        moto_seams.protect_bucket(journal, journal_key)
    if lake.get("kms_key_arn"):
        moto_seams.create_key(lake["kms_key_arn"])


def _seed_service_roles(partition: str, account: str) -> None:
    """The roles that DMS wants in each account (DMS User Guide, "Creating the IAM roles to use with AWS DMS")."""
    statement = {"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for name, policy in SERVICE_ROLES.items():
        role = f"arn:{partition}:iam::{account}:role/{name}"
        moto_seams.put_role(role, {"Version": "2012-10-17", "Statement": [statement]})
        moto_seams.attach_aws_policy(partition, account, name, f"arn:{partition}:iam::aws:policy/service-role/{policy}")


def automation_trust(partition: str, account: str, external_id: str | None) -> dict[str, Any]:
    """The trust of a role to assume: the automation's account, with an ExternalId when one is asked for."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
        "Action": "sts:AssumeRole",
    }
    if external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return {"Version": "2012-10-17", "Statement": [statement]}
