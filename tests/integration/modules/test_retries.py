# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faults of which call are tried again, and how often: those that pass by themselves, and no others."""

from __future__ import annotations

import logging

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core import unanswered
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain

pytestmark = pytest.mark.once

ATTEMPTS = 3
LIMITED = {"aws_config": {"retries": {"mode": "standard", "total_max_attempts": ATTEMPTS}}}


# What each writing call needs before it, and the run that makes it.


def creation(lab):
    return lab.endpoint


def deletion(lab):
    lab.endpoint()
    return lambda **more: lab.endpoint(state="absent", **more)


def modification(lab):
    role = lab.local_role()
    lab.endpoint(service_access_role_arn=role)
    return lambda **more: lab.endpoint(service_access_role_arn=role, compression_type="gzip", **more)


def connection_test(lab):
    arn = lab.working_endpoint()["endpoint"]["endpoint_arn"]
    return lambda **more: lab.test(arn, **more)


def role_creation(lab):
    return lab.role


def trust_update(lab):
    lab.role(external_ids=["one-id"])
    return lambda **more: lab.role(external_ids=["one-id", "two-id"], **more)


def policy_update(lab):
    lab.role()
    return lambda **more: lab.role(bucket_folder="raw/new", **more)


DMS = {
    "CreateEndpoint": creation,
    "DeleteEndpoint": deletion,
    "ModifyEndpoint": modification,
    "TestConnection": connection_test,
}
IAM = {
    "CreateRole": role_creation,
    "UpdateAssumeRolePolicy": trust_update,
    "CreatePolicyVersion": policy_update,
}
CALLS = {**DMS, **IAM}

PASSING = ("throttle", "error500", "error503", "reset_before", "reset_after")

CALLER = "User: arn:aws:sts::111122223333:assumed-role/deployer/run is not authorized to perform: {0} on resource: *"
SCP = f"{CALLER} with an explicit deny in a service control policy"
BOUNDARY = f"{CALLER} with an explicit deny in a permissions boundary"
NO_POLICY = f"{CALLER} because no identity-based policy allows the {{0}} action"
TRUST = (
    "User: dms.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/x "
    "with an explicit deny in a resource-based policy"
)
PASS_ROLE = "Cross-account pass role is not allowed."

# (calls, code, message, what the user is told)
FINAL = [
    (DMS, "AccessDeniedException", SCP, "a policy of the AWS organization denies it"),
    (DMS, "AccessDeniedException", BOUNDARY, "a policy denies it explicitly"),
    (DMS, "AccessDeniedException", NO_POLICY, "the caller lacks this IAM permission"),
    (DMS, "InvalidParameterValueException", "The parameter is wrong", "The parameter is wrong"),
    (DMS, "InvalidParameterCombinationException", "These two exclude each other", "These two exclude each other"),
    (["CreateEndpoint", "ModifyEndpoint"], "AccessDeniedException", PASS_ROLE, "AWS Support must allow-list"),
    (["CreateEndpoint", "ModifyEndpoint"], "AccessDeniedFault", PASS_ROLE, "AWS Support must allow-list"),
    (["CreateEndpoint", "ModifyEndpoint"], "AccessDeniedFault", TRUST, "a policy denies it explicitly"),
    (
        ["CreateEndpoint", "ModifyEndpoint", "TestConnection"],
        "KMSKeyNotAccessibleFault",
        "The key is disabled",
        "check that the key exists",
    ),
    (["CreateEndpoint", "TestConnection"], "ResourceQuotaExceededFault", "1000 endpoints", "a quota of the account"),
    (IAM, "AccessDenied", SCP, "a policy of the AWS organization denies it"),
    (IAM, "AccessDenied", BOUNDARY, "a policy denies it explicitly"),
    (IAM, "AccessDenied", NO_POLICY, "the caller lacks this IAM permission"),
    (IAM, "LimitExceeded", "1000 roles", "a quota of the account"),
    (IAM, "MalformedPolicyDocument", "Invalid principal in policy", "Invalid principal in policy"),
    (IAM, "ValidationError", "1 validation error detected", "1 validation error detected"),
]


def service(operation):
    return "dms" if operation in DMS else "iam"


def refusal(run):
    with pytest.raises(AnsibleAWSError) as error:
        run()
    return explain(error.value)


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("operation", CALLS)
def test_fault_that_passes_is_tried_again(lab, operation, kind):
    run = CALLS[operation](lab)
    lab.fault(service(operation), operation, kind)
    lab.forget_calls()
    assert run()["changed"] is True
    # A test whose answer was lost runs; DMS refuses another until it is over, and that one is the one that counts.
    expected = 3 if (operation, kind) == ("TestConnection", "reset_after") else 2
    assert lab.calls(operation) == [operation] * expected
    assert run()["changed"] is False


@pytest.mark.parametrize("operation", CALLS)
def test_call_that_is_throttled_again_and_again_gets_through(lab, operation):
    """As it happens where many hosts share what AWS allows an account, see _RETRIES."""
    run = CALLS[operation](lab)
    lab.fault(service(operation), operation, "throttle", count=20)
    lab.forget_calls()
    assert run()["changed"] is True
    assert lab.calls(operation) == [operation] * 21


@pytest.mark.parametrize("kind", ["throttle", "error500", "error503", "reset_before"])
@pytest.mark.parametrize("operation", CALLS)
def test_fault_that_stays_ends_after_the_attempts_of_botocore(lab, operation, kind):
    run = CALLS[operation](lab)
    lab.fault(service(operation), operation, kind, count=None)
    lab.forget_calls()
    refusal(lambda: run(**LIMITED))
    assert lab.calls(operation) == [operation] * ATTEMPTS


@pytest.mark.parametrize(
    ("operation", "code", "message", "told"),
    [(operation, *rest) for operations, *rest in FINAL for operation in operations],
)
def test_fault_that_stays_is_not_tried_again(lab, operation, code, message, told):
    run = CALLS[operation](lab)
    said = message.format(f"{service(operation)}:{operation}")
    lab.fault(service(operation), operation, "error", code=code, message=said, count=None)
    lab.forget_calls()
    sentence = refusal(run)
    assert lab.calls(operation) == [operation]
    assert told in sentence
    lab.control.clear_faults()
    assert run()["changed"] is True


def test_call_without_an_answer_ends_and_each_repetition_is_logged(lab, monkeypatch, caplog):
    monkeypatch.setattr(unanswered, "PATIENCE", 0.5)
    caplog.set_level(logging.INFO, logger=unanswered.LOGGER)
    lab.fault("dms", "CreateEndpoint", "delay", "dms", seconds=0.4, count=None)
    with pytest.raises(AnsibleAWSError) as error:
        lab.endpoint(aws_config={"read_timeout": 0.1})
    assert "AWS could not be reached" in explain(error.value)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "CreateEndpoint: no answer of AWS to attempt 1 (ReadTimeoutError)"
    assert 1 < len(lines) < 30


def test_answer_that_comes_late_once_is_waited_for(lab, caplog):
    caplog.set_level(logging.INFO, logger=unanswered.LOGGER)
    lab.fault("dms", "DescribeEndpoints", "delay", "dms", seconds=0.4)
    assert lab.endpoint(aws_config={"read_timeout": 0.1})["changed"] is True
    assert [record.getMessage() for record in caplog.records] == [
        "DescribeEndpoints: no answer of AWS to attempt 1 (ReadTimeoutError)"
    ]
