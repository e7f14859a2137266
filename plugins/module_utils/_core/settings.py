# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of a resource from a table: argument spec, spellings, differences, values to keep. Pure.

A table describes each setting; the functions here know no setting by name. Settings have two forms:
*options* are {option name in snake_case: value}, as the user writes them; *members* are {member of the API's structure: value}, as
the API takes and returns them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

# What a change of a setting requires: the resource is modified or recreated, or the change is refused.
MODIFY, RECREATE, REFUSE = "modify", "recreate", "refuse"

# How a text is compared. TEXT: escaped and real `\n`, `\r` and `\t` are equal. ID_OR_ARN: by the last part, because AWS may return the id for an ARN.
TEXT, ID_OR_ARN = "text", "id_or_arn"

# What an empty string means: no value, a value, or a mistake.
UNSET, VALUE, REFUSED = "unset", "value", "refused"

# What is shown in place of a secret.
_HIDDEN = "********"


@dataclass(frozen=True)
class Setting:
    """One setting: a member of the API's structure, and the option for it.

    member: its name in the API. type: Ansible's (str, int or bool). values: of an enum, as the API's model spells them. default: AWS's default for
    a member that is not set; None without one.
    only_with: the option and the value without which it has no effect, such as a file format.
    on_change: MODIFY, RECREATE or REFUSE; or {new value: one of them}, with MODIFY for all other values.
    kind: how a text is compared, TEXT or ID_OR_ARN. secret: it is sent, but never returned, compared or shown.
    required: the option must be set. empty: what an empty string means, UNSET, VALUE or REFUSED. In a comparison, only VALUE differs from no value.
    """

    member: str
    type: str = "str"
    values: tuple[str, ...] = ()
    default: Any = None
    only_with: tuple[str, str] | None = None
    on_change: str | Mapping[Any, str] = MODIFY
    kind: str = TEXT
    secret: bool = False
    required: bool = False
    empty: str = UNSET


@dataclass(frozen=True)
class Table:
    """All settings of one kind of resource.

    option: the module's option with these suboptions, for error messages. member: the structure in the API.
    settings: option name -> setting. without_option: members of the structure that have no option.
    """

    option: str
    member: str
    settings: Mapping[str, Setting]
    without_option: frozenset[str] = frozenset()

    @functools.cached_property
    def option_of(self) -> dict[str, str]:
        """Member -> option name."""
        return {setting.member: name for name, setting in self.settings.items()}

    @functools.cached_property
    def option_of_attribute(self) -> dict[str, str]:
        """Member in small letters -> option name, for texts whose keys are case-insensitive."""
        return {setting.member.lower(): name for name, setting in self.settings.items()}


def argument_spec(table: Table) -> dict[str, dict[str, Any]]:
    """The suboptions. Enums are strings, because AWS spells them in more than one way; see canonical_value."""
    return {
        name: {
            "type": setting.type,
            **({"required": True} if setting.required else {}),
            **({"no_log": True} if setting.secret else {}),
        }
        for name, setting in table.settings.items()
    }


# Spellings


def to_options(table: Table, members: Mapping[str, Any]) -> dict[str, Any]:
    """Members as options. Members without an option are left out."""
    return {table.option_of[member]: value for member, value in members.items() if member in table.option_of}


def to_members(table: Table, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as members. Options that are not in the table are left out."""
    return {table.settings[name].member: value for name, value in options.items() if name in table.settings}


def canonical_options(table: Table, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set, with canonical values. None means not set; for an empty string see Setting.empty.

    :raises DatalakeError: an empty string that is a mistake; see canonical_value.
    """
    for name, value in options.items():
        if value == "" and table.settings[name].empty == REFUSED:
            raise DatalakeError(
                message=f"{table.option}.{name} is empty, which AWS accepts and tasks fail for; give a value or leave it out."
            )
    return {
        name: canonical_value(table, name, value)
        for name, value in options.items()
        if value is not None and (value != "" or table.settings[name].empty == VALUE)
    }


def as_returned(table: Table, members: Mapping[str, Any]) -> dict[str, Any]:
    """Members as the API returned them, to be sent again: with canonical values, or as they are if the table does not know them."""
    return {
        member: _canonical_or_same(table, table.option_of[member], value) if member in table.option_of else value
        for member, value in members.items()
    }


def canonical_value(table: Table, name: str, value: Any) -> Any:
    """An option's value in the spelling of the API's model: `GZIP` becomes gzip, `PARQUET_1_0` becomes parquet-1-0.

    :raises DatalakeError: the value has another type, or is not in the enum.
    """
    setting = table.settings[name]
    if setting.type == "bool":
        return _as_bool(table, name, value)
    if setting.type == "int":
        return _as_int(table, name, value)
    if not setting.values:
        return to_text(value)
    known = {_fold_enum(v): v for v in setting.values}
    if _fold_enum(value) not in known:
        shown = value if str(value).isprintable() else repr(value)
        raise DatalakeError(
            message=f"{table.option}.{name}={shown} must be one of {', '.join(setting.values)}; correct it."
        )
    return known[_fold_enum(value)]


def fold(setting: Setting, value: Any) -> Any:
    """A value for comparison: no value becomes the default; case and `-`/`_` of enums, escapes, and ids and their ARNs become equal."""
    if value is None or (value == "" and setting.empty != VALUE):
        value = setting.default
    if value is None:
        return None
    if setting.values:
        return _fold_enum(value)
    if setting.kind == ID_OR_ARN:
        return to_text(value).rsplit("/", 1)[-1]
    if setting.type == "str":
        return to_text(value).replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")
    return value


def hide_secrets(table: Table, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with hidden secrets. An option that is not in the table is shown as it is."""
    secrets = {name for name, setting in table.settings.items() if setting.secret}
    return {name: _HIDDEN if name in secrets and value else value for name, value in options.items()}


# Comparison


def differences(table: Table, desired: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Declared settings that differ: option (or member, if it has no option) -> (present value, desired value).

    Undeclared members are not compared, so defaults that AWS fills in are not a difference. Secrets are never compared: AWS does not return them.

    :param desired: members, canonical. :param present: members as the API returned them.
    """
    return {
        table.option_of.get(member, member): (present.get(member), value)
        for member, value in desired.items()
        if not _is_secret(table, member) and _differ(table, member, present.get(member), value)
    }


def carried_over(table: Table, desired: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Undeclared members of a resource that differ from the default, without secrets. Their values are canonical, or as they are if this table does
    not know them.

    :param desired: members that are declared. :param present: members as the API returned them.
    """
    return {
        member: _canonical_or_same(table, table.option_of[member], value)
        for member, value in present.items()
        if member in table.option_of
        and member not in desired
        and not _is_secret(table, member)
        and _differ(table, member, value, None)
    }


def superfluous(table: Table, desired: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Undeclared settings that differ from the default: option -> (present value, default)."""
    kept = to_options(table, carried_over(table, desired, present))
    return {name: (value, table.settings[name].default) for name, value in kept.items()}


# Rules of the table


def misplaced(table: Table, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Options that have no effect because another option has another value (see Setting.only_with): pairs of the option and a sentence.

    `false` is never misplaced.

    :param options: with canonical values. For an option that is not set, its default counts.
    """
    found = []
    for name, value in options.items():
        wanted = table.settings[name].only_with
        if wanted is None or value is False:
            continue
        other, needed = wanted
        present = options.get(other, table.settings[other].default)
        if present != needed:
            found.append((name, f"{table.option}.{name} is for {other}={needed} only, and {other} is {present}"))
    return found


def reasons_to_recreate(table: Table, changes: Mapping[str, tuple[Any, Any]]) -> tuple[str, ...]:
    """Why a resource must be recreated, one text for each change; empty if it can be modified.

    :param changes: name -> (present value, desired value), see `differences`. Names that are not in the table are left out.
    """
    return tuple(f"AWS does not change {what}" for what in _changes_that(RECREATE, table, changes))


def refuse_changes(table: Table, noun: str, changes: Mapping[str, tuple[Any, Any]]) -> None:
    """
    :param noun: the resource, as readable text. :param changes: see reasons_to_recreate.
    :raises DatalakeError: changes that are not possible for an existing resource (REFUSE).
    """
    refused = _changes_that(REFUSE, table, changes)
    if refused:
        raise DatalakeError(
            message=f"The {noun} exists, and AWS does not change {' and '.join(refused)}; declare the present value, or choose another name."
        )


def _changes_that(action: str, table: Table, changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """The changes that require an action, as readable text: the setting's name, with the new value if the action depends on it."""
    found = []
    for name, (_present, value) in changes.items():
        on_change = table.settings[name].on_change if name in table.settings else MODIFY
        if on_change == action:
            found.append(name)
        elif isinstance(on_change, Mapping) and on_change.get(value) == action:
            found.append(f"{name} to {value}")
    return found


def _canonical_or_same(table: Table, name: str, value: Any) -> Any:
    try:
        return canonical_value(table, name, value)
    except DatalakeError:
        return value


def _is_secret(table: Table, member: str) -> bool:
    return member in table.option_of and table.settings[table.option_of[member]].secret


def _differ(table: Table, member: str, one: Any, other: Any) -> bool:
    if member not in table.option_of:
        return bool(one != other)
    setting = table.settings[table.option_of[member]]
    return bool(fold(setting, one) != fold(setting, other))


def _fold_enum(value: Any) -> str:
    return to_text(value).lower().replace("_", "-")


def _as_bool(table: Table, name: str, value: Any) -> bool:
    try:
        return bool(boolean(value))
    except TypeError as error:
        raise DatalakeError(message=f"{table.option}.{name}={value} must be true or false; correct it.") from error


def _as_int(table: Table, name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise DatalakeError(message=f"{table.option}.{name}={value} must be a whole number; correct it.") from error
