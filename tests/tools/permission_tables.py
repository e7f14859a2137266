# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the tables of permissions into the roles' READMEs, out of plugins/module_utils/_accounts/permissions.py: run it after a change there."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.datalake.dms.plugins.module_utils._accounts.permissions import table

ROLES = Path(__file__).resolve().parents[2] / "roles"
# A table stands between `<!-- permissions: reader -->` and `<!-- end -->`.
TABLE = re.compile(r"(<!-- permissions: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def readmes() -> list[Path]:
    """The READMEs that have such tables."""
    return [path for path in sorted(ROLES.glob("*/README.md")) if TABLE.search(path.read_text())]


def rendered(text: str) -> str:
    """A README with its tables as they have to be."""
    return TABLE.sub(lambda found: f"{found[1]}{_table(found[2])}{found[3]}", text)


def _table(profile: str) -> str:
    rows = [f"| {side} | {resources} | {actions} |\n" for side, resources, actions in table(profile)]
    return "".join(["| account | on | actions |\n|---|---|---|\n", *rows])


if __name__ == "__main__":
    for readme in readmes():
        readme.write_text(rendered(readme.read_text()))
