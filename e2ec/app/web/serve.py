"""The way in: a page for a model, in this process. Loads no web package before it is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from e2ec.app.web.address import DEFAULT_HOST, DEFAULT_PORT
from e2ec.app.web.extra import require_web

if TYPE_CHECKING:
    from e2ec.app.stream.controls import Controls
    from e2ec.app.web.batches import Model
    from e2ec.app.web.limits import Limits
    from e2ec.app.web.live import LiveView
    from e2ec.app.web.server import WebServer


def web_server(
    model: Model,
    *,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    live: LiveView | None = None,
    controls: Controls | None = None,
    limits: Limits | None = None,
    token: str | None = None,
    hosts: Iterable[str] = (),
) -> WebServer:
    """A server that listens; `with` runs it in a thread beside a stream.

    Args:
        model: a `Predictor`. The server calls it from a thread of its own.
        host: where to listen. Anything else than loopback gets a token.
        port: 0 takes a free one.
        live: what the stream's pictures are shown to; None for a page without a live view.
        controls: what the page may change of the stream.
        limits: what clients may ask for.
        token: the secret in the address; made up where one is needed, None on loopback asks for
            none.
        hosts: further names that clients know this machine by.

    Raises:
        InputError: a package is missing, or the address cannot be listened on.
    """
    require_web()
    from e2ec.app.web.server import WebServer

    return WebServer(
        model,
        host=host,
        port=port,
        live=live,
        controls=controls,
        limits=limits,
        token=token,
        hosts=hosts,
    )


def serve(model: Model, **options: Any) -> None:
    """Serve the page until interrupted; prints the address to open.

    Takes what `web_server` takes.

    Raises:
        InputError: a package is missing, or the address cannot be listened on.
    """
    with web_server(model, **options) as server:
        print(f"open {server.address}", flush=True)
        server.wait()
