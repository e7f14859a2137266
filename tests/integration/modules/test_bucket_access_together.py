# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of one process that write to the policies of one bucket and one key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._access import bucket_access
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._core.slots import Slots
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_policies import BucketPolicy, Patience
from builders import policy_document

pytestmark = pytest.mark.once

NAMES = [f"source{number}" for number in range(8)]


def test_hosts_share_a_write_and_its_settle_time(lab):
    hosts = [
        lab.host(name, access="bucket_policy", policy_settle_time=2.0, kms_key_arn=lab.key_arn, poll_interval=0.1)
        for name in NAMES
    ]
    result = lab.deployment(hosts, parallel=2)["hosts"]
    assert {host["connection_status"] for host in result.values()} == {"successful"}
    # The groups depend on how fast the machine is; one by one is none of them.
    assert len(lab.calls("PutBucketPolicy")) < len(NAMES)
    roles = [f"arn:aws:iam::{lab.dms_account}:role/dms-s3-{name}" for name in NAMES]
    assert sorted(one["Principal"]["AWS"] for one in lab.bucket_policy()) == roles
    lab.forget_calls()
    assert lab.deployment(hosts, parallel=2)["changed"] is False
    assert lab.calls("PutBucketPolicy", "PutKeyPolicy") == []


def test_role_that_does_not_exist_fails_for_its_host_alone(lab):
    there = [lab.local_role(f"dms-s3-{name}") for name in NAMES[:3]]
    absent = f"arn:aws:iam::{lab.dms_account}:role/dms-s3-nobody"
    account, slots = SharedReads().account(Host.of(lab.host()).lake), Slots(2)

    def admit(role_arn):
        options = {"role_arn": role_arn, "bucket_name": lab.bucket, "settle_time": 1.0, "iam_propagation_timeout": 1}
        params = validated(bucket_access.ARGUMENT_SPEC, options)
        with slots.taken():
            return bucket_access.ensure(account, params, False, account.policy_writes.write)

    with ThreadPoolExecutor(4) as pool:
        futures = {role: pool.submit(admit, role) for role in [*there, absent]}
    assert "a role or user that the policy names does not exist (yet)" in explain(futures[absent].exception())
    assert [futures[role].result()["changed"] for role in there] == [True] * 3
    assert sorted(one["Principal"]["AWS"] for one in lab.bucket_policy()) == there


def test_policy_that_another_host_read_long_ago_holds_up_nobody(lab):
    """Hosts share the account's client."""
    client = lab.client("lake", "s3")
    BucketPolicy(client, lab.bucket, lab.lake_account, Patience(0.1, 0))
    ours = BucketPolicy(client, lab.bucket, lab.lake_account, Patience(60, 0))
    policy = policy_document(statement(lab))
    assert ours.read() is None
    ours.write(policy)
    assert ours.read() == policy


def statement(lab):
    resource = f"arn:aws:s3:::{lab.bucket}/*"
    return {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource}
