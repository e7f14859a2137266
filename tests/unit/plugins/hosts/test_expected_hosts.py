# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.datalake.dms.plugins.filter.expected_hosts import FilterModule

expected_hosts = FilterModule().filters()["expected_hosts"]
GROUPS = {"all": ["crm", "erp", "bastion"], "s3_endpoints": ["crm", "erp"], "nobody": []}


@pytest.mark.parametrize("limited", [None, ["crm"], ["crm", "bastion"]])
def test_group_with_hosts(limited):
    assert expected_hosts("s3_endpoints", GROUPS, limited) == "s3_endpoints"


@pytest.mark.parametrize(
    ("group", "limited", "said"),
    [
        ("nobody", None, "The inventory has no host in the group nobody; name the right inventory with -i"),
        ("s3_endpoint", None, "The inventory has no host in the group s3_endpoint;"),
        ("s3_endpoints", ["bastion"], "--limit leaves no host of the group s3_endpoints; correct it"),
        ("s3_endpoints", [], "--limit leaves no host"),
    ],
)
def test_no_host_is_an_error_unless_it_is_meant(group, limited, said):
    with pytest.raises(AnsibleFilterError) as error:
        expected_hosts(group, GROUPS, limited)
    assert said in str(error.value)
    assert "set s3_endpoint_allow_empty=true if that is meant" in str(error.value)
    assert expected_hosts(group, GROUPS, limited, allow_empty=True) == group
