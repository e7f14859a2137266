# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests without an answer: each repetition is logged, and a call does not wait for longer than some minutes.

botocore counts attempts only. With as many as DMS's throttle needs, a call to a server that never answers would take half an hour.
"""

from __future__ import annotations

import logging
import time
from typing import Any

try:
    from botocore.exceptions import HTTPClientError
except ImportError:
    pass  # AnsibleAWSModule reports a missing botocore before anything here is used.

from ansible_collections.datalake.dms.plugins.module_utils._core import deadline

# Name of the logger for what takes long. A caller may show its messages, as the action plugins do.
LOGGER = "datalake.dms"
# How long a call is repeated while no answer comes, in seconds. The last attempt may begin at the end of that.
PATIENCE = 180.0
# Where botocore keeps what it knows of a call, from its first attempt to its last one.
_SINCE = "datalake_dms_unanswered_since"

_LOG = logging.getLogger(LOGGER)


def watch(client: Any) -> None:
    """Watch the calls of a botocore client."""
    client.meta.events.register_first("needs-retry", _attempt_ended)


def _attempt_ended(
    event_name: str, attempts: int, caught_exception: Exception | None, request_dict: dict[str, Any], **_details: Any
) -> bool | None:
    """False ends the call with the error of this attempt (botocore.endpoint.Endpoint); with None, botocore decides whether to try again."""
    if deadline.is_over():
        return False
    context = request_dict["context"]
    if not isinstance(caught_exception, HTTPClientError):
        context.pop(_SINCE, None)
        return None
    now = time.monotonic()
    if now - context.setdefault(_SINCE, now) > PATIENCE:
        return False
    operation = event_name.rpartition(".")[2]
    _LOG.info("%s: no answer of AWS to attempt %d (%s)", operation, attempts, type(caught_exception).__name__)
    return None
