# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AWS actions that each module needs, and on which resources: the source of the documentation and of the deployers' policies. Pure data.

An action more in a module is one word more here. `make permissions` compares with what the playbooks really ask for.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import (
    ACCESS_MODES,
    BUCKET_POLICY,
    CROSSACCOUNT_ROLE,
    DMS,
    LAKE,
    SIDES,
)

# What a module is used for. The table lists for writing only what it needs in addition to reading; for removing, everything.
READ, WRITE, REMOVE = "read", "write", "remove"
USES = (READ, WRITE, REMOVE)
# Additional actions for options of a module: account-wide checks, and account-wide reading, which is granted explicitly.
ACCOUNT_CHECKS, ACCOUNT_WIDE = "account_checks", "account_wide"

# Where the access roles live: in the data-lake account, or with `bucket_policy` in the DMS account. And where one that may not exist is read by name:
# there, and in the data-lake account, where a move to `bucket_policy` leaves one (in the DMS account a list says which exist).
HOME, HOME_AND_LAKE = "home", "home_and_lake"

# The kinds of resources: the side that has them, and what they are. deployer_roles.py knows their ARNs and conditions.
KINDS = {
    "dms_account": (DMS, "everything in the DMS account's region"),
    "endpoint": (DMS, "endpoints"),
    "local_endpoint": (DMS, "endpoints whose access role is in the same account"),
    "task": (DMS, "replication tasks"),
    "subscription": (DMS, "event subscriptions"),
    "instance": (DMS, "the replication instance that tests connections"),
    "any_instance": (DMS, "replication instances"),
    "passed_role": (DMS, "the access roles, to be passed to DMS"),
    "journal_bucket": (DMS, "the journal bucket"),
    "journal": (DMS, "the journals in it"),
    "journal_key": (DMS, "its key"),
    "service_role": (DMS, "the service roles of DMS"),
    "role_account": (HOME, "everything in the access roles' account"),
    "absent_role": (HOME_AND_LAKE, "names of access roles that do not exist, yet or any more"),
    "access_role": (HOME, "the access roles"),
    "access_policy": (HOME, "the access roles' policies"),
    "lake_account": (LAKE, "everything in the data-lake account's region"),
    "bucket": (LAKE, "the buckets"),
    "key": (LAKE, "their keys"),
    "any_key": (LAKE, "keys, also those that are being created"),
    "alias": (LAKE, "aliases of keys that are being created"),
}

Needs = dict[str, tuple[str, ...]]

