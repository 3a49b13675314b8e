"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# The same examples every time: a red build can be looked into, a green one stays green.
settings.register_profile("repeatable", derandomize=True, print_blob=True)
settings.load_profile("repeatable")
