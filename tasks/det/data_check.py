"""Tells before a run what data is missing, where to get it and how to prepare it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from common.errors import DataError
from common.wrapped_datasets import innermost_datasets


class Source(NamedTuple):
    """Where a data set comes from, and what prepares it."""

    origin: str
    preparation: str


COCO = Source(
    "https://cocodataset.org/#download: train2017.zip, val2017.zip, annotations_trainval2017.zip",
    "unzip all three into {root}",
)
VOC = Source(
    "http://host.robots.ox.ac.uk/pascal/VOC: VOCtrainval_06-Nov-2007.tar, VOCtest_06-Nov-2007.tar, "
    "VOCtrainval_11-May-2012.tar",
    "unpack all three, so that {root} has JPEGImages, Annotations and ImageSets",
)
OWN = Source("it is your own", "correct data_root, ann_file or data_prefix of the config")
# The sets of this project and mmdet's own.
SOURCES = {
    "CocoBoxes": COCO,
    "CocoDataset": COCO,
    "VOCBoxes": VOC,
    "VOCDataset": VOC,
    "XMLDataset": OWN,
    "CSVBoxes": OWN,
}
# The generator's default folder, and the file that it leaves in every folder.
GENERATED_FOLDER, GENERATED_FILE = "synthetic_boxes", "synthetic.json"
GENERATOR = "python data_prep/det/synthetic.py"
GENERATED = Source("nothing to download: it is generated", GENERATOR + " --out {root}")


def check_data(cfg: Config, parts: tuple[str, ...] = ("train", "val")) -> None:
    """Look for the files of labels and the folders of pictures that a config's data loaders read.

    Raises:
        DataError: three lines that name what is missing, where to get it and how to prepare it.
    """
    for part in parts:
        loader = cfg.get(f"{part}_dataloader")
        if not loader:
            continue
        for dataset in innermost_datasets(loader["dataset"]):
            for path in _needed(dataset):
                if path.is_file() or (path.is_dir() and any(path.iterdir())):
                    continue
                raise DataError(_three_lines(dataset, path, part))


def _needed(dataset: Mapping) -> Iterator[Path]:
    root = Path(dataset.get("data_root") or "")
    if dataset.get("ann_file"):
        yield root / dataset["ann_file"]
    prefix = dataset.get("data_prefix") or {}
    if dataset["type"] == "VOCBoxes":
        yield root / "ImageSets" / "Main" / f"{dataset.get('part', 'train')}.txt"
        yield root / "JPEGImages"
    else:
        yield root / (prefix.get("img") or prefix.get("img_path") or prefix.get("sub_data_root") or "")


def _three_lines(dataset: Mapping, missing: Path, part: str) -> str:
    kind, root = dataset["type"], Path(dataset.get("data_root") or "")
    is_generated = root.name == GENERATED_FOLDER or (root / GENERATED_FILE).is_file()
    source = GENERATED if is_generated else SOURCES.get(kind)
    what = f"{kind.removesuffix('Dataset').removesuffix('Boxes')} {part} data"
    found = "the folder is empty" if missing.is_dir() else "there is no such file or folder"
    if source is None:
        return f"expected {part} data at {missing} but {found}; set data_root (--data-root)"
    lines = [
        f"expected {what} at {missing} but {found} (--data-root names another folder)",
        f"get it:     {source.origin}",
        f"prepare it: {source.preparation.format(root=root)}",
    ]
    if source is not GENERATED:
        lines[-1] += f"   (or generate data, which needs no download: {GENERATOR})"
    return "\n".join(lines)
