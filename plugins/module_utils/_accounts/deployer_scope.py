# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One environment of one inventory, as its administrators declare it for the deployer roles: names, ARNs, checks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import (
    ACCESS_MODES,
    BUCKET_POLICY,
    CROSSACCOUNT_ROLE,
    DMS,
    LAKE,
    SIDES,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.permissions import PROFILE_SIDES
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_account_id, is_arn, is_principal
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import bucket_problem

DEPLOYERS_PATH = "/datalake-dms-deployers/"
ACCESS_PATH = "/datalake-dms/"
ACCESS_BOUNDARY, DEPLOYER_BOUNDARY = "access-boundary", "deployer-boundary"


_NAME = re.compile(r"[\w+=,.@-]{1,40}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{8,1224}", re.ASCII)
_ROLE_NAME_LENGTH = 64
_ROLE_NAMES = re.compile(r"[\w+=,.@*-]*[\w+=,.@-][\w+=,.@*-]*", re.ASCII)


@dataclass(frozen=True)
class DeployerScope:
    """One environment of one inventory: the owner of the deployer roles, and everything that they may change."""

    name: str
    partition: str
    regions: list[str]
    dms_account_id: str
    lake_account_id: str
    principals: list[str]
    external_ids: dict[str, str]
    bucket_names: list[str]
    kms_key_arns: list[str]
    replication_instance_arns: list[str]
    role_names: list[str]
    journal_bucket: str = ""
    journal_prefix: str = ""
    journal_kms_key_arn: str = ""
    access_modes: tuple[str, ...] | list[str] = (CROSSACCOUNT_ROLE,)
    account_wide: bool = False

    def account_of(self, side: str) -> str:
        return self.dms_account_id if side == DMS else self.lake_account_id

    @property
    def homes(self) -> list[str]:
        """The sides that have access roles."""
        return [side for side, mode in ((DMS, BUCKET_POLICY), (LAKE, CROSSACCOUNT_ROLE)) if mode in self.access_modes]

    @property
    def has_local_endpoints(self) -> bool:
        """Whether an access role can be in the account of its endpoint."""
        return DMS in self.homes or self.dms_account_id == self.lake_account_id

    def iam_arn(self, side: str, resource: str) -> str:
        return f"arn:{self.partition}:iam::{self.account_of(side)}:{resource}"

    def boundary_arn(self, side: str, name: str = ACCESS_BOUNDARY) -> str:
        return self.iam_arn(side, f"policy{DEPLOYERS_PATH}{self.name}/{name}")


def deployer_role_name(deployment: str, side: str, profile: str) -> str:
    """The name of the role that a side's playbooks of a profile assume."""
    return f"{deployment}-{side}-{profile}"


def check(deployment: DeployerScope) -> None:
    """
    :raises DatalakeError: with all problems, and what to do.
    """
    problems = [*_name_problems(deployment), *_trust_problems(deployment), *_resource_problems(deployment)]
    if problems:
        raise DatalakeError(message=" ".join(problems))


def _name_problems(deployment: DeployerScope) -> Iterator[str]:
    longest = max(
        len(deployer_role_name(deployment.name, side, p)) for p, sides in PROFILE_SIDES.items() for side in sides
    )
    if not _NAME.fullmatch(deployment.name) or longest > _ROLE_NAME_LENGTH:
        yield (
            f"deployment={deployment.name} must be letters, digits or characters of +=,.@_-, and short enough for names of roles such as "
            f"{deployer_role_name(deployment.name, LAKE, 'administrator')}; choose another name."
        )
    for side in SIDES:
        if not is_account_id(deployment.account_of(side)):
            yield f"{side}_account_id={deployment.account_of(side)} is not a 12-digit AWS account id; correct it (quote it in YAML)."
    if not deployment.regions or not deployment.access_modes or not set(deployment.access_modes) <= set(ACCESS_MODES):
        yield f"regions and access_modes are required; set access_modes to one or more of {', '.join(ACCESS_MODES)}."
    for name in deployment.role_names:
        if not _ROLE_NAMES.fullmatch(name):
            yield f"role_names has {name}, which is not a pattern of role names; give one like dms-s3-dev-*."


def _trust_problems(deployment: DeployerScope) -> Iterator[str]:
    ids = [deployment.external_ids.get(side, "") for side in SIDES]
    for side, external_id in zip(SIDES, ids, strict=True):
        if not _EXTERNAL_ID.fullmatch(external_id):
            yield (
                f"external_ids has {external_id or 'nothing'} for {side}: at least 8 letters, digits or characters of +=,.@:/_- are needed; "
                "choose one that can't be guessed."
            )
    if ids[0] == ids[1]:
        yield f"Both sides have the external id {ids[0]}, and each account and environment needs its own; choose another one for one side."
    if not deployment.principals:
        yield "principals is empty; name the account or the ARN of the automation that assumes the roles."
    for principal in deployment.principals:
        if not is_account_id(principal) and not is_principal(principal):
            yield f"principals has {principal}, which is neither an account id nor the ARN of a role or user; correct it."


def _resource_problems(deployment: DeployerScope) -> Iterator[str]:
    for name in [*deployment.bucket_names, *filter(None, [deployment.journal_bucket])]:
        problem = bucket_problem(name)
        if problem:
            yield f"The bucket {name} {problem}."
    if not deployment.bucket_names:
        yield "bucket_names is empty; name the buckets that the endpoints write to."
    for arn in [*deployment.kms_key_arns, *filter(None, [deployment.journal_kms_key_arn])]:
        if not is_arn(arn, "key"):
            yield f"{arn} is not the full ARN of a KMS key; give arn:aws:kms:<region>:<account>:key/<id>."
    for arn in deployment.replication_instance_arns:
        if not is_arn(arn, "rep"):
            yield f"{arn} is not the ARN of a replication instance; give arn:aws:dms:<region>:<account>:rep:<name>."
    if re.search(r"[*?]|\$\{", deployment.journal_prefix):
        yield f"journal_prefix={deployment.journal_prefix} has *, ? or ${{, which would widen the policies; choose another prefix."
