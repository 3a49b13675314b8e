"""Where the server listens: HOST:PORT as people write it, and the address to open."""

from __future__ import annotations

import ipaddress
import socket

from lib.errors import InputError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
DEFAULT_ADDRESS = f"{DEFAULT_HOST}:{DEFAULT_PORT}"


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT", "HOST", ":PORT", "PORT", "[::1]:PORT" or an empty text.

    What is left out is 127.0.0.1 and 8000; port 0 takes a free one.

    Raises:
        InputError: it is none of them.
    """
    text = text.strip()
    if text.isdecimal():
        host, port = "", text
    elif text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    wrong = any(c.isspace() or c in "/@?#" for c in host)
    if wrong or (port and (not port.isdecimal() or int(port) > 65535)):
        raise InputError(f"{text!r}: not an address; give HOST:PORT, such as 127.0.0.1:8000")
    return host or DEFAULT_HOST, int(port) if port else DEFAULT_PORT


def is_loopback(host: str) -> bool:
    """Whether a host, a name or a number, is this machine as it sees itself."""
    if host.lower().rstrip(".") == "localhost":
        return True
    literal = ip_literal(host)
    return literal is not None and literal.is_loopback


def ip_literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in `host` if it is a number, with or without brackets."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        InputError: the host is not known or not ours, or the port is taken.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(where[:2], family=family, backlog=128)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}:{port}: cannot listen there ({reason}); choose another HOST:PORT"
        ) from error


def shown_host(host: str) -> str:
    """`host` as it stands in an address to open from elsewhere."""
    literal = ip_literal(host)
    if literal is None:
        return host
    if literal.is_unspecified:
        return _own_address() if literal.version == 4 else socket.gethostname()
    return f"[{literal}]" if literal.version == 6 else str(literal)


def _own_address() -> str:
    """The address of this machine in its network; its name where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses a way out
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
