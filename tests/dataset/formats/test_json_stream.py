"""Streamed JSON is what json.loads reads, element by element, and errors are one clear line."""

from __future__ import annotations

import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.formats.coco import json_stream
from dataset.formats.coco.json_stream import stream_elements, stream_members
from lib.errors import InputError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def stream(path: Path, *names: str) -> tuple[dict[str, bool], dict[str, list[Any]]]:
    found: dict[str, list[Any]] = {name: [] for name in names}
    return stream_members(path, {name: found[name].append for name in names}), found


@given(
    document=st.dictionaries(st.sampled_from("abcd") | st.text(), VALUES, max_size=6),
    indent=st.sampled_from([None, 2, "\t"]),
    ascii_only=st.booleans(),
)
def test_the_same_as_reading_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    document: dict[str, Any],
    indent: Any,
    ascii_only: bool,
) -> None:
    path = tmp_path_factory.mktemp("stream") / "file.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only), "utf-8")
    members, found = stream(path, "a", "b")
    assert members == {k: k in "ab" and isinstance(v, list) for k, v in document.items() if k} | {
        k: False for k in document if not k
    }
    for name in "ab":
        if isinstance(document.get(name), list):
            assert found[name] == document[name]


BROKEN = {
    "empty": "",
    "a list": "[1]",
    "a number": "3",
    "cut in the list": '{"a": [1, 2',
    "cut behind an element": '{"a": [1,',
    "cut behind the list": '{"a": [1]',
    "comma at the end of the list": '{"a": [1,]}',
    "comma at the end": '{"a": [1],}',
    "no comma": '{"a": [1 2]}',
    "no colon": '{"a" [1]}',
    "name without quotes": "{a: 1}",
    "number as a name": "{1: 1}",
    "more behind": '{"a": [1]} x',
    "two documents": '{"a": [1]}{"a": [1]}',
    "bad element": '{"a": [1, nul]}',
    "deep": '{"a": [' + "[" * 100_000 + "]" * 100_000 + "]}",
    "deep elsewhere": '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_documents_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(BROKEN[name])
    with pytest.raises(InputError, match=r"labels\.json: ") as caught:
        stream(path, "a")
    assert "\n" not in str(caught.value)
    assert gc.isenabled()


def test_files_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(b'{"a": ["\xff"]}')
    with pytest.raises(InputError, match=r"labels\.json: not UTF-8"):
        stream(path, "a")
    with pytest.raises(InputError, match=r"none\.json: "):
        stream(tmp_path / "none.json", "a")


def test_errors_of_what_is_called_are_not_errors_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"a": [1]}')

    def fail(value: Any) -> None:
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        stream_members(path, {"a": fail})
    assert gc.isenabled()


@given(
    values=st.lists(VALUES, max_size=6), chunk=st.integers(1, 40), indent=st.sampled_from([0, 3])
)
def test_pieces_of_any_size_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], chunk: int, indent: int | None
) -> None:
    """Words, numbers, strings and escapes are cut anywhere."""
    path = tmp_path_factory.mktemp("pieces") / "file.json"
    path.write_text(json.dumps(values, indent=indent), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        found = list(stream_elements(path))
        assert [value for value, _ in found] == values
        assert sum(length for _, length in found) <= len(path.read_text("utf-8"))
        path.write_text(json.dumps({"a": values, "b": values}, indent=indent), "utf-8")
        assert stream(path, "a") == ({"a": True, "b": False}, {"a": values})


@pytest.mark.parametrize("number", ["1.25", "1e5", "-2.5E+07", "3e-10", "0.0"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 4])
def test_numbers_are_cut_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, chunk: int
) -> None:
    """`1.` and `1e+` are no numbers, but 1 and something else, as far as has been read."""
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    path = tmp_path / "numbers.json"
    for spaces in range(5):
        path.write_text(f"[{' ' * spaces}{number}, 2]")
        assert [value for value, _ in stream_elements(path)] == [float(number), 2]


def test_an_object_in_place_of_a_list(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"images": []}')
    with pytest.raises(InputError, match=r"labels\.json: holds an object, not a list"):
        list(stream_elements(path))


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("chunk", [1, 7])
def test_broken_documents_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, chunk: int
) -> None:
    """The same message as of the text at once."""
    path = tmp_path / "labels.json"
    path.write_text(BROKEN[name])
    with pytest.raises(InputError) as whole:
        stream(path, "a")
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    with pytest.raises(InputError) as pieces:
        stream(path, "a")
    assert str(pieces.value) == str(whole.value)


def test_only_a_piece_is_in_memory(tmp_path: Path) -> None:
    """A list of 40 MB, of which an element and a piece are held."""
    path = tmp_path / "large.json"
    text = json.dumps({"text": "x" * 1000})
    path.write_text(f"[{', '.join([text] * 40_000)}]")
    tracemalloc.start()
    count = sum(1 for _ in stream_elements(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 40_000 and peak < 8e6


def test_what_is_wrong_early_is_said_early(tmp_path: Path) -> None:
    """A mistake in the first element is not looked for at the end of the file."""
    path = tmp_path / "large.json"
    path.write_text(f'[{{"a": nul}}, {"1, " * 2_000_000}1]')
    tracemalloc.start()
    with pytest.raises(InputError, match="char 7"):
        list(stream_elements(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6e6
