# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients of one AWS account: amazon.aws's connection options, and a role that is assumed inside this process.

amazon.aws builds its sessions from static keys or a profile only. Here the session's credentials come from AssumeRole and are refreshed
automatically. So they are in no task result, work in check mode, and do not expire during a long wait.
"""

from __future__ import annotations

import datetime
import functools
import os
import re
import threading
from dataclasses import dataclass
from typing import Any

try:
    import botocore.config
    import botocore.credentials
    import botocore.exceptions
    import botocore.loaders
    import botocore.session
    import botocore.utils
except ImportError:
    pass  # AnsibleAWSModule reports a missing botocore before anything here is used.

from ansible_collections.amazon.aws.plugins.module_utils.botocore import HAS_BOTO3, get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.datalake.dms.plugins.module_utils._core import call_guard, unanswered
from ansible_collections.datalake.dms.plugins.module_utils._core.answers import Answers
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, is_arn, partition_of
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError

ASSUME_ROLE_SPEC: dict[str, dict[str, Any]] = {
    "assume_role_arn": {"type": "str"},
    "assume_role_external_id": {"type": "str"},
    "assume_role_session_name": {"type": "str", "default": "datalake-dms"},
}

# AWS limits the session of a chained role to one hour (IAM user guide, "Role chaining"). Credentials are refreshed before they expire.
_SESSION_SECONDS = 3600

# Standard mode retries throttling, 5xx and lost connections with exponential backoff of at most 20 seconds; it must outlast
# DMS's own throttle (200 calls, refilled at 8 per second), for which each call competes with those of other processes: simulated
# with 1,800 calls, some fail after 10 attempts with 20 forks already, none after 30 with 100 forks.
_RETRIES = {"mode": "standard", "total_max_attempts": 30}
# Threads share a client, and with it botocore's quota of retries (500, five for each), which DMS's throttle would soon use up; adaptive
# mode beside that slows down a client's calls once one was throttled (botocore's documentation of `Config` calls it experimental).
_DMS_RETRIES = {**_RETRIES, "mode": "adaptive"}
# STS is called first, so a network without access to AWS is reported soon.
_STS_RETRIES = {"mode": "standard", "total_max_attempts": 4}
# In seconds. An answer that takes longer is lost: the answers of these services take less than a second, and botocore would wait for 60 seconds. An
# attempt takes less than the margin of a lock, see locked_journal.py.
_CONNECT_TIMEOUT = 10
_READ_TIMEOUT = 15
# Threads that share a client reuse connections. Ansible's forks are rarely more.
_CONNECTIONS = 50

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


@dataclass(frozen=True)
class Identity:
    """The caller of AWS. `arn` is None if only the account is known."""

    account_id: str
    partition: str
    arn: str | None = None


class _ConnectionOptions:
    """The part of a module that amazon.aws's get_aws_connection_info needs: params and fail_json."""

    def __init__(self, params: dict[str, Any]):
        self.params = params

    def fail_json(self, msg: str, **_details: Any) -> None:
        raise DatalakeError(message=msg)


class _AssumedRole:
    """A credential provider for botocore's resolver, with one source: AssumeRole."""

    METHOD = "assume-role"

    def __init__(self, fetcher: botocore.credentials.AssumeRoleCredentialFetcher):
        self._fetcher = fetcher

    def load(self) -> botocore.credentials.DeferredRefreshableCredentials:
        return botocore.credentials.DeferredRefreshableCredentials(
            refresh_using=self._fetcher.fetch_credentials, method=self.METHOD
        )


