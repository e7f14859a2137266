# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of module_utils: a lower one imports nothing of a higher one, and no file has a name that hides another."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
MODULE_UTILS = CHECKOUT / "plugins" / "module_utils"
PREFIX = "ansible_collections.datalake.dms.plugins.module_utils"
# From the lowest to the highest; CONTRIBUTING.md says what each is for.
PACKAGES = ("_core", "_dms", "_policies", "_access", "_endpoint", "_replacement", "_accounts", "_hosts")
FILES = sorted(MODULE_UTILS.glob("**/*.py"))


def imported_packages(source: str) -> set[str]:
    """The packages of module_utils that a source imports from."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PREFIX):
            rest = str(node.module).removeprefix(PREFIX).strip(".")
            found |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith(PREFIX)]
            found |= {name.removeprefix(PREFIX).strip(".").split(".")[0] for name in names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(MODULE_UTILS)))
def test_no_package_imports_a_higher_one(file):
    package = file.relative_to(MODULE_UTILS).parts[0]
    allowed = PACKAGES[: PACKAGES.index(package) + 1]
    assert imported_packages(file.read_text()) <= set(allowed)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(MODULE_UTILS)))
def test_no_file_hides_the_standard_library_or_looks_like_a_test(file):
    assert file.stem not in sys.stdlib_module_names
    assert not file.stem.endswith("_test")


def test_imports_are_found_in_each_form():
    source = f"""
import {PREFIX}._hosts.survey
from {PREFIX} import _core
from {PREFIX}._dms.endpoints import list_endpoints
"""
    assert imported_packages(source) == {"_hosts", "_core", "_dms"}


def test_arns_need_no_botocore():
    """Filters import them on machines without boto3."""
    assert "botocore" not in (MODULE_UTILS / "_core" / "arns.py").read_text()


def test_contributing_describes_each_package_in_this_order():
    described = re.findall(r"`plugins/module_utils/(_\w+)/`", (CHECKOUT / "CONTRIBUTING.md").read_text())
    assert described == list(PACKAGES)
