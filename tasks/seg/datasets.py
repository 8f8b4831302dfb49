"""Data in lists, and CamVid, for mmseg, and a loader that names the label that is not as it should be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS, TRANSFORMS

from common.checked_image import reason
from common.errors import ConfigError, DataError
from common.palettes import CAMVID_CLASSES, CAMVID_PALETTE, CAMVID_VOID, IGNORE_INDEX

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
LABEL_SUFFIXES = (".png",)  # JPEG changes label values
CAMVID_SPLITS = ("train", "val", "test")


@DATASETS.register_module()
class ListedSegDataset(BaseSegDataset):
    """Pictures and labels of any classes, named in lists.

    ``ROOT/SPLIT.txt`` with lines ``image label``, separated by spaces or a tab. A path with spaces in it needs the tab,
    or double quotes around it. Paths are relative to ROOT, or absolute and then, where nothing is there, mapped to ROOT
    by their last two parts. Where the named picture does not exist, it is looked for as .png, .jpg and .jpeg; labels
    are .png. Without a label, ``train/NAME.jpg`` has the label ``trainannot/NAME.png``. Without a list every picture of
    ``ROOT/SPLIT`` is taken.

    Args:
        data_root: the folder ROOT.
        split: name of the list and of the folder, such as "train".
        ann_file: another list than ``{split}.txt``, relative to ROOT or absolute.
        void: the label value, as stored, of pixels without a class; becomes ``ignore_index``. None where there is none.
        options: arguments of `mmseg.datasets.BaseSegDataset`, such as ``pipeline`` and
            ``metainfo=dict(classes=(...), palette=[...])``: class i has the label value i.

    Raises:
        ConfigError: if classes, palette or void do not fit.
        DataError: if the folder, the list, a picture or a label is missing.
    """

    how_to_prepare = "correct data_root, split or ann_file, or write the list with lines 'image label'"

    def __init__(
        self, data_root: str, split: str = "train", ann_file: str = "", void: int | None = None, **options: Any
    ) -> None:
        self._check_metainfo(options.get("metainfo") or {})
        if void is not None and not 0 <= void <= 255:
            raise ConfigError(f"expected void to be a label value 0..255 or None but found {void}")
        self.split = split
        self.void = void
        self._list_is_given = bool(ann_file)
        super().__init__(data_root=str(data_root), ann_file=ann_file or f"{split}.txt", **options)

    @classmethod
    def _check_metainfo(cls, metainfo: Mapping[str, Any]) -> None:
        own = cls.METAINFO.get("classes")
        classes = metainfo.get("classes", own)
        if not isinstance(classes, (list, tuple)) or not classes:
            raise ConfigError(
                f"expected names of classes but found {classes!r}; give {cls.__name__} "
                "metainfo=dict(classes=('road', ...), palette=[[128, 64, 128], ...])"
            )
        foreign = [name for name in classes if own is not None and name not in own]
        if foreign:
            raise ConfigError(
                f"expected some of the classes {', '.join(own)} but found {', '.join(foreign)}; "
                f"data of other classes is a ListedSegDataset, not a {cls.__name__}"
            )
        palette = metainfo.get("palette")
        if palette and len(palette) != len(classes):
            raise ConfigError(f"expected a palette of {len(classes)} colours, one per class, but found {len(palette)}")

    def load_data_list(self) -> list[dict]:
        """One entry for each picture, with the paths of picture and label."""
        root = Path(self.data_root)
        if not root.is_dir():
            raise DataError(f"expected a data folder but found none at {root.absolute()}; {self.how_to_prepare}")
        list_file = Path(self.ann_file)
        if list_file.is_file():
            pairs = _read_list(list_file, root, self.how_to_prepare)
        elif self._list_is_given:
            raise DataError(f"expected the list {list_file.absolute()} but found no such file; check ann_file")
        else:
            pairs = _read_folder(root, self.split)
        if not pairs:
            raise DataError(
                f"expected the list {list_file.absolute()} or pictures in {(root / self.split).absolute()} "
                f"but found neither (or both empty); {self.how_to_prepare}"
            )
        shared = {
            "label_map": self._loaded_to_ignored(),
            "reduce_zero_label": self.reduce_zero_label,
            "num_classes": len(self.metainfo["classes"]),
        }
        return [
            {"img_path": str(image), "seg_map_path": str(label), **shared, "seg_fields": []} for image, label in pairs
        ]

    def _loaded_to_ignored(self) -> dict[int, int] | None:
        if self.void is None:
            return self.label_map
        # mmseg maps labels after it has lowered them by one, where it is told to.
        return {**(self.label_map or {}), self.void - bool(self.reduce_zero_label): self.ignore_index}


@DATASETS.register_module()
class CamVidDataset(ListedSegDataset):
    """CamVid's 11 classes in SegNet's layout: label 11 (void) is ignored.

    Args:
        data_root: see `ListedSegDataset`.
        split: "train", "val" or "test".
        ann_file: see `ListedSegDataset`.
        void: see `ListedSegDataset`.
        options: arguments of `mmseg.datasets.BaseSegDataset`.

    Raises:
        ConfigError: if classes other than CamVid's are asked for.
        DataError: if the split is unknown, or the folder, the list, a picture or a label is missing.
    """

    METAINFO = {  # noqa: RUF012 - the name and kind that mmseg reads
        "classes": CAMVID_CLASSES,
        "palette": [list(colour) for colour in CAMVID_PALETTE],
    }
    how_to_prepare = (
        "prepare CamVid with `python data_prep/seg/camvid.py DOWNLOAD --out FOLDER`, "
        "or generate data with `python data_prep/seg/synthetic.py --out FOLDER`"
    )

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        ann_file: str = "",
        void: int | None = CAMVID_VOID,
        **options: Any,
    ) -> None:
        if split not in CAMVID_SPLITS:
            raise DataError(f"expected split 'train', 'val' or 'test' but found {split!r}")
        super().__init__(data_root, split, ann_file, void, **options)


def _read_list(list_file: Path, root: Path, how_to_prepare: str) -> list[tuple[Path, Path]]:
    pairs = []
    for number, line in enumerate(list_file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        where = f"{list_file} (line {number})"
        columns = _columns(line, where)
        if not columns:
            continue
        image = _find(columns[0], root)
        if image is None:
            raise DataError(
                f"expected the picture {columns[0]} (.png or .jpg) below {root.absolute()} but found none; "
                f"it is named in {where}. {how_to_prepare}"
            )
        named = columns[1] if len(columns) == 2 else str(_label_of(image))
        label = _find(named, root, LABEL_SUFFIXES)
        if label is None:
            raise DataError(
                f"expected the label {named} (a .png) for {image} but found none below {root.absolute()}; restore it, "
                f"or take the picture out of {where}"
            )
        pairs.append((image, label))
    return pairs


def _columns(line: str, where: str) -> list[str]:
    """The one or two paths of a list's line; none where it is blank."""
    if "\t" in line:
        columns = [column.strip().strip('"') for column in line.split("\t") if column.strip()]
    else:
        reader = shlex.shlex(line, posix=True)
        reader.whitespace_split = True
        reader.quotes, reader.escape, reader.commenters = '"', "", ""  # other signs may be part of a name
        try:
            columns = list(reader)
        except ValueError as error:
            raise DataError(f"expected a closing quote but found {line!r} in {where}; add it") from error
    if len(columns) > 2:
        raise DataError(
            f"expected 'image label' but found {line!r} in {where}; where a path holds spaces, put it in double "
            "quotes or separate the two by a tab"
        )
    return columns


