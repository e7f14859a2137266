# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that touches moto, in one file: its internals move between patch releases, so moto is pinned.

The rest of the package sees plain data ("views") and one function that lets moto answer a call.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import moto.backends
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.request import Request
from moto.core.routing import NotFound, get_service_router
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy, Role, User, iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey
from werkzeug.test import run_wsgi_app

from .arns import account_of, partition_of, region_of, resource_of
from .iam.policy_documents import without_principal
from .server.wire import Answer, AwsError, Call

__all__ = ["MotoApplication", "MotoRequestHandler"]

# GetAccountAuthorizationDetails of moto leaves the names of managed policies out: it looks for them under the answer's name.
ManagedPolicy.policy_name = property(lambda policy: policy.name)  # type: ignore[attr-defined]

# moto would read its own folder anew for each call.
_MODULES = tuple(moto.backends.list_of_moto_modules())
moto.backends.list_of_moto_modules = lambda: _MODULES

# Threads that need a service's model at once would parse it once each.
_LOADING = threading.Lock()


class MotoApplication:
    """moto's server application, as a function from a call to an answer."""

    def __init__(self) -> None:
        self._application = DomainDispatcherApplication(create_backend_app)

    def answer(self, call: Call, account: str) -> Answer:
        """Let moto answer in `account`, which the header below tells it; an unknown operation is a 400, at once."""
        host = f"{call.service}.{call.region}.amazonaws.com"
        if call.operation == "" or self._application.get_backend_for_host(host) is None:
            raise AwsError("UnknownOperationException", f"The embedded AWS does not know this call of {call.service}")
        call.environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        try:
            chunks, status, headers = run_wsgi_app(self._application, call.environ, buffered=True)
        except NotImplementedError as error:
            raise AwsError("UnknownOperationException", str(error)) from error
        return Answer(int(status.split()[0]), list(headers), b"".join(chunks))


def reset() -> None:
    """Forget everything in every account."""
    BackendDict.reset()


def operation_name(call: Call) -> str:
    """The operation of a call in a REST protocol, by botocore's model; empty when none matches."""
    with _LOADING:
        router = get_service_router(call.service)
    try:
        operation, _ = router.match(Request(dict(call.environ)))
    except NotFound:
        return ""
    return str(operation.name)


# --- IAM ---------------------------------------------------------------------------------------------------------


def user_of_access_key(access_key: str) -> dict[str, Any] | None:
    """The IAM user with that active access key: Account, Arn, UserId."""
    for backend in _existing_iam_backends():
        key = backend.access_keys.get(access_key)
        if key and key.status == "Active" and key.user_name:
            user = backend.get_user(key.user_name)
            return {"Account": backend.account_id, "Arn": user.arn, "UserId": user.id}
    return None


def set_roles_quota(account: str, partition: str, quota: int) -> None:
    """What GetAccountSummary tells as RolesQuota."""
    iam_backends[account][partition].account_summary._roles_quota = quota


def role_view(key: tuple[str, str, str]) -> dict[str, Any] | None:
    """The role with the key (partition, account, name), with its documents parsed; None if there is none.

    Arn, RoleId, RoleName, Path, MaxSessionDuration (seconds), Trust, Policies {name: document},
    AttachedPolicies {arn: document}, Boundary {Arn, Document} or None, Tags {key: value}.
    """
    partition, account, name = key
    backend = iam_backends[account][partition]
    role = next((role for role in list(backend.roles.values()) if role.name == name), None)
    return _role_view(backend, role) if role else None


def role_views(account: str) -> dict[str, dict[str, Any]]:
    """All roles of an account by name."""
    return {
        role.name: _role_view(backend, role)
        for backend in _existing_iam_backends(account)
        for role in list(backend.roles.values())
    }


def customer_policy_views(account: str) -> dict[str, dict[str, Any]]:
    """The customer managed policies of an account by ARN: Document, VersionIds, AttachmentCount, Tags."""
    return {
        policy.arn: {
            "Document": _default_document(policy),
            "VersionIds": [version.version_id for version in policy.versions],
            "AttachmentCount": policy.attachment_count,
            "Tags": {tag["Key"]: tag["Value"] for tag in policy.get_tags()},
        }
        for backend in _existing_iam_backends(account)
        for policy in list(backend.managed_policies.values())
        if not isinstance(policy, AWSManagedPolicy)
    }


