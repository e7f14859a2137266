# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of `ASSUME_ROLE_SPEC` in `_core/account.py`."""

    DOCUMENTATION = r"""
options:
  assume_role_arn:
    description:
      - ARN of an IAM role that the module assumes before it calls AWS, in its own process.
      - The temporary credentials are in no result and no log. They are used in check mode, too, and refreshed while the module
        waits.
      - The credentials given by O(profile), O(access_key) or the environment must be allowed to assume it.
    type: str
  assume_role_external_id:
    description:
      - The external ID that the trust of the role in O(assume_role_arn) requires.
      - This is not the C(ExternalId) of an endpoint.
    type: str
  assume_role_session_name:
    description:
      - Name of the session, as CloudTrail shows it; 2 to 64 letters, digits or characters of V(+=,.@-_).
    type: str
    default: datalake-dms
notes:
  - AWS limits the session of a role that was assumed from another role (role chaining) to one hour. The module requests one hour and refreshes the
    session.
requirements:
  - python >= 3.11
"""
