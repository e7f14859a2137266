# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where journals are kept: in an S3 bucket of the DMS account, or in a local folder where the endpoint URL is loopback.

Both create a journal only if there is none, and change it only if it is unchanged since it was read. Of two concurrent runs, one fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError, error_message
from ansible_collections.datalake.dms.plugins.module_utils._core.retries import retry_while
from ansible_collections.datalake.dms.plugins.module_utils._policies.object_writers import foreign_writers

# S3's answers to a condition that does not hold, and to two conditional requests at once (S3 user guide, "Conditional writes").
_NOT_AS_EXPECTED = ["PreconditionFailed", "412"]
_AT_ONCE = "ConditionalRequestConflict"
_MISSING = ["NoSuchKey", "404"]
# The longest wait for another conditional request to end, in seconds.
_CONFLICT_SECONDS = 30
_NOT_CONFIGURED = {
    "versioning": "has no versioning",
    "encryption": "is not encrypted with SSE-KMS by default",
    "public_access": "does not block public access",
}


_DENIED = ["AccessDenied", "403", "AllAccessDisabled"]


class JournalConflict(Exception):
    """The journal exists already, or was changed since it was read."""


class JournalStore(Protocol):
    """Keeps one endpoint's journal as text."""

    def check(self) -> None:
        """Raise DatalakeError if the place is not suitable for journals."""

    def read(self) -> tuple[str, str] | None:
        """The text and its version tag; None without a journal."""

    def tag(self) -> str | None:
        """The version tag; None without a journal."""

    def create(self, text: str) -> str:
        """Create the journal, and return its version tag. :raises JournalConflict: there is one."""

    def replace(self, text: str, tag: str) -> str:
        """Change the journal of that version tag, and return the new one. :raises JournalConflict: it has another version tag."""

    def delete(self, tag: str) -> None:
        """Remove the journal of that version tag. :raises JournalConflict: it has another version tag."""


def store_for(account: Account, params: dict[str, Any]) -> JournalStore | None:
    """The store that the options journal_bucket, journal_prefix and journal_path name; None where they name none.

    :raises DatalakeError: journal_path is set, and calls go to AWS.
    """
    dms = account.client("dms").meta
    if params["journal_bucket"]:
        key = object_key(params["journal_prefix"], dms.region_name, params["endpoint_identifier"])
        return S3Store(account, params["journal_bucket"], key)
    if not params["journal_path"]:
        return None
    host = api_host(account)
    if not is_loopback(host):
        raise DatalakeError(
            message=f"journal_path={params['journal_path']} is a folder of this machine, which is allowed only with a loopback endpoint "
            f"URL, and calls go to {host}; set "
            "journal_bucket to a bucket of the DMS account."
        )
    place = object_key("", dms.region_name, params["endpoint_identifier"])
    return FileStore(Path(params["journal_path"]) / account.identity.account_id / place)


def object_key(prefix: str, region: str, endpoint_identifier: str) -> str:
    """Where an endpoint's journal is, in a bucket or a folder. Pure."""
    return f"{prefix.strip('/')}/{region}/{endpoint_identifier.lower()}.json".lstrip("/")


