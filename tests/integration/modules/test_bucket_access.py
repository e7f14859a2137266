# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_bucket_access: one statement of ours in the policies of bucket and key, whoever else writes there at the same time."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._policies import local_lock, shared_policies
from botocore.retries.standard import ExponentialBackoff
from builders import policy_document

pytestmark = pytest.mark.once

WRITES = ("PutBucketPolicy", "DeleteBucketPolicy", "PutKeyPolicy")


@pytest.fixture
def role(lab):
    """The access role in the DMS account."""
    return lab.local_role("dms-s3-crm")


@pytest.fixture
def foreign(lab):
    """A statement that somebody else wrote into the bucket's policy, without a Sid."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{lab.bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    put(lab, statement)
    return statement


def put(lab, *statements):
    policy = json.dumps(policy_document(*statements), indent=2)
    lab.client("lake", "s3").put_bucket_policy(Bucket=lab.bucket, Policy=policy)


def test_predicted_made_made_once_and_removed(lab, predicted, role, foreign):
    before = lab.key_policy()
    given = {"server_side_encryption_kms_key_id": lab.key_arn}
    prediction = predicted(lab.bucket_access, **given)
    result = lab.bucket_access(**given)
    assert prediction == result
    assert result["diff"]["before"] == {"bucket": None, "key": None}
    assert lab.bucket_policy() == [foreign, result["bucket_statement"]]
    assert lab.key_policy() == [*before, result["key_statement"]]
    assert result["bucket_statement"]["Principal"] == {"AWS": role}
    lab.forget_calls()
    assert lab.bucket_access(**given)["changed"] is False
    assert lab.calls("GetBucketPolicy", "GetKeyPolicy", *WRITES) == ["GetBucketPolicy", "GetKeyPolicy"]
    prediction = predicted(lab.bucket_access, state="absent", **given)
    removed = lab.bucket_access(state="absent", **given)
    assert prediction == removed
    assert (removed["bucket_statement"], removed["key_statement"]) == (None, None)
    assert (lab.bucket_policy(), lab.key_policy()) == ([foreign], before)
    assert lab.bucket_access(state="absent", **given)["changed"] is False


def test_last_statement_takes_the_policy_with_it(lab, role):
    lab.bucket_access()
    lab.bucket_access(state="absent")
    assert lab.bucket_policy() == []


def test_what_the_endpoint_needs_and_no_more(lab, role):
    """The connection is tested with both sides: the role's own policy, and bucket and key."""
    settings = {"server_side_encryption_kms_key_id": lab.key_arn}
    sources = {
        "source_account": lab.dms_account,
        "source_arn": f"arn:aws:dms:{lab.region}:{lab.dms_account}:endpoint:*",
    }
    lab.role(side="dms", bootstrap_trust="source_account", **sources, **settings)
    encryption = {"encryption_mode": "sse-kms", **settings}
    made = lab.endpoint(service_access_role_arn=role, **encryption)
    assert (made["external_id"], made["persisted"]) == (None, True)

    def tested():
        return lab.test(made["endpoint"]["endpoint_arn"], test="always")["status"]

    assert tested() == "failed"
    lab.bucket_access()
    assert tested() == "failed"
    lab.bucket_access(**settings)
    assert tested() == "successful"
    lab.bucket_access(bucket_folder="raw/other", **settings)
    assert tested() == "failed"


@pytest.mark.parametrize(
    "options",
    [
        {"bucket_folder": "raw/other"},
        {"bucket_folder": ""},
        {"glue_catalog_generation": True},
        {"canned_acl_for_objects": "bucket-owner-full-control"},
    ],
    ids=str,
)
def test_update_is_predicted_made_and_made_once(lab, predicted, role, foreign, options):
    first = lab.bucket_access()
    prediction = predicted(lab.bucket_access, **options)
    result = lab.bucket_access(**options)
    assert prediction == result
    assert result["diff"]["before"]["bucket"] == first["bucket_statement"]
    assert lab.bucket_policy() == [foreign, result["bucket_statement"]]
    assert lab.bucket_access(**options)["changed"] is False


