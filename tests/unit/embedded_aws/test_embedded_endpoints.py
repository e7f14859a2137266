# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DMS endpoints: creation, what comes back, modification, deletion, listing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import WaiterError
from embedded_aws.dms.responses import validate
from embedded_aws.server.wire import AwsError
from embedded_cloud import BUCKET, DMS, INSTANCE_ARN, KEY_ARN, LAKE, ROLE_ARN, dms_trust


def delete(cloud: Any, endpoint: dict[str, Any]) -> None:
    cloud.dms.delete_endpoint(EndpointArn=endpoint["EndpointArn"])


def test_an_endpoint_comes_back_as_aws_writes_it(cloud: Any) -> None:
    endpoint = cloud.create_endpoint(
        "Orders-1", CompressionType="gzip", EncryptionMode="sse-kms", ServerSideEncryptionKmsKeyId=KEY_ARN
    )
    assert endpoint["EndpointIdentifier"] == "orders-1"
    assert endpoint["EndpointType"] == "TARGET"
    assert endpoint["EngineDisplayName"] == "Amazon S3"
    assert (endpoint["Status"], endpoint["SslMode"]) == ("active", "none")
    settings = endpoint["S3Settings"]
    assert (settings["CompressionType"], settings["EncryptionMode"]) == ("GZIP", "SSE_KMS")
    assert (settings["DataFormat"], settings["CsvDelimiter"], settings["CsvRowDelimiter"]) == ("csv", ",", "\\n")
    assert settings["MaxFileSize"] == 1048576
    assert settings["ServerSideEncryptionKmsKeyId"] == KEY_ARN
    assert ";compressionType=GZIP;" in endpoint["ExtraConnectionAttributes"]
    assert "bucketName=dev-lake;" in endpoint["ExtraConnectionAttributes"]


def test_parquet_has_its_own_defaults(cloud: Any) -> None:
    settings = cloud.create_endpoint(DataFormat="PARQUET")["S3Settings"]
    assert settings["DataFormat"] == "parquet"
    assert settings["ParquetVersion"] == "parquet-1-0"
    assert "CsvDelimiter" not in settings


def test_values_may_come_back_as_sent(cloud: Any) -> None:
    cloud.control.set_switches(DMS, returned_spelling="as_sent")
    settings = cloud.create_endpoint(CompressionType="gzip", EncryptionMode="sse-s3")["S3Settings"]
    assert (settings["CompressionType"], settings["EncryptionMode"]) == ("gzip", "sse-s3")


@pytest.mark.parametrize(
    ("switch", "sent", "returned"),
    [
        ("as_sent", KEY_ARN, KEY_ARN),
        ("id", KEY_ARN, KEY_ARN.split("/")[1]),
        ("arn", KEY_ARN.split("/")[1], KEY_ARN),
        ("arn", KEY_ARN, KEY_ARN),
    ],
)
def test_the_form_of_the_key(cloud: Any, switch: str, sent: str, returned: str) -> None:
    cloud.control.set_switches(DMS, returned_kms_key=switch)
    settings = cloud.create_endpoint(EncryptionMode="sse-kms", ServerSideEncryptionKmsKeyId=sent)["S3Settings"]
    assert settings["ServerSideEncryptionKmsKeyId"] == returned


def test_what_was_sent_stands_behind_the_serialised_settings(cloud: Any) -> None:
    endpoint = cloud.dms.create_endpoint(
        EndpointIdentifier="one",
        EndpointType="target",
        EngineName="s3",
        ExtraConnectionAttributes="someAttribute=1;",
        KmsKeyId="a-key-that-is-dropped",
        S3Settings={"BucketName": "dev-lake", "ServiceAccessRoleArn": f"arn:aws:iam::{LAKE}:role/any"},
    )["Endpoint"]
    assert endpoint["ExtraConnectionAttributes"].endswith(";someAttribute=1;")
    assert "KmsKeyId" not in endpoint


@pytest.mark.parametrize(("attributes", "kept"), [("", None), ("cdcPath=changes", "changes")])
def test_a_cdc_path_may_not_be_kept(cloud: Any, attributes: str, kept: str | None) -> None:
    cloud.control.set_switches(DMS, cdc_path_in_settings="dropped")
    made = cloud.dms.create_endpoint(
        EndpointIdentifier="orders",
        EndpointType="target",
        EngineName="s3",
        S3Settings={"BucketName": BUCKET, "ServiceAccessRoleArn": ROLE_ARN, "CdcPath": "changes"},
        ExtraConnectionAttributes=attributes,
    )
    assert made["Endpoint"]["S3Settings"].get("CdcPath") == kept


