# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings out of a table, with a made-up one: what the functions do follows from the table alone."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core import settings
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.settings import (
    ID_OR_ARN,
    RECREATE,
    REFUSE,
    REFUSED,
    VALUE,
    Setting,
    Table,
)

OVEN = Table(
    "oven_settings",
    "OvenSettings",
    {
        "fuel": Setting("Fuel", values=("gas", "wood-fire"), default="gas", on_change={"wood-fire": RECREATE}),
        "heat": Setting("Heat", "int", default=180),
        "steam": Setting("Steam", "bool", default=False),
        "label": Setting("Label", empty=VALUE),
        "name": Setting("Name", empty=REFUSED),
        "size": Setting("Size", required=True, on_change=REFUSE),
        "doors": Setting("Doors", "int", on_change=RECREATE),
        "logs": Setting("Logs", "int", only_with=("fuel", "wood-fire")),
        "bellows": Setting("Bellows", "bool", only_with=("fuel", "wood-fire")),
        "key": Setting("Key", kind=ID_OR_ARN),
        "pin": Setting("Pin", secret=True),
    },
)


def test_argument_spec():
    spec = settings.argument_spec(OVEN)
    assert spec["size"] == {"type": "str", "required": True}
    assert spec["pin"] == {"type": "str", "no_log": True}
    assert spec["fuel"] == {"type": "str"}
    assert spec["heat"] == {"type": "int"}
    assert list(spec) == list(OVEN.settings)


@pytest.mark.parametrize(
    ("desired", "present", "differing"),
    [
        ({"Key": "k"}, {"Key": ""}, ["key"]),
        ({"Label": ""}, {}, ["label"]),
        ({"Label": ""}, {"Label": ""}, []),
        ({"Label": "a"}, {"Label": ""}, ["label"]),
        ({"Name": "a"}, {"Name": ""}, ["name"]),
        # What AWS shows for a member that is not set.
        ({"Fuel": "gas", "Heat": 180}, {"Fuel": "", "Heat": ""}, []),
        # Of a former resource: without an option, and empty.
        ({"Colour": "red", "Name": ""}, {"Colour": "blue"}, ["Colour"]),
        ({"Colour": "red"}, {"Colour": "red", "Name": ""}, []),
    ],
    ids=str,
)
def test_empty_is_the_same_as_absent_unless_it_is_a_value(desired, present, differing):
    assert list(settings.differences(OVEN, desired, present)) == differing


def test_empty_is_not_carried_over():
    assert settings.carried_over(OVEN, {}, {"Key": "", "Name": "", "Label": "", "Fuel": ""}) == {"Label": ""}


def test_empty_text_that_breaks_a_task_is_refused():
    with pytest.raises(DatalakeError, match=r"oven_settings\.name is empty, .*; give a value or leave it out"):
        settings.canonical_options(OVEN, {"name": ""})


def test_value_that_the_table_does_not_know_is_kept():
    """AWS has it, so it is a value."""
    present = {"Fuel": "nuclear", "Doors": "many"}
    assert settings.carried_over(OVEN, {}, present) == present
    returned = {**present, "Colour": "red", "Name": "", "Steam": "false"}
    assert settings.as_returned(OVEN, {**returned, "Fuel": "WOOD_FIRE"}) == {
        **returned,
        "Fuel": "wood-fire",
        "Steam": False,
    }


