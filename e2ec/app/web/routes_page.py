"""The page itself: its files from the package, what it has to know, and the page of addresses."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response

from e2ec.app.web.batches import Model
from e2ec.app.web.docs_page import docs_page
from e2ec.app.web.formats import FORMATS
from e2ec.app.web.limits import Limits
from e2ec.app.web.refusal import Refusal
from e2ec.results.default_score import DEFAULT_SCORE

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# A newer version of the package is seen at once; the answer is small and comes from memory.
_HEADERS = {"Cache-Control": "no-cache"}


def page_routes(app: FastAPI, model: Model, limits: Limits, *, live: bool) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(include_in_schema=False)
    page = _read_page()

    @router.get("/")
    async def index() -> Response:
        return _file(page, "index.html")

    @router.get("/page/{name}")
    async def module(name: str) -> Response:
        return _file(page, name)

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()), headers=_HEADERS)

    @router.get("/about")
    async def about() -> JSONResponse:
        """What the page has to know before it can do anything."""
        return JSONResponse(
            {
                "class_names": list(model.class_names),
                "category_ids": list(model.card.category_ids),
                "stages": list(model.stages),
                "stage": model.card.stage,
                "score": DEFAULT_SCORE,
                "live": live,
                "formats": [
                    {"name": one.name, "title": one.title, "suffix": one.suffix}
                    for one in FORMATS.values()
                ],
                "picture_bytes": limits.picture_bytes,
                "video_bytes": limits.video_bytes,
            },
            headers=_HEADERS,
        )

    return router


def _read_page() -> dict[str, bytes]:
    """Every file of the page, by name: no request ever makes a path."""
    folder = files("e2ec.app.web") / "page"
    return {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.is_file() and _suffix(entry.name) in _TYPES
    }


def _file(page: dict[str, bytes], name: str) -> Response:
    if name not in page:
        raise Refusal(404, "there is no such page")
    return Response(page[name], media_type=_TYPES[_suffix(name)], headers=_HEADERS)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""