def test_passwords_do_not_come_back(cloud: Any) -> None:
    source = cloud.dms.create_endpoint(
        EndpointIdentifier="source",
        EndpointType="source",
        EngineName="postgres",
        Username="reader",
        Password="a-long-secret-password",
        PostgreSQLSettings={"Password": "a-long-secret-password", "DatabaseName": "shop"},
    )["Endpoint"]
    assert "a-long-secret-password" not in str(source)
    assert source["PostgreSQLSettings"] == {"DatabaseName": "shop"}


@pytest.mark.parametrize("identifier", ["1st", "a_b", "a--b", "a-", "ä"])
def test_malformed_identifiers(cloud: Any, refused: Any, identifier: str) -> None:
    assert refused(cloud.create_endpoint, identifier=identifier).startswith("InvalidParameterValueException")


def test_duplicates(cloud: Any, refused: Any) -> None:
    cloud.create_endpoint("orders", ResourceIdentifier="tail")
    assert refused(cloud.create_endpoint, identifier="ORDERS").startswith("ResourceAlreadyExistsFault")
    answer = refused(cloud.create_endpoint, identifier="other", ResourceIdentifier="tail")
    assert answer.startswith("ResourceAlreadyExistsFault")


def test_the_end_of_the_arn(cloud: Any, refused: Any) -> None:
    chosen = cloud.create_endpoint("one", ResourceIdentifier="A-Name-Of-31-Characters-At-Most")
    assert chosen["EndpointArn"].endswith(":endpoint:A-Name-Of-31-Characters-At-Most")
    generated = cloud.create_endpoint("two")["EndpointArn"].rpartition(":")[2]
    assert len(generated) > 31
    assert generated == generated.upper()
    assert refused(cloud.create_endpoint, identifier="three", ResourceIdentifier=generated).startswith(
        "InvalidParameterValueException"
    )


@pytest.mark.parametrize("switch", ["allowed", "refused"])
def test_a_resource_identifier_after_a_delete(cloud: Any, refused: Any, switch: str) -> None:
    cloud.control.set_switches(DMS, resource_identifier_reuse=switch)
    first = cloud.create_endpoint(ResourceIdentifier="tail")
    delete(cloud, first)
    if switch == "allowed":
        assert cloud.create_endpoint(ResourceIdentifier="tail")["EndpointArn"] == first["EndpointArn"]
    else:
        assert refused(cloud.create_endpoint, ResourceIdentifier="tail").startswith("ResourceAlreadyExistsFault")


def test_enum_values_in_any_spelling_but_no_unknown_ones(cloud: Any, refused: Any) -> None:
    settings = cloud.create_endpoint(DatePartitionSequence="yyyymmddhh", EncryptionMode="SSE_S3")["S3Settings"]
    assert settings["DatePartitionSequence"] == "YYYYMMDDHH"
    assert refused(cloud.create_endpoint, identifier="x", CompressionType="zip").startswith(
        "InvalidParameterValueException"
    )


def test_a_role_of_the_same_account_has_to_trust_dms(cloud: Any, refused: Any) -> None:
    absent = f"arn:aws:iam::{DMS}:role/absent"
    assert refused(cloud.create_endpoint, role=absent).startswith("AccessDeniedFault: The IAM Role")
    role = cloud.create_role(dms_trust().replace("dms.amazonaws.com", "ec2.amazonaws.com"), side="dms")
    assert refused(cloud.create_endpoint, role=role).startswith("AccessDeniedFault")
    cloud.in_account("dms", "iam").update_assume_role_policy(RoleName="dms-orders", PolicyDocument=dms_trust())
    assert "ExternalId" not in cloud.create_endpoint(role=role)


def test_parameters_are_checked_by_the_model(cloud: Any, refused: Any) -> None:
    """botocore checks before it sends, so its own checks are off here."""
    client = cloud.client("dms", cloud.assume("dms"), parameter_validation=False)
    assert "EndpointType" in refused(client.create_endpoint, EndpointIdentifier="one", EngineName="s3")
    with pytest.raises(AwsError, match="Colour"):
        validate("DescribeEndpoints", {"Colour": "red"})
    wrong = {"EndpointIdentifier": "one", "EndpointType": "sink", "EngineName": "s3"}
    assert refused(client.create_endpoint, **wrong).startswith("InvalidParameterValueException")


