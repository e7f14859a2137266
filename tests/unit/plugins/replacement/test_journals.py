# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: whose it is, and what of it is believed."""

from __future__ import annotations

import dataclasses
import functools
import json
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import as_it_was
from ansible_collections.datalake.dms.plugins.module_utils._replacement import journals, task_entries
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journal_stores import FileStore
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run
from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import TaskEntry
from builders import DMS, LAKE, STRANGER
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
ARN = f"arn:aws:dms:eu-central-1:{DMS}"
SCOPE = journals.Scope("crm", "dms.eu-central-1.amazonaws.com", DMS, "eu-central-1", "dev-crm")
ALICE = {"owner": "alice@laptop", "id": "a1", "machine": "m1", "pid": 7, "started": "99"}
BOB = {**ALICE, "owner": "bob@desk", "id": "b1", "machine": "m2"}


def journal(lock=None):
    task = TaskEntry(
        identifier="copy",
        arn=f"{ARN}:task:copy",
        request={
            "MigrationType": "cdc",
            "SourceEndpointArn": f"{ARN}:endpoint:source",
            "ReplicationInstanceArn": f"{ARN}:rep:dev",
        },
        tags={},
        declared_type="cdc",
        running=True,
        has_run=True,
        loaded=True,
        checkpoint="checkpoint:V1#1",
    )
    subscription = {
        "name": "alarms",
        "topic_arn": f"arn:aws:sns:eu-central-1:{DMS}:alarms",
        "event_categories": ["failure"],
        "source_ids": ["copy"],
        "enabled": True,
    }
    endpoint = {
        "endpoint_arn": f"{ARN}:endpoint:dev-crm",
        "s3_settings": {"service_access_role_arn": f"arn:aws:iam::{LAKE}:role/dms", "bucket_name": "lake"},
        "extra_connection_attributes": "",
        "tags": {"team": "data"},
    }
    lock = lock or journals.new_lock(ALICE, NOW, 60)
    return journals.new_journal(SCOPE, "recreated", [], endpoint, [task], [subscription], "", lock, NOW)


def stored(**parts):
    """A journal as it is stored, with parts of it changed."""
    return {**json.loads(journal().text()), **parts}


def read(text, scope=SCOPE):
    return journals.read_journal(text if isinstance(text, str) else json.dumps(text), scope, [LAKE])


def test_journal_is_read_as_it_was_written():
    assert read(journal().text()) == journal()


def test_journal_is_stored_as_it_always_was():
    """What another version has written is finished by this one."""
    text = stored()
    assert set(text) == {"format", *(field.name for field in dataclasses.fields(journals.Journal))}
    assert (text["format"], text["scope"], text["began"]) == (1, dataclasses.asdict(SCOPE), "2026-11-21T14:00:00Z")
    assert text["tasks"] == [dataclasses.asdict(journal().tasks[0])]
    assert text["lock"] == {**ALICE, "expires": "2026-11-21T14:01:00Z"}


def test_what_another_version_added_to_a_journal_is_not_in_the_way():
    task = {**stored()["tasks"][0], "later": 1}
    assert read(stored(later=1, tasks=[task])) == journal()


def test_journal_in_a_result_names_its_tasks():
    assert journal().as_result() == {
        "began": "2026-11-21T14:00:00Z",
        "owner": "alice@laptop",
        "expires": "2026-11-21T14:01:00Z",
        "action": "recreated",
        "endpoint": journal().endpoint,
        "tasks": ["copy"],
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "format"),
        (stored(format=2), "another version"),
        (stored(action="destroyed"), "no action"),
        (stored(tasks=None), "no endpoint, tasks"),
        (stored(accept=None), "accept"),
        (stored(accept=[{}]), "accept"),
        (stored(scope="crm"), "another host"),
        (stored(endpoint={"endpoint_arn": f"{ARN}:endpoint:dev-crm"}), "endpoint is incomplete"),
        (stored(tasks=[{"identifier": "copy"}]), "tasks are incomplete"),
        (stored(event_subscriptions=[{}]), "event_subscriptions are incomplete"),
        (stored(lock={"owner": "x", "id": "y", "expires": "tomorrow"}), "no time"),
        (stored(lock={"owner": "x"}), "lock"),
        (stored(endpoint={}), "no endpoint_arn"),
    ],
)
def test_what_is_no_journal_is_not_believed(text, why):
    with pytest.raises(DatalakeError, match=f"The journal of dev-crm is not valid: .*{why}"):
        read(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "erp"),
        ("api_host", "127.0.0.1"),
        ("account_id", STRANGER),
        ("region", "us-east-1"),
        ("endpoint_identifier", "dev-erp"),
    ],
)
def test_journal_of_something_else_is_not_believed(name, value):
    other = dataclasses.replace(SCOPE, **{name: value})
    with pytest.raises(DatalakeError, match=f"written for another {name};"):
        read(stored(), other)


