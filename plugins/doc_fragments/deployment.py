# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of `_tags.DEPLOYMENT_SPEC`."""

    DOCUMENTATION = r"""
options:
  deployment:
    description:
      - Whose this is, kept as the tag C(datalake.dms:deployment) of whatever the module makes or takes over. No O(purge_tags) removes it.
      - What has the tag of another deployment is refused, also with O(state=absent), so that two inventories never fight over one resource.
        What has no such tag is refused, too, but for O(adopt).
      - At most 256 letters, digits or characters of V(_.:/=+@-). Without it nothing is tagged and nothing checked.
    type: str
  adopt:
    description:
      - Whether a resource that exists without the tag C(datalake.dms:deployment) is taken over as it is, and tagged.
      - It never counts with O(state=absent), which removes only what is of O(deployment), and not for what is of another deployment.
    type: bool
    default: false
  required_tags:
    description:
      - Keys of tags without which nothing is made or changed.
    type: list
    elements: str
    default: []
"""
