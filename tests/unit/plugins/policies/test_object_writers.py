# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._policies.object_writers import foreign_writers

OWN, OTHER = "111122223333", "444455556666"
ROOT = f"arn:aws:iam::{OTHER}:root"


def allows(principal, action="s3:PutObject", **more):
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (allows({"AWS": ROOT}), [ROOT]),
        (allows({"AWS": OTHER}, "s3:*"), [OTHER]),
        (allows({"AWS": [ROOT, OWN]}, ["s3:GetObject", "S3:putobject"]), [ROOT]),
        (allows("*", "*"), ["*"]),
        (allows({"AWS": "*"}, "s3:Delete*"), ["*"]),
        (allows({"AWS": ROOT}, "s3:PutBucketPolicy"), [ROOT]),
        (allows({"Service": "logging.s3.amazonaws.com"}), ["logging.s3.amazonaws.com"]),
        ({"Effect": "Allow", "NotPrincipal": {"AWS": OWN}, "Action": "s3:*"}, ["everybody but some"]),
        ({"Effect": "Allow", "Principal": "*", "NotAction": "s3:GetObject"}, ["*"]),
        (allows("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), ["*"]),
        (allows("*", Condition={"StringEqualsIfExists": {"aws:SourceAccount": OWN}}), ["*"]),
        (allows("*", Condition={"StringEquals": {"aws:PrincipalAccount": [OWN, OTHER]}}), ["*"]),
        # Nobody outside.
        (allows("*", Condition={"StringEquals": {"aws:PrincipalAccount": OWN}}), []),
        (
            allows({"Service": "logging.s3.amazonaws.com"}, Condition={"StringEquals": {"AWS:SourceAccount": [OWN]}}),
            [],
        ),
        (allows({"AWS": f"arn:aws:iam::{OWN}:role/deployer"}), []),
        (allows({"AWS": "AROAEXAMPLE"}), []),
        (allows({"AWS": ROOT}, "s3:GetObject"), []),
        ({**allows("*"), "Effect": "Deny"}, []),
    ],
    ids=str,
)
def test_who_of_other_accounts_may_write(statement, found):
    assert foreign_writers({"Statement": [statement]}, OWN) == found
    assert foreign_writers({"Statement": statement}, OWN) == found


def test_bucket_without_a_policy():
    assert foreign_writers(None, OWN) == []
