"""CamVid for mmseg, and loaders that name the file when a picture or label is not as it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS, TRANSFORMS

from common.errors import DataError
from common.palettes import CAMVID_CLASSES, CAMVID_PALETTE, CAMVID_VOID, IGNORE_INDEX

SUFFIXES = (".png", ".jpg", ".jpeg")
HOW_TO_PREPARE = (
    "prepare CamVid with `python data_prep/seg/camvid.py DOWNLOAD --out FOLDER`, "
    "or generate data with `python data_prep/seg/synthetic.py --out FOLDER`"
)


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """CamVid's 11 classes in SegNet's layout, or anything else in that layout.

    ``ROOT/{train,val,test}/NAME.{png,jpg}``, ``ROOT/{train,val,test}annot/NAME.png`` and lists
    ``ROOT/{train,val,test}.txt`` with lines ``image label``. Paths in a list are relative to ROOT, or absolute and
    then, where nothing is there, mapped to ROOT by their last two parts. Where the list's suffix does not exist, the
    other ones are tried. Without a list every picture of the split's folder is taken. Label 11 (void) becomes 255.

    Args:
        data_root: the folder ROOT.
        split: "train", "val" or "test".
        ann_file: another list than ``{split}.txt``, relative to ROOT or absolute.
        options: arguments of `mmseg.datasets.BaseSegDataset`, such as ``pipeline``.

    Raises:
        DataError: if the folder, the list, a picture or a label is missing.
    """

    METAINFO = {  # noqa: RUF012 - the name and kind that mmseg reads
        "classes": CAMVID_CLASSES,
        "palette": [list(colour) for colour in CAMVID_PALETTE],
    }

    def __init__(self, data_root: str, split: str = "train", ann_file: str = "", **options: Any) -> None:
        if split not in ("train", "val", "test"):
            raise DataError(f"expected split 'train', 'val' or 'test' but found {split!r}")
        self.split = split
        self._list_is_given = bool(ann_file)
        super().__init__(data_root=str(data_root), ann_file=ann_file or f"{split}.txt", **options)

    def load_data_list(self) -> list[dict]:
        """One entry for each picture, with the paths of picture and label."""
        root = Path(self.data_root)
        if not root.is_dir():
            raise DataError(f"expected a data folder but found none at {root.absolute()}; {HOW_TO_PREPARE}")
        list_file = Path(self.ann_file)
        if list_file.is_file():
            pairs = _read_list(list_file, root)
        elif self._list_is_given:
            raise DataError(f"expected the list {list_file.absolute()} but found no such file; check ann_file")
        else:
            pairs = _read_folder(root, self.split)
        if not pairs:
            raise DataError(
                f"expected the list {list_file.absolute()} or pictures in {(root / self.split).absolute()} "
                f"but found neither (or both empty); {HOW_TO_PREPARE}"
            )
        shared = {
            "label_map": {**(self.label_map or {}), CAMVID_VOID: self.ignore_index},
            "reduce_zero_label": self.reduce_zero_label,
            "num_classes": len(self.metainfo["classes"]),
        }
        return [
            {"img_path": str(image), "seg_map_path": str(label), **shared, "seg_fields": []} for image, label in pairs
        ]


def _read_list(list_file: Path, root: Path) -> list[tuple[Path, Path]]:
    pairs = []
    for number, line in enumerate(list_file.read_text().splitlines(), start=1):
        columns = line.split()
        if not columns:
            continue
        if len(columns) > 2:
            raise DataError(f"expected 'image label' but found {line!r} in {list_file} (line {number})")
        image = _find(columns[0], root)
        if image is None:
            raise DataError(
                f"expected the picture {columns[0]} (.png or .jpg) below {root.absolute()} but found none; "
                f"it is named in {list_file} (line {number}). {HOW_TO_PREPARE}"
            )
        named = columns[1] if len(columns) == 2 else str(_label_of(image))
        label = _find(named, root)
        if label is None:
            raise DataError(
                f"expected the label {named} for {image} but found none below {root.absolute()}; restore it, or take "
                f"the picture out of {list_file} (line {number})"
            )
        pairs.append((image, label))
    return pairs


def _read_folder(root: Path, split: str) -> list[tuple[Path, Path]]:
    folder = root / split
    if not folder.is_dir():
        return []
    images = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    for image in images:
        if not _label_of(image).is_file():
            raise DataError(f"expected the label {_label_of(image)} for {image} but found none; restore it")
    return [(image, _label_of(image)) for image in images]


def _label_of(image: Path) -> Path:
    return image.parent.with_name(f"{image.parent.name}annot") / f"{image.stem}.png"


def _find(named: str, root: Path) -> Path | None:
    """The existing file that a list's path means (see `CamVidDataset`), or None."""
    path = Path(named)
    for candidate in (root / path, root.joinpath(*path.parts[-2:])):
        for suffix in (path.suffix, *SUFFIXES):
            file = candidate.with_suffix(suffix)
            if file.is_file():
                return file
    return None


