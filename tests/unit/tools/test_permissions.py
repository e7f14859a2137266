# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make permissions` calls missing and superfluous."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from permission_tables import readmes, rendered
from permissions import compare

pytestmark = pytest.mark.once

ROLE = "arn:aws:iam::111111111111:role/p/reader"
STATEMENT = {
    "Sid": "Read",
    "Effect": "Allow",
    "Action": ["iam:GetRole", "iam:ListRolePolicies"],
    "Resource": ["arn:a/*", "arn:b/*"],
    "Condition": {"StringEquals": {"aws:RequestedRegion": ["r", "s"]}},
}


def asked(action, resource, refused=None, region="r"):
    context = {"aws:RequestedRegion": region}
    return {"role_arn": ROLE, "action": action, "resource": resource, "context": context, "refused": refused}


def lines(*requests, statements=(STATEMENT,)):
    return list(compare({ROLE: [{"Statement": list(statements)}]}, list(requests)).lines())


ALL = [asked(action, f"arn:{r}/x", region=s) for action in STATEMENT["Action"] for r, s in (("a", "r"), ("b", "s"))]


def test_everything_granted_is_used():
    assert lines(*ALL) == ["permissions: 8 granted, 8 used, 0 missing, 0 superfluous"]


def test_an_action_a_resource_and_a_condition_can_be_superfluous():
    assert lines(*ALL[:1]) == [
        "superfluous  reader: iam:GetRole with arn:b/* (Read)",
        "superfluous  reader: iam:GetRole with aws:RequestedRegion=s (Read)",
        *(
            f"superfluous  reader: iam:ListRolePolicies with {element} (Read)"
            for element in ("arn:a/*", "arn:b/*", "aws:RequestedRegion=r", "aws:RequestedRegion=s")
        ),
        "permissions: 8 granted, 2 used, 0 missing, 6 superfluous",
    ]


def test_what_was_refused_is_missing():
    refused = asked("iam:PassRole", "arn:c", "User: x because no identity-based policy allows it")
    assert lines(*ALL, refused)[0] == ("missing      reader: iam:PassRole on arn:c: no identity-based policy allows it")


def test_what_two_statements_grant_is_used_by_neither():
    wider = {"Sid": "Wider", "Effect": "Allow", "Action": "iam:GetRole", "Resource": "*"}
    assert lines(*ALL, statements=(STATEMENT, wider))[-1].endswith("9 granted, 4 used, 0 missing, 5 superfluous")


@pytest.mark.parametrize("readme", readmes(), ids=lambda path: path.parent.name)
def test_readmes_have_the_tables_of_the_source(readme):
    assert readme.read_text() == rendered(readme.read_text()), "run tests/tools/permission_tables.py"


def test_there_are_readmes_with_tables():
    assert [readme.parent.name for readme in readmes()] == ["landing_bucket", "s3_endpoint", "service_roles"]
