"""Pictures with boxes for mmdet, in COCO's and VOC's layouts and in tables, by readers that name what is wrong.

Beside mmdet's own data sets they refuse labels that do not fit instead of passing over them, keep pictures without
boxes for training, and read a set's classes by name wherever these stand in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS

import common.checked_image  # noqa: F401 - registers CheckedImage
from common.box_files import BoxSet, LabelledImage, read_coco, read_table, read_voc
from common.errors import ConfigError, DataError, did_you_mean
from common.palettes import distinct_colours

FILTERS = ("filter_empty_gt", "min_size")


class BoxDataset(BaseDetDataset):
    """What the data sets below have in common.

    Args:
        rename: from names in the files to classes.
        unknown: ``'refuse'`` or ``'drop'`` boxes of categories that are no class.
        outside: ``'refuse'`` or ``'clip'`` boxes that leave their picture by more than a pixel.
        empty: ``'refuse'`` or ``'drop'`` boxes without area.
        options: arguments of mmdet's `BaseDetDataset`, such as ``data_root``, ``pipeline``, and
            ``metainfo=dict(classes=(...))``, with or without a ``palette``; ``filter_cfg`` may have ``filter_empty_gt``
            (leave out pictures without boxes from training; by default they stay) and ``min_size`` (leave out pictures
            with a shorter side, pixels).

    Attributes:
        box_set: all that was read, before ``filter_cfg`` and ``indices``; a picture's ``img_id`` is its id there.

    Raises:
        ConfigError: if an option does not fit.
        DataError: if files or labels are missing or malformed; see `common.box_files`.
    """

    box_set: BoxSet

    def __init__(
        self,
        *,
        rename: Mapping[str, str] | None = None,
        unknown: str = "refuse",
        outside: str = "refuse",
        empty: str = "refuse",
        **options: Any,
    ) -> None:
        for key in options.get("filter_cfg") or {}:
            if key not in FILTERS:
                raise ConfigError(
                    f"expected filter_cfg with {' and '.join(FILTERS)} but found {key!r}{did_you_mean(key, FILTERS)}"
                )
        if isinstance(options.get("data_root"), Path):
            options["data_root"] = str(options["data_root"])
        self._rules = {"rename": rename, "unknown": unknown, "outside": outside, "empty": empty}
        super().__init__(**options)

    def load_data_list(self) -> list[dict]:
        """One entry for each picture, as mmdet's pipelines read them."""
        self.box_set = self._read(self._metainfo.get("classes"))
        self._metainfo["classes"] = self.box_set.classes
        palette = self._metainfo.setdefault("palette", distinct_colours(len(self.box_set.classes)))
        if len(palette) < len(self.box_set.classes):
            raise ConfigError(f"expected a palette of {len(self.box_set.classes)} colours but found {len(palette)}")
        pairs = zip(self.box_set.image_ids, self.box_set.images, strict=True)
        return [_entry(id, image) for id, image in pairs]

    def _read(self, classes: tuple[str, ...] | None) -> BoxSet:
        raise NotImplementedError

    def filter_data(self) -> list[dict]:
        """Entries that stay for training; all of them in ``test_mode``."""
        wanted = {} if self.test_mode else self.filter_cfg or {}
        smallest, with_boxes = wanted.get("min_size", 0), wanted.get("filter_empty_gt", False)
        kept = [
            entry
            for entry in self.data_list
            if min(entry["width"], entry["height"]) >= smallest and (entry["instances"] or not with_boxes)
        ]
        if not kept:
            raise DataError(
                f"expected pictures to train on but filter_cfg={dict(wanted)} leaves none of {len(self.data_list)}"
            )
        return kept

    def _image_folder(self) -> str:
        prefix = self.data_prefix
        return prefix.get("img") or prefix.get("img_path") or self.data_root or ""


def _entry(id: int, image: LabelledImage) -> dict[str, Any]:
    instances = [
        {"bbox": box, "bbox_label": label, "ignore_flag": int(ignored)}
        for box, label, ignored in zip(image.boxes.tolist(), image.labels.tolist(), image.ignored, strict=True)
    ]
    if image.areas is not None:  # COCO's sizes of objects are those of their outlines
        for instance, area in zip(instances, image.areas.tolist(), strict=True):
            instance["area"] = area
    size = {"height": image.height, "width": image.width}
    return {"img_path": str(image.file), "img_id": id, **size, "instances": instances}


@DATASETS.register_module()
class CocoBoxes(BoxDataset):
    """A COCO file: ``ann_file``, pictures in ``data_prefix=dict(img=...)``, both relative to ``data_root``.

    Args:
        ann_file: such as ``'annotations/instances_train2017.json'``.
        options: see `BoxDataset`. Without ``metainfo=dict(classes=...)`` the file's categories are the classes, in the
            order of their ids.

    Raises:
        ConfigError: if an option does not fit.
        DataError: if files or labels are missing or malformed.
    """

    def __init__(self, ann_file: str, **options: Any) -> None:
        super().__init__(ann_file=ann_file, **options)

    def _read(self, classes: tuple[str, ...] | None) -> BoxSet:
        return read_coco(self.ann_file, self._image_folder(), classes, **self._rules)


@DATASETS.register_module()
class VOCBoxes(BoxDataset):
    """VOC's layout: ``data_root`` has ``JPEGImages``, ``Annotations`` and ``ImageSets/Main/{part}.txt``.

    Several years are joined by mmengine's ``ConcatDataset``.

    Args:
        data_root: such as ``'data/VOCdevkit/VOC2007'``.
        part: name of the list.
        options: see `BoxDataset`; ``metainfo=dict(classes=...)`` is needed.

    Raises:
        ConfigError: if an option does not fit, or there are no classes.
        DataError: if files or labels are missing or malformed.
    """

    def __init__(self, data_root: str, part: str = "train", **options: Any) -> None:
        self.part = part
        super().__init__(data_root=data_root, **options)

    def _read(self, classes: tuple[str, ...] | None) -> BoxSet:
        return _with_classes(read_voc(self.data_root, self.part, classes, **self._rules), classes)


@DATASETS.register_module()
class CSVBoxes(BoxDataset):
    """A table with the columns image, xmin, ymin, xmax, ymax, label; see `common.box_files.read_table`.

    Args:
        ann_file: the table, relative to ``data_root``.
        first_pixel: 1 where the table counts pixels as VOC does.
        options: see `BoxDataset`; ``metainfo=dict(classes=...)`` is needed. Pictures are in
            ``data_prefix=dict(img=...)``.

    Raises:
        ConfigError: if an option does not fit, or there are no classes.
        DataError: if files or labels are missing or malformed.
    """

    def __init__(self, ann_file: str, first_pixel: int = 0, **options: Any) -> None:
        self.first_pixel = first_pixel
        super().__init__(ann_file=ann_file, **options)

    def _read(self, classes: tuple[str, ...] | None) -> BoxSet:
        found = read_table(self.ann_file, self._image_folder(), classes, **self._rules, first_pixel=self.first_pixel)
        return _with_classes(found, classes)


def _with_classes(found: BoxSet, classes: tuple[str, ...] | None) -> BoxSet:
    """The set, unless its classes are a guess: another part of it may lack one, and labels would not agree."""
    if classes is None:
        raise ConfigError(f"expected names of classes but found none; give metainfo=dict(classes={found.classes!r})")
    return found
