"""The numbers of a data set, counted by hand."""

from __future__ import annotations

from dataclasses import replace

from label_scenes import box

from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.index.summary import format_summaries, summarise


def small_index() -> LabelIndex:
    """Image 1: a small cat, a medium one of two parts, a crowd; 2: a large dog; 3: nothing."""
    builder = IndexBuilder("labels.json")
    for image in (1, 2, 3):
        builder.add_image(image, f"{image}.png", 200, 100)
    for key, name in ((3, "cat"), (5, "dog"), (9, "cow")):
        builder.add_category(key, name)
    builder.add(id=1, image_id=1, category_id=3, polygons=[box(0, 0, 10, 10)])
    builder.add(
        id=2,
        image_id=1,
        category_id=3,
        polygons=[box(0, 0, 32, 32), box(0, 0, 20, 20)[:6]],
        area=1024,
    )
    builder.add(id=3, image_id=1, category_id=5, polygons=[box(0, 0, 90, 90)], crowd=True)
    builder.add(id=4, image_id=2, category_id=5, polygons=[box(0, 0, 96, 96)])
    return builder.finish()


def test_counts() -> None:
    summary = summarise(small_index())
    assert summary.images == 3 and summary.images_without_objects == 1
    assert summary.objects == 3 and summary.parts == 4 and summary.crowd_regions == 1
    assert summary.class_names == ("cat", "dog", "cow")
    assert summary.objects_per_class == (2, 1, 0)
    # COCO's bounds belong to the larger size: 32^2 is medium, 96^2 large.
    assert summary.sizes == {"small": 1, "medium": 1, "large": 1}
    assert summary.parts_per_object == {"1": 2, "2": 1, "3": 0, "4": 0, "5+": 0}
    assert summary.labelled


def test_quantiles() -> None:
    summary = summarise(small_index())
    # Sides 10, 32, 96; points 4, 4, 3, 4; objects of an image 2, 1, 0.
    assert (summary.side["min"], summary.side["median"], summary.side["max"]) == (10, 32, 96)
    assert (summary.side["25 %"], summary.side["75 %"]) == (21, 64)
    assert summary.vertices_per_contour["min"] == 3
    assert summary.vertices_per_contour["median"] == 4
    assert summary.objects_per_image["median"] == 1 and summary.objects_per_image["max"] == 2


def test_a_part_of_a_data_set_counts_for_itself() -> None:
    summary = summarise(small_index().subset(image_ids=[3, 2]))
    assert (summary.images, summary.images_without_objects, summary.objects) == (2, 1, 1)
    assert summary.objects_per_class == (0, 1, 0) and summary.crowd_regions == 0
    assert summary.side["min"] == summary.side["max"] == 96


def test_without_objects_or_images() -> None:
    summary = summarise(small_index().subset(image_ids=[3]))
    assert summary.objects == summary.parts == 0 and summary.side == {}
    none = summarise(small_index().subset(image_ids=[]))
    assert none.images == 0 and none.objects_per_image == {}
    assert not summarise(replace(small_index(), labelled=False)).labelled


def test_table_of_two_splits() -> None:
    """A column for each, numbers flush right, a dash for what a split does not have."""
    one, two = small_index(), small_index().subset(image_ids=[3])
    table = format_summaries({"train": summarise(one), "val": summarise(two)}).splitlines()
    assert table[0].split() == ["train", "val"]
    rows = {line[: table[0].index("train")].strip(): line.split()[-2:] for line in table[1:]}
    assert rows["images"] == ["3", "1"] and rows["crowd regions"] == ["1", "0"]
    assert rows["medium"] == ["1", "0"] and rows["cat"] == ["2", "0"] and rows["cow"] == ["0", "0"]
    assert next(line for line in table if line.startswith("  75 %")).split()[-2:] == ["64", "-"]
    assert len({len(line) for line in table if line.startswith(("images", "objects  "))}) == 1
