# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our statements in the policies of bucket and key: put in, replaced, taken out, and nothing of others touched."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies import resource_statements as statements
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import (
    Access,
    access_policy,
    granted_resources,
)
from builders import DMS, LAKE, REGION, STRANGER, role_arn
from builders import KEY_ARN as KEY

ROLE = role_arn("datalake-dms/datalake-dev/dms-s3-dev-crm", DMS)
ACCESS = Access("example-lake-dev", "raw/crm")
SID = statements.statement_sid(ROLE, "datalake-dev")
OURS = statements.bucket_statement(SID, ROLE, ACCESS)
DEAD = {**OURS, "Principal": {"AWS": "AROAEXAMPLEEXAMPLE123"}}
TLS = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "arn:aws:s3:::example-lake-dev/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
NAMELESS = {"Effect": "Allow", "Principal": {"AWS": LAKE}, "Action": "s3:GetObject", "Resource": "*"}


def policy(*given, **more):
    return {"Version": "2008-10-17", "Id": "somebody's", "Statement": list(given), **more}


def merged(document, statement=OURS, sid=SID):
    before = copy.deepcopy(document)
    after = statements.with_statement(document, sid, statement, "policy of the bucket lake")
    assert document == before, "what was read is left as it was"
    return after


def test_bucket_statement_allows_what_the_role_s_own_policy_allows():
    access = Access(
        "lake", "raw", KEY, glue_catalog_generation=True, canned_acl_for_objects="bucket-owner-full-control"
    )
    in_bucket, in_key = statements.bucket_statement("s", ROLE, access), statements.key_statement("s", ROLE)
    own = {s["Sid"]: s for s in access_policy(access, "aws", REGION, DMS)["Statement"]}
    assert in_bucket["Action"] == own["ListBucket"]["Action"] + own["WriteObjects"]["Action"]
    assert in_bucket["Resource"] == own["ListBucket"]["Resource"] + own["WriteObjects"]["Resource"]
    assert in_key["Action"] == own["UseKey"]["Action"]
    assert in_bucket["Principal"] == in_key["Principal"] == {"AWS": ROLE}


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_partition_is_the_role_s(partition):
    made = statements.bucket_statement(SID, ROLE.replace("arn:aws:", f"arn:{partition}:"), ACCESS)
    assert all(r.startswith(f"arn:{partition}:s3:::") for r in made["Resource"])


def test_sid_is_of_the_role_and_the_deployment():
    others = [
        statements.statement_sid(ROLE, "datalake-test"),
        statements.statement_sid(ROLE.replace(DMS, STRANGER), "datalake-dev"),
        statements.statement_sid(ROLE.replace("/datalake-dev/", "/other/"), "datalake-dev"),
        statements.statement_sid(ROLE, None),
    ]
    assert len({SID, *others}) == 5
    assert SID.startswith("DatalakeDmsdmss3devcrm")
    assert all(sid.isalnum() and sid.isascii() for sid in [SID, *others])
    assert statements.statement_sid(ROLE, "") == statements.statement_sid(ROLE, None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"Version": "2012-10-17", "Statement": [OURS]}),
        (policy(TLS, NAMELESS), policy(TLS, NAMELESS, OURS)),
        (policy(TLS, {**OURS, "Action": "s3:*"}, NAMELESS), policy(TLS, OURS, NAMELESS)),
        (policy({**OURS, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}), policy(OURS)),
        (policy({**OURS, "Principal": {"AWS": ROLE.replace("dev-crm", "other")}}), policy(OURS)),
        (policy(DEAD), policy(OURS)),
        ({"Version": "2012-10-17", "Statement": TLS}, {"Version": "2012-10-17", "Statement": [TLS, OURS]}),
    ],
    ids=["none", "beside others", "changed", "condition", "another role", "role made again", "statement alone"],
)
def test_put_in_beside_what_others_wrote(before, after):
    assert merged(before) == after
    assert merged(after) is after


def test_what_says_the_same_in_another_order_stays():
    shuffled = {
        **OURS,
        "Action": OURS["Action"][::-1],
        "Resource": OURS["Resource"][::-1],
        "Principal": {"AWS": [ROLE]},
    }
    document = policy(TLS, shuffled)
    assert merged(document) is document


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, None), (policy(OURS), None), (policy(TLS, OURS, NAMELESS), policy(TLS, NAMELESS)), (policy(DEAD), None)],
    ids=["none", "alone", "beside others", "dead"],
)
def test_taken_out(before, after):
    assert merged(before, None) == after


