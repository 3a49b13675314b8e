"""HOST:PORT as people write it."""

from __future__ import annotations

import pytest

from e2ec.app.web.address import ip_literal, is_loopback, open_socket, parse_address, shown_host
from lib.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("127.0.0.1", 8000)),
        ("9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("0.0.0.0", ("0.0.0.0", 8000)),
        ("robot.local:80", ("robot.local", 80)),
        ("[::1]:81", ("::1", 81)),
        ("[::1]", ("::1", 8000)),
        ("::1", ("::1", 8000)),
    ],
)
def test_what_an_address_means(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["host:port", "host:70000", "a b:1", "http://x", "u@h:1", "[::1]x"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST.", "::1", "127.9.9.9"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "example"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_an_address_to_open_from_elsewhere() -> None:
    assert shown_host("::1") == "[::1]"
    assert shown_host("robot.local") == "robot.local"
    own = shown_host("0.0.0.0")
    assert own != "0.0.0.0" and (ip_literal(own) is not None or own)


def test_a_taken_port_is_one_clear_line() -> None:
    with (
        open_socket("127.0.0.1", 0) as taken,
        pytest.raises(InputError, match=r"cannot listen there .*; choose another HOST:PORT"),
    ):
        open_socket("127.0.0.1", taken.getsockname()[1])
