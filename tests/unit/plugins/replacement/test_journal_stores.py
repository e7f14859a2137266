# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals in a local folder: never incomplete, for their owner only, and each error of the file system in one sentence."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journal_stores import (
    FileStore,
    JournalConflict,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journals" / "dev-crm.json"


def files(path):
    return [one.name for one in path.parent.iterdir()]


def modes(path):
    return [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, path)]


def test_life_of_a_journal(path):
    store = FileStore(path)
    store.check()
    assert (store.read(), store.tag()) == (None, None)
    first = store.create("one")
    assert (store.read(), store.tag(), modes(path)) == (("one", first), first, [0o700, 0o600])
    with pytest.raises(JournalConflict):
        store.create("two")
    second = store.replace("two", first)
    for stale in (lambda: store.replace("three", first), lambda: store.delete(first)):
        with pytest.raises(JournalConflict):
            stale()
    assert (store.read(), files(path)) == (("two", second), [path.name])
    store.check()
    store.delete(second)
    assert files(path) == []


def full_disk(_file):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("exists", [False, True])
def test_full_disk_leaves_nothing_behind(path, monkeypatch, exists):
    store = FileStore(path)
    tag = store.create("one") if exists else ""
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(AnsibleAWSError) as error:
        store.replace("two", tag) if exists else store.create("two")
    assert error.value.message == (
        f"The journal {path} can't be read or written (No space left on device); correct journal_path or its permissions."
    )
    assert files(path) == ([path.name] if exists else [])
    assert store.read() == (("one", tag) if exists else None)


@pytest.mark.parametrize("target", ["nowhere", "elsewhere"])
def test_link_is_not_followed(path, tmp_path, target):
    path.parent.mkdir(mode=0o700)
    (tmp_path / "elsewhere").write_text("a secret")
    path.symlink_to(tmp_path / target)
    for use in (FileStore(path).read, FileStore(path).tag):
        with pytest.raises(AnsibleAWSError) as error:
            use()
        assert f"The journal {path} is a link" in error.value.message
        assert "a secret" not in error.value.message


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_folder_that_others_write_to_is_refused(path, mode):
    path.parent.mkdir()
    path.parent.chmod(mode)
    with pytest.raises(AnsibleAWSError, match=r"Others can write to the folder .*chmod 700"):
        FileStore(path).check()


def test_folder_that_others_may_read_is_suitable(path):
    path.parent.mkdir(mode=0o755)
    FileStore(path).check()


def test_file_system_without_links_is_said(path, monkeypatch):
    def refused(*_paths):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(AnsibleAWSError, match=r"can't be read or written \(Operation not permitted\)"):
        FileStore(path).create("one")
    assert files(path) == []


def test_file_in_place_of_a_folder_is_said(path):
    path.parent.write_text("")
    for use in (FileStore(path).read, lambda: FileStore(path).create("one")):
        with pytest.raises(AnsibleAWSError, match="can't be read or written"):
            use()
