# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host declares by the role's variables, as options of the modules that look at it and deploy it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, bucket_access
from ansible_collections.datalake.dms.plugins.module_utils._accounts import preflight
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts.declaration import (
    declaration,
    likely_partition,
    s3_settings,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from ansible_collections.datalake.dms.plugins.module_utils._hosts.orphans import Names, names_of
from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement
from builders import DMS, LAKE, dms_arn, role_inputs

KEY = f"arn:aws:kms:eu-central-1:{LAKE}:key/1234"
OTHER_KEY = f"arn:aws:kms:eu-central-1:{LAKE}:key/9999"
LOCAL_ROLE = f"arn:aws:iam::{DMS}:role/datalake-dms/dev/dms-s3-dev-crm"
LAKE_ROLE = f"arn:aws:iam::{LAKE}:role/datalake-dms/dev/dms-s3-dev-crm"
USUAL = {
    "environment": "dev",
    "environments": {"dev": {"dms_account_id": DMS, "lake_account_id": LAKE}},
    "region": "eu-central-1",
    "dms_account_id": DMS,
    "lake_account_id": LAKE,
    "deployment": "dev",
    "identifier": "dev-crm",
    "resource_identifier": "dev-crm",
    "role_name": "dms-s3-dev-crm",
    "policy_name": "dms-s3-dev-crm",
    "role_path": "/datalake-dms/dev/",
    "bucket_name": "lake",
}
DEFAULTS = {name.removeprefix("s3_endpoint_"): value for name, value in role_inputs()[1].items()}
LOCAL = {"access": "bucket_policy"}
ONE_ACCOUNT = {"lake_account_id": DMS}


def variables(**given):
    return {f"s3_endpoint_{name}": value for name, value in {**DEFAULTS, **USUAL, **given}.items()}


def declared(job="jane", **given):
    return declaration("crm", variables(**given), job)


def settings(**given):
    return declared(**given).endpoint["s3_settings"]


def before(role_arn, **settings):
    """What a replacement remembers of an endpoint, see endpoint_plan.definition."""
    known = {"service_access_role_arn": role_arn, **settings} if role_arn is not None else {}
    return {
        "endpoint_arn": dms_arn("endpoint", "dev-crm"),
        "s3_settings": known,
        "extra_connection_attributes": "CannedAclForObjects=private",
        "tags": {"team": "before"},
    }


# The access mode


@pytest.mark.parametrize(
    ("given", "access_mode", "same_account", "role_arn"),
    [
        ({}, "crossaccount_role", False, LAKE_ROLE),
        (LOCAL, "bucket_policy", False, LOCAL_ROLE),
        (ONE_ACCOUNT, "crossaccount_role", True, LOCAL_ROLE),
        # Within one account, there is but one access mode.
        ({**ONE_ACCOUNT, **LOCAL}, "crossaccount_role", True, LOCAL_ROLE),
        ({"role_path": "/"}, "crossaccount_role", False, f"arn:aws:iam::{LAKE}:role/dms-s3-dev-crm"),
    ],
)
def test_access_mode(given, access_mode, same_account, role_arn):
    host = declared(**given)
    assert (host.access_mode, host.same_account, host.role_arn) == (access_mode, same_account, role_arn)
    assert host.endpoint["s3_settings"]["service_access_role_arn"] == role_arn


@pytest.mark.parametrize(
    ("given", "home", "other_home"), [({}, "lake", "dms"), (LOCAL, "dms", "lake"), (ONE_ACCOUNT, "lake", "dms")]
)
def test_role_is_reached_where_its_access_mode_has_it(given, home, other_home):
    host = declared(dms_assume_role_arn="dms-deployer", lake_assume_role_arn="lake-deployer", **given)
    assert (host.home, host.other_home) == (getattr(host, home), getattr(host, other_home))
    assert host.home != host.other_home


@pytest.mark.parametrize(
    ("given", "role_before", "access_mode"),
    [
        # A replacement that is rolled back brings the endpoint its role of before again.
        ({}, LOCAL_ROLE, "bucket_policy"),
        (LOCAL, LAKE_ROLE, "crossaccount_role"),
        ({}, LAKE_ROLE, "crossaccount_role"),
        (LOCAL, LOCAL_ROLE, "bucket_policy"),
        (ONE_ACCOUNT, LOCAL_ROLE, "crossaccount_role"),
        (LOCAL, None, "bucket_policy"),
        (LOCAL, "", "bucket_policy"),
    ],
)
def test_role_before_tells_the_access_mode_of_a_rollback(given, role_before, access_mode):
    host = declared(**given)
    assert host.access_mode_of(role_before) == access_mode
    assert host.rolled_back_to(before(role_before)).access_mode == access_mode


def test_rollback_changes_the_role_and_not_what_is_declared():
    declares = declared(permissions_boundary=f"arn:aws:iam::{LAKE}:policy/limit")
    host = declares.rolled_back_to(before(LOCAL_ROLE))
    assert host.role["bootstrap_trust"] == "source_account"
    assert host.role["permissions_boundary"] == f"arn:aws:iam::{DMS}:policy/limit"
    assert host.role_arn == LAKE_ROLE
    assert host.accounts == declared().accounts
    assert (declares.access_mode, declares.endpoint) == ("crossaccount_role", declared().endpoint)


def test_rollback_declares_nothing_but_the_former_endpoint():
    definition = before(LAKE_ROLE, bucket_name="other")
    declares = declared(tags={"team": "data"}, exact=False, required_tags=["team", "owner"])
    host = declares.rolled_back_to(definition)
    assert (declares.former, host.former) == (None, definition)
    assert host.endpoint == {
        **declares.endpoint,
        "s3_settings": None,
        "extra_connection_attributes": None,
        "tags": {"team": "before"},
        # What it did not have goes, also where the inventory requires it.
        "purge_tags": True,
        "required_tags": [],
        "exact": True,
        "predecessor": definition,
    }


def test_rollback_of_an_endpoint_without_settings_keeps_the_access_mode():
    assert declared(**LOCAL).rolled_back_to({**before(None), "s3_settings": None}).access_mode == "bucket_policy"


@pytest.mark.parametrize(
    ("given", "dms_roles", "lake_roles", "lakes", "role_account"),
    [
        ({}, [], ["dms-s3-dev-crm"], [LAKE], LAKE),
        (LOCAL, ["dms-s3-dev-crm"], [], [], DMS),
        (ONE_ACCOUNT, [], ["dms-s3-dev-crm"], [DMS], DMS),
    ],
)
def test_what_is_planned_is_looked_at_where_it_will_be(given, dms_roles, lake_roles, lakes, role_account):
    sides = declared(**given).accounts
    assert (sides["dms"]["planned_role_names"], sides["lake"]["planned_role_names"]) == (dms_roles, lake_roles)
    assert sides["dms"]["lake_account_ids"] == lakes
    assert sides["lake"]["role_account_id"] == role_account
    assert sides["dms"]["planned_endpoint_identifiers"] == ["dev-crm"]


# The partition


@pytest.mark.parametrize(
    ("asked", "assumed", "partition"),
    [
        (None, "", "aws"),
        (None, f"arn:aws:iam::{LAKE}:role/deployer", "aws"),
        (None, f"arn:aws-cn:iam::{LAKE}:role/deployer", "aws-cn"),
        ("aws-us-gov", "", "aws-us-gov"),
        ("aws-us-gov", f"arn:aws-cn:iam::{LAKE}:role/deployer", "aws-us-gov"),
        ("aws-cn", f"arn:aws-cn:iam::{LAKE}:role/deployer", "aws-cn"),
        # Whoever reads it says what is wrong.
        (None, "deployer", "aws"),
    ],
)
def test_partition(asked, assumed, partition):
    host = declared(lake_assume_role_arn=assumed, source_arn_condition=True)
    if asked:
        host = host.in_partition(asked)
    assert host.partition == partition
    assert host.role_arn.startswith(f"arn:{partition}:iam::{LAKE}:role/")
    assert host.endpoint["s3_settings"]["service_access_role_arn"] == host.role_arn
    sources = {role["source_arn"] for role in host.roles.values()}
    assert sources == {f"arn:{partition}:dms:eu-central-1:{DMS}:endpoint:*"}


def test_partition_changes_nothing_that_the_inventory_names():
    named = {"service_access_role_arn": LOCAL_ROLE, "server_side_encryption_kms_key_id": KEY}
    host = declared(settings=named, kms_key_arn=KEY)
    moved = host.in_partition("aws-cn")
    assert moved.endpoint == host.endpoint
    assert (moved.accounts, moved.test, moved.replacement) == (host.accounts, host.test, host.replacement)
    # Without the condition there is no ARN to follow.
    assert {role["source_arn"] for role in moved.roles.values()} == {""}


def test_likely_partition_is_that_of_a_role_only():
    assert likely_partition(f"arn:aws-cn:iam::{LAKE}:user/deployer") == "aws"


# The endpoint's settings


def test_settings_out_of_the_environment():
    assert settings(bucket_folder="raw/crm") == {
        "service_access_role_arn": LAKE_ROLE,
        "bucket_name": "lake",
        "bucket_folder": "raw/crm",
        "expected_bucket_owner": LAKE,
    }


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({}, {}),
        ({"kms_key_arn": KEY}, {"encryption_mode": "sse-kms", "server_side_encryption_kms_key_id": KEY}),
        ({"object_ownership": "BucketOwnerEnforced"}, {}),
        (
            {"object_ownership": "BucketOwnerPreferred"},
            {"canned_acl_for_objects": "bucket-owner-full-control"},
        ),
        ({"object_ownership": "ObjectWriter"}, {"canned_acl_for_objects": "bucket-owner-full-control"}),
        (
            {"kms_key_arn": KEY, "object_ownership": "ObjectWriter"},
            {
                "encryption_mode": "sse-kms",
                "server_side_encryption_kms_key_id": KEY,
                "canned_acl_for_objects": "bucket-owner-full-control",
            },
        ),
        ({"settings": {"compression_type": "gzip"}}, {"compression_type": "gzip"}),
    ],
    ids=str,
)
def test_settings_out_of_key_and_ownership(given, more):
    assert settings(**given) == {**settings(), **more}


