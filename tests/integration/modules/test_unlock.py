# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_unlock: the lock of a dead run is freed, its journal stays, and the next deployment finishes."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._replacement.locked_journal import LockedJournal
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run

pytestmark = pytest.mark.once

BOB = {"owner": "bob@desk", "id": "b1", "machine": "elsewhere", "pid": 7, "started": "99"}
CONSENT = {"replace_tasks": True, "source_log_retention": 86400}
FREED = "dev-crm: the lock of bob@desk was released; run deploy.yml to complete the replacement."
NONE = "dev-crm: no run holds its lock."


@pytest.fixture
def unlock(lab):
    """Unlock one host's endpoint; what became of it."""

    def run(name="crm", check=False, **variables):
        lab.forget_calls()
        result = lab.unlock([lab.host(name, **variables)], check)
        assert (result["asked"], list(result["hosts"])) == ([name], [name])
        told = result["hosts"][name]
        assert result["changed"] is told["changed"]
        return told

    return run


@pytest.fixture
def locked(lab):
    """An endpoint whose replacement another run has begun, which has the lock."""
    told = lab.deployment([lab.host()])["hosts"]["crm"]
    lab.start(lab.task(told["endpoint_arn"], MigrationType="full-load-and-cdc"))
    lab.replacement(run=BOB).stop_tasks("recreated")


def deploy(lab, **variables):
    return lab.deployment([lab.host(**CONSENT, settings={"data_format": "csv"}, **variables)])["hosts"]["crm"]


def protected(lab):
    accounts = {f"{side}_account_id": getattr(lab, f"{side}_account") for side in ("dms", "lake")}
    return {"environments": {"dev": {**accounts, "protected": True}}, "allow_endpoint_url": True}


def test_lock_is_freed_and_the_next_deployment_finishes(lab, locked, unlock):
    assert "being replaced by bob@desk" in deploy(lab)["msg"]
    told = unlock()
    assert (told["failed"], told["changed"], told["msg"], lab.writes()) == (False, True, FREED, ["PutObject"])
    told = deploy(lab)
    assert (told["failed"], told["action"], lab.tasks()["copy"]["Status"]) == (False, "recreated", "running")
    assert unlock()["msg"] == NONE


def test_lock_is_freed_once(lab, locked, unlock):
    unlock()
    told = unlock()
    assert (told["changed"], told["msg"], lab.writes()) == (False, NONE, [])


def test_check_mode_frees_nothing(lab, locked, unlock):
    told = unlock(check=True)
    assert (told["changed"], told["msg"], lab.writes()) == (True, FREED, [])
    assert "being replaced by bob@desk" in deploy(lab)["msg"]


def test_no_lock(lab, unlock):
    told = unlock()
    assert (told["failed"], told["changed"], told["msg"], lab.writes()) == (False, False, NONE, [])
    assert unlock(journal_bucket="")["msg"] == NONE


def test_protected_environment_needs_a_confirmation(lab, locked, unlock):
    told = unlock(**protected(lab))
    assert (told["failed"], told["changed"], lab.writes()) == (True, False, [])
    assert told["msg"] == (
        "Environment dev is protected, and this would release the lock of dev-crm, which another run may still hold; if that is meant, run again "
        "with -e s3_endpoint_confirm=dev."
    )
    assert unlock(**protected(lab), confirm="prod")["failed"] is True
    assert unlock(**protected(lab), confirm="dev")["msg"] == FREED


def test_journal_that_is_none_is_not_believed(lab, unlock):
    key = f"datalake-dms/{lab.region}/dev-crm.json"
    lab.client("dms", "s3").put_object(Bucket=lab.journals, Key=key, Body=b"{}")
    told = unlock()
    assert (told["failed"], lab.writes()) == (True, [])
    assert told["msg"].startswith("The journal of dev-crm is not valid: ")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"dms_account_id": "999900001111"}, "correct the inventory or the map"),
        ({"dms_assume_role_external_id": "not-the-one"}, "could not be assumed"),
        ({"journal_bucket": "no-such-bucket"}, "journal_bucket=no-such-bucket does not exist"),
    ],
    ids=str,
)
def test_wrong_host_fails_alone(lab, locked, wrong, sentence):
    told = lab.unlock([lab.host("erp", **wrong), lab.host()], problems={"web": "The variables are not right."})["hosts"]
    assert (told["erp"]["failed"], told["erp"]["changed"]) == (True, False)
    assert sentence in told["erp"]["msg"]
    assert (told["web"]["failed"], told["web"]["msg"]) == (True, "The variables are not right.")
    assert told["crm"]["msg"] == FREED


def test_unexpected_error_of_one_host_is_its_failure_only(lab, locked, monkeypatch):
    unlock = LockedJournal.unlock

    def mistaken(journal):
        if journal.scope.host == "erp":
            raise KeyError("no such key")
        return unlock(journal)

    monkeypatch.setattr(LockedJournal, "unlock", mistaken)
    told = lab.unlock([lab.host("erp"), lab.host()], parallel=1)["hosts"]
    assert (told["erp"]["failed"], "no such key" in told["erp"]["msg"]) == (True, True)
    assert told["crm"]["msg"] == FREED


def test_what_a_deployment_needs_is_not_needed(lab, locked, unlock):
    assert unlock(bucket_name="no-such-bucket")["msg"] == FREED


def test_lock_of_a_run_that_is_known_to_be_dead_needs_no_freeing(lab, unlock):
    lab.deployment([lab.host()])
    lab.replacement(run={**current_run(), "id": "dead", "started": "1"}).stop_tasks("recreated")
    assert unlock()["msg"] == NONE
    assert deploy(lab)["failed"] is False
