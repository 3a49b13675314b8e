"""What an editor asks the server: merge and split, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient
from web_model import BrightModel, bright, picture

from e2ec.app.web.app import create_app
from e2ec.app.web.limits import Limits
from e2ec.results.contours import Contours

HERE = "http://127.0.0.1:8000"
LINE = "x0=20&y0=0&x1=20&y1=40"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app(BrightModel(), limits=Limits(points=1000))
    with TestClient(app, base_url=HERE) as made:
        yield made


def document(spots: int) -> dict[str, Any]:
    return bright(picture(100, 48, spots=spots)).to_dict()


def test_two_become_one_and_one_becomes_two(client: TestClient) -> None:
    one = Contours.from_json(client.post("/edit/merge", json=document(2)).text)
    assert one.areas().tolist() == [722.0] and len(one.parts[0]) == 2  # 2 x 19 x 19
    two = Contours.from_json(client.post(f"/edit/split?{LINE}", json=document(1)).text)
    assert sorted(two.areas().tolist()) == [180.5, 180.5]  # 9.5 x 19


@pytest.mark.parametrize(
    "path",
    ["/edit/split", "/edit/split?x0=nan&y0=0&x1=1&y1=1", "/edit/split?x0=1e9&y0=0&x1=1&y1=1"],
)
def test_a_line_has_two_points_near_the_picture(client: TestClient, path: str) -> None:
    assert client.post(path, json=document(1)).status_code == 422


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{}", json.dumps(document(0)).encode()])
def test_what_is_no_object_is_refused(client: TestClient, data: bytes) -> None:
    for path in ("/edit/merge", f"/edit/split?{LINE}"):
        answer = client.post(path, content=data)
        assert answer.status_code == 422 and "\n" not in answer.json()["error"]


def test_too_many_points_and_other_sites_are_refused(client: TestClient) -> None:
    large = document(1)
    large["images"][0]["instances"][0]["parts"] = [[[i % 90, i % 40] for i in range(2000)]]
    assert client.post("/edit/merge", json=large).status_code == 413
    foreign = client.post(
        "/edit/merge", json=document(2), headers={"Origin": "https://elsewhere.example"}
    )
    assert foreign.status_code == 403
