"""Single objects to look at: the best, the worst, some at random, misses and false finds; each
beside its label and at every stage that was kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from e2ec.app.report.evaluation import Evaluation
from e2ec.app.report.html import Markup, section, tag
from e2ec.app.report.tiles import FOUND, LABEL, draw_tile, tile, window
from e2ec.metrics.coco_masks import compressed_mask
from e2ec.metrics.matches import Match
from lib.errors import InputError

Entry = dict[str, Any]
NEAR = 0.1
"""What overlaps less is no attempt at an object."""


class Gallery:
    """Makes examples of an evaluation."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        ids = evaluation.dataset.image_ids
        self._places = {image: number for number, image in enumerate(ids)}
        self._shown: tuple[int, str, np.ndarray] | None = None

    @cached_property
    def images(self) -> set[int]:
        """Ids of the images that examples come from: those whose stages were kept, or all."""
        stages = self.evaluation.stages
        own = set(self._places)
        return own & set(stages.images) if stages and stages.results else own

    def image(self, image_id: int) -> tuple[str, np.ndarray]:
        """Its name and its pixels; the last one is kept."""
        if self._shown is None or self._shown[0] != image_id:
            sample = self.evaluation.dataset[self._places[image_id]]
            self._shown = image_id, sample.name, sample.image
        return self._shown[1:]

    def nearest(self, label: Entry) -> tuple[Entry, float] | None:
        """The detection of a label's class, of any score, that overlaps it most, and their IoU."""
        others = self._by_place[label["image_id"], label["category_id"]]
        return most_overlapping(others, label)

    @cached_property
    def _by_place(self) -> defaultdict[tuple[int, int], list[Entry]]:
        groups: defaultdict[tuple[int, int], list[Entry]] = defaultdict(list)
        for entry in self.evaluation.inputs.detections:
            groups[entry["image_id"], entry["category_id"]].append(entry)
        return groups

    @cached_property
    def _stages(self) -> dict[str, defaultdict[tuple[int, int], list[Entry]]]:
        """What was found at the other stages, by image and class."""
        found: dict[str, defaultdict[tuple[int, int], list[Entry]]] = {}
        stages = self.evaluation.stages
        for stage, results in (stages.results if stages else {}).items():
            groups = found[stage] = defaultdict(list)
            for entry in results:
                groups[entry["image_id"], entry["category_id"]].append(entry)
        return found

    def at_stages(self, detection: Entry) -> list[tuple[str, Entry | None]]:
        """A detection at every stage in order; None where it is not to be found at one.

        It is the one of the same score there, as stages usually do not change it; of several, or
        where scores differ, the one that overlaps it most.
        """
        stages = self.evaluation.stages
        if stages is None:
            return [("found", detection)]
        rows: list[tuple[str, Entry | None]] = []
        for stage in stages.stages:
            if stage == stages.evaluated:
                rows.append((f"{stage} *", detection))
                continue
            others = self._stages[stage][detection["image_id"], detection["category_id"]]
            same = [entry for entry in others if entry.get("score") == detection["score"]]
            masks = [self._with_mask(entry, stage) for entry in same or others]
            best = most_overlapping(masks, detection)
            rows.append((stage, best[0] if best else None))
        return rows

    def _with_mask(self, entry: Entry, stage: str) -> Entry:
        size = self.evaluation.inputs.sizes[entry["image_id"]]
        mask, _ = compressed_mask(entry.get("segmentation"), size, f"stages.json: {stage}")
        return {**entry, "segmentation": mask}

    def example(self, label: Entry | None, detection: Entry | None) -> Markup:
        """A label and what was found of it, or one of both alone; says so where the image cannot
        be read: results of any origin are evaluated without images."""
        both = [entry for entry in (label, detection) if entry is not None]
        try:
            name, image = self.image(both[0]["image_id"])
        except InputError as error:
            return tag("figure", tag("figcaption", f"no picture: {error}"))
        place = window(both, image.shape[:2])
        class_name = self.evaluation.class_names[both[0]["category_id"]]
        tiles = []
        if label is not None:
            drawn = draw_tile(image, place, [(label, LABEL)])
            tiles.append(tile(drawn, "label", alt=f"Label of {class_name} in {name}"))
        for stage, found in self.at_stages(detection) if detection is not None else []:
            outlines = [
                (entry, color) for entry, color in ((label, LABEL), (found, FOUND)) if entry
            ]
            overlap = "gone"
            if found is not None:
                overlap = "" if label is None else f"IoU {100 * iou(found, label):.1f}"
            drawn = draw_tile(image, place, outlines)
            alt = f"{class_name} in {name} at stage {stage}: {overlap or 'no label'}"
            tiles.append(tile(drawn, stage, tag("br"), overlap, alt=alt))
        if detection is None:
            tiles.append(tag("div", "nothing was found near it", class_="tile"))
        facts = [class_name, name]
        if detection is not None:
            facts.append(f"score {detection['score']:.2f}")
        return tag("figure", tag("figcaption", ", ".join(facts)), tag("div", tiles, class_="tiles"))


