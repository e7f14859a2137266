# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of `DEPLOYMENT_SPEC` in `_core/ownership.py`."""

    DOCUMENTATION = r"""
options:
  deployment:
    description:
      - Name of the deployment that the resource belongs to, at most 256 letters, digits or characters of V(_.:/=+@-). It is stored in the tag
        C(datalake.dms:deployment) of each resource that the module creates or adopts. O(purge_tags) does not remove this tag.
      - A resource of another deployment is refused, also with O(state=absent). A resource without this tag is refused unless O(adopt=true).
      - If it is not set, no such tag is written or checked.
    type: str
  adopt:
    description:
      - Whether to take over an existing resource without the tag C(datalake.dms:deployment), and tag it.
      - It has no effect with O(state=absent), and none on resources of another deployment.
    type: bool
    default: false
  required_tags:
    description:
      - Keys of tags that each resource must have. The module fails without them, before it creates or changes anything.
    type: list
    elements: str
    default: []
"""
