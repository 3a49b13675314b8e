"""The socket of the live view, and taking one of its frames to edit."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress

import anyio.to_thread
from fastapi import APIRouter, WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from e2ec.app.stream.controls import Controls
from e2ec.app.web.controls import as_json, obey
from e2ec.app.web.limits import Limits
from e2ec.app.web.live import LiveView, Page, png
from e2ec.app.web.rate import Rate
from e2ec.app.web.refusal import Refusal

_HEARTBEAT_S = 0.5
_ENCODERS = 2
_POLICY, _BUSY, _AWAY = 1008, 1013, 1001


def live_routes(live: LiveView | None, controls: Controls | None, limits: Limits) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter()
    viewers = [0]
    encoders = anyio.CapacityLimiter(_ENCODERS)

    @router.websocket("/live")
    async def watch(socket: WebSocket) -> None:
        if live is None or viewers[0] >= limits.viewers:
            await socket.close(_BUSY)
            return
        viewers[0] += 1
        page = live.join()
        try:
            await socket.accept()
            await _Talk(socket, live, controls, page, limits).run()
        finally:
            live.leave(page)
            viewers[0] -= 1

    @router.post("/live/take")
    async def take() -> JSONResponse:
        """The frame that is shown: its contours in the native format, its picture as PNG."""
        shown = None if live is None else live.last
        if shown is None:
            raise Refusal(404, "there is no live picture")
        data = await anyio.to_thread.run_sync(png, shown.frame.image, limiter=encoders)
        document = shown.contours.to_dict()
        return JSONResponse(
            {"document": document, "png": base64.b64encode(data).decode("ascii")},
            headers={"Cache-Control": "no-store"},
        )

    return router


class _Talk:
    """One page's socket: pictures and settings go out, acknowledgements and changes come in."""

    def __init__(
        self,
        socket: WebSocket,
        live: LiveView,
        controls: Controls | None,
        page: Page,
        limits: Limits,
    ) -> None:
        self._socket = socket
        self._live = live
        self._controls = controls
        self._page = page
        self._rate = Rate(limits.messages_per_s, int(limits.messages_per_s))
        self._ready = True  # the page has drawn what it was sent

    async def run(self) -> None:
        """Until one of both sides ends."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._send())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._socket.application_state is WebSocketState.CONNECTED:
                with suppress(RuntimeError, WebSocketDisconnect):
                    await self._socket.close(_AWAY)

    async def _listen(self) -> None:
        """{"drawn": true} asks for the next picture; anything else is for the controls."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None or self._rate.wait_s(""):
                await self._socket.close(_POLICY)
                return
            if text == '{"drawn":true}':
                self._ready = True
            elif self._controls is not None:
                try:
                    obey(text, self._controls)
                except ValueError as error:
                    await self._socket.send_json({"error": str(error)})
            self._page.news.set()

    async def _send(self) -> None:
        sent, told = 0, None
        while self._live.open:
            self._page.news.clear()
            picture = self._live.picture
            state = {
                "controls": as_json(self._controls.settings) if self._controls else None,
                "ended": self._live.ended,
            }
            if state != told:
                await self._socket.send_json({"state": state})
                told = state
            if picture is not None and picture.number != sent and self._ready:
                self._ready = False
                sent = picture.number
                await self._socket.send_json({"picture": picture.facts})
                await self._socket.send_bytes(picture.jpeg)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._page.news.wait(), _HEARTBEAT_S)
