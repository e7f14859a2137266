# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an inventory's accounts are those of its environment."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._accounts.environments import environment_findings
from ansible_collections.datalake.dms.plugins.module_utils._accounts.preflight import check_options
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

DEV = {"dms_account_id": "111122223333", "lake_account_id": "444455556666"}
PROD = {"dms_account_id": "777788889999", "lake_account_id": "000011112222"}
PARAMS = {
    "side": "dms",
    "account_id": "111122223333",
    "assume_role_arn": None,
    "environment": "dev",
    "environments": {"dev": DEV, "prod": PROD},
}


def findings(**params):
    return environment_findings({**PARAMS, **params})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"side": "lake", "account_id": "444455556666"},
        {"assume_role_arn": "arn:aws:iam::111122223333:role/deployer"},
        {"environment": None, "environments": None},
        {"environment": None},
        {"environment": "", "environments": {}},
        {"environments": {"dev": {**DEV, "dms_account_id": 111122223333}, "prod": PROD}},
        {"environments": {"dev": {**DEV, "lake_account_id": "111122223333"}, "prod": PROD}},
        {"environments": {"dev": {**DEV, "protected": False}}},
    ],
)
def test_right_environment(params):
    assert findings(**params) == []


@pytest.mark.parametrize(
    ("params", "named", "remedy"),
    [
        ({"environment": "stage"}, "environment=stage is not in the map of environments (known: dev, prod)", "add it"),
        ({"environments": {}}, "known: none", "add it there"),
        ({"environments": None}, "known: none", "add it there"),
        (
            {"account_id": "777788889999"},
            "the map of environments has 111122223333",
            "correct the inventory or the map",
        ),
        ({"side": "lake"}, "the map of environments has 444455556666", "correct the inventory or the map"),
        (
            {"assume_role_arn": "arn:aws:iam::777788889999:role/deployer"},
            "assume_role_arn=arn:aws:iam::777788889999:role/deployer is a role of account 777788889999",
            "correct assume_role_arn or the account id",
        ),
        (
            {"environment": None, "assume_role_arn": "arn:aws:iam::777788889999:role/deployer"},
            "is a role of account 777788889999",
            "correct",
        ),
        (
            {"environments": {"dev": DEV, "prod": {**PROD, "lake_account_id": "444455556666"}}},
            "Environments dev and prod both use account 444455556666",
            "shares_accounts_with",
        ),
        (
            {"environments": {"dev": DEV, "prod": {**PROD, "lake_account_id": "111122223333"}}},
            "Environments dev and prod both use account 111122223333",
            "shares_accounts_with",
        ),
    ],
)
def test_wrong_environment_is_found(params, named, remedy):
    (finding,) = findings(**params)
    assert named in finding
    assert remedy in finding


@pytest.mark.parametrize("declared_by", ["dev", "prod"])
def test_shared_account_is_fine_where_one_of_them_says_so(declared_by):
    shared = {"dev": {**DEV}, "prod": {**PROD, "lake_account_id": DEV["lake_account_id"]}}
    shared[declared_by]["shares_accounts_with"] = ["prod" if declared_by == "dev" else "dev"]
    assert findings(environments=shared) == []


def test_declaration_with_another_environment_does_not_count():
    shared = {"dev": {**DEV, "shares_accounts_with": ["test"]}, "prod": {**PROD, "lake_account_id": "444455556666"}}
    assert len(findings(environments=shared)) == 1


def test_all_findings_come_together():
    shared = {"dev": DEV, "prod": {**PROD, "lake_account_id": "444455556666"}}
    role = "arn:aws:iam::999999999999:role/x"
    assert len(findings(environments=shared, account_id="000000000000", assume_role_arn=role)) == 3


@pytest.mark.parametrize(
    "environments",
    [
        {"dev": None, "prod": PROD},
        {"dev": "111122223333", "prod": PROD},
        {"dev": DEV, "prod": None},
        {"dev": {**DEV, "shares_accounts_with": None}, "prod": {**PROD, "lake_account_id": "444455556666"}},
    ],
    ids=["nothing", "an account only", "nothing in another", "shares with null"],
)
def test_map_of_another_shape_is_a_finding_and_no_crash(environments):
    assert findings(environments=environments) != []


@pytest.mark.parametrize("account", ["", "1234", "1111222233334", "11112222333a", "1111 2222 3333"])
def test_account_id_that_is_none_is_refused(account):
    with pytest.raises(
        DatalakeError, match=r"account_id=.* is not a 12-digit AWS account id; correct it \(quote it in YAML\)\."
    ):
        check_options({"account_id": account})
