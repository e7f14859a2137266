# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a preflight makes of what it has read: each check's outcome, the table of all, and the text for AWS Support. Pure."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import as_list

# An outcome is {"check", "status", "text"}; `failed` stops a run, `warned` is worth a look, or could not be looked at.
Check = dict[str, str]
PASSED, WARNED, FAILED = "passed", "warned", "failed"

# DMS before this version reaches S3 over AWS's own network ("Configuring VPC endpoints as AWS DMS source and target endpoints").
_ENDPOINT_NEEDED_SINCE = (3, 4, 7)

# What each host has of its own, and what is told together for the account.
_GATHERED = {"planned_endpoint_identifiers", "planned_role_names", "lake_account_ids"}

# DMS's quota "Endpoints per replication instance", which DescribeAccountAttributes does not tell ("Quotas for AWS DMS").
ENDPOINTS_PER_INSTANCE = 100

# The targets of a route out of the VPC, and thereby to AWS's public endpoints; an internet gateway serves public addresses only.
_WAYS_OUT = ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId", "CoreNetworkArn")


def outcome(check: str, status: str, text: str) -> Check:
    """One row of the table."""
    return {"check": check, "status": status, "text": text}


# The bucket and its key


def ownership_check(bucket: str, present: str, wanted: str | None) -> Check:
    """Whether the bucket's object ownership is what the endpoint is set up for.

    :param present: of GetBucketOwnershipControls; ObjectWriter where a bucket has none.
    """
    if wanted and present != wanted:
        return outcome(
            "bucket_ownership",
            FAILED,
            f"Bucket {bucket} has object ownership {present}, and the inventory says object_ownership={wanted}: correct whichever is wrong, "
            "as objects need an ACL with one and must not have one with the other.",
        )
    return outcome("bucket_ownership", PASSED, f"Bucket {bucket} has object ownership {present}.")


def encryption_check(bucket: str, rule: dict[str, Any], key_arn: str | None) -> Check:
    """Whether what DMS writes is encrypted with what the bucket's owner has set for all others.

    :param rule: ApplyServerSideEncryptionByDefault of GetBucketEncryption. :param key_arn: the endpoint's key, None for SSE-S3.
    """
    algorithm, default_key = rule.get("SSEAlgorithm", "AES256"), rule.get("KMSMasterKeyID")
    by_default = f"{algorithm} with {default_key}" if default_key else algorithm
    if not key_arn and algorithm != "AES256":
        text = f"Bucket {bucket} encrypts by default with {by_default}, and the endpoint names no key, so DMS asks for SSE-S3: name the key."
        return outcome("bucket_encryption", WARNED, text)
    if key_arn and default_key and not _same_key(key_arn, default_key):
        text = f"Bucket {bucket} encrypts by default with {default_key}, and the endpoint with {key_arn}: readers need both keys."
        return outcome("bucket_encryption", WARNED, text)
    used = f"the endpoint with {key_arn}" if key_arn else "the endpoint with SSE-S3"
    return outcome("bucket_encryption", PASSED, f"Bucket {bucket} encrypts by default with {by_default}, {used}.")


def _same_key(one: str, other: str) -> bool:
    """A key may be given by its id or by its ARN."""
    return one.rsplit("/", 1)[-1] == other.rsplit("/", 1)[-1]


