# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads of one process that write to the same policies share one write and its settle time.

The first thread waits a little for others, then writes the changes of all. Threads that come later form the next group, which does not wait for the
first one to settle. Each thread fails only for its own change: if one change is refused, the others are written. If AWS refuses the write of a group,
each thread writes its change on its own.
"""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field

from ansible_collections.datalake.dms.plugins.module_utils._core import call_guard, slots
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    MALFORMED_CODES,
    DatalakeError,
    error_code,
)
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_policies import (
    Merge,
    Patience,
    Policy,
    PolicyStore,
    Write,
    write_until_settled,
)

Merges = list[tuple[PolicyStore, Merge]]

# How long a group waits for others, as a fraction of the settle time: one second of ten. It waits less if no other host is active.
_GATHERING = 0.1


@dataclass
class _Member:
    """The changes of one thread, one for each policy, and the error if one was refused."""

    merges: list[Merge]
    error: DatalakeError | None = None


@dataclass
class _Group:
    """Threads whose changes are written together. `error` is the error of the common write."""

    members: list[_Member] = field(default_factory=list)
    error: BaseException | None = None
    is_done: threading.Event = field(default_factory=threading.Event)

    def merge(self, place: int) -> Merge:
        """A merge of the changes of all members for one policy. A member whose change is refused is left out from then on."""

        def merged(policy: Policy | None) -> Policy | None:
            for member in self.members:
                if member.error is None:
                    try:
                        policy = member.merges[place](policy)
                    except DatalakeError as error:
                        member.error = error
            return policy

        return merged


class SharedWrites:
    """The writes of many threads to the policies of one account.

    :param write: writes the changes of a group.
    """

    def __init__(self, write: Write = write_until_settled) -> None:
        self._write = write
        self._lock = threading.Lock()
        # The groups that other threads can still join, by policies and patience.
        self._gathering: dict[tuple[tuple[str, ...], Patience], _Group] = {}

    def write(self, merges: Merges, patience: Patience) -> None:
        """Like write_until_settled, together with other threads that write to the same policies. Meanwhile, the thread gives back its slot.

        :raises DatalakeError, AnsibleAWSError: as write_until_settled does.
        """
        call_guard.check_now()
        key = tuple(store.what for store, _merge in merges), patience
        member = _Member([merge for _store, merge in merges])
        with self._lock:
            is_first = key not in self._gathering
            group = self._gathering.setdefault(key, _Group())
            group.members.append(member)
        with slots.given_back() as others:
            if is_first:
                if others:
                    others.wait_until_idle(patience.settle_time * _GATHERING)
                with self._lock:
                    del self._gathering[key]
                self._write_group(group, [store for store, _merge in merges], patience)
            group.is_done.wait()
            self._raise_error(group, member, merges, patience)

    def _write_group(self, group: _Group, stores: list[PolicyStore], patience: Patience) -> None:
        try:
            self._write([(store, group.merge(place)) for place, store in enumerate(stores)], patience)
        except BaseException as error:
            group.error = error
        finally:
            group.is_done.set()

    def _raise_error(self, group: _Group, member: _Member, merges: Merges, patience: Patience) -> None:
        """
        :raises DatalakeError, AnsibleAWSError: the error of this member.
        """
        if member.error:
            raise member.error
        if group.error is None:
            return
        if len(group.members) == 1 or error_code(group.error) not in MALFORMED_CODES:
            raise group.error
        # AWS refused the change of one member, such as a role that does not exist. The group has already waited for IAM.
        self._write(merges, dataclasses.replace(patience, iam_propagation_timeout=0))
