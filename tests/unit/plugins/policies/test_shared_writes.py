# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that write to the same policies: one write for all, and each fails for what it wants itself."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.slots import Slots
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_policies import Patience
from ansible_collections.datalake.dms.plugins.module_utils._policies.shared_writes import SharedWrites
from botocore.exceptions import ClientError

LONG = 30  # seconds; nothing takes them
# Others are waited for until none works.
PATIENCE = Patience(settle_time=10 * LONG, iam_propagation_timeout=LONG)


class Store:
    """A policy, which here is what it names; it takes no "nobody", and after `denied` nothing at all."""

    limit, needs, denied = 20480, "nothing", False

    def __init__(self, what="policy of the bucket lake"):
        self.what, self.names, self.writes = what, [], []

    def read(self):
        return {"names": list(self.names)}

    def write(self, policy):
        if self.denied:
            raise failure("AccessDenied")
        if "nobody" in policy["names"]:
            raise failure("MalformedPolicy")
        self.names = policy["names"]
        self.writes.append(sorted(policy["names"]))


def failure(code):
    return AnsibleAWSError(exception=ClientError({"Error": {"Code": code, "Message": code}}, "Put"))


def write_once(merges, patience):
    """Without the waits of write_until_settled."""
    for store, merge in merges:
        current = store.read()
        wanted = merge(current)
        if wanted != current:
            store.write(wanted)


def adding(name):
    def merge(policy):
        if name == "refused":
            raise DatalakeError(message="refused.")
        return {"names": [*policy["names"], *({name} - set(policy["names"]))]}

    return merge


def write_side_by_side(writes, wanted, slots=2):
    """What went wrong for each thread, each with stores and names; so many work at once, and all have come before anything is written."""
    limit, begun = Slots(slots + 1), []

    def run(one):
        stores, name = one
        with limit.taken():
            begun.append(name)
            writes.write([(store, adding(name)) for store in stores], PATIENCE)

    with ThreadPoolExecutor(len(wanted)) as pool:
        with limit.taken():
            futures = [pool.submit(run, one) for one in wanted]
            while len(begun) < len(wanted) or limit._free < slots:
                threading.Event().wait(0.001)
        return [future.exception(LONG) for future in futures]


def test_threads_share_one_write_however_few_work_at_once():
    bucket, key = Store(), Store("policy of the key 1")
    wanted = [([bucket, key], name) for name in "abcdef"]
    assert write_side_by_side(SharedWrites(write_once), wanted) == [None] * 6
    assert (bucket.writes, key.writes) == ([list("abcdef")], [list("abcdef")])


def test_each_set_of_policies_has_a_group_of_its_own():
    lake, pond = Store(), Store("policy of the bucket pond")
    wanted = [([lake], "a"), ([pond], "b"), ([lake], "c"), ([pond], "d")]
    assert write_side_by_side(SharedWrites(write_once), wanted, slots=4) == [None] * 4
    assert (lake.writes, pond.writes) == ([["a", "c"]], [["b", "d"]])


def test_merge_that_is_refused_keeps_no_other_from_being_written():
    store = Store()
    names = ["a", "refused", "b"]
    errors = write_side_by_side(SharedWrites(write_once), [([store], name) for name in names])
    assert [str(error.message) if error else None for error in errors] == [None, "refused.", None]
    assert store.writes == [["a", "b"]]


def test_what_aws_refuses_of_one_fails_for_that_one_alone():
    store, patience_of, one_at_a_time = Store(), [], threading.Lock()

    def write(merges, patience):
        with one_at_a_time:
            patience_of.append(patience)
            write_once(merges, patience)

    names = ["a", "nobody", "b"]
    errors = write_side_by_side(SharedWrites(write), [([store], name) for name in names])
    assert [error is None for error in errors] == [True, False, True]
    assert store.names in (["a", "b"], ["b", "a"])
    # IAM had its time before.
    assert [one.iam_propagation_timeout for one in patience_of] == [LONG, 0, 0, 0]


def test_what_is_wrong_with_the_policy_is_told_to_each():
    store = Store()
    store.denied = True
    errors = write_side_by_side(SharedWrites(write_once), [([store], name) for name in "abc"])
    assert len(set(errors)) == 1
    assert errors[0].exception.response["Error"]["Code"] == "AccessDenied"


def test_who_comes_later_waits_for_no_other_group():
    store, is_writing, go_on = Store(), threading.Event(), threading.Event()

    def write(merges, patience):
        write_once(merges, patience)
        if store.names == ["a"]:
            is_writing.set()
            assert go_on.wait(LONG)

    writes = SharedWrites(write)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(writes.write, [(store, adding("a"))], PATIENCE)
        assert is_writing.wait(LONG)
        pool.submit(writes.write, [(store, adding("b"))], PATIENCE).result(LONG)
        assert not first.done()
        go_on.set()
        first.result(LONG)
    assert store.writes == [["a"], ["a", "b"]]


def test_thread_alone_waits_for_nobody():
    """In a module that runs by itself, and in a replacement, which keeps its slot."""
    store = Store()
    SharedWrites(write_once).write([(store, adding("a"))], PATIENCE)
    with pytest.raises(DatalakeError):
        SharedWrites(write_once).write([(store, adding("refused"))], PATIENCE)
    with pytest.raises(AnsibleAWSError):
        SharedWrites(write_once).write([(store, adding("nobody"))], PATIENCE)
    assert store.writes == [["a"]]
