"""Images as people hold them: PIL images of every mode, tensors, sequences."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from random_networks import random_network

from e2ec.engine.predict.image_input import image_list, image_source, to_pixels
from e2ec.engine.predict.predictor import Predictor
from e2ec.families.contour.card import ContourCard
from lib.errors import InputError
from lib.images import read_image


def colours() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def grey() -> np.ndarray:
    values = np.random.default_rng(1).integers(0, 256, (5, 7), dtype=np.uint8)
    values[0, :2] = 0, 255  # the whole range: stretching changes nothing
    return values


def repeated(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def model() -> Predictor:
    network = random_network(num_classes=1, vertices=16)
    return Predictor(network, ContourCard("nano", ("cell",), (1,), max_detections=3))


# PIL


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBX"])
def test_pil_colours(mode: str) -> None:
    image = PIL.Image.fromarray(colours()).convert(mode)
    if mode == "RGBA":
        image.putalpha(3)
    assert np.array_equal(to_pixels(image), colours())


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "I", "F"])
def test_pil_greys(mode: str) -> None:
    arrays = {"I;16": grey().astype(np.uint16) * 257, "I": grey().astype(np.int32)}
    image = PIL.Image.fromarray(arrays.get(mode, grey()))
    image = image if image.mode == mode else image.convert(mode)
    assert image.mode == mode
    assert np.array_equal(to_pixels(image), repeated(grey()))


def test_pil_palettes_bits_and_other_colour_spaces() -> None:
    palette = PIL.Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([1, 0])
    assert to_pixels(palette).tolist() == [[[40, 50, 60], [10, 20, 30]]]
    palette.info["transparency"] = 1
    assert to_pixels(palette).tolist() == [[[40, 50, 60], [10, 20, 30]]]
    bits = PIL.Image.fromarray(np.array([[True, False]]))
    assert bits.mode == "1" and to_pixels(bits).tolist() == [[[255] * 3, [0] * 3]]
    # No ink is white, all black ink is black.
    inks = PIL.Image.frombytes("CMYK", (2, 1), bytes([0, 0, 0, 0, 0, 0, 0, 255]))
    assert to_pixels(inks).tolist() == [[[255] * 3, [0] * 3]]
    for mode in ("YCbCr", "HSV"):
        again = to_pixels(PIL.Image.fromarray(colours()).convert(mode)).astype(int)
        assert np.abs(again - colours()).max() <= 12
    premultiplied = PIL.Image.fromarray(colours()).convert("RGBA").convert("RGBa")
    assert np.array_equal(to_pixels(premultiplied), colours())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pil_images_are_turned_as_files_are(orientation: int, tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(np.kron(colours(), np.ones((16, 16, 1), np.uint8))).save(path, exif=exif)
    expected = read_image(path).astype(int)
    found = to_pixels(PIL.Image.open(path)).astype(int)
    assert found.shape == expected.shape and np.abs(found - expected).mean() < 2


def test_the_given_pil_image_stays_open_and_unchanged() -> None:
    image = PIL.Image.fromarray(colours())
    pixels = to_pixels(image)
    pixels[:] = 0
    assert np.array_equal(np.asarray(image), colours())


def test_pil_images_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="height and a width"):
        to_pixels(PIL.Image.new("RGB", (0, 4)))
    path = tmp_path / "cut.png"
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.kron(colours(), np.ones((40, 40, 1), np.uint8))).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue()[:300])
    with pytest.raises(InputError, match=r"cut\.png"):
        to_pixels(PIL.Image.open(path))


# Tensors


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floating_point_tensors(dtype: torch.dtype) -> None:
    """bfloat16 tells levels of 1/256 apart: half a level goes wrong at most."""
    tensor = torch.from_numpy(colours()).permute(2, 0, 1).to(torch.float64).div(255).to(dtype)
    found = to_pixels(tensor.requires_grad_()).astype(int)
    assert np.abs(found - colours()).max() <= (1 if dtype in (torch.bfloat16,) else 0)


def test_tensors_are_channels_first() -> None:
    tensor = torch.from_numpy(colours()).permute(2, 0, 1)
    assert np.array_equal(to_pixels(tensor), colours())
    assert np.array_equal(to_pixels(tensor.long()), colours())
    assert np.array_equal(to_pixels(torch.cat([tensor, tensor[:1]])), colours())
    for form in (torch.from_numpy(grey()), torch.from_numpy(grey())[None]):
        assert np.array_equal(to_pixels(form), repeated(grey()))
    assert to_pixels(torch.zeros(3, 4, 3, dtype=torch.uint8)).shape == (4, 3, 3)
    assert (to_pixels(torch.full((3, 2, 2), 1.03)) == 255).all()  # overshoot of resizing


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.zeros(5, 7, 3, dtype=torch.uint8), r"\(5, 7, 3\); image.permute\(2, 0, 1\)"),
        (torch.zeros(2, 5, 7), r"\(3, H, W\)"),
        (torch.zeros(3, 0, 7), "H, W > 0"),
        (torch.zeros(4), r"\(4,\)"),
        (torch.zeros(1, 1, 3, 5, 7), "must be"),
        (torch.full((3, 4, 4), 255.0), "must hold 0 to 1, not 255 to 255"),
        (torch.full((3, 4, 4), -2.1), "before normalisation"),
        (torch.full((3, 4, 4), float("nan")), "nan"),
        (torch.zeros(3, 4, 4, dtype=torch.complex64), "real numbers"),
    ],
)
def test_tensors_that_are_no_images(tensor: torch.Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        to_pixels(tensor)


@pytest.mark.parametrize("value", [None, 3, b"a.png", [[1, 2]], {"a": 1}, object()])
def test_anything_else_is_refused(value: object, model: Predictor) -> None:
    with pytest.raises(TypeError, match="an image is a path"):
        to_pixels(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an image is a path"):
        model.predict(value)  # type: ignore[call-overload]


# Several


def test_what_is_one_image_and_what_are_several() -> None:
    one = [colours(), "a.png", Path("a.png"), torch.zeros(3, 4, 4), PIL.Image.new("L", (2, 2))]
    for image in one:
        assert image_list(image) == ([image], True)
    for several in (one, tuple(one), deque(one)):
        images, single = image_list(several)
        assert not single and all(a is b for a, b in zip(images, one, strict=True))
    images, single = image_list(torch.zeros(5, 3, 4, 4))
    assert not single and [tuple(image.shape) for image in images] == [(3, 4, 4)] * 5
    assert image_list(()) == ([], False) == image_list(torch.zeros(0, 3, 4, 4))


def test_all_kinds_give_one_result(model: Predictor) -> None:
    pixels = np.kron(colours(), np.ones((8, 8, 1), np.uint8))
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    expected = model.predict(pixels, score_threshold=0.0)
    assert len(expected) == 3
    mixed = (pixels, PIL.Image.fromarray(pixels), tensor, tensor / 255)
    found = model.predict(mixed, score_threshold=0.0)
    found += model.predict(torch.stack([tensor, tensor]), score_threshold=0.0)
    assert len(found) == 6
    for one in found:
        assert np.allclose(one.scores, expected.scores, atol=1e-6)
        assert np.allclose(np.array(one.parts), np.array(expected.parts), atol=1e-3)


def test_names_of_results(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PIL.Image.fromarray(colours()).save(path)
    opened = PIL.Image.open(path)
    assert image_source(opened, None) == str(path)
    assert image_source(opened, "given") == "given"
    assert image_source(path, "given") == str(path)
    assert image_source(PIL.Image.fromarray(colours()), None) is None
    assert image_source(PIL.Image.open(io.BytesIO(path.read_bytes())), None) is None
    assert image_source(torch.zeros(3, 2, 2), "tensor") == "tensor"


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_without_images_is_refused(size: int, model: Predictor) -> None:
    for images in (colours(), [colours()], []):
        with pytest.raises(ValueError, match=f"batch_size must be 1 or more, not {size}"):
            model.predict(images, batch_size=size)