def examples_section(evaluation: Evaluation, *, count: int, seed: int) -> Markup:
    """`count` of each kind."""
    gallery = Gallery(evaluation)
    chosen = choose(evaluation, gallery.images, count=count, seed=seed)
    labels, found = evaluation.annotations, evaluation.detections
    parts: list[object] = []
    for title, pairs in (
        ("Best", chosen["best"]),
        ("Worst of what was found", chosen["worst"]),
        (f"At random (seed {seed})", chosen["random"]),
    ):
        made = [gallery.example(labels[m.annotation], found[m.detection]) for m in pairs]
        parts += _group(title, made)
    matches = evaluation.matches
    missed = [labels[id] for id in matches.missed if labels[id]["image_id"] in gallery.images]
    missed.sort(key=lambda entry: (-entry["area"], entry["id"]))
    made = []
    for label in missed[:count]:
        near = gallery.nearest(label)
        made.append(gallery.example(label, near[0] if near and near[1] >= NEAR else None))
    parts += _group("Largest misses, with the nearest attempt of any score", made)
    false = [found[id] for id in matches.false if found[id]["image_id"] in gallery.images]
    false.sort(key=lambda entry: (-entry["score"], entry["id"]))
    parts += _group(
        "False finds of the highest score", [gallery.example(None, one) for one in false[:count]]
    )
    return section("Examples", "", _legend(evaluation, gallery), parts)


def choose(
    evaluation: Evaluation, images: set[int], *, count: int, seed: int
) -> dict[str, list[Match]]:
    """Matches in `images`: "best" and "worst" by IoU, and "random"; none of them twice."""
    labels = evaluation.annotations
    mine = [m for m in evaluation.matches.found if labels[m.annotation]["image_id"] in images]
    ranked = sorted(mine, key=lambda match: (-match.iou, match.annotation))
    best = ranked[:count]
    worst = ranked[len(best) :][::-1][:count]
    rest = sorted(ranked[len(best) : len(ranked) - len(worst)], key=lambda m: m.annotation)
    order = np.random.default_rng(seed).permutation(len(rest))[:count]
    return {"best": best, "worst": worst, "random": [rest[number] for number in order]}


def _legend(evaluation: Evaluation, gallery: Gallery) -> Markup:
    words: list[object] = [
        tag("span", "Green", class_="label"), " is the label, ",
        tag("span", "orange", class_="find"), " what was found; IoU is their overlap in percent.",
    ]  # fmt: skip
    stages = evaluation.stages
    if stages is not None:
        words.append(" A star marks the stage that was evaluated.")
        every = len(evaluation.dataset)
        if stages.results and len(gallery.images) < every:
            words.append(f" Examples are of {len(gallery.images)} of the {every} images.")
    elif evaluation.summary.get("stage") is not None:
        words.append(
            " This evaluation is from before other stages were kept; evaluate again to see them."
        )
    return tag("p", words, class_="note")


def _group(title: str, made: Sequence[Markup]) -> list[Markup]:
    if not made:
        return [tag("h3", title), tag("p", "None.")]
    return [tag("h3", title), tag("div", *made, class_="examples")]


def iou(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    """Of the masks of two entries or, where one has none, of their boxes."""
    both = (first, second)
    if all("segmentation" in entry for entry in both):
        pair = [[entry["segmentation"]] for entry in both]
    else:
        pair = [[entry["bbox"]] for entry in both]
    return float(coco_mask.iou(*pair, [0])[0, 0])


def most_overlapping(entries: Sequence[Entry], target: Entry) -> tuple[Entry, float] | None:
    """The entry that overlaps most, and its IoU; None where there is no entry."""
    overlaps = [iou(entry, target) for entry in entries]
    if not overlaps:
        return None
    best = int(np.argmax(overlaps))
    return entries[best], overlaps[best]
