# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serverless replications (replication configs), one function for each call."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler


def list_replication_configs(client: Any, endpoint_arn: str) -> list[dict[str, Any]]:
    """The serverless replication configs that use an endpoint; DMS has no filter by endpoint."""
    configs = list_all_replication_configs(client)
    return [c for c in configs if endpoint_arn in (c.get("SourceEndpointArn"), c.get("TargetEndpointArn"))]


@DmsErrorHandler.list_error_handler("list the serverless replications", [])
def list_all_replication_configs(client: Any) -> list[dict[str, Any]]:
    """All serverless replication configs of the account in the client's region; botocore has no paginator."""
    configs: list[dict[str, Any]] = []
    marker: dict[str, str] = {}
    while True:
        page = client.describe_replication_configs(**marker)
        configs += page["ReplicationConfigs"]
        if not page.get("Marker"):
            return configs
        marker = {"Marker": page["Marker"]}