@pytest.mark.parametrize(
    ("given", "own"),
    [
        ({"kms_key_arn": KEY}, {"encryption_mode": "sse-s3"}),
        ({"kms_key_arn": KEY}, {"server_side_encryption_kms_key_id": OTHER_KEY}),
        ({"object_ownership": "ObjectWriter"}, {"canned_acl_for_objects": "private"}),
        ({}, {"bucket_name": "other", "bucket_folder": "elsewhere"}),
        ({}, {"service_access_role_arn": LOCAL_ROLE}),
        ({}, {"expected_bucket_owner": DMS}),
    ],
    ids=str,
)
def test_own_settings_win(given, own):
    assert settings(settings=own, **given) == {**settings(**given), **own}


def test_bucket_and_key_of_the_endpoint_are_looked_at_whoever_names_them():
    own = {"bucket_name": "other", "server_side_encryption_kms_key_id": OTHER_KEY}
    lake = declared(kms_key_arn=KEY, settings=own).accounts["lake"]
    assert (lake["bucket_name"], lake["kms_key_arn"]) == ("other", OTHER_KEY)
    lake = declared(kms_key_arn=KEY).accounts["lake"]
    assert (lake["bucket_name"], lake["kms_key_arn"]) == ("lake", KEY)


def test_settings_are_pure():
    options = {**DEFAULTS, **USUAL, "settings": {"bucket_name": "other"}}
    before = {**options, "settings": {**options["settings"]}}
    s3_settings(options, LAKE_ROLE)
    assert options == before