def roles_with_policy(partition: str, account: str, policy_arn: str) -> list[str]:
    """Names of the roles that have the policy attached or as their boundary."""
    return [
        role.name
        for role in iam_backends[account][partition].roles.values()
        if policy_arn in role.managed_policies or role.permissions_boundary_arn == policy_arn
    ]


def policy_exists(partition: str, account: str, policy_arn: str) -> bool:
    return policy_arn in iam_backends[account][partition].managed_policies


def principal_exists(arn: str) -> bool:
    """Whether the user or role with that ARN exists in its account; a unique id is that of a deleted one."""
    if not arn.startswith("arn:"):
        return False
    backend = iam_backends[account_of(arn)][partition_of(arn)]
    principals: list[Role | User] = [*backend.roles.values(), *backend.users.values()]
    return any(principal.arn == arn for principal in principals)


def load_aws_managed_policy(partition: str, account: str, policy_arn: str) -> None:
    """Put an AWS managed policy into the account, from moto's copy of them.

    moto can load all 1,500 into each account, which takes seconds; one at a time, when it is named, costs nothing.
    """
    path_and_name = policy_arn.partition(":policy")[2]
    data = _aws_managed_policies().get(path_and_name)
    backend = iam_backends[account][partition]
    if data and policy_arn not in backend.managed_policies:
        name = path_and_name.rpartition("/")[2]
        backend.managed_policies[policy_arn] = AWSManagedPolicy.from_data(name, account, partition, data)


def attach_aws_policy(partition: str, account: str, role_name: str, policy_arn: str) -> None:
    """Attach a managed policy of AWS to a role."""
    load_aws_managed_policy(partition, account, policy_arn)
    iam_backends[account][partition].attach_role_policy(policy_arn, role_name)


def discount_attachment(partition: str, account: str, policy_arn: str) -> None:
    """Let the next attachment of a policy not count: moto counts one that stands already again."""
    iam_backends[account][partition].managed_policies[policy_arn].attachment_count -= 1


def create_user(partition: str, account: str, user_name: str, access_key: str, secret: str) -> None:
    """A user with one access key of a given id, which IAM's API cannot make."""
    backend = iam_backends[account][partition]
    if user_name not in backend.users:
        backend.create_user("us-east-1", user_name)
    user = backend.get_user(user_name)
    if not user.has_access_key(access_key):
        key = user.create_access_key(prefix="AKIA")
        key.access_key_id, key.secret_access_key = access_key, secret
        backend.access_keys[access_key] = key


def put_role(arn: str, trust: dict[str, Any], permissions: dict[str, Any] | None = None) -> None:
    """A role with that ARN and trust, and with an inline policy if one is given; an existing one gets the trust."""
    path, _, name = resource_of(arn).removeprefix("role").rpartition("/")
    backend = iam_backends[account_of(arn)][partition_of(arn)]
    existing = next((role for role in backend.roles.values() if role.name == name), None)
    if existing:
        existing.assume_role_policy_document = json.dumps(trust)
        return
    backend.create_role(
        role_name=name,
        assume_role_policy_document=json.dumps(trust),
        path=f"{path}/",
        permissions_boundary=None,
        description="Assumed by the automation",
        tags=[],
        max_session_duration="3600",
    )
    if permissions:
        backend.put_role_policy(name, "seeded", json.dumps(permissions))


def put_policy(arn: str, document: dict[str, Any]) -> None:
    """A customer managed policy with that ARN; an existing one stays as it is."""
    path, _, name = resource_of(arn).removeprefix("policy").rpartition("/")
    backend = iam_backends[account_of(arn)][partition_of(arn)]
    if arn not in backend.managed_policies:
        backend.create_policy("", f"{path}/", json.dumps(document), name, [])


def _existing_iam_backends(account: str | None = None) -> Iterator[IAMBackend]:
    """Backends that exist already: asking moto for one creates it."""
    for _account, by_partition in list(iam_backends.items()):
        if account in (None, _account):
            yield from list(by_partition.values())


