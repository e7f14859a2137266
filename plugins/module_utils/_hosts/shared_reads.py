# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What many hosts have in common, read once for all of them: accounts with their clients, and whatever is asked of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._access import role_info
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account, assume_role_problem
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, DatalakeError, explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Connection, Host
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_account import SharedAccount


class SharedReads:
    """What was read, each once, by whichever thread came first; a read that failed fails for each host that needs it, and for no other."""

    def __init__(self) -> None:
        self._answers: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}

    def read_once(self, what: list[Any], read: Callable[[], Any]) -> Any:
        """The answer to `what`, a description in JSON's types, by the first of those who want it."""
        key = json.dumps(what, sort_keys=True, default=str)
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._answers:
                try:
                    self._answers[key] = read()
                except CALL_ERRORS as error:
                    self._answers[key] = error
        if isinstance(self._answers[key], Exception):
            raise self._answers[key]
        return self._answers[key]

    def failures(self) -> list[str]:
        """A sentence for each read that failed."""
        return sorted({explain(answer) for answer in self._answers.values() if isinstance(answer, Exception)})

    def account(self, connection: Connection) -> SharedAccount:
        """The account of a connection.

        :raises DatalakeError: options that can't be.
        """
        account: SharedAccount = self.read_once(["account", asdict(connection)], lambda: _account(connection))
        return account

    def role_names(self, connection: Connection, path: str) -> set[str]:
        """Names of the roles of an account under a path."""
        key = ["roles", asdict(connection), path]
        names: set[str] = self.read_once(key, lambda: _role_names(self.account(connection), path))
        return names

    def journals(self, host: Host) -> set[str]:
        """The keys of all journals where the host's is, if that is a bucket."""
        dms, bucket, prefix = host.dms, host.replacement["journal_bucket"], host.replacement["journal_prefix"]
        if not bucket:
            return set()
        keys: set[str] = self.read_once(
            ["journals", asdict(dms), bucket, prefix], lambda: _journal_keys(self.account(dms), bucket, prefix)
        )
        return keys


def _account(connection: Connection) -> SharedAccount:
    params = validated({}, connection.options())
    problem = assume_role_problem(params)
    if problem:
        raise DatalakeError(message=problem)
    return SharedAccount(params)


def _role_names(account: Account, path: str) -> set[str]:
    return {role["RoleName"] for role in role_info.list_roles(account.client("iam"), path)}


@AWSErrorHandler.common_error_handler("list the journals")
def _journal_keys(account: Account, bucket: str, prefix: str) -> set[str]:
    owner = {"Bucket": bucket, "ExpectedBucketOwner": account.identity.account_id}
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(**owner, Prefix=prefix.strip("/"))
    return {item["Key"] for item in pages.build_full_result().get("Contents", [])}
