# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All S3 target endpoints of an account and region, in few calls."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import list_endpoints
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import pages_of
from ansible_collections.datalake.dms.plugins.module_utils._dms.resource_tags import list_tags_of
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import endpoint_view, is_s3_target

# The most endpoints that a warning names. Where AWS uses one ExternalId per account, all of its endpoints share it.
_NAMES_SHOWN = 5

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {"endpoint_identifiers": {"type": "list", "elements": "str"}}


def ensure(account: Account, params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Read the endpoints and their tags.

    :param params: the options of dms_s3_endpoint_info.
    :returns: the module's result: changed, endpoints (sorted by identifier), shared_external_ids, warnings.
    :raises AnsibleAWSError: a call failed.
    """
    client = account.client("dms")
    endpoints = [endpoint for endpoint in _found(client, params["endpoint_identifiers"]) if is_s3_target(endpoint)]
    tags = list_tags_of(client, [endpoint["EndpointArn"] for endpoint in endpoints])
    views = [endpoint_view(endpoint, tags[endpoint["EndpointArn"]]) or {} for endpoint in endpoints]
    views.sort(key=lambda view: str(view["endpoint_identifier"]))
    shared = shared_external_ids(views)
    return {
        "changed": False,
        "endpoints": views,
        "shared_external_ids": shared,
        "warnings": [_shared_warning(one["endpoint_identifiers"]) for one in shared],
    }


def shared_external_ids(endpoints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ExternalIds that more than one endpoint has, each with its endpoints. Pure.

    :param endpoints: dictionaries with endpoint_identifier and external_id, sorted. :returns: {external_id, endpoint_identifiers}, sorted.
    """
    users = defaultdict(list)
    for endpoint in endpoints:
        if endpoint.get("external_id"):
            users[endpoint["external_id"]].append(endpoint["endpoint_identifier"])
    shared = [(names, external_id) for external_id, names in users.items() if len(names) > 1]
    return [{"external_id": external_id, "endpoint_identifiers": names} for names, external_id in sorted(shared)]


def _shared_warning(names: list[str]) -> str:
    some = ", ".join(names[:_NAMES_SHOWN]) + (
        f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    )
    return (
        f"The endpoints {some} have the same ExternalId, so it does not distinguish them; let the trusts of their roles also require "
        "aws:SourceAccount and aws:SourceArn (source_account and source_arn of dms_crossaccount_role; "
        "s3_endpoint_source_account_condition and s3_endpoint_source_arn_condition of the role s3_endpoint)."
    )


def _found(client: Any, identifiers: list[str] | None) -> list[dict[str, Any]]:
    kind = {"engine_name": "s3", "endpoint_type": "target"}
    if identifiers is None:
        return list_endpoints(client, **kind)
    wanted = sorted({identifier.lower() for identifier in identifiers})
    return [endpoint for page in pages_of(wanted) for endpoint in list_endpoints(client, **kind, endpoint_id=page)]
