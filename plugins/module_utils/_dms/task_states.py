# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of ReplicationTask.Status, as the API reference names them."""

from __future__ import annotations

# Values of ReplicationTask.Status.
RUNNING = "running"
READY = "ready"
STOPPED = "stopped"
# A task that runs, or is about to run.
STARTED = (RUNNING, "starting")
FAILED = ("failed", "failed-move")


# States of a task in which ModifyEndpoint is allowed: it does not read its endpoints (ReplicationTask.Status in the API reference).
IDLE_STATES = (STOPPED, READY, "failed", "created", "failed-move")