def _read_folder(root: Path, split: str) -> list[tuple[Path, Path]]:
    folder = root / split
    if not folder.is_dir():
        return []
    images = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    for image in images:
        if not _label_of(image).is_file():
            raise DataError(f"expected the label {_label_of(image)} for {image} but found none; restore it")
    return [(image, _label_of(image)) for image in images]


def _label_of(image: Path) -> Path:
    return image.parent.with_name(f"{image.parent.name}annot") / f"{image.stem}.png"


def _find(named: str, root: Path, only: tuple[str, ...] | None = None) -> Path | None:
    """The existing file that a list's path means (see `ListedSegDataset`), of the suffixes ``only``, or None."""
    path = Path(named)
    for candidate in (root / path, root.joinpath(*path.parts[-2:])):
        bare = candidate.with_suffix("") if candidate.suffix.lower() in IMAGE_SUFFIXES else candidate
        # A name may hold dots, so suffixes are appended to it, not put in the place of its last part.
        others = [bare.parent / f"{bare.name}{suffix}" for suffix in IMAGE_SUFFIXES]
        for file in (candidate, *others):
            if (only is None or file.suffix.lower() in only) and file.is_file():
                return file
    return None


@TRANSFORMS.register_module()
class CheckedAnnotations(LoadAnnotations):
    """mmseg's `LoadAnnotations` that checks each label against its picture and the classes.

    Args:
        num_classes: labels are 0..num_classes - 1, or `ignore_index`, after mmseg's label mapping. By default what the
            dataset says (`ListedSegDataset` does); values are not checked where neither is given.
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
            raise DataError(f"expected a label but found an unreadable file {path} ({reason(error)})") from error
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
