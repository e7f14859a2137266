# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host declares, out of its variables: one of development versions is refused with what replaces it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.datalake.dms.plugins.plugin_utils._host_declaration import host_declaration


def declared(**variables):
    loader = DataLoader()
    return host_declaration(Templar(loader), loader, {"inventory_hostname": "crm", **variables})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("s3_endpoint_defer_replacement", "rename it to s3_endpoint_postpone_replacements."),
        ("s3_endpoint_survey", "deploy.yml always compares; remove it."),
    ],
)
def test_variable_of_before_says_what_replaces_it(name, advice):
    with pytest.raises(AnsibleError) as error:
        declared(**{name: True})
    assert str(error.value) == f"{name} is no longer a variable of the role: {advice}"


def test_all_variables_of_before_are_named():
    with pytest.raises(AnsibleError, match=r"s3_endpoint_defer_replacement is .*; s3_endpoint_survey is "):
        declared(s3_endpoint_survey=1, s3_endpoint_defer_replacement=1)
