# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check an account before anything is changed: the environment, the caller, and prerequisites such as bucket and replication instance.

All findings are reported together, so that they can be corrected at once.
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
from ansible_collections.datalake.dms.plugins.module_utils._accounts.environments import environment_findings
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
from ansible_collections.datalake.dms.plugins.module_utils._core.parallel_reads import in_parallel
from ansible_collections.datalake.dms.plugins.module_utils._dms.account_attributes import account_quotas
from ansible_collections.datalake.dms.plugins.module_utils._dms.connections import list_connections
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.instances import describe_instance

# The services that are called on each side, and those that only account_checks call.
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

_Check = Callable[[], list[Check]]


def ensure(account: Account, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Check everything that the parameters name. Nothing is changed.

    :param params: the options of dms_preflight.
    :returns: the module's result: changed (never), checks, findings, side, region, account_id, arn, partition, support_case; `failure` if
        there is a finding.
    :raises AnsibleAWSError: the caller could not be identified.
    """
    check_options(params)
    checks = [outcome("environment", FAILED, finding) for finding in environment_findings(params)]
    if params["protected"] and not params["allow_endpoint_url"]:
        checks += [outcome("endpoint_url", FAILED, finding) for finding in _endpoint_url_findings(account, params)]
    if checks:
        # No call is made to an account that may be the wrong one.
        return _result(checks, None, account, params)
    caller = account.caller()
    checks += _identity_checks(caller, params)
    if checks[-1]["status"] == PASSED:
        checks += _checked_together(_prerequisite_checks(account, params))
        absent = {check["check"] for check in checks if check["status"] == FAILED}
        remaining = [
            (name, run) for name, run in _account_checks(account, params) if _PREREQUISITE.get(name) not in absent
        ]
        checks += _checked_together(remaining)
    return _result(checks, caller, account, params)


def _endpoint_url_findings(account: Account, params: dict[str, Any]) -> list[str]:
    """A finding if calls would not go to AWS, because of an option, an environment variable or a profile."""
    services = (*_SERVICES[params["side"]], *(_ACCOUNT_SERVICES[params["side"]] if params["account_checks"] else ()))
    elsewhere = [service for service in services if account.uses_custom_endpoint(service)]
    if not elsewhere:
        return []
    return [
        f"Environment {params['environment']} is protected and its calls of {', '.join(elsewhere)} would go to a custom endpoint URL "
        "instead of AWS; unset AWS_ENDPOINT_URL, its variants for single services and endpoint_url, or set "
        "allow_endpoint_url=true."
    ]


def _identity_checks(caller: Identity, params: dict[str, Any]) -> list[Check]:
    if caller.account_id == params["account_id"]:
        return [outcome("identity", PASSED, f"The caller is {caller.arn}.")]
    text = (
        f"The credentials of the {params['side']} side belong to account {caller.account_id} ({caller.arn}), and the inventory names "
        f"{params['account_id']}; set s3_endpoint_{params['side']}_assume_role_arn to a role in {params['account_id']}, or run with its credentials."
    )
    return [outcome("identity", FAILED, text)]


def _checked_together(checks: list[tuple[str, _Check]]) -> list[Check]:
    """The outcomes of checks in their order. Each check makes calls of its own, so they are made in parallel."""
    return [found for outcomes in in_parallel(lambda check: _checked(*check), checks) for found in outcomes]


def _checked(name: str, run: _Check) -> list[Check]:
    """The outcomes of a check. A call that fails is an outcome, too.

    If the caller lacks a permission that only account_checks needs, the outcome is a warning.
    """
    try:
        return run()
    except AnsibleAWSError as error:
        tolerated = name in _TOLERATED and denial(error)
        return [outcome(name, WARNED if tolerated else FAILED, explain(error))]


# Check of the account -> the prerequisite that must have passed.
_PREREQUISITE = {"bucket_settings": "bucket", "kms_key_policy": "kms_key", "route": "replication_instance"}

# Checks that need permissions which a deployment does not need.
_TOLERATED = ("bucket_settings", "kms_key_policy", "service_roles", "quota", "route")


def _prerequisite_checks(account: Account, params: dict[str, Any]) -> list[tuple[str, _Check]]:
    bucket, key, instance = params["bucket_name"], params["kms_key_arn"], params["replication_instance_arn"]
    checks: list[tuple[str, _Check]] = []
    if bucket:
        checks.append(("bucket", lambda: [_bucket_check(account, bucket, params["account_id"])]))
    if key:
        checks.append(("kms_key", lambda: _key_checks(account, key)))
    if instance:
        checks.append(("replication_instance", lambda: [_instance_check(account, instance)]))
    if params["session_seconds"] or params["account_checks"]:
        checks.append(("session", lambda: [_session_check(account, params["session_seconds"])]))
    return checks


def _account_checks(account: Account, params: dict[str, Any]) -> list[tuple[str, _Check]]:
    """The checks of everything that all endpoints of an account share."""
    if not params["account_checks"]:
        return []
    bucket, key, instance = params["bucket_name"], params["kms_key_arn"], params["replication_instance_arn"]
    checks: list[tuple[str, _Check]] = []
    if bucket:
        checks.append(("bucket_settings", lambda: _bucket_setting_checks(account, params)))
    if key:
        checks.append(("kms_key_policy", lambda: [_key_policy_check(account, key, params)]))
    if params["planned_role_names"]:
        checks.append(("quota", lambda: _iam_quota_checks(account, params)))
    if params["side"] == "dms":
        checks.append(("service_roles", lambda: _service_role_checks(account, params["service_role_names"])))
        checks.append(("quota", lambda: _endpoint_checks(account, params)))
        if instance:
            checks.append(("route", lambda: _route_checks(account, instance)))
    return checks


@AWSErrorHandler.common_error_handler("read the bucket")
def _bucket_check(account: Account, bucket: str, owner: str) -> Check:
    """HeadBucket returns only a status: 403 means another owner, or a missing permission."""
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
        text = f"Bucket {bucket} is in {region} and the endpoint in {account.region}: DMS needs both in one region; use another bucket."
        return outcome("bucket", FAILED, text)
    return outcome("bucket", PASSED, f"Bucket {bucket} belongs to account {owner}, in {region or account.region}.")


@AWSErrorHandler.common_error_handler("read the bucket's encryption and object ownership")
def _bucket_setting_checks(account: Account, params: dict[str, Any]) -> list[Check]:
    client, bucket = account.client("s3"), params["bucket_name"]
    request = {"Bucket": bucket, "ExpectedBucketOwner": params["account_id"]}
    try:
        rules = client.get_bucket_ownership_controls(**request)["OwnershipControls"]["Rules"]
        present = rules[0]["ObjectOwnership"]
    except is_boto3_error_code("OwnershipControlsNotFoundError"):
        present = "ObjectWriter"
    try:
        rules = client.get_bucket_encryption(**request)["ServerSideEncryptionConfiguration"]["Rules"]
    except is_boto3_error_code("ServerSideEncryptionConfigurationNotFoundError"):
        rules = []
    rule = rules[0]["ApplyServerSideEncryptionByDefault"] if rules else {}
    return [
        preflight_checks.ownership_check(bucket, present, params["object_ownership"]),
        preflight_checks.encryption_check(bucket, rule, params["kms_key_arn"]),
    ]


@AWSErrorHandler.common_error_handler("describe the KMS key")
def _key_checks(account: Account, arn: str) -> list[Check]:
    try:
        key = account.client("kms").describe_key(KeyId=arn)["KeyMetadata"]
    except is_boto3_error_code("NotFoundException"):
        return [outcome("kms_key", FAILED, f"KMS key {arn} does not exist: create it first, or correct its ARN.")]
    except is_boto3_error_code("AccessDeniedException") as error:
        text = f"KMS key {arn} can't be described ({error_code(error)}: {error_message(error)}): grant kms:DescribeKey to the caller."
        return [outcome("kms_key", FAILED, text)]
    problems = preflight_checks.key_check(key, account.region)
    return [outcome("kms_key", FAILED, p) for p in problems] or [
        outcome("kms_key", PASSED, f"KMS key {arn} is enabled.")
    ]


@AWSErrorHandler.common_error_handler("read the policy of the KMS key")
def _key_policy_check(account: Account, arn: str, params: dict[str, Any]) -> Check:
    if account_of(arn) != params["account_id"]:
        return preflight_checks.foreign_key_check(arn)
    users = params["role_account_id"] or params["account_id"]
    if users != params["account_id"]:
        text = f"The policy of KMS key {arn} gets a statement for each access role of {users} (dms_bucket_access)."
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
    """A problem with a service role is only a warning, because an existing replication instance does not need it at once."""
    problems = service_role_plan.problems(service_roles.read(account.client("iam"), names), names)
    return [outcome("service_roles", WARNED, problem) for problem in problems] or [
        outcome("service_roles", PASSED, f"The service roles {', '.join(names)} exist and are correct.")
    ]


def _endpoint_checks(account: Account, params: dict[str, Any]) -> list[Check]:
    """Checks of DMS quotas, and whether cross-account roles are already in use in the account."""
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


@IAMErrorHandler.common_error_handler("read the quotas of IAM")
def _iam_quota_checks(account: Account, params: dict[str, Any]) -> list[Check]:
    """GetAccountSummary counts all roles and policies. The planned ones that exist already are found by their path."""
    client = account.client("iam")
    summary = client.get_account_summary()["SummaryMap"]
    existing = {role["RoleName"] for role in role_info.list_roles(client, params["role_path"])}
    planned = len(set(params["planned_role_names"]) - existing)
    return [
        preflight_checks.quota_check("IAM roles", summary["Roles"], summary["RolesQuota"], planned),
        preflight_checks.quota_check("IAM policies", summary["Policies"], summary["PoliciesQuota"], planned),
    ]


@AWSErrorHandler.common_error_handler("read the routes of the replication instance")
def _route_checks(account: Account, arn: str) -> list[Check]:
    instance = describe_instance(account.client("dms"), arn)
    group = (instance or {}).get("ReplicationSubnetGroup")
    if not instance or not group:
        return [
            outcome("route", WARNED, f"Replication instance {arn} has no subnet group, so its route to S3 is unknown.")
        ]
    ec2, vpc = account.client("ec2"), {"Filters": [{"Name": "vpc-id", "Values": [group["VpcId"]]}]}
    tables = ec2.get_paginator("describe_route_tables").paginate(**vpc).build_full_result()["RouteTables"]
    endpoints = ec2.get_paginator("describe_vpc_endpoints").paginate(**vpc).build_full_result()["VpcEndpoints"]
    services = ("s3", "secretsmanager")
    return [preflight_checks.route_check(service, instance, tables, endpoints) for service in services]


def check_options(params: dict[str, Any]) -> None:
    """
    :raises DatalakeError: an invalid account id.
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
