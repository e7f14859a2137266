# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An endpoint is created again as it was, whatever AWS accepted for it: the rules for what a user may declare do not judge it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.connection_attributes import sent_attributes
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import s3_target
from embedded_aws.server.wire import service_model
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.once

# Those that decide whether DMS may write. A role or bucket that does not exist would be refused for that.
GIVEN = ("ServiceAccessRoleArn", "BucketName")
KEYS = st.sampled_from(["", "alias/lake", "11112222-3333-4444-5555-666677778888", "mrk-" + "a" * 32])
# Control characters are not for XML and JSON; surrogates are no text.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ["", "dms/", "/dms", "a*b", "a?b", "${aws:username}", ";", "none;mislaid=1", "compressionType=GZIP", "\\n"]
)


def spellings(values: list[str]) -> Any:
    """Enum values in all the ways that AWS takes them."""
    ways = (str, str.upper, lambda value: value.replace("-", "_"), lambda value: value.upper().replace("-", "_"))
    return st.builds(lambda value, way: way(value), st.sampled_from(values), st.sampled_from(ways))


def values_of(name: str, shape: Any) -> Any:
    if name == "ServerSideEncryptionKmsKeyId":
        return KEYS
    if getattr(shape, "enum", []):
        return spellings(list(shape.enum))
    return {"string": TEXTS, "integer": st.integers(-1, 2**31 - 1), "boolean": st.booleans()}[shape.type_name]


MEMBERS = {name: values_of(name, s) for name, s in service_model("dms").shape_for("S3Settings").members.items()}
S3_SETTINGS = st.fixed_dictionaries({}, optional={n: values for n, values in MEMBERS.items() if n not in GIVEN})
WORDS = st.text("abcdefgh", min_size=1, max_size=8)
ATTRIBUTES = st.dictionaries(WORDS | st.sampled_from(["ignoreHeaderRows", "compressionType"]), WORDS, max_size=3)


def describe(lab: Any) -> dict[str, Any]:
    (endpoint,) = [one for one in lab.endpoints() if one["EndpointIdentifier"] == "dev-crm"]
    members = endpoint["S3Settings"]
    if "ServerSideEncryptionKmsKeyId" in members:
        # AWS may return the id of a key for its ARN, which is sent.
        members["ServerSideEncryptionKmsKeyId"] = members["ServerSideEncryptionKmsKeyId"].rpartition("/")[2]
    attributes = sent_attributes(endpoint["ExtraConnectionAttributes"], members)
    kind = {name: endpoint[name] for name in ("EngineName", "EndpointType", "EndpointArn")}
    return {**members, **kind, "attributes": attributes}


@pytest.fixture
def account(lab: Any) -> Account:
    """The DMS account, once for all examples."""
    lab.role()
    caller = {"assume_role_arn": lab.deployers["dms"], "assume_role_external_id": "the-deployers-id"}
    return Account(validated({}, caller))


def text_of(attributes: dict[str, str]) -> str:
    return ";".join(f"{key}={value}" for key, value in attributes.items())


# Without shrinking, which would take minutes.
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
@given(made=S3_SETTINGS, attributes=ATTRIBUTES)
def test_endpoint_is_as_it_was_after_it_was_another(
    lab: Any, account: Account, made: dict[str, Any], attributes: dict[str, str]
) -> None:
    dms = account.client("dms")
    for left in lab.endpoints():  # by an example that failed
        dms.delete_endpoint(EndpointArn=left["EndpointArn"])
    of_the_role = {"ServiceAccessRoleArn": lab.role_arn, "BucketName": lab.bucket}
    more = {"ExtraConnectionAttributes": text_of(attributes)} if attributes else {}
    dms.create_endpoint(
        EndpointIdentifier="dev-crm",
        EndpointType="target",
        EngineName="s3",
        ResourceIdentifier="dev-crm",
        S3Settings={**made, **of_the_role},
        **more,
    )
    before = describe(lab)
    changed = {
        "endpoint_identifier": "dev-crm",
        "s3_settings": {**lab.s3_settings, "compression_type": "gzip"},
        "poll_interval": 0.05,
        "exact": True,
        "recreate": True,
    }
    replaced = s3_target.ensure(account, validated(s3_target.ARGUMENT_SPEC, changed), False)
    assert describe(lab) != before
    former = {**changed, "s3_settings": None, "predecessor": replaced["definition"]}
    params = validated(s3_target.ARGUMENT_SPEC, former)
    s3_target.ensure(account, params, False, former=replaced["definition"])
    after = describe(lab)
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}
