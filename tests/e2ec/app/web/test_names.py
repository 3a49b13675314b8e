"""Names from clients never hold a path."""

from __future__ import annotations

import pytest

from e2ec.app.web.names import file_stem, picture_name


@pytest.mark.parametrize(
    ("given", "name", "stem"),
    [
        ("coins.png", "coins.png", "coins"),
        ("../../etc/passwd", "passwd", "passwd"),
        ("C:\\users\\me\\a b.JPG", "a b.JPG", "a_b"),
        ("..", None, "picture"),
        ("x/..", None, "picture"),
        ("", None, "picture"),
        (None, None, "picture"),
        ("a\x00\r\nSet-Cookie: x.png", "aSet-Cookie: x.png", "aSet-Cookie_x"),
        ('<script>".png', '<script>".png', "script"),
        ("münze.png", "münze.png", "m_nze"),
        (".hidden", ".hidden", "hidden"),
    ],
)
def test_names(given: str | None, name: str | None, stem: str) -> None:
    assert picture_name(given) == name
    assert file_stem(picture_name(given)) == stem


def test_long_names_are_cut() -> None:
    assert len(picture_name("x" * 5000) or "") == 120
    assert len(file_stem("y" * 5000)) == 120
