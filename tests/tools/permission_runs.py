# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of playbooks out of which `make permissions` learns what they call: few, and each takes many ways at once."""

from __future__ import annotations

import dataclasses
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import yaml
from ansible_collections.datalake.dms.plugins.module_utils._access.modes import ACCESS_MODES, SIDES
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_roles import (
    deployer_access,
    deployer_role_arn,
)
from ansible_collections.datalake.dms.plugins.module_utils._accounts.deployer_scope import DEPLOYERS_PATH
from ansible_collections.datalake.dms.plugins.module_utils._accounts.service_role_plan import SERVICE_ROLES
from ansible_collections.datalake.dms.plugins.module_utils._core.account import Account
from ansible_collections.datalake.dms.plugins.module_utils._core.module import validated
from ansible_collections.datalake.dms.plugins.module_utils._endpoint.endpoint_plan import RECREATED
from ansible_collections.datalake.dms.plugins.module_utils._replacement.endpoint_replacement import (
    ARGUMENT_SPEC,
    Replacement,
)
from embedded_aws import EmbeddedAWS
from landscape import bare_environment_of, deployment_of, hosts_of
from playbook import CHECKOUT, run_playbook

DEV = CHECKOUT / "inventories" / "dev"
QUICK = {
    "s3_endpoint_poll_interval": 0.1,
    "s3_endpoint_allow_endpoint_url": True,
    "s3_endpoint_survey_hosts": 1,
    "s3_endpoint_iam_propagation_timeout": 5,
    "s3_endpoint_policy_settle_time": 0.5,
    "s3_endpoint_service_role_names": list(SERVICE_ROLES),
}
ADMINISTRATOR = "administrator"
# The host that stays, with its task, and the one that the inventory forgets.
KEPT, FORGOTTEN = "crm", "orders"
ACCESS_ROLE = f"dms-s3-dev-{KEPT}"
CONSENT: dict[str, Any] = {
    "s3_endpoint_replace_tasks": True,
    "s3_endpoint_source_log_retention": 86400,
    "s3_endpoint_accept": ["foreign_tasks"],
}
ALL_SERVICE_ROLES: dict[str, Any] = {"service_roles_redshift": True}
LIFECYCLE = [{"rule_id": "old", "expiration_days": 30}]
NO_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
OTHER_WAY: dict[str, Any] = {"s3_endpoint_access": "bucket_policy"}
# Without a test, which would have to wait until earlier sessions are not denied any more.
POWERLESS: dict[str, Any] = {"s3_endpoint_bootstrap_trust": "powerless", "s3_endpoint_replication_instance_arn": ""}
OTHER_FOLDER: dict[str, Any] = {"s3_endpoint_bucket_folder": "raw/elsewhere"}