# The role


@pytest.mark.parametrize(
    ("given", "bootstrap", "source_account"),
    [
        ({}, "placeholder", ""),
        ({"bootstrap_trust": "placeholder"}, "placeholder", ""),
        ({"bootstrap_trust": "auto"}, "placeholder", ""),
        ({"source_account_condition": True}, "placeholder", DMS),
        ({"bootstrap_trust": "source_account"}, "source_account", DMS),
        # To a role of the DMS account AWS gives no ExternalId, and nothing would ever replace a placeholder.
        (LOCAL, "source_account", DMS),
        (ONE_ACCOUNT, "source_account", DMS),
        ({**ONE_ACCOUNT, "bootstrap_trust": "placeholder"}, "source_account", DMS),
    ],
    ids=str,
)
def test_trust_until_the_id_is_known(given, bootstrap, source_account):
    role = declared(**given).role
    assert (role["bootstrap_trust"], role["source_account"]) == (bootstrap, source_account)
    assert role["source_arn"] == ""


@pytest.mark.parametrize(("given", "falls_back"), [({}, True), ({"bootstrap_trust": "placeholder"}, False)])
def test_placeholder_is_given_up_by_default_only(given, falls_back):
    assert declared(**given).source_account_fallback is falls_back


@pytest.mark.parametrize(
    ("given", "boundary", "expected"),
    [
        ({}, "", ""),
        ({}, f"arn:aws:iam::{LAKE}:policy/limit", f"arn:aws:iam::{LAKE}:policy/limit"),
        ({}, f"arn:aws:iam::{DMS}:policy/limit", f"arn:aws:iam::{LAKE}:policy/limit"),
        (LOCAL, f"arn:aws:iam::{LAKE}:policy/a/limit", f"arn:aws:iam::{DMS}:policy/a/limit"),
        # AWS's own are of no account.
        ({}, "arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::aws:policy/PowerUserAccess"),
    ],
)
def test_permissions_boundary_is_of_the_account_of_the_role(given, boundary, expected):
    assert declared(permissions_boundary=boundary, **given).role["permissions_boundary"] == expected


