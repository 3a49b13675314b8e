"""A client that does what no library lets it do: half requests, slow ones, none at all."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

TIMEOUT_S = 60.0


def connect(address: str, *, receive_bytes: int | None = None) -> socket.socket:
    """A connection; `receive_bytes` keeps small what the line holds before anybody reads it."""
    where = urlsplit(address)
    assert where.hostname is not None and where.port is not None
    made = socket.socket(socket.AF_INET)
    if receive_bytes is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(TIMEOUT_S)
    made.connect((where.hostname, where.port))
    return made


def head(address: str, line: str = "GET /health HTTP/1.1", *headers: str) -> bytes:
    """The head of a request, complete."""
    host = f"Host: {urlsplit(address).netloc}"
    return "\r\n".join([line, host, *headers, "", ""]).encode("latin-1")


def post(address: str, path: str, body: bytes, *headers: str) -> bytes:
    """A whole POST that asks for the connection to be closed."""
    length = f"Content-Length: {len(body)}"
    return head(address, f"POST {path} HTTP/1.1", length, "Connection: close", *headers) + body


def answer(connection: socket.socket) -> bytes:
    """All that comes until the connection ends, or b"" where it is cut."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            received += data
    return received


def send(address: str, data: bytes | Iterable[bytes]) -> bytes:
    """The answer to bytes, in one piece or several."""
    with connect(address) as connection:
        with contextlib.suppress(ConnectionError):
            for piece in [data] if isinstance(data, bytes) else data:
                connection.sendall(piece)
        return answer(connection)


def status(received: bytes) -> int:
    """The status of an answer; 0 where there is none."""
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0
