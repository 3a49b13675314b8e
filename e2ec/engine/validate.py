"""Evaluation inside training: shared between the processes, scored by the main one."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from dataset.sample import InstanceDataset
from e2ec.config import EvalConfig
from e2ec.engine.evaluator import evaluate, predict_dataset
from e2ec.engine.interrupt import StopRequest
from e2ec.engine.predictor import Predictor


def validate(
    predictor: Predictor,
    dataset: InstanceDataset,
    config: EvalConfig,
    accelerator: Accelerator,
    *,
    stop: StopRequest,
) -> dict[str, Any] | None:
    """Metrics of a network on a data set; empty on all processes but the main one.

    None where any process was asked to stop before the end: on all of them.
    """
    results = predict_dataset(
        predictor,
        dataset,
        stage=config.stage,
        batch_size=config.batch_size,
        indices=range(accelerator.process_index, len(dataset), accelerator.num_processes),
        progress=accelerator.is_main_process,
        stopping=lambda: stop.requested,
    )
    if any_process(stop.requested, accelerator):
        return None
    if accelerator.num_processes > 1:
        results = gather_object(results)
    if not accelerator.is_main_process:
        return {}
    return evaluate(results, dataset.ground_truth(), config)


def any_process(flag: bool, accelerator: Accelerator) -> bool:
    """Whether `flag` is set in any process; all must ask."""
    if accelerator.num_processes == 1:
        return flag
    value = torch.tensor(float(flag), device=accelerator.device)
    return bool(accelerator.reduce(value, reduction="sum") > 0)