@pytest.mark.parametrize(("given", "role", "bucket"), [({}, [2], [2]), (LOCAL, [1], [2]), (ONE_ACCOUNT, [1], [1])])
def test_exceptions_of_validation_are_those_of_the_account(given, role, bucket):
    host = declared(validation_exceptions={DMS: [1], LAKE: [2]}, validate_policies="fail", **given)
    assert (host.role["validation_exceptions"], host.bucket_access["validation_exceptions"]) == (role, bucket)
    assert (host.role["validate_policies"], host.bucket_access["validate_policies"]) == ("fail", "fail")
    assert declared(**given).role["validation_exceptions"] == []


# Who calls


@pytest.mark.parametrize(
    ("environment", "job", "session"),
    [
        ("dev", "jane", "dev-dms-jane"),
        ("dev", "4711", "dev-dms-4711"),
        ("dev", "DOMAIN\\Jané Doe", "dev-dms-DOMAIN-Jan--Doe"),
        ("dev", "jane@example.com", "dev-dms-jane@example.com"),
        ("dev", "a+b=c,d.e@f-g_h", "dev-dms-a+b=c,d.e@f-g_h"),
        ("e" * 70, "jane", "e" * 64),
        ("dev", "j" * 70, f"dev-dms-{'j' * 56}"),
    ],
)
def test_session_name_is_one_that_sts_takes(environment, job, session):
    assert declared(environment=environment, job=job).dms.assume_role_session_name == session


def test_each_side_has_its_own_connection():
    sides = {"dms": f"arn:aws:iam::{DMS}:role/deployer", "lake": f"arn:aws:iam::{LAKE}:role/deployer"}
    given = {f"{side}_assume_role_arn": arn for side, arn in sides.items()}
    ids = {f"{side}_assume_role_external_id": f"id-of-{side}" for side in sides}
    host = declared(**given, **ids)
    for side, arn in sides.items():
        connection = getattr(host, side).options()
        assert connection == {
            "region": "eu-central-1",
            "assume_role_arn": arn,
            "assume_role_external_id": f"id-of-{side}",
            "assume_role_session_name": f"dev-{side}-jane",
        }
        assert host.accounts[side].items() >= connection.items()


# What else


