"""Reading what a client sends: at most so much, in at most so long, and never to the disk."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from e2ec.app.web.limits import Limits
from e2ec.app.web.refusal import Refusal

_FIELD_BYTES = 4096
_LINGER_S = 2.0


@dataclass(frozen=True)
class Body:
    """A file as it came: its bytes, and the name that the client gives it."""

    data: bytes
    name: str | None


class Bodies:
    """Reads bodies, and knows how many bytes of all of them are held at the moment."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, most: int) -> AsyncIterator[Body]:
        """The body of a request, raw or the one file of a form; given free after the block.

        Args:
            request: whose body.
            most: bytes it may have.

        Raises:
            Refusal: too large (413), too slow (408), too much at once (429), or no file (400).
        """
        taken = [0]
        try:
            yield await self._in_time(request, most, taken)
        finally:
            with self._lock:
                self._held -= taken[0]

    async def _in_time(self, request: Request, most: int, taken: list[int]) -> Body:
        try:
            with anyio.fail_after(self._limits.body_s):
                return await self._file(request, most, taken)
        except TimeoutError as error:
            raise Refusal(408, f"the body took more than {self._limits.body_s:g} s") from error
        except ClientDisconnect as error:
            raise Refusal(400, "the body ends too early") from error

    async def _file(self, request: Request, most: int, taken: list[int]) -> Body:
        chunks = self._chunks(request, most, taken)
        kind = request.headers.get("content-type", "").lower()
        if not kind.startswith("multipart/form-data"):
            return Body(b"".join([chunk async for chunk in chunks]), None)
        return await _form_file(request.headers, chunks, most)

    async def _chunks(
        self, request: Request, most: int, taken: list[int]
    ) -> AsyncGenerator[bytes, None]:
        too_large = Refusal(413, f"the body is larger than {most:,} bytes, the limit")
        stream = request.stream()
        stated = request.headers.get("content-length", "")
        if stated.isdecimal() and (len(stated) > 18 or int(stated) > most):
            if "expect" not in request.headers:  # who asks first has sent nothing yet
                await _linger(stream)
            raise too_large
        async for chunk in stream:
            if taken[0] + len(chunk) > most:
                await _linger(stream)
                raise too_large
            with self._lock:
                if self._held + len(chunk) > self._limits.bytes_at_once:
                    raise Refusal(429, "too many uploads at once", retry_after_s=1)
                self._held += len(chunk)
                taken[0] += len(chunk)
            yield chunk


async def _linger(stream: AsyncIterator[bytes]) -> None:
    """Throw away what comes for a moment: many clients look for an answer when they have sent all,
    and find a broken connection where nobody has read it.
    """
    with anyio.move_on_after(_LINGER_S):
        async for _ in stream:
            pass


async def _form_file(headers: Headers, chunks: AsyncGenerator[bytes, None], most: int) -> Body:
    parser = MultiPartParser(headers, chunks, max_files=1, max_fields=8, max_part_size=_FIELD_BYTES)
    parser.spool_max_size = most + 1  # larger ones would go to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Refusal(
            400, "the form cannot be read; send one file in multipart/form-data"
        ) from error
    try:
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        if len(files) != 1:
            raise Refusal(400, "the form holds no file")
        return Body(await files[0].read(), files[0].filename)
    finally:
        await form.close()
