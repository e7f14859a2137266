# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that DMS or IAM would refuse, or take for one, are named before any call."""

from __future__ import annotations

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import DMS_TAGS, IAM_TAGS, check_tags

BOTH = pytest.mark.parametrize("rules", [DMS_TAGS, IAM_TAGS], ids=["DMS", "IAM"])


def many(count):
    return {f"tag-{number}": "x" for number in range(count)}


@BOTH
@pytest.mark.parametrize(
    "tags",
    [
        None,
        {},
        {"team": "data"},
        {"Größe": "日本 2 _.:/=+-"},
        {"k" * 128: "v" * 256},
        {"count": 3, "flag": True, "nothing": ""},
    ],
    ids=str,
)
def test_tags_that_are_taken(tags, rules):
    check_tags(tags, "dev", rules)


@BOTH
@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"": "x"}, "tags has '', whose key is empty; correct it."),
        ({"AWS:team": "x"}, "whose key begins with aws:, which is reserved for AWS"),
        ({"k" * 129: "x"}, "whose key has 129 characters, and"),
        ({"team": "v" * 257}, "tags has 'team', whose value has 257 characters, and"),
        ({"team": "a, b; c"}, "tags has 'team', whose value has ',' ';', which"),
        ({"te(am)": "x"}, "whose key has '(' ')', which"),
        ({"team": "two\nlines"}, "whose value has '\\n', which"),
    ],
    ids=str,
)
def test_tags_that_are_refused(tags, said, rules):
    with pytest.raises(AnsibleAWSError) as error:
        check_tags(tags, "dev", rules)
    assert said in error.value.message


def test_what_only_dms_refuses():
    for tags in ({"dms:team": "x"}, {"owner": "data@example.com"}):
        check_tags(tags, "dev", IAM_TAGS)
        with pytest.raises(AnsibleAWSError):
            check_tags(tags, "dev", DMS_TAGS)


def test_what_only_iam_refuses():
    tags = {"team": "x", "Team": "y"}
    check_tags(tags, "dev", DMS_TAGS)
    with pytest.raises(AnsibleAWSError, match="tags has 'team' and 'Team', which are one key for IAM"):
        check_tags(tags, "dev", IAM_TAGS)


@pytest.mark.parametrize(
    ("rules", "deployment", "most"), [(DMS_TAGS, "dev", 46), (DMS_TAGS, "", 47), (IAM_TAGS, "dev", 48)]
)
def test_tags_of_the_collection_are_counted(rules, deployment, most):
    check_tags(many(most), deployment, rules)
    with pytest.raises(AnsibleAWSError, match=f"tags has {most + 1} tags, .* takes 50; remove some."):
        check_tags(many(most + 1), deployment, rules)
