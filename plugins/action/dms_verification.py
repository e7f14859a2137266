# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.datalake.dms.plugins.module_utils._hosts import verification
from ansible_collections.datalake.dms.plugins.modules import dms_verification
from ansible_collections.datalake.dms.plugins.plugin_utils._play_hosts import (
    PlayHostsAction,
    declarations,
    partial_inventory,
)


class ActionModule(PlayHostsAction):
    argument_spec = dms_verification.ARGUMENT_SPEC
    ensure = staticmethod(verification.ensure)

    def arguments(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Also the declarations of the hosts in orphans_of that the task is not for."""
        args = super().arguments(args, variables)
        names = args.pop("orphans_of", None)
        if names is None:
            return args
        partial = partial_inventory(variables)
        here = {*args.get("problems", {}), *(host["name"] for host in args["hosts"])}
        others = declarations(self, [] if partial else [name for name in names if name not in here])
        return {**args, "orphans_of": names, "other_hosts": {**others, "partial": partial}}
