# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories and playbooks that the collection ships, run as a user runs them: dev, test and prod, each in its own accounts."""

from __future__ import annotations

import json
import re

import pytest

AUTOMATION = "999999999999"
# One of the dozen; the embedded AWS is quick, and meant, also for prod.
QUICK = (
    *("--limit", "procedure_example"),
    *("-e", "s3_endpoint_poll_interval=0.1"),
    *("-e", "s3_endpoint_allow_endpoint_url=true"),
)


def accounts(hosts):
    names = next(iter(hosts.values()))
    return {names["s3_endpoint_dms_account_id"], names["s3_endpoint_lake_account_id"]}


def test_the_dozen_is_the_same_in_each_environment(inventories):
    assert [len(hosts) for hosts in inventories.values()] == [12, 12, 12]
    assert len({frozenset(hosts) for hosts in inventories.values()}) == 1


def test_no_account_is_in_two_environments(inventories):
    assert len(set.union(*(accounts(hosts) for hosts in inventories.values()))) == 6


@pytest.mark.parametrize("name", ["dev", *(pytest.param(name, marks=pytest.mark.once) for name in ("test", "prod"))])
def test_environment_is_built_in_its_own_accounts_and_removed_again(aws, play, inventories, name):
    aws.control.clear_journal()
    status, said, changed = play(name, "deploy", *QUICK)
    assert (status, changed) == (0, 1), said
    assert "csv_delimiter is for data_format=csv only, and data_format is parquet; it is sent nevertheless" in said
    dms_account = next(iter(inventories[name].values()))["s3_endpoint_dms_account_id"]
    (endpoint,) = aws.control.state(dms_account)["endpoints"]
    assert endpoint["EndpointArn"].endswith(f":endpoint:{name}-procedure-example")
    assert {call["account"] for call in aws.control.journal()} == {AUTOMATION, *accounts(inventories[name])}
    for playbook in ("deploy", "verify") if name == "dev" else ():
        status, said, changed = play(name, playbook, *QUICK)
        assert (status, changed) == (0, 0), said
        limited = "This run is limited to procedure_example. Orphans are not listed." in said
        assert limited is (playbook == "verify")
    status, said, _changed = play(name, "remove", *QUICK, "-e", f"s3_endpoint_confirm={name}")
    assert status == 0, said
    assert aws.control.state(dms_account)["endpoints"] == []


def test_sessions_are_named_after_environment_side_and_job(aws, play):
    aws.control.clear_journal()
    play("dev", "verify", *QUICK, "-e", "awx_job_id=4711")
    names = {call["session_name"] for call in aws.control.journal()} - {None}
    assert names == {"dev-dms-4711", "dev-lake-4711"}


# What is wrong with each host, by a variable of its own, and the sentence that stops it.
WRONG = {
    "crm": ("s3_endpoint_allow_endpoint_url", False, "unset AWS_ENDPOINT_URL"),
    "erp": ("s3_endpoint_lake_account_id", "444455556666", "the map of environments has 666677778888"),
    "hr": ("s3_endpoint_environment", "dev", "the map of environments has 111122223333"),
    "orders": ("s3_endpoint_environment", "staging", "is not in the map of environments"),
}


def test_prod_stops_before_anything_is_touched(aws, play, inventories):
    usual = {"s3_endpoint_poll_interval": 0.1, "s3_endpoint_allow_endpoint_url": True}
    variables = {**usual}
    for variable in {variable for variable, _value, _sentence in WRONG.values()}:
        right = usual.get(variable, inventories["prod"]["crm"].get(variable))
        wrong = {host: value for host, (of_host, value, _sentence) in WRONG.items() if of_host == variable}
        variables[variable] = f"{{{{ {wrong!r}.get(inventory_hostname, {right!r}) }}}}"
    aws.control.clear_journal()
    status, said, _changed = play("prod", "deploy", "--limit", ",".join(WRONG), "-e", json.dumps(variables))
    assert status != 0
    for host, (_variable, _value, sentence) in WRONG.items():
        assert re.search(rf"^{host} +: .*failed=1", said, re.MULTILINE), said
        assert sentence in said
    called = {call["operation"] for call in aws.control.journal()}
    assert [
        operation
        for operation in called
        if not operation.startswith(("AssumeRole", "Get", "Describe", "List", "Validate"))
    ] == []


def test_prod_wants_a_confirmation_to_remove(aws, play):
    aws.control.clear_journal()
    status, said, _changed = play("prod", "remove", *QUICK)
    assert status != 0
    assert "s3_endpoint_confirm=prod" in said
    assert aws.control.journal() == []
