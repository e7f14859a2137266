# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all hosts of a run share: mode, identity and what was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.journal_tag import JournalTag
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement
from ansible_collections.datalake.dms.plugins.module_utils._replacement.endpoint_replacement import Replacement
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run

# Options of modules that read or write journals.
RUN_SPEC: dict[str, dict[str, Any]] = {"run": {"type": "dict"}}


@dataclass(frozen=True)
class Run:
    """What all hosts of a run share.

    :ivar identity: of the run, for the locks of replacements; see run_identity.current_run.
    :ivar postpone: whether replacements in protected environments are postponed to a later play.
    """

    check_mode: bool
    postpone: bool = False
    identity: Options = field(default_factory=current_run)
    reads: SharedReads = field(default_factory=SharedReads)

    @classmethod
    def of(cls, params: Options, check_mode: bool) -> Run:
        """The run of a module. :param params: its options, with those of RUN_SPEC."""
        return cls(check_mode, params.get("postpone_replacements", False), params["run"] or current_run())

    def replacement(self, host: Host, seal: JournalTag | None = None) -> Replacement:
        """
        :param seal: for the digest of the journal; needed where a journal is created or removed.
        :raises DatalakeError: an invalid option.
        """
        options = {**host.replacement, "access_mode": host.access_mode, "run": self.identity}
        options = validated(endpoint_replacement.ARGUMENT_SPEC, options)
        return Replacement(self.reads.account(host.dms), options, self.check_mode, seal)
