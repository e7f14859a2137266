# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that the tests use: its landscape, policy documents, clients in both accounts."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
from botocore.config import Config
from embedded_aws import EmbeddedAWS

REGION = "eu-central-1"
DMS, LAKE = "111111111111", "222222222222"
KEY_ARN = f"arn:aws:kms:{REGION}:{LAKE}:key/11112222-3333-4444-5555-666677778888"
INSTANCE_ARN = f"arn:aws:dms:{REGION}:{DMS}:rep:dev-dms"
BUCKET, JOURNAL = "dev-lake", "dev-journal"
ROLE_ARN = f"arn:aws:iam::{LAKE}:role/dms-orders"


def landscape(**switches: Any) -> dict[str, Any]:
    return {
        "environments": [
            {
                "name": "dev",
                "region": REGION,
                "dms": {
                    "account_id": DMS,
                    "assume_role_arn": f"arn:aws:iam::{DMS}:role/automation-dms",
                    "assume_role_external_id": "the-dms-id",
                    "replication_instance_arn": INSTANCE_ARN,
                    "journal_bucket_name": JOURNAL,
                },
                "lake": {
                    "account_id": LAKE,
                    "assume_role_arn": f"arn:aws:iam::{LAKE}:role/automation-lake",
                    "assume_role_external_id": None,
                    "bucket_name": BUCKET,
                    "kms_key_arn": KEY_ARN,
                },
                "switches": switches,
            }
        ]
    }


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def dms_trust(*external_ids: str, **conditions: Any) -> str:
    """A trust that admits DMS, with these ExternalIds if there are any."""
    if external_ids:
        conditions = {"StringEquals": {"sts:ExternalId": list(external_ids)}, **conditions}
    statement = {"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return policy({**statement, "Condition": conditions} if conditions else statement)


def writing(bucket: str = BUCKET, folder: str = "orders", without: str = "", more: tuple[str, ...] = ()) -> str:
    """The policy that DMS needs for writing, perhaps without one action or with more of them."""
    actions = {"s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging", *more} - {without}
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": sorted(actions), "Resource": f"arn:aws:s3:::{bucket}/{folder}/*"}
    ]
    if without != "s3:ListBucket":
        statements.append({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"})
    return policy(*statements)


class Cloud:
    """Clients in both accounts, and the steps that many tests take.

    Making a client is slow and logging in is not, so clients live on and `renew` gives them new credentials.
    """

    def __init__(self, aws: EmbeddedAWS) -> None:
        self.aws = aws
        self.control = aws.control
        self._sessions = {side: botocore.session.Session() for side in ("dms", "lake", "other")}
        loader = self._sessions["other"].get_component("data_loader")
        for session in self._sessions.values():
            session.register_component("data_loader", loader)
            session.set_credentials("not", "logged", "in")
        self._logged_in: set[str] = set()
        self._clients: dict[tuple[str, str], Any] = {}

    def renew(self) -> None:
        """A fresh environment, in which nobody has logged in."""
        self.control.reset()
        self.control.seed(landscape())
        self.renew_sessions()

    def renew_sessions(self) -> None:
        """Log in again, where it is needed next."""
        self._logged_in.clear()

    def client(self, service: str, credentials: dict[str, Any] | None = None, **config: Any) -> Any:
        """A client with these credentials, else the automation's own; it never retries."""
        environ = self.aws.environ
        given = credentials or {}
        return self._sessions["other"].create_client(
            service,
            endpoint_url=self.aws.url,
            region_name=REGION,
            aws_access_key_id=given.get("AccessKeyId", environ["AWS_ACCESS_KEY_ID"]),
            aws_secret_access_key=given.get("SecretAccessKey", environ["AWS_SECRET_ACCESS_KEY"]),
            aws_session_token=given.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def assume(self, side: str, name: str = "test") -> dict[str, Any]:
        """Credentials of the role to assume in the account of `side`, dms or lake."""
        account, more = (DMS, {"ExternalId": "the-dms-id"}) if side == "dms" else (LAKE, {})
        arn = f"arn:aws:iam::{account}:role/automation-{side}"
        answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName=name, **more)
        return dict(answer["Credentials"])

    def in_account(self, side: str, service: str) -> Any:
        """The client of the role to assume in the account of `side`."""
        if side not in self._logged_in:
            given = self.assume(side)
            credentials: Any = self._sessions[side].get_credentials()
            credentials.access_key, credentials.secret_key = given["AccessKeyId"], given["SecretAccessKey"]
            credentials.token = given["SessionToken"]
            self._logged_in.add(side)
        if (side, service) not in self._clients:
            self._clients[side, service] = self._sessions[side].create_client(
                service,
                endpoint_url=self.aws.url,
                region_name=REGION,
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[side, service]

    @property
    def dms(self) -> Any:
        return self.in_account("dms", "dms")

    @property
    def iam(self) -> Any:
        return self.in_account("lake", "iam")

    def create_role(self, trust: str, permissions: str | None = None, side: str = "lake") -> str:
        iam = self.in_account(side, "iam")
        arn = iam.create_role(RoleName="dms-orders", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=permissions or writing())
        return str(arn)

    def create_endpoint(self, identifier: str = "orders", role: str = ROLE_ARN, **settings: Any) -> dict[str, Any]:
        parameters = {name: settings.pop(name) for name in ("Tags", "ResourceIdentifier") if name in settings}
        s3 = {"BucketName": BUCKET, "BucketFolder": "orders", "ServiceAccessRoleArn": role, **settings}
        answer = self.dms.create_endpoint(
            EndpointIdentifier=identifier, EndpointType="target", EngineName="s3", S3Settings=s3, **parameters
        )
        return dict(answer["Endpoint"])

    def create_source(self, identifier: str = "source") -> str:
        answer = self.dms.create_endpoint(EndpointIdentifier=identifier, EndpointType="source", EngineName="mysql")
        return str(answer["Endpoint"]["EndpointArn"])

    def create_task(self, target_arn: str, migration_type: str = "cdc", **more: Any) -> str:
        """A task with a source of its own, unless `more` names one."""
        answer = self.dms.create_replication_task(
            **{
                "ReplicationTaskIdentifier": "copy",
                "TargetEndpointArn": target_arn,
                "ReplicationInstanceArn": INSTANCE_ARN,
                "MigrationType": migration_type,
                "TableMappings": "{}",
                "SourceEndpointArn": more.pop("SourceEndpointArn", None) or self.create_source(),
                **more,
            }
        )
        return str(answer["ReplicationTask"]["ReplicationTaskArn"])

    def start_task(self, task: str, kind: str = "start-replication", **more: Any) -> str:
        answer = self.dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType=kind, **more)
        return str(answer["ReplicationTask"]["Status"])

    def describe_task(self, task: str) -> dict[str, Any]:
        filters = [{"Name": "replication-task-arn", "Values": [task]}]
        return dict(self.dms.describe_replication_tasks(Filters=filters)["ReplicationTasks"][0])

    def describe(self, *arns: str) -> list[dict[str, Any]]:
        filters = [{"Name": "endpoint-arn", "Values": list(arns)}] if arns else []
        return list(self.dms.describe_endpoints(Filters=filters)["Endpoints"])

    def connection(self, endpoint_arn: str) -> dict[str, Any]:
        filters = [{"Name": "endpoint-arn", "Values": [endpoint_arn]}]
        return dict(self.dms.describe_connections(Filters=filters)["Connections"][0])

    def start_test(self, endpoint_arn: str) -> None:
        self.dms.test_connection(ReplicationInstanceArn=INSTANCE_ARN, EndpointArn=endpoint_arn)

    def test(self, endpoint_arn: str) -> dict[str, Any]:
        """Test the connection and return its final state."""
        self.start_test(endpoint_arn)
        for _poll in range(10):
            connection = self.connection(endpoint_arn)
            if connection["Status"] != "testing":
                return connection
        raise AssertionError("the test of the connection does not end")