def api_host(account: Account) -> str:
    """The host that calls of DMS go to."""
    return urlsplit(account.client("dms").meta.endpoint_url).hostname or ""


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine's own. Pure."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class S3Store:
    """An object per endpoint, in a bucket that must be the DMS account's."""

    def __init__(self, account: Account, bucket: str, key: str):
        self._client, self._bucket = account.client("s3"), bucket
        self._place = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": account.identity.account_id}
        self._owner = {"Bucket": bucket, "ExpectedBucketOwner": account.identity.account_id}

    @AWSErrorHandler.common_error_handler("read the settings of journal_bucket")
    def check(self) -> None:
        states = {
            "versioning": self._client.get_bucket_versioning(**self._owner).get("Status") == "Enabled",
            "encryption": self._is_encrypted(),
            "public_access": self._blocks_public_access(),
        }
        missing = [_NOT_CONFIGURED[name] for name, as_it_should in states.items() if not as_it_should]
        if missing:
            raise DatalakeError(
                message=f"journal_bucket={self._bucket} is not suitable for journals: it {' and '.join(missing)}; correct that, or name another "
                "bucket."
            )
        writers = foreign_writers(self._policy(), self._owner["ExpectedBucketOwner"])
        if writers:
            raise DatalakeError(
                message=f"journal_bucket={self._bucket} is not suitable for journals: its policy lets {', '.join(writers)} write to it, who could "
                "change what a run does to endpoints and tasks; remove that, or name another bucket."
            )

    @AWSErrorHandler.common_error_handler("read the journal")
    def read(self) -> tuple[str, str] | None:
        try:
            answer = self._client.get_object(**self._place)
        except is_boto3_error_code(_MISSING):
            return None
        except is_boto3_error_code("NoSuchBucket") as error:
            raise DatalakeError(
                message=f"journal_bucket={self._bucket} does not exist; create it first, or correct its name."
            ) from error
        except is_boto3_error_code(_DENIED) as error:
            if error.operation_name == "AssumeRole":
                raise  # No call reached the bucket.
            raise DatalakeError(
                message=f"journal_bucket={self._bucket} can't be read ({error_message(error)}); it must belong to account "
                f"{self._owner['ExpectedBucketOwner']}, and the caller needs s3:GetObject on its objects and s3:ListBucket on it, because without "
                "s3:ListBucket S3 denies access to an absent object."
            ) from error
        return _text(answer["Body"].read()), answer["ETag"]

    @AWSErrorHandler.common_error_handler("read the journal")
    def tag(self) -> str | None:
        try:
            return str(self._client.head_object(**self._place)["ETag"])
        except is_boto3_error_code(_MISSING):
            return None
        except self._client.exceptions.ClientError:
            # The answer to HeadObject has no body, and so no reason.
            found = self.read()
            return found[1] if found else None

    def create(self, text: str) -> str:
        return self._put(text, {"IfNoneMatch": "*"})

    def replace(self, text: str, tag: str) -> str:
        return self._put(text, {"IfMatch": tag})

    @AWSErrorHandler.common_error_handler("remove the journal")
    @retry_while([_AT_ONCE], _CONFLICT_SECONDS, 1)
    def delete(self, tag: str) -> None:
        try:
            self._client.delete_object(**self._place, IfMatch=tag)
        except is_boto3_error_code(_MISSING):
            return  # Our first request succeeded, and its answer was lost.
        except is_boto3_error_code(_NOT_AS_EXPECTED) as error:
            if self.read() is not None:
                raise JournalConflict from error

    @AWSErrorHandler.common_error_handler("write the journal")
    @retry_while([_AT_ONCE], _CONFLICT_SECONDS, 1)
    def _put(self, text: str, condition: dict[str, str]) -> str:
        try:
            answer = self._client.put_object(
                **self._place, **condition, Body=text.encode(), ContentType="application/json"
            )
        except is_boto3_error_code([*_NOT_AS_EXPECTED, *_MISSING]) as error:
            # The answer to the first request may have been lost, so that botocore sent it again.
            found = self.read()
            if found is None or found[0] != text:
                raise JournalConflict from error
            return found[1]
        return str(answer["ETag"])

    def _policy(self) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self._client.get_bucket_policy(**self._owner)["Policy"]))
        except is_boto3_error_code("NoSuchBucketPolicy"):
            return None

    def _is_encrypted(self) -> bool:
        try:
            rules = self._client.get_bucket_encryption(**self._owner)["ServerSideEncryptionConfiguration"]["Rules"]
        except is_boto3_error_code("ServerSideEncryptionConfigurationNotFoundError"):
            return False
        modes = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "") for rule in rules]
        return any(mode.startswith("aws:kms") for mode in modes)

    def _blocks_public_access(self) -> bool:
        try:
            blocks = self._client.get_public_access_block(**self._owner)["PublicAccessBlockConfiguration"]
        except is_boto3_error_code("NoSuchPublicAccessBlockConfiguration"):
            return False
        return all(blocks.values())


class FileStore:
    """A file per endpoint, readable by its owner only."""

    def __init__(self, path: Path):
        self._path = path

    def check(self) -> None:
        folder = self._path.parent
        try:
            with self._errors_explained():
                status = folder.stat()
        except FileNotFoundError:
            return  # It is created for its owner only.
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
            raise DatalakeError(
                message=f"Others can write to the folder {folder}, and could change what a run does to endpoint and tasks; make it yours alone "
                "(chmod 700), or set another journal_path."
            )

    def read(self) -> tuple[str, str] | None:
        if self._path.is_symlink():
            raise DatalakeError(
                message=f"The journal {self._path} is a link, which no run has made; remove it, or set another journal_path."
            )
        try:
            with self._errors_explained():
                text = _text(self._path.read_bytes())
        except FileNotFoundError:
            return None
        return text, _digest(text)

    def tag(self) -> str | None:
        found = self.read()
        return found[1] if found else None

    def create(self, text: str) -> str:
        with self._errors_explained(), self._written(text) as written:
            try:
                # Unlike a rename, a link fails where there is a file.
                os.link(written, self._path)
            except FileExistsError as error:
                raise JournalConflict from error
        return _digest(text)

    def replace(self, text: str, tag: str) -> str:
        self._expect(tag)
        with self._errors_explained(), self._written(text) as written:
            written.replace(self._path)
        return _digest(text)

    def delete(self, tag: str) -> None:
        self._expect(tag)
        with self._errors_explained():
            self._path.unlink()

    @contextlib.contextmanager
    def _errors_explained(self) -> Iterator[None]:
        """An error of the file system as a sentence. That there is no file is none."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DatalakeError(
                message=f"The journal {self._path} can't be read or written ({error.strerror}); correct journal_path or its permissions."
            ) from error

    def _expect(self, tag: str) -> None:
        found = self.read()
        if found is None or found[1] != tag:
            raise JournalConflict

    @contextlib.contextmanager
    def _written(self, text: str) -> Iterator[Path]:
        """A temporary file in the same folder that has the text, so that the journal is never incomplete. It is removed at the end."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, prefix=".", delete=False) as file:
            written = Path(file.name)
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                yield written
            finally:
                written.unlink(missing_ok=True)


def _text(content: bytes) -> str:
    """The text of a journal; empty, which no journal is, for bytes that are not text."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