def _role_view(backend: IAMBackend, role: Role) -> dict[str, Any]:
    boundary = backend.managed_policies.get(role.permissions_boundary_arn or "")
    return {
        "Arn": role.arn,
        "RoleId": role.id,
        "RoleName": role.name,
        "Path": role.path,
        "MaxSessionDuration": int(role.max_session_duration or 3600),
        "Trust": json.loads(role.assume_role_policy_document),
        "Policies": {name: json.loads(document) for name, document in role.policies.items()},
        "AttachedPolicies": {arn: _default_document(policy) for arn, policy in role.managed_policies.items()},
        "Boundary": {"Arn": boundary.arn, "Document": _default_document(boundary)} if boundary else None,
        "Tags": {tag["Key"]: tag["Value"] for tag in role.tags},
    }


def _default_document(policy: ManagedPolicy) -> dict[str, Any]:
    version = next(version for version in policy.versions if version.version_id == policy.default_version_id)
    document: dict[str, Any] = json.loads(version.document)
    return document


@lru_cache(maxsize=1)
def _aws_managed_policies() -> dict[str, dict[str, Any]]:
    """moto's copy of the AWS managed policies, by path and name such as `/service-role/AmazonDMSVPCManagementRole`."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    policies: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return {f"{data['Path']}{name}": data for name, data in policies.items()}


# --- S3 ----------------------------------------------------------------------------------------------------------


def bucket_view(name: str) -> dict[str, Any] | None:
    """Name, Account, Region, Policy (parsed, or None), KmsKeyId (a customer's, or None) of a bucket in any account, or None."""
    backends: Any = get_backend("s3")
    if name not in backends.bucket_accounts:
        return None
    partition, account = backends.bucket_accounts[name]
    bucket = backends[account][partition].buckets[name]
    policy = json.loads(bucket.policy) if bucket.policy else None
    rule = ((bucket.encryption or {}).get("Rule") or {}).get("ApplyServerSideEncryptionByDefault") or {}
    key = rule.get("KMSMasterKeyID")
    return {"Name": name, "Account": account, "Region": bucket.region_name, "Policy": policy, "KmsKeyId": key}


def bucket_policies(account: str) -> dict[str, dict[str, Any]]:
    """The policies of the account's buckets that have one, by bucket."""
    backends: Any = get_backend("s3")
    names = [name for name, (_partition, owner) in list(backends.bucket_accounts.items()) if owner == account]
    policies = {name: (bucket_view(name) or {})["Policy"] for name in names}
    return {name: policy for name, policy in policies.items() if policy}


def put_bucket_policy(name: str, policy: dict[str, Any]) -> None:
    backends: Any = get_backend("s3")
    partition, account = backends.bucket_accounts[name]
    backends[account][partition].put_bucket_policy(name, json.dumps(policy).encode())


def object_etag(bucket: str, key: str) -> str | None:
    """The ETag, without quotes, of the object that exists now; None if there is none or it was deleted."""
    backends: Any = get_backend("s3")
    if bucket not in backends.bucket_accounts:
        return None
    partition, account = backends.bucket_accounts[bucket]
    # The current version may be a delete marker, which is no object.
    current = backends[account][partition].buckets[bucket].keys.get(key)
    return current.etag.strip('"') if isinstance(current, FakeKey) else None


def object_keys(account: str) -> dict[str, list[str]]:
    """The keys of the objects that exist now, by bucket of the account."""
    backends: Any = get_backend("s3")
    return {
        name: sorted(key for key in backends[account][partition].buckets[name].keys if object_etag(name, key))
        for name, (partition, owner) in list(backends.bucket_accounts.items())
        if owner == account
    }


def protect_bucket(name: str, key_arn: str | None = None) -> None:
    """Versions, encryption by KMS (with the customer's key, if one is given) and no public access: for what must not be lost or seen."""
    backends: Any = get_backend("s3")
    partition, account = backends.bucket_accounts[name]
    backend = backends[account][partition]
    backend.put_bucket_versioning(name, "Enabled")
    by_default = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key_arn} if key_arn else {})}
    rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": "true"}
    backend.put_bucket_encryption(name, {"Rule": rule})
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    backend.put_public_access_block(name, dict.fromkeys(blocks, "true"))