def test_refused_before_anything_is_written(lab, refused, role):
    sid = lab.bucket_access(check=True)["sid"]
    put(
        lab,
        {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{lab.bucket}/*",
        },
    )
    assert f"has a statement {sid} that does not allow exactly one role" in refused(lab.bucket_access)
    filler = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{lab.bucket}/*"}
    put(lab, {**filler, "Sid": "x" * 20200})
    assert "AWS's limit is 20480" in refused(lab.bucket_access)
    assert lab.bucket_access(state="absent")["changed"] is False
    assert "role_arn=crm is not the ARN" in refused(lab.bucket_access, role_arn="crm")
    assert "settle_time=0.0 must be at least" in refused(lab.bucket_access, settle_time=0.0)
    assert "iam_propagation_timeout=-1 must be" in refused(lab.bucket_access, iam_propagation_timeout=-1)
    assert "bucket_name is required" in refused(lab.bucket_access, bucket_name="")
    assert "bucket_folder=/a begins or ends with a slash" in refused(lab.bucket_access, bucket_folder="/a")
    assert "NoSuchBucket" in refused(lab.bucket_access, bucket_name="no-such-bucket-anywhere")
    assert lab.bucket_access(state="absent", bucket_name="no-such-bucket-anywhere")["changed"] is False


def test_key_that_does_not_exist_is_told_before_anything_is_written(lab, refused, role):
    absent = f"{lab.key_arn}0"
    assert "NotFoundException" in refused(lab.bucket_access, server_side_encryption_kms_key_id=absent)
    assert lab.bucket_access(state="absent", server_side_encryption_kms_key_id=absent)["changed"] is False


def test_bucket_of_another_account_is_left_alone(lab, refused, role):
    sentence = refused(lab.bucket_access, bucket_name=lab.journals)
    assert sentence.startswith(f"The policy of the bucket {lab.journals} can't be read (")
    assert f"the bucket must belong to account {lab.lake_account}, and the caller needs s3:GetBucketPolicy" in sentence


@pytest.mark.parametrize("operation", WRITES[::2])
def test_permission_that_is_missing_is_told(lab, role, operation):
    lab.fault(
        "kms" if "Key" in operation else "s3", operation, "error", "lake", code="AccessDenied", message="Access Denied"
    )
    with pytest.raises(AnsibleAWSError) as error:
        lab.bucket_access(server_side_encryption_kms_key_id=lab.key_arn)
    assert "can't be written (Access Denied): " in explain(error.value)
    assert operation in explain(error.value)


def test_key_of_another_account_is_left_to_its_owner(lab, role):
    elsewhere = lab.key_arn.replace(lab.lake_account, "999988887777")
    result = lab.bucket_access(server_side_encryption_kms_key_id=elsewhere)
    assert "ask its owner to keep" in result["warnings"][0]
    assert (result["key_statement"], len(lab.bucket_policy())) == (None, 1)
    assert lab.bucket_access(server_side_encryption_kms_key_id=elsewhere)["warnings"] == []


def test_key_alone_can_be_left(lab, role):
    lab.bucket_access(server_side_encryption_kms_key_id=lab.key_arn)
    lab.bucket_access(state="absent", bucket_name=None, server_side_encryption_kms_key_id=lab.key_arn)
    assert len(lab.bucket_policy()) == 1
    assert len(lab.key_policy()) == 1


def test_statements_are_validated_before_they_are_written(lab, refused, role, foreign):
    given = {"server_side_encryption_kms_key_id": lab.key_arn, "validate_policies": "fail"}
    lab.forget_calls()
    assert lab.bucket_access(**given)["policy_findings"] == []
    assert [o for o in lab.calls() if o in ("ValidatePolicy", *WRITES)] == [
        *["ValidatePolicy"] * 2,
        "PutBucketPolicy",
        "PutKeyPolicy",
    ]
    lab.fault("accessanalyzer", "ValidatePolicy", "error", "lake", code="ValidationException")
    assert "nothing is written without a validation" in refused(lab.bucket_access, bucket_folder="raw/a", **given)


# Principals


def test_new_role_is_waited_for(lab):
    lab.switch(iam_propagation_uses=2)
    lab.local_role("dms-s3-crm")
    lab.bucket_access()
    assert lab.calls("PutBucketPolicy") == ["PutBucketPolicy"] * 3


def test_role_that_does_not_come_is_told(lab):
    with pytest.raises(AnsibleAWSError) as error:
        lab.bucket_access(iam_propagation_timeout=0)
    assert "a role or user that the policy names does not exist (yet)" in explain(error.value)
    assert lab.calls("PutBucketPolicy") == ["PutBucketPolicy"]


def test_role_that_was_made_again_is_admitted_again(lab, role, foreign):
    lab.bucket_access(server_side_encryption_kms_key_id=lab.key_arn)
    iam = lab.client("dms", "iam")
    iam.delete_role(RoleName="dms-s3-crm")
    lab.local_role("dms-s3-crm")
    assert lab.bucket_policy()[1]["Principal"]["AWS"].startswith("AROA")
    result = lab.bucket_access(server_side_encryption_kms_key_id=lab.key_arn)
    assert result["changed"] is True
    assert lab.bucket_policy() == [foreign, result["bucket_statement"]]
    assert lab.key_policy()[1:] == [result["key_statement"]]


def test_dead_statement_of_another_endpoint_is_no_obstacle_and_one_of_others_is_named(lab, role):
    other = lab.local_role("dms-s3-other")
    lab.bucket_access(role_arn=other)
    lab.client("dms", "iam").delete_role(RoleName="dms-s3-other")
    result = lab.bucket_access()
    assert lab.bucket_policy() == [result["bucket_statement"]]
    theirs = lab.local_role("theirs")
    put(lab, {**result["bucket_statement"], "Sid": "Theirs", "Principal": {"AWS": theirs}})
    lab.client("dms", "iam").delete_role(RoleName="theirs")
    with pytest.raises(AnsibleAWSError) as error:
        lab.bucket_access(iam_propagation_timeout=60)
    assert "has statements of others for deleted roles or users" in explain(error.value)
    assert "Theirs (AROA" in explain(error.value)


# At the same time


def roles_of(lab, number):
    return [lab.local_role(f"dms-s3-{n}") for n in range(number)]


def at_once(lab, roles, **options):
    with ThreadPoolExecutor(len(roles)) as pool:
        return list(pool.map(lambda role: lab.bucket_access(role_arn=role, **options), roles))


def test_endpoints_of_one_machine_wait_for_one_another(lab, foreign):
    roles = roles_of(lab, 6)
    lab.forget_calls()
    made = at_once(lab, roles)
    assert lab.calls("PutBucketPolicy") == ["PutBucketPolicy"] * 6
    statements = lab.bucket_policy()
    assert statements[0] == foreign
    assert sorted(s["Sid"] for s in statements[1:]) == sorted(m["sid"] for m in made)
    at_once(lab, roles, state="absent")
    assert lab.bucket_policy() == [foreign]


@pytest.fixture
def many_machines(monkeypatch):
    """No lock holds: each thread is on a machine of its own."""
    nobody = local_lock.contextlib.nullcontext
    monkeypatch.setattr(shared_policies, "locked", lambda _name: nobody())


@pytest.fixture
def overtaken(lab, many_machines, monkeypatch):
    """overtaken(late, options): The statement of the role `late` is written; meanwhile a call with `options` reads and writes, and the first
    write, which was sent before, arrives last.

    It arrives before the other's settle time begins, also on a machine that is too busy to let both threads run within that time.
    """
    write = shared_policies.BucketPolicy.write
    first, overtakes, arrived = threading.get_ident(), threading.Event(), threading.Event()

    def call(late, **options):
        with ThreadPoolExecutor(1) as pool:
            others = []

            def on_its_way(self, policy):
                if threading.get_ident() == first and not others:
                    others.append(pool.submit(lab.bucket_access, settle_time=1.0, **options))
                    assert overtakes.wait(timeout=30)
                    put(lab, *policy["Statement"])
                    arrived.set()
                else:
                    write(self, policy)
                    overtakes.set()
                    assert arrived.wait(timeout=30)

            monkeypatch.setattr(shared_policies.BucketPolicy, "write", on_its_way)
            lab.bucket_access(role_arn=late, settle_time=1.0)
            others[0].result()

    return call


def test_what_another_machine_overwrites_is_written_again(lab, foreign, overtaken):
    """The first one's write arrives without the second's statement."""
    first, second = roles_of(lab, 2)
    lab.forget_calls()
    overtaken(first, role_arn=second)
    assert lab.calls("PutBucketPolicy") == ["PutBucketPolicy"] * 3
    admitted = [s["Principal"]["AWS"] for s in lab.bucket_policy()[1:]]
    assert sorted(admitted) == [first, second]
    assert lab.bucket_policy()[0] == foreign


def test_what_another_machine_puts_back_is_taken_out_again(lab, overtaken):
    first, second = roles_of(lab, 2)
    lab.bucket_access(role_arn=second)
    overtaken(first, role_arn=second, state="absent")
    assert [s["Principal"]["AWS"] for s in lab.bucket_policy()] == [first]


def test_policy_that_was_read_too_long_ago_is_not_sent(lab, role, foreign, monkeypatch):
    """botocore's next try comes too late; what somebody else wrote meanwhile stays."""
    theirs = {**foreign, "Sid": "Meanwhile"}

    def somebody_writes_meanwhile(_self, _context):
        put(lab, foreign, theirs)
        return 0.2

    monkeypatch.setattr(ExponentialBackoff, "delay_amount", somebody_writes_meanwhile)
    lab.fault("s3", "PutBucketPolicy", "error503", "lake")
    result = lab.bucket_access(settle_time=0.2)
    assert lab.bucket_policy() == [foreign, theirs, result["bucket_statement"]]


def test_calls_that_take_too_long_are_told(lab, role, foreign):
    lab.fault("s3", "GetBucketPolicy", "delay", "lake", seconds=0.1, count=None)
    with pytest.raises(AnsibleAWSError) as error:
        lab.bucket_access(settle_time=0.1)
    assert "could not be written within 0.05 seconds after it was read" in explain(error.value)
    assert lab.bucket_policy() == [foreign]


def test_somebody_who_keeps_overwriting_it_is_told(lab, role, foreign, monkeypatch):
    put_bucket_policy = shared_policies.BucketPolicy.write

    def then_overwritten(self, policy):
        put_bucket_policy(self, policy)
        put(lab, foreign)

    monkeypatch.setattr(shared_policies.BucketPolicy, "write", then_overwritten)
    with pytest.raises(AnsibleAWSError) as error:
        lab.bucket_access(settle_time=0.1)
    assert "was written 10 times and does not stay as written" in explain(error.value)


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "throttle"])
def test_lost_requests_and_answers(lab, role, operation, kind):
    state = "absent" if operation == "DeleteBucketPolicy" else "present"
    given = {"server_side_encryption_kms_key_id": lab.key_arn}
    if state == "absent":
        lab.bucket_access(**given)
    lab.fault("kms" if "Key" in operation else "s3", operation, kind, "lake")
    lab.bucket_access(state=state, **given)
    assert lab.bucket_access(state=state, **given)["changed"] is False


# The lock


def test_lock_of_a_process_that_stands_still_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(local_lock, "LONGEST", 0.1)
    with local_lock.locked("a bucket"), ThreadPoolExecutor(1) as pool:

        def other():
            with local_lock.locked("a bucket"):
                return "went on"

        assert pool.submit(other).result(timeout=30) == "went on"


def test_folder_of_the_locks_must_be_the_user_s_own(monkeypatch, tmp_path):
    monkeypatch.setattr(local_lock.tempfile, "gettempdir", lambda: str(tmp_path))
    with local_lock.locked("a bucket"):
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with (
        pytest.raises(AnsibleAWSError, match="is not a folder that only this user can access"),
        local_lock.locked("a bucket"),
    ):
        pytest.fail("a lock in a folder that others can write")
    for lock in folder.iterdir():
        lock.unlink()
    folder.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)
    with (
        pytest.raises(AnsibleAWSError, match="is not a folder that only this user can access"),
        local_lock.locked("a bucket"),
    ):
        pytest.fail("a lock in a folder that is a link")
    assert list(elsewhere.iterdir()) == []


def test_policy_is_as_fresh_as_this_thread_has_read_it(lab):
    """All hosts of an account share a client: what a dry run or another host has read is no reason to write, and none not to."""
    client, patience = lab.client("lake", "s3"), shared_policies.Patience(settle_time=0.4, iam_propagation_timeout=0)
    first, second = (shared_policies.BucketPolicy(client, lab.bucket, lab.lake_account, patience) for _ in range(2))
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{lab.bucket}",
    }
    policy = policy_document(statement)
    first.read()
    time.sleep(0.25)
    second.read()
    second.write(policy)
    assert lab.bucket_policy() == [statement]
    time.sleep(0.25)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(first.read).result() == policy
    lab.forget_calls()
    with pytest.raises(shared_policies._StaleRead):
        second.write(None)
    assert lab.writes() == []


def test_key_policy_is_never_emptied(lab):
    """KMS accepts no empty policy. Who can write one that has our statements only is not known to happen."""
    key = shared_policies.KeyPolicy(lab.client("lake", "kms"), lab.key_arn, shared_policies.Patience(1, 1))
    with pytest.raises(DatalakeError) as error:
        key.write(None)
    assert f"The policy of the key {lab.key_arn} would be empty, which KMS does not accept" in error.value.message
