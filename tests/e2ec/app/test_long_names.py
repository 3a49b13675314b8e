"""Names that no file system takes end in one line that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from front_doors import TINY, assert_one_line_error, call

from e2ec.app.stream.sources.open import open_source
from e2ec.engine.predict.predictor import load_model
from lib.errors import InputError

pytestmark = pytest.mark.usefixtures("elsewhere")

LONG = "a" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo.py", "--source", LONG),
        ("demo.py", "--source", f"/{LONG}/a.png"),
        ("demo.py", "--weights", f"{LONG}.safetensors"),
        ("demo.py", "--weights", f"{LONG}.pth", "--preset", "coco"),
        ("demo.py", "--out", LONG),
        ("demo.py", "--device", LONG),
        ("train.py", *TINY, "--name", LONG),
        ("train.py", *TINY, "--out", LONG),
        ("train.py", *TINY, "--model.weights", LONG),
        ("test.py", *TINY, "--weights", f"{LONG}.safetensors"),
        ("test.py", *TINY, "--weights", f"{LONG}/weights.safetensors"),
        ("test.py", *TINY, "--results", LONG),
        ("test.py", *TINY, "--name", LONG),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-2]}",
)
def test_names_of_five_thousand_letters(arguments: tuple[str, ...]) -> None:
    """One line, and one that can be read."""
    ending = call(*arguments)
    assert_one_line_error(ending, "aaa...aaa")
    assert len(ending.err) < 600 and not list(Path.cwd().iterdir())


def test_names_of_five_thousand_letters_in_python() -> None:
    for use in (load_model, open_source, lambda name: load_model().predict(name)):
        with pytest.raises(InputError, match="aaa"):
            use(LONG)
    with pytest.raises(InputError, match="source is empty"):
        open_source("")
