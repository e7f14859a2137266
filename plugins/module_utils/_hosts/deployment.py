# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many endpoints side by side in one process, each by an EndpointDeployment of its own; one that fails keeps nobody else from going on.

What replaces an endpoint that stands is left to whoever can put back what was.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, explain
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import NONE
from ansible_collections.datalake.dms.plugins.module_utils._hosts.endpoint_deployment import EndpointDeployment
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import HOSTS_SPEC, names_in
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import side_by_side
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._replacement import journal_stores

Options = dict[str, Any]

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **HOSTS_SPEC,
    "replace": {"type": "bool", "default": False},
    "details": {"type": "bool", "default": False},
    "parallel": {"type": "int", "default": 5},
}

# Of many hosts it would be much that nobody reads.
_DETAILS = ("endpoint", "role", "policy", "foreign")


class Left(Exception):
    """A host that is left alone, and why."""


def ensure(_account: Account, params: Options, check_mode: bool) -> Options:
    """Deploy the endpoints of all hosts.

    :param params: the options of dms_deployment.
    :returns: the module's result: changed, asked (names), hosts (name -> {changed, failed, msg, diff, …}), left (name -> why), warnings.
    """
    reads = SharedReads()

    def handle(host: Options) -> Options:
        result = _result(host, reads, params["replace"], check_mode)
        return {name: value for name, value in result.items() if params["details"] or name not in _DETAILS}

    results = side_by_side(params["hosts"], handle, params["parallel"])
    told = dict(zip(names_in(params["hosts"]), results, strict=True))
    told |= {name: _failed(str(why)) for name, why in params["problems"].items()}
    warnings = [warning for result in results for warning in result.pop("warnings", [])]
    failed = [result["msg"] for result in told.values() if result.get("failed")]
    return {
        "changed": any(result.get("changed") for result in results),
        # One host alone is what the task is about.
        **({"diff": results[0].get("diff", [])} if params["replace"] else {}),
        **({"failure": " ".join(failed)} if params["replace"] and failed else {}),
        "asked": list(told),
        "hosts": {name: result for name, result in told.items() if "left" not in result},
        "left": {name: result["left"] for name, result in told.items() if "left" in result},
        "warnings": list(dict.fromkeys(warnings)),
    }


def _result(host: Options, reads: SharedReads, replace: bool, check_mode: bool) -> Options:
    endpoint_deployment = None
    try:
        endpoint_deployment = _endpoint_deployment(host, reads, check_mode)
        endpoint_deployment.stays = not replace
        if not replace:
            _leave_other_ways(endpoint_deployment, reads)
        endpoint_deployment.look()
        if not replace:
            _leave_replacements(endpoint_deployment)
        endpoint_deployment.carry_out()
    except Left as reason:
        return {"left": str(reason), "msg": f"{host['name']}: {reason}."}
    except CALL_ERRORS as error:
        return {**_failed(explain(error)), **(_changes(endpoint_deployment) if endpoint_deployment else {})}
    return {
        **_changes(endpoint_deployment),
        "failed": False,
        "msg": _sentence(endpoint_deployment),
        "connection_status": endpoint_deployment.test["status"],
        "endpoint": endpoint_deployment.made["endpoint"],
        **{name: endpoint_deployment.access[name] for name in _DETAILS[1:]},
    }


def _endpoint_deployment(host: Options, reads: SharedReads, check_mode: bool) -> EndpointDeployment:
    dms, lake = reads.account(host["dms"]), reads.account(host["lake"])
    return EndpointDeployment(host, dms, dms if host["access"] == BUCKET_POLICY else lake, lake, check_mode)


def _leave_other_ways(endpoint_deployment: EndpointDeployment, reads: SharedReads) -> None:
    """
    :raises Left: more than an endpoint and a role in the data-lake account is to be seen to.
    """
    host = endpoint_deployment.host
    if host["access"] == BUCKET_POLICY:
        raise Left("the policies of bucket and key are changed one host after the other")
    if host["role"]["role_name"] in reads.local_roles(host):
        raise Left("the other way of access has left a role")
    if endpoint_deployment.lake.identity.partition != host["partition"]:
        raise Left(f"the data-lake account is of partition {endpoint_deployment.lake.identity.partition}")


def _leave_replacements(endpoint_deployment: EndpointDeployment) -> None:
    """
    :raises Left: what stands would be replaced, or is half replaced.
    """
    if endpoint_deployment.replaces():
        raise Left("the endpoint is to be replaced")
    journal = journal_stores.store_for(endpoint_deployment.dms, endpoint_deployment.host["replacement"])
    if journal and journal.read():
        raise Left("a replacement was interrupted")


def _failed(msg: str) -> Options:
    return {"changed": False, "failed": True, "msg": msg, "diff": [], "warnings": []}


def _changes(endpoint_deployment: EndpointDeployment) -> Options:
    """What has changed by now, as Ansible shows it with --diff."""
    return {
        "changed": endpoint_deployment.changed,
        "diff": [
            {"before_header": step, "after_header": step, **diff}
            for step, diff in sorted(endpoint_deployment.diffs.items())
        ],
        **({"action": endpoint_deployment.plan["action"]} if endpoint_deployment.plan else {}),
        "warnings": endpoint_deployment.warnings,
    }


def _sentence(endpoint_deployment: EndpointDeployment) -> str:
    plan = endpoint_deployment.plan
    done = plan["action"] if plan["action"] != NONE else "tagged anew" if plan["differences"] else "unchanged"
    text = f"{endpoint_deployment.identifier}: endpoint {done}, connection {endpoint_deployment.test['status']}."
    if (
        endpoint_deployment.check_mode
        and plan["action"] != NONE
        and not endpoint_deployment.known_ids()
        and endpoint_deployment.made["external_id"]
    ):
        text += (
            f" The trust of {endpoint_deployment.host['role']['role_name']} would admit the ExternalId that AWS gives to the endpoint, "
            f"{endpoint_deployment.made['external_id']}, and after a successful test no other."
        )
    return text
