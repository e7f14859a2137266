# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections: the results of connection tests, one function for each call."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import PAGE_SIZE, filters


@DmsErrorHandler.list_error_handler("describe the connection")
def describe_connection(client: Any, endpoint_arn: str, replication_instance_arn: str) -> dict[str, Any] | None:
    """The connection of an endpoint and an instance; None where it was never tested."""
    wanted = filters(endpoint_arn=endpoint_arn, replication_instance_arn=replication_instance_arn)
    found = client.describe_connections(Filters=wanted)["Connections"]
    return found[0] if found else None


@DmsErrorHandler.list_error_handler("list the connections", [])
def list_connections(client: Any, **wanted: str) -> list[dict[str, Any]]:
    """All connections that pass the filters, such as replication_instance_arn."""
    pages = client.get_paginator("describe_connections").paginate(
        Filters=filters(**wanted), PaginationConfig={"PageSize": PAGE_SIZE}
    )
    return list(pages.build_full_result()["Connections"])
