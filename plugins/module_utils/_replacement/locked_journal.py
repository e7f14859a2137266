# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An endpoint's journal in its store, as one run reads and writes it. The run that wrote it last has the endpoint's lock."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._replacement import journals
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journal_stores import (
    JournalConflict,
    JournalStore,
    api_host,
    store_for,
)
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journals import Journal, LockTaken
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import worker_of
from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import TaskEntry

# How long before its end a lock is renewed, in seconds; half of the lock, if that is less. More than one attempt of a call can take: see the timeouts
# in account.py. So much may the clocks of two runs differ, less that attempt.
_MARGIN = 30


class LockLost(DatalakeError):
    """This run had the lock, and has it no longer. It must not change anything any more, and roll nothing back."""


class JournalSeal(Protocol):
    """Keeps the digest of a journal where its store can't be changed from."""

    def seal(self, journal: Journal, before: Journal | None) -> None:
        """Keep the digest of a journal, and that of the journal before it, which may still be the stored one."""

    def unseal(self, journal: Journal) -> None:
        """Forget the digest of a journal."""


def _is_right(_journal: Journal) -> None:
    return None


class LockedJournal:
    """The journal of one endpoint.

    :ivar scope: of the journal. :ivar current: the journal as it was last read or written; None without one.
    :ivar is_held: whether this run has written it or taken it over, and not removed it.
    """

    def __init__(self, account: Account, params: dict[str, Any], check_mode: bool, seal: JournalSeal | None = None):
        """
        :param account: of the endpoint. :param params: endpoint_identifier, inventory_host, journal_bucket, journal_prefix, journal_path,
            trusted_account_ids, access_mode, run and lock_timeout (seconds). :param seal: None for a journal without a digest.
        :raises DatalakeError: journal_path is set, and calls go to AWS.
        """
        self._params, self._check_mode, self._seal = params, check_mode, seal
        self._store = store_for(account, params)
        self.scope = journals.Scope(
            host=params["inventory_host"],
            api_host=api_host(account),
            account_id=account.identity.account_id,
            region=account.client("dms").meta.region_name,
            endpoint_identifier=params["endpoint_identifier"].lower(),
        )
        self.current: Journal | None = None
        self.is_held = False
        self._tag = ""
        # When the lock ends, by a clock that continues while the machine sleeps (clock_gettime(2)).
        self._ends = 0.0

    @property
    def has_store(self) -> bool:
        """Whether a journal bucket or a journal path is set."""
        return self._store is not None

    def check_store(self) -> None:
        """
        :raises DatalakeError: the place is not suitable for journals.
        """
        if self._store:
            self._store.check()

    def read(self, respect_lock: bool = True) -> Journal | None:
        """The journal. It must be of this endpoint, and no other run may have the lock.

        :raises DatalakeError: see journals.read_journal and journals.check_lock. LockLost: this run had the lock, and the journal is another one.
        """
        found = self._store.read() if self._store else None
        if self.is_held and (found is None or found[1] != self._tag):
            raise self._lost(found)
        if found:
            text, self._tag = found
            self.current = self._believed(text)
            if respect_lock:
                journals.check_lock(self.current, self._params["run"], _now())
        return self.current

    def take_over(self, check: Callable[[Journal], None] = _is_right) -> Journal | None:
        """The journal of another run, or of this one; None without one. From now on, this run has the lock.

        :param check: raises an error for a journal that must not be used, before anything is written.
        :raises DatalakeError: see `read`; or it was changed since it was checked.
        """
        journal = self.read()
        if journal:
            check(journal)
        if journal and not self._check_mode:
            if journals.is_ours(journal, self._params["run"]):
                self.is_held = True
            else:
                self.save()
        return journal

    def prove(self) -> None:
        """Check that this run still has the lock, if it took it; renew a lock that ends soon. Any change of the journal means that it is another's.

        :raises LockLost: this run has it no longer. AnsibleAWSError: the journal can't be read or written.
        """
        if not self.is_held or self._store is None:
            return
        is_same = False
        # The process may stand still at any moment, also in here.
        while not is_same or self._ends_soon():
            if self._ends_soon():
                self.save()
                is_same = True
            elif self._store.tag() == self._tag:
                is_same = True
            else:
                raise self._lost(self._store.read())

    def create(
        self,
        action: str,
        accept: list[str],
        endpoint: dict[str, Any],
        tasks: list[TaskEntry],
        subscriptions: list[dict[str, Any]],
    ) -> None:
        """Write the first journal, which takes the endpoint's lock. For the parameters see journals.Journal.

        :raises LockTaken: another run wrote one first.
        """
        mode, lock, now = self._params["access_mode"], self._new_lock(), _now()
        journal = journals.new_journal(self.scope, action, accept, endpoint, tasks, subscriptions, mode, lock, now)
        self._write(lambda store, text: store.create(text), journal)
        # Not before: another run may have created the journal, and its digest must stay.
        if self._seal:
            self._seal.seal(journal, None)

    def save(self, **changes: Any) -> None:
        """Write the journal with these parts changed, and renew the lock.

        :raises DatalakeError: it was changed since it was read.
        """
        if self.current is None:
            raise DatalakeError(message=no_journal(self.scope.endpoint_identifier))
        before, journal = self.current, dataclasses.replace(self.current, **{"lock": self._new_lock(), **changes})
        if self._seal and journals.digest(journal) != journals.digest(before):
            self._seal.seal(journal, before)
        self._write(lambda store, text: store.replace(text, self._tag), journal)

    def remove(self) -> None:
        """Remove the journal, which releases the lock.

        :raises LockLost: it was changed since it was read.
        """
        if self._seal and self.current:
            # Before: a digest without a journal would stay.
            self._seal.unseal(self.current)
        try:
            if self._store:
                self._store.delete(self._tag)
        except JournalConflict as error:
            raise self._overtaken() from error
        self.current, self.is_held = None, False

    def release(self) -> bool:
        """Release this run's own lock, so that the next run need not wait; whether there was one."""
        journal = self.read(respect_lock=False)
        return bool(journal and journals.is_ours(journal, self._params["run"]) and self._end_lock(journal))

    def unlock(self) -> bool:
        """Release the lock of any run; whether there was one. The journal stays for the next run."""
        journal = self.read(respect_lock=False)
        return bool(journal and self._end_lock(journal))

    def _end_lock(self, journal: Journal) -> bool:
        if journals.is_free(journal, _now()):
            return False
        if not self._check_mode:
            self.save(lock={**journal.lock, "expires": journals.new_lock({}, _now(), 0)["expires"]})
            self.is_held = False
        return True

    def _ends_soon(self) -> bool:
        return self._ends - _clock() < min(_MARGIN, self._params["lock_timeout"] / 2)

    def _new_lock(self) -> dict[str, Any]:
        run = self._params["run"]
        return journals.new_lock({**run, **worker_of(run)}, _now(), self._params["lock_timeout"])

    def _believed(self, text: str) -> Journal:
        return journals.read_journal(text, self.scope, self._params["trusted_account_ids"])

    def _write(self, how: Callable[[JournalStore, str], str], journal: Journal) -> None:
        if self._store is None:
            raise DatalakeError(message=no_journal(self.scope.endpoint_identifier))
        ends = _clock() + self._params["lock_timeout"]
        try:
            self._tag = how(self._store, journal.text())
        except JournalConflict as error:
            raise self._overtaken() from error
        self.current, self.is_held, self._ends = journal, True, ends

    def _overtaken(self) -> DatalakeError:
        """The error of a write that failed because the journal is another one."""
        found, identifier = self._store.read() if self._store else None, self.scope.endpoint_identifier
        if self.is_held or found is None:
            return self._lost(found)
        other = self._believed(found[0]).lock["owner"]
        return LockTaken(
            message=f"{other} has just begun to replace the endpoint {identifier}; wait until that has ended, and run again."
        )

    def _lost(self, found: tuple[str, str] | None) -> LockLost:
        """
        :param found: text and version tag of the journal that is there now.
        """
        if found is None:
            why = (
                "its journal was removed, so another run has ended the replacement, or somebody removed it by hand, and journal_bucket has its "
                "former versions"
            )
        else:
            lock = self._believed(found[0]).lock
            why = (
                "its lock was released"
                if lock["id"] == self._params["run"]["id"]
                else f"{lock['owner']} (run {lock['id']}) has taken over"
            )
        return LockLost(message=f"This run no longer has the lock of {self.scope.endpoint_identifier}: {why}.")


def no_journal(identifier: str) -> str:
    """Why an endpoint is not replaced without a place for its journal."""
    return (
        f"The endpoint {identifier} can't be replaced without a journal that outlives this run; set journal_bucket to a bucket of the "
        "DMS account."
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _clock() -> float:
    """A time in seconds that continues while the machine sleeps, where the system has such a clock (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
