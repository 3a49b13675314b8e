"""Who may ask: the host, the token, the origin and the rate of every request and every socket.

A web site that a person visits can send requests to servers on that person's own machine. It is
kept out by its origin, and by the host's name where it has let its own name point here (DNS
rebinding).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from e2ec.app.web.address import ip_literal, is_loopback
from e2ec.app.web.rate import Rate

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# A redirect that follows a link of another site would be sent without the strict cookie; a step
# that this page itself makes is sent with it.
_WELCOME = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<link rel="icon" href="/page/icon.svg"><title>Contours</title>'
    '<meta http-equiv="refresh" content="0;url=/"></head>'
    '<body><p><a href="/">Open the page</a></p></body></html>'
)


class Guard:
    """Middleware that lets through who may ask, and adds the headers of security to answers."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        rate: Rate,
        token: str | None = None,
        hosts: Iterable[str] = (),
        cookie: str = "e2ec",
    ) -> None:
        """Guard an app.

        Args:
            app: what lies behind.
            rate: of requests by client.
            token: a secret that everybody needs; None asks for none.
            hosts: names that this machine is asked by, beside localhost and its numbers.
            cookie: name of the cookie that stands for the token in a browser.
        """
        self._app = app
        self._rate = rate
        self._token = token
        self._hosts = {host.lower().rstrip(".") for host in hosts}
        self._cookie = cookie
        # The cookie holds another secret: who sees one of the two does not have the other.
        self._session = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        answer = self._answer(scope)
        if answer is None:
            await self._app(scope, receive, send_safely)
        elif scope["type"] == "websocket":
            await receive()  # the request to connect
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, send_safely)

    def _answer(self, scope: Scope) -> Response | None:
        """What to say in the app's place; None where it may answer itself."""
        headers = Headers(scope=scope)
        if not self._right_host(headers):
            return _no(400, "unknown host: open the address that the program printed")
        if not _right_origin(scope, headers):
            return _no(403, "requests of other sites are not answered")
        # Counted from here: what other sites send must not use up what a person may ask.
        wait = self._rate.wait_s(scope["client"][0] if scope.get("client") else "")
        if wait:
            return _no(429, "too many requests", {"Retry-After": str(wait)})
        if self._token is None or self._knows(headers):
            return None
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])
        if scope["type"] == "http" and scope["method"] == "GET" and _same(given[0], self._token):
            return self._welcome(headers)
        return _no(401, "open the address that the program printed, with its token")

    def _right_host(self, headers: Headers) -> bool:
        given = headers.getlist("host")
        host = _host_name(given[0]) if len(given) == 1 else None
        if host is None:
            return False
        return host in self._hosts or is_loopback(host) or ip_literal(host) is not None

    def _knows(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._token and _same(given.strip(), self._token):
            return True
        # Not by http.cookies, which stops at the first cookie of another program that it dislikes.
        found = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")
        return _same(found, self._session)

    def _welcome(self, headers: Headers) -> Response:
        answer = HTMLResponse(_WELCOME, headers={"Cache-Control": "no-store"})
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
        return answer


def _right_origin(scope: Scope, headers: Headers) -> bool:
    """Whether a request comes from our own page or from no page at all; other pages may link here.

    Browsers say where a socket or a POST comes from; programs need not for a POST.
    """
    given = headers.getlist("origin")
    if not given:
        if scope["type"] != "http":
            return False
        if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return True
        reads = scope["method"] in ("GET", "HEAD")
        return reads and headers.get("sec-fetch-mode", "navigate") == "navigate"
    try:
        origin = urlsplit(given[0])
    except ValueError:
        return False
    ours = headers.get("host", "").lower()
    return len(given) == 1 and origin.scheme in ("http", "https") and origin.netloc.lower() == ours


def _host_name(header: str) -> str | None:
    """The host in a Host header, without its port; None for nonsense."""
    try:
        parts = urlsplit(f"//{header}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.netloc != header or parts.username is not None or parts.path:
        return None
    return name.rstrip(".")


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def _no(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    more = {"Connection": "close", "Cache-Control": "no-store", **(headers or {})}
    return JSONResponse({"error": message}, status, headers=more)
