# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many endpoints compared with what stands in both accounts, as sentences; nothing is ever changed.

The modules tell what they would change, in check mode. What stands of DMS is read for all of them together; roles are read one by one, as no call
tells the tags of many policies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._access import access_role, bucket_access, role_plan
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import BUCKET_POLICY
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.differences import changes
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import CALL_ERRORS, explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._hosts import survey
from ansible_collections.datalake.dms.plugins.module_utils._hosts.options import (
    HOSTS_SPEC,
    bucket_access_options,
    connection_options,
    ids_of,
    names_in,
    role_as_deployed,
)
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import side_by_side
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._hosts.snapshots import NotInSnapshot
from ansible_collections.datalake.dms.plugins.module_utils._policies import trusts
from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement

Options = dict[str, Any]
Result = dict[str, Any]

# The module's own options.
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **HOSTS_SPEC,
    "run": {"type": "dict", "required": True},
    "parallel": {"type": "int", "default": 5},
}


@dataclass
class Compared:
    """What the modules tell of one endpoint."""

    plan: Result
    access: Result
    test: Result
    bucket_access: Result = field(default_factory=dict)
    # The journal of a replacement that is not at its end, or why that could not be told.
    replacement: Result | None = None
    replacement_problem: str | None = None
    # The access role of the other way of access, if it is ours.
    other_role: Result | None = None


def ensure(_account: Account, params: Options, _check_mode: bool) -> Options:
    """Compare the endpoints of all hosts.

    :param params: the options of dms_verification.
    :returns: the module's result: changed (never), hosts (name -> {failed, msg, findings, foreign, connection_status}), warnings.
    """
    reads, hosts = SharedReads(), params["hosts"]
    stopped = survey.blockers(survey.look_at_accounts(hosts, reads, account_checks=False))
    told = {name: _failed(str(why)) for name, why in {**params["problems"], **stopped}.items()}
    ready = [host for host in hosts if host["name"] not in told]
    results = side_by_side(ready, lambda host: _result(host, reads, params["run"]), params["parallel"])
    told |= dict(zip(names_in(ready), results, strict=True))
    return {"changed": False, "hosts": told, "warnings": []}


def _result(host: Options, reads: SharedReads, run: Options) -> Result:
    try:
        compared = compare(host, reads, run)
    except CALL_ERRORS as error:
        return _failed(explain(error))
    identifier, found = host["endpoint"]["endpoint_identifier"], findings(host, compared)
    others = foreign(compared)
    status = compared.test["status"]
    text = f"{'; '.join(found)}. Run deploy.yml to put it right." if found else f"as declared, connection {status}."
    left_alone = f" {host['role']['role_name']}: {'; '.join(others)}." if others else ""
    return {
        "changed": False,
        "failed": bool(found),
        "msg": f"{identifier}: {text}{left_alone}",
        "findings": found,
        "foreign": others,
        "connection_status": status,
    }


def _failed(msg: str) -> Result:
    return {"changed": False, "failed": True, "msg": msg, "findings": [msg], "foreign": [], "connection_status": None}


# What is asked


def compare(host: Options, reads: SharedReads, run: Options) -> Compared:
    """Have the modules compare, with what was surveyed of DMS where that is enough.

    :raises AnsibleAWSError: a call failed, or an option can't be.
    """
    try:
        return _compared(host, reads, run, survey.dms_snapshot(host, reads))
    except NotInSnapshot:
        return _compared(host, reads, run, reads.account(host["dms"]))


def _compared(host: Options, reads: SharedReads, run: Options, dms: Account) -> Compared:
    home = reads.account(host["dms" if host["access"] == BUCKET_POLICY else "lake"])
    replacement, problem = _interrupted(host, reads, run)
    predecessor = (replacement or {}).get("endpoint")
    options = {**host["endpoint"], "in_use": "ignore", "predecessor": predecessor}
    plan = s3_target.ensure(dms, validated(s3_target.ARGUMENT_SPEC, options), True)
    role = role_as_deployed(host, plan)
    access = access_role.ensure(home, role, True)
    statements: Result = {}
    if host["access"] == BUCKET_POLICY:
        admitted = bucket_access_options(host, plan["settings"], access["role"]["arn"])
        statements = bucket_access.ensure(reads.account(host["lake"]), admitted, True)
    ids = ids_of(plan["external_id"])
    test = connection_options(host, plan, access, ids, statements)
    return Compared(
        plan=plan,
        access=access,
        test=connection_tests.ensure(dms, test, True),
        bucket_access=statements,
        replacement=replacement,
        replacement_problem=problem,
        other_role=_other_role(host, reads),
    )


