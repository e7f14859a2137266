# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quotas of DMS."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler


@DmsErrorHandler.common_error_handler("read the quotas of DMS")
def account_quotas(client: Any) -> list[dict[str, Any]]:
    """DescribeAccountAttributes: AccountQuotaName, Used and Max of each quota."""
    return list(client.describe_account_attributes()["AccountQuotas"])
