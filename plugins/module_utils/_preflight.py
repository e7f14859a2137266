# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be right before anything is touched: the environment's accounts, the caller, and what has to exist already.

All findings come together, as sentences; whoever reads them mends everything in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils import _dms
from ansible_collections.datalake.dms.plugins.module_utils._account import Account, Identity
from ansible_collections.datalake.dms.plugins.module_utils._arns import account_of, is_account_id
from ansible_collections.datalake.dms.plugins.module_utils._errors import (
    DatalakeError,
    error_code,
    error_message,
    explain,
)

# The services that are called on each side.
_SERVICES = {"dms": ("sts", "dms"), "lake": ("sts", "iam", "s3", "kms")}

SIDES = tuple(_SERVICES)


def ensure(account: Account, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Look at everything that the parameters name; nothing is ever changed.

    :param params: the options of dms_preflight.
    :returns: the module's result: changed (never), findings, account_id, arn, partition; `failure` where there is a finding.
    :raises AnsibleAWSError: the caller could not even be identified.
    """
    check_options(params)
    findings = environment_findings(params)
    if params["protected"] and not params["allow_endpoint_url"]:
        findings += _endpoint_url_findings(account, params)
    if findings:
        # Nothing is asked of an account that may be the wrong one.
        return _result(findings, None)
    caller = account.caller()
    findings += _identity_findings(caller, params)
    if not findings:
        findings += _prerequisite_findings(account, params)
    return _result(findings, caller)


def _endpoint_url_findings(account: Account, params: dict[str, Any]) -> list[str]:
    """Whether calls would go elsewhere than to AWS, through an option, a variable (of one service, too) or a profile."""
    elsewhere = [service for service in _SERVICES[params["side"]] if account.uses_custom_endpoint(service)]
    if not elsewhere:
        return []
    return [
        f"Environment {params['environment']} is protected and its calls of {', '.join(elsewhere)} would go to a custom endpoint URL "
        "instead of AWS: unset AWS_ENDPOINT_URL (its forms for one service, and endpoint_url), or allow it explicitly with "
        "allow_endpoint_url=true."
    ]


def environment_findings(params: dict[str, Any]) -> list[str]:
    """Whether the inventory's accounts are those of its environment, and of no other. Pure.

    `environments` maps a name to {dms_account_id, lake_account_id, shares_accounts_with: [names]}: the one place that says which
    account is whose.
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
            f"The inventory names {params['account_id']} as {params['side']} account of {name}, and the map of environments says "
            f"{declared}: correct whichever is wrong."
        )
    return findings + _shared_account_findings(name, environments)


def _entry_finding(name: str, entry: Any) -> str | None:
    if isinstance(entry, dict) and all(entry.get(f"{side}_account_id") for side in SIDES):
        return None
    return f"The entry {name} in the map of environments must have dms_account_id and lake_account_id: complete it."


def _shared_account_findings(name: str, environments: dict[str, Any]) -> list[str]:
    ours = environments[name]
    return [
        f"Environments {name} and {other} both use account {', '.join(sorted(_accounts(ours) & _accounts(entry)))}: correct the map, "
        "or declare it with shares_accounts_with in one of them."
        for other, entry in sorted(environments.items())
        if other != name
        and _accounts(ours) & _accounts(entry)
        and other not in (ours.get("shares_accounts_with") or [])
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
        f"{params['account_id']}: correct whichever is wrong."
    ]


def _identity_findings(caller: Identity, params: dict[str, Any]) -> list[str]:
    if caller.account_id == params["account_id"]:
        return []
    return [
        f"The credentials of the {params['side']} side belong to account {caller.account_id} ({caller.arn}), and the inventory names "
        f"{params['account_id']}: use the credentials or the assume_role_arn of that account."
    ]


def _prerequisite_findings(account: Account, params: dict[str, Any]) -> list[str]:
    checks: tuple[tuple[str | None, Callable[[str], str | None]], ...] = (
        (params["bucket_name"], lambda name: _bucket_finding(account, name, params["account_id"])),
        (params["kms_key_arn"], lambda arn: _key_finding(account, arn)),
        (params["replication_instance_arn"], lambda arn: _instance_finding(account, arn)),
    )
    findings = [_finding_or_error(check, name) for name, check in checks if name]
    return [f for f in findings if f]


def _finding_or_error(check: Callable[[str], str | None], name: str) -> str | None:
    """A look that fails is a finding like any other, beside the rest."""
    try:
        return check(name)
    except AnsibleAWSError as error:
        return explain(error)


@AWSErrorHandler.common_error_handler("look at the bucket")
def _bucket_finding(account: Account, bucket: str, owner: str) -> str | None:
    """HeadBucket gives no reason beyond its status: 403 is another owner as well as a missing permission."""
    try:
        answer = account.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
    except is_boto3_error_code(["404", "NoSuchBucket"]):
        return f"Bucket {bucket} does not exist in account {owner}: create it first, or correct its name."
    except is_boto3_error_code(["403", "AccessDenied"]):
        return (
            f"Bucket {bucket} belongs to another account than {owner}, or the caller lacks s3:ListBucket on it: correct the "
            "name or grant it."
        )
    region = answer.get("BucketRegion")
    if region and account.region and region != account.region:
        return f"Bucket {bucket} is in {region} and the endpoint in {account.region}: DMS needs both in one region, use another bucket."
    return None


@AWSErrorHandler.common_error_handler("look at the KMS key")
def _key_finding(account: Account, arn: str) -> str | None:
    try:
        key = account.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    except is_boto3_error_code("NotFoundException"):
        return f"KMS key {arn} does not exist: create it first, or correct its ARN."
    except is_boto3_error_code("AccessDeniedException") as error:
        return f"KMS key {arn} can't be looked at ({error_code(error)}: {error_message(error)}): grant kms:DescribeKey to the caller."
    return None if key["Enabled"] else f"KMS key {arn} is {key['KeyState']}: enable it, or use another key."


def _instance_finding(account: Account, arn: str) -> str | None:
    instance = _dms.describe_instance(account.client("dms"), arn)
    if instance is None:
        return f"Replication instance {arn} does not exist: create it first, or correct its ARN."
    status = instance["ReplicationInstanceStatus"]
    return (
        None
        if status == "available"
        else f"Replication instance {arn} is {status}: wait until it is available, then run again."
    )


def check_options(params: dict[str, Any]) -> None:
    """
    :raises DatalakeError: an account id that is none.
    """
    if not is_account_id(params["account_id"]):
        raise DatalakeError(
            message=f"account_id={params['account_id']} is not a 12-digit AWS account id; correct it (quote it in YAML)."
        )


def _result(findings: list[str], caller: Identity | None) -> dict[str, Any]:
    return {
        "changed": False,
        "findings": findings,
        "account_id": caller.account_id if caller else None,
        "arn": caller.arn if caller else None,
        "partition": caller.partition if caller else None,
        **({"failure": " ".join(findings)} if findings else {}),
    }
