"""What must be the same for a run to be continued."""

from __future__ import annotations

from dataclasses import replace

import pytest

from configs.synthetic import get_config
from e2ec.config import Config, LossConfig, OptimConfig
from e2ec.engine.resume import check_settings, fixed_settings
from lib.errors import InputError


def test_a_setting_newer_than_the_state_counts_as_its_default() -> None:
    """Without `loss.coarse_weight` and the whole section `optim` the state still fits a run that
    leaves them at their defaults, and no other."""
    config = replace(get_config(), optim=OptimConfig())
    old = {
        key: value
        for key, value in fixed_settings(config).items()
        if key != "loss.coarse_weight" and not key.startswith("optim.")
    }
    assert len(old) < len(fixed_settings(config)) - 5
    check_settings(old, config, name="state.pt")
    other = replace(config, loss=LossConfig(coarse_weight=0.2))
    with pytest.raises(InputError, match=r"state.pt: .*: loss.coarse_weight; .* 0.1, not 0.2"):
        check_settings(old, other, name="state.pt")


def test_a_saved_setting_counts_as_saved_whatever_the_default() -> None:
    saved = fixed_settings(Config(name="x", optim=OptimConfig(lr=0.5)))
    check_settings(saved, Config(name="y", optim=OptimConfig(lr=0.5)), name="state.pt")
    with pytest.raises(InputError, match=r"--optim.lr 0.5, not 0.0001"):
        check_settings(saved, Config(name="y"), name="state.pt")
