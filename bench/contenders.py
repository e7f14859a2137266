# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contenders: which steps each has, and the command of each step."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from figures import BUCKET_POLICY, BY_HAND, CHANGED, EMPTY, FLOOR, FRESH, LIMIT, OURS, PREFLIGHT, UNCHANGED, VERIFY
from specs import Spec, trust
from world import CHECKOUT, World

BENCH = Path(__file__).parent
# The same for all: Ansible's forks, and the floor's threads.
FORKS = 10
AWS_CLI = CHECKOUT / ".venv" / "awscli"
AWS_CLI_REQUIREMENT = "awscli >=1.46,<2"
Scope = Literal["compared", "counted", "all"]
_RECAP = re.compile(r"\bok=\d+ +changed=(\d+)")


@dataclass(frozen=True)
class Step:
    """One command that is measured, and what has to hold afterwards."""

    name: str
    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    # Before it runs, not measured.
    prepare: Callable[[], None] | None = None
    # The accounts hold what the specs say.
    reaches_state: bool = False
    changes_nothing: bool = False


def steps(contender: str, world: World, scope: Scope) -> list[Step]:
    """What is measured of a contender in a world that has just begun, in this order.

    :param scope: "compared" is what peers have, too; "counted" adds what the counts of calls need, and "all" the other playbooks.
    """
    return list(_OF[contender](world, scope))


def changed(said: str) -> int:
    """How much a playbook changed, out of its recap."""
    return sum(int(count) for count in _RECAP.findall(said))


def _ours(world: World, scope: Scope) -> Iterable[Step]:
    def play(step: str, name: str, *arguments: str, **more: object) -> Step:
        return Step(step, _playbook(world, f"playbooks/{name}.yml", *arguments), **more)  # type: ignore[arg-type]

    limit = ("--limit", world.specs[0].source)
    if scope != "compared":
        yield play(PREFLIGHT[FRESH], "preflight")
    yield play(FRESH, "deploy", reaches_state=True)
    if scope != "compared":
        yield play(PREFLIGHT[UNCHANGED], "preflight", changes_nothing=True)
    yield play(UNCHANGED, "deploy", reaches_state=True, changes_nothing=True)
    if scope != "compared":
        yield play(PREFLIGHT[LIMIT], "preflight", *limit, changes_nothing=True)
        yield play(LIMIT, "deploy", *limit, reaches_state=True, changes_nothing=True)
    if scope == "all":
        yield play(VERIFY, "verify", changes_nothing=True)
        yield play(CHANGED, "deploy", prepare=lambda: world.write_inventory(len(world.specs), one_changed=True))


def _bucket_policy(world: World, _scope: Scope) -> Iterable[Step]:
    return _ours(world, "compared")


def _peer(playbook: str) -> Callable[[World, Scope], Iterable[Step]]:
    def both(world: World, _scope: Scope) -> Iterable[Step]:
        command = _playbook(world, f"bench/peer/{playbook}.yml")
        yield Step(FRESH, command, reaches_state=True)
        yield Step(UNCHANGED, command, reaches_state=True, changes_nothing=True)

    return both


def _by_hand(world: World, _scope: Scope) -> Iterable[Step]:
    install_aws_cli()
    folders = [_written(spec, world.folder / "by_hand" / spec.source) for spec in world.specs]
    home = world.folder / "home"
    # Credentials that the CLI has kept are of a world that is gone.
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    profiles = home / "config"
    profiles.write_text("".join(_profile(world, side) for side in ("dms", "lake")))
    environ = {
        "PATH": f"{AWS_CLI / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "AWS_CONFIG_FILE": str(profiles),
        # Where the CLI keeps the credentials of the roles, so that it assumes each once.
        "HOME": str(home),
    }
    yield Step(FRESH, [str(BENCH / "by_hand.sh"), *map(str, folders)], environ, reaches_state=True)


def _floor(world: World, _scope: Scope) -> Iterable[Step]:
    path = world.folder / "floor.json"
    given = {
        "region": world.names["s3_endpoint_region"],
        "dms": _role(world, "dms"),
        "lake": _role(world, "lake"),
        "specs": [{**asdict(spec), **_placeholder()} for spec in world.specs],
    }
    path.write_text(json.dumps(given))
    yield Step(FRESH, [sys.executable, str(BENCH / "floor.py"), str(path), str(FORKS)], reaches_state=True)


def _empty(world: World, _scope: Scope) -> Iterable[Step]:
    yield Step(EMPTY, _playbook(world, "bench/empty.yml"))


_OF: dict[str, Callable[[World, Scope], Iterable[Step]]] = {
    OURS: _ours,
    BUCKET_POLICY: _bucket_policy,
    FLOOR: _floor,
    EMPTY: _empty,
    "peer-hosts": _peer("hosts"),
    "peer-loops": _peer("loops"),
    BY_HAND: _by_hand,
}
CONTENDERS = tuple(_OF)


def install_aws_cli() -> None:
    """Have the AWS CLI in an environment of its own: it wants an exact botocore, which is not ours."""
    if (AWS_CLI / "bin" / "aws").exists():
        return
    print(f"Installing {AWS_CLI_REQUIREMENT} into {AWS_CLI.relative_to(CHECKOUT)}, once.", flush=True)
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(AWS_CLI)], check=True)
    pip = [str(AWS_CLI / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    subprocess.run([*pip, AWS_CLI_REQUIREMENT], check=True)
    size = sum(path.stat().st_size for path in AWS_CLI.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"It took {time.monotonic() - began:.0f} seconds and {size / 1e6:.0f} MB.", flush=True)


def _playbook(world: World, playbook: str, *arguments: str) -> list[str]:
    ansible_playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    return [ansible_playbook, "-i", str(world.inventory), playbook, f"--forks={FORKS}", *arguments]


def _role(world: World, side: str) -> dict[str, str]:
    names = ("assume_role_arn", "assume_role_external_id")
    return {name: world.names[f"s3_endpoint_{side}_{name}"] for name in names}


def _profile(world: World, side: str) -> str:
    role = _role(world, side)
    return (
        f"[profile {side}]\nrole_arn = {role['assume_role_arn']}\nexternal_id = {role['assume_role_external_id']}\n"
        f"credential_source = Environment\nregion = {world.names['s3_endpoint_region']}\n\n"
    )


def _placeholder() -> dict[str, object]:
    external_id = f"placeholder-{secrets.token_hex(16)}"
    return {"placeholder_id": external_id, "placeholder": trust(external_id)}


def _written(spec: Spec, folder: Path) -> Path:
    """The files that somebody would write for one endpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    placeholder = _placeholder()
    tags = [{"Key": key, "Value": value} for key, value in spec.tags.items()]
    documents = {"policy": spec.policy, "trust": placeholder["placeholder"], "settings": spec.settings, "tags": tags}
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    for name in ("role_name", "path", "identifier"):
        (folder / name).write_text(getattr(spec, name))
    (folder / "placeholder_id").write_text(str(placeholder["placeholder_id"]))
    return folder