def _interrupted(host: Options, reads: SharedReads, run: Options) -> tuple[Result | None, str | None]:
    """The journal of a replacement that is not at its end, or why that can't be told."""
    options = host["replacement"]
    if not (options["journal_bucket"] or options["journal_path"]):
        return None, None
    try:
        if options["journal_bucket"] and survey.journal(host) not in reads.journals(host):
            return None, None
        wanted = validated(endpoint_replacement.ARGUMENT_SPEC, {**options, "state": "resumed", "run": run})
        return endpoint_replacement.ensure(reads.account(host["dms"]), wanted, True)["replacement"], None
    except CALL_ERRORS as error:
        return None, explain(error)


def _other_role(host: Options, reads: SharedReads) -> Result | None:
    """The access role of the other way of access, where it stands and is ours."""
    # Without a deployment only the role that the endpoint uses is known to be ours.
    if host["one_account"] or not host["role"]["deployment"]:
        return None
    name, moved_to_dms = host["role"]["role_name"], host["access"] == BUCKET_POLICY
    if not moved_to_dms and name not in reads.local_roles(host):
        return None
    account = reads.account(host["lake" if moved_to_dms else "dms"])
    role = access_role.read_role(account.client("iam"), name)
    if role is None or not trusts.admits_dms(role["assume_role_policy_document"]):
        return None
    return role if role_plan.is_own(role, host["role"]["deployment"], host["role"]["path"], "") else None


def _role_before(definition: Result | None) -> str:
    return str(((definition or {}).get("s3_settings") or {}).get("service_access_role_arn") or "")


# What that means. Pure.


def findings(host: Options, compared: Compared) -> list[str]:
    """What is off, as sentences without an end."""
    return [
        *_replacement_findings(compared),
        *_endpoint_findings(compared.plan),
        *_role_findings(compared),
        *_other_role_findings(host, compared),
        *_test_findings(compared.test),
    ]


def _replacement_findings(compared: Compared) -> list[str]:
    if compared.replacement:
        return [f"its replacement, begun {compared.replacement['began']}, was interrupted"]
    return [compared.replacement_problem.removesuffix(".")] if compared.replacement_problem else []


def _endpoint_findings(plan: Result) -> list[str]:
    if plan["action"] == "created":
        return ["the endpoint does not exist"]
    differing = plan["differences"]
    return [_with_changes(f"the endpoint differs in {', '.join(differing)}", plan)] if differing else []


def _role_findings(compared: Compared) -> list[str]:
    access, bucket_access = compared.access, compared.bucket_access
    found = list(access["findings"])
    if access["changed"]:
        found.append(_with_changes("role or policy differs", access))
    if bucket_access.get("changed"):
        found.append(_with_changes("what the policies of bucket and key admit differs", bucket_access))
    return found


def _other_role_findings(host: Options, compared: Compared) -> list[str]:
    """Only where a deploy would take it away, after a successful test; one that the endpoint still uses is told with the endpoint."""
    arn = (compared.other_role or {}).get("arn")
    used = _role_before((compared.replacement or {}).get("endpoint") or compared.plan["definition"])
    if not arn or arn == used or not host["test"]["replication_instance_arn"]:
        return []
    return [f"the access role of the other way of access still stands: {arn}"]


def _test_findings(test: Result) -> list[str]:
    if test["last_failure_message"]:
        return [f"the last connection test failed ({test['last_failure_message']})"]
    return ["the connection was not tested successfully since the last change"] if test["test_needed"] else []


def foreign(compared: Compared) -> list[str]:
    """What somebody else added to the access role, which is left alone."""
    others = compared.access["foreign"]
    return [
        *(f"somebody else attached {arn}" for arn in others["attached_policies"]),
        *(f"somebody else put the inline policy {name}" for name in others["inline_policies"]),
        *(f"somebody else trusts {json.dumps(statement)}" for statement in others["trust_statements"]),
    ]


def _with_changes(text: str, result: Result) -> str:
    """With what is off in detail; nothing more where that can't be told, as of a secret."""
    return ": ".join(filter(None, [text, ", and ".join(changes(result["diff"]["before"], result["diff"]["after"]))]))
