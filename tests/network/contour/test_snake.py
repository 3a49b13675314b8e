"""The snake treats a contour as closed: it has no first vertex."""

from __future__ import annotations

import pytest
import torch

from network.contour.snake import CircularConv, Snake


def random_snake() -> Snake:
    """In evaluation mode, with weights and statistics that are nowhere trivial."""
    torch.manual_seed(0)
    snake = Snake(6, channels=8, fusion_channels=12, dilations=(1, 2, 4)).double().eval()
    with torch.no_grad():
        for parameter in snake.parameters():
            parameter.normal_(std=0.3)
    for name, buffer in snake.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
        elif name.endswith("running_mean"):
            buffer.normal_()
    return snake


@pytest.mark.parametrize("shift", [1, 5, 31])
@torch.no_grad()
def test_a_cyclic_shift_of_the_vertices_shifts_the_output(shift: int) -> None:
    snake = random_snake()
    x = torch.randn(3, 6, 32, dtype=torch.float64)
    expected = snake(x).roll(shift, dims=2)
    assert torch.allclose(snake(x.roll(shift, dims=2)), expected, atol=1e-12)
    assert not torch.allclose(snake(x), expected, atol=1e-3)


@pytest.mark.parametrize("vertices", [3, 15, 20])
@pytest.mark.parametrize("dilation", [1, 2, 4])
@torch.no_grad()
def test_circular_convolution_against_a_loop(dilation: int, vertices: int) -> None:
    """Also for contours shorter than the padding."""
    torch.manual_seed(1)
    conv = CircularConv(2, 3, dilation=dilation).double()
    x = torch.randn(1, 2, vertices, dtype=torch.float64)
    expected = conv.fc.bias[None, :, None].repeat(1, 1, vertices)
    for i in range(vertices):
        for tap in range(9):
            neighbour = (i + (tap - 4) * dilation) % vertices
            expected[0, :, i] += conv.fc.weight[:, :, tap] @ x[0, :, neighbour]
    assert torch.allclose(conv(x), expected)


@torch.no_grad()
def test_the_shared_global_state_equals_its_copies_at_every_vertex() -> None:
    """The forward pass computes the global state's share once; here it is copied and stacked."""
    snake = random_snake()
    x = torch.randn(2, 6, 32, dtype=torch.float64)
    states = [snake.head(x)]
    for block in (snake.res0, snake.res1, snake.res2):
        states.append(block(states[-1]) + states[-1])
    state = torch.cat(states, dim=1)
    overall = snake.fusion(state).max(dim=2, keepdim=True).values.expand(-1, -1, 32)
    expected = snake.prediction(torch.cat([overall, state], dim=1))
    assert torch.allclose(snake(x), expected, atol=1e-12)
