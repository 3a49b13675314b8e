"""What was measured, where and with which versions, kept as a JSON document."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from e2ec.bench.harness import PeerResult, Result, Summary
from lib.errors import InputError
from lib.files import atomic_write_json, read_json

# What is compared, or what ours stands on.
PACKAGES = (
    *("torch", "torchvision", "triton", "numpy", "opencv-python", "opencv-python-headless"),
    *("pycocotools", "ultralytics"),
)


@dataclass(frozen=True)
class Environment:
    """What a measurement depends on besides the code."""

    cpu: str
    cores: int
    gpu: str | None
    python: str
    versions: dict[str, str]
    openmp_wait_policy: str

    @classmethod
    def here(cls) -> Environment:
        """Of this process."""
        installed = {found.name: found.version for found in metadata.distributions()}
        return cls(
            cpu=cpu_model(),
            cores=usable_cores(),
            gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            python=platform.python_version(),
            versions={name: installed[name] for name in PACKAGES if name in installed},
            openmp_wait_policy=os.environ.get("OMP_WAIT_POLICY", "default"),
        )


@dataclass(frozen=True)
class Record:
    """One row of one run."""

    topic: str
    result: Result
    load: tuple[float, float]
    """Load average of the last minute, before and after."""
    environment: Environment

    @property
    def key(self) -> tuple[str, str]:
        return self.topic, self.result.name


def usable_cores() -> int:
    """Cores that this process may use."""
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's name and its widest vectors, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(reversed([line.split(":", 1) for line in lines if ":" in line]))
    facts = {key.strip(): value.strip() for key, value in fields.items()}
    flags = facts.get("flags", "").split()
    vectors = [name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags]
    return " ".join([facts.get("model name", platform.machine()), *(f"({v})" for v in vectors[:1])])


def load_average() -> float:
    """Of the last minute; 0 where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def write_records(path: str | Path, records: Iterable[Record]) -> None:
    """Write a JSON document: rows, and the environments that they name by number.

    Raises:
        InputError: the file cannot be written.
    """
    environments: list[Environment] = []
    rows = []
    for record in records:
        if record.environment not in environments:
            environments.append(record.environment)
        row = {"topic": record.topic, **asdict(record.result), "load": list(record.load)}
        rows.append({**row, "environment": environments.index(record.environment)})
    document = {"environments": [asdict(e) for e in environments], "rows": rows}
    # Floats to four digits: what lies beyond them is noise.
    rounded = json.loads(json.dumps(document), parse_float=lambda text: float(f"{float(text):.4g}"))
    atomic_write_json(path, rounded, indent=1)


def read_records(path: str | Path) -> list[Record]:
    """The records of a document that `write_records` made.

    Raises:
        InputError: the file cannot be read or is another kind of document.
    """
    document = read_json(path)
    try:
        environments = [Environment(**fields) for fields in document["environments"]]
        return [_record(row, environments) for row in document["rows"]]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a file of measured ratios ({error!r})") from error


def _record(row: dict[str, Any], environments: Sequence[Environment]) -> Record:
    fields = dict(row)
    topic, (before, after), place = (fields.pop(k) for k in ("topic", "load", "environment"))
    fields["missing"] = tuple(row["missing"])
    fields["ours"] = Summary(**row["ours"])
    fields["peers"] = {
        name: PeerResult(Summary(**peer["seconds"]), Summary(**peer["ratio"]))
        for name, peer in row["peers"].items()
    }
    return Record(topic, Result(**fields), (before, after), environments[place])


def merge(recorded: Sequence[Record], fresh: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Recorded rows with the fresh ones in their place, new ones at the end.

    A row that was recorded with a peer that is missing now stays as it was recorded.

    Returns:
        The rows, and a line for each that stays for that reason.
    """
    merged = {record.key: record for record in recorded}
    kept = []
    for record in fresh:
        old = merged.get(record.key)
        gone = set(old.result.peers) & set(record.result.missing) if old else ()
        if gone:
            peers = ", ".join(sorted(gone))
            kept.append(f"{record.result.name}: stays as recorded, without {peers} here")
        else:
            merged[record.key] = record
    return list(merged.values()), kept
