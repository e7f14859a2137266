# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The floor: boto3, threads, and the fewest calls that reach the state. Reads the specs from a file, as JSON.

No look at what stands, no second run, no care for what goes wrong: it tells what the AWS calls alone take.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

# In standard mode threads that share a client would soon have used up its quota of retries under a throttle.
CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 30}, max_pool_connections=64)


def main(path: str, threads: int) -> None:
    given = json.loads(Path(path).read_text())
    dms, iam = client("dms", given["dms"], given["region"]), client("iam", given["lake"], given["region"])
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda spec: make(dms, iam, spec), given["specs"]))


def client(service: str, role: dict[str, str], region: str) -> Any:
    """A client of a service with the credentials of a role, which is assumed once."""
    assumed = boto3.client("sts", region_name=region).assume_role(
        RoleArn=role["assume_role_arn"], ExternalId=role["assume_role_external_id"], RoleSessionName="floor"
    )["Credentials"]
    return boto3.client(
        service,
        region_name=region,
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
        config=CONFIG,
    )


def make(dms: Any, iam: Any, spec: dict[str, Any]) -> None:
    """One endpoint in five calls."""
    tags = [{"Key": key, "Value": value} for key, value in spec["tags"].items()]
    name, path = spec["role_name"], spec["path"]
    iam.create_policy(PolicyName=name, Path=path, PolicyDocument=json.dumps(spec["policy"]), Tags=tags)
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(spec["placeholder"]), Tags=tags)
    iam.attach_role_policy(RoleName=name, PolicyArn=spec["policy_arn"])
    made = dms.create_endpoint(
        EndpointIdentifier=spec["identifier"],
        ResourceIdentifier=spec["identifier"],
        EndpointType="target",
        EngineName="s3",
        S3Settings=spec["settings"],
        Tags=tags,
    )
    trust = json.dumps(spec["placeholder"]).replace(spec["placeholder_id"], made["Endpoint"]["ExternalId"])
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
