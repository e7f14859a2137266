# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TestConnection: every reason for which a real connection would fail, and the states on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from embedded_aws.dms import connection_check
from embedded_cloud import BUCKET, DMS, INSTANCE_ARN, KEY_ARN, LAKE, REGION, ROLE_ARN, dms_trust, policy, writing

KMS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey")
ENCRYPTED = {"EncryptionMode": "sse-kms", "ServerSideEncryptionKmsKeyId": KEY_ARN}


def using_key(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": KEY_ARN}


def joined(document: str, *statements: dict[str, Any]) -> str:
    return policy(*json.loads(document)["Statement"], *statements)


def endpoint_with(cloud: Any, permissions: str, **settings: Any) -> str:
    """An endpoint whose role has these permissions and trusts it; its ARN."""
    endpoint = cloud.create_endpoint(**settings)
    cloud.create_role(dms_trust(endpoint["ExternalId"]), permissions)
    return str(endpoint["EndpointArn"])


def reason(cloud: Any, arn: str) -> str:
    """Why the test of the connection fails."""
    connection = cloud.test(arn)
    assert connection["Status"] == "failed"
    message = str(connection["LastFailureMessage"])
    assert message.startswith("Test Endpoint failed: Application-Status: 1020912, Application-Message: ")
    return message


def test_an_absent_role(cloud: Any) -> None:
    arn = cloud.create_endpoint()["EndpointArn"]
    assert f"Failed to assume role {ROLE_ARN}" in reason(cloud, arn)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging", "s3:ListBucket"])
def test_each_action_is_needed(cloud: Any, action: str) -> None:
    arn = endpoint_with(cloud, writing(without=action))
    assert f"is not authorized to perform: {action} on resource" in reason(cloud, arn)
    cloud.iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=writing())
    assert cloud.test(arn)["Status"] == "successful"


def test_the_folder_counts(cloud: Any) -> None:
    arn = endpoint_with(cloud, writing(folder="invoices"))
    assert f"arn:aws:s3:::{BUCKET}/orders/" in reason(cloud, arn)


def test_managed_policies_count_in_their_default_version(cloud: Any) -> None:
    endpoint = cloud.create_endpoint()
    cloud.iam.create_role(RoleName="dms-orders", AssumeRolePolicyDocument=dms_trust(endpoint["ExternalId"]))
    arn = cloud.iam.create_policy(PolicyName="write", PolicyDocument=writing(without="s3:PutObject"))["Policy"]["Arn"]
    cloud.iam.attach_role_policy(RoleName="dms-orders", PolicyArn=arn)
    assert "s3:PutObject" in reason(cloud, endpoint["EndpointArn"])
    cloud.iam.create_policy_version(PolicyArn=arn, PolicyDocument=writing(), SetAsDefault=False)
    assert "s3:PutObject" in reason(cloud, endpoint["EndpointArn"])
    cloud.iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert cloud.test(endpoint["EndpointArn"])["Status"] == "successful"


def test_an_explicit_deny_wins(cloud: Any) -> None:
    deny = {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}
    arn = endpoint_with(cloud, joined(writing(), deny))
    assert "s3:DeleteObject" in (message := reason(cloud, arn))
    assert "explicit deny in an identity-based policy" in message


def test_a_boundary_limits(cloud: Any) -> None:
    arn = endpoint_with(cloud, writing())
    limited = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::other*"})
    boundary = cloud.iam.create_policy(PolicyName="boundary", PolicyDocument=limited)["Policy"]["Arn"]
    cloud.iam.put_role_permissions_boundary(RoleName="dms-orders", PermissionsBoundary=boundary)
    assert "no permissions boundary allows" in reason(cloud, arn)


def test_a_canned_acl_needs_its_own_action(cloud: Any) -> None:
    arn = endpoint_with(cloud, writing(), CannedAclForObjects="bucket-owner-full-control")
    assert "s3:PutObjectAcl" in reason(cloud, arn)
    more = writing(more=("s3:PutObjectAcl",))
    cloud.iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=more)
    assert cloud.test(arn)["Status"] == "successful"


def test_an_absent_bucket(cloud: Any) -> None:
    arn = endpoint_with(cloud, writing(bucket="absent"), BucketName="absent")
    assert "NoSuchBucket" in reason(cloud, arn)


def test_a_bucket_in_another_region(cloud: Any) -> None:
    lake = {"account_id": LAKE, "bucket_name": "far-away"}
    environment = {"name": "far", "region": "eu-west-1", "dms": {"account_id": DMS}, "lake": lake}
    cloud.control.seed({"environments": [environment]})
    arn = endpoint_with(cloud, writing(bucket="far-away"), BucketName="far-away")
    assert "eu-west-1" in reason(cloud, arn)


