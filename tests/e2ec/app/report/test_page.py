"""The page itself: nothing from outside becomes markup, nothing is fetched, and it fits a phone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from report_case import write_evaluation, write_training

from e2ec.app.commands.report import report
from e2ec.app.report.html import Markup, join, table, tag
from e2ec.app.report.svg import chart
from e2ec.app.report.tiles import LABEL, draw_tile, window

HOSTILE = (
    "</title></style><script>document.title='owned'</script>",
    '"><img src=http://example.org/x onerror="document.title=\'owned\'"> $x^2$ \x00\x1b 犬',
)
FILES = ("<svg onload=alert(1)>.png", "' onmouseover='alert(1).png")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "e <b>"
    return report(write_evaluation(folder, names=HOSTILE, files=FILES))


def test_text_is_escaped() -> None:
    """By hand; markup, and that alone, stays."""
    made = tag("p", 'a < b & "c"', tag("b", 1), None, [Markup("<i></i>"), "<i>"], class_='x"y')
    assert made == ('<p class="x&quot;y">a &lt; b &amp; &quot;c&quot;<b>1</b><i></i>&lt;i&gt;</p>')
    assert tag("meta", http_equiv="x", content=None) == '<meta http-equiv="x">'
    assert "<td>&lt;</td>" in table(["", "h"], [["r", "<"]])
    assert join("\ud800", "a\u202eb") == "\\ud800a\ufffdb"  # no UTF-8; turns what follows round


def test_nothing_from_outside_is_markup(hostile: Path) -> None:
    """Scripts, handlers and addresses in names are text. There is no script at all."""
    text = hostile.read_text()
    elements = re.findall(r"<[a-zA-Z/!][^>]*>", text)
    assert not [one for one in elements if re.search(r"\bon\w+=\s*[^&]", one.split(" alt=")[0])]
    names = {re.match(r"</?([\w!]+)", one)[1].lower() for one in elements}  # type: ignore[index]
    assert not names & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "form",
        "base",
        "foreignobject",
    }
    assert "&lt;script&gt;" in text and "&lt;svg onload=alert(1)&gt;.png" in text
    assert text.count("<title>") == 1 and text.count("</style>") == 1


def test_nothing_is_fetched(tmp_path: Path) -> None:
    """No address of any host is in the file, and its policy forbids to ask one."""
    pages = [
        report(write_evaluation(tmp_path / "e")).read_text(),
        report(write_training(tmp_path / "t")).read_text(),
    ]
    for text in pages:
        assert "http:" not in text and "https:" not in text and "@import" not in text
        assert not re.findall(r"url\((?!#)", text)
        assert {s[:16] for s in re.findall(r'\bsrc="([^"]*)"', text)} <= {"data:image/webp;"}
        assert all(h.startswith("#") for h in re.findall(r'\bhref="([^"]*)"', text))
        assert "default-src &#x27;none&#x27;" in text


def test_the_file_is_small(hostile: Path) -> None:
    assert hostile.stat().st_size < 400_000


def test_drawings_take_the_colours_of_the_page() -> None:
    def draw(axes) -> None:  # type: ignore[no-untyped-def]
        axes.plot([0, 1], [0, 1], color="#0a0b01")
        axes.set_title("$a_b$ <&>")

    drawn = chart("t", draw, alt="what it says <")
    assert "stroke: var(--c0)" in drawn and "#0a0" not in drawn
    assert ">$a_b$ &lt;&amp;&gt;</text>" in drawn  # text, and no formula
    assert 'role="img"' in drawn and 'aria-label="what it says &lt;"' in drawn
    assert "xmlns" not in drawn and "<?xml" not in drawn and "DejaVu" not in drawn
    # What is referred to is there.
    for name in re.findall(r'href="#(\w+)"|url\(#(\w+)\)', drawn):
        assert f'id="{"".join(name)}"' in drawn


def test_tiles_show_the_outline_where_it_is() -> None:
    """A box of 24 pixels in a black image, at the corner: the window has 1.6 times its side, 39,
    and goes from -7 (floor of (24 - 39) / 2 = -7.5 is -8) on; beyond the image it is grey."""
    entry = {"bbox": [0.0, 0.0, 24.0, 24.0]}
    place = window([entry], (100, 100))
    assert place == (-8, -8, 39)
    drawn = draw_tile(np.zeros((100, 100, 3), np.uint8), place, [(entry, LABEL)])
    assert drawn.shape == (208, 208, 3)
    scale = 208 / 39
    edge = round(32 * scale)  # the right side lies at x = 24
    assert drawn[100, 10].tolist() == [128] * 3 and not drawn[100, 100].any()
    colored = np.abs(drawn[100, edge - 4 : edge + 4].astype(int) - LABEL).sum(1).min()
    assert colored < 60
    # An image smaller than a tile's least side, and a box that leaves it.
    far = {"bbox": [-50.0, 2.0, 300.0, 3.0]}
    small = draw_tile(np.zeros((4, 6, 3), np.uint8), window([far], (4, 6)), [(far, LABEL)])
    assert small.shape == (208, 208, 3)


@pytest.mark.slow
def test_in_a_browser(hostile: Path, tmp_path: Path) -> None:
    """At a phone's width nothing has to be moved sideways, letters are not tiny, every picture has
    a text and every image is whole; in light and dark; and no name has become a program."""
    pytest.importorskip("playwright", reason="playwright is missing")
    from web_browser import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    first, second = (
        write_evaluation(tmp_path / "a"),
        write_evaluation(tmp_path / "b", first_width=12),
    )
    files = [
        hostile,
        report(first, second, out=tmp_path / "two.html"),
        report(write_training(tmp_path / "t")),
    ]
    with chromium() as browser:
        for file in files:
            for width, scheme in ((390, "light"), (1280, "dark")):
                page = browser.new_page(
                    viewport={"width": width, "height": 844}, color_scheme=scheme
                )
                complaints: list[str] = []
                asked: list[str] = []
                page.on("console", lambda message, to=complaints: to.append(message.text))
                page.on("request", lambda request, to=asked: to.append(request.url[:5]))
                page.goto(file.as_uri())
                page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                assert page.evaluate("document.documentElement.scrollWidth") == width
                assert page.title() != "owned" and complaints == []
                assert set(asked) <= {"file:", "data:"} and asked.count("file:") == 1
                assert page.evaluate(_LEAST_LETTERS) >= 10
                assert page.evaluate("[...document.images].every(i => i.naturalWidth && i.alt)")
                assert page.evaluate(
                    "[...document.querySelectorAll('.chart svg')]"
                    ".every(s => s.getAttribute('aria-label'))"
                )
                assert page.evaluate(_CONTRAST) >= 4.5
                page.close()


# The smallest letters on the screen in pixels: those of drawings shrink with them.
_LEAST_LETTERS = """Math.min(...[...document.querySelectorAll('p, td, th, figcaption, summary, dd')]
    .map(e => parseFloat(getComputedStyle(e).fontSize)),
  ...[...document.querySelectorAll('svg text')].map(e => parseFloat(getComputedStyle(e).fontSize)
    * e.ownerSVGElement.getScreenCTM().a))"""

# The least contrast (WCAG) of letters with the paper or the card that they stand on.
_CONTRAST = """(() => {
  const light = text => { const c = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const cards = [...document.querySelectorAll('figure')]
    .map(f => light(getComputedStyle(f).backgroundColor));
  const letters = [...document.querySelectorAll('p, td, th, figcaption, .find, .label')]
    .map(e => light(getComputedStyle(e).color))
    .concat([...document.querySelectorAll('svg text')].map(e => light(getComputedStyle(e).fill)));
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return Math.min(...[...new Set(letters)].flatMap(l => [paper, ...cards].map(p => ratio(l, p))));
})()"""
