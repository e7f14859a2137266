# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task for all hosts of a play. It reads the declarations of all hosts in one process, with the variables that each host's own task would have.

Ansible starts a process for each task of each host, and templates its arguments there. For a thousand endpoints, that would take most of the run.
In a task with `run_once`, `hostvars` has inventory variables of other hosts, but neither a role's defaults nor the play's variables.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._core.unanswered import LOGGER
from ansible_collections.datalake.dms.plugins.module_utils._hosts.collisions import collisions, overlaps
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Host
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run
from ansible_collections.datalake.dms.plugins.plugin_utils._host_declaration import (
    host_declaration,
    shared_templar,
)
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import InProcessAction, plain

# The group of the inventory's hosts that declare an endpoint.
_GROUP = "s3_endpoints"
_WITHOUT_RUN_ONCE = ("free", "host_pinned")


# A task that ends within this number of seconds shows no progress.
_QUIET = 10.0


class ProgressShown(logging.Handler):
    """Shows the log messages of a task's hosts while it runs, because its result comes only at the end.

    Progress of the first seconds is left out, warnings are not.
    """

    def __init__(self, show: Callable[[str], object], quiet: float = _QUIET) -> None:
        super().__init__()
        self._show, self._begin = show, time.monotonic() + quiet

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING or time.monotonic() >= self._begin:
            self._show(record.getMessage())

    def __enter__(self) -> None:
        logger = logging.getLogger(LOGGER)
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def __exit__(self, *_error: object) -> None:
        logging.getLogger(LOGGER).removeHandler(self)


class PlayHostsAction(InProcessAction):
    """An action plugin for a module whose options `hosts` and `problems` are what the hosts of the play declare, unless they are given.

    The option `declared` (name -> declaration) has declarations that an earlier task read, so that they are not read again.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if self._connection.transport != "local":
            host = (task_vars or {}).get("inventory_hostname")
            raise AnsibleActionFail(
                f"{host} has connection {self._connection.transport}, so Ansible would log in to a machine of that name; the host is an endpoint, so "
                "set ansible_connection: local in the vars of the play, or for the host."
            )
        self._task.args = self.arguments(plain(self._task.args), task_vars or {})
        if "run" in self.argument_spec:
            self._task.args.setdefault("run", current_run(_owner(task_vars or {})))
        with ProgressShown(self._display.display):
            return super().run(tmp, task_vars)

    def arguments(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The options of the module, from those of the task. :param variables: of the task."""
        if "hosts" in args:
            return args
        names = _hosts_in_play(self, variables)
        is_first = "declared" not in args
        known, problems = args.pop("declared", None) or {}, args.pop("problems", None) or {}
        problems = {name: problems[name] for name in names if name in problems}
        read = declarations(self, [name for name in names if name not in (*known, *problems)])
        if is_first:
            read = _without_collisions(read, _others(self, names, variables))
        read["hosts"] += [known[name] for name in names if name in known and name not in problems]
        return {**args, **read, "problems": {**read["problems"], **problems}}


def _others(action: ActionBase, names: list[str], variables: dict[str, Any]) -> list[dict[str, Any]]:
    """The declarations of the inventory's hosts that are not in the play, because it is limited. Those that can't be read are left out."""
    if not variables.get("ansible_limit"):
        return []
    group = (variables.get("groups") or {}).get(_GROUP) or []
    declared: list[dict[str, Any]] = declarations(action, [name for name in group if name not in names])["hosts"]
    return declared


def _without_collisions(read: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
    """What was read, with a problem in place of each host that declares a resource of another one. :param others: hosts that are not in the play."""
    hosts = [Host.of(host) for host in read["hosts"]]
    # With --limit, variables of the command line are given for one host, and would be those of the others, too.
    collide = {**overlaps(hosts), **collisions([*hosts, *(Host.of(other) for other in others)])}
    return {
        "hosts": [host for host in read["hosts"] if host["name"] not in collide],
        "problems": {
            **read["problems"],
            **{host["name"]: collide[host["name"]] for host in read["hosts"] if host["name"] in collide},
        },
    }


def _owner(variables: dict[str, Any]) -> str | None:
    """The owner of the run, as readable text: the AWX job and the user who started it; None outside of AWX."""
    job = variables.get("awx_job_id") or variables.get("tower_job_id")
    user = variables.get("awx_user_name") or variables.get("tower_user_name")
    return f"AWX job {job}" + (f" of {user}" if user else "") if job else None


def _hosts_in_play(action: ActionBase, task_vars: dict[str, Any]) -> list[str]:
    """The hosts that the task is for: all of the play with `run_once`, else the one.

    :raises AnsibleActionFail: the strategy ignores run_once.
    """
    if not action._task.run_once:
        return [str(task_vars["inventory_hostname"])]
    strategy = str(action._task.get_play().strategy)
    if strategy.rpartition(".")[2] in _WITHOUT_RUN_ONCE:
        raise AnsibleActionFail(
            f"This task handles all hosts of the play with run_once, which strategy {strategy} ignores; set `strategy: linear` for the play."
        )
    return [str(name) for name in task_vars["ansible_play_batch"]]


def declarations(action: ActionBase, names: list[str]) -> dict[str, Any]:
    """The declarations of hosts by the variables of the role s3_endpoint.

    :returns: hosts, a list of Host.declared, and problems: host name -> what is wrong with its variables.
    """
    hosts, problems = [], {}
    templar, warnings = shared_templar(action._templar), dict[str, None]()
    for name in names:
        try:
            declared = host_declaration(templar, action._loader, _variables(action, name), warnings.setdefault)
            hosts.append(declared.declared())
        except Exception as error:
            problems[name] = str(error) if isinstance(error, AnsibleError) else explain(error)
    for text in warnings:
        action._display.warning(text)
    return {"hosts": hosts, "problems": problems}


def partial_inventory(variables: dict[str, Any]) -> str:
    """Why a run has only a part of the inventory, as a sentence; empty if it has all of it.

    AWX runs the slices of a job as jobs of a workflow, each with a part of the inventory. No variable distinguishes them from other jobs of a
    workflow, so these count as slices, too.
    """
    if variables.get("ansible_limit"):
        return f"This run is limited to {variables['ansible_limit']}."
    if variables.get("awx_workflow_job_id") or variables.get("tower_workflow_job_id"):
        return "This is a job of an AWX workflow, which may be a slice; run the job template on its own, without slices, for all hosts."
    return ""


def _variables(action: ActionBase, name: str) -> dict[str, Any]:
    """The variables of a host for this task, not templated yet (VariableManager.get_vars).

    :raises AnsibleError: the host is not in the inventory.
    """
    task = action._task
    manager = task.get_variable_manager()
    host = manager._inventory.get_host(name)
    if host is None:
        raise AnsibleError("The host is not in the inventory.")
    variables: dict[str, Any] = manager.get_vars(play=task.get_play(), host=host, task=task)
    return variables
