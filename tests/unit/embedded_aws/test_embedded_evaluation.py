# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy evaluation: pure, so each rule is one row."""

from __future__ import annotations

from typing import Any

import pytest
from embedded_aws.iam.evaluation import (
    Access,
    Principal,
    UnsupportedPolicy,
    glob_matches,
    identity_verdict,
    refusal,
    resource_verdict,
)

ROLE = "arn:aws:iam::111111111111:role/writer"
CALLER = Principal("111111111111", ("arn:aws:sts::111111111111:assumed-role/writer/s", ROLE))
OBJECT = "arn:aws:s3:::lake/orders/1"


def document(**elements: Any) -> dict[str, Any]:
    return {"Statement": {"Effect": "Allow", "Action": "s3:PutObject", "Resource": OBJECT, **elements}}


def access(**context: Any) -> Access:
    return Access(CALLER, "s3:PutObject", OBJECT, {key.replace("_", ":", 1): value for key, value in context.items()})


@pytest.mark.parametrize(
    ("elements", "verdict"),
    [
        ({}, "allow"),
        ({"Effect": "Deny"}, "deny"),
        ({"Action": "S3:PUTOBJECT"}, "allow"),
        ({"Action": ["s3:Get*", "s3:Put*"]}, "allow"),
        ({"Action": "s3:PutObject?"}, "none"),
        ({"Resource": "arn:aws:s3:::lake/*"}, "allow"),
        ({"Resource": "arn:aws:s3:::LAKE/*"}, "none"),
        ({"Resource": "arn:aws:s3:::lake/orders/[0-9]"}, "none"),
    ],
)
def test_actions_and_resources(elements: dict[str, Any], verdict: str) -> None:
    assert identity_verdict([document(**elements)], access()) == verdict


def test_not_action_and_not_resource() -> None:
    statement = {"Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::other/*"}
    assert identity_verdict([{"Statement": [statement]}], access()) == "allow"
    assert identity_verdict([{"Statement": [{**statement, "NotAction": "s3:*"}]}], access()) == "none"
    assert identity_verdict([{"Statement": [{**statement, "NotResource": "*"}]}], access()) == "none"


@pytest.mark.parametrize(
    ("condition", "context", "met"),
    [
        ({"StringEquals": {"sts:ExternalId": "a"}}, {"sts_ExternalId": "a"}, True),
        ({"StringEquals": {"sts:externalid": ["a", "b"]}}, {"sts_ExternalId": "b"}, True),
        ({"StringEquals": {"sts:ExternalId": "a"}}, {"sts_ExternalId": "A"}, False),
        ({"StringEquals": {"sts:ExternalId": "a"}}, {}, False),
        ({"StringEquals": {"a:x": "1", "a:y": "2"}}, {"a_x": "1"}, False),
        ({"StringEqualsIfExists": {"sts:ExternalId": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"sts:ExternalId": "a"}}, {"sts_ExternalId": "b"}, False),
        ({"StringEqualsIgnoreCase": {"a:x": "A"}}, {"a_x": "a"}, True),
        ({"StringNotEquals": {"a:x": "1"}}, {}, True),
        ({"StringNotEquals": {"a:x": ["1", "2"]}}, {"a_x": "2"}, False),
        ({"StringLike": {"a:x": "or*"}}, {"a_x": "orders"}, True),
        ({"StringNotLike": {"a:x": "or*"}}, {"a_x": "orders"}, False),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:dms:*:1:endpoint:*"}},
            {"aws_SourceArn": "arn:aws:dms:e:1:endpoint:A"},
            True,
        ),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:*:endpoint:*"}},
            {"aws_SourceArn": "arn:aws:dms:e:1:endpoint:A"},
            False,
        ),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws_SecureTransport": "true"}, False),
        ({"Null": {"a:x": "true"}}, {}, True),
        ({"Null": {"a:x": "true"}}, {"a_x": "1"}, False),
        ({"NumericLessThan": {"a:x": "10"}}, {"a_x": "9"}, True),
        ({"ForAllValues:StringEquals": {"a:x": ["1", "2"]}}, {"a_x": ["1", "3"]}, False),
        ({"ForAllValues:StringEquals": {"a:x": ["1", "2"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"a:x": ["1", "2"]}}, {"a_x": ["1", "3"]}, True),
        ({"ForAnyValue:StringEquals": {"a:x": ["1"]}}, {}, False),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, Any], met: bool) -> None:
    assert identity_verdict([document(Condition=condition)], access(**context)) == ("allow" if met else "none")


