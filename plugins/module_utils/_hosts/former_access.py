# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove what an endpoint no longer needs: the access role of its former access mode, and statements for a role in its former bucket and key.

Statements are removed first: once a role is deleted, AWS shows its unique id in place of its ARN.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, bucket_access, role_plan
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY, CROSSACCOUNT_ROLE
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host, Options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import role_removal_options
from ansible_collections.datalake.dms.plugins.module_utils._hosts.results import Record, Result
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._policies.trusts import admits_dms


@dataclass(frozen=True)
class Store:
    """A bucket, and the KMS key that encrypts its objects; both may be empty."""

    bucket_name: str = ""
    kms_key_arn: str = ""

    @classmethod
    def before(cls, settings: Options, now: Store) -> Store:
        """The bucket and key that the endpoint no longer uses.

        :param settings: the endpoint's former settings. :param now: the bucket and key that it uses now.
        """
        bucket, key = settings.get("bucket_name") or "", settings.get("server_side_encryption_kms_key_id") or ""
        return cls(
            bucket_name=bucket if bucket != now.bucket_name else "",
            kms_key_arn=key if ":key/" in key and key != now.kms_key_arn else "",
        )


def store_of(host: Host) -> Store:
    """The bucket and key that a host declares."""
    return Store(host.accounts["lake"]["bucket_name"] or "", host.accounts["lake"]["kms_key_arn"] or "")


def read_ahead(host: Host, reads: SharedReads) -> None:
    """Read the list that `former_role` goes by before anything is changed, so that a denial stops the host in time.

    :raises AnsibleAWSError: the call failed.
    """
    if host.is_tested and host.lists_former_roles:
        reads.role_names(host.dms, host.role["path"])


def former_role(host: Host, reads: SharedReads, role_before: str) -> Result | None:
    """The access role of the other access mode, if it exists and belongs to this deployment.

    :param role_before: ARN of the endpoint's role before this run; empty for none.
    :returns: the role, see role_plan.role_view.
    :raises AnsibleAWSError: a call failed.
    """
    if host.same_account:
        return None
    has_moved = bool(role_before) and host.access_mode_of(role_before) != host.access_mode
    # One ListRoles serves all hosts of a DMS account.
    is_listed = host.lists_former_roles and not has_moved
    if is_listed and host.role_name not in reads.role_names(host.dms, host.role["path"]):
        return None
    role = access_role.read_role(reads.account(host.other_home).client("iam"), host.role_name)
    if role is None or not admits_dms(role["assume_role_policy_document"]):
        return None
    return role if role_plan.is_own(role, host.deployment, host.role["path"], role_before) else None


def remove_former_access(
    host: Host, reads: SharedReads, before: Options | None, record: Record, check_mode: bool
) -> None:
    """Remove what the endpoint no longer needs.

    :param before: the endpoint's definition before this run, see endpoint_plan.definition; None for a new one.
    :raises DatalakeError: the role has policies of others. AnsibleAWSError: a call failed.
    """
    settings = (before or {}).get("s3_settings") or {}
    role_before, now = settings.get("service_access_role_arn") or "", store_of(host)
    stores_before = Store.before(settings, now)
    former = former_role(host, reads, role_before)
    if former and host.access_mode == CROSSACCOUNT_ROLE:
        withdraw(host, reads, former["arn"], [now, stores_before], record, check_mode)
    elif host.access_mode == BUCKET_POLICY and role_before == host.role_arn:
        withdraw(host, reads, host.role_arn, [stores_before], record, check_mode)
    if former:
        options = role_removal_options(host, host.role_name, host.role["policy_name"], former["path"])
        result = access_role.ensure(reads.account(host.other_home), options, check_mode)
        record.add("former role", result)


def remove_new_access(host: Host, reads: SharedReads, moved_to: Options, record: Record) -> None:
    """Remove the access that a move to the other access mode created, after its rollback.

    :param host: rolled back, with its former access mode. :param moved_to: the definition of the endpoint that was rolled back.
    :raises DatalakeError: the role has policies of others. AnsibleAWSError: a call failed.
    """
    remove_former_access(host, reads, moved_to, record, check_mode=False)
    remove_policy_without_role(host, reads, record, check_mode=False)


def remove_policy_without_role(host: Host, reads: SharedReads, record: Record, check_mode: bool) -> None:
    """Remove the policy of the other access mode. A run that was killed before it created the role left it, so it is found only by its name.

    :raises DatalakeError: there is a role of this name, which belongs to others. AnsibleAWSError: a call failed.
    """
    options = role_removal_options(host, host.role_name, host.role["policy_name"], host.role["path"])
    record.add("former role", access_role.ensure(reads.account(host.other_home), options, check_mode))


def withdraw(
    host: Host, reads: SharedReads, role_arn: str, stores: list[Store], record: Record, check_mode: bool
) -> None:
    """Remove the statements for a role from the policies of buckets and keys.

    :raises AnsibleAWSError: a call failed.
    """
    for store in stores:
        if store != Store():
            result = withdraw_from(host, reads, role_arn, store, check_mode)
            record.add(f"statements of {store.bucket_name or store.kms_key_arn}", result)


def withdraw_from(host: Host, reads: SharedReads, role_arn: str, store: Store, check_mode: bool) -> Result:
    """Remove the statements for a role from the policies of one bucket and key.

    :param host: of the role's deployment, with the data-lake account. :returns: the result of dms_bucket_access.
    :raises AnsibleAWSError: a call failed.
    """
    options = {
        **host.bucket_access,
        "state": "absent",
        "role_arn": role_arn,
        "bucket_name": store.bucket_name,
        "server_side_encryption_kms_key_id": store.kms_key_arn,
    }
    lake, options = reads.account(host.lake), validated(bucket_access.ARGUMENT_SPEC, options)
    return bucket_access.ensure(lake, options, check_mode, lake.policy_writes.write)
