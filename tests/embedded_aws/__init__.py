# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An embedded AWS for tests and the demo: several accounts on one loopback port, over moto, with a DMS of its own.

    from embedded_aws import EmbeddedAWS

    with EmbeddedAWS() as aws:
        aws.control.seed(landscape)
        dms = boto3.client("dms", endpoint_url=aws.url, ...)

`Control` needs the standard library only; moto is imported when EmbeddedAWS is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .server.control import READS, Control, ControlError

if TYPE_CHECKING:
    from .server.server import EmbeddedAWS

__all__ = ["READS", "Control", "ControlError", "EmbeddedAWS"]


def __getattr__(name: str) -> Any:
    if name == "EmbeddedAWS":
        from .server.server import EmbeddedAWS

        return EmbeddedAWS
    raise AttributeError(name)
