# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan what is done with an S3 target endpoint, and predict the result. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.transformation import boto3_resource_to_ansible_dict
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import (
    RESOURCE_IDENTIFIER_LENGTH,
    account_of,
    partition_of,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import (
    format_attributes,
    is_secret,
    read_attributes,
    sent_attributes,
    without_secrets,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import KNOWN_AFTER_CREATION, DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.resources import (
    CREATED,
    DELETED,
    MODIFIED,
    NONE,
    RECREATED,
    Plan,
)
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import (
    DEPLOYMENT_TAG,
    RESERVED_PREFIX,
    inheritable_tags,
)
from ansible_collections.datalake.dms.plugins.module_utils._dms.task_states import IDLE_STATES
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_settings import DesiredSettings
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import (
    as_returned,
    carried_over,
    described_settings,
    differences,
    reasons_to_recreate,
    refuse_changes,
    snake_settings,
    superfluous,
)

# Tag of an endpoint with settings that AWS returned otherwise than they were sent, see `returned_digest`.
RETURNED_TAG = f"{RESERVED_PREFIX}returned-settings"

# CreateEndpoint.EndpointIdentifier. DMS stores it in lower case. The API documents no limit; the console's limit is 255 characters.
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")
_IDENTIFIER_LENGTH = 255

# The id of a KMS key, of one region or of several.
_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def check_identifiers(identifier: str, tail: str | None) -> None:
    """
    :raises DatalakeError: an endpoint or resource identifier that DMS would refuse.
    """
    if not _IDENTIFIER.fullmatch(identifier) or len(identifier) > _IDENTIFIER_LENGTH:
        raise DatalakeError(
            message=f"endpoint_identifier={identifier} must begin with a letter and have only ASCII letters, digits and single "
            f"hyphens, none at the end (at most {_IDENTIFIER_LENGTH}); choose another one."
        )
    if tail and (not _IDENTIFIER.fullmatch(tail) or len(tail) > RESOURCE_IDENTIFIER_LENGTH):
        raise DatalakeError(
            message=f"resource_identifier={tail} must begin with a letter and have only ASCII letters, digits and single hyphens, at "
            f"most {RESOURCE_IDENTIFIER_LENGTH}; shorten or change it."
        )


def is_s3_target(endpoint: dict[str, Any]) -> bool:
    """Whether an endpoint is an S3 target, which this collection manages."""
    return endpoint.get("EngineName") == "s3" and endpoint.get("EndpointType", "").lower() == "target"


def check_kind(endpoint: dict[str, Any] | None) -> None:
    """
    :raises DatalakeError: the endpoint of this identifier is not an S3 target.
    """
    if endpoint and not is_s3_target(endpoint):
        raise DatalakeError(
            message=f"The endpoint {endpoint['EndpointIdentifier']} exists as {endpoint.get('EndpointType', '').lower()} of engine "
            f"{endpoint.get('EngineName')}, not as S3 target, and is not changed; choose another endpoint_identifier."
        )


def is_remote(desired: DesiredSettings, dms_account_id: str) -> bool:
    """Whether the endpoint's role is in another account, so that AWS assigns an ExternalId."""
    return account_of(desired.settings["ServiceAccessRoleArn"]) != dms_account_id


def plan_endpoint(
    current: dict[str, Any] | None,
    desired: DesiredSettings,
    dms_account_id: str,
    recreate: bool = False,
    exact: bool = False,
) -> Plan:
    """Whether the endpoint is created, modified, recreated or unchanged. Tags are not considered.

    AWS does not modify an endpoint whose role is in another account, so such an endpoint is recreated.

    :param exact: whether an undeclared setting is a difference, too.

    :raises DatalakeError: see check_kind; or a change that the table of settings refuses.
    """
    check_kind(current)
    if current is None:
        return Plan(CREATED, ("it does not exist",))
    changes = settings_changes(desired, current, exact)
    if recreate:
        return Plan(RECREATED, ("recreate is true",), changes)
    if not changes:
        return Plan(NONE)
    refuse_changes(f"endpoint {current['EndpointIdentifier']}", changes)
    role = current.get("S3Settings", {}).get("ServiceAccessRoleArn")
    if is_remote(desired, dms_account_id) or (role and account_of(role) != dms_account_id):
        return Plan(RECREATED, ("AWS does not modify an endpoint whose role is in another account",), changes)
    reasons = reasons_to_recreate(changes)
    if reasons:
        return Plan(RECREATED, reasons, changes)
    return Plan(MODIFIED, ("its role is in the same account",), changes)


def settings_changes(desired: DesiredSettings, endpoint: dict[str, Any], exact: bool) -> dict[str, tuple[Any, Any]]:
    """The settings in which an endpoint differs: option (or attribute) -> (present, desired).

    :param exact: whether an undeclared setting is a difference, too.
    """
    return {**differences(desired, endpoint), **(superfluous(desired, endpoint) if exact else {})}


def returned_digest(changes: dict[str, tuple[Any, Any]]) -> str:
    """A digest of settings that were sent, and of what AWS returned for them. It changes with either. Values of secrets are left out.

    :param changes: option (or attribute) -> (returned, sent).
    """
    values = {name: None if is_secret(name) else pair for name, pair in changes.items()}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:32]


def without_returned(plan: Plan, tags: dict[str, str]) -> Plan:
    """The plan; NONE if the endpoint differs only in what AWS returned when these settings were sent. To send them again would change nothing.

    :param tags: of the endpoint.
    """
    same = bool(plan.changes) and tags.get(RETURNED_TAG) == returned_digest(plan.changes)
    return Plan(NONE) if same else plan


def returned_otherwise(desired: DesiredSettings, endpoint: dict[str, Any], exact: bool) -> list[str]:
    """A sentence without a period for each setting that AWS returned otherwise than it was sent.

    :param endpoint: as it is after it was written, or an unchanged one.
    """
    return [_returned_sentence(name, *pair) for name, pair in settings_changes(desired, endpoint, exact).items()]


def _returned_sentence(name: str, returned: Any, sent: Any) -> str:
    if is_secret(name):
        return f"AWS does not return {name} as it was sent"
    if returned is None:
        return f"AWS does not return {name} though {sent!r} was sent; set it in extra_connection_attributes, or leave it out"
    return f"AWS returns {name} as {returned!r} though {sent!r} was sent; set it to the value that AWS returns"


def blocking_users(plan: Plan, tasks: list[dict[str, Any]], configs: list[dict[str, Any]]) -> list[str]:
    """The replication tasks and serverless replications that block the plan, as readable text.

    :param tasks: items of DescribeReplicationTasks. :param configs: items of DescribeReplicationConfigs. They have no status, so each counts as
        running.
    """
    users = [(f"task {t['ReplicationTaskIdentifier']}", t.get("Status", "")) for t in tasks]
    users += [(f"serverless replication {c['ReplicationConfigIdentifier']}", "") for c in configs]
    if plan.action == MODIFIED:
        users = [(name, status) for name, status in users if status not in IDLE_STATES]
    return sorted(f"{name} ({status})" if status else name for name, status in users)


def refuse_users(endpoint: dict[str, Any], plan: Plan, users: list[str]) -> None:
    """Refuse a plan that the endpoint's users block.

    :param users: see blocking_users.
    :raises DatalakeError: there are users; the message names them.
    """
    if not users:
        return
    verb, remedy = {
        MODIFIED: ("be modified", "stop them first"),
        RECREATED: ("be recreated", "delete them first, because AWS does not delete an endpoint in use"),
        DELETED: ("be deleted", "delete them first, because AWS does not delete an endpoint in use"),
    }[plan.action]
    raise DatalakeError(
        message=f"The endpoint {endpoint['EndpointIdentifier']} would {verb} ({'; '.join(plan.reasons)}), but it is in use by {', '.join(users)}; "
        f"{remedy}."
    )


def resource_identifier(endpoint_arn: str) -> str | None:
    """The last part of an endpoint's ARN, if it is a valid ResourceIdentifier; None for the longer ones that AWS generates."""
    tail = endpoint_arn.rsplit(":", 1)[-1]
    return tail if len(tail) <= RESOURCE_IDENTIFIER_LENGTH and _IDENTIFIER.fullmatch(tail) else None


def with_carried_over(current: dict[str, Any] | None, desired: DesiredSettings, exact: bool = False) -> DesiredSettings:
    """The settings to create an endpoint with: the declared ones, and (unless `exact`) the undeclared ones of its predecessor.

    An undeclared setting stays as it is, whether the endpoint is modified or recreated.
    """
    if exact:
        return desired
    settings, attributes = carried_over(desired, current or {})
    return DesiredSettings({**settings, **desired.settings}, {**attributes, **desired.attributes}, desired.warnings)


def definition(endpoint: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    """All settings and tags of an endpoint that differ from the defaults, as options of dms_s3_endpoint. Secrets are left out.

    :returns: {endpoint_arn, external_id, s3_settings, extra_connection_attributes, tags}, and to create it again as it was: described_settings, its
        S3Settings as AWS returned them, and sent_attributes (key -> value).
    """
    settings, attributes = carried_over(DesiredSettings({}, {}), endpoint)
    described = dict(endpoint.get("S3Settings") or {})
    sent = sent_attributes(endpoint.get("ExtraConnectionAttributes"), described)
    return {
        "endpoint_arn": endpoint["EndpointArn"],
        "external_id": endpoint.get("ExternalId"),
        "s3_settings": snake_settings(settings),
        "described_settings": described,
        "sent_attributes": {key: value for key, value in sent.items() if not is_secret(key)},
        "extra_connection_attributes": format_attributes({k: v for k, v in attributes.items() if not is_secret(k)}),
        "tags": inheritable_tags(tags),
    }


def predecessor(defined: dict[str, Any] | None) -> dict[str, Any] | None:
    """An endpoint as an item of DescribeEndpoints, from its `definition`."""
    if defined is None:
        return None
    return {
        "EndpointArn": defined["endpoint_arn"],
        "S3Settings": described_settings(defined["s3_settings"] or {}),
        "ExtraConnectionAttributes": defined["extra_connection_attributes"] or "",
    }


def as_it_was(defined: dict[str, Any], region: str | None) -> DesiredSettings:
    """The settings of a former endpoint, as AWS returned them. They are not checked: AWS has accepted them.

    AWS may return only the id of a key, and a key of another account needs its ARN.

    :param defined: see `definition`. That of an older journal has neither described_settings nor sent_attributes. :param region: of the endpoint.
    """
    settings = as_returned(defined.get("described_settings") or described_settings(defined["s3_settings"] or {}))
    attributes = defined.get("sent_attributes")
    if attributes is None:
        attributes = read_attributes(defined["extra_connection_attributes"])
    key, role = settings.get("ServerSideEncryptionKmsKeyId"), settings.get("ServiceAccessRoleArn")
    if key and role and region and _KEY_ID.fullmatch(key):
        settings["ServerSideEncryptionKmsKeyId"] = f"arn:{partition_of(role)}:kms:{region}:{account_of(role)}:key/{key}"
    return DesiredSettings(settings, attributes)


def undeclared(
    current: dict[str, Any], desired: DesiredSettings, tags: dict[str, str], wanted: dict[str, Any]
) -> list[str]:
    """Undeclared settings and tags, which a run that is killed between deletion and creation would lose.

    :param tags: of the endpoint. :param wanted: the declared tags.
    """
    lost = {name for name, (_present, _default) in superfluous(desired, current).items()}
    return sorted(lost) + sorted(f"tag {key}" for key in inheritable_tags(tags) if key not in {*wanted, DEPLOYMENT_TAG})


def create_request(
    current: dict[str, Any] | None,
    full_settings: DesiredSettings,
    identifier: str,
    tail: str | None,
    tags: dict[str, str],
) -> dict[str, Any]:
    """The parameters of CreateEndpoint.

    :param current: the endpoint that is replaced; the last part of its ARN is asked for again. None for a new endpoint.
    :param full_settings: the settings, see `with_carried_over`.
    :param tail: the option resource_identifier, used for a new endpoint.
    """
    request = {
        "EndpointIdentifier": identifier,
        "EndpointType": "target",
        "EngineName": "s3",
        "S3Settings": full_settings.settings,
        "ResourceIdentifier": (resource_identifier(current["EndpointArn"]) if current else None) or tail,
        "ExtraConnectionAttributes": format_attributes(full_settings.attributes),
        "Tags": ansible_dict_to_boto3_tag_list(tags),
    }
    return {name: value for name, value in request.items() if value}


def predicted(
    current: dict[str, Any] | None, full_settings: DesiredSettings, plan: Plan, identifier: str, remote: bool
) -> dict[str, Any]:
    """The endpoint after the plan, with KNOWN_AFTER_CREATION for values that AWS assigns.

    :param full_settings: the settings, see `with_carried_over`.
    """
    if current and plan.action == NONE:
        return current
    kept = current or {"EndpointIdentifier": identifier, "EndpointType": "TARGET", "EngineName": "s3"}
    after = {
        **kept,
        "Status": "active",
        "S3Settings": full_settings.settings,
        "ServiceAccessRoleArn": full_settings.settings["ServiceAccessRoleArn"],
        "ExtraConnectionAttributes": format_attributes(full_settings.attributes),
    }
    if plan.action in (CREATED, RECREATED):
        same_tail = current and resource_identifier(current["EndpointArn"])
        after["EndpointArn"] = current["EndpointArn"] if current and same_tail else KNOWN_AFTER_CREATION
        after["ExternalId"] = KNOWN_AFTER_CREATION if remote else None
    return after


def endpoint_view(endpoint: dict[str, Any] | None, tags: dict[str, str]) -> dict[str, Any] | None:
    """An item of DescribeEndpoints as the module returns it."""
    if endpoint is None:
        return None
    shown = {k: v for k, v in endpoint.items() if k != "S3Settings"}
    shown["ExtraConnectionAttributes"] = without_secrets(endpoint.get("ExtraConnectionAttributes"))
    return {
        **boto3_resource_to_ansible_dict(shown, transform_tags=False, force_tags=False),
        "s3_settings": snake_settings(endpoint.get("S3Settings", {})),
        "tags": tags,
    }


def diff_view(
    endpoint: dict[str, Any] | None, tags: dict[str, str], desired: DesiredSettings, changes: dict[str, Any]
) -> dict[str, Any]:
    """One side of `diff`: the declared settings with the values of that side, without what AWS fills in."""
    if endpoint is None:
        return {}
    settings = {**snake_settings(desired.settings), **desired.attributes, **changes}
    return {
        "endpoint_identifier": endpoint["EndpointIdentifier"],
        "endpoint_arn": endpoint.get("EndpointArn"),
        "external_id": endpoint.get("ExternalId"),
        "settings": {name: "********" if is_secret(name) else value for name, value in settings.items()},
        "tags": tags,
    }
