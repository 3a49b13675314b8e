"""The page in a browser: the live view moves, an upload is outlined, a download reads back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

from web_browser import CHROMIUM, Setting, chromium, upload
from web_model import CLASSES, BrightModel, bright, encoded, picture
from web_stream import walking_square
from web_video import video

from e2ec.app.stream.controls import Controls
from e2ec.app.web.formats import FORMATS
from e2ec.app.web.live import LiveView
from e2ec.app.web.serve import web_server
from e2ec.results.contours import Contours

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
WIDTHS = (390, 1400)


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    live, controls = LiveView(), Controls(stages=("init", "final"))
    with (
        web_server(BrightModel(), port=0, live=live, controls=controls) as server,
        walking_square(live, controls),
        chromium() as browser,
    ):
        made = Setting(server.address, browser, controls)
        yield made
    assert not made.complaints
    assert made.hosts == {server.address.split("/")[2]}  # nothing comes from elsewhere


def pixels(page: Any) -> str:
    return page.evaluate("document.querySelector('#live').toDataURL()")


def shown_index(page: Any) -> int:
    return int(page.evaluate("document.querySelector('#live').dataset.index ?? -1"))


def wait_for_index(page: Any, index: int) -> None:
    page.wait_for_function(
        "index => Number(document.querySelector('#live').dataset.index) > index", arg=index
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_the_live_view_moves(setting: Setting, width: int) -> None:
    page = setting.open(width)
    wait_for_index(page, 0)
    first, before = shown_index(page), pixels(page)
    wait_for_index(page, first + 5)
    assert pixels(page) != before
    assert "camera-0 frame" in page.inner_text("#facts")
    page.close()


def test_the_controls_change_the_stream(setting: Setting) -> None:
    page = setting.open(1400)
    wait_for_index(page, 0)
    page.uncheck("#labels")
    page.select_option("#stage-name", "init")
    page.focus("#score")
    page.keyboard.press("ArrowRight")
    page.check("#paused")
    for _ in range(600):
        if setting.controls.settings.paused:  # what was changed before has come too
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(600)  # for a frame that is on its way
    settings = setting.controls.settings
    assert (settings.labels, settings.stage, settings.paused) == (False, "init", True)
    assert settings.score == pytest.approx(0.31)
    index = shown_index(page)
    page.click("#step")
    wait_for_index(page, index)
    assert shown_index(page) == index + 1
    setting.controls.change(paused=False, labels=None, score=0.3, stage=None)
    page.wait_for_function("() => !document.querySelector('#paused').checked")  # the page is told
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_an_upload_is_outlined_where_its_objects_are(setting: Setting, width: int) -> None:
    page = setting.open(width)
    upload(page, encoded(picture(160, 120, spots=3)))
    page.wait_for_function("() => document.querySelector('#picture').naturalWidth == 160")
    page.wait_for_function(
        "() => document.querySelector('#outlines').getBoundingClientRect().height > 100"
    )
    found = page.evaluate(
        """() => {
          const view = document.querySelector("#picture").getBoundingClientRect();
          const scale = Math.min(view.width / 160, view.height / 120);
          const left = view.x + (view.width - 160 * scale) / 2;
          const top = view.y + (view.height - 120 * scale) / 2;
          return [...document.querySelectorAll("#outlines .instance path")].map((path) => {
            const box = path.getBoundingClientRect();
            return [(box.x - left) / scale, (box.y - top) / scale,
                    (box.right - left) / scale, (box.bottom - top) / scale];
          });
        }"""
    )
    expected = bright(picture(160, 120, spots=3)).boxes()
    order = np.argsort([box[0] for box in found])
    assert np.abs(np.array(found)[order] - expected[np.argsort(expected[:, 0])]).max() < 1.5
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_every_download_is_what_is_shown(setting: Setting, tmp_path: Path) -> None:
    page = setting.open(1400)
    upload(page, encoded(picture(160, 120, spots=3)), "../<b>ü.png")
    for kind, format in FORMATS.items():
        with page.expect_download() as waiting:
            page.click(f"[data-format={kind}]")
        path = tmp_path / kind
        waiting.value.save_as(path)
        assert waiting.value.suggested_filename.endswith(format.suffix)
        if kind == "native":
            found = Contours.from_json(path.read_text())
            expected = bright(picture(160, 120, spots=3))
            assert (found.boxes() == expected.boxes()).all()
            assert (found.labels == expected.labels).all()
        else:
            assert path.stat().st_size > 100
    page.close()


def test_names_are_text_and_never_markup(setting: Setting) -> None:
    """The second class is called by an image whose error handler sets the title."""
    page = setting.open(1400)
    upload(page, encoded(picture(160, 120, spots=3)), "<img src=x onerror=alert(1)>.png")
    assert CLASSES[1] in page.inner_text("#classes")
    assert CLASSES[1] in page.text_content("#outlines")
    assert page.title() == "Contours"
    assert page.locator("aside img, header img, #outlines img").count() == 0
    page.close()


def test_a_frame_of_the_live_view_can_be_taken(setting: Setting) -> None:
    """It is drawn as the panel says, which is the stream's while the stream is shown."""
    page = setting.open(390)
    upload(page, encoded(picture(160, 120)))
    page.check("#vertices")
    assert page.locator("#outlines .vertex").count() == 1
    page.click("#show-live")
    page.wait_for_function("() => !document.querySelector('#vertices').checked")
    page.click("#take")
    page.wait_for_selector("#outlines .instance")
    page.wait_for_function("() => document.querySelector('#picture').naturalWidth == 320")
    assert page.locator("#outlines .vertex").count() == 0
    page.click("#show-live")
    wait_for_index(page, shown_index(page))
    page.close()


