# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of each module for one host. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, bucket_access, role_plan
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import KNOWN_AFTER_CREATION
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options

# Settings of the planned endpoint that the access role's policy depends on.
_NEEDS = (
    "bucket_name",
    "bucket_folder",
    "server_side_encryption_kms_key_id",
    "glue_catalog_generation",
    "canned_acl_for_objects",
)

# Options that all modules for many hosts have.
HOSTS_SPEC: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "dict", "default": []},
    "declared": {"type": "dict", "default": {}},
    "problems": {"type": "dict", "default": {}},
    "parallel": {"type": "int", "default": 5},
}


def hosts_in(params: Options) -> list[Host]:
    """The hosts of a module's options."""
    return [Host.of(declared) for declared in params["hosts"]]


def ids_of(external_id: str | None) -> list[str]:
    """An endpoint's ExternalId in a list; empty until AWS has assigned it."""
    return [external_id] if external_id and external_id != KNOWN_AFTER_CREATION else []


def endpoint_options(host: Host, **more: Any) -> Options:
    """The options of dms_s3_endpoint.

    :raises DatalakeError: an invalid option.
    """
    return validated(s3_target.ARGUMENT_SPEC, {**host.endpoint, **more})


def role_options(host: Host, settings: Options, external_ids: list[str], purge: bool, **more: Any) -> Options:
    """The options of dms_crossaccount_role. Some of them come from the planned endpoint.

    :param settings: of the endpoint, as dms_s3_endpoint returns them. :raises DatalakeError: an invalid option.
    """
    options = {**host.role, **_needs(host, settings), "external_ids": external_ids, "purge_external_ids": purge, **more}
    return validated(access_role.ARGUMENT_SPEC, options)


def role_as_deployed(host: Host, endpoint: Options) -> Options:
    """The options of dms_crossaccount_role for the role after a deployment with a successful test.

    :param endpoint: the result of dms_s3_endpoint in check mode.
    """
    ids = ids_of(endpoint["current_external_id"])
    # A comparison does not validate policies. The run that writes one validates it.
    more = {"validate_policies": "off"}
    if host.role["bootstrap_trust"] == role_plan.POWERLESS:
        # The trust is open only while an endpoint is created.
        more["bootstrap_trust"] = "placeholder"
    return role_options(host, endpoint["settings"], ids, purge=bool(ids) and host.is_tested, **more)


def endpoint_removal_options(host: Host, identifier: str) -> Options:
    """The options of dms_s3_endpoint that remove an endpoint of the host's deployment."""
    names = ("deployment", "wait_timeout", "poll_interval")
    options = {"state": "absent", "endpoint_identifier": identifier, **{name: host.endpoint[name] for name in names}}
    return validated(s3_target.ARGUMENT_SPEC, options)


def role_removal_options(host: Host, role_name: str, policy_name: str | None, path: str) -> Options:
    """The options of dms_crossaccount_role that remove an access role of the host's deployment, and its policy."""
    options = {
        "state": "absent",
        "role_name": role_name,
        "policy_name": policy_name,
        "path": path,
        "deployment": host.deployment,
    }
    return validated(access_role.ARGUMENT_SPEC, options)


def bucket_access_options(host: Host, settings: Options, role_arn: str) -> Options:
    """The options of dms_bucket_access. Some of them come from the planned endpoint."""
    return validated(
        bucket_access.ARGUMENT_SPEC, {**host.bucket_access, **_needs(host, settings), "role_arn": role_arn}
    )


def connection_options(
    host: Host, endpoint: Options, role: Options, external_ids: list[str], statements: Options | None = None
) -> Options:
    """The options of dms_connection_test. Some of them come from the tested resources.

    :param endpoint: the result of dms_s3_endpoint. :param role: the result of dms_crossaccount_role.
    :param statements: the result of dms_bucket_access, empty in access mode crossaccount_role.
    """
    admitted = [statements["bucket_statement"], statements["key_statement"]] if statements else None
    # Of a former endpoint all settings were sent. Whoever declared it named those that are no default.
    settings = host.former["s3_settings"] if host.former else endpoint["settings"]
    token = connection_tests.change_token(role, settings, external_ids, admitted)
    options = {**host.test, "endpoint_arn": endpoint["endpoint"]["endpoint_arn"], "change_token": token}
    return validated(connection_tests.ARGUMENT_SPEC, options)


def _needs(host: Host, settings: Options) -> Options:
    needs = {name: settings[name] for name in _NEEDS if name in settings}
    key = needs.get("server_side_encryption_kms_key_id")
    # A policy can't grant a key by its alias. Whoever let a former endpoint use such a key did it in another way.
    return {**needs, "server_side_encryption_kms_key_id": None} if host.former and not is_arn(key, "key") else needs