def create_bucket(partition: str, account: str, region: str, name: str, ownership: str | None) -> None:
    """A bucket with its object ownership."""
    backend: Any = get_backend("s3")[account][partition]
    bucket = backend.create_bucket(name, region)
    backend.put_bucket_ownership_controls(bucket.name, ownership)


# --- KMS ---------------------------------------------------------------------------------------------------------


def key_view(reference: str, account: str, region: str) -> dict[str, Any] | None:
    """Arn, Account, Region, Enabled, Policy of a key by id, ARN, alias or alias ARN; ids are looked up in `account`."""
    if reference.startswith("arn:"):
        region, account = region_of(reference), account_of(reference)
        reference = resource_of(reference).removeprefix("key/")
    keys = get_backend("kms")[account][region].keys
    key = next((key for key_id, key in list(keys.items()) if key_id == reference or reference in key.aliases), None)
    if key is None:
        return None
    return {
        "Arn": key.arn,
        "Account": account,
        "Region": region,
        "Enabled": key.enabled and key.key_state == "Enabled",
        "Policy": json.loads(key.policy),
    }


def key_policies(account: str) -> dict[str, dict[str, Any]]:
    """The policies of the account's keys in all regions, by ARN."""
    backends = [
        backend
        for owner, regions in list(get_backend("kms").items())
        if owner == account
        for backend in regions.values()
    ]
    keys = [key for backend in backends for key in backend.keys.values()]
    return {key.arn: json.loads(key.policy) for key in keys}


def create_key(arn: str) -> None:
    """A key with that ARN; its policy is the default one, which leaves access to the account's IAM."""
    backend = get_backend("kms")[account_of(arn)][region_of(arn)]
    if key_view(arn, account_of(arn), region_of(arn)):
        return
    # moto makes an RSA key of its own for symmetric keys too, which takes 0.1 s; one of an elliptic curve is made at once.
    key = backend.create_key(None, "ENCRYPT_DECRYPT", "ECC_NIST_P256", "The data lake's key", None)
    key.key_spec = "SYMMETRIC_DEFAULT"
    del backend.keys[key.id]
    key.id, key.arn = resource_of(arn).removeprefix("key/"), arn
    backend.keys[key.id] = key


def show_unique_id(arn: str, unique_id: str) -> None:
    """A role is deleted: the policies of all buckets and keys that name it show its unique id from now on."""
    backends: Any = get_backend("s3")
    places = set(backends.bucket_accounts.values())
    buckets = [b for partition, account in places for b in backends[account][partition].buckets.values()]
    stores: list[Any] = [bucket for bucket in buckets if bucket.policy]
    stores += [
        key
        for regions in list(get_backend("kms").values())
        for backend in list(regions.values())
        for key in backend.keys.values()
    ]
    for store in stores:
        document = json.loads(store.policy)
        shown = without_principal(document, arn, unique_id)
        if shown != document:
            text = json.dumps(shown)
            store.policy = text.encode() if isinstance(store.policy, bytes) else text


# --- EC2 ---------------------------------------------------------------------------------------------------------


def subnet_view(account: str, region: str, subnet_id: str) -> dict[str, str] | None:
    """VpcId and AvailabilityZone of a subnet; None if there is none."""
    by_zone = get_backend("ec2")[account][region].subnets
    subnet = next((subnets[subnet_id] for subnets in by_zone.values() if subnet_id in subnets), None)
    return {"VpcId": subnet.vpc_id, "AvailabilityZone": subnet.availability_zone} if subnet else None


def seed_network(account: str, region: str) -> list[str]:
    """The subnets of the account's default VPC, with a gateway endpoint for S3 in their route table."""
    ec2 = get_backend("ec2")[account][region]
    vpc = next(vpc for vpc in ec2.vpcs.values() if vpc.is_default)
    tables = [table.id for table in ec2.route_tables.values() if table.vpc_id == vpc.id]
    if not ec2.vpc_end_points:
        ec2.create_vpc_endpoint(
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{region}.s3",
            endpoint_type="Gateway",
            policy_document=None,
            route_table_ids=tables,
        )
    return sorted(name for subnets in ec2.subnets.values() for name, one in subnets.items() if one.vpc_id == vpc.id)


