# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcome of each check of a preflight, the table of all outcomes, and the text for AWS Support. Pure."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import as_list

# An outcome is {"check", "status", "text"}. `failed` stops a run. `warned` should be reviewed, or could not be checked.
Check = dict[str, str]
PASSED, WARNED, FAILED = "passed", "warned", "failed"

# DMS before this version reaches S3 over AWS's own network ("Configuring VPC endpoints as AWS DMS source and target endpoints").
_ENDPOINT_NEEDED_SINCE = (3, 4, 7)

# Options that each host has for itself. An account is checked once with those of all its hosts.
_GATHERED = {"planned_endpoint_identifiers", "planned_role_names", "lake_account_ids"}

# DMS's quota "Endpoints per replication instance", which DescribeAccountAttributes does not return ("Quotas for AWS DMS").
ENDPOINTS_PER_INSTANCE = 100

# The targets of a route out of the VPC, and so to AWS's public endpoints. An internet gateway serves public addresses only.
_OUTBOUND_TARGETS = (
    "NatGatewayId",
    "TransitGatewayId",
    "NetworkInterfaceId",
    "VpcPeeringConnectionId",
    "CoreNetworkArn",
)


def outcome(check: str, status: str, text: str) -> Check:
    """One row of the table."""
    return {"check": check, "status": status, "text": text}


# The bucket and its key


def ownership_check(bucket: str, present: str, wanted: str | None) -> Check:
    """Whether the bucket's object ownership matches the inventory.

    :param present: of GetBucketOwnershipControls; ObjectWriter for a bucket without them.
    """
    if wanted and present != wanted:
        return outcome(
            "bucket_ownership",
            FAILED,
            f"Bucket {bucket} has object ownership {present}, and the inventory has s3_endpoint_object_ownership={wanted}; correct one of them, "
            "because it decides whether objects need an ACL or must not have one.",
        )
    return outcome("bucket_ownership", PASSED, f"Bucket {bucket} has object ownership {present}.")


def encryption_check(bucket: str, rule: dict[str, Any], key_arn: str | None) -> Check:
    """Whether DMS encrypts objects with the bucket's default encryption.

    :param rule: ApplyServerSideEncryptionByDefault of GetBucketEncryption. :param key_arn: the endpoint's key, None for SSE-S3.
    """
    algorithm, default_key = rule.get("SSEAlgorithm", "AES256"), rule.get("KMSMasterKeyID")
    by_default = f"{algorithm} with {default_key}" if default_key else algorithm
    if not key_arn and algorithm != "AES256":
        text = f"Bucket {bucket} encrypts by default with {by_default}, and the endpoint has no key, so DMS uses SSE-S3; set s3_endpoint_kms_key_arn."
        return outcome("bucket_encryption", WARNED, text)
    if key_arn and default_key and not _same_key(key_arn, default_key):
        text = f"Bucket {bucket} encrypts by default with {default_key}, and the endpoint with {key_arn}; readers need both keys."
        return outcome("bucket_encryption", WARNED, text)
    used = f"the endpoint with {key_arn}" if key_arn else "the endpoint with SSE-S3"
    return outcome("bucket_encryption", PASSED, f"Bucket {bucket} encrypts by default with {by_default}, {used}.")


def _same_key(one: str, other: str) -> bool:
    """Whether two ids or ARNs mean the same key."""
    return one.rsplit("/", 1)[-1] == other.rsplit("/", 1)[-1]


