"""From bytes to contours: pictures one by one, videos frame by frame."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import anyio
import anyio.to_thread
import numpy as np

from e2ec.app.web.batches import Batches, Model
from e2ec.app.web.bodies import Body
from e2ec.app.web.limits import Limits
from e2ec.app.web.names import picture_name
from e2ec.app.web.pictures import decode_picture, picture_size
from e2ec.app.web.refusal import Refusal, refused
from e2ec.app.web.timings import Timings
from e2ec.app.web.videos import VideoDamaged, VideoFrame, open_video
from e2ec.results.contours import Contours
from e2ec.results.formats.native_writer import frame_line

_DECODERS = 2
_RETRY_S = 0.02


class Predictions:
    """What the service does with pictures and videos, within its limits."""

    def __init__(self, model: Model, limits: Limits) -> None:
        self.timings = Timings()
        self.batches = Batches(model, limits, self.timings)
        self._model = model
        self._limits = limits
        self._decoders = anyio.CapacityLimiter(_DECODERS)
        self._video = False

    def check_stage(self, stage: str | None) -> None:
        """Refuse a stage that the model does not have (422)."""
        if stage is not None and stage not in self._model.stages:
            raise Refusal(422, f"there is no such stage: {', '.join(self._model.stages)}")

    async def picture(self, body: Body, *, score: float, stage: str | None) -> Contours:
        """The contours of a picture.

        Raises:
            Refusal: it cannot be read or is too large, or the queue is full.
        """
        height, width = picture_size(body.data, self._limits)
        self._check_input(height, width)
        name = picture_name(body.name)
        with self.batches.place(height * width):
            try:
                with self.timings.measure("decode"):
                    image = await anyio.to_thread.run_sync(
                        decode_picture, body.data, "the picture", limiter=self._decoders
                    )
            except Exception as error:
                raise refused(error) from error
            return await self._contours(image, score, stage, name)

    async def _contours(
        self, image: np.ndarray, score: float, stage: str | None, name: str | None
    ) -> Contours:
        try:
            future = self.batches.submit(image, score=score, stage=stage, source=name)
            return await asyncio.wrap_future(future)
        except Exception as error:
            raise refused(error) from error

    def _check_input(self, height: int, width: int) -> None:
        pixels = self.batches.input_pixels(height, width)
        if pixels > self._limits.input_pixels:
            raise Refusal(
                413,
                f"{width} x {height} pixels become {pixels:,} in the network, the limit is "
                f"{self._limits.input_pixels:,}; send a smaller picture",
            )

    @contextmanager
    def video_place(self) -> Iterator[None]:
        """Hold the one place for a video; Refusal (429) where it is taken."""
        if self._video:
            raise Refusal(429, "another video is being worked on", retry_after_s=10)
        self._video = True
        try:
            yield
        finally:
            self._video = False

    async def video(self, body: Body, *, score: float, stage: str | None) -> AsyncIterator[str]:
        """Inside of `video_place`: the lines of `contours.jsonl`, one a frame.

        The first frame is decoded before this returns. Where the video breaks off, or goes on
        beyond a limit, {"error": TEXT} is the last line.

        Raises:
            Refusal: it cannot be read.
        """
        frames = await anyio.to_thread.run_sync(
            open_video, body.data, self._limits, limiter=self._decoders
        )
        return self._lines(frames, picture_name(body.name), score, stage)

    async def _lines(
        self, frames: Iterator[VideoFrame], name: str | None, score: float, stage: str | None
    ) -> AsyncIterator[str]:
        until = time.monotonic() + self._limits.video_s
        try:
            while frame := await anyio.to_thread.run_sync(
                next, frames, None, limiter=self._decoders
            ):
                if frame.index >= self._limits.video_frames or time.monotonic() > until:
                    raise Refusal(413, f"stopped after {frame.index} frames, the limit")
                height, width = frame.image.shape[:2]
                self._check_input(height, width)
                async with self._patient_place(height * width):
                    contours = await self._contours(frame.image, score, stage, name)
                yield frame_line(contours, frame=frame.index, time_s=frame.time_s)
        except (Refusal, VideoDamaged) as error:
            yield json.dumps({"error": str(error)}) + "\n"

    @asynccontextmanager
    async def _patient_place(self, pixels: int) -> AsyncIterator[None]:
        """A place in the queue as soon as there is one; pictures go first."""
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self.batches.place(pixels))
                    break
                except Refusal:
                    await anyio.sleep(_RETRY_S)
            yield
