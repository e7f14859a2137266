#!/usr/bin/python
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dms_endpoint_replacement
version_added: "0.1.0"
short_description: Take replication tasks off an endpoint that is replaced, and put them back
description:
  - AWS deletes no endpoint that a replication task uses, and modifies none while its tasks run. This module stops the tasks, remembers all that
    it takes to make them again, deletes them where the endpoint is to be created again, and puts them back afterwards, at the position
    that they had reached.
  - What it remembers is a journal, in an S3 bucket of the account of DMS, where the next run finds it from any machine. It is made with
    C(If-None-Match), so that it is the endpoint's lock as well. It holds no secrets.
  - Between O(state=begun) and O(state=finished) the endpoint is replaced with M(datalake.dms.dms_s3_endpoint), and its new C(ExternalId)
    admitted with M(datalake.dms.dms_crossaccount_role); the role P(datalake.dms.s3_endpoint#role) does all of that.
  - A task that replicated changes goes on as a task of type C(cdc) from its C(RecoveryCheckpoint), because C(CdcStartPosition) serves only
    those; the type that its owner declared stands in its tag C(datalake.dms:migration-type). A task that never ran is made again as
    it was. Only tasks that were running are started.
author:
  - Contributors to the datalake.dms project (!UNKNOWN)
options:
  state:
    description:
      - V(resumed) looks for a replacement that was interrupted and takes over its lock; it does nothing where there is none.
      - V(begun) journals the endpoint and its tasks, stops the tasks, journals their positions, and with O(action=recreated) deletes them.
      - V(finished) makes the tasks again that are missing, restores the event subscriptions that named them, starts those that ran, and
        removes the journal. It does nothing where there is no journal.
      - V(released) frees the lock where this very run has it, and keeps the journal for the next one.
      - V(unlocked) does so whoever has the lock. Only for a run that is dead.
    type: str
    choices: [resumed, begun, finished, released, unlocked]
    required: true
  endpoint_identifier:
    description:
      - Identifier of the endpoint.
    type: str
    required: true
  action:
    description:
      - What will be done with the endpoint. V(modified) needs its tasks stopped, V(recreated) needs them deleted.
    type: str
    choices: [recreated, modified]
    default: recreated
  replace_tasks:
    description:
      - The consent to touch replication tasks at all.
    type: bool
    default: false
  accept:
    description:
      - What the owner of the tasks consents to lose. Without the consent a task that could lose it is left alone, and with it the endpoint.
      - V(no_checkpoint), a task that replicates changes has no C(RecoveryCheckpoint); it begins anew.
      - V(full_load), a task is still in its full load; it loads everything again, and with C(TargetTablePrepMode) V(DROP_AND_CREATE) objects
        in the bucket may go.
      - V(postgresql_slot), the source is PostgreSQL and its endpoint names no C(SlotName); DMS may drop its own slot with the task.
      - V(source_logs), the source may purge its logs before the task runs again, see O(source_log_retention).
    type: list
    elements: str
    choices: [no_checkpoint, full_load, postgresql_slot, source_logs]
    default: []
  source_log_retention:
    description:
      - How long the sources of the tasks keep the logs that changes are read from, in seconds; V(0) for unknown. It must outlast the longest
        pause that the tasks may have, which is seven times O(wait_timeout) and twice O(iam_propagation_timeout).
      - A PostgreSQL source whose endpoint names a slot keeps them by itself.
    type: int
    default: 0
  journal_bucket:
    description:
      - Name of the bucket for journals. It must belong to the account of DMS, have versioning, SSE-KMS by default, and block public
        access; let nobody but the deployer read and write it.
    type: str
  journal_prefix:
    description:
      - Folder of the journals in the bucket.
    type: str
    default: datalake-dms
  journal_path:
    description:
      - A local folder for journals in place of O(journal_bucket). Refused unless the endpoint URL is on loopback, as that of an emulation is.
    type: path
  inventory_host:
    description:
      - Name of the inventory host that declares the endpoint. A journal of another one is refused.
    type: str
    required: true
  trusted_account_ids:
    description:
      - Ids of the accounts, beside that of DMS, whose roles, keys and topics a journal may name, such as the data lake's. A journal that
        names any other is refused.
    type: list
    elements: str
    default: []
  run:
    description:
      - The run that the lock belongs to, as the lookup P(datalake.dms.current_run#lookup) tells it.
    type: dict
    required: true
    suboptions:
      owner:
        description: Who runs, for people.
        type: str
        required: true
      id:
        description: What tells the run from others.
        type: str
        required: true
      machine:
        description: What tells the machine from others.
        type: str
      pid:
        description: Process id of the run.
        type: int
      started:
        description: When that process was started, in the kernel's ticks.
        type: str
  lock_timeout:
    description:
      - How long the lock holds after the run's last step, in seconds. Longer than a step may take. A run that was killed on this machine is
        known to be dead before.
    type: int
    default: 3600
  iam_propagation_timeout:
    description:
      - How long to repeat a connection test that fails for want of access, in seconds.
    type: int
    default: 300
notes:
  - AWS does not promise that the end of an ARN can be used again at once. Where it can't, the tasks get another ARN.
  - It was tested against an emulation, not against AWS.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datalake.dms.assume_role
  - datalake.dms.waiting
  - datalake.dms.permissions.dms_endpoint_replacement
attributes:
  check_mode:
    support: full
    description: Shows what would become of the tasks; a reason not to begin is in RV(refusal) and does not fail the task.
  diff_mode:
    support: full
    description: Shows the tasks before and after with O(state=begun).
  idempotent:
    support: full
    description: Each step does what is missing.
"""

EXAMPLES = r"""
- name: Take the tasks off the endpoint
  datalake.dms.dms_endpoint_replacement:
    state: begun
    endpoint_identifier: dev-crm
    replace_tasks: true
    source_log_retention: 86400
    journal_bucket: example-dms-journals
    inventory_host: "{{ inventory_hostname }}"
    trusted_account_ids: ["444455556666"]
    run: "{{ lookup('datalake.dms.current_run') }}"

- name: Put them back
  datalake.dms.dms_endpoint_replacement:
    state: finished
    endpoint_identifier: dev-crm
    journal_bucket: example-dms-journals
    inventory_host: "{{ inventory_hostname }}"
    trusted_account_ids: ["444455556666"]
    run: "{{ lookup('datalake.dms.current_run') }}"
"""

RETURN = r"""
replacement:
  description: The replacement that the journal is about; null where there is none.
  returned: success
  type: dict
  contains:
    began:
      description: When it began, in UTC.
      type: str
      sample: "2026-11-21T14:02:11Z"
    owner:
      description: Who has its lock.
      type: str
    expires:
      description: When the lock ends, in UTC.
      type: str
    action:
      description: What is done with the endpoint.
      type: str
    endpoint:
      description: The endpoint as it was, as options of M(datalake.dms.dms_s3_endpoint).
      type: dict
    tasks:
      description: Identifiers of its tasks.
      type: list
      elements: str
steps:
  description: What was done to each task, or in check mode would be done.
  returned: success
  type: list
  elements: str
  sample: ["task crm-copy: stopped, deleted, created again as cdc from its checkpoint, started"]
refusal:
  description: In check mode with O(state=begun), why the run would refuse to begin; null where it would not.
  returned: success
  type: str
outcome:
  description: With O(state=finished), whether the endpoint is as it was (V(rolled_back)) or as its replacement made it (V(finished)).
  returned: success
  type: str
  choices: [finished, rolled_back]
"""

from ansible_collections.datalake.dms.plugins.module_utils._core.module import run_module
from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement

ARGUMENT_SPEC = endpoint_replacement.ARGUMENT_SPEC


def main() -> None:
    run_module(endpoint_replacement.ensure, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
