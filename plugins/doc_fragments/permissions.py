# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.datalake.dms.plugins.module_utils._accounts.permissions import PERMISSIONS, note


class ModuleDocFragment:
    """A note for each module, `datalake.dms.permissions.<module>`: the permissions that it needs, from `_accounts/permissions.py`."""


for _module in PERMISSIONS:
    # JSON is valid YAML and quotes special characters. Ansible requires options in each fragment, even if empty.
    setattr(ModuleDocFragment, _module.upper(), json.dumps({"options": {}, "notes": [note(_module)]}))
