"""The server: uvicorn in a thread of this process, whose main thread keeps the signals."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterable
from types import TracebackType

import uvicorn

from e2ec.app.stream.controls import Controls
from e2ec.app.web.address import is_loopback, open_socket, shown_host
from e2ec.app.web.app import create_app
from e2ec.app.web.batches import Model
from e2ec.app.web.connections import protocol
from e2ec.app.web.limits import Limits
from e2ec.app.web.live import LiveView
from lib.errors import InputError

_START_S = 30.0
_STOP_S = 2
_LOOK_S = 0.5
_MESSAGE_BYTES = 4096
_HEAD_BYTES = 32 << 10


class WebServer:
    """A server that listens from the moment it is made, and answers once it runs.

    Attributes:
        address: what to open; with the token where one is needed.
        token: the secret, or None.
    """

    def __init__(
        self,
        model: Model,
        *,
        host: str,
        port: int,
        live: LiveView | None = None,
        controls: Controls | None = None,
        limits: Limits | None = None,
        token: str | None = None,
        hosts: Iterable[str] = (),
    ) -> None:
        """Take the port; see `e2ec.app.web.serve.serve` for the arguments.

        Raises:
            InputError: the address cannot be listened on.
        """
        limits = limits or Limits()
        self._socket = open_socket(host, port)
        port = self._socket.getsockname()[1]
        self.token = token
        if token is None and not is_loopback(host):
            self.token = secrets.token_urlsafe(32)
        shown = shown_host(host)
        secret = f"?token={self.token}" if self.token else ""
        self.address = f"http://{shown}:{port}/{secret}"
        own = socket.gethostname()
        app = create_app(
            model,
            live=live,
            controls=controls,
            limits=limits,
            token=self.token,
            hosts=[host, shown, own, f"{own}.local", *hosts],
            cookie=f"e2ec-{port}",  # cookies do not know ports
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=protocol(limits),
                ws="websockets-sansio",
                ws_max_size=_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # pictures are compressed already
                h11_max_incomplete_event_size=_HEAD_BYTES,
                access_log=False,  # addresses hold the token
                log_level="error",
                server_header=False,
                proxy_headers=False,  # anybody could call themselves anything
                timeout_graceful_shutdown=_STOP_S,
            )
        )
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve in a thread; returns when requests are answered.

        Raises:
            InputError: the server does not come up.
        """
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="web", daemon=True
        )
        self._thread.start()
        waiting = threading.Event()
        for _ in range(int(_START_S / 0.01)):
            if self._server.started or not self._thread.is_alive():
                break
            waiting.wait(0.01)
        if not self._server.started:
            raise InputError(f"{self.address}: the server does not start")

    def wait(self) -> None:
        """Return when the thread that serves has ended; an interrupt ends the waiting."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_LOOK_S)

    def close(self) -> None:
        """End: no new requests, those under way get a moment, the thread is gone."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
