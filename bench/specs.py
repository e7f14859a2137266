# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The endpoints that every contender makes, and what a world looks like where they stand. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

VERSION = "2012-10-17"
KEY_ACTIONS = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
OBJECT_ACTIONS = ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"]


@dataclass(frozen=True)
class Spec:
    """One endpoint with its role and policy, which share a name and a path."""

    source: str
    identifier: str
    role_name: str
    path: str
    role_arn: str
    policy_arn: str
    policy: dict[str, Any]
    settings: dict[str, Any]
    tags: dict[str, str]


def spec(source: str, names: dict[str, Any]) -> Spec:
    """What a source of the inventory needs; `names` are its host variables."""
    environment, lake = names["s3_endpoint_environment"], names["s3_endpoint_lake_account_id"]
    bucket, key, folder = names["s3_endpoint_bucket_name"], names["s3_endpoint_kms_key_arn"], f"raw/{source}"
    identifier = f"{environment}-{source.replace('_', '-')}"
    role_name, path = f"dms-s3-{identifier}", f"/datalake-dms/datalake-{environment}/"
    role_arn = f"arn:aws:iam::{lake}:role{path}{role_name}"
    statements = [
        _allow("ListBucket", ["s3:ListBucket"], f"arn:aws:s3:::{bucket}"),
        _allow("WriteObjects", OBJECT_ACTIONS, f"arn:aws:s3:::{bucket}/{folder}/*"),
        _allow("UseKey", KEY_ACTIONS, key),
    ]
    settings = {
        "ServiceAccessRoleArn": role_arn,
        "BucketName": bucket,
        "BucketFolder": folder,
        "ExpectedBucketOwner": lake,
        "EncryptionMode": "sse-kms",
        "ServerSideEncryptionKmsKeyId": key,
        "DataFormat": "parquet",
        "ParquetTimestampInMillisecond": True,
        "TimestampColumnName": "TIMESTAMP",
        "IncludeOpForFullLoad": True,
    }
    return Spec(
        source=source,
        identifier=identifier,
        role_name=role_name,
        path=path,
        role_arn=role_arn,
        policy_arn=f"arn:aws:iam::{lake}:policy{path}{role_name}",
        policy={"Version": VERSION, "Statement": statements},
        settings=settings,
        tags={
            "environment": environment,
            "source": source,
            "managed-by": "datalake.dms",
            "datalake.dms:deployment": f"datalake-{environment}",
        },
    )


def trust(external_id: str) -> dict[str, Any]:
    """The trust of an access role that admits DMS with one ExternalId."""
    statement = {
        "Sid": "DatalakeDmsEndpoint",
        "Effect": "Allow",
        "Principal": {"Service": ["dms.amazonaws.com"]},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": [external_id]}},
    }
    return {"Version": VERSION, "Statement": [statement]}


def differences(specs: list[Spec], dms: dict[str, Any], lake: dict[str, Any], endpoint_tags: bool = True) -> list[str]:
    """Where the accounts' states differ from the endpoints that were to be made, and what more stands there, as sentences.

    :param endpoint_tags: False for the peer, whose module can't tag an endpoint that it creates.
    """
    found = _endpoint_differences({one.identifier: one.settings for one in specs}, dms)
    endpoints = {endpoint["EndpointIdentifier"]: endpoint for endpoint in dms["endpoints"]}
    for one in specs:
        endpoint = endpoints.get(one.identifier)
        if endpoint is None:
            continue
        if endpoint_tags and endpoint["Tags"] != one.tags:
            found.append(f"the tags of {one.identifier} differ: {endpoint['Tags']}")
        found += _role_differences(one, lake, endpoint["ExternalId"])
    return found


def bucket_policy_differences(specs: list[Spec], dms: dict[str, Any], lake: dict[str, Any]) -> list[str]:
    """The same in the access mode bucket_policy: a role in the DMS account, which the policies of bucket and key admit to the folder."""
    found: list[str] = []
    settings: dict[str, dict[str, Any]] = {}
    for one in specs:
        role = dms["roles"].get(one.role_name)
        if role is None:
            found.append(f"the role of {one.identifier} does not stand")
            continue
        settings[one.identifier] = {**one.settings, "ServiceAccessRoleArn": role["Arn"]}
        if list(role["AttachedPolicies"].values()) != [one.policy]:
            found.append(f"the policy of {one.identifier} differs")
        policies = {"bucket": lake["bucket_policies"], "key": lake["key_policies"]}
        found += [
            f"the policy of the {what} does not admit {one.identifier}"
            for what, held in policies.items()
            if role["Arn"] not in json.dumps(held)
        ]
    return found + _endpoint_differences(settings, dms)


def _endpoint_differences(wanted: dict[str, dict[str, Any]], dms: dict[str, Any]) -> list[str]:
    """Where the endpoints differ from settings by identifier."""
    endpoints = {endpoint["EndpointIdentifier"]: endpoint for endpoint in dms["endpoints"]}
    found = [f"the endpoint {name} is one too many" for name in sorted(endpoints.keys() - wanted.keys())]
    found += [f"the endpoint {name} does not stand" for name in sorted(wanted.keys() - endpoints.keys())]
    for name in sorted(wanted.keys() & endpoints.keys()):
        shown = {member: endpoints[name]["S3Settings"].get(member) for member in wanted[name]}
        # AWS returns another spelling than the one that is sent.
        if {**shown, "EncryptionMode": shown["EncryptionMode"].lower().replace("_", "-")} != wanted[name]:
            found.append(f"the settings of {name} differ")
    return found


def _role_differences(one: Spec, lake: dict[str, Any], external_id: str) -> list[str]:
    role, policy = lake["roles"].get(one.role_name), lake["policies"].get(one.policy_arn)
    if role is None or policy is None:
        return [f"the role or the policy of {one.identifier} does not stand"]
    parts = {
        "ARN of the role": (role["Arn"], one.role_arn),
        "trust": (role["Trust"], trust(external_id)),
        "tags of the role": (role["Tags"], one.tags),
        "attached policies": (role["AttachedPolicies"], {one.policy_arn: one.policy}),
        "policy": (policy["Document"], one.policy),
        "tags of the policy": (policy["Tags"], one.tags),
    }
    return [f"{part} of {one.identifier} differs" for part, (stands, wanted) in parts.items() if stands != wanted]


def _allow(sid: str, actions: list[str], resource: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource]}
