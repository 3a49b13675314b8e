"""Evaluation inside training: shared between the processes, scored by the main one."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from dataset.loading.sample import InstanceDataset
from e2ec.config import EvalConfig
from e2ec.engine.evaluate.evaluator import evaluate_stages, predict_dataset
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.train.interrupt import StopRequest


def validate(
    predictor: Predictor,
    dataset: InstanceDataset,
    config: EvalConfig,
    accelerator: Accelerator,
    *,
    stop: StopRequest,
) -> dict[str, Any] | None:
    """Metrics of a network on a data set; empty on all processes but the main one.

    As `evaluate_stages` gives them, and "stage", the stage that they belong to. None where any
    process was asked to stop before the end: on all of them.
    """
    results = predict_dataset(
        predictor,
        dataset,
        batch_size=config.batch_size,
        indices=range(accelerator.process_index, len(dataset), accelerator.num_processes),
        progress=accelerator.is_main_process,
        stopping=lambda: stop.requested,
    )
    stopped = stop.requested
    if accelerator.num_processes > 1:  # all of them end together
        value = torch.tensor(float(stopped), device=accelerator.device)
        stopped = bool(accelerator.reduce(value, reduction="sum") > 0)
    if stopped:
        return None
    if accelerator.num_processes > 1:
        shares = gather_object([results])
        results = {stage: [r for share in shares for r in share[stage]] for stage in results}
    if not accelerator.is_main_process:
        return {}
    asked = None
    if config.stage is not None:
        asked = predictor.family.resolve_stage(config.stage, predictor.stages)
    stage, metrics = evaluate_stages(results, dataset.ground_truth(), config, stage=asked)
    return {**metrics, "stage": config.stage or stage}
