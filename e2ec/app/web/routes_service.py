"""Addresses that programs call: predict, convert, health, timings."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from e2ec.app.web.bodies import Bodies, Body
from e2ec.app.web.documents import check_masks, read_contours
from e2ec.app.web.formats import FORMATS
from e2ec.app.web.limits import Limits
from e2ec.app.web.predictions import Predictions
from e2ec.app.web.refusal import refused
from e2ec.app.web.tangles import check_tangles
from e2ec.results.contours import Contours
from e2ec.results.default_score import DEFAULT_SCORE

FormatName = Literal["native", "coco", "labelme", "geojson", "yolo", "masks"]
Format = Annotated[FormatName, Query(description="what the answer is written in")]
Score = Annotated[float, Query(ge=0, le=1, description="instances below it are left out")]
Stage = Annotated[
    str | None, Query(max_length=40, description="which contour; the model's own without")
]
Name = Annotated[
    str | None, Query(max_length=1000, description="name of the picture, where no form says it")
]
_ENCODERS = 2
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _uploads(*kinds: str) -> dict[str, Any]:
    """How a body is described: the bytes alone, or a form with one file."""
    form = {
        "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    }
    content = {kind: _BINARY for kind in kinds} | {"multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


_NATIVE = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class _Held(StreamingResponse):
    """An answer that holds something until it has been sent, or cannot be."""

    def __init__(self, *args: Any, held: AsyncExitStack, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


def service_routes(predictions: Predictions, bodies: Bodies, limits: Limits) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter()
    # What others made may take long; the network's own contours do not wait for it.
    encoders, converters = (anyio.CapacityLimiter(_ENCODERS) for _ in range(2))

    async def answer(
        contours: Contours, format: FormatName, limiter: anyio.CapacityLimiter
    ) -> Response:
        try:
            with predictions.timings.measure("encode"):
                made = await anyio.to_thread.run_sync(_encode, contours, format, limiter=limiter)
        except Exception as error:
            raise refused(error) from error
        disposition = f'attachment; filename="{made.name}"'
        headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
        return Response(made.data, media_type=made.media_type, headers=headers)

    @router.post("/predict", openapi_extra=_uploads("image/jpeg", "image/png", "image/webp"))
    async def predict(
        request: Request,
        format: Format = "native",
        stage: Stage = None,
        score: Score = DEFAULT_SCORE,
        name: Name = None,
    ) -> Response:
        """Contours of a picture. 429 with Retry-After says that the queue is full."""
        predictions.check_stage(stage)
        predictions.batches.check_room()
        async with bodies.read(request, limits.picture_bytes) as body:
            named = Body(body.data, body.name or name)
            contours = await predictions.picture(named, score=score, stage=stage)
        return await answer(contours, format, encoders)

    @router.post("/predict/video", openapi_extra=_uploads("video/mp4", "video/webm"))
    async def predict_video(
        request: Request, stage: Stage = None, score: Score = DEFAULT_SCORE, name: Name = None
    ) -> Response:
        """Contours of a short video: a line of JSON a frame, sent as they are found."""
        predictions.check_stage(stage)
        async with AsyncExitStack() as stack:
            stack.enter_context(predictions.video_place())
            body = await stack.enter_async_context(bodies.read(request, limits.video_bytes))
            named = Body(body.data, body.name or name)
            lines = await predictions.video(named, score=score, stage=stage)
            return _Held(lines, media_type="application/x-ndjson", held=stack.pop_all())
        raise AssertionError("left above")

    @router.post("/convert", openapi_extra=_NATIVE)
    async def convert(request: Request, format: Format = "native") -> Response:
        """Contours of one picture, such as edited ones, from the native format to another."""
        async with bodies.read(request, limits.document_bytes) as body:
            contours = await anyio.to_thread.run_sync(
                read_contours, body.data, limits, limiter=converters
            )
        return await answer(contours, format, converters)

    @router.get("/health")
    async def health() -> JSONResponse:
        """200 while the network's thread works, and how many pictures wait; else 503."""
        alive = predictions.batches.alive
        state = {"ok": alive, "waiting": predictions.batches.waiting, "queue": limits.queue}
        return JSONResponse(state, 200 if alive else 503)

    @router.get("/timings")
    async def timings() -> JSONResponse:
        """Median and 95 % in milliseconds of the last 1,000 times of each step."""
        return JSONResponse(predictions.timings.summary())

    return router


def _encode(contours: Contours, format: FormatName) -> Any:
    if format == "masks":
        check_masks(contours)
    if format == "geojson":
        check_tangles(contours)
    return FORMATS[format].download(contours)
