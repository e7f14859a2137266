# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run `ansible-test sanity` on the collection as it would be installed; arguments go on to ansible-test."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from ansible_test._internal.host_configs import NativePythonConfig
from ansible_test._internal.python_requirements import get_venv_packages

CHECKOUT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
PYTHON = ".".join(platform.python_version_tuple()[:2])

# ansible-test makes environments of its own and downloads get-pip.py for them from a host outside PyPI, unless this
# file is in its cache. ensurepip is a process of its own: inside ours it would turn pip's configuration off.
GET_PIP = '''"""Stands in for get-pip.py: written by tests/tools/sanity.py of datalake.dms; may be deleted."""
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"])
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install"] + arguments))
'''


def provide_get_pip() -> None:
    pip_version = get_venv_packages(NativePythonConfig(version=PYTHON, path=sys.executable))["pip"]
    get_pip = Path.home() / ".ansible" / "test" / "cache" / f"get_pip_{pip_version.replace('.', '_')}.py"
    if not get_pip.exists():
        get_pip.parent.mkdir(parents=True, exist_ok=True)
        get_pip.write_text(GET_PIP)


def install_collection(place: Path) -> Path:
    """The collection in a real ansible_collections folder beside amazon.aws: ansible-test doesn't do with a link."""
    amazon_aws = Path(sysconfig.get_path("purelib")) / "ansible_collections" / "amazon" / "aws"
    install = [str(TOOLS / "ansible-galaxy"), "collection", "install", str(CHECKOUT), str(amazon_aws)]
    # --force: in the eyes of ansible-galaxy both are there already, in site-packages.
    offline = ["--offline", "--force", "--collections-path", str(place)]
    known = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(place)}  # else it warns of a path that no one will look at
    subprocess.run([*install, *offline], check=True, stdout=subprocess.DEVNULL, env=known)
    return place / "ansible_collections" / "datalake" / "dms"


def main() -> int:
    provide_get_pip()
    # Not inside the checkout: ansible-test would ask its git for the files, and find all of them ignored.
    with tempfile.TemporaryDirectory(prefix="datalake-dms-") as place:
        if any((parent / ".git").exists() for parent in Path(place).parents):
            sys.exit(f"{place} is in a git work tree, so that ansible-test would find no file: set TMPDIR elsewhere.")
        # --python: else it tries all that are on PATH, and fails on a pyenv shim that refuses. `make matrix` has each.
        sanity = [str(TOOLS / "ansible-test"), "sanity", "--local", "--python", PYTHON, *sys.argv[1:]]
        return subprocess.run(sanity, cwd=install_collection(Path(place)), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