def key_check(key: dict[str, Any], region: str | None) -> list[str]:
    """What is wrong with a key for encrypting objects, as sentences.

    :param key: KeyMetadata of DescribeKey.
    """
    arn, found = key["Arn"], []
    if not key["Enabled"]:
        found.append(f"KMS key {arn} is {key['KeyState']}: enable it, or use another key.")
    if key.get("KeyUsage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        found.append(f"KMS key {arn} is for {key['KeyUsage']}: use a symmetric key for ENCRYPT_DECRYPT.")
    if region and arn.split(":")[3] != region:
        found.append(
            f"KMS key {arn} is in {arn.split(':')[3]} and the bucket in {region}: S3 needs both in one region; use another key."
        )
    return found


def key_policy_check(arn: str, policy: dict[str, Any], account_id: str) -> Check:
    """Whether the key policy admits the account of the access roles, or any role of it.

    :param account_id: the account of the access roles. If the key policy admits the account, IAM policies decide there.
    """
    root = f":iam::{account_id}:root"
    admitted = [s for s in as_list(policy.get("Statement")) if s.get("Effect") == "Allow" and _names(s, account_id)]
    if any(name in (account_id, "*") or name.endswith(root) for s in admitted for name in _aws_principals(s)):
        return outcome(
            "kms_key_policy", PASSED, f"The policy of KMS key {arn} lets IAM policies of {account_id} decide."
        )
    if admitted:
        text = f"The policy of KMS key {arn} admits some roles of {account_id}; make sure that the access roles are among them."
        return outcome("kms_key_policy", WARNED, text)
    return outcome(
        "kms_key_policy",
        FAILED,
        f"The policy of KMS key {arn} admits no principal of {account_id}, the account of the access roles; admit "
        f"arn:<partition>:iam::{account_id}:root, "
        "or the access roles.",
    )


def foreign_key_check(arn: str) -> Check:
    """A key of another account. Only that account can read its policy (GetKeyPolicy)."""
    text = f"KMS key {arn} belongs to another account, so its policy can't be checked; make sure that it admits the access roles."
    return outcome("kms_key_policy", WARNED, text)


def _aws_principals(statement: dict[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    return ["*"] if principal == "*" else as_list(principal.get("AWS")) if isinstance(principal, dict) else []


def _names(statement: dict[str, Any], account_id: str) -> bool:
    return any(name == "*" or account_id in name for name in _aws_principals(statement))


# Quotas


def quota_check(name: str, used: int, most: int, planned: int) -> Check:
    """Whether a quota is enough for the existing and the planned resources."""
    if used + planned > most:
        return outcome(
            "quota",
            FAILED,
            f"Quota: {used} of {most} {name} used, {planned} will be added; request a higher quota, or remove unused ones.",
        )
    return outcome("quota", PASSED, f"Quota: {used} of {most} {name} used, {planned} will be added.")


# The route


def route_check(
    service: str, instance: dict[str, Any], tables: list[dict[str, Any]], endpoints: list[dict[str, Any]]
) -> Check:
    """Whether the subnets of a replication instance have a route to a service of AWS.

    :param service: s3 or secretsmanager. Only sources with credentials in Secrets Manager need the latter.
    :param instance: of DescribeReplicationInstances, with its ReplicationSubnetGroup. :param tables: of DescribeRouteTables, of its VPC.
    :param endpoints: of DescribeVpcEndpoints, of its VPC.
    """
    name = f"route_{service}"
    subnets = [subnet["SubnetIdentifier"] for subnet in instance["ReplicationSubnetGroup"]["Subnets"]]
    public = bool(instance.get("PubliclyAccessible"))
    cut_off = [s for s in subnets if not _reaches(service, _table_of(s, tables), endpoints, public)]
    if not cut_off:
        return outcome(name, PASSED, f"The {len(subnets)} subnets of the replication instance reach {service}.")
    remedy = (
        f"create a VPC endpoint for {service} there, or a route to the internet"
        if service != "s3"
        else "create an S3 gateway endpoint in their route tables, or a route to the internet"
    )
    text = f"The subnets {', '.join(cut_off)} of the replication instance have no route to {service}; {remedy}."
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
    """Whether the subnet has a gateway endpoint in its route table, an interface endpoint in the VPC, or a route out of the VPC."""
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
    return by_internet_gateway or gateway.startswith("vgw-") or any(route.get(target) for target in _OUTBOUND_TARGETS)


# The session


def session_check(seconds_left: float | None, temporary: bool, wanted: int) -> Check:
    """Whether the caller's credentials are valid long enough.

    :param seconds_left: seconds until they expire; None if unknown or never. :param temporary: whether they expire at all.
    :param wanted: the seconds that a run needs; 0: any.
    """
    if seconds_left is None:
        text = "The caller's credentials are temporary and their expiration is unknown; set AWS_CREDENTIAL_EXPIRATION to have it checked."
        return outcome(
            "session",
            WARNED if temporary else PASSED,
            text if temporary else "The credentials do not expire during this run.",
        )
    minutes = int(seconds_left // 60)
    if seconds_left < wanted:
        text = f"The caller's credentials expire in {minutes} minutes, and a replacement or removal needs {wanted // 60}; get new ones."
        return outcome("session", FAILED, text)
    return outcome("session", PASSED, f"The caller's credentials expire in {minutes} minutes.")


# The accounts as a pair


def cross_account_check(endpoints: list[dict[str, Any]], params: dict[str, Any]) -> Check:
    """Whether AWS is known to allow cross-account roles in the account. An endpoint with an ExternalId proves it.

    :param endpoints: all of DescribeEndpoints. :param params: account_id and lake_account_ids of dms_preflight.
    """
    if not [account for account in params["lake_account_ids"] if account != params["account_id"]]:
        return outcome("cross_account", PASSED, "No endpoint needs a cross-account role.")
    if any(endpoint.get("ExternalId") for endpoint in endpoints):
        return outcome(
            "cross_account",
            PASSED,
            "Cross-account roles are already in use in this account: AWS has allowed at least one.",
        )
    text = (
        f"No endpoint of {params['account_id']} has a cross-account role yet, and AWS may have to allow it first; if CreateEndpoint "
        "fails with 'Cross-account pass role is not allowed', open a support case with the text that preflight.yml shows."
    )
    return outcome("cross_account", WARNED, text)


def support_case(dms_account_id: str, lake_account_ids: list[str], region: str) -> str:
    """The text of a support case that asks AWS to allow cross-account roles in an account."""
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
    """Each account that hosts need, once, with the planned resources of all of its hosts.

    :param needs: (host, {side: options of dms_preflight}). planned_endpoint_identifiers, planned_role_names and lake_account_ids are those of the
        host only.
    :returns: options of dms_preflight, each with `hosts`, the names of its hosts.
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
    """All checks as lines of text, failed ones first.

    :param results: of dms_preflight, each with side, account_id and region. A failed module has only a message.
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