_READ_ROLE: Needs = {
    "absent_role": ("iam:GetRole",),
    "access_role": ("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
    "access_policy": ("iam:GetPolicy", "iam:GetPolicyVersion"),
}
_READ_SERVICE_ROLE = ("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies")
_READ_ENDPOINT: Needs = {
    "dms_account": ("dms:DescribeEndpoints", "dms:DescribeReplicationTasks", "dms:DescribeReplicationConfigs"),
    "endpoint": ("dms:ListTagsForResource",),
}
_READ_JOURNAL: Needs = {
    "journal_bucket": ("s3:ListBucket",),
    "journal": ("s3:GetObject",),
    "journal_key": ("kms:Decrypt",),
}

_WRITE_JOURNAL: Needs = {"journal": ("s3:PutObject",), "journal_key": ("kms:GenerateDataKey",)}

# module: {use: {kind of resource: actions}}
PERMISSIONS: dict[str, dict[str, Needs]] = {
    "dms_preflight": {
        READ: {
            "dms_account": ("dms:DescribeReplicationInstances",),
            "bucket": ("s3:ListBucket",),
            "key": ("kms:DescribeKey",),
        },
        ACCOUNT_CHECKS: {
            "dms_account": (
                "dms:DescribeEndpoints",
                "dms:DescribeConnections",
                "dms:DescribeAccountAttributes",
                "ec2:DescribeRouteTables",
                "ec2:DescribeVpcEndpoints",
            ),
            "service_role": _READ_SERVICE_ROLE,
            "role_account": ("iam:GetAccountSummary", "iam:ListRoles"),
            "bucket": ("s3:GetBucketOwnershipControls", "s3:GetEncryptionConfiguration"),
            "key": ("kms:GetKeyPolicy",),
        },
    },
    "dms_crossaccount_role": {
        READ: {
            **_READ_ROLE,
            "access_policy": (*_READ_ROLE["access_policy"], "iam:ListEntitiesForPolicy"),
            "role_account": ("access-analyzer:ValidatePolicy",),
        },
        WRITE: {
            "access_role": (
                "iam:CreateRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:AttachRolePolicy",
                "iam:DetachRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
            ),
            "access_policy": (
                "iam:CreatePolicy",
                "iam:ListPolicyVersions",
                "iam:CreatePolicyVersion",
                "iam:DeletePolicyVersion",
                "iam:TagPolicy",
                "iam:UntagPolicy",
            ),
        },
        REMOVE: {
            "absent_role": _READ_ROLE["absent_role"],
            "access_role": (*_READ_ROLE["access_role"], "iam:DetachRolePolicy", "iam:DeleteRole"),
            "access_policy": (
                *_READ_ROLE["access_policy"],
                "iam:ListEntitiesForPolicy",
                "iam:ListPolicyVersions",
                "iam:DeletePolicyVersion",
                "iam:DeletePolicy",
            ),
        },
    },
    "dms_crossaccount_role_info": {
        READ: {
            "role_account": ("iam:ListRoles",),
            "access_role": _READ_ROLE["access_role"],
            "access_policy": _READ_ROLE["access_policy"],
        },
        ACCOUNT_WIDE: {"role_account": ("iam:GetAccountAuthorizationDetails",)},
    },
    "dms_policy_validation": {READ: {"lake_account": ("access-analyzer:ValidatePolicy",)}},
    "dms_bucket_access": {
        READ: {
            "lake_account": ("access-analyzer:ValidatePolicy",),
            "bucket": ("s3:GetBucketPolicy",),
            "key": ("kms:GetKeyPolicy",),
        },
        WRITE: {"bucket": ("s3:PutBucketPolicy",), "key": ("kms:PutKeyPolicy",)},
        REMOVE: {
            "bucket": ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
            "key": ("kms:GetKeyPolicy", "kms:PutKeyPolicy"),
        },
    },
    "dms_s3_endpoint": {
        READ: _READ_ENDPOINT,
        WRITE: {
            "dms_account": ("dms:CreateEndpoint",),
            "endpoint": ("dms:DeleteEndpoint", "dms:AddTagsToResource", "dms:RemoveTagsFromResource"),
            # Any other endpoint is recreated.
            "local_endpoint": ("dms:ModifyEndpoint",),
            "passed_role": ("iam:PassRole",),
        },
        REMOVE: {**_READ_ENDPOINT, "endpoint": (*_READ_ENDPOINT["endpoint"], "dms:DeleteEndpoint")},
    },
    "dms_s3_endpoint_info": {
        READ: {"dms_account": ("dms:DescribeEndpoints",), "endpoint": ("dms:ListTagsForResource",)},
    },
    "dms_survey": {
        READ: {
            "dms_account": (
                "dms:DescribeEndpoints",
                "dms:DescribeConnections",
                "dms:DescribeReplicationTasks",
                "iam:ListRoles",
            ),
            "endpoint": ("dms:ListTagsForResource",),
            "journal_bucket": _READ_JOURNAL["journal_bucket"],
            **_READ_ROLE,
        },
        ACCOUNT_WIDE: {"role_account": ("iam:GetAccountAuthorizationDetails",)},
    },
    "dms_deployment": {
        READ: {
            **_READ_JOURNAL,
            "dms_account": (*_READ_ENDPOINT["dms_account"], "dms:DescribeEventSubscriptions", "iam:ListRoles"),
            "endpoint": ("dms:ListTagsForResource",),
            "task": ("dms:ListTagsForResource",),
            "subscription": ("dms:ListTagsForResource",),
            "journal_bucket": (
                *_READ_JOURNAL["journal_bucket"],
                "s3:GetBucketVersioning",
                "s3:GetEncryptionConfiguration",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketPolicy",
            ),
        },
        WRITE: {
            **_WRITE_JOURNAL,
            "dms_account": ("dms:DescribeConnections", "dms:CreateEventSubscription"),
            "endpoint": ("dms:TestConnection", "dms:CreateReplicationTask"),
            "instance": ("dms:TestConnection",),
            "any_instance": ("dms:CreateReplicationTask",),
            "task": (
                "dms:StopReplicationTask",
                "dms:DeleteReplicationTask",
                "dms:StartReplicationTask",
                "dms:AddTagsToResource",
            ),
            "subscription": ("dms:DeleteEventSubscription", "dms:AddTagsToResource"),
            "journal": (*_WRITE_JOURNAL["journal"], "s3:DeleteObject"),
        },
    },
    # An endpoint whose replacement was interrupted is not removed.
    "dms_removal": {REMOVE: {**_READ_JOURNAL, "dms_account": ("iam:ListRoles",)}},
    "dms_unlock": {READ: _READ_JOURNAL, WRITE: _WRITE_JOURNAL},
    "dms_orphans": {},
    "dms_verification": {
        READ: {
            "dms_account": (
                "dms:DescribeEndpoints",
                "dms:DescribeConnections",
                "dms:DescribeReplicationTasks",
                "iam:ListRoles",
            ),
            "endpoint": ("dms:ListTagsForResource",),
            "journal_bucket": _READ_JOURNAL["journal_bucket"],
        },
        ACCOUNT_WIDE: {"role_account": ("iam:GetAccountAuthorizationDetails",)},
    },
    "dms_connection_test": {
        READ: {"dms_account": ("dms:DescribeConnections",), "endpoint": ("dms:ListTagsForResource",)},
        WRITE: {"endpoint": ("dms:TestConnection", "dms:AddTagsToResource"), "instance": ("dms:TestConnection",)},
    },
    "dms_service_roles": {
        READ: {"service_role": _READ_SERVICE_ROLE, "dms_account": ("access-analyzer:ValidatePolicy",)},
        WRITE: {
            "service_role": ("iam:CreateRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy"),
        },
        REMOVE: {
            "service_role": (*_READ_SERVICE_ROLE, "iam:DetachRolePolicy", "iam:DeleteRole"),
            "dms_account": (
                "dms:DescribeReplicationInstances",
                "dms:DescribeReplicationTasks",
                "dms:DescribeReplicationConfigs",
            ),
        },
    },
    # A role that uses modules of other collections.
    "landing_bucket": {
        READ: {
            "lake_account": ("s3:ListAllMyBuckets", "kms:ListAliases"),
            "bucket": (
                "s3:GetBucketPolicy",
                "s3:GetBucketVersioning",
                "s3:GetEncryptionConfiguration",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketTagging",
                "s3:GetLifecycleConfiguration",
            ),
            "any_key": (
                "kms:DescribeKey",
                "kms:GetKeyRotationStatus",
                "kms:ListGrants",
                "kms:ListResourceTags",
                "kms:ListKeyPolicies",
                "kms:GetKeyPolicy",
            ),
        },
        WRITE: {
            "lake_account": ("kms:CreateKey", "kms:TagResource"),
            "bucket": (
                "s3:ListBucket",
                "s3:CreateBucket",
                "s3:PutBucketPolicy",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketTagging",
                "s3:PutLifecycleConfiguration",
                "s3:GetBucketRequestPayment",
                "s3:GetBucketAcl",
                "s3:GetAccelerateConfiguration",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetInventoryConfiguration",
            ),
            "any_key": ("kms:CreateAlias", "kms:EnableKeyRotation"),
            "alias": ("kms:CreateAlias",),
            "key": ("kms:PutKeyPolicy",),
        },
    },
}

# module for many endpoints: the modules that it runs, whose actions it needs, too.
_OF_MANY = {
    "dms_survey": ("dms_preflight", "dms_bucket_access"),
    "dms_deployment": (
        "dms_preflight",
        "dms_s3_endpoint",
        "dms_crossaccount_role",
        "dms_bucket_access",
        "dms_connection_test",
    ),
    "dms_verification": (
        "dms_preflight",
        "dms_s3_endpoint",
        "dms_crossaccount_role",
        "dms_bucket_access",
        "dms_connection_test",
    ),
    "dms_removal": ("dms_preflight", "dms_s3_endpoint", "dms_crossaccount_role", "dms_bucket_access"),
    "dms_unlock": ("dms_preflight",),
    "dms_orphans": (
        "dms_preflight",
        "dms_s3_endpoint_info",
        "dms_crossaccount_role_info",
        "dms_s3_endpoint",
        "dms_crossaccount_role",
        "dms_bucket_access",
    ),
}

# profile: the modules that its playbooks run, and what for.
READER, DEPLOYER, REMOVER = "reader", "deployer", "remover"
ADMINISTRATOR, SERVICE_ROLES = "administrator", "service_roles"
_READING = (
    ("dms_preflight", READ),
    ("dms_preflight", ACCOUNT_CHECKS),
    ("dms_crossaccount_role", READ),
    ("dms_s3_endpoint", READ),
    ("dms_connection_test", READ),
    ("dms_deployment", READ),
    ("dms_survey", READ),
    ("dms_verification", READ),
)
_SURVEYING = (("dms_s3_endpoint_info", READ), ("dms_crossaccount_role_info", READ))
PROFILES: dict[str, tuple[tuple[str, str], ...]] = {
    READER: (*_READING, *_SURVEYING),
    DEPLOYER: (
        *_READING,
        ("dms_crossaccount_role", WRITE),
        ("dms_s3_endpoint", WRITE),
        ("dms_connection_test", WRITE),
        ("dms_deployment", WRITE),
    ),
    REMOVER: (
        ("dms_crossaccount_role", REMOVE),
        ("dms_s3_endpoint", REMOVE),
        ("dms_removal", REMOVE),
        *_SURVEYING,
    ),
    ADMINISTRATOR: (("landing_bucket", READ), ("landing_bucket", WRITE), ("dms_policy_validation", READ)),
    SERVICE_ROLES: tuple(("dms_service_roles", use) for use in USES),
}
PROFILE_SIDES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((READER, DEPLOYER, REMOVER), SIDES),
    ADMINISTRATOR: (LAKE,),
    SERVICE_ROLES: (DMS,),
}
PLAYBOOKS = {
    READER: "verify, preflight, deploy --check",
    DEPLOYER: "deploy, unlock",
    REMOVER: "remove, prune",
    ADMINISTRATOR: "landing_bucket",
    SERVICE_ROLES: "service_roles, remove_service_roles",
}


