# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server: starts on a free loopback port in a thread of its own, stops completely."""

from __future__ import annotations

import errno
import threading
from types import TracebackType
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from ..moto_seams import MotoRequestHandler
from .application import Application
from .control import Control
from .world import World

DEFAULT_REGION = "eu-central-1"
POLL_SECONDS = 0.02  # how often the server looks whether it shall stop


class _QuietHandler(MotoRequestHandler):
    """The journal records requests; werkzeug's log lines would only be noise in test output."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 werkzeug's name
        pass

    def handle(self) -> None:
        """Serve a connection; one that a fault has reset has no descriptor any more, which is no news."""
        try:
            super().handle()
        except OSError as error:
            if error.errno != errno.EBADF:
                raise


class EmbeddedAWS:
    """Several AWS accounts on one loopback port.

    moto keeps its state in module globals, so there is one EmbeddedAWS at a time in a process.
    """

    _running = threading.Lock()

    def __init__(self, landscape: dict[str, Any] | None = None) -> None:
        self._landscape = landscape or {}
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start and return when requests are answered."""
        if not self._running.acquire(blocking=False):
            raise RuntimeError("an EmbeddedAWS is running in this process already; stop it first")
        try:
            application = Application(World(self._landscape))
            self._server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_QuietHandler)
        except BaseException:
            self._running.release()
            raise
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; the port is free when this returns."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None
        self._running.release()

    def __enter__(self) -> EmbeddedAWS:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the EmbeddedAWS is not running")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def control(self) -> Control:
        return Control(self.url)

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables with which boto3 talks to this server as the automation principal."""
        environments = self._landscape.get("environments", [])
        region = environments[0]["region"] if environments else DEFAULT_REGION
        return {
            "AWS_ENDPOINT_URL": self.url,
            **self.control.environ(),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
