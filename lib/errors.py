"""The one exception that stands for bad input from outside."""

from __future__ import annotations


class InputError(Exception):
    """Something the user gave is unusable: a file, an annotation, a setting.

    The message is one line that names the file, the item and the remedy. Front doors print it and
    exit with status 1; nothing else in the project prints tracebacks for bad input.
    """