@TRANSFORMS.register_module()
class CheckedImage(LoadImageFromFile):
    """`LoadImageFromFile` that names the file it cannot read.

    Raises:
        DataError: if the picture is missing or unreadable.
    """

    def transform(self, results: dict) -> dict | None:
        path = results["img_path"]
        try:
            loaded = super().transform(results)
        except (OSError, ValueError, AssertionError, AttributeError, cv2.error) as error:
            raise DataError(f"expected a picture but found an unreadable file {path} ({_reason(error)})") from error
        return loaded


@TRANSFORMS.register_module()
class CheckedAnnotations(LoadAnnotations):
    """mmseg's `LoadAnnotations` that checks each label against its picture and the classes.

    Args:
        num_classes: labels are 0..num_classes - 1, or `ignore_index`, after mmseg's label mapping. By default what the
            dataset says (`CamVidDataset` does); values are not checked where neither is given.
        ignore_index: the value of pixels without a class.
        options: arguments of mmseg's `LoadAnnotations`.

    Raises:
        DataError: if a label is missing, unreadable, of another size than its picture, or holds other values.
    """

    def __init__(self, num_classes: int | None = None, ignore_index: int = IGNORE_INDEX, **options: Any) -> None:
        super().__init__(**options)
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def _load_seg_map(self, results: dict) -> None:
        path = results["seg_map_path"]
        try:
            super()._load_seg_map(results)
        except (OSError, ValueError, SyntaxError, AttributeError, cv2.error) as error:
            raise DataError(f"expected a label but found an unreadable file {path} ({_reason(error)})") from error
        label = results["gt_seg_map"]
        if label.ndim != 2:
            raise DataError(f"expected a label with one channel but found shape {label.shape} in {path}")
        self._check_size(label, results)
        self._check_values(label, results)

    def _check_size(self, label: np.ndarray, results: dict) -> None:
        expected = results.get("ori_shape")
        if expected is not None and tuple(expected[:2]) != label.shape:
            raise DataError(
                f"expected a label of {expected[1]}x{expected[0]} (width x height), as {results.get('img_path')}, "
                f"but found {label.shape[1]}x{label.shape[0]} in {results['seg_map_path']}; resize it with nearest "
                "neighbours or restore the picture"
            )

    def _check_values(self, label: np.ndarray, results: dict) -> None:
        num_classes = self.num_classes if self.num_classes is not None else results.get("num_classes")
        if num_classes is None:
            return
        counts = np.bincount(label.ravel(), minlength=256)
        counts[:num_classes] = 0
        counts[self.ignore_index] = 0
        bad = np.flatnonzero(counts)
        if bad.size:
            listed = ", ".join(f"{value} ({counts[value]} pixels)" for value in bad[:10])
            more = f" and {bad.size - 10} more" if bad.size > 10 else ""
            raise DataError(
                f"expected label values 0..{num_classes - 1} or {self.ignore_index} but found {listed}{more} "
                f"in {results['seg_map_path']}; map them to classes first, or correct num_classes"
            )


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
