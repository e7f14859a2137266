# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of one process that write to the policies of one bucket and one key."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_policies import BucketPolicy, Patience

pytestmark = pytest.mark.once


def test_policy_that_another_host_read_long_ago_holds_up_nobody(lab):
    """Hosts share the account's client."""
    client = lab.client("lake", "s3")
    BucketPolicy(client, lab.bucket, lab.lake_account, Patience(0.1, 0))
    ours = BucketPolicy(client, lab.bucket, lab.lake_account, Patience(60, 0))
    policy = {"Version": "2012-10-17", "Statement": [statement(lab)]}
    assert ours.read() is None
    ours.write(policy)
    assert ours.read() == policy


def statement(lab):
    resource = f"arn:aws:s3:::{lab.bucket}/*"
    return {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource}