def test_a_video_is_outlined(setting: Setting) -> None:
    page = setting.open(1400)
    upload(page, video(), "a.mp4")
    page.wait_for_function("() => document.querySelector('#status').textContent == '6 frames.'")
    with page.expect_download() as waiting:
        page.click("#download-lines")
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(6))
    page.close()


def test_what_is_refused_is_said(setting: Setting) -> None:
    page = setting.open(390)
    name = {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.set_input_files("#file", name)
    page.wait_for_function("() => document.querySelector('#status').classList.contains('bad')")
    assert "not a picture" in page.inner_text("#status")
    # The browser reports the status and the picture it cannot show.
    setting.complaints = [one for one in setting.complaints if "415" not in one]
    page.close()


def test_a_picture_that_the_browser_cannot_show_is_said_so(setting: Setting) -> None:
    """It has its contours all the same, and they can be saved."""
    page = setting.open(390)
    upload(page, encoded(picture(160, 120), ".tiff"), "a.tiff", state="attached")
    page.wait_for_function("() => document.querySelector('#facts').textContent.includes('cannot')")
    assert "160 x 120" in page.inner_text("#facts")
    upload(page, encoded(picture(160, 120)))
    page.wait_for_function("() => document.querySelector('#facts').textContent.includes('two.png')")
    assert "cannot" not in page.inner_text("#facts")
    page.close()


def test_everything_can_be_reached_by_keyboard_and_has_a_name(setting: Setting) -> None:
    page = setting.open(1400)
    upload(page, encoded(picture(160, 120, spots=2)))
    reached = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.dataset.format")
        )
    assert {"file", "stage-name", "score", "fill", "labels", "vertices", "show-live"} <= reached
    assert set(FORMATS) <= reached
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button")].filter((part) =>
          !part.labels?.length && !part.textContent.trim() && !part.ariaLabel).map((p) => p.id)"""
    )
    assert nameless == []
    page.close()


def test_the_page_of_addresses_is_plain(setting: Setting) -> None:
    page = setting.open(390, "docs")
    assert "POST /predict" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
