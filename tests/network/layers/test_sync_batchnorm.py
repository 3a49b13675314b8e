"""Batch normalisation over processes equals batch normalisation of the whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from network.layers.sync_batchnorm import SyncBatchNorm, convert_sync_batchnorm

ROOT = Path(__file__).parents[3]

# One process of two: reads its share of every case, writes what it found.
WORKER = """
import sys
import torch
import torch.distributed as dist
from torch import nn
from network.layers.sync_batchnorm import convert_sync_batchnorm

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
found = []
for case in torch.load(f"{folder}/cases.pt", weights_only=True):
    norm = nn.BatchNorm2d(3).double() if case["input"].ndim == 4 else nn.BatchNorm1d(3).double()
    norm.load_state_dict(case["state"])
    norm = convert_sync_batchnorm(nn.Sequential(norm))[0].train()
    first = case["first"]
    mine = slice(0, first) if rank == 0 else slice(first, None)
    x = case["input"][mine].clone().requires_grad_()
    y = norm(x)
    (y * case["weights"][mine]).sum().backward()
    found.append({
        "output": y.detach(), "input": x.grad, "weight": norm.weight.grad,
        "bias": norm.bias.grad, "state": norm.state_dict(),
    })
torch.save(found, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


def cases() -> list[dict[str, object]]:
    """Batches of 4 of which the first process holds 2, 3, all, or none; and nothing at all.

    A step whose images hold no object gives the snakes nothing; weight and bias must get their
    (zero) gradients all the same, or the next step of DDP waits for them.
    """
    generator = torch.Generator().manual_seed(0)
    result: list[dict[str, object]] = []
    for shape in ((4, 3, 5, 2), (4, 3, 6), (0, 3, 6)):
        for first in (2, 3, 4, 0):
            norm = nn.BatchNorm2d(3).double()
            for tensor in norm.state_dict().values():
                if tensor.is_floating_point():
                    tensor.copy_(torch.rand(3, generator=generator))
            values = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
            case = {"input": values[0] * 3 + 5, "weights": values[1], "first": first}
            result.append({**case, "state": norm.state_dict()})
    return result


def test_two_processes_equal_the_whole_batch(tmp_path: Path) -> None:
    """Outputs, gradients of input, weight and bias, running statistics; also an empty share."""
    torch.save(cases(), tmp_path / "cases.pt")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), str(tmp_path)],
            env=environment, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    shares = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for number, case in enumerate(cases()):
        whole = case["input"].clone().requires_grad_()
        norm = (nn.BatchNorm2d(3) if whole.ndim == 4 else nn.BatchNorm1d(3)).double().train()
        norm.load_state_dict(case["state"])
        output = norm(whole)
        (output * case["weights"]).sum().backward()
        one, two = shares[0][number], shares[1][number]
        for key, expected in (("output", output), ("input", whole.grad)):
            assert torch.allclose(torch.cat([one[key], two[key]]), expected, atol=1e-10), key
        for key in ("weight", "bias"):
            # A process holds the gradient of its own share; the engine adds them up.
            assert torch.allclose(one[key] + two[key], getattr(norm, key).grad, atol=1e-10), key
        for key, expected in norm.state_dict().items():
            assert torch.allclose(one["state"][key], expected), key
            assert torch.equal(one["state"][key], two["state"][key]), key


def test_converting_keeps_names_values_and_mode() -> None:
    network = nn.Sequential(nn.Conv1d(2, 3, 1), nn.Sequential(nn.BatchNorm1d(3))).eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.randn(2, 2, 5)
    expected = network(x)
    convert_sync_batchnorm(network)
    assert isinstance(network[1][0], SyncBatchNorm) and not network[1][0].training
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert torch.equal(network(x), expected)


def test_one_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        SyncBatchNorm(3).eval()(torch.zeros(3))
