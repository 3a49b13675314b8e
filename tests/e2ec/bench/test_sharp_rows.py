"""The rows of the stage sharp: both sides compute the same."""

from __future__ import annotations

import pytest
import torch

from e2ec.bench import sharp as bench


def test_ours_and_plain_evolutions_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for states that rounding turns over; and a row for each network and number."""
    monkeypatch.setattr(bench, "SIDE", 128)
    monkeypatch.setattr(bench, "INSTANCES", (1, 5))
    rows = list(bench.rows())
    assert len({row.name for row in rows}) == len(rows) == 5
    first, *_ = rows
    ours, (peer,) = first.ours(), first.peers.values()
    assert peer is not None
    assert ours.shape == peer().shape == (1, 128, 2)
    assert not torch.equal(ours, peer())
    evolution = rows[-1]
    (plain,) = evolution.peers.values()
    assert plain is not None
    fast, slow = evolution.ours(), plain()
    assert len(fast) == len(slow) == 3
    apart = (fast[-1] - slow[-1]).norm(dim=-1)
    assert (apart < 1e-2).float().mean() > 0.99


def test_memory_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["nano", "1", "sharp"]) == 0
    assert capsys.readouterr().out.endswith("MiB\n")
