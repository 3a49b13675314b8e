"""300 hostile requests leave the server serving and its folder untouched."""

from __future__ import annotations

import json
import random
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("resource", reason="Unix counts memory")

import resource

from huge_images import write_huge_png
from web_client import head, post, send, status
from web_model import BrightModel, bright, encoded, picture

from e2ec.app.web.limits import Limits
from e2ec.app.web.live import LiveView
from e2ec.app.web.serve import web_server

COUNT = 300
AT_ONCE = 50
PATHS = (
    "/../../etc/passwd",
    "/page/../guard.py",
    "/page/..%2fguard.py",
    "/page/%2e%2e/%2e%2e/config.py",
    "/page/..\\guard.py",
    "/page//etc/passwd",
    "/page/\x00",
    "//evil.example/",
    "/%00",
    "/page/main.js%00.html",
    "/" + "a" * 9000,
)
NAMES = (
    "../../../etc/cron.d/x",
    "..\\..\\x.png",
    "<script>alert(1)</script>.png",
    '"; filename="x.html',
    "x\r\nSet-Cookie: a=b",
    "a" * 900,
    "\x00",
    "/dev/stdin",
)


def bombs(folder: Path) -> list[bytes]:
    """Small files that unfold to gigabytes, or say so."""
    png = write_huge_png(folder / "bomb.png", 60_000, 60_000).read_bytes()
    jpeg = bytearray(encoded(picture(), ".jpg"))
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", 65_000, 65_000)
    scans = encoded(picture(), ".jpg")
    middle = scans.index(b"\xff\xda")
    many = scans[:middle] + scans[middle:-2] * 200 + scans[-2:]
    webp = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10)
    webp += bytes(4) + b"\xff\xff\xff\xff\xff\xff"
    text = zlib.compress(bytes(50_000_000))
    chunk = b"zTXtComment\x00\x00" + text
    head_of = encoded(picture())
    packed = head_of[:33] + struct.pack(">I", len(chunk) - 4) + chunk
    packed += struct.pack(">I", zlib.crc32(chunk)) + head_of[33:]
    return [png, bytes(jpeg), many, webp, packed, _tiff(70_000, 70_000), _tiff(64, 48, 1 << 20)]


def _tiff(width: int, height: int, tile: int = 0) -> bytes:
    """A TIFF that is only a header: its size, and tiles of a size where given."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 8}
    if tile:
        tags |= {322: tile, 323: tile, 324: 8, 325: 8}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def documents() -> list[bytes]:
    """Edited contours that are none, or too much."""
    value = bright(picture()).to_dict()
    image = value["images"][0]
    changes: list[dict[str, object]] = [
        {"width": 10**9, "height": 10**9},
        {"width": 1e308},
        {"instances": [{**image["instances"][0], "class": "<script>alert(1)</script>"}]},
        {"instances": [{**image["instances"][0], "parts": [[[0, 0]] * 2]}]},
        {"instances": [{**image["instances"][0], "parts": [[["x", 0]] * 3]}]},
        {"instances": [{**image["instances"][0], "counts": "0" * 1000}]},
        {"instances": image["instances"] * 6000},
        {"source": "../../../etc/passwd"},
    ]
    made = [json.dumps({**value, "images": [{**image, **change}]}).encode() for change in changes]
    return [*made, b"{", b"[" * 200_000, b"\xff" * 100, b'{"format": 1e9999}', b"9" * 100_000]


def hostile(address: str, folder: Path) -> Iterator[bytes | list[bytes]]:
    """Requests without end, in a fixed random order."""
    rng = random.Random(11)
    good = encoded(picture())
    for path in PATHS:
        yield head(address, f"GET {path} HTTP/1.1", "Connection: close")
    bodies = [*bombs(folder), b"", b"GIF89a", b"%PDF-1.4", b"MZ" * 100, bytes(10_000)]
    while True:
        cut = rng.randrange(1, len(good))
        noise = bytearray(good)
        for _ in range(5):
            noise[rng.randrange(len(noise))] = rng.randrange(256)
        body = rng.choice([*bodies, good[:cut], bytes(noise)])
        name = rng.choice(NAMES)
        form = (
            f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'
        ).encode() + body
        kind = "Content-Type: multipart/form-data; boundary=b"
        where = rng.choice(["/predict", "/predict/video", "/convert", "/live/take", "/nothing"])
        document = rng.choice(documents())
        yield post(address, where, body, "Content-Type: text/html")
        yield post(address, "/predict", form + b"\r\n--b--\r\n", kind)
        yield post(address, "/predict", form, kind)  # never ends
        wanted = rng.choice(["native", "coco", "labelme", "geojson", "yolo", "masks", "../x"])
        yield post(address, f"/convert?format={wanted}", document)
        edit = rng.choice(["merge", "split?x0=0&y0=0&x1=9&y1=9"])
        yield post(address, f"/edit/{edit}", rng.choice([body, document]))
        yield post(address, where, good, f"Origin: {rng.choice(['http://evil.example', 'null'])}")
        yield post(address, "/predict?score=1e999&stage=%3Cscript%3E", good)
        yield post(address, "/predict", good)[: rng.randrange(20, 300)]  # and then nothing
        begun = head(address, "POST /predict HTTP/1.1", "Content-Length: 99999")
        yield [begun, b"x", b"y"]  # and then nothing
        yield head(address, "POST /predict HTTP/1.1", f"Content-Length: {10**15}") + good
        yield head(address, "GET / HTTP/1.1", "Host: evil.example")
        yield head(address, "GET /live HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade")
        yield rng.randbytes(200)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def patiently(address: str, request: bytes) -> bytes:
    """An answer; a busy machine may miss the short deadlines of this server now and then."""
    for _ in range(20):
        if status(received := send(address, request)):
            break
    return received


def test_300_hostile_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """50 at a time. After them it serves as before, within little memory, and wrote nothing."""
    here, temporary, mine = tmp_path / "here", tmp_path / "temporary", tmp_path / "mine"
    for folder in (here, temporary, mine):
        folder.mkdir()
    (here / "kept.txt").write_text("kept")
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    package = Path(__file__).parents[4] / "e2ec" / "app" / "web" / "page"
    before = tree(package)
    limits = Limits(head_s=1.0, body_s=1.0, exchange_s=10.0, burst=2000, queue=8)
    with web_server(BrightModel(), port=0, live=LiveView(), limits=limits) as server:
        requests = hostile(server.address, mine)
        some = [next(requests) for _ in range(COUNT)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda one: send(server.address, one), some))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
        found = Counter(map(status, answers))
        again = patiently(
            server.address, post(server.address, "/predict?name=a.png", encoded(picture()))
        )
        health = patiently(server.address, head(server.address, "GET /health HTTP/1.0"))
    assert found[500] == 0, found
    assert set(found) <= {0, 200, 400, 403, 404, 405, 408, 413, 415, 422, 426, 429}, found
    assert status(again) == 200 and b'"source": "a.png"' in again
    assert b'"ok":true' in health and b'"waiting":0' in health
    for one in answers:
        head_of, _, body = one.partition(b"\r\n\r\n")
        assert b"Set-Cookie" not in head_of and b"root:" not in body
        if b"<script>" in body.lower():  # JSON, which no browser takes for a page
            assert b"nosniff" in head_of and b"application/" in head_of
    assert tree(here) == {"kept.txt": b"kept"} and not tree(temporary)
    assert tree(package) == before
    assert grown < 600, f"{grown:.0f} MiB more"
