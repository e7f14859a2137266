# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replication instances, one function for each call."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DmsErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters


@DmsErrorHandler.list_error_handler("describe the replication instance")
def describe_instance(client: Any, arn: str) -> dict[str, Any] | None:
    found = client.describe_replication_instances(Filters=filters(replication_instance_arn=arn))["ReplicationInstances"]
    return found[0] if found else None


@DmsErrorHandler.list_error_handler("list the replication instances", [])
def list_instances(client: Any) -> list[dict[str, Any]]:
    """All replication instances of the account in the client's region."""
    pages = client.get_paginator("describe_replication_instances").paginate()
    return list(pages.build_full_result()["ReplicationInstances"])