def test_creating_and_deleting_take_the_polls_of_the_switches(cloud: Any) -> None:
    cloud.control.set_switches(DMS, creating_polls=2, deleting_polls=2, absent_endpoint="empty")
    endpoint = cloud.create_endpoint()
    arn = endpoint["EndpointArn"]
    assert [cloud.describe(arn)[0]["Status"] for _poll in range(3)] == ["creating", "creating", "active"]
    delete(cloud, endpoint)
    assert [cloud.describe(arn)[0]["Status"] for _poll in range(2)] == ["deleting", "deleting"]
    assert cloud.describe(arn) == []


@pytest.mark.parametrize("switch", ["fault", "empty"])
def test_an_absent_endpoint(cloud: Any, refused: Any, switch: str) -> None:
    cloud.control.set_switches(DMS, absent_endpoint=switch)
    absent = f"{INSTANCE_ARN}-none"
    if switch == "fault":
        filters = [{"Name": "endpoint-arn", "Values": [absent]}]
        assert refused(cloud.dms.describe_endpoints, Filters=filters).startswith("ResourceNotFoundFault")
    else:
        assert cloud.describe(absent) == []
    assert cloud.describe() == [], "without a filter an empty list is no fault"


def test_botocores_waiter_sees_the_deletion(cloud: Any) -> None:
    endpoint = cloud.create_endpoint()
    wait = {"Filters": [{"Name": "endpoint-arn", "Values": [endpoint["EndpointArn"]]}]}
    waiter = cloud.dms.get_waiter("endpoint_deleted")
    with pytest.raises(WaiterError):
        waiter.wait(**wait, WaiterConfig={"Delay": 0, "MaxAttempts": 2})
    delete(cloud, endpoint)
    waiter.wait(**wait, WaiterConfig={"Delay": 0, "MaxAttempts": 2})


def test_an_endpoint_in_use_is_not_deleted(cloud: Any, refused: Any) -> None:
    endpoint = cloud.create_endpoint()
    task = cloud.create_task(endpoint["EndpointArn"])
    arn = {"EndpointArn": endpoint["EndpointArn"]}
    assert refused(cloud.dms.delete_endpoint, **arn).startswith("InvalidResourceStateFault")
    cloud.dms.delete_replication_task(ReplicationTaskArn=task)
    config = cloud.dms.create_replication_config(
        ReplicationConfigIdentifier="serverless",
        SourceEndpointArn=cloud.create_source("other-source"),
        TargetEndpointArn=endpoint["EndpointArn"],
        ComputeConfig={"MaxCapacityUnits": 2},
        ReplicationType="cdc",
        TableMappings="{}",
    )["ReplicationConfig"]["ReplicationConfigArn"]
    assert refused(cloud.dms.delete_endpoint, **arn).startswith("InvalidResourceStateFault")
    cloud.dms.delete_replication_config(ReplicationConfigArn=config)
    cloud.test(endpoint["EndpointArn"])
    cloud.dms.delete_endpoint(**arn)
    assert cloud.dms.describe_connections()["Connections"] == []
    assert refused(cloud.dms.delete_endpoint, **arn).startswith("ResourceNotFoundFault")


def test_a_remote_endpoint_may_refuse_modification(cloud: Any, refused: Any) -> None:
    arn = cloud.create_endpoint()["EndpointArn"]
    change = {"EndpointArn": arn, "S3Settings": {"BucketFolder": "other"}}
    assert refused(cloud.dms.modify_endpoint, **change).startswith("InvalidParameterCombinationException")
    cloud.control.set_switches(DMS, modify_remote="accepted")
    settings = cloud.dms.modify_endpoint(**change)["Endpoint"]["S3Settings"]
    assert (settings["BucketFolder"], settings["BucketName"]) == ("other", "dev-lake"), "modification is partial"


def test_exact_settings_drop_what_is_not_given(cloud: Any) -> None:
    cloud.control.set_switches(DMS, modify_remote="accepted")
    endpoint = cloud.create_endpoint(TimestampColumnName="ts")
    settings = {"BucketName": "dev-lake", "ServiceAccessRoleArn": endpoint["S3Settings"]["ServiceAccessRoleArn"]}
    change = {"EndpointArn": endpoint["EndpointArn"], "S3Settings": settings}
    assert cloud.dms.modify_endpoint(**change)["Endpoint"]["S3Settings"]["TimestampColumnName"] == "ts"
    exact = cloud.dms.modify_endpoint(**change, ExactSettings=True)["Endpoint"]["S3Settings"]
    assert "TimestampColumnName" not in exact


def test_encryption_is_not_raised_by_modification(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, modify_remote="accepted")
    arn = cloud.create_endpoint()["EndpointArn"]
    raised = {"EncryptionMode": "sse-kms", "ServerSideEncryptionKmsKeyId": KEY_ARN}
    answer = refused(cloud.dms.modify_endpoint, EndpointArn=arn, S3Settings=raised)
    assert answer.startswith("InvalidParameterCombinationException")