def test_names_of_both_sides():
    assert settings.to_options(OVEN, {"Heat": 200, "Colour": "red"}) == {"heat": 200}
    assert settings.to_members(OVEN, {"heat": 200, "colour": "red"}) == {"Heat": 200}
    assert OVEN.option_of["Fuel"] == "fuel"
    assert OVEN.option_of_attribute["fuel"] == "fuel"


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ({"fuel": "WOOD_FIRE"}, {"fuel": "wood-fire"}),
        ({"heat": "200", "steam": "yes"}, {"heat": 200, "steam": True}),
        ({"heat": 0, "steam": False}, {"heat": 0, "steam": False}),
        ({"fuel": None, "heat": None}, {}),
        ({"size": "", "label": ""}, {"label": ""}),
        ({}, {}),
    ],
)
def test_options_that_are_given(given, canonical):
    assert settings.canonical_options(OVEN, given) == canonical


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fuel", "coal", "oven_settings.fuel=coal must be one of gas, wood-fire; correct it."),
        ("heat", "hot", "oven_settings.heat=hot must be a whole number; correct it."),
        ("steam", "some", "oven_settings.steam=some must be true or false; correct it."),
    ],
)
def test_value_that_the_setting_does_not_have_is_refused(name, value, message):
    with pytest.raises(DatalakeError) as error:
        settings.canonical_value(OVEN, name, value)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("name", "one", "other", "equal"),
    [
        ("fuel", "GAS", "gas", True),
        ("fuel", None, "gas", True),
        ("fuel", "Wood_Fire", "wood-fire", True),
        ("heat", None, 180, True),
        ("heat", 180, 181, False),
        ("label", "a\\tb", "a\tb", True),
        ("label", "a", "A", False),
        ("label", None, "", False),
        ("key", "arn:aws:kms:::key/1234", "1234", True),
        ("label", "x/1234", "1234", False),
    ],
)
def test_spellings_are_compared_by_what_the_table_says(name, one, other, equal):
    setting = OVEN.settings[name]
    assert (settings.fold(setting, one) == settings.fold(setting, other)) is equal


PRESENT = {"Fuel": "WOOD_FIRE", "Heat": 180, "Label": "old", "Colour": "red", "Pin": "1234"}


@pytest.mark.parametrize(
    ("desired", "found"),
    [
        ({}, {}),
        ({"Fuel": "wood-fire", "Heat": 180}, {}),
        ({"Heat": 200, "Doors": 2}, {"heat": (180, 200), "doors": (None, 2)}),
        ({"Steam": False}, {}),
        ({"Steam": True}, {"steam": (None, True)}),
        ({"Pin": "9999"}, {}),
    ],
)
def test_only_what_is_wanted_differs(desired, found):
    assert settings.differences(OVEN, desired, PRESENT) == found


def test_what_nobody_declares_is_carried_over_as_the_model_spells_it():
    assert settings.carried_over(OVEN, {}, PRESENT) == {"Fuel": "wood-fire", "Label": "old"}
    assert settings.carried_over(OVEN, {"Label": "new"}, PRESENT) == {"Fuel": "wood-fire"}
    assert settings.carried_over(OVEN, {}, {}) == {}


def test_what_nobody_declares_is_superfluous_and_has_its_default_instead():
    assert settings.superfluous(OVEN, {}, PRESENT) == {"fuel": ("wood-fire", "gas"), "label": ("old", None)}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"logs": 3}, ["logs"]),
        ({"logs": 3, "fuel": "gas"}, ["logs"]),
        ({"logs": 3, "bellows": True}, ["logs", "bellows"]),
        ({"logs": 3, "fuel": "wood-fire"}, []),
        ({"bellows": False}, []),
        ({"heat": 200}, []),
    ],
)
def test_option_without_the_one_it_goes_with(options, names):
    found = settings.misplaced(OVEN, options)
    assert [name for name, _sentence in found] == names
    for name, sentence in found:
        assert sentence == f"oven_settings.{name} is for fuel=wood-fire only, and fuel is gas"


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ()),
        ({"heat": (180, 200)}, ()),
        ({"fuel": ("wood-fire", "gas")}, ()),
        ({"fuel": ("gas", "wood-fire")}, ("AWS does not change fuel to wood-fire",)),
        ({"doors": (1, 2), "heat": (1, 2)}, ("AWS does not change doors",)),
        ({"size": ("small", "large")}, ()),
        ({"an attribute": ("1", "2")}, ()),
    ],
)
def test_reasons_to_recreate_are_in_the_table(changes, reasons):
    assert settings.reasons_to_recreate(OVEN, changes) == reasons


def test_change_that_the_table_refuses():
    settings.refuse_changes(OVEN, "oven", {"fuel": ("gas", "wood-fire"), "an attribute": ("1", "2")})
    with pytest.raises(DatalakeError) as error:
        settings.refuse_changes(OVEN, "oven", {"size": ("small", "large"), "heat": (180, 200)})
    assert (
        error.value.message
        == "The oven exists, and AWS does not change size; declare the present value, or choose another name."
    )


def test_secrets_are_hidden():
    shown = settings.hide_secrets(OVEN, {"pin": "1234", "heat": 200, "an attribute": "1"})
    assert shown == {"pin": "********", "heat": 200, "an attribute": "1"}
    assert settings.hide_secrets(OVEN, {"pin": None}) == {"pin": None}
