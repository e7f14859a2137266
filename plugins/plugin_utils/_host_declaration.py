# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declaration of a host: its variables of the role s3_endpoint, templated and validated."""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.datalake.dms.plugins.module_utils._hosts.declaration import PREFIX, declaration
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import plain

_ROLE = Path(__file__).resolve().parents[2] / "roles" / "s3_endpoint"
# Variables for the caller's name, in addition to those of the role; see _job.
_JOBS = ("awx_job_id", "tower_job_id")
# Variables that others refer to are templated first, so that they are templated once. Variables of orphans are not needed.
_FIRST = ("environment", "profile", "inventory_name", "deployment", "identifier", "role_name", "policy_name")
_NOT_NEEDED = ("hosts", "prune")
_TYPES = {
    "bool": "true or false",
    "dict": "a dictionary",
    "float": "a number",
    "int": "an integer",
    "list": "a list",
    "str": "a string",
}
_INVENTORY_NAME, _FORMER_NAME = f"{PREFIX}inventory_name", "datalake"
# What the role's tasks set, and what only the playbooks read.
_SET = tuple(f"{PREFIX}{name}" for name in ("result", "orphans", "orphan_problems", "allow_empty"))
# Variables of Ansible that have all other variables within them.
_ALL_WITHIN = ("hostvars", "vars")
# How similar a wrong name is to a right one, see difflib.
_CLOSE = 0.85
# Variables of development versions -> what replaces them.
_RENAMED = {
    "s3_endpoint_defer_replacement": "rename it to s3_endpoint_postpone_replacements",
    "s3_endpoint_survey": "deploy.yml always compares; remove it",
}


def shared_templar(templar: Templar) -> Templar:
    """A templar for the declarations of many hosts, which compiles each template once.

    Ansible compiles a template anew for each host, which would take most of the time of a survey. Its templar has no public way to keep the result.
    """
    shared = templar.copy_with_new_env()
    # Without these attributes, another ansible-core compiles each time.
    with suppress(AttributeError):
        environment = shared._engine.environment
        environment.from_string = functools.cache(environment.from_string)
    return shared


def host_declaration(
    templar: Templar,
    loader: DataLoader,
    variables: Mapping[str, Any],
    warn: Callable[[str], object],
) -> Host:
    """What a host declares, see declaration.declaration.

    :param templar: see shared_templar. :param variables: of the host, not templated yet. Defaults of the role are added.
    :param warn: takes a sentence about a variable that nobody reads.
    :raises AnsibleError: a variable is missing, can't be templated, is invalid, or has nearly the name of one of the role.
    """
    renamed = [
        f"{name} is no longer a variable of the role: {advice}"
        for name, advice in _RENAMED.items()
        if name in variables
    ]
    if renamed:
        raise AnsibleError(f"{'; '.join(renamed)}.")
    spec = _argument_spec(loader)
    _check_names(variables, _all_names(loader), warn)
    # Before anything is templated: a default that refers to a missing variable would be named in its place.
    missing = [name for name, option in spec.items() if option.get("required") and variables.get(name) is None]
    nameless = not variables.get(_INVENTORY_NAME) and variables.get(f"{PREFIX}deployment") is None
    # A name that two teams have in common would let one change what the other one owns.
    keeps = (
        f" {_INVENTORY_NAME}: {_FORMER_NAME} keeps what earlier versions have created without it." if nameless else ""
    )
    missing += [_INVENTORY_NAME] if nameless else []
    if missing:
        raise AnsibleError(f"The host lacks {', '.join(missing)}; set each in the inventory.{keeps}")
    values = _values(templar, spec, {**_defaults(loader), **variables})
    validated = _validator(loader).validate({key: value for key, value in values.items() if key not in _JOBS})
    if validated.error_messages:
        wrong = list(_wrong_types(spec, values)) or validated.error_messages
        raise AnsibleError(f"{'; '.join(wrong)}; correct the inventory.")
    name = str(variables["inventory_hostname"])
    return declaration(name, validated.validated_parameters, _job(values))


