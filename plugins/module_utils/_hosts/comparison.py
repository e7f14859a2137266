# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare one host with AWS: each module's result in check mode. A result is computed when it is first used."""

from __future__ import annotations

import functools

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, bucket_access
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.former_access import former_role
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import (
    bucket_access_options,
    connection_options,
    endpoint_options,
    ids_of,
    role_as_deployed,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.run import Run
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._hosts.stopped_tasks import StoppedTask
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journals import Journal


class Comparison:
    """What differs between a host and AWS.

    Each property raises AnsibleAWSError where a call failed, and NotInSnapshot where an account is a snapshot without the requested data.
    """

    def __init__(self, host: Host, run: Run, dms: Account, home: Account):
        """
        :param dms: the account of the endpoint, or a snapshot of it. :param home: the account of the access role, or a snapshot of it.
        """
        self.host, self._run, self._dms, self._home = host, run, dms, home

    @property
    def _reads(self) -> SharedReads:
        return self._run.reads

    @functools.cached_property
    def interrupted(self) -> Journal | None:
        """The journal of an interrupted replacement; None without one.

        :raises DatalakeError: another run has the lock, or the journal is not valid.
        """
        host = self.host
        if not host.has_journal:
            return None
        if host.replacement["journal_bucket"] and host.journal_key not in self._reads.journals(host):
            return None
        return self._run.replacement(host).journal.read()

    @property
    def _journaled(self) -> Result | None:
        """The endpoint's definition before an interrupted replacement; None without one, and where `interrupted` raises an error."""
        try:
            return self.interrupted.endpoint if self.interrupted else None
        except CALL_ERRORS:
            return None

    @functools.cached_property
    def plan(self) -> Result:
        """The result of dms_s3_endpoint. An endpoint that an interrupted replacement has deleted is compared as it will be recreated."""
        options = endpoint_options(self.host, in_use="ignore", predecessor=self._journaled)
        return s3_target.ensure(self._dms, options, True)

    @functools.cached_property
    def access(self) -> Result:
        """The result of dms_crossaccount_role."""
        return access_role.ensure(self._home, role_as_deployed(self.host, self.plan), True)

    @functools.cached_property
    def statements(self) -> Result:
        """The result of dms_bucket_access; empty in access mode crossaccount_role."""
        if self.host.access_mode != BUCKET_POLICY:
            return {}
        options = bucket_access_options(self.host, self.plan["settings"], self.access["role"]["arn"])
        return bucket_access.ensure(self._reads.account(self.host.lake), options, True, read=self._reads.policy)

    @functools.cached_property
    def test(self) -> Result:
        """The result of dms_connection_test."""
        ids = ids_of(self.plan["current_external_id"])
        options = connection_options(self.host, self.plan, self.access, ids, self.statements)
        return connection_tests.ensure(self._dms, options, True)

    @functools.cached_property
    def stopped_tasks(self) -> list[StoppedTask]:
        """The tasks of the endpoint that ran and do not run any more."""
        return self._reads.stopped_tasks(self.host).of(self.plan["diff"]["before"])

    @functools.cached_property
    def role_before(self) -> str:
        """ARN of the role of the endpoint before an interrupted replacement, which may be rolled back, else of its present role; empty for none."""
        definition = self._journaled or self.plan["definition"] or {}
        return str((definition.get("s3_settings") or {}).get("service_access_role_arn") or "")

    @functools.cached_property
    def former_role(self) -> Result | None:
        """The access role of the former access mode that a deployment would remove; see former_access.former_role.

        Without a connection test, a deployment keeps it.
        """
        return former_role(self.host, self._reads, self.role_before) if self.host.is_tested else None
