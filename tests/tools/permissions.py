# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make permissions`: are the roles that deployer_access.yml makes granted what the playbooks call, and nothing else?

An administrator runs deployer_access.yml in two accounts of an embedded AWS, then the playbooks run as the roles that it made. Each
statement of a role's policies is taken apart into actions, resources and values of conditions; each of these must have let in a request
that nothing else did. What a role asked for and was refused is missing. The source of both is plugins/module_utils/_accounts/permissions.py.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_aws import EmbeddedAWS
from embedded_aws.iam.evaluation import Access, Principal, as_list, glob_matches, identity_verdict
from permission_runs import Runs

# The accounts of the environment whose endpoints move from one way of access to the other.
MOVING = {"dms": "777788889999", "lake": "888899990000"}
# Names of buckets are everybody's.
STORES = {
    "s3_endpoint_bucket_name": "example-lake-moving",
    "s3_endpoint_journal_bucket": "example-journals-moving",
    "s3_endpoint_kms_key_arn": f"arn:aws:kms:eu-central-1:{MOVING['lake']}:key/moving",
    "s3_endpoint_replication_instance_arn": f"arn:aws:dms:eu-central-1:{MOVING['dms']}:rep:moving",
}


@dataclass(frozen=True, order=True)
class Grant:
    """One element of a statement: an action on a resource, or an action under a value of a condition key."""

    role: str
    sid: str
    action: str
    element: str

    def __str__(self) -> str:
        return f"{self.role}: {self.action} with {self.element} ({self.sid})"


@dataclass(frozen=True)
class Report:
    """What was compared, and what is wrong."""

    granted: set[Grant]
    used: set[Grant]
    missing: list[str]

    @property
    def superfluous(self) -> list[Grant]:
        return sorted(self.granted - self.used)

    def with_more(self, other: Report) -> Report:
        """With what another environment was granted and this one was not, whatever its resources are called, and all that it missed."""
        known = {(grant.role, grant.sid, grant.action) for grant in self.granted}
        more = {grant for grant in other.granted if (grant.role, grant.sid, grant.action) not in known}
        return Report(self.granted | more, self.used | (other.used & more), [*self.missing, *other.missing])

    def lines(self) -> Iterator[str]:
        yield from (f"missing      {text}" for text in self.missing)
        yield from (f"superfluous  {grant}" for grant in self.superfluous)
        counts = f"{len(self.missing)} missing, {len(self.superfluous)} superfluous"
        yield f"permissions: {len(self.granted)} granted, {len(self.used)} used, {counts}"


def compare(roles: dict[str, list[dict[str, Any]]], asked: list[dict[str, Any]]) -> Report:
    """Compare what roles are granted with what they asked for.

    :param roles: the policy documents of each role, by its ARN. :param asked: what the embedded AWS recorded (Control.authorizations).
    """
    statements = {
        arn: [s for document in documents for s in as_list(document["Statement"])] for arn, documents in roles.items()
    }
    granted = {grant for arn, of_role in statements.items() for s in of_role for grant in _grants(_name(arn), s)}
    used: set[Grant] = set()
    missing = []
    for one in asked:
        if one["role_arn"] not in statements:
            continue
        if one["refused"]:
            missing.append(
                f"{_name(one['role_arn'])}: {one['action']} on {one['resource']}: {one['refused'].rpartition(' because ')[2]}"
            )
            continue
        access = Access(Principal(), one["action"], one["resource"], one["context"])
        letting_in = [
            s for s in statements[one["role_arn"]] if identity_verdict([{"Statement": [s]}], access) == "allow"
        ]
        # Of two that let it in, each could go.
        if len(letting_in) == 1:
            used |= {grant for grant in _grants(_name(one["role_arn"]), letting_in[0]) if _serves(grant, access)}
    return Report(granted, used & granted, sorted(set(missing)))


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _grants(role: str, statement: dict[str, Any]) -> Iterator[Grant]:
    conditions = statement.get("Condition", {})
    values = [
        f"{key}={value}" for keys in conditions.values() for key, of_key in keys.items() for value in as_list(of_key)
    ]
    for action in as_list(statement["Action"]):
        for element in [*as_list(statement["Resource"]), *values]:
            yield Grant(role, statement["Sid"], action, element)


def _serves(grant: Grant, access: Access) -> bool:
    if not glob_matches(grant.action, access.action, ignore_case=True):
        return False
    key, is_condition, value = grant.element.partition("=")
    if not is_condition:
        return glob_matches(grant.element, access.resource)
    return any(glob_matches(value, one) for one in as_list(access.context.get(key, [])))


def run(aws: EmbeddedAWS, folder: Path) -> tuple[list[str], Report]:
    """Run everything; what did not end as it should, and the comparison."""
    across = Runs(aws, folder / "across")
    across.across_accounts()
    report = compare(across.policies(), aws.control.authorizations())
    accounts = {"dms_account_id": MOVING["dms"], "lake_account_id": MOVING["lake"]}
    named = {f"s3_endpoint_{side}_account_id": account for side, account in MOVING.items()}
    moving = Runs(aws, folder / "moving", **named, **STORES, s3_endpoint_environments={"dev": accounts})
    moving.there_and_back()
    other = compare(moving.policies(), aws.control.authorizations())
    return [*across.failures, *moving.failures], report.with_more(other)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, EmbeddedAWS() as aws:
        failures, report = run(aws, Path(folder))
    print(*failures, *report.lines(), sep="\n")
    return 1 if failures or report.missing or report.superfluous else 0


if __name__ == "__main__":
    sys.exit(main())
