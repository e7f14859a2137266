# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies of a bucket and of a key: read and written as a whole, as AWS knows no other way, and no condition for it.

So a writer can undo what another wrote between its read and its write. Among those of one machine a lock is held from read to write. Against
all others: a policy is never sent longer than half of `settle_time` after it was begun to be read, not even by botocore's retries; whatever
overwrites ours was therefore read before ours was written, and is there within `settle_time`, the other half being for its way. A writer that
looks again after that time, and finds its statement, has it for good; one that does not, writes again. Writers that keep to none of this
(people, other tools) can still undo ours, which the next run or verify finds, and be undone, where they write within the fraction of a second
between our read and our write.
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

# How often a policy is written until it stays; others that lose a race are then known to have settled.
_ROUNDS = 10

_DENIED = ["AccessDenied", "AccessDeniedException", "403"]

# The longest first pause before a role that was just made is named again, in seconds.
_FIRST_PAUSE = 1.0


class _StaleRead(Exception):
    """The policy was read too long ago to be sent."""


class _NotSettled(Exception):
    """Something was written just now."""


class PolicyStore(Protocol):
    """The policy of one resource.

    `what` it is, for people, the `limit` of its length in bytes, and what a caller `needs` to read and to write it.
    """

    what: str
    limit: int
    needs: str

    def read(self) -> Policy | None:
        """The policy; None where the resource has none."""

    def write(self, policy: Policy | None) -> None:
        """Put the policy in the place of what stands there. :raises _StaleRead: that was read too long ago."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds."""

    settle_time: float
    iam_propagation_timeout: float


# Writes policies as their merges say, until they stay so: write_until_settled, or what goes through it.
Write = Callable[[list[tuple[PolicyStore, Merge]], Patience], None]


class _Freshness:
    """Refuses to send what was read too long ago, at each try of botocore's.

    Threads share a client, and with it what is registered there: what is refused is what this thread sends for this policy.
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
        """What this thread sends meanwhile is refused once the read is too long ago."""
        _SENDING.until = self._read_at + self._longest
        try:
            yield
        finally:
            _SENDING.until = math.inf


_REGISTERING = threading.Lock()
# Until when (time.monotonic) this thread may send the policy that it has at hand.
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
                message=f"The {self.what} would be empty, which KMS does not take; give it a statement for its own account first."
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
    """Make each policy what its `merge` makes of it, and see that it stays so.

    :raises DatalakeError: others keep undoing it, calls take too long, or deleted roles of others are in the way. AnsibleAWSError: a call
        failed.
    """

    @_UntilSettled.exponential_backoff(retries=_ROUNDS, delay=patience.settle_time, backoff=1, max_delay=None)
    def settle() -> None:
        # All of them in each round, to wait but once.
        written = [_written(store, merge, patience) for store, merge in merges]
        if any(written):
            raise _NotSettled

    try:
        settle()
    except _NotSettled as error:
        policies = " and the ".join(store.what for store, _merge in merges)
        if isinstance(error.__cause__, _StaleRead):
            raise DatalakeError(
                message=f"The {policies} could not be written within {patience.settle_time / 2:g} seconds after it was read, {_ROUNDS} times; give a "
                "longer settle_time (seconds)."
            ) from error
        raise DatalakeError(
            message=f"The {policies} was written {_ROUNDS} times and does not stay as written, because something else keeps writing it; find out "
            "in CloudTrail what that is, and run again."
        ) from error


class _UntilSettled(CloudRetry):
    """Again after a pause, as long as something was written."""

    base_class = _NotSettled

    @staticmethod
    def status_code_from_exception(_error: Any) -> str:
        return _NotSettled.__name__

    @staticmethod
    def found(_code: Any, _more: Any = None) -> bool:
        return True


def _written(store: PolicyStore, merge: Merge, patience: Patience) -> bool:
    """Read, merge and write, once; whether anything was to be written.

    A role that was just made is no principal yet to S3 and KMS, for a while that AWS does not tell.
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
        # Not sent; the next round reads it again.
        raise _NotSettled from error


@contextlib.contextmanager
def _denials_explained(store: PolicyStore, done: str) -> Iterator[None]:
    """S3 often says no more than "Access Denied", also of a bucket of another account."""
    try:
        yield
    except is_boto3_error_code(_DENIED) as error:
        raise DatalakeError(
            message=f"The {store.what} can't be {done} ({error_message(error)}): {store.needs}."
        ) from error


def _refuse_deleted_principals(store: PolicyStore, policy: Policy | None) -> None:
    """Waiting does not help where a statement of others names a role or user that is deleted."""
    dead = deleted_principals(policy)
    if dead:
        raise DatalakeError(
            message=f"The {store.what} can't be written, because it has statements of others for roles or users that are deleted, which AWS does "
            f"not store again: {', '.join(dead)}; take those out of it, and run again."
        )
