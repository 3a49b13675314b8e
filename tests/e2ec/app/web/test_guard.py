"""Who may ask: host, origin, token, rate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from web_model import BrightModel, encoded, picture

from e2ec.app.web.app import create_app
from e2ec.app.web.limits import Limits
from e2ec.app.web.live import LiveView
from e2ec.app.web.rate import Rate

HERE = "http://127.0.0.1:8000"
LIVE = "ws://127.0.0.1:8000/live"
TOKEN = "a-secret-of-this-test"


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(BrightModel(), live=LiveView()), base_url=HERE) as client:
        yield client


@pytest.fixture
def locked() -> Iterator[TestClient]:
    app = create_app(BrightModel(), live=LiveView(), token=TOKEN, hosts=["robot"], cookie="e2ec-80")
    with TestClient(app, base_url="http://robot") as client:
        yield client


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "[::1]:8000", "192.168.1.7:80"])
def test_hosts_that_are_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "a b", "x:y", "::1/"],
)
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    """A foreign name that points here (DNS rebinding) is not answered."""
    assert client.get("/health", headers={"Host": host}).status_code == 400


def test_two_hosts_are_refused(client: TestClient) -> None:
    request = client.build_request("GET", "/health")
    request.headers = type(request.headers)([("Host", "localhost"), ("Host", "evil.example")])
    assert client.send(request).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_requests_of_other_pages_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    for path in ("/predict", "/convert", "/predict/video", "/live/take"):
        assert client.post(path, content=b"x", headers=headers).status_code == 403, path


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_pages_may_link_here_and_load_nothing(client: TestClient, site: str) -> None:
    for mode, status in (("navigate", 200), ("no-cors", 403), ("cors", 403)):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        assert client.get("/", headers=headers).status_code == status


def test_our_page_and_programs_may_post(client: TestClient) -> None:
    data = encoded(picture())
    assert client.post("/predict", content=data).status_code == 200
    assert client.post("/predict", content=data, headers={"Origin": HERE}).status_code == 200


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null"])
def test_the_socket_is_for_our_page_alone(client: TestClient, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect(LIVE, headers=headers),
    ):
        pass
    assert refused.value.code == 1008


def test_the_socket_opens_for_our_page(client: TestClient) -> None:
    with client.websocket_connect(LIVE, headers={"Origin": HERE}) as socket:
        assert "state" in socket.receive_json()


@pytest.mark.parametrize("path", ["/", "/docs", "/page/main.js", "/nothing", "/openapi.json"])
def test_every_answer_has_the_headers_of_security(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_pages_hold_no_inline_script_and_nothing_of_other_hosts(client: TestClient) -> None:
    for path in ("/", "/docs"):
        text = client.get(path).text
        assert "://" not in text and " on" + "click" not in text and "<style" not in text
        assert text.count("<script") == text.count('<script type="module" src="/page/')


def test_without_the_token_there_is_nothing(locked: TestClient) -> None:
    for path in ("/", "/health", "/about", "/page/main.js", "/?token=wrong", "/?token="):
        assert locked.get(path).status_code == 401, path
    assert locked.post(f"/predict?token={TOKEN}", content=b"x").status_code == 401
    with (
        pytest.raises(WebSocketDisconnect),
        locked.websocket_connect("ws://robot/live", headers={"Origin": "http://robot"}),
    ):
        pass


def test_the_token_becomes_a_cookie_and_leaves_the_address(locked: TestClient) -> None:
    welcome = locked.get(f"/?token={TOKEN}")
    cookie = welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    assert 'http-equiv="refresh" content="0;url=/"' in welcome.text and TOKEN not in welcome.text
    assert welcome.headers["cache-control"] == "no-store"
    page = locked.get("/")
    assert page.status_code == 200 and "<main>" in page.text
    with locked.websocket_connect("ws://robot/live", headers={"Origin": "http://robot"}) as socket:
        assert "state" in socket.receive_json()


def test_a_wrong_cookie_is_none(locked: TestClient) -> None:
    for value in ("x", TOKEN, ""):
        headers = {"Cookie": f"e2ec-80={value}"}
        assert locked.get("/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "others", ['a={"x": 1}; {}', "b; {}", "{}; c=\xe9\xff", "d e=f; {}", "[]=(; {}; ; =", '"; {}']
)
def test_cookies_of_other_programs_do_not_hide_ours(locked: TestClient, others: str) -> None:
    """Browsers send those of every port of this machine."""
    locked.get(f"/?token={TOKEN}")
    mine = f"e2ec-80={locked.cookies['e2ec-80']}"
    headers = {"Cookie": others.replace("{}", mine).encode("latin-1")}
    locked.cookies.clear()
    assert locked.get("/", headers=headers).status_code == 200


def test_programs_send_the_token_in_a_header(locked: TestClient) -> None:
    data = encoded(picture())
    for header, status in ((f"Bearer {TOKEN}", 200), ("Bearer x", 401), (TOKEN, 401)):
        answer = locked.post("/predict", content=data, headers={"Authorization": header})
        assert answer.status_code == status


def test_a_client_that_asks_too_often_waits() -> None:
    limits = Limits(requests_per_s=0.001, burst=3)
    with TestClient(create_app(BrightModel(), limits=limits), base_url=HERE) as client:
        statuses = [client.get("/health").status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert int(client.get("/health").headers["retry-after"]) >= 1


def test_other_sites_use_up_nothing_of_what_a_person_may_ask() -> None:
    limits = Limits(requests_per_s=0.001, burst=1)
    with TestClient(create_app(BrightModel(), limits=limits), base_url=HERE) as client:
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}) * 5:
            assert client.get("/health", headers=headers).status_code in (400, 403)
        assert client.get("/health").status_code == 200


def test_rates_by_a_clock() -> None:
    now = [0.0]
    rate = Rate(2.0, 2, clock=lambda: now[0])
    assert [rate.wait_s("10.0.0.1") for _ in range(3)] == [0, 0, 1]
    assert rate.wait_s("10.0.0.2") == 0  # another client
    now[0] = 0.5
    assert [rate.wait_s("10.0.0.1") for _ in range(2)] == [0, 1]
    # A network of IPv6 is one client; this machine's own address is another.
    assert [rate.wait_s(f"2001:db8::{i}") for i in range(3)] == [0, 0, 1]
    assert rate.wait_s("::1") == 0


def test_rates_of_many_clients_stay_small() -> None:
    rate = Rate(1.0, 1, clock=lambda: 0.0)
    for i in range(10_000):
        rate.wait_s(f"10.0.{i // 250}.{i % 250}")
    assert len(rate._buckets) <= 4096
