# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dms_crossaccount_role: wrong options are refused with what to do, before anything is written."""

from __future__ import annotations

import json

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._access import role_plan
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Identity
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from builders import admits, policy_document

pytestmark = pytest.mark.once

WRONG = {
    "role name": ({"role_name": "dms s3"}, "role_name=dms s3", "choose another name"),
    "long role name": ({"role_name": "x" * 65}, "role_name=xxx", "choose another name"),
    "policy name": ({"policy_name": "a/b"}, "a/b", "choose another name"),
    "path": ({"path": "dms"}, "path", "choose another name or path"),
    "no bucket": ({"bucket_name": None}, "bucket_name is required for state=present", "set it to the bucket"),
    "empty bucket": ({"bucket_name": ""}, "bucket_name is required for state=present", "set it to the bucket"),
    "bucket": ({"bucket_name": "s3://lake"}, "bucket_name=s3://lake", "set it to the name only"),
    "folder": ({"bucket_folder": "/raw"}, "bucket_folder=/raw", "remove the slash"),
    "widening folder": ({"bucket_folder": "raw*"}, "bucket_folder=raw*", "choose another name"),
    "key": ({"server_side_encryption_kms_key_id": "alias/x"}, "server_side_encryption_kms_key_id=alias/x", "give arn:"),
    "id": ({"external_ids": ["not an id"]}, "external_ids has 'not an id'", "use the value"),
    "purge": ({"purge_external_ids": True}, "purge_external_ids=true", "set external_ids to the ids to keep"),
    "source account": ({"source_account": "12"}, "source_account=12", "correct it"),
    "bootstrap": ({"bootstrap_trust": "source_account"}, "bootstrap_trust=source_account", "set it to the id"),
    "principals": ({"service_principals": []}, "service_principals is empty", "leave it out"),
    "no length": ({"trust_length_limit": 0}, "trust_length_limit=0", "1 to 4096"),
    "length": ({"trust_length_limit": 5000}, "trust_length_limit=5000", "1 to 4096"),
    "small length": ({"trust_length_limit": 100}, "the account's quota is 100", "trust_length_limit"),
    "deployment": ({"deployment": "dev 1"}, "deployment=dev 1", "choose another name"),
    "role to assume": ({"assume_role_arn": "deployer"}, "assume_role_arn=deployer", "give one like"),
    "session": ({"assume_role_session_name": "a b"}, "assume_role_session_name=a b", "shorten or change it"),
}


@pytest.mark.parametrize(("options", "option", "remedy"), WRONG.values(), ids=WRONG)
def test_wrong_option(lab, refused, options, option, remedy):
    sentence = refused(lab.role, **options)
    assert option in sentence
    assert remedy in sentence
    assert lab.calls() == []


def test_trust_that_grows_too_long_is_refused(lab, refused):
    many = [f"id-{n:03}-{'x' * 50}" for n in range(25)]
    lab.role(external_ids=many)
    sentence = refused(lab.role, external_ids=[f"more-{n:03}-{'x' * 50}" for n in range(10)])
    assert "the account's quota is 2048" in sentence
    assert "prune old external_ids" in sentence


def test_text_that_only_check_mode_knows_never_reaches_a_trust(lab, refused):
    lab.role()
    sentence = refused(lab.role, external_ids=["(known after creation)"])
    assert "external_ids" in sentence


def test_no_region_with_glue(lab, refused, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    sentence = refused(lab.role, glue_catalog_generation=True)
    assert sentence.endswith("You must specify a region; set region, or AWS_REGION in the environment.")


def test_policy_that_another_role_has_is_not_changed(lab, refused):
    lab.role()
    iam = lab.client("lake", "iam")
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(policy_document(admits())))
    iam.attach_role_policy(RoleName="other", PolicyArn=lab.policy_arn)
    sentence = refused(lab.role, bucket_folder="raw/other")
    assert "The policy dms-s3-crm would change and is attached to more than the role dms-s3-crm" in sentence
    assert "choose another policy_name" in sentence


def test_policy_for_glue_needs_a_region():
    """A guard: without a region, AWS's client fails before."""
    with pytest.raises(DatalakeError, match=r"region is required with glue_catalog_generation=true; set it to"):
        role_plan.policy_document(Identity("111122223333", "aws"), None, {"glue_catalog_generation": True})
