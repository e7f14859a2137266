# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_endpoint_account_wide is one choice in one place: what deployer_access.yml grants by it is what the playbooks call."""

from __future__ import annotations

import dataclasses

import pytest
from embedded_aws import EmbeddedAWS

pytestmark = pytest.mark.once

ALL_ROLES = "GetAccountAuthorizationDetails"
TESTED = {"s3_endpoint_survey_hosts": 1}


@pytest.fixture(scope="module")
def aws():
    with EmbeddedAWS() as running:
        yield running


@pytest.fixture
def begin(aws, landscape, tmp_path):
    """Both accounts with the roles that deployer_access.yml makes by the shipped inventory, where only the choice differs."""
    from permission_runs import Runs  # a script, no package; `landscape` made its folder known

    def run(**variables):
        aws.control.reset()
        made = Runs(aws, tmp_path, **variables)
        made.seed()
        for side in ("dms", "lake"):
            made.make_roles(side)
        aws.control.clear_journal()
        return made

    return run


def denied(aws):
    """What was called and denied."""
    codes = ("AccessDenied", "AccessDeniedException", "AccessDeniedFault")
    return [call["operation"] for call in aws.control.journal() if call["error_code"] in codes]


def calls(aws):
    return [call["operation"] for call in aws.control.journal()].count(ALL_ROLES)


def test_no_playbook_makes_a_call_that_its_profile_denies(aws, begin):
    """As shipped, the choice is false; that nothing is denied then, and all roles are not listed, says test_permissions.py of the same playbooks."""
    runs = begin(s3_endpoint_account_wide=True)
    for playbook, *arguments in (("deploy",), ("deploy", "--check"), ("verify",), ("remove", "--limit", "orders")):
        before = calls(aws)
        runs.play(playbook, *arguments)
        assert denied(aws) == []
        assert (calls(aws) > before) is (playbook in ("deploy", "verify"))
    assert runs.failures == []


def test_choice_is_made_in_one_place(landscape, inventories):
    choices = {names["s3_endpoint_account_wide"] for hosts in inventories.values() for names in hosts.values()}
    assert choices == {False}
    assert not any(
        "deployer_access_account_wide" in names for hosts in inventories.values() for names in hosts.values()
    )
    scope = landscape.deployment_of(inventories["dev"])
    assert not scope.account_wide
    assert dataclasses.replace(scope, account_wide=True) == landscape.deployment_of(
        {host: {**names, "s3_endpoint_account_wide": True} for host, names in inventories["dev"].items()}
    )


def test_deployer_access_grants_by_the_same_choice(aws, landscape, tmp_path):
    """That nothing is granted where the choice is false, as shipped, says test_permissions.py, which has it run anyway."""
    from permission_runs import Runs

    aws.control.reset()
    runs = Runs(aws, tmp_path, s3_endpoint_account_wide=True)
    runs.seed()
    runs.run_deployer_access("lake")
    assert runs.failures == []
    granted = {
        arn.rpartition("/")[2]
        for arn, documents in runs.policies().items()
        for document in documents
        for statement in document["Statement"]
        if f"iam:{ALL_ROLES}" in statement["Action"]
    }
    assert granted == {"datalake-dev-lake-reader", "datalake-dev-lake-deployer"}