def _check_names(variables: Mapping[str, Any], known: frozenset[str], warn: Callable[[str], object]) -> None:
    """Name the variables with the role's prefix that nobody reads. One that another variable refers to is a helper of the inventory.

    :raises AnsibleError: one has nearly the name of a variable of the role.
    """
    unknown = [str(name) for name in variables if str(name).startswith(PREFIX) and name not in known]
    if not unknown:
        return
    # Ansible's own variables have all others within them.
    given = [value for name, value in variables.items() if name not in (*unknown, *_ALL_WITHIN)]
    texts = [text for text in map(str, given) if "{{" in text]
    wrong = []
    for name in unknown:
        if any(re.search(rf"\b{re.escape(name)}\b", text) for text in texts):
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE)
        if close:
            wrong.append(f"{name} is not a variable of the role; did you mean {close[0]}?")
        else:
            warn(
                f"{name} is not a variable of the role s3_endpoint, and no other variable refers to it, so it has no effect."
            )
    if wrong:
        raise AnsibleError(f"{' '.join(wrong)} Correct or remove it.")


def _wrong_types(spec: dict[str, Any], values: dict[str, Any]) -> Iterator[str]:
    """The variables with a value of another type than the role's, in plainer words than the validator's."""
    for name, option in spec.items():
        kind = option.get("type", "str")
        try:
            if name in values:
                DEFAULT_TYPE_VALIDATORS[kind](values[name])
        except (TypeError, ValueError):
            yield f"{name} must be {_TYPES[kind]}, is {values[name]!r}"


def _values(templar: Templar, wanted: Iterable[str], variables: dict[str, Any]) -> dict[str, Any]:
    """The role's variables of a host, templated.

    :raises AnsibleError: a variable that can't be templated.
    """
    templar.available_variables = variables
    values: dict[str, Any] = {}
    for name in (*(PREFIX + first for first in _FIRST), *wanted, *_JOBS):
        if name in variables and name not in values:
            try:
                value = plain(templar.template(variables[name]))
            except AnsibleError as error:
                raise AnsibleError(
                    f"{name} can't be templated: {error}; correct it, or the variables that it refers to."
                ) from None
            # Later variables that refer to it use the templated value.
            values[name] = variables[name] = value
    return {name: value for name, value in values.items() if value is not None}


def _job(values: dict[str, Any]) -> str:
    """The caller's name, as CloudTrail shows it: the AWX job, or the user."""
    return str(next((values[name] for name in _JOBS if values.get(name)), os.environ.get("USER") or "local"))


@functools.cache
def _defaults(loader: DataLoader) -> dict[str, Any]:
    # Ansible copies a file's contents each time that it is asked for them.
    return dict(loader.load_from_file(str(_ROLE / "defaults" / "main.yml"), trusted_as_template=True))


@functools.cache
def _all_names(loader: DataLoader) -> frozenset[str]:
    """The variables that the role reads or sets, in any of its entry points."""
    specs = plain(loader.load_from_file(str(_ROLE / "meta" / "argument_specs.yml")))["argument_specs"]
    return frozenset({name for entry in specs.values() for name in entry.get("options", {})} | {*_SET} | {*_RENAMED})


@functools.cache
def _validator(loader: DataLoader) -> ArgumentSpecValidator:
    return ArgumentSpecValidator(_argument_spec(loader))


@functools.cache
def _argument_spec(loader: DataLoader) -> dict[str, Any]:
    """The argument spec of the role, which Ansible would validate host by host."""
    specs = plain(loader.load_from_file(str(_ROLE / "meta" / "argument_specs.yml")))["argument_specs"]
    return {
        name: {key: value for key, value in option.items() if key != "description"}
        for name, option in specs["main"]["options"].items()
        if name.removeprefix(PREFIX) not in _NOT_NEEDED
    }
