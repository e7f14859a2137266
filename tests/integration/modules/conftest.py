# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh pair of accounts in an embedded AWS for each test, and the modules run in it with real requests."""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import botocore.hooks
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
from ansible_collections.datalake.dms.plugins.module_utils._core.account import ASSUME_ROLE_SPEC, Account
from ansible_collections.datalake.dms.plugins.module_utils._core.errors import explain
from ansible_collections.datalake.dms.plugins.module_utils._core.module import call, validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint import connection_tests, s3_target
from ansible_collections.datalake.dms.plugins.module_utils._replacement import endpoint_replacement
from ansible_collections.datalake.dms.plugins.module_utils._replacement.endpoint_replacement import Replacement
from ansible_collections.datalake.dms.plugins.module_utils._replacement.run_identity import current_run
from ansible_collections.datalake.dms.plugins.modules import dms_s3_endpoint
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import JSONFileLoader
from botocore.retries.adaptive import ClientRateLimiter
from botocore.retries.standard import ExponentialBackoff
from builders import REGION, admits, declared_host, policy_document
from embedded_aws import READS, EmbeddedAWS

EXTERNAL_ID = "the-deployers-id"
# The modules that work in the account of the data lake; the others begin in that of DMS.
OF_THE_LAKE = ("dms_bucket_access", "dms_crossaccount_role", "dms_crossaccount_role_info", "dms_policy_validation")
LONGEST = 60  # seconds; long, as other work on the machine holds up a test that does not hang
_NUMBERS = itertools.count(1)


def _with_foreign_tasks(accept: list[str] | None) -> list[str]:
    """The consents of a test, and that to replace tasks which the test made by hand, unless `accept` is None."""
    return [] if accept is None else ["foreign_tasks", *accept]


