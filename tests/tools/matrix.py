# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run parts of the Makefile on every supported Python that is installed: matrix.py MAKE PART CORE-PART

CORE-PART runs once for each ansible-core, however many Pythons have it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import environment
import passed
import pythons


def first_failing(make: str, parts: list[str], python: pythons.Python) -> str | None:
    """The part that failed on that Python; those after it aren't run."""
    for part in parts:
        print(f"\n=== Python {python.version}: {part}", flush=True)
        command = [make, "--no-print-directory", part, f"PYTHON={python.executable}"]
        if subprocess.run(command, cwd=str(environment.CHECKOUT), check=False).returncode:
            return part
    return None


def ansible_core(python: pythons.Python) -> str:
    """The version in that Python's environment, read off the folder's name: it may be too broken to be asked."""
    metadata: Path | None = next(environment.site_packages(python).glob("ansible_core-*.dist-info"), None)
    return f"ansible-core {metadata.stem.partition('-')[2]}" if metadata else "no ansible-core"


def main() -> int:
    make, part, core_part = sys.argv[1:]
    table = []
    outcomes, cores = set(), set()
    for version in pythons.SUPPORTED:
        python = pythons.find(version)
        if python is None:
            table.append(f"{version}: not found")
            continue
        if passed.holds(python):
            outcomes.add("passed")
            cores.add(ansible_core(python))
            table.append(f"{version}: passed ({ansible_core(python)}), by `make test`")
            continue
        failed = first_failing(make, ["setup", part], python)
        if not failed and ansible_core(python) not in cores:
            cores.add(ansible_core(python))
            failed = first_failing(make, [core_part], python)
        outcomes.add("failed" if failed else "passed")
        table.append(f"{version}: {'failed in ' + failed if failed else 'passed'} ({ansible_core(python)})")
    print("", *table, sep="\n")
    return 0 if outcomes == {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main())
