# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests for a trust that IAM would refuse, or that would lock everyone out, are refused first."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import (
    TrustRequest,
    check_length,
    check_request,
    plan_trust,
)


@pytest.mark.parametrize(
    ("request_", "option", "remedy"),
    [
        ({"external_ids": ("x",)}, "external_ids has 'x'", "use the value that CreateEndpoint returned"),
        ({"external_ids": ("one", "two words")}, "external_ids has 'two words'", "use the value"),
        ({"external_ids": ("x" * 1225,)}, "external_ids", "2 to 1,224"),
        ({"external_ids": ("ключ",)}, "external_ids", "use the value"),
        ({"purge_external_ids": True}, "purge_external_ids=true", "set external_ids to the ids to keep"),
        ({"bootstrap": "source_account"}, "bootstrap_trust=source_account", "set it to the id of the account"),
        ({"source_account": "1234"}, "source_account=1234", "12-digit"),
        ({"source_account": "111122223333 "}, "source_account", "correct it"),
        ({"source_arn": "arn:aws:dms:eu-central-1:*:endpoint:*"}, "source_arn=arn", "give one like"),
        ({"principals": ()}, "service_principals", "leave it out"),
        ({"external_ids": tuple(f"id-{n:04}-{'x' * 40}" for n in range(50))}, "external_ids", "trust_length_limit"),
    ],
    ids=[
        "short",
        "space",
        "long",
        "not ASCII",
        "purge all",
        "no account",
        "account",
        "blank",
        "any account",
        "nobody",
        "too many",
    ],
)
def test_wrong_request_is_refused(request_, option, remedy):
    with pytest.raises(DatalakeError) as error:
        check_request(TrustRequest(**request_))
    assert option in error.value.message
    assert remedy in error.value.message


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"external_ids": ("ab",)},
        {"external_ids": ("x" * 1224,)},
        {"external_ids": ("a1b2-c3_d4=e5,f6.g7@h8:i9/j0+k",)},
        {"external_ids": ("one",), "purge_external_ids": True},
        {"bootstrap": "source_account", "source_account": "111122223333"},
        {"source_arn": "arn:aws-us-gov:dms:*:111122223333:endpoint:*"},
    ],
)
def test_right_request_passes(request_):
    check_request(TrustRequest(**request_))


def test_length_counts_no_white_space():
    trust = plan_trust(None, TrustRequest(external_ids=("one",))).document
    assert trust == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DatalakeDmsEndpoint",
                "Effect": "Allow",
                "Principal": {"Service": ["dms.amazonaws.com"]},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": ["one"]}},
            }
        ],
    }
    length = len(
        '{"Version":"2012-10-17","Statement":[{"Sid":"DatalakeDmsEndpoint","Effect":"Allow","Principal":'
        '{"Service":["dms.amazonaws.com"]},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":["one"]}}}]}'
    )
    check_length(trust, length)
    with pytest.raises(DatalakeError, match=f"would have {length} characters and the account's quota is {length - 1}"):
        check_length(trust, length - 1)
