# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One endpoint from nothing to a tested connection: access role, endpoint, its ExternalId into the role's trust, test.

Each step is the `ensure` of a module, and does only what is missing; interrupted anywhere, the next run finishes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, bucket_access
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import NotYet, retry_until
from ansible_collections.datalake.dms.plugins.module_utils._dms.waiters import VISIBILITY_ATTEMPTS
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import (
    CREATED,
    MODIFIED,
    NONE,
    RECREATED,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import (
    Options,
    Result,
    bucket_access_options,
    connection_options,
    ids_of,
    role_options,
)


@dataclass
class EndpointDeployment:
    """One endpoint on its way.

    :ivar host: see declaration.declaration. :ivar dms: the account of the endpoint. :ivar home: that of its access role.
    :ivar lake: that of the bucket.
    """

    host: Options
    dms: Account
    home: Account
    lake: Account
    check_mode: bool
    # Whether what is made stays where the connection fails; a replacement is rolled back.
    stays: bool = True
    # What each step told, the last time.
    plan: Result = field(default_factory=dict)
    made: Result = field(default_factory=dict)
    access: Result = field(default_factory=dict)
    bucket_access: Result = field(default_factory=dict)
    test: Result = field(default_factory=dict)
    # What has changed since the beginning: step -> {before, after}.
    diffs: dict[str, Result] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    # Role and policy as this very run has made them, so that they need not be read again.
    _existing: Result | None = None

    def look(self) -> Result:
        """Read the endpoint and plan; nothing is changed.

        :raises DatalakeError: an option that can't be. AnsibleAWSError: a call failed.
        """
        self.plan = self.made = s3_target.ensure(self.dms, self._endpoint_options(in_use="ignore"), True)
        self.warnings += self.plan.pop("warnings")
        # What would be wrong with the test, too, is told before anything is made.
        test = {**self.host["test"], "endpoint_arn": self.plan["endpoint"]["endpoint_arn"]}
        connection_tests.check_options(validated(connection_tests.ARGUMENT_SPEC, test))
        return self.plan

    def replaces(self) -> bool:
        """Whether an endpoint that stands would be deleted, or changed under a task that runs."""
        action = self.plan["action"]
        return action == RECREATED or (action == MODIFIED and bool(self.plan["in_use_by"]))

    def carry_out(self) -> None:
        """Make what is missing.

        :raises DatalakeError: an option that can't be, or a connection that fails. AnsibleAWSError: a call failed.
        """
        # Where AWS checks the trust when it creates an endpoint, the trust must ask for the account alone just then.
        anew = self.host["role"]["bootstrap_trust"] == "source_account" and self.plan["action"] in (CREATED, RECREATED)
        self._ensure_access([] if anew else ids_of(self.plan["current_external_id"]), purge=anew)
        if self.plan["action"] != NONE or self.plan["differences"]:
            self._make_endpoint(known_absent=self.plan["action"] == CREATED)
        if not self.made["persisted"] and self.known_ids():
            self._make_endpoint_again()
        self._test()
        # Once, and only for an endpoint of this very run: one that ever worked is not deleted because a test fails.
        if self.plan["action"] == CREATED and self.test["failed_to_assume_role"]:
            self._make_endpoint(recreate=True)
            if not self.made["persisted"]:
                self._make_endpoint_again()
            self._test()
        if self.test["status"] == connection_tests.SUCCESSFUL and set(self.access["external_ids"]) - set(
            self.known_ids()
        ):
            self._ensure_access(self.known_ids(), purge=True)
        if self.test["status"] == connection_tests.FAILED:
            raise DatalakeError(
                message=f"The connection test of {self.identifier} failed: {self.test['last_failure_message']}; {self.test['hint']}."
                + (" Endpoint and role stay as they are; mend the cause and run again." if self.stays else "")
            )

    @property
    def identifier(self) -> str:
        return str(self.host["endpoint"]["endpoint_identifier"])

    @property
    def changed(self) -> bool:
        return bool(self.diffs)

    def known_ids(self) -> list[str]:
        """The endpoint's ExternalId in a list, empty while only AWS could know it."""
        return ids_of(self.made["external_id"])

    def _make_endpoint(self, recreate: bool = False, known_absent: bool = False) -> None:
        """The endpoint, and its ExternalId into the trust of its role."""
        in_use = "ignore" if self.check_mode else "fail"
        options = self._endpoint_options(in_use=in_use, recreate=recreate)
        self.made = self._record("endpoint", s3_target.ensure(self.dms, options, self.check_mode, known_absent))
        if set(self.known_ids()) - set(self.access["external_ids"]):
            self._ensure_access(self.known_ids())

    def _make_endpoint_again(self) -> None:
        """AWS kept only the ExternalId; once it is admitted, IAM may need a while to tell DMS.

        :raises DatalakeError: AWS keeps nothing again.
        """
        pause, patience = (self.host["endpoint"][name] for name in ("poll_interval", "iam_propagation_timeout"))

        # Each try looks for the endpoint several times.
        @retry_until(1 + math.ceil(patience / (VISIBILITY_ATTEMPTS * pause)), pause, backoff=1)
        def make() -> None:
            self._make_endpoint()
            if not self.made["persisted"]:
                raise NotYet

        try:
            make()
        except NotYet as error:
            raise DatalakeError(
                message=f"AWS answered CreateEndpoint for {self.identifier} twice with an ExternalId and kept no endpoint, though the trust of "
                f"{self.host['role']['role_name']} admits the id; ask AWS Support whether cross-account endpoints are enabled for "
                f"{self.dms.identity.account_id}."
            ) from error

    def _ensure_access(self, external_ids: list[str], purge: bool = False) -> None:
        """The access role with these ids; with bucket_policy, then, bucket and key admit it, which must exist by then."""
        # The trust with the placeholder was looked at a moment ago, and an id in its place makes no difference.
        looked_at = bool(self._existing) and self.host["role"]["bootstrap_trust"] == "placeholder"
        more = {"validate_policies": "off"} if looked_at else {}
        options = role_options(self.host, self.made["settings"], external_ids, purge, **more)
        self.access = access_role.ensure(self.home, options, self.check_mode, self._existing)
        if not self.check_mode and (self._existing or not self.access["diff"]["before"]["role"]):
            self._existing = self.access["diff"]["after"]
        self._record("role", self.access)
        if self.host["access"] == BUCKET_POLICY:
            options = bucket_access_options(self.host, self.made["settings"], self.access["role"]["arn"])
            self.bucket_access = self._record(
                "bucket_access", bucket_access.ensure(self.lake, options, self.check_mode)
            )

    def _test(self) -> None:
        """A failed test is no error yet: a new endpoint may be made once more."""
        options = connection_options(self.host, self.made, self.access, self.known_ids(), self.bucket_access)
        untested = connection_tests.TESTED_TAG not in self.made["endpoint"]["tags"]
        touched = self.plan["action"] != NONE or bool({"role", "bucket_access"} & set(self.diffs))
        if touched:
            options["test"] = "always"
        # IAM gets its time where something changed, in this run or in one that was interrupted before the test.
        if not (touched or untested):
            options["iam_propagation_timeout"] = 0
        self.test = self._record("connection", connection_tests.ensure(self.dms, options, self.check_mode))

    def _endpoint_options(self, **more: Any) -> Options:
        return validated(s3_target.ARGUMENT_SPEC, {**self.host["endpoint"], **more})

    def _record(self, step: str, result: Result) -> Result:
        self.warnings += [text for text in result.pop("warnings", []) if text not in self.warnings]
        if result["changed"]:
            first = self.diffs.get(step) or result["diff"]
            self.diffs[step] = {"before": first["before"], "after": result["diff"]["after"]}
        return result
