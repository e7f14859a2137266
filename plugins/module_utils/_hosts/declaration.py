# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turn a host's variables of the role s3_endpoint into options of modules. Pure."""

from __future__ import annotations

import difflib
import re

from ansible_collections.datalake.dms.plugins.module_utils._access import role_plan
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import (
    ACCESS_MODES,
    BUCKET_POLICY,
    CROSSACCOUNT_ROLE,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_account_id, is_arn, partition_of
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import SETTINGS
from ansible_collections.datalake.dms.plugins.module_utils._hosts import change_window
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Connection, Host, Options

PREFIX = "s3_endpoint_"

# s3_endpoint_bootstrap_trust: a placeholder, and aws:SourceAccount where AWS refuses that.
_AUTO = "auto"
# How similar a wrong name of a setting is to a right one, see difflib.
_CLOSE = 0.8
# STS: RoleSessionName of AssumeRole.
_NOT_IN_SESSION_NAMES = re.compile(r"[^A-Za-z0-9_+=,.@-]")
_SESSION_NAME_LENGTH = 64


def declaration(name: str, variables: Options, job: str) -> Host:
    """What a host declares.

    :param name: of the host. :param variables: of the role, with their prefix, validated, without those that are not set.
    :param job: the caller, as CloudTrail shows it in the session name: an AWX job, or a user.
    :raises DatalakeError: s3_endpoint_change_window has another form, or s3_endpoint_iam_propagation_timeout is too short.
    """
    options = {key.removeprefix(PREFIX): value for key, value in variables.items()}
    change_window.check(options["change_window"])
    _check_patience(options)
    _check_account_ids(options)
    _check_setting_names(options["settings"])
    same_account = options["lake_account_id"] == options["dms_account_id"]
    access_mode = CROSSACCOUNT_ROLE if same_account else options["access"]
    partition = likely_partition(options["lake_assume_role_arn"])
    sides = {side: _connection(side, options, job) for side in ("dms", "lake")}
    protected = bool(((options["environments"] or {}).get(options["environment"]) or {}).get("protected"))
    role_arn = f"arn:{partition}:iam::{_home(access_mode, options)}:role{options['role_path']}{options['role_name']}"
    waiting = _some(options, "wait_timeout", "poll_interval")
    patience = _some(options, "iam_propagation_timeout")
    tagging = {**_some(options, "purge_tags", "deployment", "adopt", "required_tags"), "tags": options["tags"] or None}
    return Host(
        name=name,
        environment=options["environment"],
        protected=protected,
        confirm=options["confirm"],
        access_mode=access_mode,
        same_account=same_account,
        account_wide=options["account_wide"],
        partition=partition,
        role_arn=role_arn,
        session_seconds=options["session_seconds"],
        accounts=_accounts(options, sides, access_mode, protected),
        dms=sides["dms"],
        lake=sides["lake"],
        endpoint={
            **waiting,
            **patience,
            **tagging,
            **_some(options, "resource_identifier", "extra_connection_attributes", "settings_conflicts", "exact"),
            **_some(options, "arn_reuse_timeout"),
            "endpoint_identifier": options["identifier"],
            "s3_settings": s3_settings(options, role_arn),
        },
        roles={mode: {**tagging, **_role(options, partition, _home(mode, options))} for mode in ACCESS_MODES},
        bucket_access={
            **patience,
            "deployment": options["deployment"],
            "settle_time": options["policy_settle_time"],
            **_validation(options, options["lake_account_id"]),
        },
        test={
            **waiting,
            **patience,
            **_some(options, "replication_instance_arn", "test"),
            "max_age": options["test_max_age"],
        },
        replacement={
            **waiting,
            **patience,
            **_some(options, "replace_tasks", "accept", "source_log_retention", "lock_timeout", "arn_reuse_timeout"),
            **_some(options, "journal_bucket", "journal_prefix"),
            "journal_path": options["journal_path"] or None,
            "endpoint_identifier": options["identifier"],
            "inventory_host": name,
            "trusted_account_ids": [options["lake_account_id"]],
        },
        source_account_fallback=options["bootstrap_trust"] == _AUTO,
        change_window=options["change_window"],
        allow_shared_folder=options["allow_shared_folder"],
    )


def _check_account_ids(options: Options) -> None:
    """
    :raises DatalakeError: one of them is no account id.
    """
    for name in ("dms_account_id", "lake_account_id"):
        if not is_account_id(str(options[name])):
            raise DatalakeError(
                message=f"{PREFIX}{name}={options[name]} is not a 12-digit AWS account id; correct it, and quote it, because YAML reads some "
                "digits after a leading 0 as an octal number."
            )


def _check_setting_names(settings: Options) -> None:
    """
    :raises DatalakeError: a name is not one of a setting.
    """
    by_letters = {name.replace("_", ""): name for name in SETTINGS}
    for name in settings:
        if name not in SETTINGS:
            letters = str(name).replace("_", "").lower()
            close = difflib.get_close_matches(letters, by_letters, n=1, cutoff=_CLOSE)
            meant = f"; did you mean {by_letters[close[0]]}?" if close else "."
            raise DatalakeError(message=f"{PREFIX}settings has {name}, which is not a setting of an S3 endpoint{meant}")


def _check_patience(options: Options) -> None:
    """
    :raises DatalakeError: a connection would be tested only while its sessions are denied.
    """
    patience, denied = options["iam_propagation_timeout"], role_plan.CLOSING_SECONDS
    if options["bootstrap_trust"] == role_plan.POWERLESS and options["replication_instance_arn"] and patience <= denied:
        raise DatalakeError(
            message=f"s3_endpoint_iam_propagation_timeout={patience} must be more than {denied} with s3_endpoint_bootstrap_trust=powerless, because "
            "sessions are denied for so long after the trust was closed; give seconds."
        )


def _home(access_mode: str, options: Options) -> str:
    """The account of the access role."""
    return str(options["dms_account_id" if access_mode == BUCKET_POLICY else "lake_account_id"])


def likely_partition(lake_assume_role_arn: str) -> str:
    """The partition before any call: that of the role to assume, else `aws`."""
    return partition_of(lake_assume_role_arn) if is_arn(lake_assume_role_arn, "role") else "aws"


def s3_settings(options: Options, role_arn: str) -> Options:
    """The S3 settings from the environment's variables; s3_endpoint_settings takes precedence."""
    settings = {
        "service_access_role_arn": role_arn,
        "bucket_name": options["bucket_name"],
        "bucket_folder": options["bucket_folder"],
        "expected_bucket_owner": options["lake_account_id"],
    }
    if options["kms_key_arn"]:
        settings |= {"encryption_mode": "sse-kms", "server_side_encryption_kms_key_id": options["kms_key_arn"]}
    if options["object_ownership"] != "BucketOwnerEnforced":
        settings["canned_acl_for_objects"] = "bucket-owner-full-control"
    return settings | options["settings"]


def _some(options: Options, *names: str) -> Options:
    return {name: options[name] for name in names}


def _connection(side: str, options: Options, job: str) -> Connection:
    session = _NOT_IN_SESSION_NAMES.sub("-", f"{options['environment']}-{side}-{job}")[:_SESSION_NAME_LENGTH]
    return Connection(
        region=options["region"],
        assume_role_arn=options[f"{side}_assume_role_arn"],
        assume_role_external_id=options[f"{side}_assume_role_external_id"],
        assume_role_session_name=session,
    )


def _accounts(options: Options, sides: dict[str, Connection], access_mode: str, protected: bool) -> dict[str, Options]:
    """The options of dms_preflight for each account."""
    world = {**_some(options, "environment", "environments", "allow_endpoint_url"), "protected": protected}
    local = access_mode == BUCKET_POLICY
    roles, none = [options["role_name"]], list[str]()
    store = {"bucket_name": options["bucket_name"], "server_side_encryption_kms_key_id": options["kms_key_arn"]}
    store |= {name: options["settings"][name] for name in store if name in options["settings"]}
    return {
        "dms": {
            "side": "dms",
            **_some(options, "replication_instance_arn", "service_role_names", "role_path"),
            "planned_endpoint_identifiers": [options["identifier"]],
            "planned_role_names": roles if local else none,
            "lake_account_ids": none if local else [options["lake_account_id"]],
            **sides["dms"].options(),
            "account_id": options["dms_account_id"],
            **world,
        },
        "lake": {
            "side": "lake",
            "bucket_name": store["bucket_name"],
            "kms_key_arn": store["server_side_encryption_kms_key_id"],
            **_some(options, "object_ownership", "role_path"),
            "planned_role_names": none if local else roles,
            "role_account_id": _home(access_mode, options),
            **sides["lake"].options(),
            "account_id": options["lake_account_id"],
            **world,
        },
    }


def _role(options: Options, partition: str, account_id: str) -> Options:
    # An endpoint with a role of the DMS account gets no ExternalId, so a placeholder would never be replaced.
    local = account_id == options["dms_account_id"]
    declared = "placeholder" if options["bootstrap_trust"] == _AUTO else options["bootstrap_trust"]
    bootstrap = "source_account" if local else declared
    source_account = options["source_account_condition"] or bootstrap == "source_account"
    source_arn = f"arn:{partition}:dms:{options['region']}:{options['dms_account_id']}:endpoint:*"
    return {
        **_some(options, "role_name", "policy_name", "purge_trust_statements", "trust_length_limit"),
        "path": options["role_path"],
        # A boundary is a policy of the role's account, which changes with the access mode.
        "permissions_boundary": re.sub(r"::\d{12}:", f"::{account_id}:", options["permissions_boundary"]),
        "bootstrap_trust": bootstrap,
        "source_account": options["dms_account_id"] if source_account else "",
        "source_arn": source_arn if options["source_arn_condition"] else "",
        **_validation(options, account_id),
    }


def _validation(options: Options, account_id: str) -> Options:
    return {
        "validate_policies": options["validate_policies"],
        "validation_exceptions": options["validation_exceptions"].get(account_id) or [],
    }
