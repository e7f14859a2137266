# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host declares by the variables of the role s3_endpoint, as options of the modules that look at it and deploy it. Pure."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY, CROSSACCOUNT_ROLE
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of, is_arn, partition_of

Options = dict[str, Any]
PREFIX = "s3_endpoint_"

# STS: RoleSessionName of AssumeRole.
_NOT_IN_SESSION_NAMES = re.compile(r"[^A-Za-z0-9_+=,.@-]")
_SESSION_NAME_LENGTH = 64


def declaration(
    name: str,
    variables: Options,
    job: str,
    partition: str | None = None,
    planned_role_arn: str | None = None,
) -> Options:
    """What a host declares.

    :param name: the host's. :param variables: the role's, by their whole names, validated, those without a value left out.
    :param job: who calls, as CloudTrail shall show it: an AWX job, or a user.
    :param partition: that of the data-lake account, where it was asked for.
    :param planned_role_arn: the role of the planned endpoint, which is the one before where a replacement is rolled back: it tells the way of access.
    :returns: {name, access, one_account, account_wide, protected, partition, role_arn, accounts: {dms, lake} (options of dms_preflight), dms, lake
        (connection options), endpoint (of dms_s3_endpoint), role (of dms_crossaccount_role, but for what the planned endpoint tells), bucket_access
        (of dms_bucket_access, likewise), test (of dms_connection_test), replacement (of dms_endpoint_replacement)}.
    """
    options = {key.removeprefix(PREFIX): value for key, value in variables.items()}
    one_account = options["lake_account_id"] == options["dms_account_id"]
    declared_access = CROSSACCOUNT_ROLE if one_account else options["access"]
    access = _way_of(planned_role_arn, options) if planned_role_arn and not one_account else declared_access
    partition = partition or likely_partition(options["lake_assume_role_arn"])
    sides = {side: _connection(side, options, job) for side in ("dms", "lake")}
    protected = bool(((options["environments"] or {}).get(options["environment"]) or {}).get("protected"))
    role_arn = (
        f"arn:{partition}:iam::{_home(declared_access, options)}:role{options['role_path']}{options['role_name']}"
    )
    waiting = _some(options, "wait_timeout", "poll_interval")
    patience = _some(options, "iam_propagation_timeout")
    tagging = {**_some(options, "purge_tags", "deployment", "adopt", "required_tags"), "tags": options["tags"] or None}
    return {
        "name": name,
        "access": access,
        "one_account": one_account,
        "account_wide": options["account_wide"],
        "protected": protected,
        "partition": partition,
        "role_arn": role_arn,
        "accounts": _accounts(options, sides, declared_access, protected),
        **sides,
        "endpoint": {
            **waiting,
            **patience,
            **tagging,
            **_some(options, "resource_identifier", "extra_connection_attributes", "settings_conflicts", "exact"),
            "endpoint_identifier": options["identifier"],
            "s3_settings": s3_settings(options, role_arn),
        },
        "role": {**tagging, **_role(options, partition, _home(access, options))},
        "bucket_access": {
            **patience,
            "deployment": options["deployment"],
            "settle_time": options["policy_settle_time"],
            **_validation(options, options["lake_account_id"]),
        },
        "test": {
            **waiting,
            **patience,
            **_some(options, "replication_instance_arn", "test"),
            "max_age": options["test_max_age"],
        },
        "replacement": {
            **waiting,
            **patience,
            **_some(options, "replace_tasks", "accept", "source_log_retention", "lock_timeout"),
            **_some(options, "journal_bucket", "journal_prefix"),
            "journal_path": options["journal_path"] or None,
            "endpoint_identifier": options["identifier"],
            "inventory_host": name,
            "trusted_account_ids": [options["lake_account_id"]],
        },
    }


def ownership_of(host: Options) -> Options:
    """What names a host's endpoint and role among others, and how to get at its accounts: for whoever looks for what no host declares any more.

    :param host: see declaration.
    :returns: {deployment, endpoint_identifier, role_name, role_path, access, region, dms_account_id, lake_account_id, dms, lake}; the latter two have
        side, path, the connection options, those that dms_preflight compares, and for how long to wait.
    """
    path = host["role"]["path"]
    compared = ("side", "account_id", "environment", "environments", "protected", "allow_endpoint_url")
    places = {
        side: {**_some(host["accounts"][side], *compared), **host[side], "path": path} for side in ("dms", "lake")
    }
    return {
        "deployment": host["endpoint"]["deployment"],
        "endpoint_identifier": host["endpoint"]["endpoint_identifier"],
        "role_name": host["role"]["role_name"],
        "role_path": path,
        "access": host["access"],
        "region": host["dms"]["region"],
        "dms_account_id": host["accounts"]["dms"]["account_id"],
        "lake_account_id": host["accounts"]["lake"]["account_id"],
        "dms": {**places["dms"], **_some(host["endpoint"], "wait_timeout", "poll_interval")},
        "lake": {**places["lake"], "settle_time": host["bucket_access"]["settle_time"]},
    }


def _way_of(role_arn: str, options: Options) -> str:
    """The way of access of an endpoint with that role."""
    return BUCKET_POLICY if account_of(role_arn) == options["dms_account_id"] else CROSSACCOUNT_ROLE


def _home(access: str, options: Options) -> str:
    """The account where the access role lives."""
    return str(options["dms_account_id" if access == BUCKET_POLICY else "lake_account_id"])


def likely_partition(lake_assume_role_arn: str) -> str:
    """The partition, before anybody was asked: that of the role to assume, else AWS's commercial one."""
    return partition_of(lake_assume_role_arn) if is_arn(lake_assume_role_arn, "role") else "aws"


def s3_settings(options: Options, role_arn: str) -> Options:
    """What the environment says of the target; the endpoint's own settings come last and win."""
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


def _connection(side: str, options: Options, job: str) -> Options:
    session = _NOT_IN_SESSION_NAMES.sub("-", f"{options['environment']}-{side}-{job}")[:_SESSION_NAME_LENGTH]
    return {
        "region": options["region"],
        "assume_role_arn": options[f"{side}_assume_role_arn"],
        "assume_role_external_id": options[f"{side}_assume_role_external_id"],
        "assume_role_session_name": session,
    }


def _accounts(options: Options, sides: dict[str, Options], access: str, protected: bool) -> dict[str, Options]:
    """What dms_preflight is to look at on each side."""
    world = {**_some(options, "environment", "environments", "allow_endpoint_url"), "protected": protected}
    local = access == BUCKET_POLICY
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
            **sides["dms"],
            "account_id": options["dms_account_id"],
            **world,
        },
        "lake": {
            "side": "lake",
            "bucket_name": store["bucket_name"],
            "kms_key_arn": store["server_side_encryption_kms_key_id"],
            **_some(options, "object_ownership", "role_path"),
            "planned_role_names": none if local else roles,
            "role_account_id": _home(access, options),
            **sides["lake"],
            "account_id": options["lake_account_id"],
            **world,
        },
    }


def _role(options: Options, partition: str, account_id: str) -> Options:
    # To a role of the DMS account AWS gives no ExternalId, and no placeholder would ever be replaced.
    local = account_id == options["dms_account_id"]
    bootstrap = "source_account" if local else options["bootstrap_trust"]
    source_account = options["source_account_condition"] or bootstrap == "source_account"
    source_arn = f"arn:{partition}:dms:{options['region']}:{options['dms_account_id']}:endpoint:*"
    return {
        **_some(options, "role_name", "policy_name", "purge_trust_statements", "trust_length_limit"),
        "path": options["role_path"],
        # It is of the account where the role lives, which is another one after a move and before it.
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
