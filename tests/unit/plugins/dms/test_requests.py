# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How DMS wants a request spelled."""

from __future__ import annotations

from ansible_collections.datalake.dms.plugins.module_utils._dms.requests import filters


def test_filters_are_spelled_as_dms_wants_them():
    assert filters(endpoint_arn="a", replication_instance_arn="b") == [
        {"Name": "endpoint-arn", "Values": ["a"]},
        {"Name": "replication-instance-arn", "Values": ["b"]},
    ]