# --- Recordings --------------------------------------------------------------------------------------------------


def dump_account(account: str) -> dict[str, list[dict[str, Any]]]:
    """Policies, roles, buckets and keys of an account as JSON, without empty members, for `restore_account`.

    What that can't make again is a ValueError.
    """
    iam = list(_existing_iam_backends(account))
    dumped = {
        "policies": [
            _dumped_policy(policy)
            for backend in iam
            for policy in list(backend.managed_policies.values())
            if not isinstance(policy, AWSManagedPolicy)
        ],
        "roles": [_dumped_role(role) for backend in iam for role in list(backend.roles.values())],
        "buckets": _dumped_buckets(account),
        "keys": [
            _dumped_key(backend, key)
            for owner, regions in list(get_backend("kms").items())
            if owner == account
            for backend in list(regions.values())
            for key in list(backend.keys.values())
        ],
    }
    return {
        kind: [
            {name: value for name, value in one.items() if value not in (None, "", [], {}, False)} for one in several
        ]
        for kind, several in dumped.items()
    }


def restore_account(account: str, dumped: dict[str, list[dict[str, Any]]]) -> None:
    """Make what `dump_account` gave in an account that has nothing of it, with the same ids, versions and dates."""
    for key in dumped["keys"]:
        _restore_key(key)
    for policy in dumped["policies"]:
        _restore_policy(account, policy)
    for role in dumped["roles"]:
        _restore_role(account, role)
    for bucket in dumped["buckets"]:
        _restore_bucket(account, bucket)


def _dumped_policy(policy: ManagedPolicy) -> dict[str, Any]:
    return {
        "Arn": policy.arn,
        "PolicyId": policy.id,
        "Description": policy.description,
        "CreateDate": policy.create_date.isoformat(),
        "UpdateDate": policy.update_date.isoformat(),
        "Tags": policy.get_tags(),
        "DefaultVersionId": policy.default_version_id,
        "NextVersion": policy.next_version_num,
        "Versions": [
            {"VersionId": one.version_id, "CreateDate": one.create_date.isoformat(), "Document": one.document}
            for one in policy.versions
        ],
    }


def _restore_policy(account: str, dumped: dict[str, Any]) -> None:
    path, _, name = resource_of(dumped["Arn"]).removeprefix("policy").rpartition("/")
    backend = iam_backends[account][partition_of(dumped["Arn"])]
    # One after the other, as they were created.
    first, *later = dumped["Versions"]
    policy = backend.create_policy(
        dumped.get("Description", ""), f"{path}/", first["Document"], name, dumped.get("Tags", [])
    )
    for version in later:
        backend.create_policy_version(policy.arn, version["Document"], set_as_default=False)
    for version, described in zip(policy.versions, dumped["Versions"], strict=True):
        version.version_id = described["VersionId"]
        version.create_date = datetime.fromisoformat(described["CreateDate"])
        version.is_default = version.version_id == dumped["DefaultVersionId"]
    policy.default_version_id = dumped["DefaultVersionId"]
    policy.id, policy.next_version_num = dumped["PolicyId"], dumped["NextVersion"]
    policy.create_date = datetime.fromisoformat(dumped["CreateDate"])
    policy.update_date = datetime.fromisoformat(dumped["UpdateDate"])


def _dumped_role(role: Role) -> dict[str, Any]:
    return {
        "Arn": role.arn,
        "RoleId": role.id,
        "Description": role.description,
        "CreateDate": role.create_date.isoformat(),
        "MaxSessionDuration": role.max_session_duration,
        "Trust": role.assume_role_policy_document,
        "Boundary": role.permissions_boundary_arn,
        "Tags": role.tags,
        "Policies": dict(role.policies),
        "AttachedPolicies": list(role.managed_policies),
    }


