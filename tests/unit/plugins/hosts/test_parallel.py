# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a task for many hosts has come, shown while it runs."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._hosts.parallel import Progress
from ansible_collections.datalake.dms.plugins.plugin_utils._play_hosts import ProgressShown


@pytest.mark.parametrize(("quiet", "shown"), [(0, ["crm: made. (1 of 2)", "erp: made. (2 of 2)"]), (60, [])])
def test_long_task_shows_how_far_it_has_come(quiet, shown):
    told, progress = [], Progress(2)
    with ProgressShown(told.append, quiet):
        progress.tell("crm: made.")
        progress.tell("erp: made.")
    progress.tell("nobody listens any more")
    assert told == shown
