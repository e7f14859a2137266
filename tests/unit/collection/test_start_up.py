# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each worker of Ansible pays before its work begins: imports, and botocore's models."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.datalake.dms.plugins.module_utils._core import account
from ansible_collections.datalake.dms.plugins.module_utils._core.module import full_argument_spec
from botocore.loaders import JSONFileLoader
from builders import DMS, role_arn


@pytest.fixture
def parsed(monkeypatch):
    """The names of the model files that botocore parses, in a process that has none yet."""
    files = []
    parse = JSONFileLoader.load_file
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda self, path: files.append(path) or parse(self, path))
    account._models.cache_clear()
    yield files
    account._models.cache_clear()


def client():
    keys = {"access_key": "none", "secret_key": "none", "region": "eu-central-1"}
    role = {"assume_role_arn": role_arn("deployer", DMS)}
    params = ArgumentSpecValidator(full_argument_spec({})).validate({**keys, **role}).validated_parameters
    return account.Account(params).client("dms")


def test_models_are_parsed_once_for_all_accounts(parsed):
    client()
    assert parsed != []
    parsed.clear()
    client()
    assert parsed == []


def test_models_can_be_parsed_ahead(parsed):
    account.load_models("dms", "sts")
    assert parsed != []
    parsed.clear()
    client().get_paginator("describe_endpoints")
    assert parsed == []


def test_wrong_configuration_is_left_to_the_tasks(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    account.load_models("dms")


def test_filter_does_without_botocore():
    program = (
        "import sys; from ansible.plugins.loader import init_plugin_loader; init_plugin_loader(); "
        "import ansible_collections.datalake.dms.plugins.filter.resource_identifier; "
        "sys.exit('botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
