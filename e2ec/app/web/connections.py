"""Connections that wait for nothing: slow senders, slow readers and too many at once end here.

uvicorn itself waits for the head of a request without end.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from e2ec.app.web.limits import Limits


@dataclass
class Open:
    """The connections of one server that are open."""

    limits: Limits
    connections: set[Any] = field(default_factory=set)


def protocol(limits: Limits) -> type[asyncio.Protocol]:
    """A protocol of HTTP for one server of uvicorn, within its limits."""
    return type("Protocol", (_Protocol,), {"shared": Open(limits)})


class _Protocol(H11Protocol):
    """One connection: a deadline for the head of each request, and one for all that follows."""

    shared: Open
    _deadline: asyncio.TimerHandle | None = None
    _busy = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.shared.connections) >= self.shared.limits.connections:
            transport.abort()
            return
        self.shared.connections.add(self)
        self._wait(self.shared.limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def handle_websocket_upgrade(self, event: Any) -> None:
        # From here on the application counts them, and pings find those that are gone.
        self._forget()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Start the next deadline where a request has begun or ended."""
        if self not in self.shared.connections:
            return
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy != self._busy:
            limits = self.shared.limits
            self._wait(limits.exchange_s if busy else limits.head_s)
        self._busy = busy

    def _wait(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _forget(self) -> None:
        self.shared.connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
