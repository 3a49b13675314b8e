"""Saying no: an exception that becomes an answer of HTTP."""

from __future__ import annotations

from lib.errors import InputError
from lib.memory import is_out_of_memory


class Refusal(Exception):
    """A request that is not served.

    Attributes:
        status: of HTTP.
        message: one line for the person who asked.
        retry_after_s: when asking again may help, in whole seconds; None where it does not.
    """

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        # It may quote what came: halves of characters cannot be sent.
        self.message = message.encode(errors="backslashreplace").decode()
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        # What is left of a body that was not read would be taken for the next request.
        return headers | ({"Connection": "close"} if self.status in (408, 413) else {})


def refused(error: Exception) -> Exception:
    """What an error of the work on a request means to the client; itself where it is our own."""
    if isinstance(error, InputError):
        return Refusal(422, str(error))
    if is_out_of_memory(error):
        return Refusal(507, "there is not enough memory for this")
    return error
