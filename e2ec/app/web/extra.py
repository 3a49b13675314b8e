"""Whether what the web page needs is installed; asked before any of it is imported."""

from __future__ import annotations

import importlib.util

from lib.errors import InputError

_NEEDED = ("fastapi", "uvicorn", "python_multipart", "websockets", "av")


def require_web() -> None:
    """Raise InputError where a package of the extra `web` is missing."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"the web page needs {', '.join(missing)}: install with pip install -e '.[web]'"
        )
