# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.datalake.dms.plugins.module_utils._access import bucket_access
from ansible_collections.datalake.dms.plugins.modules import dms_bucket_access
from ansible_collections.datalake.dms.plugins.plugin_utils._in_process import InProcessAction


class ActionModule(InProcessAction):
    argument_spec = dms_bucket_access.ARGUMENT_SPEC
    ensure = staticmethod(bucket_access.ensure)
