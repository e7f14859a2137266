# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads of one process that write to the same policies share one write and its settle time.

Whoever comes first waits a little for others, then writes what all of them want; those who come later are the next group, which need not wait for
the first to settle. Each thread fails for what it wants itself: a merge that is refused keeps no other from being written, and what AWS refuses
of a group is tried once more by each by itself.
"""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field

from ansible_collections.datalake.dms.plugins.module_utils._core import slots
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

# How long a group waits for others, as a part of the settle time: a second of ten. It ends sooner where no other host is at work.
_GATHERING = 0.1


@dataclass
class _Member:
    """What one thread wants of each policy, in their order, and why it can't be."""

    merges: list[Merge]
    error: DatalakeError | None = None


@dataclass
class _Group:
    """Those whose policies are written together. `error` is what went wrong for all of them."""

    members: list[_Member] = field(default_factory=list)
    error: BaseException | None = None
    is_done: threading.Event = field(default_factory=threading.Event)

    def merge(self, place: int) -> Merge:
        """What all members make of the policy at that place; one that is refused is left out from then on."""

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

    :param write: writes what a group wants.
    """

    def __init__(self, write: Write = write_until_settled) -> None:
        self._write = write
        self._lock = threading.Lock()
        # The groups that can still be joined, by their policies and patience.
        self._gathering: dict[tuple[tuple[str, ...], Patience], _Group] = {}

    def write(self, merges: Merges, patience: Patience) -> None:
        """Like write_until_settled, together with other threads that write to the same policies. Others have this thread's slot meanwhile.

        :raises DatalakeError, AnsibleAWSError: as write_until_settled does.
        """
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
            self._tell(group, member, merges, patience)

    def _write_group(self, group: _Group, stores: list[PolicyStore], patience: Patience) -> None:
        try:
            self._write([(store, group.merge(place)) for place, store in enumerate(stores)], patience)
        except BaseException as error:
            group.error = error
        finally:
            group.is_done.set()

    def _tell(self, group: _Group, member: _Member, merges: Merges, patience: Patience) -> None:
        """
        :raises DatalakeError, AnsibleAWSError: what went wrong for this member.
        """
        if member.error:
            raise member.error
        if group.error is None:
            return
        if len(group.members) == 1 or error_code(group.error) not in MALFORMED_CODES:
            raise group.error
        # One of them wants what AWS does not take, such as a role that does not exist; IAM had its time.
        self._write(merges, dataclasses.replace(patience, iam_propagation_timeout=0))
