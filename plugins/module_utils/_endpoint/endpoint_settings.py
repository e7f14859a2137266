# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of an endpoint of any engine: those of its table, and extra connection attributes. Pure.

The API takes a setting as a member of the engine's structure, or as `key=value` in ExtraConnectionAttributes. Some attributes are not a member. AWS
returns members in both places. In this file, an endpoint is an item of DescribeEndpoints.
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

_REMEDY = "change one of them, or set settings_conflicts=warn to send both"


@dataclass(frozen=True)
class Engine:
    """One engine: its table, and rules that a table can't express.

    impossible: canonical options -> what can't work, as sentences. forbidden: canonical options -> what AWS's user guide forbids though the API
    accepts it, as pairs of the option and what is wrong with it; in addition to `tables.misplaced`.
    """

    table: Table
    impossible: Callable[[dict[str, Any]], list[str]]
    forbidden: Callable[[dict[str, Any]], list[tuple[str, str]]]


@dataclass(frozen=True)
class DesiredSettings:
    """The declared settings: members as the API takes them, and extra connection attributes that are not a member.

    `warnings`: conflicts with settings in extra_connection_attributes, or all conflicts with settings_conflicts=warn.
    """

    settings: dict[str, Any]
    attributes: dict[str, str]
    warnings: tuple[str, ...] = ()


def desired_settings(
    engine: Engine, suboptions: dict[str, Any], extra_connection_attributes: str | None, conflicts: str
) -> DesiredSettings:
    """Merge suboptions and extra connection attributes, and check them.

    :param suboptions: the settings; None means not set.
    :param extra_connection_attributes: AWS's text form, `key=value;key=value`, or None.
    :param conflicts: "fail" or "warn": what to do with a combination that the user guide forbids.
    :raises DatalakeError: invalid values or combinations, one sentence each.
    """
    table = engine.table
    given = tables.canonical_options(table, suboptions)
    from_attributes, others = _split_attributes(table, parse_attributes(extra_connection_attributes))
    _refuse(_contradictions(table, given, from_attributes))
    options = {**from_attributes, **given}
    _refuse(engine.impossible(options))
    forbidden = [*tables.misplaced(table, options), *engine.forbidden(options)]
    # A CSV attribute of a parquet endpoint has no effect, and many endpoints that were created by hand have one.
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
        warnings=tuple(f"{mix}; it is sent nevertheless." for _name, mix in forbidden),
    )


def differences(table: Table, desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Declared settings that differ in AWS: option (or attribute) -> (present, desired).

    Undeclared settings are not compared, so defaults that AWS fills in are not a difference.
    """
    found = tables.differences(table, desired.settings, endpoint.get(table.member) or {})
    present = {key.lower(): value for key, value in _attributes(table, endpoint).items()}
    found.update(
        {
            key: (present.get(key.lower()), value)
            for key, value in desired.attributes.items()
            if present.get(key.lower()) != value
        }
    )
    return found


def superfluous(table: Table, desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Undeclared settings of an endpoint that differ from the default: option (or attribute) -> (present, default)."""
    return {
        **tables.superfluous(table, desired.settings, endpoint.get(table.member) or {}),
        **{key: (value, None) for key, value in _carried_over_attributes(table, desired, endpoint).items()},
    }


def carried_over(
    table: Table, desired: DesiredSettings, endpoint: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Undeclared members and attributes of an endpoint that differ from the default."""
    return (
        tables.carried_over(table, desired.settings, endpoint.get(table.member) or {}),
        _carried_over_attributes(table, desired, endpoint),
    )


def _carried_over_attributes(table: Table, desired: DesiredSettings, endpoint: dict[str, Any]) -> dict[str, str]:
    """Undeclared attributes that are no member. AWS also writes the members into the text, those without an option among them."""
    members = {*table.without_option, *(endpoint.get(table.member) or {})}
    set_already = {key.lower() for key in (*desired.attributes, *members, *table.option_of_attribute)}
    return {key: value for key, value in _attributes(table, endpoint).items() if key.lower() not in set_already}


def _attributes(table: Table, endpoint: dict[str, Any]) -> dict[str, str]:
    return read_attributes(endpoint.get("ExtraConnectionAttributes"), endpoint.get(table.member))


def _split_attributes(table: Table, attributes: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Attributes that are settings, as canonical options, and the rest."""
    names = {
        key: table.option_of_attribute[key.lower()] for key in attributes if key.lower() in table.option_of_attribute
    }
    return (
        tables.canonical_options(table, {name: attributes[key] for key, name in names.items()}),
        {key: value for key, value in attributes.items() if key not in names},
    )


def _contradictions(table: Table, given: dict[str, Any], from_attributes: dict[str, Any]) -> list[str]:
    """The settings that the option and extra_connection_attributes give with different values, as sentences."""
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
