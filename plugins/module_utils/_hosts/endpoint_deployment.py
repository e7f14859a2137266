# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deploy one endpoint: create its access role, create the endpoint, put its ExternalId into the role's trust, test the connection.

Each step is the `ensure` of a module and does only what is missing. After an interruption, the next run completes the deployment.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, bucket_access, role_plan
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._core import deadline
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    KNOWN_AFTER_CREATION,
    PROPAGATION,
    DatalakeError,
    denial,
    explain,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import NotYet, retry_until
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import VISIBILITY_ATTEMPTS
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import (
    CREATED,
    MODIFIED,
    NONE,
    RECREATED,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts import results
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import ACCESS, ENDPOINT, Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import (
    bucket_access_options,
    connection_options,
    endpoint_options,
    endpoint_removal_options,
    ids_of,
    role_options,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import Record, Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._policies import trusts
from ansible_collections.datalake.dms.plugins.module_utils._policies.access_policy import is_still_denied


@dataclass
class EndpointDeployment:
    """One endpoint's deployment: `plan`, then `apply`.

    :ivar reads: provides the accounts.
    :ivar keep_on_failure: whether new resources stay when the connection test fails; false for a replacement, which is rolled back.
    :ivar planned: result of dms_s3_endpoint in check mode. :ivar endpoint: its last result. :ivar access: result of dms_crossaccount_role.
    :ivar statements: result of dms_bucket_access, empty in access mode crossaccount_role. :ivar test: result of dms_connection_test.
    """

    host: Host
    reads: SharedReads
    check_mode: bool
    record: Record = field(default_factory=Record)
    keep_on_failure: bool = True
    planned: Result = field(default_factory=dict)
    endpoint: Result = field(default_factory=dict)
    access: Result = field(default_factory=dict)
    statements: Result = field(default_factory=dict)
    test: Result = field(default_factory=dict)
    # Role and policy as this run wrote them, so that they need not be read again.
    _existing: Result | None = None

    def plan(self, predecessor: Result | None = None) -> Result:
        """Read the endpoint and plan; nothing is changed.

        :param predecessor: definition of an endpoint that an interrupted replacement may have deleted; see endpoint_plan.definition.
        :raises DatalakeError: an invalid option. AnsibleAWSError: a call failed.
        """
        options = endpoint_options(self.host, in_use="ignore", predecessor=predecessor)
        known_absent = ENDPOINT in self.host.known_absent
        self.planned = self.endpoint = s3_target.ensure(self.dms, options, True, known_absent, self.host.former)
        # The present definition is needed again if AWS does not keep the endpoint of the first CreateEndpoint.
        endpoint = {**self.host.endpoint, "predecessor": self.planned["definition"]}
        self.host = dataclasses.replace(self.host, endpoint=endpoint)
        self.record.warn(self.planned.pop("warnings"))
        # Invalid options of the test are refused before anything is created.
        test = {**self.host.test, "endpoint_arn": self.planned["endpoint"]["endpoint_arn"]}
        connection_tests.check_options(validated(connection_tests.ARGUMENT_SPEC, test))
        return self.planned

    def apply(self) -> None:
        """Create what is missing, modify what differs, and test the connection.

        :raises DatalakeError: an invalid option, or a failed connection test. AnsibleAWSError: a call failed.
        """
        # AWS may validate the trust in CreateEndpoint. Then the trust has no condition on the ExternalId.
        is_created, bootstrap = self.planned["action"] in (CREATED, RECREATED), self.host.role["bootstrap_trust"]
        if is_created and bootstrap == role_plan.POWERLESS:
            self._create_with_powerless_role()
        else:
            without_id = is_created and bootstrap == "source_account"
            self._ensure_access([] if without_id else ids_of(self.planned["current_external_id"]), purge=without_id)
            if self.planned["action"] != NONE or self.planned["differences"]:
                self._ensure_endpoint(known_absent=self.planned["action"] == CREATED)
        if not self.endpoint["persisted"] and self.external_ids:
            self._create_endpoint_again()
        self._ensure_tested()
        # Recreated once, and only if this run created it: an endpoint that ever worked is not deleted because a test fails.
        if self.planned["action"] == CREATED and self.test["failed_to_assume_role"]:
            self._ensure_endpoint(recreate=True)
            if not self.endpoint["persisted"]:
                self._create_endpoint_again()
            self._ensure_tested()
        self._purge_external_ids()
        if self.test["status"] == connection_tests.FAILED:
            kept = (
                " Endpoint and role stay as they are; correct the cause and run again." if self.keep_on_failure else ""
            )
            seen = (
                f" Before, the checks have warned: {' '.join(self.host.known_obstacles)}"
                if self.host.known_obstacles
                else ""
            )
            raise DatalakeError(
                message=f"The connection test of {self.host.identifier} failed: {self.test['last_failure_message']}; {self.test['hint']}.{seen}{kept}"
            )

    @property
    def dms(self) -> Account:
        """The account of the endpoint."""
        return self.reads.account(self.host.dms)

    @property
    def external_ids(self) -> list[str]:
        """The endpoint's ExternalId in a list; empty until AWS has assigned it."""
        return ids_of(self.endpoint["external_id"])

    @property
    def external_id_state(self) -> str:
        """See results.EndpointResult."""
        return results.external_id_state(self.endpoint["external_id"], self.access.get("external_ids", []))

    @property
    def is_tested(self) -> bool:
        """Whether the connection test succeeded."""
        return bool(self.test) and self.test["status"] == connection_tests.SUCCESSFUL

    def _ensure_endpoint(self, recreate: bool = False, known_absent: bool = False) -> None:
        """Create or modify the endpoint, and put its ExternalId into the trust of its role."""
        in_use = "ignore" if self.check_mode else "fail"
        options = endpoint_options(self.host, in_use=in_use, recreate=recreate)
        self.endpoint = self.record.add("endpoint", self._ensure_target(options, known_absent))
        if set(self.external_ids) - set(self.access["external_ids"]):
            self._ensure_access(self.external_ids)

    def _create_with_powerless_role(self) -> None:
        """Create the endpoint while the trust of its role is open, and the role can do nothing. Then close the trust, and give the role its policy.

        Killed meanwhile, the next run closes the trust first.
        """
        host = self.host
        self.record.notes.append(
            f"{host.identifier}: until its ExternalId is known, the trust of {host.role_name} is open to DMS, and the role has no policy."
        )
        role = access_role.read_role(self.reads.account(host.home).client("iam"), host.role_name)
        if role and trusts.trust_findings(role["assume_role_policy_document"]):
            self._ensure_access([trusts.new_placeholder()])
        known_absent = self.planned["action"] == CREATED
        if not known_absent and not self.check_mode:
            # The trust is open for as long as a creation takes, and not for as long as a deletion takes.
            removal = endpoint_removal_options(host, host.identifier)
            self.record.add("endpoint", s3_target.ensure(self.dms, removal, False))
            known_absent = True
        if self.check_mode:
            # What is shown is the end.
            self._ensure_access([KNOWN_AFTER_CREATION])
        else:
            self._ensure_access([], purge=True)
        try:
            self._ensure_endpoint(known_absent=known_absent)
        except Exception as error:
            self._close_trust(error)
            raise

    def _close_trust(self, reason: Exception) -> None:
        """Close the trust of a role whose endpoint could not be created.

        :param reason: why it could not. :raises DatalakeError: the trust stays open.
        """
        try:
            self._ensure_access([trusts.new_placeholder()])
        except AnsibleAWSError as error:
            raise DatalakeError(
                message=f"{explain(reason)} The trust of {self.host.role_name} is still open, and the role has no policy: {explain(error)} Run "
                "deploy.yml again to close it."
            ) from error

    def _ensure_target(self, options: Options, known_absent: bool) -> Result:
        """The result of dms_s3_endpoint.

        Where AWS validates the trust in CreateEndpoint, it refuses a placeholder, and a former ExternalId if the new one differs.
        """
        # A role of the DMS account never has a placeholder.
        may_fall_back = self.host.source_account_fallback and self.host.role["bootstrap_trust"] == "placeholder"
        ensure = partial(s3_target.ensure, self.dms, options, self.check_mode, known_absent, self.host.former)
        try:
            return ensure(retry_refused_role=not may_fall_back)
        except AnsibleAWSError as error:
            if not may_fall_back or denial(error) != PROPAGATION:
                raise
        self._ensure_access([], purge=True, bootstrap_trust="source_account", source_account=self.host.dms_account_id)
        return ensure()

    def _create_endpoint_again(self) -> None:
        """Create the endpoint again where AWS assigned an ExternalId and kept no endpoint. DMS may see the new trust only after a while.

        :raises DatalakeError: AWS kept no endpoint again.
        """
        pause = self.host.endpoint["poll_interval"]
        patience = deadline.cut(self.host.endpoint["iam_propagation_timeout"])

        # Each attempt reads the endpoint several times.
        @retry_until(1 + math.ceil(patience / (VISIBILITY_ATTEMPTS * pause)), pause, backoff=1)
        def create() -> None:
            self._ensure_endpoint()
            if not self.endpoint["persisted"]:
                raise NotYet

        try:
            create()
        except NotYet as error:
            raise DatalakeError(
                message=f"AWS answered CreateEndpoint for {self.host.identifier} twice with an ExternalId and kept no endpoint, though the trust of "
                f"{self.host.role_name} admits the id; ask AWS Support whether cross-account endpoints are enabled for "
                f"{self.dms.identity.account_id}."
            ) from error

    def _ensure_access(self, external_ids: list[str], purge: bool = False, **trust: str) -> None:
        """Create or modify the access role. In access mode bucket_policy, let bucket and key admit it then: the role must exist first.

        :param trust: bootstrap_trust and source_account, where they are not those of the host.
        """
        # This run validated the trust with the placeholder; the ExternalId in its place changes no finding.
        is_validated = bool(self._existing) and self.host.role["bootstrap_trust"] == "placeholder" and not trust
        more = {"validate_policies": "off"} if is_validated else {}
        options = role_options(self.host, self.endpoint["settings"], external_ids, purge, **more, **trust)
        home = self.reads.account(self.host.home)
        existing = self._existing or (access_role.ABSENT if ACCESS in self.host.known_absent else None)
        former = self.host.former is not None
        self.access = access_role.ensure(home, options, self.check_mode, existing, former)
        if not self.check_mode and (self._existing or not self.access["diff"]["before"]["role"]):
            self._existing = self.access["diff"]["after"]
        self.record.add("role", self.access)
        if self.host.access_mode == BUCKET_POLICY:
            options = bucket_access_options(self.host, self.endpoint["settings"], self.access["role"]["arn"])
            lake = self.reads.account(self.host.lake)
            result = bucket_access.ensure(lake, options, self.check_mode, lake.policy_writes.write, former)
            self.statements = self.record.add("bucket_access", result)

    def _purge_external_ids(self) -> None:
        """Remove former ExternalIds from the trust: after a successful test all of them, after a failed one those that no endpoint has any more.

        A rollback may create the endpoint that was here before this run with its former ExternalId, so that one stays after a failed test.
        """
        former = set(self.access["external_ids"]) - set(self.external_ids)
        if not former or self.test["status"] not in (connection_tests.SUCCESSFUL, connection_tests.FAILED):
            return
        if not self.is_tested:
            before = (self.planned["definition"] or {}).get("external_id")
            former -= {before, *(endpoint.get("ExternalId") for endpoint in list_endpoints(self.dms.client("dms")))}
        if former:
            self._ensure_access([one for one in self.access["external_ids"] if one not in former], purge=True)

    def _ensure_tested(self) -> None:
        """Test the connection. A failed test is not yet an error: a new endpoint may be recreated once."""
        options = connection_options(self.host, self.endpoint, self.access, self.external_ids, self.statements)
        untested = connection_tests.TESTED_TAG not in self.endpoint["endpoint"]["tags"]
        touched = self.planned["action"] != NONE or bool({"role", "bucket_access"} & set(self.record.diffs))
        if touched:
            options["test"] = "always"
        policy = self.access.get("policy") or {}
        may_pass = touched or is_still_denied(policy.get("document"), datetime.now(UTC))
        # Wait for IAM's propagation only after a change, in this run or in one that was interrupted before its test.
        if not (may_pass or untested):
            options["iam_propagation_timeout"] = 0
        # Created by this run, and not recreated after an interrupted replacement.
        is_new = self.planned["action"] == CREATED and not self.planned["definition"] and not self.test
        # Where the checks have seen a cause, a failure that names none is not repeated.
        just_changed = may_pass and not self.host.known_obstacles
        result = connection_tests.ensure(self.dms, options, self.check_mode, is_new, just_changed)
        self.test = self.record.add("connection", result)


def is_replaced(planned: Result) -> bool:
    """Whether an existing endpoint would be deleted, or modified under a task that runs.

    :param planned: the result of dms_s3_endpoint in check mode.
    """
    return planned["action"] == RECREATED or (planned["action"] == MODIFIED and bool(planned["in_use_by"]))