def test_what_is_not_modelled_is_not_guessed() -> None:
    with pytest.raises(UnsupportedPolicy, match="IpAddress"):
        identity_verdict([document(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], access())
    with pytest.raises(UnsupportedPolicy, match="policy variables"):
        glob_matches("arn:aws:s3:::${aws:username}", "any")


@pytest.mark.parametrize(
    ("principal", "verdict"),
    [
        ("*", "direct"),
        ({"AWS": "*"}, "direct"),
        ({"AWS": ROLE}, "direct"),
        ({"AWS": CALLER.arns[0]}, "direct"),
        ({"AWS": ["222222222222", "111111111111"]}, "account"),
        ({"AWS": "arn:aws:iam::111111111111:root"}, "account"),
        ({"AWS": "arn:aws:iam::222222222222:root"}, "none"),
        ({"Service": "dms.amazonaws.com"}, "none"),
    ],
)
def test_principals(principal: Any, verdict: str) -> None:
    assert resource_verdict(document(Principal=principal), access()) == verdict


def test_services_and_not_principal() -> None:
    service = Access(Principal(service="dms.amazonaws.com"), "sts:AssumeRole", ROLE)
    trust = document(Principal={"Service": ["ec2.amazonaws.com", "dms.amazonaws.com"]}, Action="sts:*", Resource="*")
    assert resource_verdict(trust, service) == "direct"
    without = document()
    without["Statement"]["NotPrincipal"] = {"AWS": ROLE}
    assert resource_verdict(without, access()) == "none"
    without["Statement"]["NotPrincipal"] = {"AWS": "222222222222"}
    assert resource_verdict(without, access()) == "direct"


ALLOW, DENY = document(), document(Effect="Deny")
ADMITS, ADMITS_ACCOUNT = document(Principal={"AWS": ROLE}), document(Principal={"AWS": "111111111111"})
DENIES = document(Principal="*", Effect="Deny")


@pytest.mark.parametrize(
    ("identity", "boundary", "resource_policy", "same_account", "decides", "why"),
    [
        ([ALLOW], None, None, True, False, None),
        ([], None, None, True, False, "no identity-based policy"),
        ([], None, ADMITS, True, False, None),
        ([], None, ADMITS_ACCOUNT, True, False, "no identity-based policy"),
        ([ALLOW], None, None, False, False, "no resource-based policy"),
        ([ALLOW], None, ADMITS, False, False, None),
        ([ALLOW], None, ADMITS_ACCOUNT, False, False, None),
        ([], None, ADMITS, False, False, "no identity-based policy"),
        ([ALLOW, DENY], None, ADMITS, True, False, "explicit deny in an identity-based policy"),
        ([ALLOW], None, DENIES, True, False, "explicit deny in a resource-based policy"),
        ([ALLOW], DENY, None, True, False, "explicit deny in a permissions boundary"),
        ([ALLOW], document(Action="s3:Get*"), ADMITS, True, False, "no permissions boundary"),
        ([ALLOW], ALLOW, None, True, False, None),
        ([ALLOW], None, None, True, True, "no resource-based policy"),
        ([ALLOW], None, ADMITS_ACCOUNT, True, True, None),
    ],
)
def test_all_policies_together(
    identity: list[Any], boundary: Any, resource_policy: Any, same_account: bool, decides: bool, why: str | None
) -> None:
    refused = refusal(
        access(),
        identity=identity,
        boundary=boundary,
        resource_policy=resource_policy,
        resource_account="111111111111" if same_account else "222222222222",
        resource_policy_decides=decides,
    )
    if why is None:
        assert refused is None
    else:
        assert why in str(refused)
        assert "s3:PutObject" in str(refused)
