"""Which images a source means, in which order, and what their results are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2ec.app.predict.image_list import list_images
from lib.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b/x.png",
        "a.jpg",
        "a.png",
        "c/d/e.tif",
        "notes.md",
        ".hidden/f.png",
        "a.png.jpg",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


def test_a_folder_is_read_with_all_folders_inside(folder: Path) -> None:
    images = list_images(folder)
    assert [image.name for image in images] == [
        "a.jpg",
        "a.png",
        "a.png.jpg",
        "b/x.png",
        "c/d/e.tif",
    ]
    assert images == list_images(str(folder))
    assert [image.path for image in images] == [folder / image.name for image in images]


def test_no_two_images_share_a_stem(folder: Path) -> None:
    """a.jpg comes first; a.png cannot be called a too, and takes what a.png.jpg would be called."""
    stems = {image.name: image.stem for image in list_images(folder)}
    assert stems["a.jpg"] == "a" and stems["a.png"] == "a.png" and stems["a.png.jpg"] == "a.png.jpg"
    assert stems["b/x.png"] == "b/x" and len(set(stems.values())) == len(stems)


def test_a_folder_of_results_among_the_images_is_left_out(folder: Path) -> None:
    assert [i.name for i in list_images(folder, leave_out=folder / "c")][-1] == "b/x.png"
    # By whole names: "b" is not a folder above "bb".
    assert len(list_images(folder, leave_out=folder / "c" / "di")) == 5
    with pytest.raises(InputError, match="choose another --out"):
        list_images(folder / "c", leave_out=folder / "c")


def test_an_image_and_a_pattern(folder: Path) -> None:
    (image,) = list_images(folder / "b" / "x.png")
    assert (image.name, image.stem) == ("x.png", "x")
    found = list_images(str(folder / "**" / "?.png"))
    assert [image.name for image in found] == ["a.png", "b/x.png"]


def test_names_of_a_list_never_lead_out_of_the_results(folder: Path) -> None:
    """A list may name images above itself; their names begin in the folder they have in common.
    What is named twice is taken once."""
    (folder / "b" / "some.txt").write_text("../c/d/e.tif\n\n# one more\nx.png\n../b/x.png\n")
    images = list_images(folder / "b" / "some.txt")
    assert [(image.name, image.stem) for image in images] == [
        ("c/d/e.tif", "c/d/e"),
        ("b/x.png", "b/x"),
    ]
    assert all(image.path.is_file() for image in images)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing", "no such file or folder"),
        ("in/notes.md", "neither an image"),
        ("*.nothing", "matches no images"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_is_no_source(
    source: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    with pytest.raises(InputError, match=said):
        list_images(source)