def needs_of(uses: Iterable[tuple[str, str]]) -> Needs:
    """The actions that several uses of modules need, by kind of resource; each action once, sorted."""
    found: dict[str, set[str]] = {}
    for module, use in uses:
        for kind, actions in PERMISSIONS[module].get(use, {}).items():
            found.setdefault(kind, set()).update(actions)
    return {kind: tuple(sorted(found[kind])) for kind in KINDS if kind in found}


def needs_of_profile(
    profile: str, access_modes: Iterable[str] = (CROSSACCOUNT_ROLE,), account_wide: bool = False
) -> Needs:
    """What the playbooks of a profile need.

    :param access_modes: the access modes. :param account_wide: with what may be read by the whole account.
    """
    more = [("dms_survey", ACCOUNT_WIDE)] if account_wide and profile in (READER, DEPLOYER) else []
    if BUCKET_POLICY in access_modes:
        more += [("dms_bucket_access", use) for use in _BUCKET_ACCESS.get(profile, ())]
    if set(access_modes) == set(ACCESS_MODES) and profile == DEPLOYER:
        more.append(("dms_crossaccount_role", REMOVE))
    return needs_of([*PROFILES[profile], *more])


# A deployer removes the role and the statements of an endpoint's former access mode.
_BUCKET_ACCESS = {READER: (READ,), DEPLOYER: USES, REMOVER: (REMOVE,)}