@pytest.mark.parametrize(
    ("environments", "protected"),
    [
        ({"dev": {"protected": True}}, True),
        ({"dev": {"protected": False}}, False),
        ({"dev": {}}, False),
        ({"dev": None}, False),
        ({"prod": {"protected": True}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_protected_environment(environments, protected):
    host = declared(environments=environments)
    assert host.protected is protected
    assert {side["protected"] for side in host.accounts.values()} == {protected}


@pytest.mark.parametrize(
    ("protected", "confirm", "confirmed"),
    [(False, "", True), (True, "", False), (True, "dev", True), (True, "prod", False), (True, "DEV", False)],
)
def test_protected_environment_is_confirmed_by_its_name(protected, confirm, confirmed):
    assert declared(environments={"dev": {"protected": protected}}, confirm=confirm).confirmed is confirmed


def test_no_tags_are_none_so_that_nothing_is_purged():
    assert (declared().endpoint["tags"], declared().role["tags"]) == (None, None)
    assert declared(tags={"team": "data"}).role["tags"] == {"team": "data"}


def test_patience_reaches_whoever_waits():
    host = declared(wait_timeout=7, poll_interval=0.5, iam_propagation_timeout=9)
    for step in ("endpoint", "test", "replacement"):
        assert (getattr(host, step)["wait_timeout"], getattr(host, step)["poll_interval"]) == (7, 0.5)
    for step in ("endpoint", "test", "bucket_access"):
        assert getattr(host, step)["iam_propagation_timeout"] == 9


@pytest.mark.parametrize("given", [{}, LOCAL, ONE_ACCOUNT])
def test_every_part_is_options_that_its_module_takes(given):
    host = declared(tags={"team": "data"}, kms_key_arn=KEY, **given)
    parts = {
        "endpoint": (s3_target, {}),
        "role": (access_role, {}),
        "bucket_access": (bucket_access, {"role_arn": LOCAL_ROLE, "bucket_name": "lake"}),
        "test": (connection_tests, {"endpoint_arn": "arn"}),
        "replacement": (endpoint_replacement, {"run": {"id": "1", "owner": "jane"}}),
    }
    for name, (module, more) in parts.items():
        assert set(validated(module.ARGUMENT_SPEC, {**getattr(host, name), **more})) >= {*getattr(host, name), *more}
    for side in ("dms", "lake"):
        assert validated(preflight.ARGUMENT_SPEC, host.accounts[side])["side"] == side


# A host as data


@pytest.mark.parametrize("given", [{}, LOCAL, ONE_ACCOUNT])
def test_host_is_the_same_after_it_was_sent_as_json(given):
    host = declared(tags={"team": "data"}, kms_key_arn=KEY, **given)
    assert Host.of(json.loads(json.dumps(host.declared()))) == host


@pytest.mark.parametrize(
    ("given", "has_journal"),
    [({}, False), ({"journal_bucket": "journals"}, True), ({"journal_path": "/tmp/journals"}, True)],
)
def test_place_for_journals(given, has_journal):
    assert declared(**given).has_journal is has_journal


def test_what_names_an_endpoint_among_others():
    host = declared(identifier="Dev-CRM", journal_prefix="dms", replication_instance_arn="")
    assert (host.identifier, host.deployment) == ("Dev-CRM", "dev")
    assert host.journal_key == "dms/eu-central-1/dev-crm.json"
    assert (host.dms_account_id, host.lake_account_id, host.role_name) == (DMS, LAKE, "dms-s3-dev-crm")
    assert host.is_tested is False
    assert declared(replication_instance_arn="arn").is_tested is True
    assert declared(deployment="").deployment == ""


@pytest.mark.parametrize("given", [{}, LOCAL])
def test_names_that_are_no_orphans(given):
    assert names_of(declared(wait_timeout=7, policy_settle_time=3.0, allow_endpoint_url=True, **given)) == Names(
        deployment="dev",
        endpoint_identifier="dev-crm",
        region="eu-central-1",
        dms_account_id=DMS,
        lake_account_id=LAKE,
        role_name="dms-s3-dev-crm",
        role_path="/datalake-dms/dev/",
    )


def test_hosts_of_one_account_reach_it_in_the_same_way():
    """So that each account is read once, whatever the hosts declare of their own."""
    one = declared()
    other = declared(identifier="dev-erp", role_name="dms-s3-dev-erp", bucket_name="other")
    assert (one.dms, one.lake) == (other.dms, other.lake)


@pytest.mark.parametrize("name", ["dms_account_id", "lake_account_id"])
@pytest.mark.parametrize("value", ["12345", 1234567890, "1111-2222-3333", "", "\u0661" * 12])
def test_account_id_that_is_none_is_named(name, value):
    with pytest.raises(AnsibleAWSError) as error:
        declared(**{name: value})
    assert (
        f"s3_endpoint_{name}={value} is not a 12-digit AWS account id; correct it, and quote it" in error.value.message
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DataFormat", "; did you mean data_format?"),
        ("dataformat", "; did you mean data_format?"),
        ("cdcMaxBatchIntervall", "; did you mean cdc_max_batch_interval?"),
        ("colour", "."),
    ],
)
def test_setting_with_another_name_is_named(name, meant):
    with pytest.raises(AnsibleAWSError) as error:
        declared(settings={name: "x"})
    assert error.value.message == f"s3_endpoint_settings has {name}, which is not a setting of an S3 endpoint{meant}"