class Runs:
    """One environment, the roles that are made for it, and what they ask for."""

    def __init__(self, aws: EmbeddedAWS, folder: Path, **variables: Any) -> None:
        """:param variables: what differs from the dev inventory."""
        self._aws, self._folder, self._variables = aws, folder, variables
        self._inventory = self._write_inventory("both", KEPT, FORGOTTEN)
        self._hosts = {host: {**names, **variables} for host, names in hosts_of(self._inventory).items()}
        self._environment = bare_environment_of(self._hosts)
        self._accounts = {side: self._environment[side]["account_id"] for side in SIDES}
        self._journal_key = f"arn:aws:kms:{self._environment['region']}:{self._accounts['dms']}:key/journals"
        self._assumed: dict[str, dict[str, Any]] = {}
        self.deployment = dataclasses.replace(deployment_of(self._hosts), journal_kms_key_arn=self._journal_key)
        self.failures: list[str] = []

    def policies(self) -> dict[str, list[dict[str, Any]]]:
        """The policies of each role to assume, by its ARN, as they stand in the accounts."""
        return {
            role["Arn"]: list(role["AttachedPolicies"].values())
            for account in self._accounts.values()
            for role in self._aws.control.state(account)["roles"].values()
            if role["Path"].startswith(DEPLOYERS_PATH)
        }

    def across_accounts(self) -> None:
        """Each playbook, with everything that it can meet; the roles are made as an administrator makes them."""
        # Bucket and service roles are made by playbooks, and these go only while there is no instance.
        self.seed(replication_instance_arn=None, bucket_name=None)
        with ThreadPoolExecutor() as both:
            list(both.map(self.run_deployer_access, SIDES))
            self._aws.control.clear_journal()
            list(both.map(lambda make: make(), (self._make_bucket, self._make_service_roles)))
        self.seed()
        self.play("deploy", "--check")
        self.play("deploy")
        self._run_a_task()
        self._meddle("lake")
        only = ("--limit", KEPT)
        self.play("deploy", "--check", *only, **OTHER_FOLDER, **CONSENT)
        self._begin_and_die()
        self.play("verify", says="is being replaced by bob@desk")
        self.play("remove", *only, says="is being replaced by bob@desk")
        self.play("unlock", *only)
        self.play("deploy", *only, **CONSENT)
        self.play("deploy", *only, **OTHER_FOLDER, **CONSENT)
        self._delete_task()
        self.play("deploy", *only, **POWERLESS)
        self.play("remove", *only)
        self.play("remove", *only)
        self._prune()

    def there_and_back(self) -> None:
        """What differs with the other way of access: the role is the DMS account's, an endpoint is modified, bucket and key admit it."""
        self.deployment = dataclasses.replace(self.deployment, access_modes=ACCESS_MODES)
        self.seed()
        for side in SIDES:
            self.make_roles(side)
        self._aws.control.clear_journal()
        only = ("--limit", KEPT)
        self.play("deploy", "--check", *only, **OTHER_WAY)
        self.play("deploy", **OTHER_WAY)
        self._meddle("dms")
        self.play("deploy", "--check", *only, **OTHER_WAY, **OTHER_FOLDER)
        self.play("verify", says="role or policy differs", **OTHER_WAY)
        self.play("deploy", *only, **OTHER_WAY, **OTHER_FOLDER)
        self._prune(**OTHER_WAY)
        # Nobody is admitted by the bucket's policy any more, which goes.
        self.play("deploy", *only)
        self.play("deploy", *only, **OTHER_WAY)
        self._add_versions("dms", 1)
        self.play("remove", *only, **OTHER_WAY)
        self.play("remove", *only, **OTHER_WAY)

    def _prune(self, **variables: Any) -> None:
        named: dict[str, Any] = {"s3_endpoint_prune": [f"dev-{FORGOTTEN}"]}
        self.play("prune", inventory=self._write_inventory("one", KEPT), **named, **variables)

    def _make_bucket(self) -> None:
        tagged: dict[str, Any] = {"landing_bucket_tags": {"owner": "us"}}
        self.play("landing_bucket", landing_bucket_kms_key_arn="", landing_bucket_lifecycle_rules=LIFECYCLE, **tagged)
        self.play("landing_bucket", landing_bucket_access_role_arns=[f"arn:aws:iam::{self._accounts['dms']}:role/any"])

    def _make_service_roles(self) -> None:
        """New ones, and such as others made."""
        self.play("service_roles", **ALL_SERVICE_ROLES)
        self.play("remove_service_roles", **ALL_SERVICE_ROLES)
        iam = self.by_hand("dms", "iam")
        for name in SERVICE_ROLES:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=NO_TRUST)
        self.play("service_roles", **ALL_SERVICE_ROLES)

    # The playbooks

    def run_deployer_access(self, side: str) -> None:
        """As a person of that account, who is no part of what is compared."""
        given = self._credentials(side)
        keys = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        self.play("deployer_access", environ=keys, deployer_access_journal_kms_key_arn=self._journal_key)

    def play(
        self,
        playbook: str,
        *arguments: str,
        inventory: Path | None = None,
        says: str | None = None,
        environ: dict[str, str] | None = None,
        **variables: Any,
    ) -> None:
        """Run a playbook, which has to succeed, or to fail with the words of `says`."""
        told = ["-e", json.dumps({**QUICK, **self._variables, **variables})]
        where = inventory or self._inventory
        began = time.monotonic()
        ended = run_playbook(self._aws, where, playbook, *arguments, *told, environ=environ)
        print(f"{time.monotonic() - began:4.1f} s  {playbook} {' '.join(arguments)}", flush=True)
        if (ended.status == 0 and says is None) or (ended.status != 0 and says and says in ended.said):
            return
        self.failures.append(
            f"{playbook} {' '.join(arguments)} ended with status {ended.status}:\n{ended.said[-6000:]}"
        )

    def _begin_and_die(self) -> None:
        """A run of the deployer's on another machine, which dies with the task's definition in its journal."""
        names = self._hosts[KEPT]
        connection = {
            "region": names["s3_endpoint_region"],
            "endpoint_url": self._aws.url,
            "access_key": self._aws.environ["AWS_ACCESS_KEY_ID"],
            "secret_key": self._aws.environ["AWS_SECRET_ACCESS_KEY"],
            "assume_role_arn": deployer_role_arn(self.deployment, "dms", "deployer"),
            "assume_role_external_id": names["s3_endpoint_dms_assume_role_external_id"],
        }
        options = {
            "endpoint_identifier": f"dev-{KEPT}",
            "replace_tasks": True,
            "source_log_retention": 86400,
            "accept": ["foreign_tasks"],
            "journal_bucket": names["s3_endpoint_journal_bucket"],
            "inventory_host": KEPT,
            "trusted_account_ids": [self._accounts["lake"]],
            "poll_interval": 0.1,
            "run": {"owner": "bob@desk", "id": "b1", "machine": "elsewhere", "pid": 7, "started": "99"},
        }
        account = Account(validated({}, connection))
        Replacement(account, validated(ARGUMENT_SPEC, options), check_mode=False).stop_tasks(RECREATED)

    # What administrators do by hand, and what stands there before

    def make_roles(self, side: str) -> None:
        """What deployer_access.yml makes, in a moment."""
        iam, access = self.by_hand(side, "iam"), deployer_access(self.deployment, [side])
        for policy in access["policies"]:
            if policy["arn"] not in self._aws.control.state(self._accounts[side])["policies"]:
                document = json.dumps(policy["document"])
                iam.create_policy(PolicyName=policy["name"], Path=access["path"], PolicyDocument=document)
        for role in access["roles"]:
            trust = json.dumps(role["trust"])
            bounds = {"Path": access["path"], "PermissionsBoundary": role["boundary"]}
            iam.create_role(RoleName=role["name"], AssumeRolePolicyDocument=trust, **bounds)
            for arn in role["policies"]:
                iam.attach_role_policy(RoleName=role["name"], PolicyArn=arn)

    def seed(self, **differing: Any) -> None:
        """What stands there before anything is run. :param differing: members of either side, None for what is not there."""
        for side in SIDES:
            arn = f"arn:aws:iam::{self._accounts[side]}:role/{ADMINISTRATOR}"
            self._environment[side] |= {"assume_role_arn": arn, "assume_role_external_id": None}
        self._environment["dms"]["journal_kms_key_arn"] = self._journal_key
        # Nobody knows whether AWS drops a deleted task from subscriptions; where it does, they are made again.
        self._environment["switches"] = {"event_sources_on_task_delete": "dropped"}
        seeded = {side: {**self._environment[side], "prepared": not differing, **differing} for side in SIDES}
        self._aws.control.seed({"environments": [{**self._environment, **seeded}]})

    def _credentials(self, side: str) -> dict[str, Any]:
        """An administrator's."""
        if side not in self._assumed:
            arn = self._environment[side]["assume_role_arn"]
            self._assumed[side] = self._sts().assume_role(RoleArn=arn, RoleSessionName="by-hand")["Credentials"]
        return self._assumed[side]

    def _client(self, service: str, *keys: str, region: str | None = None) -> Any:
        where = region or self._environment["region"]
        return boto3.Session(*keys, region_name=where).client(service, endpoint_url=self._aws.url)

    def _sts(self) -> Any:
        """The automation's."""
        return self._client("sts", self._aws.environ["AWS_ACCESS_KEY_ID"], self._aws.environ["AWS_SECRET_ACCESS_KEY"])

    def by_hand(self, side: str, service: str) -> Any:
        """A client of an administrator's."""
        given = self._credentials(side)
        return self._client(service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def session(self, side: str, profile: str, service: str, region: str | None = None) -> Any:
        """A client of a session of the role that was made for a side's profile."""
        role_arn = deployer_role_arn(self.deployment, side, profile)
        external_id = self._hosts[KEPT][f"s3_endpoint_{side}_assume_role_external_id"]
        return self.assumed(role_arn, service, region, ExternalId=external_id)

    def assumed(self, role_arn: str, service: str, region: str | None = None, **more: str) -> Any:
        """A client of a session of a role that the automation may assume."""
        given = self._sts().assume_role(RoleArn=role_arn, RoleSessionName="by-hand", **more)["Credentials"]
        return self._client(
            service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region=region
        )

    def _run_a_task(self) -> None:
        """A task that writes to the endpoint, and a subscription to its events."""
        dms, tags = self.by_hand("dms", "dms"), [{"Key": "team", "Value": "theirs"}]
        source = dms.create_endpoint(EndpointIdentifier="source", EndpointType="source", EngineName="mysql")["Endpoint"]
        made = dms.create_replication_task(
            ReplicationTaskIdentifier="copy",
            SourceEndpointArn=source["EndpointArn"],
            TargetEndpointArn=self._endpoint()["EndpointArn"],
            ReplicationInstanceArn=self._environment["dms"]["replication_instance_arn"],
            MigrationType="cdc",
            TableMappings='{"rules": []}',
            Tags=tags,
        )
        task = made["ReplicationTask"]["ReplicationTaskArn"]
        dms.start_replication_task(ReplicationTaskArn=task, StartReplicationTaskType="start-replication")
        dms.create_event_subscription(
            SubscriptionName="failures",
            SnsTopicArn=f"arn:aws:sns:{self._environment['region']}:{self._accounts['dms']}:failures",
            SourceType="replication-task",
            EventCategories=["failure"],
            SourceIds=["copy"],
            Tags=tags,
        )

    def _delete_task(self) -> None:
        dms = self.by_hand("dms", "dms")
        existing = dms.describe_replication_tasks()["ReplicationTasks"][0]["ReplicationTaskArn"]
        dms.stop_replication_task(ReplicationTaskArn=existing)
        for _look in range(50):
            if dms.describe_replication_tasks()["ReplicationTasks"][0]["Status"] == "stopped":
                break
        dms.delete_replication_task(ReplicationTaskArn=existing)

    def _meddle(self, side: str) -> None:
        """What somebody changes by hand and the next deployment puts right: a boundary, tags, and many versions of a policy."""
        iam, role = self.by_hand(side, "iam"), ACCESS_ROLE
        self._add_versions(side, 4)
        policy = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"][0]["PolicyArn"]
        stray = [{"Key": "stray", "Value": "yes"}, {"Key": "source", "Value": "another"}]
        iam.delete_role_permissions_boundary(RoleName=role)
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=NO_TRUST)
        iam.tag_role(RoleName=role, Tags=stray)
        iam.tag_policy(PolicyArn=policy, Tags=stray)
        self.by_hand("dms", "dms").add_tags_to_resource(ResourceArn=self._endpoint()["EndpointArn"], Tags=stray)

    def _add_versions(self, side: str, number: int) -> None:
        """Versions of the access policy that are not in force."""
        iam = self.by_hand(side, "iam")
        policy = iam.list_attached_role_policies(RoleName=ACCESS_ROLE)["AttachedPolicies"][0]["PolicyArn"]
        document = json.dumps(self._aws.control.state(self._accounts[side])["policies"][policy]["Document"])
        for _version in range(number):
            iam.create_policy_version(PolicyArn=policy, PolicyDocument=document, SetAsDefault=False)

    def _endpoint(self) -> dict[str, Any]:
        existing = self._aws.control.state(self._accounts["dms"])["endpoints"]
        return next(one for one in existing if one["EndpointIdentifier"] == f"dev-{KEPT}")

    def _write_inventory(self, name: str, *hosts: str) -> Path:
        """The dev inventory with these hosts alone."""
        folder = self._folder / name
        folder.mkdir(parents=True)
        (folder / "group_vars").symlink_to(DEV / "group_vars")
        shipped = yaml.safe_load((DEV / "endpoints.yml").read_text())["s3_endpoints"]
        group = {**shipped, "hosts": {host: shipped["hosts"][host] for host in hosts}}
        (folder / "endpoints.yml").write_text(yaml.safe_dump({"s3_endpoints": group}))
        return folder
