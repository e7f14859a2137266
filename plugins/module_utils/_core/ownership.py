# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a resource is: the deployment in its tag. Pure."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import (
    DEPLOYMENT_TAG,
)

# The options of each module that makes something.
DEPLOYMENT_SPEC: dict[str, dict[str, Any]] = {
    "deployment": {"type": "str"},
    "adopt": {"type": "bool", "default": False},
    "required_tags": {"type": "list", "elements": "str", "default": []},
}

# The value of a tag, as IAM and DMS both take it; at most 256 characters.
_DEPLOYMENT = re.compile(r"[\w.:/=+@-]{1,256}", re.ASCII)


def check_deployment(deployment: str | None) -> None:
    """
    :raises DatalakeError: a deployment that can't be the value of a tag.
    """
    if deployment and not _DEPLOYMENT.fullmatch(deployment):
        raise DatalakeError(
            message=f"deployment={deployment} must be at most 256 letters, digits or characters of _.:/=+@-; choose another name."
        )


def check_owner(what: str, tags: dict[str, str], params: dict[str, Any]) -> None:
    """Let only what is ours be changed, or what the user takes over explicitly; never delete what is not ours.

    :param what: the resource, as the user knows it. :param tags: those that it has. :param params: state and the options of DEPLOYMENT_SPEC.
    :raises DatalakeError: the resource belongs to another deployment, or to nobody that we know.
    """
    deployment, owner = params["deployment"], tags.get(DEPLOYMENT_TAG)
    if not deployment or owner == deployment:
        return
    if owner:
        raise DatalakeError(
            message=f"The {what} belongs to the deployment {owner}, not to {deployment}, and is left alone; choose another name, or, if it "
            f"shall change hands, set its tag {DEPLOYMENT_TAG} to {deployment} first."
        )
    unowned = f"The {what} exists without the tag {DEPLOYMENT_TAG}, so it is not of the deployment {deployment}, and is left alone"
    if params["state"] == "absent":
        raise DatalakeError(message=f"{unowned}; remove it by hand, or take it over first (state=present, adopt=true).")
    if not params["adopt"]:
        raise DatalakeError(message=f"{unowned}; set adopt=true to take it over as it is, or choose another name.")
