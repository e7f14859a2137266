# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be right before anything is touched: the environment's accounts, the caller, and what has to exist already.

All findings come together, as sentences; whoever reads them mends everything in one go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.iam import IAMErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._access import role_info
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import SIDES
from ansible_collections.datalake.dms.plugins.module_utils._accounts import (
    preflight_checks,
    service_role_plan,
    service_roles,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.environments import (
    environment_findings,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.preflight_checks import (
    FAILED,
    PASSED,
    WARNED,
    Check,
    outcome,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account, Identity
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, is_account_id
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    DatalakeError,
    denial,
    error_code,
    error_message,
    explain,
)
from ansible_collections.datalake.dms.plugins.module_utils._dms.account_attributes import account_quotas
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import list_connections
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.instances import describe_instance

# The services that are called on each side, and those that only the checks of an account call.
_SERVICES = {"dms": ("sts", "dms"), "lake": ("sts", "iam", "s3", "kms")}
_ACCOUNT_SERVICES = {"dms": ("ec2", "iam"), "lake": ()}


# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "side": {"type": "str", "choices": list(SIDES), "required": True},
    "account_id": {"type": "str", "required": True},
    "environment": {"type": "str"},
    "environments": {"type": "dict"},
    "protected": {"type": "bool", "default": False},
    "allow_endpoint_url": {"type": "bool", "default": False},
    "bucket_name": {"type": "str"},
    "kms_key_arn": {"type": "str", "no_log": False},
    "replication_instance_arn": {"type": "str"},
    "session_seconds": {"type": "int", "default": 0},
    "account_checks": {"type": "bool", "default": False},
    "object_ownership": {"type": "str"},
    "role_account_id": {"type": "str"},
    "lake_account_ids": {"type": "list", "elements": "str", "default": []},
    "planned_endpoint_identifiers": {"type": "list", "elements": "str", "default": []},
    "planned_role_names": {"type": "list", "elements": "str", "default": []},
    "role_path": {"type": "str", "default": "/"},
    "service_role_names": {
        "type": "list",
        "elements": "str",
        "choices": list(service_role_plan.SERVICE_ROLES),
        "default": service_role_plan.USUAL_ROLES,
    },
}

_Look = Callable[[], list[Check]]


def ensure(account: Account, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Look at everything that the parameters name; nothing is ever changed.

    :param params: the options of dms_preflight.
    :returns: the module's result: changed (never), checks, findings, side, region, account_id, arn, partition, support_case; `failure` where
        there is a finding.
    :raises AnsibleAWSError: the caller could not even be identified.
    """
    check_options(params)
    checks = [outcome("environment", FAILED, finding) for finding in environment_findings(params)]
    if params["protected"] and not params["allow_endpoint_url"]:
        checks += [outcome("endpoint_url", FAILED, finding) for finding in _endpoint_url_findings(account, params)]
    if checks:
        # Nothing is asked of an account that may be the wrong one.
        return _result(checks, None, account, params)
    caller = account.caller()
    checks += _identity_checks(caller, params)
    if checks[-1]["status"] == PASSED:
        checks += [check for name, look in _prerequisite_looks(account, params) for check in _looked(name, look)]
        absent = {check["check"] for check in checks if check["status"] == FAILED}
        looks = [
            (name, look) for name, look in _account_looks(account, params) if _PREREQUISITE.get(name) not in absent
        ]
        checks += [check for name, look in looks for check in _looked(name, look)]
    return _result(checks, caller, account, params)


def _endpoint_url_findings(account: Account, params: dict[str, Any]) -> list[str]:
    """Whether calls would go elsewhere than to AWS, through an option, a variable (of one service, too) or a profile."""
    services = (*_SERVICES[params["side"]], *(_ACCOUNT_SERVICES[params["side"]] if params["account_checks"] else ()))
    elsewhere = [service for service in services if account.uses_custom_endpoint(service)]
    if not elsewhere:
        return []
    return [
        f"Environment {params['environment']} is protected and its calls of {', '.join(elsewhere)} would go to a custom endpoint URL "
        "instead of AWS: unset AWS_ENDPOINT_URL (its forms for one service, and endpoint_url), or allow it explicitly with "
        "allow_endpoint_url=true."
    ]


def _identity_checks(caller: Identity, params: dict[str, Any]) -> list[Check]:
    if caller.account_id == params["account_id"]:
        return [outcome("identity", PASSED, f"The caller is {caller.arn}.")]
    text = (
        f"The credentials of the {params['side']} side belong to account {caller.account_id} ({caller.arn}), and the inventory names "
        f"{params['account_id']}: use the credentials or the assume_role_arn of that account."
    )
    return [outcome("identity", FAILED, text)]


def _looked(name: str, look: _Look) -> list[Check]:
    """A look that fails is an outcome like any other, beside the rest.

    What only the account's checks look at is no reason to stop where the caller may not look.
    """
    try:
        return look()
    except AnsibleAWSError as error:
        tolerated = name in _TOLERATED and denial(error)
        return [outcome(name, WARNED if tolerated else FAILED, explain(error))]


# What a look at an account builds on.
_PREREQUISITE = {"bucket_settings": "bucket", "kms_key_policy": "kms_key", "route": "replication_instance"}

# Checks that go by permissions which a deployment doesn't need.
_TOLERATED = ("bucket_settings", "kms_key_policy", "service_roles", "quota", "route")


def _prerequisite_looks(account: Account, params: dict[str, Any]) -> list[tuple[str, _Look]]:
    bucket, key, instance = params["bucket_name"], params["kms_key_arn"], params["replication_instance_arn"]
    looks: list[tuple[str, _Look]] = []
    if bucket:
        looks.append(("bucket", lambda: [_bucket_check(account, bucket, params["account_id"])]))
    if key:
        looks.append(("kms_key", lambda: _key_checks(account, key)))
    if instance:
        looks.append(("replication_instance", lambda: [_instance_check(account, instance)]))
    if params["session_seconds"] or params["account_checks"]:
        looks.append(("session", lambda: [_session_check(account, params["session_seconds"])]))
    return looks


def _account_looks(account: Account, params: dict[str, Any]) -> list[tuple[str, _Look]]:
    """What is the same for all endpoints of an account, and therefore looked at once."""
    if not params["account_checks"]:
        return []
    bucket, key, instance = params["bucket_name"], params["kms_key_arn"], params["replication_instance_arn"]
    looks: list[tuple[str, _Look]] = []
    if bucket:
        looks.append(("bucket_settings", lambda: _bucket_setting_checks(account, params)))
    if key:
        looks.append(("kms_key_policy", lambda: [_key_policy_check(account, key, params)]))
    if params["planned_role_names"]:
        looks.append(("quota", lambda: _iam_quota_checks(account, params)))
    if params["side"] == "dms":
        looks.append(("service_roles", lambda: _service_role_checks(account, params["service_role_names"])))
        looks.append(("quota", lambda: _endpoint_checks(account, params)))
        if instance:
            looks.append(("route", lambda: _route_checks(account, instance)))
    return looks


@AWSErrorHandler.common_error_handler("look at the bucket")
def _bucket_check(account: Account, bucket: str, owner: str) -> Check:
    """HeadBucket gives no reason beyond its status: 403 is another owner as well as a missing permission."""
    try:
        answer = account.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
    except is_boto3_error_code(["404", "NoSuchBucket"]):
        text = f"Bucket {bucket} does not exist in account {owner}: create it first, or correct its name."
        return outcome("bucket", FAILED, text)
    except is_boto3_error_code(["403", "AccessDenied"]):
        text = (
            f"Bucket {bucket} belongs to another account than {owner}, or the caller lacks s3:ListBucket on it: correct the "
            "name or grant it."
        )
        return outcome("bucket", FAILED, text)
    region = answer.get("BucketRegion")
    if region and account.region and region != account.region:
        text = f"Bucket {bucket} is in {region} and the endpoint in {account.region}: DMS needs both in one region, use another bucket."
        return outcome("bucket", FAILED, text)
    return outcome("bucket", PASSED, f"Bucket {bucket} is of account {owner}, in {region or account.region}.")


@AWSErrorHandler.common_error_handler("look at the bucket's encryption and object ownership")
def _bucket_setting_checks(account: Account, params: dict[str, Any]) -> list[Check]:
    client, bucket = account.client("s3"), params["bucket_name"]
    whose = {"Bucket": bucket, "ExpectedBucketOwner": params["account_id"]}
    try:
        rules = client.get_bucket_ownership_controls(**whose)["OwnershipControls"]["Rules"]
        present = rules[0]["ObjectOwnership"]
    except is_boto3_error_code("OwnershipControlsNotFoundError"):
        present = "ObjectWriter"
    try:
        rules = client.get_bucket_encryption(**whose)["ServerSideEncryptionConfiguration"]["Rules"]
    except is_boto3_error_code("ServerSideEncryptionConfigurationNotFoundError"):
        rules = []
    rule = rules[0]["ApplyServerSideEncryptionByDefault"] if rules else {}
    return [
        preflight_checks.ownership_check(bucket, present, params["object_ownership"]),
        preflight_checks.encryption_check(bucket, rule, params["kms_key_arn"]),
    ]


@AWSErrorHandler.common_error_handler("look at the KMS key")
def _key_checks(account: Account, arn: str) -> list[Check]:
    try:
        key = account.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    except is_boto3_error_code("NotFoundException"):
        return [outcome("kms_key", FAILED, f"KMS key {arn} does not exist: create it first, or correct its ARN.")]
    except is_boto3_error_code("AccessDeniedException") as error:
        text = f"KMS key {arn} can't be looked at ({error_code(error)}: {error_message(error)}): grant kms:DescribeKey to the caller."
        return [outcome("kms_key", FAILED, text)]
    problems = preflight_checks.key_check(key, account.region)
    return [outcome("kms_key", FAILED, p) for p in problems] or [
        outcome("kms_key", PASSED, f"KMS key {arn} is enabled.")
    ]


@AWSErrorHandler.common_error_handler("look at the policy of the KMS key")
def _key_policy_check(account: Account, arn: str, params: dict[str, Any]) -> Check:
    if account_of(arn) != params["account_id"]:
        return preflight_checks.foreign_key_check(arn)
    users = params["role_account_id"] or params["account_id"]
    if users != params["account_id"]:
        text = f"The policy of KMS key {arn} is given a statement for each access role of {users} (dms_bucket_access)."
        return outcome("kms_key_policy", PASSED, text)
    document = account.client("kms").get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    return preflight_checks.key_policy_check(arn, json.loads(document), users)


def _instance_check(account: Account, arn: str) -> Check:
    instance = describe_instance(account.client("dms"), arn)
    if instance is None:
        text = f"Replication instance {arn} does not exist: create it first, or correct its ARN."
        return outcome("replication_instance", FAILED, text)
    status = instance["ReplicationInstanceStatus"]
    if status != "available":
        text = f"Replication instance {arn} is {status}: wait until it is available, then run again."
        return outcome("replication_instance", FAILED, text)
    version = instance.get("EngineVersion", "an unknown version")
    return outcome("replication_instance", PASSED, f"Replication instance {arn} is available, DMS {version}.")


def _session_check(account: Account, wanted: int) -> Check:
    seconds_left, temporary = account.session_end()
    return preflight_checks.session_check(seconds_left, temporary, wanted)


def _service_role_checks(account: Account, names: list[str]) -> list[Check]:
    """An instance that stands does not need them at once, so that what is wrong with one stops nobody."""
    problems = service_role_plan.problems(service_roles.read(account.client("iam"), names), names)
    return [outcome("service_roles", WARNED, problem) for problem in problems] or [
        outcome("service_roles", PASSED, f"The service roles {', '.join(names)} are there and healthy.")
    ]


def _endpoint_checks(account: Account, params: dict[str, Any]) -> list[Check]:
    """Quotas of DMS, and whether AWS is known to let the account have endpoints with a role of another one."""
    client, instance = account.client("dms"), params["replication_instance_arn"]
    identifiers = {name.lower() for name in params["planned_endpoint_identifiers"]}
    endpoints = list_endpoints(client)
    new = len(identifiers - {endpoint["EndpointIdentifier"] for endpoint in endpoints})
    checks = [
        preflight_checks.quota_check("endpoints", quota["Used"], quota["Max"], new)
        for quota in account_quotas(client)
        if quota["AccountQuotaName"] == "Endpoints"
    ]
    if instance:
        tested = {c["EndpointIdentifier"] for c in list_connections(client, replication_instance_arn=instance)}
        name, most = f"connections of {instance}", preflight_checks.ENDPOINTS_PER_INSTANCE
        checks.append(preflight_checks.quota_check(name, len(tested), most, len(identifiers - tested)))
    return [*checks, preflight_checks.cross_account_check(endpoints, params)]


@IAMErrorHandler.common_error_handler("look at the quotas of IAM")
def _iam_quota_checks(account: Account, params: dict[str, Any]) -> list[Check]:
    """GetAccountSummary counts all; those of ours that are there already are found by their path."""
    client = account.client("iam")
    summary = client.get_account_summary()["SummaryMap"]
    there = {role["RoleName"] for role in role_info.list_roles(client, params["role_path"])}
    planned = len(set(params["planned_role_names"]) - there)
    return [
        preflight_checks.quota_check("IAM roles", summary["Roles"], summary["RolesQuota"], planned),
        preflight_checks.quota_check("IAM policies", summary["Policies"], summary["PoliciesQuota"], planned),
    ]


@AWSErrorHandler.common_error_handler("look at the routes of the replication instance")
def _route_checks(account: Account, arn: str) -> list[Check]:
    instance = describe_instance(account.client("dms"), arn)
    group = (instance or {}).get("ReplicationSubnetGroup")
    if not instance or not group:
        return [outcome("route", WARNED, f"Replication instance {arn} tells no subnets: its route to S3 is unknown.")]
    ec2, vpc = account.client("ec2"), {"Filters": [{"Name": "vpc-id", "Values": [group["VpcId"]]}]}
    tables = ec2.get_paginator("describe_route_tables").paginate(**vpc).build_full_result()["RouteTables"]
    endpoints = ec2.get_paginator("describe_vpc_endpoints").paginate(**vpc).build_full_result()["VpcEndpoints"]
    services = ("s3", "secretsmanager")
    return [preflight_checks.route_check(service, instance, tables, endpoints) for service in services]


def check_options(params: dict[str, Any]) -> None:
    """
    :raises DatalakeError: an account id that is none.
    """
    if not is_account_id(params["account_id"]):
        raise DatalakeError(
            message=f"account_id={params['account_id']} is not a 12-digit AWS account id; correct it (quote it in YAML)."
        )


def _result(checks: list[Check], caller: Identity | None, account: Account, params: dict[str, Any]) -> dict[str, Any]:
    findings = [check["text"] for check in checks if check["status"] == FAILED]
    unproven = any(check["check"] == "cross_account" and check["status"] == WARNED for check in checks)
    return {
        "changed": False,
        "checks": checks,
        "findings": findings,
        "side": params["side"],
        "region": account.region,
        "account_id": caller.account_id if caller else None,
        "arn": caller.arn if caller else None,
        "partition": caller.partition if caller else None,
        "support_case": (
            preflight_checks.support_case(params["account_id"], params["lake_account_ids"], account.region or "")
            if unproven
            else None
        ),
        **({"failure": " ".join(findings)} if findings else {}),
    }
