"""The application: every address of the server, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from e2ec.app.stream.controls import Controls
from e2ec.app.web.batches import Model
from e2ec.app.web.bodies import Bodies
from e2ec.app.web.guard import Guard
from e2ec.app.web.limits import Limits
from e2ec.app.web.live import LiveView
from e2ec.app.web.predictions import Predictions
from e2ec.app.web.rate import Rate
from e2ec.app.web.refusal import Refusal
from e2ec.app.web.routes_edit import edit_routes
from e2ec.app.web.routes_live import live_routes
from e2ec.app.web.routes_page import page_routes
from e2ec.app.web.routes_service import service_routes

_TITLE = "Contours"
_ABOUT = "Contours of the objects in pictures: a picture in, polygons in any format out."


def create_app(
    model: Model,
    *,
    live: LiveView | None = None,
    controls: Controls | None = None,
    limits: Limits | None = None,
    token: str | None = None,
    hosts: Iterable[str] = (),
    cookie: str = "e2ec",
) -> ASGIApp:
    """The application for a model.

    Args:
        model: a `Predictor`; a thread of the application calls it while the application runs.
        live: the live view of a stream that runs beside; None for a server without.
        controls: what the page changes of that stream.
        limits: what clients may ask for.
        token: a secret that every client needs; None asks for none.
        hosts: names that the machine is asked by, beside localhost and numbers.
        cookie: name of the cookie that stands for the token.
    """
    limits = limits or Limits()
    predictions = Predictions(model, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        predictions.batches.start()
        try:
            yield
        finally:
            if live is not None:
                live.stop()
            predictions.batches.close()

    # FastAPI's own pages load their scripts from another host.
    app = FastAPI(
        title=_TITLE, description=_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    bodies = Bodies(limits)
    app.include_router(service_routes(predictions, bodies, limits))
    app.include_router(edit_routes(bodies, limits))
    app.include_router(live_routes(live, controls, limits))
    app.include_router(page_routes(app, model, limits, live=live is not None))
    _answer_errors(app)
    # Around all of it: answers to failures get its headers too.
    return Guard(
        app,
        rate=Rate(limits.requests_per_s, limits.burst),
        token=token,
        hosts=tuple(hosts),
        cookie=cookie,
    )


def _answer_errors(app: FastAPI) -> None:
    """Every error is {"error": "one line"}; none shows a traceback."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return JSONResponse({"error": error.message}, error.status, headers=error.headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)

    async def failed(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "the server could not do this"}, 500)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, failed)