def test_a_running_task_keeps_its_endpoint_from_modification(cloud: Any, refused: Any) -> None:
    cloud.control.set_switches(DMS, modify_remote="accepted")
    arn = cloud.create_endpoint()["EndpointArn"]
    task = cloud.create_task(arn)
    cloud.dms.modify_endpoint(EndpointArn=arn, S3Settings={"BucketFolder": "ready"})
    cloud.dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType="start-replication")
    change = {"EndpointArn": arn, "S3Settings": {"BucketFolder": "running"}}
    assert refused(cloud.dms.modify_endpoint, **change).startswith("InvalidResourceStateFault")
    cloud.dms.stop_replication_task(ReplicationTaskArn=task)
    cloud.dms.modify_endpoint(**change)
    assert cloud.describe(arn)[0]["S3Settings"]["BucketFolder"] == "running"


def test_modification_tests_the_connections(cloud: Any) -> None:
    cloud.control.set_switches(DMS, modify_remote="accepted")
    endpoint = cloud.create_endpoint()
    cloud.create_role(dms_trust(endpoint["ExternalId"]))
    assert cloud.test(endpoint["EndpointArn"])["Status"] == "successful"
    cloud.dms.modify_endpoint(EndpointArn=endpoint["EndpointArn"], S3Settings={"BucketFolder": "elsewhere"})
    assert cloud.connection(endpoint["EndpointArn"])["Status"] == "testing"
    assert cloud.connection(endpoint["EndpointArn"])["Status"] == "failed", "the role may write to orders/ only"


def test_filters_are_anded(cloud: Any) -> None:
    target, source = cloud.create_endpoint(), cloud.create_source()
    both = [{"Name": "endpoint-type", "Values": ["source", "target"]}]
    assert len(cloud.dms.describe_endpoints(Filters=both)["Endpoints"]) == 2
    one = [*both, {"Name": "engine-name", "Values": ["mysql"]}]
    assert [found["EndpointArn"] for found in cloud.dms.describe_endpoints(Filters=one)["Endpoints"]] == [source]
    by_id = [{"Name": "endpoint-id", "Values": ["orders"]}]
    found = cloud.dms.describe_endpoints(Filters=by_id)["Endpoints"]
    assert [endpoint["EndpointArn"] for endpoint in found] == [target["EndpointArn"]]


def test_an_unknown_filter(cloud: Any, refused: Any) -> None:
    filters = [{"Name": "colour", "Values": ["red"]}]
    for describe in (
        cloud.dms.describe_endpoints,
        cloud.dms.describe_connections,
        cloud.dms.describe_replication_tasks,
        cloud.dms.describe_replication_instances,
        cloud.dms.describe_replication_configs,
    ):
        assert refused(describe, Filters=filters).startswith("InvalidParameterValueException")


def test_pages(cloud: Any, refused: Any) -> None:
    for number in range(45):
        cloud.create_source(f"source-{number}")
    first = cloud.dms.describe_endpoints(MaxRecords=20)
    assert len(first["Endpoints"]) == 20
    pages = list(cloud.dms.get_paginator("describe_endpoints").paginate(MaxRecords=20))
    assert [len(page["Endpoints"]) for page in pages] == [20, 20, 5]
    names = [endpoint["EndpointIdentifier"] for page in pages for endpoint in page["Endpoints"]]
    assert names == [f"source-{number}" for number in range(45)]
    assert "Marker" not in pages[-1]
    for size in (19, 101):
        assert refused(cloud.dms.describe_endpoints, MaxRecords=size).startswith("InvalidParameterValueException")
    assert refused(cloud.dms.describe_endpoints, Marker="x").startswith("InvalidParameterValueException")


def test_a_page_goes_on_after_a_deletion(cloud: Any) -> None:
    arns = [cloud.create_source(f"source-{number}") for number in range(25)]
    marker = cloud.dms.describe_endpoints(MaxRecords=20)["Marker"]
    cloud.dms.delete_endpoint(EndpointArn=arns[3])
    rest = cloud.dms.describe_endpoints(MaxRecords=20, Marker=marker)["Endpoints"]
    assert [endpoint["EndpointArn"] for endpoint in rest] == arns[20:]


def test_an_unknown_operation_is_refused_at_once(cloud: Any, refused: Any) -> None:
    assert refused(cloud.dms.describe_data_migrations).startswith("UnknownOperationException")
    assert cloud.control.journal()[-1]["status"] == 400
