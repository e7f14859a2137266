# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`embedded_aws: {request: seed, landscape: …}` steers the embedded AWS; what it holds is read with the lookup of that name.

In the controller's process: half a CPU-second less than ansible.builtin.uri.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from embedded_aws import Control


class ActionModule(ActionBase):
    """The option `request` is a method of embedded_aws.Control, the others are its arguments."""

    def run(self, tmp=None, task_vars=None):
        arguments = dict(self._task.args)
        control = Control(self._templar.template(task_vars["embedded_aws"])["url"])
        getattr(control, arguments.pop("request"))(**arguments)
        return {**super().run(tmp, task_vars), "changed": True}