def key_check(key: dict[str, Any], region: str | None) -> list[str]:
    """What is wrong with a key that objects are to be encrypted with, as sentences.

    :param key: KeyMetadata of DescribeKey.
    """
    arn, found = key["Arn"], []
    if not key["Enabled"]:
        found.append(f"KMS key {arn} is {key['KeyState']}: enable it, or use another key.")
    if key.get("KeyUsage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        found.append(f"KMS key {arn} is for {key['KeyUsage']}: use a symmetric key for ENCRYPT_DECRYPT.")
    if region and arn.split(":")[3] != region:
        found.append(
            f"KMS key {arn} is in {arn.split(':')[3]} and the bucket in {region}: S3 needs both in one region, use another key."
        )
    return found


def key_policy_check(arn: str, policy: dict[str, Any], account_id: str) -> Check:
    """Whether the key's policy admits the account whose access roles are to use it, or any role of it.

    :param account_id: the account of the access roles. Where it is admitted as a whole, IAM decides there.
    """
    root = f":iam::{account_id}:root"
    admitted = [s for s in as_list(policy.get("Statement")) if s.get("Effect") == "Allow" and _names(s, account_id)]
    if any(name in (account_id, "*") or name.endswith(root) for s in admitted for name in _aws_principals(s)):
        return outcome("kms_key_policy", PASSED, f"The policy of KMS key {arn} leaves it to IAM of {account_id}.")
    if admitted:
        text = f"The policy of KMS key {arn} admits some roles of {account_id}: make sure that the access roles are among them."
        return outcome("kms_key_policy", WARNED, text)
    return outcome(
        "kms_key_policy",
        FAILED,
        f"The policy of KMS key {arn} admits nobody of {account_id}, where the access roles are: admit arn:<partition>:iam::{account_id}:root, "
        "or the access roles.",
    )


def foreign_key_check(arn: str) -> Check:
    """A key of another account, whose policy only that account can look at (GetKeyPolicy)."""
    text = f"KMS key {arn} is of another account, where its policy can't be looked at: make sure that it admits the access roles."
    return outcome("kms_key_policy", WARNED, text)


def _aws_principals(statement: dict[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    return ["*"] if principal == "*" else as_list(principal.get("AWS")) if isinstance(principal, dict) else []


def _names(statement: dict[str, Any], account_id: str) -> bool:
    return any(name == "*" or account_id in name for name in _aws_principals(statement))


# Quotas


def quota_check(name: str, used: int, most: int, planned: int) -> Check:
    """Whether a quota is enough for what is planned beside what stands."""
    if used + planned > most:
        return outcome(
            "quota",
            FAILED,
            f"{used} of {most} {name} are there, and {planned} more are planned: ask AWS for a higher quota, or remove what is not used.",
        )
    return outcome("quota", PASSED, f"{used} of {most} {name} are there, {planned} more are planned.")


# The route


def route_check(
    service: str, instance: dict[str, Any], tables: list[dict[str, Any]], endpoints: list[dict[str, Any]]
) -> Check:
    """Whether the subnets of a replication instance have a route to a service of AWS.

    :param service: s3 or secretsmanager; without the latter only sources that keep their credentials there are out of reach.
    :param instance: of DescribeReplicationInstances, with its ReplicationSubnetGroup. :param tables: of DescribeRouteTables, of its VPC.
    :param endpoints: of DescribeVpcEndpoints, likewise.
    """
    name = f"route_{service}"
    subnets = [subnet["SubnetIdentifier"] for subnet in instance["ReplicationSubnetGroup"]["Subnets"]]
    public = bool(instance.get("PubliclyAccessible"))
    cut_off = [s for s in subnets if not _reaches(service, _table_of(s, tables), endpoints, public)]
    if not cut_off:
        return outcome(name, PASSED, f"The {len(subnets)} subnets of the replication instance reach {service}.")
    remedy = (
        f"make a VPC endpoint for {service} there, or a route to the internet"
        if service != "s3"
        else "make an S3 gateway endpoint in their route tables, or a route to the internet"
    )
    text = f"The subnets {', '.join(cut_off)} of the replication instance have no route to {service}: {remedy}."
    if service != "s3":
        return outcome(name, WARNED, f"{text[:-1]}, if a source keeps its credentials there.")
    if _version(instance) < _ENDPOINT_NEEDED_SINCE:
        return outcome(name, WARNED, f"{text[:-1]}, before the instance is upgraded to DMS 3.4.7 or later.")
    return outcome(name, FAILED if len(cut_off) == len(subnets) else WARNED, text)


def _version(instance: dict[str, Any]) -> tuple[int, ...]:
    numbers = str(instance.get("EngineVersion", "")).split(".")
    return tuple(int(number) for number in numbers if number.isdigit())


def _table_of(subnet: str, tables: list[dict[str, Any]]) -> dict[str, Any]:
    """The route table of a subnet: its own, else the main one of the VPC."""
    main: dict[str, Any] = {}
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet:
                return table
            if association.get("Main"):
                main = table
    return main


def _reaches(service: str, table: dict[str, Any], endpoints: list[dict[str, Any]], public: bool) -> bool:
    """By a gateway endpoint in the subnet's table, an interface endpoint of the VPC, or a route out."""
    for endpoint in endpoints:
        if not endpoint["ServiceName"].endswith(f".{service}") or endpoint.get("State", "").lower() != "available":
            continue
        if endpoint.get("VpcEndpointType") == "Interface" and endpoint.get("PrivateDnsEnabled"):
            return True
        if endpoint.get("VpcEndpointType") == "Gateway" and table.get("RouteTableId") in endpoint.get(
            "RouteTableIds", []
        ):
            return True
    return any(_leads_out(route, public) for route in table.get("Routes", []))


def _leads_out(route: dict[str, Any], public: bool) -> bool:
    if route.get("DestinationCidrBlock") != "0.0.0.0/0" or route.get("State", "active") != "active":
        return False
    gateway = str(route.get("GatewayId") or "")
    by_internet_gateway = gateway.startswith("igw-") and public
    return by_internet_gateway or gateway.startswith("vgw-") or any(route.get(way) for way in _WAYS_OUT)


# The session


def session_check(seconds_left: float | None, temporary: bool, wanted: int) -> Check:
    """Whether the caller's credentials last long enough.

    :param seconds_left: None where they have no known end. :param temporary: whether they have one at all.
    :param wanted: the seconds that a run needs, 0 for any.
    """
    if seconds_left is None:
        text = (
            "The caller's credentials are temporary and tell no end: set AWS_CREDENTIAL_EXPIRATION to have it checked."
        )
        return outcome(
            "session", WARNED if temporary else PASSED, text if temporary else "The caller's credentials last."
        )
    minutes = int(seconds_left // 60)
    if seconds_left < wanted:
        text = f"The caller's credentials expire in {minutes} minutes, and {wanted // 60} are wanted before anything is destroyed: get new ones."
        return outcome("session", FAILED, text)
    return outcome("session", PASSED, f"The caller's credentials last for {minutes} minutes.")


# The accounts as a pair


def cross_account_check(endpoints: list[dict[str, Any]], params: dict[str, Any]) -> Check:
    """Whether AWS is known to let the account have endpoints with a role of another account: one with an ExternalId proves it.

    :param endpoints: all of DescribeEndpoints. :param params: account_id and lake_account_ids of dms_preflight.
    """
    if not [account for account in params["lake_account_ids"] if account != params["account_id"]]:
        return outcome("cross_account", PASSED, "No endpoint is to have a role in another account.")
    if any(endpoint.get("ExternalId") for endpoint in endpoints):
        return outcome(
            "cross_account", PASSED, "AWS lets endpoints of this account have a role in another one, as one has."
        )
    text = (
        f"No endpoint of {params['account_id']} has a role in another account yet, and AWS may have to allow it first: if CreateEndpoint "
        "says that cross-account pass role is not allowed, open a support case with the text that preflight.yml shows."
    )
    return outcome("cross_account", WARNED, text)


def support_case(dms_account_id: str, lake_account_ids: list[str], region: str) -> str:
    """The text for AWS Support, where an account must be allow-listed for endpoints with a role of another account."""
    lakes = ", ".join(lake_account_ids)
    paragraphs = [
        f"We replicate databases with AWS DMS in account {dms_account_id}, region {region}, into Amazon S3 buckets that account {lakes} owns. "
        "The IAM role that DMS assumes to write there (ServiceAccessRoleArn) is in the account of the bucket; its trust policy admits "
        "dms.amazonaws.com with the ExternalId that CreateEndpoint returns.",
        f"Please allow account {dms_account_id} to create DMS S3 target endpoints in {region} with a role of account {lakes}. CreateEndpoint "
        "answers otherwise: AccessDenied, Cross-account pass role is not allowed.",
    ]
    return "\n".join(
        [
            "Service: Database Migration Service (DMS)",
            f"Subject: Allow cross-account S3 target endpoints for account {dms_account_id}",
            *(line for paragraph in paragraphs for line in ["", *textwrap.wrap(paragraph, 100)]),
            "",
            f"Account with DMS: {dms_account_id}",
            f"Account with the role and the bucket: {lakes}",
            f"Region: {region}",
        ]
    )


def accounts(needs: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Each account that hosts need, once, with what all of them plan there.

    :param needs: (host, {side: options of dms_preflight}), where each side's planned_endpoint_identifiers, planned_role_names and
        lake_account_ids are of that host alone.
    :returns: options of dms_preflight, each with `hosts`, the names of those that need it.
    """
    found: dict[str, dict[str, Any]] = {}
    for host, sides in needs:
        for options in sides.values():
            shared = {name: value for name, value in options.items() if name not in _GATHERED}
            one = found.setdefault(json.dumps(shared, sort_keys=True, default=str), {**shared, "hosts": []})
            one["hosts"].append(host)
            for name in _GATHERED & set(options):
                one[name] = sorted({*one.get(name, []), *options[name]})
    return list(found.values())


def table(results: list[dict[str, Any]]) -> list[str]:
    """All checks as lines of text, the worst first.

    :param results: of dms_preflight, each with its side, account_id and region; one that failed altogether has but a message.
    """
    order = [FAILED, WARNED, PASSED]
    rows = [
        (
            order.index(c["status"]),
            c["status"],
            r["side"],
            str(r["account_id"]),
            r["region"] or "-",
            c["check"],
            c["text"],
        )
        for r in results
        for c in r.get("checks") or [outcome("identity", FAILED, r["msg"])]
    ]
    columns = [row[1:] for row in dict.fromkeys(sorted(rows, key=lambda row: row[0]))]
    widths = [max(len(row[n]) for row in columns) for n in range(len(columns[0]) - 1)] if columns else []
    return ["  ".join([*map(str.ljust, row[:-1], widths), row[-1]]) for row in columns]
