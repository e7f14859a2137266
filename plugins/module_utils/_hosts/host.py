# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host of the inventory, which declares one endpoint, as options of the modules that deploy it. Pure."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY, CROSSACCOUNT_ROLE
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, partition_of
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journal_stores import object_key

Options = dict[str, Any]
"""Options of a module, by their names."""

# Names for what a survey found absent. ENDPOINT: the endpoint and any journal of its replacement. ACCESS: the access role and its policy.
ENDPOINT, ACCESS = "endpoint", "access"


@dataclass(frozen=True)
class Connection:
    """How to connect to one account: connection options of every module."""

    region: str
    assume_role_arn: str = ""
    assume_role_external_id: str = ""
    assume_role_session_name: str = ""

    def options(self) -> Options:
        """As options of a module."""
        return asdict(self)


@dataclass(frozen=True)
class Host:
    """What a host declares.

    :ivar protected: whether its environment is protected. :ivar confirm: name of the environment that the user confirmed; empty for none.
    :ivar access_mode: of the endpoint; within one account always crossaccount_role.
    :ivar partition: of the data-lake account, see `in_partition`. :ivar role_arn: of the declared access role.
    :ivar session_seconds: how many seconds the caller's credentials must be valid at least, for a replacement or a removal.
    :ivar accounts: options of dms_preflight for both accounts, "dms" and "lake".
    :ivar dms: connection to the DMS account. :ivar lake: connection to the data-lake account.
    :ivar endpoint: options of dms_s3_endpoint.
    :ivar roles: options of dms_crossaccount_role by access mode, without those that depend on the planned endpoint.
    :ivar bucket_access: options of dms_bucket_access, without those that depend on the planned endpoint.
    :ivar test: options of dms_connection_test, without those that depend on the planned endpoint.
    :ivar replacement: options of the replacement: consents, journal, lock.
    :ivar former: definition of the endpoint that a replacement is rolled back to, see endpoint_plan.definition; None in a deployment.
    :ivar source_account_fallback: whether a CreateEndpoint that is refused for the role is repeated with a trust that requires aws:SourceAccount
        in place of a placeholder.
    :ivar change_window: when a replacement may begin in a protected environment, see change_window.py; empty for any time.
    :ivar allow_shared_folder: whether other endpoints may write to the same folder, or to one inside it.
    :ivar known_absent: which of ENDPOINT and ACCESS the survey of this play found absent. They are created without another read; AWS refuses to
        create one that exists by then.
    :ivar known_obstacles: sentences of the preflight checks of this play that warned of what a connection test may fail for.
    """

    name: str
    environment: str
    protected: bool
    confirm: str
    access_mode: str
    same_account: bool
    account_wide: bool
    partition: str
    role_arn: str
    session_seconds: int
    accounts: dict[str, Options]
    dms: Connection
    lake: Connection
    endpoint: Options
    roles: dict[str, Options]
    bucket_access: Options
    test: Options
    replacement: Options
    source_account_fallback: bool = False
    change_window: list[str] = field(default_factory=list)
    allow_shared_folder: bool = False
    known_absent: list[str] = field(default_factory=list)
    known_obstacles: list[str] = field(default_factory=list)
    former: Options | None = None

    @classmethod
    def of(cls, declared: Options) -> Host:
        """The host from the output of `declared`, also after a conversion to JSON and back."""
        sides = {side: Connection(**declared[side]) for side in ("dms", "lake")}
        return cls(**{**declared, **sides})

    def declared(self) -> Options:
        """The host as types of JSON."""
        return asdict(self)

    @property
    def identifier(self) -> str:
        """The endpoint's identifier as declared. DMS stores it in lower case."""
        return str(self.endpoint["endpoint_identifier"])

    @property
    def deployment(self) -> str:
        """Name of the deployment, the value of the deployment tag of its resources; empty for none."""
        return str(self.endpoint["deployment"] or "")

    @property
    def dms_account_id(self) -> str:
        return str(self.accounts["dms"]["account_id"])

    @property
    def lake_account_id(self) -> str:
        return str(self.accounts["lake"]["account_id"])

    @property
    def role(self) -> Options:
        """Options of dms_crossaccount_role for the access mode."""
        return self.roles[self.access_mode]

    @property
    def role_name(self) -> str:
        return str(self.role["role_name"])

    @property
    def home(self) -> Connection:
        """Connection to the account of the access role."""
        return self.dms if self.access_mode == BUCKET_POLICY else self.lake

    @property
    def other_home(self) -> Connection:
        """Connection to the account of the access role in the other access mode."""
        return self.lake if self.access_mode == BUCKET_POLICY else self.dms

    @property
    def lists_former_roles(self) -> bool:
        """Whether the list of the DMS account's roles shows if the role of the other access mode exists."""
        return not self.same_account and self.access_mode == CROSSACCOUNT_ROLE

    @property
    def confirmed(self) -> bool:
        """Whether the environment may be changed: it is not protected, or the user confirmed it by name."""
        return not self.protected or self.confirm == self.environment

    def connection_text(self, status: str) -> str:
        """The status of the connection, as the end of a sentence."""
        return status if self.is_tested else "not tested: s3_endpoint_replication_instance_arn is not set"

    @property
    def has_journal(self) -> bool:
        """Whether the inventory sets a journal bucket or a journal path."""
        return bool(self.replacement["journal_bucket"] or self.replacement["journal_path"])

    @property
    def journal_key(self) -> str:
        """The key of the endpoint's journal in the journal bucket."""
        return object_key(self.replacement["journal_prefix"], self.dms.region, self.identifier)

    @property
    def is_tested(self) -> bool:
        """Whether the connection can be tested: a replication instance is set."""
        return bool(self.test["replication_instance_arn"])

    def in_partition(self, partition: str) -> Host:
        """The host with its derived ARNs in this partition. ARNs that the inventory sets stay as they are."""
        if partition == self.partition:
            return self
        settings, role_arn = self.endpoint["s3_settings"], _in_partition(self.role_arn, partition)
        if settings["service_access_role_arn"] == self.role_arn:
            settings = {**settings, "service_access_role_arn": role_arn}
        roles = {
            mode: {**role, "source_arn": _in_partition(role["source_arn"], partition)}
            for mode, role in self.roles.items()
        }
        endpoint = {**self.endpoint, "s3_settings": settings}
        return dataclasses.replace(self, partition=partition, role_arn=role_arn, endpoint=endpoint, roles=roles)

    def rolled_back_to(self, definition: Options) -> Host:
        """The host whose endpoint gets its former settings, tags and access mode, whatever the inventory declares or requires.

        :param definition: of the former endpoint, see endpoint_plan.definition.
        """
        before = {
            "s3_settings": None,
            "extra_connection_attributes": None,
            "tags": definition["tags"],
            "purge_tags": True,
            "required_tags": [],
            "exact": True,
            "predecessor": definition,
        }
        return dataclasses.replace(
            self,
            former=definition,
            endpoint={**self.endpoint, **before},
            access_mode=self.access_mode_of((definition["s3_settings"] or {}).get("service_access_role_arn")),
        )

    def access_mode_of(self, role_arn: str | None) -> str:
        """The access mode of an endpoint with this role; without a role, the access mode of the host."""
        if self.same_account or not role_arn:
            return self.access_mode
        return BUCKET_POLICY if account_of(role_arn) == self.dms_account_id else CROSSACCOUNT_ROLE


def confirmation(environments: list[str], would: str) -> str:
    """The sentence that asks to confirm protected environments.

    :param environments: one name or more. :param would: what the run would do; begins with a verb.
    """
    at_a_time = ", for one such environment at a time" if len(environments) > 1 else ""
    return (
        f"Environment {' and '.join(environments)} is protected, and this would {would}; if that is meant, run again with "
        f"-e s3_endpoint_confirm={' or '.join(environments)}{at_a_time}."
    )


def _in_partition(arn: str, partition: str) -> str:
    """An ARN in another partition; an empty string stays empty."""
    return arn.replace(f"arn:{partition_of(arn)}:", f"arn:{partition}:", 1) if arn else arn
