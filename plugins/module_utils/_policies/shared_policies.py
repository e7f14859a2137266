# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write the policies of a bucket and of a key. AWS has only calls for the complete policy, and no conditional write.

So a writer can undo what another wrote between its read and its write. On one machine, a lock is held from read to write. Between machines, two rules
hold. A policy is sent at most half of `settle_time` after its read began, also by botocore's retries. After a write, the writer waits `settle_time`
and reads again: any write that was based on an older read has arrived by then. If its statement is still there, it stays; else it writes again.

People and other tools do not follow these rules. They can undo our statement, which the next run or verify finds. Their statement is undone only if
they write between our read and our write, which takes a fraction of a second.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.cloud import CloudRetry
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import (
    INVALID_PRINCIPAL,
    MALFORMED_CODES,
    DatalakeError,
    error_message,
    is_invalid_principal,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import retry_while
from ansible_collections.datalake.dms.plugins.module_utils._policies.local_lock import locked
from ansible_collections.datalake.dms.plugins.module_utils._policies.resource_statements import (
    BUCKET_POLICY_LENGTH,
    KEY_POLICY_LENGTH,
    compact,
    deleted_principals,
)

Policy = dict[str, Any]
Merge = Callable[["Policy | None"], "Policy | None"]

# How often a policy is written until it stays as written.
_ROUNDS = 10

_DENIED = ["AccessDenied", "AccessDeniedException", "403"]

# The longest first pause, in seconds, before a policy with a new role is sent again.
_FIRST_PAUSE = 1.0


class _StaleRead(Exception):
    """The policy was read too long ago to be sent."""


class _NotSettled(Exception):
    """Something was written just now."""


class PolicyStore(Protocol):
    """The policy of one resource.

    `what`: the policy, as readable text. `limit`: of its length in bytes. `needs`: what a caller needs to read and to write it.
    """

    what: str
    limit: int
    needs: str

    def read(self) -> Policy | None:
        """The policy; None where the resource has none."""

    def write(self, policy: Policy | None) -> None:
        """Replace the present policy. :raises _StaleRead: the present policy was read too long ago."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds."""

    settle_time: float
    iam_propagation_timeout: float


# Writes merged policies until they stay as written: write_until_settled, or a function that calls it.
Write = Callable[[list[tuple[PolicyStore, Merge]], Patience], None]


class _Freshness:
    """Refuses to send a policy that was read too long ago, at each attempt of botocore.

    Threads share a client and its event handlers. So the handler checks a time limit of the current thread.
    """

    def __init__(self, client: Any, operations: tuple[str, ...], longest: float):
        self._longest, self._read_at = longest, float("-inf")
        service = client.meta.service_model.service_id.hyphenize()
        with _REGISTERING:
            for operation in operations:
                event = f"before-send.{service}.{operation}"
                client.meta.events.register(event, _refuse_stale, unique_id=f"datalake-dms.{event}")

    def begin(self) -> None:
        """A read begins now."""
        self._read_at = time.monotonic()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Within this context, the thread can't send a policy that was read too long ago."""
        _SENDING.until = self._read_at + self._longest
        try:
            yield
        finally:
            _SENDING.until = math.inf


_REGISTERING = threading.Lock()
# Until when (time.monotonic) this thread may send a policy.
_SENDING = threading.local()


def _refuse_stale(**_sent: Any) -> None:
    if time.monotonic() > getattr(_SENDING, "until", math.inf):
        raise _StaleRead


class BucketPolicy:
    """The policy of a bucket, which must be the account's."""

    limit = BUCKET_POLICY_LENGTH

    def __init__(self, client: Any, bucket: str, owner: str, patience: Patience):
        self.what = f"policy of the bucket {bucket}"
        self.needs = f"the bucket must belong to account {owner}, and the caller needs "
        self.needs += "s3:GetBucketPolicy, s3:PutBucketPolicy and s3:DeleteBucketPolicy"
        self._client, self._place = client, {"Bucket": bucket, "ExpectedBucketOwner": owner}
        self._freshness = _Freshness(client, ("PutBucketPolicy", "DeleteBucketPolicy"), patience.settle_time / 2)

    def read(self) -> Policy | None:
        self._freshness.begin()
        try:
            return dict(json.loads(self._client.get_bucket_policy(**self._place)["Policy"]))
        except is_boto3_error_code("NoSuchBucketPolicy"):
            return None

    def write(self, policy: Policy | None) -> None:
        with self._freshness.kept():
            if policy is None:
                self._client.delete_bucket_policy(**self._place)
            else:
                self._client.put_bucket_policy(**self._place, Policy=compact(policy))


class KeyPolicy:
    """The policy of a KMS key, which every key has."""

    limit = KEY_POLICY_LENGTH

    def __init__(self, client: Any, key_arn: str, patience: Patience):
        self.what = f"policy of the key {key_arn}"
        self.needs = "the caller needs kms:GetKeyPolicy and kms:PutKeyPolicy, by IAM and by that policy"
        self._client, self._place = client, {"KeyId": key_arn, "PolicyName": "default"}
        self._freshness = _Freshness(client, ("PutKeyPolicy",), patience.settle_time / 2)

    def read(self) -> Policy | None:
        self._freshness.begin()
        return dict(json.loads(self._client.get_key_policy(**self._place)["Policy"]))

    def write(self, policy: Policy | None) -> None:
        if policy is None:
            raise DatalakeError(
                message=f"The {self.what} would be empty, which KMS does not accept; add a statement for the key's account first."
            )
        with self._freshness.kept():
            self._client.put_key_policy(**self._place, Policy=compact(policy))


def read_policy(store: PolicyStore) -> Policy | None:
    """A resource's policy."""

    @AWSErrorHandler.common_error_handler(f"read the {store.what}")
    def read() -> Policy | None:
        with _denials_explained(store, "read"):
            return store.read()

    return read()


def write_until_settled(merges: list[tuple[PolicyStore, Merge]], patience: Patience) -> None:
    """Write the result of `merge` to each policy, until it stays as written.

    :raises DatalakeError: others keep overwriting it, calls take too long, or it names deleted roles of others. AnsibleAWSError: a call failed.
    """

    @_UntilSettled.exponential_backoff(retries=_ROUNDS, delay=patience.settle_time, backoff=1, max_delay=None)
    def settle() -> None:
        # All policies are written in each round, so that the settle time is waited for once.
        written = [_written(store, merge, patience) for store, merge in merges]
        if any(written):
            raise _NotSettled

    try:
        settle()
    except _NotSettled as error:
        policies = " and the ".join(store.what for store, _merge in merges)
        if isinstance(error.__cause__, _StaleRead):
            raise DatalakeError(
                message=f"The {policies} could not be written within {patience.settle_time / 2:g} seconds after it was read, {_ROUNDS} times; set a "
                "longer settle_time (seconds)."
            ) from error
        raise DatalakeError(
            message=f"The {policies} was written {_ROUNDS} times and does not stay as written, because something else keeps overwriting it; find the "
            "writer in CloudTrail, and run again."
        ) from error


class _UntilSettled(CloudRetry):
    """Repeats after a pause, as long as something was written."""

    base_class = _NotSettled

    @staticmethod
    def status_code_from_exception(_error: Any) -> str:
        return _NotSettled.__name__

    @staticmethod
    def found(_code: Any, _more: Any = None) -> bool:
        return True


def _written(store: PolicyStore, merge: Merge, patience: Patience) -> bool:
    """Read, merge and write once; whether anything was written.

    S3 and KMS accept a new role as principal only after a while. AWS does not document how long that takes.
    """
    pause = min(_FIRST_PAUSE, patience.settle_time)

    @AWSErrorHandler.common_error_handler(f"write the {store.what}")
    @retry_while([INVALID_PRINCIPAL], patience.iam_propagation_timeout, pause)
    def write() -> bool:
        with locked(store.what), _denials_explained(store, "written"):
            current = store.read()
            wanted = merge(current)
            if wanted == current:
                return False
            try:
                store.write(wanted)
            except is_boto3_error_code(MALFORMED_CODES) as error:
                if is_invalid_principal(error):
                    _refuse_deleted_principals(store, wanted)
                raise
        return True

    try:
        return bool(write())
    except _StaleRead as error:
        # The policy was not sent. The next round reads it again.
        raise _NotSettled from error


@contextlib.contextmanager
def _denials_explained(store: PolicyStore, done: str) -> Iterator[None]:
    """S3's message is often only "Access Denied", also for a bucket of another account."""
    try:
        yield
    except is_boto3_error_code(_DENIED) as error:
        raise DatalakeError(
            message=f"The {store.what} can't be {done} ({error_message(error)}): {store.needs}."
        ) from error


def _refuse_deleted_principals(store: PolicyStore, policy: Policy | None) -> None:
    """Refuse a policy in which a statement of others names a deleted role or user. Waiting does not help there."""
    deleted = deleted_principals(policy)
    if deleted:
        raise DatalakeError(
            message=f"The {store.what} can't be written, because it has statements of others for deleted roles or users, which AWS does "
            f"not store again: {', '.join(deleted)}; remove these statements, and run again."
        )
