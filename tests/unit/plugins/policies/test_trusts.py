# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust that is planned: ids, the placeholder, the bootstrap, the statements of others."""

from __future__ import annotations

import copy
import re

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._policies import trusts
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import (
    STATEMENT_SID,
    TrustRequest,
    plan_trust,
)
from builders import DMS, admits, policy_document

FOREIGN = admits("backup.amazonaws.com", Sid="Backup")


def ours(*ids, **conditions):
    equals = {**({"sts:ExternalId": list(ids)} if ids else {}), **conditions}
    return admits(["dms.amazonaws.com"], Sid=STATEMENT_SID, Condition={"StringEquals": equals})


def planned(current=None, **request):
    return plan_trust(current, TrustRequest(**request))


def ids_of(plan):
    statement = next(s for s in plan.document["Statement"] if s["Sid"] == STATEMENT_SID)
    return statement["Condition"]["StringEquals"].get("sts:ExternalId")


def test_first_trust_holds_a_placeholder_and_nothing_else():
    plan = planned()
    assert plan.document == policy_document(ours(*ids_of(plan)))
    assert re.fullmatch(r"datalake-dms-placeholder-[0-9a-f]{32}", ids_of(plan)[0])
    assert (plan.external_ids, plan.bootstrapping, plan.findings) == ([], True, [])


def test_no_two_placeholders_are_equal():
    assert ids_of(planned()) != ids_of(planned())


def test_placeholder_is_written_once_and_kept():
    first = planned()
    assert planned(first.document).document == first.document


def test_first_id_drives_the_placeholder_out():
    plan = planned(planned().document, external_ids=("one",))
    assert ids_of(plan) == ["one"]
    assert (plan.external_ids, plan.bootstrapping) == (["one"], False)


@pytest.mark.parametrize(
    ("present", "request_", "expected"),
    [
        (["one"], {"external_ids": ("two",)}, ["one", "two"]),
        (["one"], {"external_ids": ("one",)}, ["one"]),
        (["one", "two"], {"external_ids": ("two",), "purge_external_ids": True}, ["two"]),
        (["one", "two"], {"external_ids": ("two",)}, ["one", "two"]),
        (["one"], {}, ["one"]),
        (["one"], {"external_ids": ("two", "two")}, ["one", "two"]),
    ],
    ids=["added", "unchanged", "pruned", "kept", "unknown keeps", "twice"],
)
def test_ids_are_added_before_they_are_pruned(present, request_, expected):
    assert ids_of(planned(policy_document(ours(*present)), **request_)) == expected


def test_single_id_as_text_and_key_in_other_case_are_understood():
    trust = policy_document(ours())
    trust["Statement"][0]["Condition"] = {"StringEquals": {"STS:externalid": "one"}}
    assert ids_of(planned(trust, external_ids=("two",))) == ["one", "two"]


def test_source_account_bootstrap_has_the_account_and_no_placeholder():
    plan = planned(bootstrap="source_account", source_account=DMS)
    assert plan.document == policy_document(ours(**{"aws:SourceAccount": DMS}))
    assert plan.bootstrapping is True
    again = planned(plan.document, bootstrap="source_account", source_account=DMS)
    assert again.document == plan.document
    assert again.findings == []


def test_source_account_stands_beside_the_id():
    plan = planned(external_ids=("one",), source_account=DMS)
    assert plan.document == policy_document(ours("one", **{"aws:SourceAccount": DMS}))


def test_placeholder_goes_when_the_bootstrap_changes():
    """Beside a placeholder the source account would admit nobody, and AWS would never tell the id."""
    plan = planned(planned().document, bootstrap="source_account", source_account=DMS)
    assert plan.document["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": DMS}}
    assert plan.bootstrapping is True


def test_source_account_brings_the_trust_back_to_its_beginning():
    known = planned(planned().document, external_ids=("one",))
    options = {"bootstrap": "source_account", "source_account": DMS}
    assert ids_of(planned(known.document, **options)) == ["one"]
    assert planned(known.document, purge_external_ids=True, **options).bootstrapping is True


def test_principals_are_those_that_are_asked_for():
    plan = planned(principals=("dms.amazonaws.com", "dms.eu-central-1.amazonaws.com"))
    assert plan.document["Statement"][0]["Principal"] == {
        "Service": ["dms.amazonaws.com", "dms.eu-central-1.amazonaws.com"]
    }


def test_statements_of_others_stay():
    assert planned(policy_document(FOREIGN), external_ids=("one",)).document == policy_document(ours("one"), FOREIGN)


def test_statements_of_others_go_when_purged():
    plan = planned(policy_document(FOREIGN), external_ids=("one",), purge_statements=True)
    assert plan.document == policy_document(ours("one"))


def test_single_statement_without_a_list_is_understood():
    trust = {"Version": "2012-10-17", "Statement": FOREIGN}
    assert planned(trust, external_ids=("one",)).document["Statement"][1:] == [FOREIGN]


def test_version_of_the_present_document_is_kept():
    trust = {"Version": "2008-10-17", "Statement": [FOREIGN]}
    assert planned(trust).document["Version"] == "2008-10-17"


def test_present_document_is_not_changed():
    trust = policy_document({**FOREIGN, "Principal": {"Service": ["dms.amazonaws.com", "glue.amazonaws.com"]}})
    before = copy.deepcopy(trust)
    planned(trust, external_ids=("one",))
    assert trust == before


def test_check_mode_shows_a_placeholder_that_nobody_can_take_for_one():
    plan = plan_trust(None, TrustRequest(), trusts.unknown_placeholder)
    assert ids_of(plan) == ["(known after creation)"]
    assert plan.bootstrapping is True


def test_powerless_trust_requires_nothing_until_an_id_is_known():
    plan = planned(bootstrap="powerless")
    (statement,) = plan.document["Statement"]
    assert (statement, plan.is_open) == (admits(["dms.amazonaws.com"], Sid=STATEMENT_SID), True)
    closed = planned(plan.document, bootstrap="powerless", external_ids=("one-id",))
    assert (ids_of(closed), closed.is_open) == (["one-id"], False)
    assert "for any customer of DMS" in closed.findings[0]
    # A known id stays, unless it is to go.
    assert planned(closed.document, bootstrap="powerless").is_open is False
    assert planned(closed.document, bootstrap="powerless", purge_external_ids=True).is_open is True
    assert planned(plan.document).is_open is False


@pytest.mark.parametrize("bootstrap", ["placeholder", "source_account"])
def test_other_trusts_are_never_open(bootstrap):
    assert planned(bootstrap=bootstrap, source_account="111122223333").is_open is False