def test_the_expected_bucket_owner(cloud: Any) -> None:
    arn = endpoint_with(cloud, writing(), ExpectedBucketOwner=DMS)
    assert f"ExpectedBucketOwner {DMS}" in reason(cloud, arn)


@pytest.mark.parametrize("action", KMS)
def test_each_key_action_is_needed(cloud: Any, action: str) -> None:
    others = [other for other in KMS if other != action]
    arn = endpoint_with(cloud, joined(writing(), using_key(*others)), **ENCRYPTED)
    assert f"perform: {action.rstrip('*')}" in reason(cloud, arn)
    allowed = joined(writing(), using_key(*KMS))
    cloud.iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=allowed)
    assert cloud.test(arn)["Status"] == "successful"


def test_the_key_has_to_exist_and_be_enabled(cloud: Any) -> None:
    arn = endpoint_with(cloud, joined(writing(), using_key(*KMS)), **ENCRYPTED)
    cloud.in_account("lake", "kms").disable_key(KeyId=KEY_ARN.split("/")[1])
    assert "is disabled" in reason(cloud, arn)
    absent = cloud.create_endpoint("other", EncryptionMode="sse-kms", ServerSideEncryptionKmsKeyId=KEY_ARN[:-1] + "9")
    trust = dms_trust(absent["ExternalId"])
    cloud.iam.update_assume_role_policy(RoleName="dms-orders", PolicyDocument=trust)
    assert "The key does not exist" in reason(cloud, absent["EndpointArn"])


def test_the_key_policy_has_to_admit_the_role(cloud: Any) -> None:
    arn = endpoint_with(cloud, joined(writing(), using_key(*KMS)), **ENCRYPTED)
    closed = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{DMS}:root"}, "Action": "kms:*", "Resource": "*"}
    ours = {**closed, "Principal": {"AWS": f"arn:aws:iam::{LAKE}:role/automation-lake"}, "Action": "kms:PutKeyPolicy"}
    kms = cloud.in_account("lake", "kms")
    kms.put_key_policy(KeyId=KEY_ARN, PolicyName="default", Policy=policy(closed, ours))
    assert "no resource-based policy allows the kms:Encrypt action" in reason(cloud, arn)
    opened = {**closed, "Principal": {"AWS": ROLE_ARN}}
    kms.put_key_policy(KeyId=KEY_ARN, PolicyName="default", Policy=policy(closed, ours, opened))
    assert cloud.test(arn)["Status"] == "successful"


def test_glue_needs_glue_and_athena(cloud: Any) -> None:
    s3 = writing(more=("s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"))
    bucket = {
        "Effect": "Allow",
        "Action": ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
        "Resource": f"arn:aws:s3:::{BUCKET}",
    }
    glue = {"Effect": "Allow", "Action": "glue:*", "Resource": "*"}
    workgroups = f"arn:aws:athena:{REGION}:{LAKE}:workgroup/glue_catalog_generation_for_task_*"
    athena = {"Effect": "Allow", "Action": "athena:*", "Resource": workgroups}
    arn = endpoint_with(cloud, writing(), GlueCatalogGeneration=True)
    steps = [
        (writing(), "s3:GetBucketLocation"),
        (joined(s3, bucket), "glue:CreateDatabase"),
        (joined(s3, bucket, glue), "athena:StartQueryExecution"),
    ]
    for document, missing in steps:
        cloud.iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=document)
        assert missing in reason(cloud, arn)
    complete = joined(s3, bucket, glue, athena)
    cloud.iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=complete)
    assert cloud.test(arn)["Status"] == "successful"


def test_a_role_of_the_dms_account_needs_the_bucket_policy(cloud: Any) -> None:
    """The alternative to the handshake: no ExternalId, the bucket's policy admits the role."""
    role = cloud.create_role(dms_trust(), side="dms")
    arn = cloud.create_endpoint(role=role)["EndpointArn"]
    assert "no resource-based policy allows the s3:ListBucket action" in reason(cloud, arn)
    opened = [{**statement, "Principal": {"AWS": role}} for statement in json.loads(writing())["Statement"]]
    s3 = cloud.in_account("lake", "s3")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(*opened))
    assert cloud.test(arn)["Status"] == "successful"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    unencrypted = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(*opened, {**deny, "Condition": unencrypted}))
    assert "explicit deny in a resource-based policy" in reason(cloud, arn)


