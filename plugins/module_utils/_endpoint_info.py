# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All S3 target endpoints of an account and region, in few calls."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils import _dms
from ansible_collections.datalake.dms.plugins.module_utils._account import Account
from ansible_collections.datalake.dms.plugins.module_utils._endpoint_plan import endpoint_view, is_s3_target


def ensure(account: Account, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Read the endpoints and their tags.

    :param params: the options of dms_s3_endpoint_info.
    :returns: the module's result: changed, endpoints (sorted by identifier).
    :raises AnsibleAWSError: a call failed.
    """
    client = account.client("dms")
    endpoints = [endpoint for endpoint in _found(client, params["endpoint_identifiers"]) if is_s3_target(endpoint)]
    tags = _dms.list_tags_of(client, [endpoint["EndpointArn"] for endpoint in endpoints])
    views = [endpoint_view(endpoint, tags[endpoint["EndpointArn"]]) or {} for endpoint in endpoints]
    return {"changed": False, "endpoints": sorted(views, key=lambda view: str(view["endpoint_identifier"]))}


def _found(client: Any, identifiers: list[str] | None) -> list[dict[str, Any]]:
    kind = {"engine_name": "s3", "endpoint_type": "target"}
    if identifiers is None:
        return _dms.list_endpoints(client, **kind)
    wanted = sorted({identifier.lower() for identifier in identifiers})
    pages = [wanted[start : start + _dms.PAGE_SIZE] for start in range(0, len(wanted), _dms.PAGE_SIZE)]
    return [endpoint for page in pages for endpoint in _dms.list_endpoints(client, **kind, endpoint_id=page)]
