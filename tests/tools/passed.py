# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remember that `make test` passed on a Python, so that `make matrix` need not repeat it for the very same files."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import environment
import pythons


def fingerprint() -> str | None:
    """A hash over all files of the checkout that git does not ignore; None outside of a git checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=environment.CHECKOUT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        return None
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed.stdout.split(b"\0"))):
        path = environment.CHECKOUT / name.decode()
        digest.update(name + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    return digest.hexdigest()


def holds(python: pythons.Python) -> bool:
    """Whether `make test` passed on that Python with the files as they are now."""
    record, now = _record(python), fingerprint()
    return now is not None and record.is_file() and record.read_text() == now


def _record(python: pythons.Python) -> Path:
    return environment.folder(python) / ".passed"


if __name__ == "__main__":
    _record(pythons.default()).write_text(fingerprint() or "")
