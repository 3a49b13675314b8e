"""KINS: KITTI images with amodal masks (Qi et al., CVPR 2019), in both generations of its labels.

The images are KITTI's `training/image_2/*.png` and `testing/image_2/*.png`; labels are COCO files
with more fields. An amodal mask shows the whole object, also what others hide of it; it is what
contour papers train on and test with. The visible mask is what can be seen.

| generation | amodal | visible |
|---|---|---|
| 2019 | `segmentation`, `bbox`, `area` | `inmodal_seg`, `inmodal_bbox` |
| 2020 (`update_train_2020.json`) | `a_segm`, `a_bbox`, `a_area` | `i_segm`, `i_bbox`, `i_area` |
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from dataset.checks.problems import LeftOut, Report, Unusable, strict
from dataset.formats.coco.json_stream import stream_members
from dataset.formats.coco.read import CocoReader
from dataset.formats.format import Format, Split, file_splits
from dataset.formats.json_files import is_kins_file, json_files
from dataset.index.label_index import LabelIndex
from lib.errors import InputError

Masks = Literal["amodal", "visible"]

# By category id; 3 (rider) is defined, but no object is labelled with it.
CLASSES = {
    1: "cyclist", 2: "pedestrian", 4: "car", 5: "tram", 6: "truck", 7: "van", 8: "misc"
}  # fmt: skip
_RIDER = 3


# Names of the fields of segmentation, box and area, by generation; an empty one does not exist.
_FIELDS: dict[tuple[int, Masks], tuple[str, str, str]] = {
    (2019, "amodal"): ("segmentation", "bbox", "area"),
    (2019, "visible"): ("inmodal_seg", "inmodal_bbox", ""),
    (2020, "amodal"): ("a_segm", "a_bbox", "a_area"),
    (2020, "visible"): ("i_segm", "i_bbox", "i_area"),
}


def read_kins(
    annotations: str | Path, *, masks: Masks = "amodal", report: Report = strict
) -> LabelIndex:
    """Read and check a label file of KINS; the fields of its first annotation tell the generation.

    Classes go by category id, whatever the file calls them. Masks are polygons or run lengths; what
    reaches out of the image is kept as it is.

    Args:
        annotations: the file; its image names are relative to KITTI's `image_2`.
        masks: "amodal", or "visible"; an object that has no visible mask is left out of the latter.
        report: told what is wrong with single entries, which are left out then.

    Raises:
        InputError: the file is not JSON or not KINS, or holds no masks of this kind; or from
            `report`.
    """
    reader = _KinsReader(annotations, masks, report)
    members = stream_members(annotations, {**reader.lists(), "categories": reader.check_category})
    reader.require(members, "images", "annotations")
    if reader.masks_found == 0 and reader.counts["annotations"]:
        raise InputError(
            f"{annotations}: no annotation has a{'n' if masks == 'amodal' else ''} {masks} mask; "
            "choose the other kind of masks, or another file"
        )
    return reader.builder.finish()


class _KinsReader(CocoReader):
    """Reads the entries of a file under the names of COCO's fields."""

    file_kind = "a label file of KINS"
    remedy = "give one of its JSON files"

    def __init__(self, path: str | Path, masks: Masks, report: Report) -> None:
        super().__init__(path, report)
        self.masks_found = 0
        self._masks = masks
        self._fields: tuple[str, str, str] | None = None
        for category_id, name in CLASSES.items():
            self.builder.add_category(category_id, name)

    def check_category(self, entry: Any) -> None:
        """Check an entry of `categories` against the classes of KINS."""
        if not isinstance(entry, dict):
            return
        category_id, name = entry.get("id"), entry.get("name")
        expected = {**CLASSES, _RIDER: "rider"}
        wanted = expected.get(category_id) if type(category_id) is int else None
        if name == wanted or not isinstance(name, str):
            return
        what = f"is called {name!r:.40}; in KINS this id is {wanted or 'not used'}"
        remedy = "restore the ids of KINS, or read the file as COCO"
        error = Unusable("category name", what, remedy)
        # Another of the names means that the ids were changed: classes would be mixed up.
        error.action = "stops" if name in expected.values() else "kept"
        self.builder.report(error, f"category {category_id!r:.40}")

    def _annotation(self, entry: dict[str, Any]) -> None:
        if self._fields is None:
            self._fields = _FIELDS[self._generation(entry), self._masks]
        segmentation, bbox, area = self._fields
        if entry.get("category_id") == _RIDER:
            what = f"category {_RIDER} (rider) is not among the classes of KINS in use"
            raise LeftOut("unknown category", what)
        if entry.get(segmentation) in (None, [], {}):
            what = f"has no {self._masks} mask ('{segmentation}')"
            raise LeftOut(f"no {self._masks} mask", what)
        self.masks_found += 1
        shared = ("id", "image_id", "category_id", "iscrowd")
        renamed = {"segmentation": segmentation, "bbox": bbox, "area": area}
        super()._annotation(
            {key: entry[key] for key in shared if key in entry}
            | {key: entry.get(name) for key, name in renamed.items()}
        )

    def _generation(self, entry: dict[str, Any]) -> int:
        if "a_segm" in entry or "i_segm" in entry:
            return 2020
        if "inmodal_seg" in entry or "inmodal_bbox" in entry:
            return 2019
        raise InputError(
            f"{self.path}: not a label file of KINS (annotation {entry.get('id')!r:.40} has the "
            "fields of neither generation, 'a_segm' and 'i_segm' of 2020 or 'segmentation' and "
            "'inmodal_seg' of 2019); give one of its JSON files, or read it as COCO"
        )


def _recognise(path: Path) -> bool:
    if not path.is_dir():
        return is_kins_file(path)
    return any((path / f"{name}/image_2").is_dir() for name in ("training", "testing"))


def _splits(path: Path, images: Path | None) -> Iterator[Split]:
    files = sorted(filter(is_kins_file, json_files(path))) if path.is_dir() else [path]
    return file_splits(files, images)


KINS = Format(
    name="kins",
    title="KINS",
    recognise=_recognise,
    splits=_splits,
    read=lambda split, report: read_kins(split.labels, report=report, **split.settings),
    labels="file",
    settings=("masks",),
    validates_on="test",
)
