# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.datalake.dms.plugins.module_utils._hosts import unlock
from ansible_collections.datalake.dms.plugins.modules import dms_unlock
from ansible_collections.datalake.dms.plugins.plugin_utils._play_hosts import PlayHostsAction


class ActionModule(PlayHostsAction):
    argument_spec = dms_unlock.ARGUMENT_SPEC
    ensure = staticmethod(unlock.ensure)
