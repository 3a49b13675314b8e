"""The page of a server in Debian's or another Chromium, for tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

from e2ec.app.stream.controls import Controls

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window; only one at a time."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Setting:
    """A server with a live view, and a browser before it."""

    def __init__(self, address: str, browser: Any, controls: Controls | None = None) -> None:
        self.address = address
        self.browser = browser
        self.controls = controls
        self.complaints: list[str] = []
        self.hosts: set[str] = set()

    def open(self, width: int, path: str = "") -> Any:
        page = self.browser.new_page(viewport={"width": width, "height": 844})
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        page.goto(self.address + path)
        if not path:  # its scripts have begun
            page.wait_for_selector("#model:not(:empty)")
        return page

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


def upload(page: Any, data: bytes, name: str = "two.png", state: str = "visible") -> None:
    kind = "video/mp4" if name.endswith(".mp4") else "image/png"
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})
    page.wait_for_selector("#outlines .instance", state=state)
