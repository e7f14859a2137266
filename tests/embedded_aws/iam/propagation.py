# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM is eventually consistent: when evaluations see a change to a role, its trust or its policies.

Only evaluations (AssumeRole, DMS using a role) read roles through here; IAM's own Get and List calls see every change
at once. The switches iam_propagation_uses and iam_propagation_seconds of the role's account set the delay; a version
is visible when both have passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..arns import account_of, partition_of
from ..server.switches import Switches

RoleKey = tuple[str, str, str]
"""Partition, account, role name; the name is unique within an account."""

RoleView = dict[str, Any]
"""A role with all its documents, see moto_seams.role_view."""


@dataclass
class Version:
    """A role as it was after a change; None: it did not exist."""

    view: RoleView | None
    changed_at: float
    uses: int = 0


class Propagation:
    """Versions of the roles that changed, oldest first; the first one is visible."""

    def __init__(
        self,
        read_role: Callable[[RoleKey], RoleView | None],
        switches_of: Callable[[str], Switches],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_role = read_role
        self._switches_of = switches_of
        self._now = now
        self._versions: dict[RoleKey, list[Version]] = {}

    def clear(self) -> None:
        self._versions.clear()

    def before_change(self, keys: list[RoleKey]) -> None:
        """Keep how the roles are, before a change to them."""
        for key in keys:
            if key not in self._versions:
                self._versions[key] = [Version(self._read_role(key), self._now())]

    def after_change(self, keys: list[RoleKey]) -> None:
        """Record how the roles are after a change."""
        for key in keys:
            view = self._read_role(key)
            if view != self._versions[key][-1].view:
                self._versions[key].append(Version(view, self._now()))
            self._settle(key)

    def evaluate(self, arn: str) -> RoleView | None:
        """The role as an evaluation sees it; each call counts as one use."""
        key = role_key(arn)
        self._settle(key)
        versions = self._versions.get(key)
        view = versions[0].view if versions else self._read_role(key)
        for pending in (versions or [])[1:]:
            pending.uses += 1
        return view if view and view["Arn"] == arn else None

    def _settle(self, key: RoleKey) -> None:
        """Drop the versions that have been overtaken; a role without a pending change is read from IAM itself."""
        versions = self._versions.get(key, [])
        switches = self._switches_of(key[1])
        while len(versions) > 1:
            following = versions[1]
            if following.uses < switches["iam_propagation_uses"]:
                return
            if self._now() - following.changed_at < switches["iam_propagation_seconds"]:
                return
            versions.pop(0)
        self._versions.pop(key, None)


def role_key(arn: str) -> RoleKey:
    """The key of a role by its ARN, `arn:<partition>:iam::<account>:role/<path><name>`."""
    return partition_of(arn), account_of(arn), arn.rpartition("/")[2]
