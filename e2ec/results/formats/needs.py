"""What is said where a package of an extra is not installed."""

from __future__ import annotations

from lib.errors import InputError


def missing_package(what: str, extra: str, error: ModuleNotFoundError) -> InputError:
    """One line that names the extra: `pip install "e2ec[EXTRA]"`.

    Args:
        what: what needs it, at the beginning of a sentence.
        extra: the extra of this project that has the package.
        error: what importing it raised.
    """
    return InputError(
        f'{what} need an extra: pip install "e2ec[{extra}]" ({error.name} is not installed)'
    )
