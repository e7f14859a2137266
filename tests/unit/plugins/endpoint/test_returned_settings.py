# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that AWS returns otherwise than they were sent: what the tag records, and what is a difference nevertheless."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.resources import NONE, RECREATED, Plan
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_plan
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import DesiredSettings

DROPPED = {"cdc_path": (None, "changes")}


def planned(changes, recorded):
    tags = {endpoint_plan.RETURNED_TAG: endpoint_plan.returned_digest(recorded)}
    return endpoint_plan.without_returned(Plan(RECREATED, ("why",), changes), tags).action


def test_what_aws_returned_when_it_was_sent_is_no_difference():
    assert planned(DROPPED, DROPPED) == NONE


@pytest.mark.parametrize(
    "changes",
    [
        {"cdc_path": (None, "other")},
        {"cdc_path": ("by-hand", "changes")},
        {"cdc_path": (None, "changes"), "max_file_size": (1, 2)},
        {"max_file_size": (1, 2)},
    ],
    ids=str,
)
def test_another_setting_or_another_answer_is_a_difference(changes):
    assert planned(changes, DROPPED) == RECREATED


def test_difference_without_a_tag_is_one():
    plan = Plan(RECREATED, ("why",), DROPPED)
    assert endpoint_plan.without_returned(plan, {}) == plan


def test_digest_and_sentence_have_no_secret():
    digests = {endpoint_plan.returned_digest({"password": (None, secret)}) for secret in ("one", "other")}
    assert len(digests) == 1
    desired = DesiredSettings({}, {"password": "one"})
    (sentence,) = endpoint_plan.returned_otherwise(desired, {"S3Settings": {}}, exact=False)
    assert sentence == "AWS does not return password as it was sent"


def test_another_value_is_named_with_what_was_sent():
    desired = DesiredSettings({"MaxFileSize": 512}, {})
    (sentence,) = endpoint_plan.returned_otherwise(desired, {"S3Settings": {"MaxFileSize": 1024}}, exact=False)
    assert sentence == "AWS returns max_file_size as 1024 though 512 was sent; set it to the value that AWS returns"
