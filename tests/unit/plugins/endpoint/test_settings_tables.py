# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each table of settings, compared with the model of the botocore that is installed, and with the documentation of its suboptions.

A new table is one line in TABLES.
"""

from __future__ import annotations

import importlib

import botocore.session
import pytest
import yaml
from ansible.module_utils.common.dict_transformations import _camel_to_snake
from ansible_collections.datalake.dms.plugins.module_utils._core.settings import MODIFY, RECREATE, REFUSE, argument_spec
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_settings

MODEL = botocore.session.get_session().get_service_model("dms")
TYPES = {"string": "str", "boolean": "bool", "integer": "int"}

# Table, the members that have no option, and the module that documents the options.
TABLES = {
    "S3Settings": (s3_settings.TABLE, s3_settings.SOURCE_ONLY_MEMBERS, "dms_s3_endpoint"),
}
REQUIRED = {"S3Settings": {"service_access_role_arn", "bucket_name"}}
SETTINGS = [(shape, name) for shape, (table, _without, _module) in TABLES.items() for name in table.settings]
FOR_EACH_SETTING = pytest.mark.parametrize(("shape", "name"), SETTINGS)
FOR_EACH_TABLE = pytest.mark.parametrize("shape", TABLES)


def members_of(shape):
    return MODEL.shape_for(shape).members


def setting_of(shape, name):
    return TABLES[shape][0].settings[name]


def description_of(shape, name):
    """The documentation of a suboption, as one text."""
    table, _without, module = TABLES[shape]
    documentation = importlib.import_module(f"ansible_collections.datalake.dms.plugins.modules.{module}").DOCUMENTATION
    suboptions = yaml.safe_load(documentation)["options"][table.option]["suboptions"]
    description = suboptions[name]["description"]
    return description if isinstance(description, str) else " ".join(description)


@FOR_EACH_TABLE
def test_each_member_has_an_option_or_is_named_as_having_none(shape):
    table, without, _module = TABLES[shape]
    assert table.member == shape
    assert {s.member for s in table.settings.values()} == set(members_of(shape)) - without
    assert set(members_of(shape)) >= without


@FOR_EACH_SETTING
def test_option_is_the_member(shape, name):
    setting = setting_of(shape, name)
    member = members_of(shape)[setting.member]
    assert name == _camel_to_snake(setting.member)
    assert setting.type == TYPES[member.type_name]
    # The model writes dates in capitals and everything else in small letters; so do we.
    assert sorted(setting.values) == sorted(getattr(member, "enum", []))
    assert setting.secret is bool(member.metadata.get("sensitive"))


@FOR_EACH_SETTING
def test_rules_of_a_setting_name_what_there_is(shape, name):
    table, setting = TABLES[shape][0], setting_of(shape, name)
    if setting.values and setting.default:
        assert setting.default in setting.values
    if setting.only_with:
        other, value = setting.only_with
        assert value in table.settings[other].values
    actions = setting.on_change if isinstance(setting.on_change, dict) else {None: setting.on_change}
    assert set(actions.values()) <= {MODIFY, RECREATE, REFUSE}
    assert setting.values == () or set(actions) <= {None, *setting.values}


@FOR_EACH_TABLE
def test_argument_spec_has_types_and_no_default(shape):
    table = TABLES[shape][0]
    spec = argument_spec(table)
    assert {name for name, option in spec.items() if option.get("required")} == REQUIRED[shape]
    assert {name: option["type"] for name, option in spec.items()} == {n: s.type for n, s in table.settings.items()}
    assert all("default" not in option for option in spec.values())


@FOR_EACH_SETTING
def test_documentation_says_what_the_table_says(shape, name):
    table, setting = TABLES[shape][0], setting_of(shape, name)
    description = description_of(shape, name)
    values = ", ".join(f"V({value})" for value in setting.values)
    enum = f"One of {values}, in any case and with C(-) or C(_)."
    assert (enum in description) if values else ("One of V(" not in description)
    other, value = setting.only_with or ("", "")
    needed = f"For O({table.option}.{other}={value}) only."
    assert (needed in description) if other else (f"For O({table.option}." not in description)