def with_arn(place, arn):
    changed = stored()
    if place == "endpoint":
        changed["endpoint"]["endpoint_arn"] = arn
    elif place == "role":
        changed["endpoint"]["s3_settings"]["service_access_role_arn"] = arn
    elif place == "task":
        changed["tasks"][0]["arn"] = arn
    elif place == "topic":
        changed["event_subscriptions"][0]["topic_arn"] = arn
    else:
        changed["tasks"][0]["request"][place] = arn
    return changed


@pytest.mark.parametrize(
    ("place", "arn"),
    [
        ("endpoint", f"arn:aws:dms:eu-central-1:{LAKE}:endpoint:dev-crm"),
        ("role", f"arn:aws:iam::{STRANGER}:role/dms"),
        ("role", f"arn:aws-cn:iam::{LAKE}:role/dms"),
        ("task", f"arn:aws:dms:eu-central-1:{STRANGER}:task:copy"),
        ("task", f"arn:aws:dms:us-east-1:{DMS}:task:copy"),
        ("topic", f"arn:aws:sns:eu-central-1:{STRANGER}:alarms"),
        ("SourceEndpointArn", f"arn:aws:dms:eu-central-1:{STRANGER}:endpoint:source"),
        ("ReplicationInstanceArn", f"arn:aws:dms:eu-central-1:{LAKE}:rep:dev"),
    ],
)
def test_arns_of_others_are_not_believed(place, arn):
    with pytest.raises(DatalakeError, match=f"it names {arn};"):
        read(with_arn(place, arn))


@pytest.mark.parametrize("place", ["role", "topic"])
@pytest.mark.parametrize("account", [DMS, LAKE])
def test_roles_and_topics_of_both_accounts_are_believed(place, account):
    arn = {"role": f"arn:aws:iam::{account}:role/x", "topic": f"arn:aws:sns:eu-central-1:{account}:x"}[place]
    assert read(with_arn(place, arn))


def test_lock_of_another_run_is_respected_until_it_expires():
    with pytest.raises(DatalakeError) as error:
        journals.check_lock(journal(), BOB, NOW + timedelta(seconds=59))
    for part in ("dev-crm", "alice@laptop", "run a1", "2026-11-21T14:01:00Z", "playbooks/unlock.yml --limit crm"):
        assert part in error.value.message
    journals.check_lock(journal(), BOB, NOW + timedelta(seconds=60))


def test_own_lock_is_no_obstacle():
    journals.check_lock(journal(), ALICE, NOW)


def test_lock_of_a_process_of_this_machine_that_is_gone_is_free():
    here = current_run()
    alive = journal(lock=journals.new_lock(here, NOW, 60))
    dead = journal(lock=journals.new_lock({**here, "started": "1"}, NOW, 60))
    assert [journals.is_free(of, NOW) for of in (alive, dead)] == [False, True]


# In a folder


def test_file_that_is_not_text_is_no_valid_journal(tmp_path):
    (tmp_path / "crm.json").write_bytes(b"\xff\xfe")
    text, _tag = FileStore(tmp_path / "crm.json").read()
    with pytest.raises(DatalakeError, match="is not valid"):
        journals.read_journal(text, SCOPE, [])


def test_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "journals").write_text("")
    store = FileStore(tmp_path / "journals" / "crm.json")
    for call in (store.read, lambda: store.create("{}")):
        with pytest.raises(
            DatalakeError, match=r"The journal .*crm.json can't be read or written \(.+\); correct journal_path"
        ):
            call()


def test_absent_file_is_no_journal(tmp_path):
    assert FileStore(tmp_path / "crm.json").read() is None


# What the API and JSON allow


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["arn:aws:dms:", f"{ARN}:endpoint:x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value, path=()):
    """The paths to all members of a JSON value, at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@st.composite
def malformed(draw):
    """A journal of which up to three members are missing or have another value."""
    changed = stored()
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from([*places(changed)]))
        holder = functools.reduce(lambda value, key: value[key], path, changed)
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[last]
        else:
            holder[last] = draw(VALUES)
    return changed


def read_or_refusal(value):
    """The journal, or the sentence with which it is refused."""
    try:
        found = read(value)
        journals.check_lock(found, BOB, NOW)
    except DatalakeError as error:
        return error.message
    return found


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(malformed())
def test_malformed_journal_is_one_sentence_or_has_all_that_is_used(value):
    found = read_or_refusal(value)
    if isinstance(found, str):
        assert found.endswith(".")
        assert "\n" not in found
        return
    assert found.as_result()["owner"]
    assert sorted({*found.accept}) is not None
    assert as_it_was(found.endpoint, "eu-central-1").settings is not None
    for entry in found.tasks:
        assert task_entries.create_request(entry, f"{ARN}:endpoint:new")["MigrationType"] is not None
        assert task_entries.after_view(entry, "recreated", entry.arn)["arn"] == entry.arn
        assert task_entries.secret_settings(entry.request) is not None


@pytest.mark.parametrize("depth", [500, 5000, 100_000])
def test_deeply_nested_journal_is_not_believed(depth):
    with pytest.raises(DatalakeError, match="is not valid"):
        read(f'{{"format": 1, "endpoint": {"[" * depth}{"]" * depth}}}')
    inner = json.loads("[" * 100 + "]" * 100)
    assert read({**stored(), "later": inner}) == journal()
