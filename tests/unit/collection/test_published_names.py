# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No name that we publish is a name that we read: a result of one run, or of another play, must never become the input of the next."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/s3_endpoint"
PUBLISHED = {"s3_endpoint_result", "s3_endpoint_orphans", "s3_endpoint_orphan_problems"}
# What Ansible runs; meta/ only describes.
YAML_FILES = sorted(
    path for place in ("roles", "playbooks") for path in (ROOT / place).glob("**/*.yml") if path.parent.name != "meta"
)


def tasks_in(value):
    """All mappings within a YAML document, which are its tasks among others."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from tasks_in(item)


def names_set_by(task):
    """The variables that a task makes, by `register` or `set_fact`."""
    facts = {**(task.get("ansible.builtin.set_fact") or {}), **(task.get("set_fact") or {})}
    registered = [task["register"]] if isinstance(task.get("register"), str) else []
    return [*registered, *(name for name in facts if name != "cacheable")]


def published_by(document):
    return {name for task in tasks_in(document) for name in names_set_by(task) if not name.startswith("__")}


def texts_in(value):
    """Whatever a document reads: its values, and its keys but for those that make a variable."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            if key == "register":
                continue
            if str(key).rpartition(".")[2] == "set_fact":
                yield from texts_in(list(item.values()))
            else:
                yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, str):
        yield value


def read_by(document):
    """The published names that a document reads."""
    words = {word for text in texts_in(document) for word in re.findall(r"\w+", text)}
    return words & PUBLISHED


def loaded(path):
    return yaml.safe_load(path.read_text()) or {}


def test_role_publishes_these_names():
    assert set().union(*(published_by(loaded(path)) for path in (ROLE / "tasks").glob("*.yml"))) == PUBLISHED


def test_no_published_name_is_an_option():
    specs = loaded(ROLE / "meta/argument_specs.yml")["argument_specs"]
    options = {name for spec in specs.values() for name in spec["options"]}
    options |= {*loaded(ROLE / "defaults/main.yml"), *loaded(ROLE / "vars/main.yml")}
    assert len(options) > 50
    assert options & PUBLISHED == set()


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_published_name_is_read(path):
    assert read_by(loaded(path)) == set()


@pytest.mark.parametrize(
    ("document", "read"),
    [
        ({"register": "s3_endpoint_result"}, set()),
        ({"ansible.builtin.set_fact": {"s3_endpoint_orphans": "{{ found }}"}}, set()),
        ({"ansible.builtin.set_fact": {"found": "{{ s3_endpoint_orphans }}"}}, {"s3_endpoint_orphans"}),
        ([{"block": [{"when": "not s3_endpoint_result.failed"}]}], {"s3_endpoint_result"}),
        ({"hosts": "{{ hostvars['a'].s3_endpoint_orphans }}"}, {"s3_endpoint_orphans"}),
        # Another play that names one of its own variables so would overwrite what it reads.
        ({"vars": {"s3_endpoint_result": 1}}, {"s3_endpoint_result"}),
        ({"when": "s3_endpoint_orphans_of"}, set()),
    ],
    ids=str,
)
def test_reading_is_seen(document, read):
    assert read_by(document) == read
