# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fence around a replacement: before each attempt of a call that changes something, the run proves that it still has the endpoint's lock.

A run may stand still for longer than its lock, such as on a laptop that sleeps, and another run may replace the endpoint meanwhile. DMS takes no
fencing token, so what remains is a request that is on its way when the lock expires.
"""

from __future__ import annotations

from collections import Counter

from ansible_collections.datalake.dms.plugins.module_utils._replacement.locked_journal import LockedJournal


class Fence:
    """Checks the lock of a journal, see call_guard.CallGuard."""

    def __init__(self, journal: LockedJournal):
        self._journal = journal
        self._done: Counter[str] = Counter()

    def check(self) -> None:
        """
        :raises LockLost: another run has the lock, or the journal was removed. AnsibleAWSError: that can't be read.
        """
        self._journal.prove()

    def note(self, operation: str) -> None:
        self._done[operation] += 1

    def done(self) -> str:
        """The calls that succeeded, as readable text, such as "StopReplicationTask, DeleteReplicationTask (2 times)"."""
        return ", ".join(f"{name} ({times} times)" if times > 1 else name for name, times in self._done.items())
