"""Settings of the data that a family cannot use, and states that are older than settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e2ec.config import AugmentationSettings, Config, DataConfig, RefinerConfig, TargetSettings
from e2ec.engine.train.resume import check_settings, fixed_settings
from e2ec.families.contour.family import CONTOUR
from e2ec.families.refiner.family import REFINER
from e2ec.families.unused_settings import refuse_changed
from lib.errors import InputError

NEW = (
    *(f"copy_paste_{name}" for name in ("probability", "count", "matched", "cuts", "overlap")),
    *("mosaic_probability", "gamma", "hue", "blur_probability", "blur_sigma", "noise"),
)


@pytest.mark.parametrize("setting", [{"heatmap": "extent"}, {"ignore_unlearned": True}])
def test_a_refiner_has_no_heat_map(setting: dict[str, object]) -> None:
    data = DataConfig(targets=TargetSettings(**setting))  # type: ignore[arg-type]
    config = Config(name="x", model=RefinerConfig(), data=data)
    [name] = setting
    with pytest.raises(InputError, match=f"^data.targets.{name}: a refiner learns no heat map"):
        REFINER.example_maker(config, 2)
    CONTOUR.example_maker(Config(name="x", data=data), 2)


def test_refused_only_where_changed() -> None:
    names = ("copy_paste_probability", "mosaic_probability")
    refuse_changed(AugmentationSettings(), names, "data.augmentation", "why")
    changed = AugmentationSettings(mosaic_probability=0.5)
    with pytest.raises(InputError, match=r"^data\.augmentation\.mosaic_probability: why; leave"):
        refuse_changed(changed, names, "data.augmentation", "why")


def test_amodal_labels_are_not_cut() -> None:
    pasting = AugmentationSettings(copy_paste_probability=0.5)
    with pytest.raises(ValueError, match="copy_paste_cuts must be off for amodal"):
        DataConfig(format="kins", augmentation=pasting)
    DataConfig(format="kins", masks="visible", augmentation=pasting)
    DataConfig(format="kins", augmentation=replace(pasting, copy_paste_cuts=False))


def test_states_that_are_older_than_the_settings_go_on() -> None:
    """With what was done then, and with nothing else."""
    config = Config(name="x")
    new = {f"data.augmentation.{name}" for name in NEW}
    new |= {f"data.targets.{name}" for name in ("parts", "heatmap", "ignore_unlearned")}
    now = fixed_settings(config)
    assert new <= now.keys()
    old = {name: value for name, value in now.items() if name not in new}
    check_settings(old, config, name="state.pt")
    mosaic = replace(config.data, augmentation=AugmentationSettings(mosaic_probability=0.5))
    with pytest.raises(InputError, match=r"data\.augmentation\.mosaic_probability"):
        check_settings(old, replace(config, data=mosaic), name="state.pt")
