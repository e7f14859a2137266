# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account that many hosts share. DMS is polled once for all of them, and their changes of a policy are written together."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._dms.shared_polling import SharedPolling
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_writes import SharedWrites


class SharedAccount(Account):
    """An account for the threads of many hosts.

    :ivar policy_writes: writes the policies of its buckets and keys.
    """

    def __init__(self, params: dict[str, Any]):
        super().__init__(params)
        self.policy_writes = SharedWrites()

    def _create_client(self, service: str, **overrides: Any) -> Any:
        client = super()._create_client(service, **overrides)
        return SharedPolling(client) if service == "dms" else client
