# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module's ARGUMENT_SPEC says what its DOCUMENTATION says."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

import pytest
import yaml
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
from ansible_collections.datalake.dms.plugins.module_utils._core.account import ASSUME_ROLE_SPEC

ROOT = Path(__file__).parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
# They call nothing, so they have no connection options.
ON_THE_CONTROLLER = ["dms_host_result"]
CALLING = [name for name in MODULES if name not in ON_THE_CONTROLLER]
COLLECTIONS = "ansible_collections"
# What goes without saying.
USUAL = {"type": "str", "required": False, "elements": None, "choices": None, "aliases": []}


def module_of(name):
    return importlib.import_module(f"{COLLECTIONS}.datalake.dms.plugins.modules.{name}")


def fragment_options(reference):
    namespace, collection, name, *attribute = reference.split(".")
    module = importlib.import_module(f"{COLLECTIONS}.{namespace}.{collection}.plugins.doc_fragments.{name}")
    text = getattr(module.ModuleDocFragment(), attribute[0].upper() if attribute else "DOCUMENTATION")
    return yaml.safe_load(text).get("options", {})


@functools.cache
def documented_options(name):
    documentation = yaml.safe_load(module_of(name).DOCUMENTATION)
    options = dict(documentation["options"])
    for fragment in documentation["extends_documentation_fragment"]:
        # Ansible's own say what a module supports, and have no options.
        if not fragment.startswith("ansible.builtin."):
            options |= fragment_options(fragment)
    return options


def full_spec(name):
    return {**aws_argument_spec(), **ASSUME_ROLE_SPEC, **module_of(name).ARGUMENT_SPEC}


def shape(option):
    """What documentation and spec both say of an option; lists sorted, sub-options by name."""
    told = {key: option.get(key, usual) for key, usual in USUAL.items()}
    nested = option.get("suboptions") or option.get("options")
    return {
        **told,
        "type": option.get("type", "str"),
        "default": option.get("default"),
        "choices": list(told["choices"]) if told["choices"] else None,
        "aliases": sorted(told["aliases"]),
        "options": {name: shape(sub) for name, sub in nested.items()} if nested else None,
    }


@pytest.mark.parametrize("name", CALLING)
def test_same_options(name):
    assert set(documented_options(name)) == set(full_spec(name))


@pytest.mark.parametrize(
    ("name", "option"), [(name, option) for name in CALLING for option in module_of(name).ARGUMENT_SPEC]
)
def test_option_is_documented_as_it_is(name, option):
    assert shape(documented_options(name)[option]) == shape(full_spec(name)[option])


@pytest.mark.parametrize("option", ASSUME_ROLE_SPEC)
def test_shared_option_is_documented_as_it_is(option):
    assert shape(fragment_options("datalake.dms.assume_role")[option]) == shape(ASSUME_ROLE_SPEC[option])


def test_what_calls_nothing_has_no_connection_options():
    assert {name: list(documented_options(name)) for name in ON_THE_CONTROLLER} == {
        "dms_host_result": ["result"],
    }


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_options_that_exist(name):
    calls = [
        (key.removeprefix("datalake.dms."), used or {})
        for task in yaml.safe_load(module_of(name).EXAMPLES)
        for key, used in task.items()
        if key.startswith("datalake.dms.")
    ]
    assert name in [module for module, _used in calls]
    for module, used in calls:
        documented = documented_options(module)
        known = {*documented, *(alias for option in documented.values() for alias in option.get("aliases", []))}
        assert set(used) <= known


def test_action_group_has_every_module_that_calls_aws():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert sorted(runtime["action_groups"]["dms"]) == CALLING


@pytest.mark.parametrize("name", MODULES)
def test_module_runs_in_the_controllers_process(name):
    assert (ROOT / f"plugins/action/{name}.py").is_file()


def test_there_are_modules():
    assert len(MODULES) == 16
