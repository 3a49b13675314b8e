"""The Sobel mask head: its operator by hand, and classes that do not see each other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from plain_masks import disc
from torch import Tensor

from e2ec.losses.mask_boundary import laplacian_boundaries, mask_boundary_loss
from network.mask.sobel_head import SobelHead


def head(hidden: int = 8) -> SobelHead:
    torch.manual_seed(0)
    return SobelHead(hidden)


def random_logits(count: int, classes: int, size: int = 28) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return 3 * torch.randn(count, classes, size, size, generator=generator)


def test_the_two_channels_are_the_derivatives_of_the_mask_by_hand() -> None:
    """The right half of a mask is set. Along x, (1 2 1) across a step of 1, left to right: +4, at
    the two columns beside it; where the mask meets the border, -4 at its last column. Along y
    nothing but at the border: 4 at the top inside of the mask, 1 + 2 beside the step."""
    logits = torch.full((1, 1, 5, 6), -100.0)
    logits[..., 3:] = 100
    seen = []
    made = head()
    made.convolutions.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    made(logits)
    along_x, along_y = seen[0][0]
    assert along_x[2].tolist() == pytest.approx([0, 0, 4, 4, 0, -4])
    assert along_y[2].tolist() == pytest.approx([0] * 6)
    assert along_y[0].tolist() == pytest.approx([0, 0, 1, 3, 4, 3])
    assert along_y[4].tolist() == pytest.approx([0, 0, -1, -3, -4, -3])


def test_two_convolutions_written_out_class_by_class() -> None:
    made, logits = head(), random_logits(2, 3)
    first, _, second = made.convolutions
    with torch.no_grad():
        found = made(logits)
        assert found.shape == logits.shape
        for number in range(2):
            for index in range(3):
                mask = logits[number, index].sigmoid()[None, None]
                sobel = F.conv2d(mask, made.sobel, padding=1)
                hidden = F.conv2d(sobel, first.weight, first.bias, padding=1).relu()
                expected = F.conv2d(hidden, second.weight, second.bias, padding=1)[0, 0]
                torch.testing.assert_close(found[number, index], expected)


def test_a_class_s_boundary_is_of_its_own_mask_alone() -> None:
    made, logits = head(), random_logits(2, 3).requires_grad_()
    made(logits)[:, 1].sum().backward()
    assert logits.grad is not None and logits.grad[:, 1].any()
    assert not logits.grad[:, [0, 2]].any()
    chosen = logits[:, 1:2]
    torch.testing.assert_close(made(chosen), made(logits)[:, 1:2])


def test_weights_are_those_of_two_convolutions_and_an_empty_batch_trains() -> None:
    made = head()
    assert {key: tuple(value.shape) for key, value in made.state_dict().items()} == {
        "convolutions.0.weight": (8, 2, 3, 3),
        "convolutions.0.bias": (8,),
        "convolutions.2.weight": (1, 8, 3, 3),
        "convolutions.2.bias": (1,),
    }
    made(random_logits(0, 3)).sum().backward()
    assert all(parameter.grad is not None for parameter in made.parameters())


def test_the_boundaries_of_masks_can_be_learned() -> None:
    """By two convolutions, with the paper's loss: of discs, all but exactly."""
    places = [(9.0, 12.0, 6.0), (14.0, 14.0, 10.0), (20.0, 8.0, 5.0), (3.0, 20.0, 7.0)]
    logits = torch.stack([10 * disc(28, torch.tensor(x), torch.tensor(y), r) for x, y, r in places])
    labels = laplacian_boundaries(logits > 0)
    made = head()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        mask_boundary_loss(made(logits), labels).backward()
        optimizer.step()
    found = made(logits)[:, 0] > 0
    assert (found & labels).sum() / (found | labels).sum() > 0.95
