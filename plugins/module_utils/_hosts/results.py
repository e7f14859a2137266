# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of one host as they happen, and its result at the end. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

Result = dict[str, Any]
"""A module's result."""

# States of an endpoint's ExternalId. TRUSTED: the role's trust admits it. PENDING: the trust does not admit it yet, or AWS has not assigned it.
# NOT_USED: the endpoint has none, because its role is in its own account.
TRUSTED, PENDING, NOT_USED = "trusted", "pending", "not_used"


def external_id_state(external_id: str | None, trusted: Collection[str]) -> str:
    """The state of an endpoint's ExternalId. :param trusted: the ExternalIds that the trust of its role admits."""
    if not external_id:
        return NOT_USED
    return TRUSTED if external_id in trusted else PENDING


@dataclass
class Record:
    """What a run has changed on one host so far.

    :ivar diffs: step -> {before, after}; `before` is the state at the beginning of the run.
    :ivar notes: sentences for the beginning of `msg`. :ivar warnings: sentences.
    """

    diffs: dict[str, Result] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.diffs)

    def add(self, step: str, result: Result) -> Result:
        """Record a module's result, and return it without its warnings."""
        self.warn(result.pop("warnings", []))
        if result["changed"]:
            self.change(step, result["diff"])
        return result

    def change(self, step: str, diff: Result) -> None:
        """Record a change. A second change of a step keeps the first `before`."""
        first = self.diffs.get(step) or diff
        self.diffs[step] = {"before": first["before"], "after": diff["after"]}

    def warn(self, warnings: list[str]) -> None:
        self.warnings += [text for text in warnings if text not in self.warnings]

    def diff(self) -> list[Result]:
        """The diffs as Ansible shows them with --diff."""
        return [{"before_header": step, "after_header": step, **diff} for step, diff in sorted(self.diffs.items())]


@dataclass(frozen=True)
class EndpointResult:
    """How a run ended for one endpoint.

    :ivar msg: what happened, as a sentence. :ivar action: none, created, modified, recreated or deleted; None without a plan.
    :ivar endpoint_arn: None where there is no endpoint yet. :ivar external_id_state: TRUSTED, PENDING or NOT_USED.
    :ivar connection_status: the status in DMS, or "unverified". :ivar differences: names of settings that differ, or differed before.
    :ivar findings: the drift, as sentences. :ivar foreign: what others added to the role, as sentences.
    :ivar postponed: whether the endpoint is postponed to a later play.
    """

    msg: str
    changed: bool = False
    failed: bool = False
    action: str | None = None
    endpoint_arn: str | None = None
    external_id_state: str | None = None
    role_arn: str | None = None
    connection_status: str | None = None
    differences: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    diff: tuple[Result, ...] = ()
    warnings: tuple[str, ...] = ()
    postponed: bool = False

    def as_result(self) -> Result:
        """As types of JSON, as a module returns it for each host."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
