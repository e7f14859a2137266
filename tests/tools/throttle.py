# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make throttle`: 100 endpoints of one pair of accounts, deployed twice under the throttle that AWS documents for the DMS API.

None may fail, and the second run may change nothing. Told are the calls, those that were throttled, and how long the runs took as a multiple of
what the bucket alone allows.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from embedded_aws import EmbeddedAWS
from landscape import environment
from playbook import CHECKOUT, Ended, run_playbook

ENDPOINTS = 100
FORKS = 20
# AWS DMS user guide, "API request throttling": calls at once, and calls per second, for an account and region.
BUCKET = {"burst": 200, "refill": 8}

# The inventory that the collection ships, with more endpoints.
DEV = CHECKOUT / "inventories" / "dev"
# The embedded AWS is quick, and the more calls at a time, the harder is the test.
QUICK = ["-e", "s3_endpoint_poll_interval=0.2"]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, EmbeddedAWS() as aws:
        inventory = write_inventory(Path(folder))
        landscape = environment(inventory)
        account = landscape["dms"]["account_id"]
        aws.control.seed({"environments": [landscape]})
        aws.control.set_switches(account, dms_throttle=BUCKET)
        started = time.monotonic()
        runs = [run_playbook(aws, inventory, "deploy", f"--forks={FORKS}", *QUICK) for _run in ("first", "second")]
        seconds = time.monotonic() - started
        calls = [call for call in aws.control.journal() if call["service"] == "dms" and call["account"] == account]
        endpoints = len(aws.control.state(account)["endpoints"])
    throttled = sum(call["error_code"] == "ThrottlingException" for call in calls)
    granted = len(calls) - throttled
    allowed = max(0, granted - BUCKET["burst"]) / BUCKET["refill"]
    print(f"DMS: {granted} calls, and {throttled} that were throttled")
    print(f"{seconds:.0f} seconds, {seconds / allowed:.2f} times the {allowed:.0f} that the bucket alone takes")
    failed = max(run.failed for run in runs)
    wrong = problems(runs, endpoints, throttled)
    if wrong:
        print(*(run.said[-10000:] for run in runs), *wrong, sep="\n")
    print(f"throttle: {ENDPOINTS} endpoints, {failed} failed")
    return 1 if wrong else 0


def write_inventory(folder: Path) -> Path:
    """The dev inventory, with ENDPOINTS hosts in place of its own."""
    (folder / "group_vars").symlink_to(DEV / "group_vars")
    hosts: dict[str, dict[str, str]] = {f"source_{number:03}": {} for number in range(ENDPOINTS)}
    group = {"hosts": hosts, "vars": {"s3_endpoint_bucket_folder": "raw/{{ inventory_hostname }}"}}
    (folder / "endpoints.json").write_text(json.dumps({"s3_endpoints": group}))
    return folder


def problems(runs: list[Ended], endpoints: int, throttled: int) -> list[str]:
    """What is not as it should be."""
    first, second = runs
    found = {
        f"the first run ended with status {first.status}": first.status != 0,
        f"the second run ended with status {second.status}": second.status != 0,
        f"the second run changed {second.changed}": second.changed != 0,
        f"{endpoints} endpoints stand there": endpoints != ENDPOINTS,
        "nothing was throttled, so nothing is proved: this machine is slower than the bucket": throttled == 0,
    }
    return [text for text, is_wrong in found.items() if is_wrong]


if __name__ == "__main__":
    sys.exit(main())
