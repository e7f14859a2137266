# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make or refresh the virtual environment .venv/<python> in which everything else runs.

Without an argument it is made if it is missing, half-made or out of date; `--where` only prints its path.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import pythons

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIREMENTS = CHECKOUT / "tests" / "requirements.txt"


def folder(python: pythons.Python) -> Path:
    """Where the virtual environment of that Python is."""
    return CHECKOUT / ".venv" / python.version


def site_packages(python: pythons.Python) -> Path:
    return folder(python) / "lib" / f"python{python.version}" / "site-packages"


def _recipe(python: pythons.Python) -> str:
    """All that an environment is made from: once any of it changes, another one is needed."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return f"{python.executable}\n{folder(python)}\n{digest}\n"


def _install(python: pythons.Python) -> None:
    """From scratch each time, so that nothing is left of a half-made one or of an earlier list of requirements."""
    venv = folder(python)
    print(f"Installing tests/requirements.txt into .venv/{python.version}: a quarter of a minute, once.", flush=True)
    subprocess.run([python.executable, "-m", "venv", "--clear", str(venv)], check=True)
    # --no-compile: most of the files that `ansible` brings are never imported.
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-compile"]
    subprocess.run([*pip, "uv"], check=True)
    # It takes a sixth of pip's time, but knows nothing of pip's configuration, such as an index of one's own. Certificates are the system's.
    uv = [
        str(venv / "bin" / "uv"),
        "pip",
        "install",
        "--quiet",
        "--system-certs",
        "--python",
        str(venv / "bin" / "python"),
    ]
    requirements = ["--requirement", str(REQUIREMENTS)]
    if subprocess.run([*uv, *requirements], check=False).returncode:
        print("uv could not install them; trying again with pip.", flush=True)
        subprocess.run([*pip, *requirements], check=True)


def _link(collections: Path) -> None:
    """Put the checkout into an ansible_collections folder, where Ansible's tools look for a collection."""
    link = collections / "datalake" / "dms"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(CHECKOUT, target_is_directory=True)


def ensure(python: pythons.Python) -> None:
    """Have a finished environment of that Python; one process at a time makes it."""
    (CHECKOUT / ".venv").mkdir(exist_ok=True)
    with (CHECKOUT / ".venv" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = folder(python) / ".recipe"
        if not finished.is_file() or finished.read_text() != _recipe(python):
            _install(python)
            finished.write_text(_recipe(python))
        _link(site_packages(python) / "ansible_collections")
        # mypy ignores the types of what it finds in site-packages: see mypy_path in pyproject.toml.
        _link(CHECKOUT / ".venv" / "src" / "ansible_collections")
        # For `import embedded_aws`, wherever it is started from.
        (site_packages(python) / "datalake_dms.pth").write_text(f"{CHECKOUT / 'tests'}\n")


def main() -> None:
    python = pythons.default()
    if "--where" in sys.argv:
        print(folder(python).relative_to(CHECKOUT))
        return
    try:
        ensure(python)
    except subprocess.CalledProcessError as failed:
        sys.exit(f"The environment of Python {python.version} could not be made: {failed}")


if __name__ == "__main__":
    main()
