# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of an endpoint of any engine: those of its table, and the extra connection attributes beside them. Pure.

The API has two ways of giving a setting: as a member of the engine's structure, and as `key=value` in ExtraConnectionAttributes, of
which some are no member. AWS shows the members in both. An endpoint is an item of DescribeEndpoints here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core import settings as tables
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import (
    parse_attributes,
    read_attributes,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.settings import Table

_REMEDY = "change one of them, or set settings_conflicts=warn to send both all the same"


@dataclass(frozen=True)
class Engine:
    """What one engine has of its own: the table, and the rules that a table can't say.

    impossible: canonical options -> what can't work, as sentences. forbidden: canonical options -> what AWS forbids though its API takes
    it, as pairs of the offending option and what is wrong with it; beside what `tables.misplaced` finds.
    """

    table: Table
    impossible: Callable[[dict[str, Any]], list[str]]
    forbidden: Callable[[dict[str, Any]], list[tuple[str, str]]]


@dataclass(frozen=True)
class DesiredSettings:
    """What the user wants: the members as the API takes them, and the extra connection attributes that are none of them.

    `warnings` are conflicts that came in through extra_connection_attributes, or that the user wants as warnings.
    """

    settings: dict[str, Any]
    attributes: dict[str, str]
    warnings: tuple[str, ...] = ()


def desired_settings(
    engine: Engine, suboptions: dict[str, Any], extra_connection_attributes: str | None, conflicts: str
) -> DesiredSettings:
    """Fold both ways of giving a setting into one, and check them.

    :param suboptions: the settings; None means not set.
    :param extra_connection_attributes: AWS's text form, `key=value;key=value`, or None.
    :param conflicts: "fail" or "warn": what becomes of settings that the guide forbids together.
    :raises DatalakeError: a value or a mix that can't be, all of them in one sentence each.
    """
    table = engine.table
    given = tables.canonical_options(table, suboptions)
    from_attributes, others = _split_attributes(table, parse_attributes(extra_connection_attributes))
    _refuse(_contradictions(table, given, from_attributes))
    options = {**from_attributes, **given}
    _refuse(engine.impossible(options))
    forbidden = [*tables.misplaced(table, options), *engine.forbidden(options)]
    # A CSV key in the attributes beside parquet is harmless and is found in many a hand-made endpoint.
    tolerated = {
        mix
        for name, mix in forbidden
        if name in from_attributes and name not in given and table.settings[name].only_with
    }
    if conflicts == "fail":
        _refuse([f"{mix}; {_REMEDY}." for _name, mix in forbidden if mix not in tolerated])
    return DesiredSettings(
        settings=tables.to_members(table, options),
        attributes=others,
        warnings=tuple(f"{mix}; it is sent all the same." for _name, mix in forbidden),
    )


def differences(table: Table, desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What the user set and AWS has otherwise: option (or attribute) -> (present, desired).

    Only keys that the user set count, so that whatever default AWS fills in is no change.
    """
    found = tables.differences(table, desired.settings, endpoint.get(table.member) or {})
    present = {key.lower(): value for key, value in read_attributes(endpoint.get("ExtraConnectionAttributes")).items()}
    found.update(
        {
            key: (present.get(key.lower()), value)
            for key, value in desired.attributes.items()
            if present.get(key.lower()) != value
        }
    )
    return found


def superfluous(table: Table, desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What an endpoint has and nobody declares any more: option (or attribute) -> (present, what it is by itself)."""
    return {
        **tables.superfluous(table, desired.settings, endpoint.get(table.member) or {}),
        **{key: (value, None) for key, value in _carried_over_attributes(table, desired, endpoint).items()},
    }


def carried_over(
    table: Table, desired: DesiredSettings, endpoint: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Members and attributes that an endpoint has, the user does not set, and a new endpoint would not have by itself."""
    return (
        tables.carried_over(table, desired.settings, endpoint.get(table.member) or {}),
        _carried_over_attributes(table, desired, endpoint),
    )


def _carried_over_attributes(table: Table, desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, str]:
    set_already = {key.lower() for key in desired.attributes} | set(table.option_of_attribute)
    attributes = read_attributes(endpoint.get("ExtraConnectionAttributes"))
    return {key: value for key, value in attributes.items() if key.lower() not in set_already}


def _split_attributes(table: Table, attributes: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Attributes that are settings, as canonical options, and the rest."""
    names = {
        key: table.option_of_attribute[key.lower()] for key in attributes if key.lower() in table.option_of_attribute
    }
    return (
        {name: tables.canonical_value(table, name, attributes[key]) for key, name in names.items()},
        {key: value for key, value in attributes.items() if key not in names},
    )


def _contradictions(table: Table, given: dict[str, Any], from_attributes: dict[str, Any]) -> list[str]:
    """The settings that are given in both ways, with different values, as sentences."""
    option, attribute = tables.hide_secrets(table, given), tables.hide_secrets(table, from_attributes)
    return [
        f"{table.option}.{name}={option[name]} and extra_connection_attributes ({table.settings[name].member}={attribute[name]}) disagree; "
        "give it once."
        for name, value in from_attributes.items()
        if name in given and tables.fold(table.settings[name], given[name]) != tables.fold(table.settings[name], value)
    ]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise DatalakeError(message=" ".join(problems))
