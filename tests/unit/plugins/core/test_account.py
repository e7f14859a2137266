# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known to be wrong with the assume_role_* options before any call."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.account import assume_role_problem

ROLE = "arn:aws:iam::111122223333:role/deployer"


def problem(arn, name="datalake-dms"):
    return assume_role_problem({"assume_role_arn": arn, "assume_role_session_name": name})


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (None, "datalake-dms"),
        ("", "datalake-dms"),
        (None, "not a name"),
        (ROLE, "x" * 64),
        (ROLE, "ab"),
        (ROLE, "dev@example.org=1,2+3-4_5"),
        (ROLE.replace("role/", "role/team/"), "datalake-dms"),
        (ROLE.replace("arn:aws:", "arn:aws-cn:"), "datalake-dms"),
        (ROLE.replace("arn:aws:", "arn:aws-us-gov:"), "datalake-dms"),
    ],
)
def test_right_options(arn, name):
    assert problem(arn, name) is None


@pytest.mark.parametrize(
    "arn",
    [
        "deployer",
        "arn:aws:iam::111122223333:user/deployer",
        "arn:aws:sts::111122223333:assumed-role/deployer/session",
        "arn:aws:s3:::role/deployer",
        f"x{ROLE}",
        "arn:aws:iam:::role/deployer",
    ],
)
def test_wrong_arn(arn):
    sentence = problem(arn)
    assert f"assume_role_arn={arn} is not the ARN of an IAM role" in sentence
    assert "give one like arn:aws:iam::" in sentence


@pytest.mark.parametrize("name", ["", "x", "x" * 65, "dev prod", "dev/prod", "größe"])
def test_wrong_session_name(name):
    sentence = problem(ROLE, name)
    assert f"assume_role_session_name={name} must be 2 to 64" in sentence
    assert "shorten or change it" in sentence
