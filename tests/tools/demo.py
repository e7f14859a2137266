# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo`: the dozen endpoints of an environment, built across two accounts of an embedded AWS, and run again.

`make demo ENVIRONMENTS="dev test prod"` shows all 36.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from embedded_aws import EmbeddedAWS
from landscape import environment
from playbook import CHECKOUT, run_playbook

# The embedded AWS is quick; and it is meant, also for prod.
QUICK = ["-e", "s3_endpoint_poll_interval=0.2", "-e", "s3_endpoint_allow_endpoint_url=true"]


def main(names: list[str]) -> int:
    with EmbeddedAWS() as aws:
        aws.control.seed({"environments": [environment(CHECKOUT / "inventories" / name) for name in names]})
        say(f"An embedded AWS is up at {aws.url}, with buckets, keys, replication instances and the roles to assume.")
        for name in names:
            if not show(name, aws):
                return 1
    say("The embedded AWS is gone again, and nothing is left behind.")
    return 0


def show(name: str, aws: EmbeddedAWS) -> bool:
    """Deploy an environment, deploy again, verify; whether each ended as it should."""
    say(f"{name}: deploy.yml builds the endpoints.")
    if not play(name, "deploy", aws):
        return False
    tell(name, aws)
    say(f"{name}: deploy.yml again: nothing may change.")
    if not play(name, "deploy", aws, unchanged=True):
        return False
    say(f"{name}: verify.yml compares both accounts with the inventory.")
    return play(name, "verify", aws, unchanged=True)


def play(name: str, playbook: str, aws: EmbeddedAWS, unchanged: bool = False) -> bool:
    """Run a playbook as a user would; whether it succeeded, and changed nothing where nothing may change."""
    ended = run_playbook(aws, f"inventories/{name}", playbook, *QUICK, echo=True)
    if ended.status == 0 and not (unchanged and ended.changed):
        return True
    print(f"{playbook}.yml ended with status {ended.status}, changed={ended.changed}.", file=sys.stderr)
    return False


def tell(name: str, aws: EmbeddedAWS) -> None:
    """What the run asked of AWS, by account and service, out of the request journal."""
    calls: Counter[tuple[str, str]] = Counter()
    journal: list[dict[str, Any]] = aws.control.journal()
    for call in journal:
        calls[call["account"], call["service"]] += 1
    rows = [f"  account {account}: {service} {count}" for (account, service), count in sorted(calls.items())]
    say("\n".join([f"{name}: {len(journal)} calls of AWS so far:", *rows]))


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["dev"]))