class Account:
    """One account, region and role; provides botocore clients, one per service.

    :param params: the module's parameters: amazon.aws's connection options and ASSUME_ROLE_SPEC.
    :raises DatalakeError: an invalid option. No call is made before a client is used.
    """

    def __init__(self, params: dict[str, Any]):
        self.region, self._endpoint_url, connection = get_aws_connection_info(_ConnectionOptions(params))
        self._assume_role_arn = params.get("assume_role_arn") or None
        self._verify = connection.pop("verify")
        self._user_config = connection.get("aws_config")
        self.answers = Answers()
        self._clients: dict[str, Any] = {}
        self._client_lock = threading.Lock()
        self._session = self._source = self._base_session(connection)
        if self._assume_role_arn:
            self._session = self._assumed_session(params)

    def client(self, service: str) -> Any:
        """The account's client of a service ("dms", "iam", "sts", …), created at the first use. Threads may share it."""
        # botocore's sessions can't create two clients at once.
        with self._client_lock:
            if service not in self._clients:
                self._clients[service] = self._create_client(service)
        return self._clients[service]

    def uses_custom_endpoint(self, service: str) -> bool:
        """Whether calls of a service do not go to AWS, because of an option, an environment variable or a profile."""
        ignoring = botocore.config.Config(ignore_configured_endpoint_urls=True)
        plain = self._create_client(service, config=self._config(service).merge(ignoring), endpoint_url=None)
        return bool(plain.meta.endpoint_url != self.client(service).meta.endpoint_url)

    @functools.cached_property
    def identity(self) -> Identity:
        """Account and partition: from `assume_role_arn` without a call, else from STS."""
        arn = self._assume_role_arn
        account_id = account_of(arn)
        return Identity(account_id, partition_of(arn)) if arn and account_id else self.caller()

    @AWSErrorHandler.common_error_handler("call sts:GetCallerIdentity")
    def caller(self) -> Identity:
        """The caller (GetCallerIdentity)."""
        answer = self.client("sts").get_caller_identity()
        return Identity(answer["Account"], partition_of(answer["Arn"]), answer["Arn"])

    @AWSErrorHandler.common_error_handler("read the caller's credentials")
    def session_end(self) -> tuple[float | None, bool]:
        """The seconds until the caller's own credentials expire (None if unknown or never), and whether they expire at all.

        The credentials of an assumed role are refreshed with them. Credentials that botocore refreshes (of an instance, of SSO) count as lasting.
        For credentials in the environment, only AWS_CREDENTIAL_EXPIRATION has the time.
        """
        credentials = self._source.get_credentials()
        if credentials is None:
            return None, False
        expiration = os.environ.get("AWS_CREDENTIAL_EXPIRATION")
        # amazon.aws's options take their defaults from the environment.
        if expiration and credentials.access_key == os.environ.get("AWS_ACCESS_KEY_ID"):
            end = botocore.utils.parse_timestamp(expiration)
            return (end - datetime.datetime.now(datetime.UTC)).total_seconds(), True
        given = credentials.method in ("explicit", "env", "shared-credentials-file", "config-file")
        return None, given and bool(credentials.token)

    def _config(self, service: str) -> botocore.config.Config:
        """The configuration of a service's client. The option aws_config takes precedence."""
        retries = {"sts": _STS_RETRIES, "dms": _DMS_RETRIES}.get(service, _RETRIES)
        config = botocore.config.Config(
            user_agent_extra="datalake.dms",
            retries=retries,
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            max_pool_connections=_CONNECTIONS,
        )
        return config.merge(self._user_config) if self._user_config else config

    @AWSErrorHandler.common_error_handler("set up an AWS client")
    def _create_client(self, service: str, **overrides: Any) -> Any:
        settings = {"endpoint_url": self._endpoint_url, "config": self._config(service), **overrides}
        client = self._session.create_client(service, region_name=self.region, verify=self._verify, **settings)
        call_guard.watch(client)
        unanswered.watch(client)
        return client

    @staticmethod
    @AWSErrorHandler.common_error_handler("set up an AWS session")
    def _base_session(connection: dict[str, Any]) -> botocore.session.Session:
        session = _new_session(connection.get("profile_name"))
        if connection.get("aws_access_key_id"):
            session.set_credentials(
                connection["aws_access_key_id"], connection["aws_secret_access_key"], connection["aws_session_token"]
            )
        return session

    @AWSErrorHandler.common_error_handler("set up an AWS session")
    def _assumed_session(self, params: dict[str, Any]) -> botocore.session.Session:
        """A session with the credentials of the assumed role, refreshed before they expire."""
        source = self._session.get_credentials()
        if source is None:
            raise botocore.exceptions.NoCredentialsError()
        fetcher = botocore.credentials.AssumeRoleCredentialFetcher(
            client_creator=functools.partial(
                self._session.create_client,
                region_name=self.region,
                endpoint_url=self._endpoint_url,
                verify=self._verify,
                config=self._config("sts"),
            ),
            source_credentials=source,
            role_arn=self._assume_role_arn,
            extra_args=_assume_role_arguments(params),
        )
        session = _new_session(self._session.get_config_variable("profile"))
        session.register_component(
            "credential_provider", botocore.credentials.CredentialResolver([_AssumedRole(fetcher)])
        )
        return session


@functools.cache
def _models(data_path: str | None) -> botocore.loaders.Loader:
    """botocore's loader, one per process. It parses each model once, which takes most of the time of a new session."""
    return botocore.loaders.create_loader(data_path)


def _new_session(profile: str | None) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _models(session.get_config_variable("data_path")))
    return session


def load_models(*services: str) -> None:
    """Let botocore parse its models of services in the parent process, before workers are forked. No call is made."""
    if not HAS_BOTO3:
        return
    # With these keys, botocore does not search for credentials.
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    try:
        session = _new_session(None)
        for service in services:
            client = session.create_client(service, region_name="us-east-1", **keys)
            # botocore searches all its folders for the file. Else each thread that is among the first to need a paginator would wait for that.
            session.get_paginator_model(service, client.meta.service_model.api_version)
    except botocore.exceptions.BotoCoreError:
        return  # The tasks read the configuration again and report what is wrong.


def assume_role_problem(params: dict[str, Any]) -> str | None:
    """What is wrong with the assume_role_* options, as a sentence, or None. Pure."""
    arn = params.get("assume_role_arn")
    if arn and not is_arn(arn, "role"):
        return (
            f"assume_role_arn={arn} is not the ARN of an IAM role; give one like arn:aws:iam::111122223333:role/name."
        )
    name = params.get("assume_role_session_name") or ""
    if arn and not _SESSION_NAME.fullmatch(name):
        return f"assume_role_session_name={name} must be 2 to 64 letters, digits or characters of +=,.@-_; shorten or change it."
    return None


def _assume_role_arguments(params: dict[str, Any]) -> dict[str, Any]:
    arguments = {"RoleSessionName": params["assume_role_session_name"], "DurationSeconds": _SESSION_SECONDS}
    if params.get("assume_role_external_id"):
        arguments["ExternalId"] = params["assume_role_external_id"]
    return arguments
