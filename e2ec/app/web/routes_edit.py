"""Addresses that an editor of contours calls: merge and split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from e2ec.app.web.bodies import Bodies
from e2ec.app.web.documents import read_contours
from e2ec.app.web.limits import Limits
from e2ec.app.web.refusal import refused
from e2ec.app.web.reshape import cut, merged
from e2ec.results.contours import Contours

Pixels = Annotated[float, Query(ge=-1e6, le=1e6, description="in pixels of the picture")]
_NATIVE = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_AT_ONCE = 2


def edit_routes(bodies: Bodies, limits: Limits) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter()
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def changed(request: Request, change: Callable[[Contours], Contours]) -> Response:
        """The native document in a request, changed."""

        def work(data: bytes) -> str:
            return change(read_contours(data, limits)).to_json()

        async with bodies.read(request, limits.document_bytes) as body:
            try:
                text = await anyio.to_thread.run_sync(work, body.data, limiter=limiter)
            except Exception as error:
                raise refused(error) from error
        return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})

    @router.post("/edit/merge", openapi_extra=_NATIVE)
    async def merge(request: Request) -> Response:
        """All objects of a native document as one, of the first one's class and score."""
        return await changed(request, merged)

    @router.post("/edit/split", openapi_extra=_NATIVE)
    async def split(request: Request, x0: Pixels, y0: Pixels, x1: Pixels, y1: Pixels) -> Response:
        """The one object of a native document cut along a line, its largest piece first."""
        return await changed(request, lambda contours: cut(contours, (x0, y0), (x1, y1)))

    return router
