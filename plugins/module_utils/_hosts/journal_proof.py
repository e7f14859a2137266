# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a journal is used: where its endpoint writes must agree with something that is not in the journal bucket.

Who may write to the journal bucket could else have an endpoint write to another bucket of the data lake, or through another role. A journal whose
digest is in the tag of the access role is the one that a run has written. Of one without a digest, the tasks are not compared with anything.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, role_plan
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import read_attributes
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._dms.endpoints import describe_endpoint
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import endpoint_plan
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.s3_settings import TABLE, snake_settings
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.journal_tag import (
    JOURNAL_TAG,
    JournalTag,
    own_role_arns,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import role_options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journals import Journal, digest
from ansible_collections.datalake.dms.plugins.module_utils._replacement.task_entries import UNPROVEN_JOURNAL

# The settings that say where an endpoint writes.
_DESTINATION = (
    "bucket_name",
    "bucket_folder",
    "service_access_role_arn",
    "expected_bucket_owner",
    "server_side_encryption_kms_key_id",
)


def check_journal(host: Host, reads: SharedReads, seal: JournalTag, journal: Journal) -> None:
    """Check the journal of an interrupted replacement before it is used.

    :param seal: has its digest.
    :raises DatalakeError: it has another digest, or without one, its endpoint would write elsewhere. AnsibleAWSError: a call failed.
    """
    digests = seal.digests(journal)
    if UNPROVEN_JOURNAL in host.replacement["accept"] or digest(journal) in digests:
        return
    if digests:
        raise DatalakeError(
            message=f"The journal of {host.identifier} is not used, because it differs from the one that a run has written, whose digest is in the "
            f"tag {JOURNAL_TAG} of the role {host.role_name}; compare it with earlier versions of the object in journal_bucket, and set "
            f"accept={UNPROVEN_JOURNAL} to use it."
        )
    dms = reads.account(host.dms)
    existing = describe_endpoint(dms.client("dms"), host.identifier)
    settings = snake_settings(endpoint_plan.as_it_was(journal.endpoint, dms.region).settings)
    problem = two_values(journal.endpoint)
    if problem is None and not _is_of(existing, journal):
        problem = foreign(journal.endpoint, own_role_arns(host), host.lake_account_id)
        if problem is None and not _is_admitted(host, reads, journal, settings):
            folder, key = settings.get("bucket_folder"), settings.get("server_side_encryption_kms_key_id")
            place = f"{settings.get('bucket_name')}{f'/{folder}' if folder else ''}"
            problem = f"writes to {place}{f' with key {key}' if key else ''}"
    if problem:
        raise DatalakeError(
            message=f"The journal of {host.identifier} is not used, because its endpoint {problem}, and neither the inventory, nor the endpoint, nor "
            "a version of the access policy agrees with that; compare it with earlier versions of the object in journal_bucket, and set "
            f"accept={UNPROVEN_JOURNAL} to use it."
        )


def destination(defined: Options) -> Options:
    """Where an endpoint writes. Pure. :param defined: see endpoint_plan.definition."""
    settings = defined.get("s3_settings") or {}
    return {name: settings.get(name) for name in _DESTINATION}


def two_values(defined: Options) -> str | None:
    """Which part of a journaled endpoint's destination has two values, after "its endpoint"; None if each has one. Pure.

    :param defined: see endpoint_plan.definition.
    """
    parts, described = destination(defined), snake_settings(defined.get("described_settings") or {})
    sent = {**read_attributes(defined.get("extra_connection_attributes")), **(defined.get("sent_attributes") or {})}
    attributes = {TABLE.option_of_attribute.get(key.lower()): value for key, value in sent.items()}
    for name in _DESTINATION:
        others = [described.get(name)] if described else []
        others += [attributes[name]] if name in attributes else []
        if any((other or None) != (parts[name] or None) for other in others):
            return f"has two values for {name}"
    return None


def foreign(defined: Options, role_arns: set[str], owner: str) -> str | None:
    """What of a journaled endpoint is not the host's, after "its endpoint"; None if there is nothing. Pure.

    :param defined: see endpoint_plan.definition. :param role_arns: of the host's access role. :param owner: id of the data-lake account.
    """
    parts = destination(defined)
    if parts["service_access_role_arn"] not in role_arns:
        return f"uses the role {parts['service_access_role_arn']}"
    if parts["expected_bucket_owner"] not in (None, "", owner):
        return f"expects a bucket of account {parts['expected_bucket_owner']}"
    return None


def _is_of(existing: dict[str, Any] | None, journal: Journal) -> bool:
    """Whether the endpoint that exists writes where the journaled one does."""
    return existing is not None and destination(endpoint_plan.definition(existing, {})) == destination(journal.endpoint)


def _is_admitted(host: Host, reads: SharedReads, journal: Journal, settings: Options) -> bool:
    """Whether the access policy that the journaled endpoint needs is the declared one, or a version of the existing one.

    A change of bucket, folder or key updates the policy before it deletes the endpoint, and IAM keeps the former version.
    """
    former = host.rolled_back_to(journal.endpoint)
    home = reads.account(former.home)

    def policy(of: Host, needs: Options) -> dict[str, Any]:
        return role_plan.policy_document(home.identity, home.region, role_options(of, needs, [], purge=False))

    needed = policy(former, settings)
    if not compare_policies(policy(host, host.endpoint["s3_settings"]), needed):
        return True
    arn = role_plan.policy_arn(home.identity, former.role)
    return any(
        not compare_policies(version, needed) for version in access_role.read_policy_versions(home.client("iam"), arn)
    )
