# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endpoints, one function for each call."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import PAGE_SIZE, filters


@DmsErrorHandler.list_error_handler("describe the endpoint")
def describe_endpoint(client: Any, identifier: str) -> dict[str, Any] | None:
    """The endpoint of an identifier; None where AWS answers ResourceNotFoundFault or an empty list."""
    found = client.describe_endpoints(Filters=filters(endpoint_id=identifier))["Endpoints"]
    return found[0] if found else None


@DmsErrorHandler.list_error_handler("describe the endpoints", [])
def list_endpoints(client: Any, **wanted: str | list[str]) -> list[dict[str, Any]]:
    """All endpoints that pass the filters, such as engine_name; the values of one filter are alternatives."""
    pages = client.get_paginator("describe_endpoints").paginate(
        Filters=filters(**wanted), PaginationConfig={"PageSize": PAGE_SIZE}
    )
    return list(pages.build_full_result()["Endpoints"])
