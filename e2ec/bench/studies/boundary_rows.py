"""What the boundary study trains and evaluates: rows by name, as options of `train.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

from network.sharp.settings import EvolutionSettings


@dataclass(frozen=True)
class Row:
    """A way of training, and how its last stage is evaluated.

    Attributes:
        options: of `train.py`, besides those of the data set.
        evolutions: by what the table calls them; without any the last refinement is the result.
    """

    options: tuple[str, ...] = ()
    evolutions: dict[str, EvolutionSettings] = field(default_factory=dict)


_PAPER = {"": EvolutionSettings()}
_JOINT = ("--model.sharp.training", "joint")
_CONTOUR = ("--loss.contour-weight", "1", "--loss.contour.start", "0")

COMPARISON = {
    "e2ec": Row(),
    "alone": Row(("--model.sharp.training", "alone"), _PAPER),
    "joint": Row(_JOINT, _PAPER),
    "contour": Row(_CONTOUR),
    "both": Row((*_JOINT, *_CONTOUR), _PAPER),
}
"""E2EC, with SharpContour alone (table 3) or jointly, with the contour loss, and with both. A run
continues from finished weights: the contour loss sets in at once, late in all of the training."""

# Table 5, 7 and 8: other settings of the evolution on the weights of one training.
_EVOLUTIONS = {
    "": EvolutionSettings(),
    "steps of one length": EvolutionSettings(adaptive=False),
    **{f"lambda {step}": EvolutionSettings(step=step) for step in (0.0015, 0.006, 0.012)},
    **{f"M {steps}": EvolutionSettings(max_steps=steps) for steps in (5, 15, 20)},
    **{f"N {vertices}": EvolutionSettings(vertices=vertices) for vertices in (64, 256, 384, 512)},
    **{f"n {times}": EvolutionSettings(iterations=times) for times in (1, 2, 4)},
}

ABLATION = {
    "joint": Row(_JOINT, _EVOLUTIONS),
    "alone": Row(("--model.sharp.training", "alone"), _PAPER),
    "offset": Row((*_JOINT, "--model.sharp.movement", "offset"), _PAPER),
    "distance": Row((*_JOINT, "--model.sharp.movement", "distance"), _PAPER),
}
"""Tables 3 (joint or alone), 5 (length of steps), 7 (lambda, M, N), 8 (n) and 9 (regression: Reg. 1
is offset, Reg. 2 distance)."""

TABLES = {"comparison": COMPARISON, "ablation": ABLATION}