class Lab:
    """A DMS account and a data-lake account, and the modules."""

    def __init__(self, aws: EmbeddedAWS):
        number = next(_NUMBERS)
        self.aws, self.control = aws, aws.control
        self.region = REGION
        self.dms_account, self.lake_account = f"1{number:011}", f"2{number:011}"
        self.bucket, self.journals = f"lake-{number}", f"journals-{number}"
        self.key_arn = f"arn:aws:kms:{REGION}:{self.lake_account}:key/11112222-3333-4444-5555-{number:012}"
        self.instance_arn = f"arn:aws:dms:{REGION}:{self.dms_account}:rep:dev"
        self.role_arn = f"arn:aws:iam::{self.lake_account}:role/dms-s3-crm"
        self.policy_arn = f"arn:aws:iam::{self.lake_account}:policy/dms-s3-crm"
        self.deployers = {
            "dms": f"arn:aws:iam::{self.dms_account}:role/deployer",
            "lake": f"arn:aws:iam::{self.lake_account}:role/deployer",
        }
        self.s3_settings = {
            "service_access_role_arn": self.role_arn,
            "bucket_name": self.bucket,
            "bucket_folder": "raw/crm",
            "data_format": "parquet",
        }
        self._clients: dict[tuple[str, str, str], Any] = {}
        self.control.seed({"environments": [self._environment()]})

    def _environment(self) -> dict[str, Any]:
        sides: dict[str, dict[str, Any]] = {
            "dms": {
                "account_id": self.dms_account,
                "replication_instance_arn": self.instance_arn,
                "journal_bucket_name": self.journals,
            },
            "lake": {"account_id": self.lake_account, "bucket_name": self.bucket, "kms_key_arn": self.key_arn},
        }
        for side, arn in self.deployers.items():
            sides[side] |= {"assume_role_arn": arn, "assume_role_external_id": EXTERNAL_ID}
        return {"name": "dev", "region": REGION, **sides}

    # The modules

    def run(self, name: str, check: bool = False, deployer: str | None = None, **options: Any) -> dict[str, Any]:
        """Any module, by its name. `deployer`: `dms` or `lake`, where it is not the one that usually runs it.

        The methods below have the options that nearly every test of theirs wants.
        """
        role = self.deployers[deployer or ("lake" if name in OF_THE_LAKE else "dms")]
        caller = {"assume_role_arn": role, "assume_role_external_id": EXTERNAL_ID}
        module = importlib.import_module(f"ansible_collections.datalake.dms.plugins.modules.{name}")
        # A module imports the one that does its work, and hands its `ensure` on.
        (does_it,) = [one for one in vars(module).values() if isinstance(one, ModuleType) and hasattr(one, "ensure")]
        params = ArgumentSpecValidator({**CONNECTION_SPEC, **module.ARGUMENT_SPEC}).validate({**caller, **options})
        assert params.error_messages == []
        result = call(does_it.ensure, params.validated_parameters, check)
        json.dumps(result)  # Ansible sends it as JSON.
        return result

    def role(self, check: bool = False, side: str = "lake", **options: Any) -> dict[str, Any]:
        """dms_crossaccount_role."""
        usual = {"role_name": "dms-s3-crm"}
        if options.get("state") != "absent":
            usual |= {"bucket_name": self.bucket, "bucket_folder": "raw/crm"}
        return self.run("dms_crossaccount_role", check, side, **{**usual, **options})

    def bucket_access(self, check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_bucket_access."""
        usual = {"role_arn": f"arn:aws:iam::{self.dms_account}:role/dms-s3-crm", "bucket_name": self.bucket}
        usual |= {"bucket_folder": "raw/crm", "settle_time": 0.2, "iam_propagation_timeout": 1}
        return self.run("dms_bucket_access", check, **{**usual, **options})

    def endpoint(self, check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_s3_endpoint; what is no option of it is a setting."""
        own = {n: options.pop(n) for n in list(options) if n in {**dms_s3_endpoint.ARGUMENT_SPEC, **CONNECTION_SPEC}}
        usual = {"endpoint_identifier": "dev-crm", "iam_propagation_timeout": 1, **QUICK}
        if own.get("state") != "absent":
            usual |= {"resource_identifier": "dev-crm", "s3_settings": {**self.s3_settings, **options}}
        return self.run("dms_s3_endpoint", check, **{**usual, **own})

    def test(self, endpoint_arn: str, check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_connection_test."""
        usual = {"endpoint_arn": endpoint_arn, "replication_instance_arn": self.instance_arn, **QUICK}
        return self.run("dms_connection_test", check, **{**usual, **options})

    def replacement(self, check: bool = False, **options: Any) -> Replacement:
        """A replacement of dev-crm, with every consent that a test does not take away; `accept=None` takes that to foreign tasks away, too."""
        usual = {
            "accept": _with_foreign_tasks(options.pop("accept", [])),
            "endpoint_identifier": "dev-crm",
            "replace_tasks": True,
            "source_log_retention": 86400,
            "journal_bucket": self.journals,
            "inventory_host": "crm",
            "trusted_account_ids": [self.lake_account],
            "run": current_run(),
            "iam_propagation_timeout": 1,
            **QUICK,
        }
        caller = {"assume_role_arn": self.deployers["dms"], "assume_role_external_id": EXTERNAL_ID}
        connection = {name: options.pop(name) for name in list(options) if name in CONNECTION_SPEC}
        account = Account(validated({}, {**caller, **connection}))
        return Replacement(account, validated(endpoint_replacement.ARGUMENT_SPEC, {**usual, **options}), check)

    def preflight(self, side: str, **options: Any) -> dict[str, Any]:
        """dms_preflight."""
        usual = {"side": side, "account_id": getattr(self, f"{side}_account")}
        return self.run("dms_preflight", False, side, **{**usual, **options})

    def survey(self, hosts: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        """dms_survey."""
        return self.run("dms_survey", hosts=hosts, **options)

    def deployment(self, hosts: list[dict[str, Any]], check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_deployment."""
        return self.run("dms_deployment", check, hosts=hosts, **options)

    def removal(self, hosts: list[dict[str, Any]], check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_removal."""
        return self.run("dms_removal", check, hosts=hosts, **options)

    def unlock(self, hosts: list[dict[str, Any]], check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_unlock."""
        return self.run("dms_unlock", check, hosts=hosts, **options)

    def orphans(self, hosts: list[dict[str, Any]], check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_orphans."""
        return self.run("dms_orphans", check, hosts=hosts, **options)

    def verification(self, hosts: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        """dms_verification."""
        return self.run("dms_verification", hosts=hosts, **options)

    def host(self, name: str = "crm", **variables: Any) -> dict[str, Any]:
        """What a host declares; `variables`: those of the role s3_endpoint, without its prefix. For `accept` see `replacement`."""
        usual = {
            "accept": _with_foreign_tasks(variables.pop("accept", [])),
            "environment": "dev",
            "environments": {
                "dev": {f"{side}_account_id": getattr(self, f"{side}_account") for side in ("dms", "lake")}
            },
            "region": self.region,
            **{f"{side}_account_id": getattr(self, f"{side}_account") for side in ("dms", "lake")},
            **{f"{side}_assume_role_arn": arn for side, arn in self.deployers.items()},
            **{f"{side}_assume_role_external_id": EXTERNAL_ID for side in ("dms", "lake")},
            "deployment": "dev",
            "identifier": f"dev-{name}",
            "resource_identifier": f"dev-{name}",
            "role_name": f"dms-s3-{name}",
            "policy_name": f"dms-s3-{name}",
            "role_path": "/",
            "bucket_name": self.bucket,
            "bucket_folder": f"raw/{name}",
            "settings": {"data_format": "parquet"},
            "tags": {"team": "data"},
            "replication_instance_arn": self.instance_arn,
            "journal_bucket": self.journals,
            "account_wide": True,
            # Whether they are there is for others to test.
            "service_role_names": [],
            "policy_settle_time": 0.2,
            "iam_propagation_timeout": 1,
            **QUICK,
        }
        return declared_host(name, {**usual, **variables}).declared()

    change_token = staticmethod(connection_tests.change_token)

    def service_roles(self, check: bool = False, **options: Any) -> dict[str, Any]:
        """dms_service_roles."""
        return self.run("dms_service_roles", check, **options)

    def endpoints_info(self, **options: Any) -> list[dict[str, Any]]:
        """The endpoints of dms_s3_endpoint_info."""
        return list(self.run("dms_s3_endpoint_info", **options)["endpoints"])

    def roles_info(self, **options: Any) -> list[dict[str, Any]]:
        """The roles of dms_crossaccount_role_info."""
        return list(self.run("dms_crossaccount_role_info", **options)["roles"])

    # What stands there, and what was asked

    def switch(self, side: str = "dms", **switches: Any) -> None:
        self.control.set_switches(getattr(self, f"{side}_account"), **switches)

    def fault(self, service: str, operation: str, kind: str, side: str | None = None, **more: Any) -> None:
        account = getattr(self, f"{side}_account") if side else None
        self.control.add_fault(service=service, operation=operation, kind=kind, account=account, **more)

    def calls(self, *operations: str) -> list[str]:
        """The calls since `forget_calls` in both accounts, in their order; only those of `operations` where given."""
        accounts = (self.dms_account, self.lake_account)
        made = [e["operation"] for e in self.control.journal() if e["account"] in accounts]
        return [o for o in made if not operations or o in operations]

    def writes(self) -> list[str]:
        return [operation for operation in self.calls() if not operation.startswith(READS)]

    def forget_calls(self) -> None:
        self.control.clear_journal()

    def client(self, side: str, service: str, region: str = REGION) -> Any:
        """A client for what a test has to arrange by hand."""
        if (side, service, region) not in self._clients:
            role = {"RoleArn": self.deployers[side], "RoleSessionName": "by-hand", "ExternalId": EXTERNAL_ID}
            session = session_of(self.aws)
            credentials = session.client("sts").assume_role(**role)["Credentials"]
            self._clients[side, service, region] = session.client(
                service,
                region_name=region,
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
            )
        return self._clients[side, service, region]

    def iam_role(self, name: str = "dms-s3-crm", side: str = "lake") -> dict[str, Any] | None:
        roles = self.control.state(getattr(self, f"{side}_account"))["roles"]
        return roles.get(name)

    def bucket_policy(self) -> list[dict[str, Any]]:
        """The statements of the bucket's policy."""
        s3 = self.client("lake", "s3")
        try:
            return list(json.loads(s3.get_bucket_policy(Bucket=self.bucket)["Policy"])["Statement"])
        except is_boto3_error_code("NoSuchBucketPolicy"):
            return []

    def key_policy(self) -> list[dict[str, Any]]:
        """The statements of the key's policy."""
        kms = self.client("lake", "kms")
        return list(json.loads(kms.get_key_policy(KeyId=self.key_arn, PolicyName="default")["Policy"])["Statement"])

    def policies(self) -> dict[str, Any]:
        return self.control.state(self.lake_account)["policies"]

    def endpoints(self) -> list[dict[str, Any]]:
        return self.control.state(self.dms_account)["endpoints"]

    # What many tests need first

    def working_endpoint(self, **settings: Any) -> dict[str, Any]:
        """Role and endpoint of both accounts, with the id in the trust; the endpoint's result."""
        self.role(**settings.pop("role", {}))
        made = self.endpoint(**settings)
        self.role(external_ids=[made["external_id"]])
        return made

    def local_role(self, name: str = "dms-s3-local") -> str:
        """A role in the DMS account that trusts DMS."""
        trust = json.dumps(policy_document(admits()))
        iam = self.client("dms", "iam")
        return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])

    def task(self, endpoint_arn: str, name: str = "copy", source: dict[str, Any] | None = None, **more: Any) -> str:
        """A replication task that writes to the endpoint, and is not started."""
        dms = self.client("dms", "dms")
        source_options = {"EngineName": "mysql", **(source or {})}
        made_source = dms.create_endpoint(EndpointIdentifier=f"source-{name}", EndpointType="source", **source_options)
        return self.task_from(made_source["Endpoint"]["EndpointArn"], endpoint_arn, name, **more)

    def task_from(self, source_arn: str, endpoint_arn: str, name: str = "copy", **more: Any) -> str:
        """A replication task between two endpoints, as anybody can create one. It is not started."""
        usual = {"ReplicationInstanceArn": self.instance_arn, "MigrationType": "cdc", "TableMappings": "{}"}
        made = self.client("dms", "dms").create_replication_task(
            ReplicationTaskIdentifier=name,
            SourceEndpointArn=source_arn,
            TargetEndpointArn=endpoint_arn,
            **{**usual, **more},
        )
        return str(made["ReplicationTask"]["ReplicationTaskArn"])

    def serverless(self, endpoint_arn: str, name: str = "without-servers") -> None:
        """A serverless replication that writes to the endpoint."""
        dms = self.client("dms", "dms")
        source = dms.create_endpoint(EndpointIdentifier=f"source-{name}", EndpointType="source", EngineName="mysql")
        dms.create_replication_config(
            ReplicationConfigIdentifier=name,
            SourceEndpointArn=source["Endpoint"]["EndpointArn"],
            TargetEndpointArn=endpoint_arn,
            ComputeConfig={"MaxCapacityUnits": 2},
            ReplicationType="cdc",
            TableMappings="{}",
        )

    def start(self, task_arn: str, how: str = "start-replication") -> None:
        self.client("dms", "dms").start_replication_task(ReplicationTaskArn=task_arn, StartReplicationTaskType=how)

    def failed_task(self, endpoint_arn: str, name: str = "copy") -> None:
        """A task that ran, and failed."""
        task = self.task(endpoint_arn, name)
        self.start(task)
        self.control.fail_task(self.dms_account, self.region, task)

    def tasks(self) -> dict[str, dict[str, Any]]:
        """The replication tasks by identifier."""
        return {t["ReplicationTaskIdentifier"]: t for t in self.control.state(self.dms_account)["tasks"]}


@functools.lru_cache(maxsize=1)
def session_of(_aws: EmbeddedAWS) -> boto3.Session:
    """The automation's session in an embedded AWS, for clients of tests; a session takes as long as several calls."""
    return boto3.Session()


CONNECTION_SPEC = {**aws_argument_spec(), **ASSUME_ROLE_SPEC}
QUICK = {"poll_interval": 0.02, "wait_timeout": 2}


@pytest.fixture(autouse=True)
def no_test_hangs():
    """A loop without an end fails the test instead of the whole run."""

    def give_up(_signal, _frame):
        raise TimeoutError(f"the test takes longer than {LONGEST} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session", autouse=True)
def models_are_parsed_once():
    """Each module run makes sessions of its own, which would parse botocore's large models again and again.

    Not so S3's: botocore changes it in place for its clients, and moto reads it too.
    """
    loader = JSONFileLoader()
    parse, parse_once = loader.load_file, functools.cache(loader.load_file)

    def load_file(_loader, path):
        return (parse if Path(path).parts[-3] == "s3" else parse_once)(path)

    # The same for what each session does with some hundred events: their names have one alias, and a handler's signature stays.
    default = EventAliaser(HierarchicalEmitter())
    alias_once = functools.cache(functools.partial(EventAliaser._alias_event_name, default))
    accepts_once = functools.cache(botocore.hooks.accepts_kwargs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        patch.setattr(EventAliaser, "_alias_event_name", lambda _self, name: alias_once(name))
        # Not the method of one client, which the cache would keep with its client.
        patch.setattr(botocore.hooks, "accepts_kwargs", lambda one: accepts_once(getattr(one, "__func__", one)))
        yield


@pytest.fixture(autouse=True)
def botocore_pauses(monkeypatch):
    """Short ones: whether it tries again is tested here, not how long it waits before."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda _self, _context: 0.01)
    monkeypatch.setattr(ClientRateLimiter, "on_sending_request", lambda _self, request, **_more: None)


# One server at a time can run in a process, and other tests have theirs.
@pytest.fixture(scope="module")
def aws():
    with EmbeddedAWS() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(aws, monkeypatch):
    """The automation's credentials, and nothing of the user who runs the tests."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name, value in {**aws.environ, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def lab(aws, environment):
    made = Lab(aws)
    yield made
    made.control.clear_faults()


@pytest.fixture
def mistake_for_erp(monkeypatch):
    """A mistake of ours in what is done to the endpoint of the host erp."""
    ensure = s3_target.ensure

    def mistaken(account, params, *more, **options):
        if params["endpoint_identifier"] == "dev-erp":
            raise KeyError("no such key")
        return ensure(account, params, *more, **options)

    monkeypatch.setattr(s3_target, "ensure", mistaken)


@pytest.fixture
def refused(lab):
    """Run something that must be refused before anything is written; the sentence for the user."""

    def run(module, *arguments, **options):
        lab.forget_calls()
        with pytest.raises(AnsibleAWSError) as error:
            module(*arguments, **options)
        sentence = explain(error.value)
        assert lab.writes() == []
        assert sentence.endswith(".")
        assert "\n" not in sentence
        return sentence

    return run


@pytest.fixture
def predicted(lab):
    """Run a module in check mode; its result, after proof that nothing was written."""

    def run(module, *arguments, **options):
        lab.forget_calls()
        result = module(*arguments, check=True, **options)
        assert lab.writes() == []
        return result

    return run
