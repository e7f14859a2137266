# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's inputs: typed in meta/argument_specs.yml, with the defaults of defaults/main.yml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ENTRY_POINTS = {
    "s3_endpoint": [
        "main",
        "preflight",
        "verify",
        "remove",
        "unlock",
        "orphans",
        "prune",
        "step_by_step",
    ],
    "service_roles": ["main", "remove"],
    # Nothing of it is ever removed.
    "landing_bucket": ["main"],
    "deployer_access": ["main"],
}
TYPES = {"str": str, "bool": bool, "int": int, "float": float, "dict": dict, "list": list}
TYPES |= {"path": str, "raw": object}


def read(role, path):
    return yaml.safe_load((ROOT / "roles" / role / path).read_text()) or {}


@pytest.fixture(scope="module", params=ENTRY_POINTS)
def role(request):
    return request.param


@pytest.fixture(scope="module")
def specs(role):
    return read(role, "meta/argument_specs.yml")["argument_specs"]


@pytest.fixture(scope="module")
def defaults(role):
    return read(role, "defaults/main.yml")


@pytest.fixture
def options(specs):
    """Those of all entry points, which have the same."""
    (options, *others) = [spec["options"] for spec in specs.values()]
    assert all(other.items() <= options.items() for other in others)
    return options


def test_entry_points_have_their_tasks(role, specs):
    assert sorted(specs) == sorted(ENTRY_POINTS[role])
    assert all((ROOT / f"roles/{role}/tasks/{name}.yml").is_file() for name in specs)


def test_every_role_is_tested():
    assert sorted(ENTRY_POINTS) == sorted(path.name for path in (ROOT / "roles").iterdir())


def test_every_default_is_an_option_of_main(specs, defaults):
    assert set(defaults) <= set(specs["main"]["options"])


def test_each_option_is_described_and_typed(options):
    assert [name for name, option in options.items() if not option.get("description")] == []
    assert [name for name, option in options.items() if option.get("type") not in TYPES] == []


def test_each_option_has_the_role_as_prefix(role, options):
    assert [name for name in options if not name.startswith(f"{role}_")] == []


def test_option_is_required_or_has_its_default_in_the_role(options, defaults):
    """A default stands in defaults/main.yml; where the spec repeats it, it is the same."""
    differing = {
        name: option.get("default")
        for name, option in options.items()
        if "default" in option and option["default"] != defaults.get(name)
    }
    assert differing == {}
    assert [name for name, option in options.items() if option.get("required") and name in defaults] == []
    assert [name for name, option in options.items() if not option.get("required") and name not in defaults] == []


def test_default_has_the_type_of_its_option(options, defaults):
    wrong = {
        name: value
        for name, value in defaults.items()
        if name in options
        and not (isinstance(value, str) and "{{" in value)
        and not isinstance(value, TYPES[options[name]["type"]])
    }
    assert wrong == {}


def test_default_is_one_of_the_choices(options, defaults):
    chosen = {
        n: (o, defaults.get(n)) for n, o in options.items() if o.get("choices") and "{{" not in str(defaults.get(n))
    }
    assert [n for n, (o, v) in chosen.items() if not set(v if isinstance(v, list) else [v]) <= set(o["choices"])] == []


def test_choices_are_those_of_the_module_behind():
    from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement
    from ansible_collections.datalake.dms.plugins.modules import (
        dms_connection_test,
        dms_crossaccount_role,
        dms_s3_endpoint,
    )

    main = read("s3_endpoint", "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    for name, spec, option in (
        ("s3_endpoint_settings_conflicts", dms_s3_endpoint, "settings_conflicts"),
        ("s3_endpoint_test", dms_connection_test, "test"),
        ("s3_endpoint_accept", endpoint_replacement, "accept"),
    ):
        assert main[name]["choices"] == spec.ARGUMENT_SPEC[option]["choices"]
    trusts = dms_crossaccount_role.ARGUMENT_SPEC["bootstrap_trust"]["choices"]
    assert main["s3_endpoint_bootstrap_trust"]["choices"] == ["auto", *trusts]