def test_a_statement_that_cannot_be_evaluated_is_an_error_not_a_guess(cloud: Any, refused: Any) -> None:
    condition = {"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}
    endpoint = cloud.create_endpoint()
    cloud.create_role(dms_trust(**condition))
    answer = refused(cloud.start_test, endpoint_arn=endpoint["EndpointArn"])
    assert answer.startswith("UnsupportedByEmbeddedAws: the condition operator DateGreaterThan")


def test_the_states_of_a_test(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, test_polls=2)
    arn = endpoint_with(cloud, writing())
    cloud.start_test(arn)
    assert cloud.connection(arn)["Status"] == "testing"
    assert "already being tested" in refused(cloud.start_test, endpoint_arn=arn)
    assert [cloud.connection(arn)["Status"] for _poll in range(2)] == ["testing", "successful"]


def test_a_failure_may_name_no_cause(cloud: Any) -> None:
    cloud.control.set_switches(DMS, test_failure="unexplained")
    connection = cloud.test(cloud.create_endpoint()["EndpointArn"])
    assert connection["Status"] == "failed"
    assert connection["LastFailureMessage"].endswith("Application-Message: Failed to connect to database.")


def test_a_test_may_take_seconds(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, test_polls=0, test_seconds=3600)
    arn = endpoint_with(cloud, writing())
    cloud.start_test(arn)
    assert [cloud.connection(arn)["Status"] for _poll in range(5)] == ["testing"] * 5
    assert "already being tested" in refused(cloud.start_test, endpoint_arn=arn)


def test_a_stale_state_shows_first(cloud: Any) -> None:
    arn = endpoint_with(cloud, writing(without="s3:PutObject"))
    assert cloud.test(arn)["Status"] == "failed"
    cloud.control.set_switches(DMS, stale_polls=2)
    cloud.iam.put_role_policy(RoleName="dms-orders", PolicyName="write", PolicyDocument=writing())
    cloud.start_test(arn)
    states = [cloud.connection(arn) for _poll in range(4)]
    assert [state["Status"] for state in states] == ["failed", "failed", "testing", "successful"]
    assert states[0]["LastFailureMessage"]


def test_absent_ends(cloud: Any, refused: Any) -> None:
    endpoint = cloud.create_endpoint()["EndpointArn"]
    for instance, arn in ((f"{INSTANCE_ARN}x", endpoint), (INSTANCE_ARN, f"{endpoint}X")):
        answer = refused(cloud.dms.test_connection, ReplicationInstanceArn=instance, EndpointArn=arn)
        assert answer.startswith("ResourceNotFoundFault")


def test_botocores_waiters(cloud: Any) -> None:
    arn = endpoint_with(cloud, writing())
    cloud.start_test(arn)
    filters = [
        {"Name": "endpoint-arn", "Values": [arn]},
        {"Name": "replication-instance-arn", "Values": [INSTANCE_ARN]},
    ]
    cloud.dms.get_waiter("test_connection_succeeds").wait(Filters=filters, WaiterConfig={"Delay": 0, "MaxAttempts": 3})


def test_a_connection_is_deleted(cloud: Any, refused: Any) -> None:
    arn = endpoint_with(cloud, writing())
    pair = {"EndpointArn": arn, "ReplicationInstanceArn": INSTANCE_ARN}
    cloud.start_test(arn)
    assert refused(cloud.dms.delete_connection, **pair).startswith("InvalidResourceStateFault")
    assert [cloud.connection(arn)["Status"] for _poll in range(2)] == ["testing", "successful"]
    cloud.dms.delete_connection(**pair)
    assert cloud.dms.describe_connections()["Connections"] == []
    assert refused(cloud.dms.delete_connection, **pair).startswith("ResourceNotFoundFault")


def test_a_database_connects(cloud: Any) -> None:
    assert cloud.test(cloud.create_source())["Status"] == "successful"


def test_a_key_id_is_looked_up_where_the_role_is() -> None:
    """Pure: the subject carries what was found, so an absent key names the reference."""
    subject = connection_check.Subject(
        endpoint_arn=f"arn:aws:dms:{REGION}:{DMS}:endpoint:E",
        external_id="the-id",
        instance_region=REGION,
        role_arn=ROLE_ARN,
        settings={"BucketName": BUCKET, "EncryptionMode": "SSE_KMS", "ServerSideEncryptionKmsKeyId": "alias/none"},
        role={"Trust": json.loads(dms_trust("the-id")), "Policies": {}, "AttachedPolicies": {}, "Boundary": None},
        bucket={"Name": BUCKET, "Account": LAKE, "Region": REGION, "Policy": None},
        key=None,
    )
    assert "alias/none" in str(connection_check.failure(subject))
