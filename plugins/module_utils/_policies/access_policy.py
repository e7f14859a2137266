# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an access role needs on bucket, key and Glue catalog, as policy documents. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.arns import is_arn
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._policies.documents import (
    VERSION,
    as_list,
    statement_of,
)

# How many characters of a value a message has.
_SHOWN = 100
# S3 user guide, "Naming Amazon S3 objects": 1,024 bytes for a key. DMS appends schema, table, date and file.
_FOLDER_BYTES = 700
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_OBJECT_ACTIONS = ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"]
_BUCKET_ACTIONS = ["s3:ListBucket"]
_KEY_ACTIONS = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
_CATALOG_BUCKET_ACTIONS = ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
_CATALOG_OBJECT_ACTIONS = ["s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
_GLUE_ACTIONS = [
    "glue:CreateDatabase",
    "glue:GetDatabase",
    "glue:CreateTable",
    "glue:DeleteTable",
    "glue:UpdateTable",
    "glue:GetTable",
    "glue:BatchCreatePartition",
    "glue:CreatePartition",
    "glue:UpdatePartition",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:BatchGetPartition",
]
_ATHENA_ACTIONS = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:CreateWorkGroup"]


# The Sid of the statement that denies sessions from the time in which the role's trust was open.
DENIAL_SID = "DenyEarlierSessions"


@dataclass(frozen=True)
class Access:
    """What one endpoint needs in the data-lake account; `kms_key_arn` is a full key ARN."""

    bucket_name: str
    bucket_folder: str | None = None
    kms_key_arn: str | None = None
    glue_catalog_generation: bool = False
    canned_acl_for_objects: str | None = None

    @classmethod
    def of(cls, params: dict[str, Any]) -> Access:
        """The access that the options of dms_crossaccount_role or dms_bucket_access describe."""
        return cls(
            bucket_name=params["bucket_name"],
            bucket_folder=params["bucket_folder"],
            kms_key_arn=params["server_side_encryption_kms_key_id"],
            glue_catalog_generation=params["glue_catalog_generation"],
            canned_acl_for_objects=params["canned_acl_for_objects"],
        )


def access_policy(access: Access, partition: str, region: str, account_id: str) -> dict[str, Any]:
    """The policy document; `partition`, `region` and `account_id` are those of the Glue catalog (the data-lake account)."""
    bucket, objects = _bucket_arns(access, partition)
    statements = [
        _allow("ListBucket", _bucket_actions(access), [bucket]),
        _allow("WriteObjects", _object_actions(access), [objects]),
    ]
    if access.kms_key_arn:
        statements.append(_allow("UseKey", _KEY_ACTIONS, [access.kms_key_arn]))
    if access.glue_catalog_generation:
        catalog = f"arn:{partition}:glue:{region}:{account_id}"
        statements.append(
            _allow("WriteCatalog", _GLUE_ACTIONS, [f"{catalog}:catalog", f"{catalog}:database/*", f"{catalog}:table/*"])
        )
        workgroups = f"arn:{partition}:athena:{region}:{account_id}:workgroup/glue_catalog_generation_for_task_*"
        statements.append(_allow("QueryCatalog", _ATHENA_ACTIONS, [workgroups]))
    return {"Version": VERSION, "Statement": statements}


def denial_of(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """The statement of a policy that denies earlier sessions; None without one."""
    return statement_of(document, DENIAL_SID)


def new_denial(until: datetime) -> dict[str, Any]:
    """A statement that denies everything to sessions whose credentials were issued before that time (IAM user guide, "aws:TokenIssueTime")."""
    return {
        "Sid": DENIAL_SID,
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": f"{until:%Y-%m-%dT%H:%M:%SZ}"}},
    }


def is_still_denied(document: dict[str, Any] | None, now: datetime) -> bool:
    """Whether new sessions are denied, too, because the trust was closed only just now."""
    until = ((denial_of(document) or {}).get("Condition") or {}).get("DateLessThan", {}).get("aws:TokenIssueTime")
    try:
        return until is not None and now < datetime.fromisoformat(str(until))
    except (ValueError, TypeError):
        return False  # Somebody else has changed it.


def bucket_grant(access: Access, partition: str) -> dict[str, Any]:
    """The grant for the bucket's policy: actions on the bucket, and on the folder's objects.

    It is one statement, because the length of a bucket policy is limited. No action on the bucket applies to objects, and vice versa.
    """
    actions = [*_bucket_actions(access), *_object_actions(access)]
    return {"Effect": "Allow", "Action": actions, "Resource": list(_bucket_arns(access, partition))}


def key_grant() -> dict[str, Any]:
    """The grant for the key's policy, where "*" means the key itself."""
    return {"Effect": "Allow", "Action": list(_KEY_ACTIONS), "Resource": "*"}


def granted_resources(document: dict[str, Any]) -> tuple[str | None, str | None]:
    """The bucket name and the key ARN in an `access_policy`; None for what it does not have."""
    named = {s.get("Sid"): as_list(s.get("Resource")) for s in as_list(document.get("Statement"))}
    bucket, key = ((named.get(sid) or [""])[0] for sid in ("ListBucket", "UseKey"))
    return bucket.rpartition(":::")[2] or None, key or None


def check_access(access: Access) -> None:
    """Check the names before any call.

    :raises DatalakeError: a bucket, folder or key is invalid, or would widen the policy.
    """
    problem = bucket_problem(access.bucket_name)
    if problem:
        raise DatalakeError(message=f"bucket_name={access.bucket_name} {problem}.")
    problem = folder_problem(access.bucket_folder)
    if problem:
        raise DatalakeError(message=f"bucket_folder={shown(access.bucket_folder)} {problem}.")
    if access.kms_key_arn and not is_arn(access.kms_key_arn, "key"):
        raise DatalakeError(
            message=f"server_side_encryption_kms_key_id={access.kms_key_arn} is not the full ARN of a KMS key, which is required for a key of "
            "another account; give arn:aws:kms:<region>:<account>:key/<id>."
        )


def shown(text: Any) -> str:
    """A value in a message, in one short line: white space at its ends and line breaks can be seen."""
    value = str(text)
    value = value if value.isprintable() and value == value.strip() else repr(value)
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def bucket_problem(name: str | None) -> str | None:
    """What is wrong with the name of a bucket, and what to do; None where nothing is."""
    if name and _BUCKET_NAME.fullmatch(name):
        return None
    return (
        "is not the name of an S3 bucket (3 to 63 lower-case letters, digits, dots and hyphens); set it to the name only, such as "
        "example-lake-dev, without s3:// or folder"
    )


def folder_problem(folder: str | None) -> str | None:
    """What is wrong with a bucket folder, and what to do; None where nothing is."""
    if not folder:
        return None
    if "://" in folder:
        return "is a URI; give the folder only, without s3:// and the bucket"
    if folder != folder.strip() or not folder.isprintable():
        return "begins or ends with white space, or has a line break; remove that"
    if "//" in folder:
        return "has //, which makes a folder without a name; remove one slash"
    if len(folder.encode()) > _FOLDER_BYTES:
        return f"has more than {_FOLDER_BYTES} bytes, and the key of an object has 1,024 at most, with schema, table and file; shorten it"
    if folder.startswith("/") or folder.endswith("/"):
        return "begins or ends with a slash; remove the slash, because DMS adds it between bucket, folder and object"
    if re.search(r"[*?]|\$\{", folder):
        return "has *, ? or ${, which would widen the access policy to other folders; choose another name"
    return None


def _bucket_arns(access: Access, partition: str) -> tuple[str, str]:
    bucket = f"arn:{partition}:s3:::{access.bucket_name}"
    folder = _literal((access.bucket_folder or "").strip("/"))
    return bucket, f"{bucket}/{folder}/*" if folder else f"{bucket}/*"


def _literal(text: str) -> str:
    """A text for a resource of a policy, in which `*`, `?` and `${` stand for themselves (IAM user guide, "Policy variables")."""
    return re.sub(r"[*?]|\$(?=\{)", lambda special: f"${{{special[0]}}}", text)


def _bucket_actions(access: Access) -> list[str]:
    return _BUCKET_ACTIONS + (_CATALOG_BUCKET_ACTIONS if access.glue_catalog_generation else [])


def _object_actions(access: Access) -> list[str]:
    with_acl = access.canned_acl_for_objects and access.canned_acl_for_objects.lower() != "none"
    return [
        *_OBJECT_ACTIONS,
        *(["s3:PutObjectAcl"] if with_acl else []),
        *(_CATALOG_OBJECT_ACTIONS if access.glue_catalog_generation else []),
    ]


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
