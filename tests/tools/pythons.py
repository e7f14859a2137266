# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the Python interpreters that the tests run on.

This file and environment.py also run on a Python that is too old for the rest, to be able to say so: keep to syntax
that Python 3.7 reads.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SUPPORTED = ("3.11", "3.12", "3.13")
OLDEST = (3, 11)

# Names the base interpreter even when asked of a venv's Python or of a pyenv shim; without venv and ensurepip (Debian
# packs them apart) an interpreter is of no use here.
_PROBE = """
import ensurepip, os, sys, venv
print("%d.%d" % sys.version_info[:2], os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable), sep="|")
"""


class Python(NamedTuple):
    """An interpreter that can make virtual environments."""

    version: str  # "3.12"
    executable: str

    @property
    def new_enough(self) -> bool:
        return tuple(int(part) for part in self.version.split(".")) >= OLDEST


def probe(command: str) -> Python | None:
    """The interpreter behind a command; None for one that is missing, refuses (a pyenv shim) or lacks venv."""
    try:
        answer = subprocess.run([command, "-c", _PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    version, executable = answer.stdout.decode().strip().split("|")
    return Python(version, executable)


def _pyenv_roots() -> Iterator[Path]:
    """Where pyenv keeps its versions. A shim on PATH tells it too, when neither $PYENV_ROOT nor $HOME does."""
    if "PYENV_ROOT" in os.environ:
        yield Path(os.environ["PYENV_ROOT"])
    for folder in map(Path, os.environ.get("PATH", "").split(os.pathsep)):
        if folder.name == "shims":
            yield folder.parent
    yield Path.home() / ".pyenv"


def _commands(version: str) -> Iterator[str]:
    """Commands that may be that Python, the likeliest first."""
    for name in ("python" + version, "python3", "python"):
        on_path = shutil.which(name)
        if on_path:
            yield on_path
    for root in _pyenv_roots():
        installed = [path for path in root.glob("versions/*/bin/python") if path.parts[-3].startswith(version + ".")]
        yield from map(str, sorted(installed, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))][::-1]))


def find(version: str) -> Python | None:
    """The installed interpreter of that version ("3.12")."""
    for command in _commands(version):
        python = probe(command)
        if python and python.version == version:
            return python
    return None


def default() -> Python:
    """The Python that started us where it will do, else the newest supported one; leaves with a sentence if none."""
    running = probe(sys.executable)
    if running and running.new_enough:
        return running
    for version in reversed(SUPPORTED):
        python = find(version)
        if python:
            return python
    names = f"{', '.join(SUPPORTED[:-1])} or {SUPPORTED[-1]}"
    sys.exit(f"Python {names} (with venv and pip) is needed, and none was found.")
