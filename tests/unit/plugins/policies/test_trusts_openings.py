# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Allow that admits DMS for any of its customers is found in every disguise, and closed."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import (
    STATEMENT_SID,
    TrustRequest,
    plan_trust,
    trust_findings,
)
from builders import admits as statement
from builders import policy_document


def without(member, **members):
    return {k: v for k, v in statement(**members).items() if k != member}


def closed(opening):
    """The statements of others that are left of a trust with that one."""
    plan = plan_trust(policy_document(opening), TrustRequest(external_ids=("one",)))
    return [s for s in plan.document["Statement"] if s.get("Sid") != STATEMENT_SID]


OPEN = {
    "service": statement(),
    "service in a list": statement(Principal={"Service": ["dms.amazonaws.com"]}),
    "regional service": statement(Principal={"Service": "dms.eu-central-1.amazonaws.com"}),
    "Chinese service": statement(Principal={"Service": "dms.amazonaws.com.cn"}),
    "regional Chinese service": statement(Principal={"Service": "dms.cn-north-1.amazonaws.com.cn"}),
    "every service": statement(Principal={"Service": "*"}),
    "everyone": statement(Principal="*"),
    "every AWS principal": statement(Principal={"AWS": "*"}),
    "every AWS principal in a list": statement(Principal={"AWS": ["*"]}),
    "all but somebody": without("Principal", NotPrincipal={"AWS": "arn:aws:iam::111122223333:root"}),
    "all but DMS": without("Principal", NotPrincipal={"Service": "dms.amazonaws.com"}),
    "all but another service": without("Principal", NotPrincipal={"Service": "glue.amazonaws.com"}),
    "all actions but another": without("Action", NotAction="sts:TagSession"),
    "actions in a list": statement(Action=["sts:TagSession", "sts:AssumeRole"]),
    "all of sts": statement(Action="sts:*"),
    "all actions": statement(Action="*"),
    "action in another case": statement(Action="STS:assumerole"),
    "action with a wildcard": statement(Action="sts:Assume*"),
    "action with a question mark": statement(Action="sts:AssumeRol?"),
    "StringLike": statement(Condition={"StringLike": {"sts:ExternalId": "*"}}),
    "IfExists": statement(Condition={"StringEqualsIfExists": {"sts:ExternalId": "one"}}),
    "StringNotEquals": statement(Condition={"StringNotEquals": {"sts:ExternalId": "one"}}),
    "Null": statement(Condition={"Null": {"sts:ExternalId": "false"}}),
    "condition on something else": statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
    "empty condition": statement(Condition={}),
    "all of the values": statement(Condition={"ForAllValues:StringEquals": {"sts:ExternalId": "one"}}),
    "StringLike with an id and a wildcard": statement(Condition={"StringLike": {"sts:ExternalId": "one*"}}),
    "no ExternalId at all": statement(Condition={"Null": {"sts:ExternalId": "true"}}),
    "ExternalId as a variable": statement(Condition={"StringEquals": {"sts:ExternalId": "${sts:ExternalId}"}}),
    "an id and a variable": statement(Condition={"StringEquals": {"sts:ExternalId": ["one", "${aws:userid}"]}}),
    "own Sid, condition removed by hand": statement(Sid=STATEMENT_SID),
}


@pytest.mark.parametrize("opening", OPEN.values(), ids=OPEN)
def test_opening_is_found(opening):
    assert len(trust_findings(policy_document(opening))) == 1


@pytest.mark.parametrize("opening", OPEN.values(), ids=OPEN)
def test_opening_is_closed(opening):
    assert closed(opening) == []
    plan = plan_trust(policy_document(opening), TrustRequest())
    assert len(plan.findings) == 1
    assert trust_findings(plan.document) == []


CLOSED = {
    "ExternalId": statement(Condition={"StringEquals": {"sts:ExternalId": "one"}}),
    "ExternalId in another case": statement(Condition={"StringEquals": {"STS:EXTERNALID": ["one"]}}),
    "Deny": statement(Effect="Deny"),
    "another action": statement(Action="sts:TagSession"),
    "all actions but this": without("Action", NotAction=["sts:AssumeRole"]),
    "all actions but those of sts": without("Action", NotAction="sts:*"),
    "another service": statement(Principal={"Service": "glue.amazonaws.com"}),
    "a service of a similar name": statement(Principal={"Service": "dms.amazonaws.com.example.org"}),
    "an account": statement(Principal={"AWS": "arn:aws:iam::111122223333:root"}),
    "ExternalIds in a list": statement(Condition={"StringEquals": {"sts:ExternalId": ["one", "two"]}}),
    "any of the values": statement(Condition={"ForAnyValue:StringEquals": {"sts:ExternalId": ["one", "two"]}}),
    "without case": statement(Condition={"StringEqualsIgnoreCase": {"sts:externalId": "one"}}),
    "ExternalId and a source": statement(
        Condition={"StringEquals": {"sts:ExternalId": "one", "aws:SourceAccount": "111122223333"}}
    ),
    "ExternalId and wildcards elsewhere": statement(
        Condition={"StringEquals": {"sts:ExternalId": "one"}, "ArnLike": {"aws:SourceArn": "*"}}
    ),
    "a role": statement(Principal={"AWS": "arn:aws:iam::111122223333:role/admin"}),
    "a provider": statement(Principal={"Federated": "cognito-identity.amazonaws.com"}),
}


@pytest.mark.parametrize("shut", CLOSED.values(), ids=CLOSED)
def test_what_is_not_open_stays_as_it_is(shut):
    assert trust_findings(policy_document(shut)) == []
    assert closed(shut) == [shut]


@pytest.mark.parametrize(
    ("principal", "left"),
    [
        ({"Service": ["dms.amazonaws.com", "glue.amazonaws.com"]}, {"Service": ["glue.amazonaws.com"]}),
        (
            {"Service": "dms.amazonaws.com", "AWS": "arn:aws:iam::111122223333:root"},
            {"AWS": "arn:aws:iam::111122223333:root"},
        ),
        (
            {
                "Service": ["dms.amazonaws.com", "dms.eu-west-1.amazonaws.com"],
                "Federated": "cognito-identity.amazonaws.com",
            },
            {"Federated": "cognito-identity.amazonaws.com"},
        ),
        ({"AWS": "*", "Service": "glue.amazonaws.com"}, {"Service": ["glue.amazonaws.com"]}),
        (
            {"AWS": ["*", "arn:aws:iam::111122223333:root"]},
            {"AWS": ["arn:aws:iam::111122223333:root"]},
        ),
    ],
    ids=[
        "services",
        "service and account",
        "service and provider",
        "everyone and a service",
        "everyone and an account",
    ],
)
def test_other_principals_of_an_opening_keep_their_access(principal, left):
    assert closed(statement(Principal=principal)) == [statement(Principal=left)]


def test_everyone_of_the_organization_is_no_opening_to_dms():
    """A service has no aws:PrincipalOrgID, so that such a statement admits DMS for nobody."""
    shut = statement(Principal={"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}})
    assert trust_findings(policy_document(shut)) == []
    assert closed(shut) == [shut]


def test_finding_names_the_statement():
    named, nameless = trust_findings(policy_document(statement(Sid="ByHand"), statement()))
    assert "statement ByHand lets dms.amazonaws.com assume the role without sts:ExternalId" in named
    assert "statement 2 " in nameless