def actions_of(module: str, use: str) -> list[str]:
    """The actions of one use of a module, each once, in the order of the table."""
    return list(dict.fromkeys(a for actions in PERMISSIONS[module].get(use, {}).values() for a in actions))


def note(module: str) -> str:
    """What a module needs, as a sentence of its documentation."""
    said = [f"{_listed(actions_of(module, use))} {_TO[use]}" for use in _TO if actions_of(module, use)]
    if module in _OF_MANY:
        said.append(f"what {', '.join(f'M(datalake.dms.{other})' for other in _OF_MANY[module])} need")
    return (
        f"Needs {'; '.join(said)}. C(iam:PassRole) is on the access role, for DMS."
        if _passes(module)
        else f"Needs {'; '.join(said)}."
    )


_TO = {
    READ: "to read, in check mode too",
    ACCOUNT_CHECKS: "too, with O(account_checks=true)",
    WRITE: "to write, too",
    REMOVE: "to remove",
    ACCOUNT_WIDE: "instead of reading each role and policy, where all roles of the account are read at once",
}


def _passes(module: str) -> bool:
    return any("iam:PassRole" in actions_of(module, use) for use in USES)


def _listed(actions: list[str]) -> str:
    return ", ".join(f"C({action})" for action in actions)


def table(profile: str) -> list[tuple[str, str, str]]:
    """What a profile may do, as readable rows: (side, resources, actions)."""
    sides = {DMS: "DMS", LAKE: "data lake", HOME: "data lake", HOME_AND_LAKE: "data lake"}
    return [
        (sides[KINDS[kind][0]], KINDS[kind][1], ", ".join(f"`{action}`" for action in actions))
        for kind, actions in needs_of_profile(profile).items()
    ]
