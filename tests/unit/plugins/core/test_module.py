# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module runs: which values of its parameters are secret."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.module import secrets_in

SECRET = {"extra_connection_attributes": "password=hunter2"}
HOST = {"name": "crm", "endpoint": SECRET}


@pytest.mark.parametrize(
    ("params", "secrets"),
    [
        ({}, set()),
        (SECRET, {"hunter2"}),
        ({"hosts": [HOST]}, {"hunter2"}),
        ({"hosts": None, "other_hosts": None}, set()),
        ({"hosts": [], "other_hosts": {"hosts": [HOST], "problems": {}, "partial": ""}}, {"hunter2"}),
        ({"hosts": [{"name": "crm"}]}, set()),
    ],
    ids=str,
)
def test_secrets(params, secrets):
    assert secrets_in(params) == secrets
