# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which deployment a resource belongs to, according to its tag. Pure."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._core.errors import DatalakeError
from ansible_collections.datalake.dms.plugins.module_utils._core.tags import DEPLOYMENT_TAG

# The options of each module that creates a resource.
DEPLOYMENT_SPEC: dict[str, dict[str, Any]] = {
    "deployment": {"type": "str"},
    "adopt": {"type": "bool", "default": False},
    "required_tags": {"type": "list", "elements": "str", "default": []},
}

# The value of a tag that both IAM and DMS accept; at most 256 characters.
_DEPLOYMENT = re.compile(r"[\w.:/=+@-]{1,256}", re.ASCII)


def check_deployment(deployment: str | None) -> None:
    """
    :raises DatalakeError: the deployment is not a valid value of a tag.
    """
    if deployment and not _DEPLOYMENT.fullmatch(deployment):
        raise DatalakeError(
            message=f"deployment={deployment} must be at most 256 letters, digits or characters of _.:/=+@-; choose another name."
        )


def check_owner(what: str, tags: dict[str, str], params: dict[str, Any]) -> None:
    """Refuse to change a resource that does not belong to the deployment, unless the user adopts it. Such a resource is never deleted.

    :param what: the resource, as readable text. :param tags: of the resource. :param params: state and the options of DEPLOYMENT_SPEC.
    :raises DatalakeError: the resource belongs to another deployment, or has no deployment tag.
    """
    deployment, owner = params["deployment"], tags.get(DEPLOYMENT_TAG)
    if owner == deployment or (not deployment and not owner):
        return
    if not deployment:
        if params["state"] == "absent" and not params["adopt"]:
            raise DatalakeError(
                message=f"The {what} belongs to the deployment {owner}, and is not removed; set deployment={owner} to remove it, or adopt=true to "
                "remove it anyway."
            )
        return
    if owner:
        raise DatalakeError(
            message=f"The {what} belongs to the deployment {owner}, not to {deployment}, and is not changed; choose another name, or set "
            f"its tag {DEPLOYMENT_TAG} to {deployment} first."
        )
    unowned = f"The {what} exists without the tag {DEPLOYMENT_TAG}, so it does not belong to the deployment {deployment}, and is not changed"
    if params["state"] == "absent":
        raise DatalakeError(message=f"{unowned}; remove it by hand, or take it over first (state=present, adopt=true).")
    if not params["adopt"]:
        raise DatalakeError(message=f"{unowned}; set adopt=true to take it over as it is, or choose another name.")
