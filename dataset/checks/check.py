"""Finding everything that is wrong with images and labels before training starts.

Readers report what they cannot read; what needs the images or geometry is found here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dataset.checks.contours import check_contours
from dataset.checks.images import check_images
from dataset.checks.problems import Action, Problem, Report
from dataset.formats.coco.read import CocoReader
from dataset.index.dataset import IndexedDataset
from dataset.index.label_index import LabelIndex
from dataset.loading.sample import InstanceDataset


@dataclass
class Findings:
    """Collects problems: call it as the report of a reader or a check.

    What is reported twice, because two splits share a file, counts once.
    """

    problems: list[Problem] = field(default_factory=list)
    _seen: set[Problem] = field(default_factory=set, repr=False)

    def __call__(self, problem: Problem) -> None:
        if problem not in self._seen:
            self._seen.add(problem)
            self.problems.append(problem)

    @property
    def stopping(self) -> int:
        """How many of the problems would stop training."""
        return sum(problem.action == "stops" for problem in self.problems)

    def by_kind(self) -> dict[tuple[str, Action], list[Problem]]:
        """The problems by kind and action; those that stop training first, then by number."""
        counts = Counter((problem.kind, problem.action) for problem in self.problems)
        kinds = sorted(counts, key=lambda key: (key[1] != "stops", -counts[key], key))
        groups: dict[tuple[str, Action], list[Problem]] = {kind: [] for kind in kinds}
        for problem in self.problems:
            groups[problem.kind, problem.action].append(problem)
        return groups


def check_dataset(
    dataset: InstanceDataset,
    report: Report,
    *,
    decode: bool = True,
    progress: bool = False,
) -> None:
    """Report what is wrong with the images and the shapes of the labels of a data set.

    Args:
        dataset: opened with the same report, which has had what its reader found. The images of
            data that are made on the fly are not looked at.
        report: called with every problem.
        decode, progress: those of `check_images`.
    """
    index = label_index(dataset)
    check_contours(index, report, progress=progress)
    if isinstance(dataset, IndexedDataset):
        check_images(dataset.folder, index, report, decode=decode, progress=progress)


def label_index(dataset: InstanceDataset) -> LabelIndex:
    """The labels of a data set; for one that has no index, one made from its ground truth."""
    if isinstance(dataset, IndexedDataset):
        return dataset.index
    truth = dataset.ground_truth()
    reader = CocoReader(dataset.source)
    for key, take in reader.lists().items():
        for entry in truth[key]:
            take(entry)
    return reader.builder.finish()
