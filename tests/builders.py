# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many tests speak of: two accounts, the names of what stands in them, policies, and what a host declares."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.datalake.dms.plugins.module_utils._hosts.declaration import PREFIX, declaration
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host

CHECKOUT = Path(__file__).resolve().parents[1]

# Accounts and what is in them

DMS, LAKE, STRANGER = "111122223333", "444455556666", "999988887777"
REGION = "eu-central-1"
KEY_ARN = f"arn:aws:kms:{REGION}:{LAKE}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def role_arn(name: str = "dms-s3-crm", account: str = LAKE) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def policy_arn(name: str = "dms-s3-crm", account: str = LAKE) -> str:
    return f"arn:aws:iam::{account}:policy/{name}"


def dms_arn(kind: str, name: str, account: str = DMS, region: str = REGION) -> str:
    """The ARN of an endpoint, a task, a replication instance (kinds `endpoint`, `task`, `rep`)."""
    return f"arn:aws:dms:{region}:{account}:{kind}:{name}"


# Policies


def policy_document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allows(action: str, resource: str = "*") -> dict[str, Any]:
    """A statement of an access policy."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def admits(service: str | list[str] = "dms.amazonaws.com", **members: Any) -> dict[str, Any]:
    """A statement of a trust: the service may assume the role. `members` are put beside the others, or in their place."""
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **members}


# Hosts


def declared_host(name: str, variables: dict[str, Any]) -> Host:
    """What a host declares by variables of the role s3_endpoint, given without its prefix; the others have the role's defaults."""
    spec, defaults = role_inputs()
    given = {f"{PREFIX}{option}": value for option, value in variables.items()}
    given_and_default = ArgumentSpecValidator(spec).validate({**defaults, **given})
    assert given_and_default.error_messages == []
    return declaration(name, given_and_default.validated_parameters, "tests")


@functools.cache
def role_inputs() -> tuple[dict[str, Any], dict[str, Any]]:
    """The role's argument spec, and its defaults but for those that Ansible makes of other variables."""
    role = CHECKOUT / "roles" / "s3_endpoint"
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    plain = {
        name: {key: value for key, value in option.items() if key != "description"} for name, option in spec.items()
    }
    return plain, {name: value for name, value in defaults.items() if "{{" not in str(value)}