def _restore_role(account: str, dumped: dict[str, Any]) -> None:
    path, _, name = resource_of(dumped["Arn"]).removeprefix("role").rpartition("/")
    partition = partition_of(dumped["Arn"])
    backend: Any = iam_backends[account][partition]
    role = backend.create_role(
        role_name=name,
        assume_role_policy_document=dumped["Trust"],
        path=f"{path}/",
        permissions_boundary=dumped.get("Boundary"),
        description=dumped.get("Description"),
        tags=dumped.get("Tags", []),
        max_session_duration=dumped.get("MaxSessionDuration"),
    )
    del backend.roles[role.id]
    role.id, role.create_date = dumped["RoleId"], datetime.fromisoformat(dumped["CreateDate"])
    backend.roles[role.id] = role
    role.policies.update(dumped.get("Policies", {}))
    for policy_arn in dumped.get("AttachedPolicies", []):
        load_aws_managed_policy(partition, account, policy_arn)
        backend.managed_policies[policy_arn].attach_to(role)


def _dumped_buckets(account: str) -> list[dict[str, Any]]:
    backends: Any = get_backend("s3")
    dumped = []
    for name, (partition, owner) in list(backends.bucket_accounts.items()):
        if owner != account:
            continue
        backend = backends[account][partition]
        bucket = backend.buckets[name]
        if bucket.rules:
            raise ValueError(f"the lifecycle of bucket {name} can't be recorded")
        blocks = bucket.public_access_block
        dumped.append(
            {
                "Name": name,
                "Partition": partition,
                "Region": bucket.region_name,
                "CreationDate": bucket.creation_date.isoformat(),
                "Ownership": bucket.ownership_rule,
                "Versioning": bucket.versioning_status,
                "Encryption": bucket.encryption,
                "PublicAccessBlock": {k[0].upper() + k[1:]: v for k, v in blocks.to_config_dict().items()}
                if blocks
                else None,
                "Policy": bucket.policy.decode() if bucket.policy else None,
                "Tags": backend.get_bucket_tagging(name)["Tags"],
                "Objects": {key: bucket.keys[key].value.decode() for key in bucket.keys if object_etag(name, key)},
            }
        )
    return dumped


def _restore_bucket(account: str, dumped: dict[str, Any]) -> None:
    name = dumped["Name"]
    create_bucket(dumped["Partition"], account, dumped["Region"], name, dumped.get("Ownership"))
    backend: Any = get_backend("s3")[account][dumped["Partition"]]
    bucket = backend.buckets[name]
    bucket.creation_date = datetime.fromisoformat(dumped["CreationDate"])
    bucket.versioning_status, bucket.encryption = dumped.get("Versioning"), dumped.get("Encryption")
    bucket.policy = dumped["Policy"].encode() if "Policy" in dumped else None
    if "PublicAccessBlock" in dumped:
        backend.put_public_access_block(name, dumped["PublicAccessBlock"])
    if "Tags" in dumped:
        backend.put_bucket_tagging(name, {tag["Key"]: tag["Value"] for tag in dumped["Tags"]})
    for key, text in dumped.get("Objects", {}).items():
        backend.put_object(name, key, text.encode())


def _dumped_key(backend: Any, key: Any) -> dict[str, Any]:
    return {
        "Arn": key.arn,
        "CreationDate": key.creation_date,
        "Description": key.description,
        "Policy": key.policy,
        "Enabled": key.enabled,
        "State": key.key_state,
        "Rotates": key.key_rotation_status,
        "Aliases": list(key.aliases),
        "Tags": backend.list_resource_tags(key.id)["Tags"],
    }


def _restore_key(dumped: dict[str, Any]) -> None:
    arn = dumped["Arn"]
    create_key(arn)
    backend: Any = get_backend("kms")[account_of(arn)][region_of(arn)]
    key = backend.keys[resource_of(arn).removeprefix("key/")]
    key.creation_date, key.description, key.policy = (
        dumped["CreationDate"],
        dumped.get("Description", ""),
        dumped["Policy"],
    )
    key.enabled, key.key_state, key.key_rotation_status = (
        dumped.get("Enabled", False),
        dumped["State"],
        dumped.get("Rotates", False),
    )
    for alias in dumped.get("Aliases", []):
        backend.create_alias(key.id, alias)
    if "Tags" in dumped:
        backend.tagger.tag_resource(key.id, dumped["Tags"])