def test_taking_out_what_is_not_there_changes_nothing():
    document = policy(TLS, {**DEAD, "Sid": "DatalakeDmsOther"})
    assert merged(document, None) is document


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Deny"},
        {"Principal": "*"},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": [ROLE, ROLE.replace("crm", "other")]}},
        {"Principal": {"AWS": ROLE, "Service": "dms.amazonaws.com"}},
        {"Principal": {"Service": "dms.amazonaws.com"}},
        {"Principal": {"AWS": DMS}},
    ],
    ids=str,
)
@pytest.mark.parametrize("wanted", [OURS, None], ids=["present", "absent"])
def test_statement_of_our_sid_that_is_not_ours_is_refused(change, wanted):
    with pytest.raises(DatalakeError) as error:
        merged(policy({**OURS, **change}), wanted)
    assert str(error.value.message) == (
        f"The policy of the bucket lake has a statement {SID} that does not allow exactly one role, so it was not created by this collection "
        "and is not changed; remove it or change its Sid."
    )


def test_dead_statements_of_ours_go_with_a_write_and_those_of_others_stay():
    ours_of_another = {**DEAD, "Sid": "DatalakeDmsOther"}
    anothers = {**DEAD, "Sid": "Backup"}
    nameless = {k: v for k, v in DEAD.items() if k != "Sid"}
    widened = {**ours_of_another, "Principal": "*"}
    living = {**OURS, "Sid": "DatalakeDmsLiving"}
    others = [anothers, nameless, widened, living]
    assert merged(policy(ours_of_another, *others))["Statement"] == [*others, OURS]


def test_dead_principals_are_named():
    two = {**NAMELESS, "Principal": {"AWS": ["AIDAEXAMPLEEXAMPLE123", ROLE]}}
    found = statements.deleted_principals(policy(TLS, two, {**DEAD, "Sid": "Backup"}, OURS))
    assert found == ["number 2 (AIDAEXAMPLEEXAMPLE123)", "Backup (AROAEXAMPLEEXAMPLE123)"]


@pytest.mark.parametrize(
    ("limit", "make", "at_least"),
    [
        (statements.BUCKET_POLICY_LENGTH, lambda sid, role: statements.bucket_statement(sid, role, ACCESS), 60),
        (statements.KEY_POLICY_LENGTH, statements.key_statement, 115),
    ],
    ids=["bucket", "key"],
)
def test_how_many_fit_and_that_one_more_is_refused(limit, make, at_least):
    """What the documentation says: the number of endpoints that one bucket, and one key, can have."""
    document = policy(TLS)
    for number in range(at_least):
        role = f"{ROLE}{number:03}"
        sid = statements.statement_sid(role, "datalake-dev")
        document = merged(document, make(sid, role), sid)
    statements.check_length(document, limit, "policy of the bucket lake")
    assert len(statements.compact(document)) > limit - 2000
    with pytest.raises(DatalakeError) as error:
        statements.check_length(
            merged(document, {**OURS, "Resource": ["x" * 2000]}), limit, "policy of the bucket lake"
        )
    assert f"AWS's limit is {limit}; remove statements" in str(error.value.message)


def test_length_is_that_of_what_is_sent_in_bytes():
    document = policy({**NAMELESS, "Sid": "ä"})
    length = len(statements.compact(document).encode())
    assert length == len(statements.compact(document)) + 1
    statements.check_length(document, length, "policy")
    statements.check_length(None, 0, "policy")
    with pytest.raises(DatalakeError):
        statements.check_length(document, length - 1, "policy")


@pytest.mark.parametrize(
    ("access", "resources"),
    [(ACCESS, ("example-lake-dev", None)), (Access("lake", kms_key_arn=KEY), ("lake", KEY))],
)
def test_resources_are_found_again_in_the_role_s_policy(access, resources):
    assert granted_resources(access_policy(access, "aws-cn", "cn-north-1", LAKE)) == resources
    assert granted_resources({"Statement": []}) == (None, None)
