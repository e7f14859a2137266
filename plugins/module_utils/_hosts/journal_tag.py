# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digest of a journal, in a tag of the access role. Who may only write to the journal bucket can't change it.

The role is that of the endpoint before the replacement: it exists before the journal, and while that exists. Where the role is not the host's, or may
not be tagged, the journal has no digest, as those of earlier versions; see journal_proof.py for what is compared then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.datalake.dms.plugins.module_utils._access import access_role
from ansible_collections.datalake.dms.plugins.module_utils._core.arns import account_of
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import RESERVED_PREFIX
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import Connection, Host
from ansible_collections.datalake.dms.plugins.module_utils._hosts.shared_reads import SharedReads
from ansible_collections.datalake.dms.plugins.module_utils._replacement.journals import Journal, digest

JOURNAL_TAG = f"{RESERVED_PREFIX}journal"


def own_role_arns(host: Host) -> set[str]:
    """The ARNs that the host's access role has in each access mode. Pure."""
    own = f"::{account_of(host.role_arn)}:"
    return {host.role_arn.replace(own, f"::{account}:", 1) for account in (host.dms_account_id, host.lake_account_id)}


class JournalTag:
    """The tag of one host's access role, see locked_journal.JournalSeal."""

    def __init__(self, host: Host, reads: SharedReads) -> None:
        self._host, self._reads = host, reads
        self._is_set = False

    def seal(self, journal: Journal, before: Journal | None) -> None:
        """Tag the role with the digest of a journal, and with that of the journal before it, which may still be the stored one.

        :raises AnsibleAWSError: a call failed, unless it was denied or there is no such role.
        """
        role_arn = (journal.endpoint["s3_settings"] or {}).get("service_access_role_arn")
        if role_arn not in own_role_arns(self._host):
            return
        digests = [digest(one) for one in (journal, before) if one]
        with self._left_out_if_denied():
            former = self._host.rolled_back_to(journal.endpoint)
            client = self._reads.account(former.home).client("iam")
            access_role.tag_role(client, former.role_name, {JOURNAL_TAG: " ".join(digests)})
            self._is_set = True

    def unseal(self, journal: Journal) -> None:
        """Remove the tag, if there is one.

        :raises AnsibleAWSError: a call failed, unless it was denied or there is no such role.
        """
        if not self._is_set:
            return
        for connection, tags in self._roles(journal):
            if JOURNAL_TAG in tags:
                with self._left_out_if_denied():
                    access_role.untag_role(
                        self._reads.account(connection).client("iam"), self._host.role_name, [JOURNAL_TAG]
                    )
        self._is_set = False

    def digests(self, journal: Journal) -> list[str]:
        """The digests in the tags of the declared role, and of the one that the journal names; empty without a tag.

        :raises AnsibleAWSError: a call failed, unless it was denied.
        """
        found = [text for _connection, tags in self._roles(journal) for text in tags.get(JOURNAL_TAG, "").split()]
        self._is_set = bool(found)
        return found

    def _roles(self, journal: Journal) -> Iterator[tuple[Connection, dict[str, str]]]:
        """Connection and tags of the host's role, as declared and as before the replacement, where it exists and may be read."""
        host = self._host
        former = host.rolled_back_to(journal.endpoint)
        for connection in dict.fromkeys((host.home, former.home)):
            with self._left_out_if_denied():
                role = access_role.read_tags(self._reads.account(connection).client("iam"), host.role_name)
                if role is not None:
                    yield connection, role

    @staticmethod
    @contextlib.contextmanager
    def _left_out_if_denied() -> Iterator[None]:
        try:
            yield
        except is_ansible_aws_error_code(["AccessDenied", "AccessDeniedException", "NoSuchEntity"]):
            return
