"""What a front door says where memory runs out: one line, with what to lower."""

from __future__ import annotations

from lib.memory import is_killed_worker

LESS_MEMORY = "use smaller images or fewer at a time, or close other programs"
"""What helps where nothing better is known."""
TRAINING_MEMORY = (
    "lower --train.batch-size or --data.augmentation.crop-size, or raise --train.accumulate; if it "
    "happens while evaluating, lower --eval.batch-size or the size or zoom of --data.view"
)
PREDICTION_MEMORY = "lower the size or zoom of the weights' view, or give smaller images"
EVALUATION_MEMORY = "lower --eval.batch-size, or the size or zoom of --data.view"
VERB_MEMORY = {
    "train": TRAINING_MEMORY,
    "test": EVALUATION_MEMORY,
    "demo": PREDICTION_MEMORY,
    "predict": f"lower --batch-size, {PREDICTION_MEMORY}",
}
"""The same by the verbs of the command `e2ec`."""
_LONGEST = 200


def memory_line(error: Exception, remedy: str) -> str:
    """The line for an exception of `lib.memory`.

    Args:
        error: what was raised.
        remedy: what to lower.
    """
    # Workers hand on whole tracebacks, of which the last line says it; of others it is the first.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    said = lines[-1 if lines[0].startswith("Caught ") else 0][:_LONGEST]
    said = f" ({said})" if said else ""
    if is_killed_worker(error):
        what = "a process that loads images was killed, for lack of memory most often"
        return f"{what}{said}; lower --data.workers, or {remedy}"
    return f"out of memory{said}; {remedy}"
