# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of settings, compared with the shape S3Settings of the botocore that is installed."""

from __future__ import annotations

import botocore.session
import pytest
from ansible.module_utils.common.dict_transformations import _camel_to_snake
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import (
    SETTINGS,
    SOURCE_ONLY_MEMBERS,
    argument_spec,
)

MODEL = botocore.session.get_session().get_service_model("dms").shape_for("S3Settings")
TYPES = {"string": "str", "boolean": "bool", "integer": "int"}


def test_each_member_has_an_option_or_is_for_sources():
    assert {s.member for s in SETTINGS.values()} == set(MODEL.members) - SOURCE_ONLY_MEMBERS


def test_members_for_sources_exist():
    assert set(MODEL.members) >= SOURCE_ONLY_MEMBERS


@pytest.mark.parametrize("name", SETTINGS)
def test_option_is_the_member(name):
    setting = SETTINGS[name]
    shape = MODEL.members[setting.member]
    assert name == _camel_to_snake(setting.member)
    assert setting.type == TYPES[shape.type_name]
    # The model writes dates in capitals and everything else in small letters; so do we.
    assert sorted(setting.values) == sorted(getattr(shape, "enum", []))


@pytest.mark.parametrize("name", [n for n, s in SETTINGS.items() if s.values and s.default])
def test_default_of_an_enum_is_one_of_its_values(name):
    assert SETTINGS[name].default in SETTINGS[name].values


def test_argument_spec_wants_role_and_bucket_only():
    spec = argument_spec()
    assert {name for name, option in spec.items() if option.get("required")} == {
        "service_access_role_arn",
        "bucket_name",
    }
    assert {name: option["type"] for name, option in spec.items()} == {n: s.type for n, s in SETTINGS.items()}
    assert all("default" not in option for option in spec.values())
