# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the control API; standard library only, so that any process can use it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Collection
from typing import Any

CONTROL_PATH = "/_embedded/"

# How the names of operations begin that change nothing, for who reads the journal.
READS = ("Describe", "Get", "List", "Head", "AssumeRole", "Validate")


class ControlError(Exception):
    """The server refused a control request; the message says why."""


class Control:
    """Steers the server at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def reset(self) -> None:
        """Back to how the server started: the automation's user, and the landscape that was given then."""
        self._post("reset")

    def seed(self, landscape: dict[str, Any]) -> None:
        """Add accounts with what they hold; see landscape.py for the shape."""
        self._post("seed", landscape=landscape)

    def set_switches(self, account_id: str, **switches: Any) -> None:
        """Set switches of an account; see switches.py for the names and values."""
        self._post("set_switches", account_id=account_id, switches=switches)

    def get_switches(self, account_id: str) -> dict[str, Any]:
        """All switches of an account, also those that were never set."""
        return dict(self._post("get_switches", account_id=account_id)["switches"])

    def add_tags(self, account_id: str, region: str, arn: str, tags: dict[str, str]) -> None:
        """Tag a resource of DMS, also with keys that the API reserves, such as `aws:cloudformation:stack-name`."""
        self._post("add_tags", account_id=account_id, region=region, arn=arn, tags=tags)

    def fail_task(self, account_id: str, region: str, arn: str) -> None:
        """Have a replication task fail, as DMS says of one that met an error that it can't recover from."""
        self._post("fail_task", account_id=account_id, region=region, arn=arn)

    def add_fault(self, **fault: Any) -> None:
        """Inject a fault; see faults.py for the members."""
        self._post("add_fault", fault=fault)

    def clear_faults(self, accounts: Collection[str] | None = None) -> None:
        """Forget all faults, or those of some accounts."""
        self._post("clear_faults", accounts=None if accounts is None else list(accounts))

    def journal(self) -> list[dict[str, Any]]:
        """The AWS requests so far; see journal.py for the members of an entry."""
        return list(self._post("journal")["journal"])

    def clear_journal(self) -> None:
        self._post("clear_journal")

    def authorizations(self) -> list[dict[str, Any]]:
        """What the sessions of roles asked for since the journal was cleared; see authorization.py for the members."""
        return list(self._post("authorizations")["authorizations"])

    def state(self, account_id: str) -> dict[str, Any]:
        """What an account holds in DMS and IAM; see World.state."""
        return self._post("state", account_id=account_id)

    def dump(self, account_id: str) -> dict[str, Any]:
        """All of an account as JSON for `restore`; see World.dump."""
        return self._post("dump", account_id=account_id)

    def restore(self, account_id: str, dumped: dict[str, Any]) -> None:
        """Put what `dump` gave into an account that holds nothing: every id, ARN and date is as it was."""
        self._post("restore", account_id=account_id, dumped=dumped)

    def environ(self) -> dict[str, str]:
        """The automation's credentials as environment variables."""
        return dict(self._post("environ")["environ"])

    def pid(self) -> int:
        """The process id of the server."""
        return int(self._post("pid")["pid"])

    def _post(self, action: str, **content: Any) -> dict[str, Any]:
        body = json.dumps(content).encode()
        request = urllib.request.Request(f"{self._url}{CONTROL_PATH}{action}", body)  # noqa: S310 loopback
        # A proxy of the environment must not get loopback requests.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            raise ControlError(json.load(error)["message"]) from error
