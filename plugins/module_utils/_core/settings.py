# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of a resource out of a table: argument spec, spellings, what differs, what is kept. Pure.

A table says of each setting what there is to know; the functions here know no setting by name. Settings come in two forms:
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

# What a change of a setting asks for: the resource is modified, or deleted and created again, or the change is refused.
MODIFY, RECREATE, REFUSE = "modify", "recreate", "refuse"

# How a text is compared: with `\n`, `\r` and `\t` written out or not; or by its last part, as AWS shows an id where it was sent an ARN.
TEXT, ID_OR_ARN = "text", "id_or_arn"

# What a view shows in place of a secret.
_HIDDEN = "********"


@dataclass(frozen=True)
class Setting:
    """One setting: a member of the API's structure, and the option for it.

    member: its name in the API. type: Ansible's (str, int or bool). values: of an enum, as the API's model spells them. default: what the
    resource has where the member is left out, so that an answer without it differs from nothing; None where there is none.
    only_with: the option and the value without which it has no effect, such as a file format.
    on_change: MODIFY, RECREATE or REFUSE; or {new value: one of them}, where it depends on that, and MODIFY for all others.
    kind: how a text is compared, TEXT or ID_OR_ARN. secret: it is sent, but never returned, compared or shown.
    required: the option must be given. empty_counts: an empty text is a value, and not the same as leaving the option out.
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
    empty_counts: bool = False


@dataclass(frozen=True)
class Table:
    """All settings of one kind of resource.

    option: the module's option that has them as suboptions, which error messages name. member: the structure in the API.
    settings: option name -> setting.
    """

    option: str
    member: str
    settings: Mapping[str, Setting]

    @functools.cached_property
    def option_of(self) -> dict[str, str]:
        """Member -> option name."""
        return {setting.member: name for name, setting in self.settings.items()}

    @functools.cached_property
    def option_of_attribute(self) -> dict[str, str]:
        """Member in small letters -> option name, for texts whose keys are case-insensitive."""
        return {setting.member.lower(): name for name, setting in self.settings.items()}


def argument_spec(table: Table) -> dict[str, dict[str, Any]]:
    """The suboptions. Enums are plain text, for AWS spells them in more than one way; see canonical_value."""
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
    """Members under the names of our options; those that have no option are left out."""
    return {table.option_of[member]: value for member, value in members.items() if member in table.option_of}


def to_members(table: Table, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options under the API's names; those that the table does not have are left out."""
    return {table.settings[name].member: value for name, value in options.items() if name in table.settings}


def canonical_options(table: Table, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given, each with its canonical value. None is not given, nor is an empty text where it says nothing.

    :raises DatalakeError: see canonical_value.
    """
    return {
        name: canonical_value(table, name, value)
        for name, value in options.items()
        if value is not None and (value != "" or table.settings[name].empty_counts)
    }


def canonical_value(table: Table, name: str, value: Any) -> Any:
    """An option's value as the API's model spells it: of the enum (gzip, parquet-1-0), `GZIP` is gzip and `PARQUET_1_0` is parquet-1-0.

    :raises DatalakeError: a value that the setting's type or enum does not have.
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
        raise DatalakeError(
            message=f"{table.option}.{name}={value} must be one of {', '.join(setting.values)}; correct it."
        )
    return known[_fold_enum(value)]


def fold(setting: Setting, value: Any) -> Any:
    """A value without AWS's variations, for comparison only: the default for None, case and `-`/`_` of enums, escapes, an id or its ARN."""
    if value is None:
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
    """Options as anybody may see them; a name that the table does not have is shown as it is."""
    secrets = {name for name, setting in table.settings.items() if setting.secret}
    return {name: _HIDDEN if name in secrets and value else value for name, value in options.items()}


# Comparison


def differences(table: Table, desired: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is wanted and is otherwise: option -> (present value, desired value).

    Only members that are wanted count, so that whatever default AWS fills in is no change. Secrets never count: AWS does not return them.

    :param desired: members, canonical. :param present: members as the API returned them.
    """
    return {
        table.option_of[member]: (present.get(member), value)
        for member, value in desired.items()
        if not _setting(table, member).secret and _differ(table, member, present.get(member), value)
    }


def carried_over(table: Table, desired: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """The members, canonical, that a resource has, nobody declares, and a new resource would not have by itself; no secret.

    :param desired: members that are declared. :param present: members as the API returned them.
    """
    return {
        member: canonical_value(table, table.option_of[member], value)
        for member, value in present.items()
        if member in table.option_of
        and member not in desired
        and not _setting(table, member).secret
        and _differ(table, member, value, None)
    }


def superfluous(table: Table, desired: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What a resource has and nobody declares, as differences: option -> (present value, default)."""
    kept = to_options(table, carried_over(table, desired, present))
    return {name: (value, table.settings[name].default) for name, value in kept.items()}


# Rules that the table has


def misplaced(table: Table, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Options without the one that they go with (see Setting.only_with): pairs of the option and what is wrong with it.

    `false` is never misplaced, since it asks for nothing.

    :param options: canonical; where the one that others go with is not given, its default counts.
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
    """Why a resource must be deleted and created again, a text for each such change; empty where it can be modified.

    :param changes: name -> (present value, desired value), as `differences` has them; other names than the table's are left out.
    """
    return tuple(f"AWS does not change {what}" for what in _changes_that(RECREATE, table, changes))


def refuse_changes(table: Table, noun: str, changes: Mapping[str, tuple[Any, Any]]) -> None:
    """
    :param noun: the resource, as the user knows it. :param changes: as in reasons_to_recreate.
    :raises DatalakeError: changes that a resource which exists never takes (REFUSE).
    """
    refused = _changes_that(REFUSE, table, changes)
    if refused:
        raise DatalakeError(
            message=f"The {noun} exists, and AWS does not change {' and '.join(refused)}; declare what it has, or choose another name."
        )


def _changes_that(action: str, table: Table, changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """The changes that ask for an action, for people: the setting's name, with the new value where it depends on that."""
    found = []
    for name, (_present, value) in changes.items():
        on_change = table.settings[name].on_change if name in table.settings else MODIFY
        if on_change == action:
            found.append(name)
        elif isinstance(on_change, Mapping) and on_change.get(value) == action:
            found.append(f"{name} to {value}")
    return found


def _setting(table: Table, member: str) -> Setting:
    return table.settings[table.option_of[member]]


def _differ(table: Table, member: str, one: Any, other: Any) -> bool:
    setting = _setting(table, member)
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
