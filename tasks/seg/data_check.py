"""Tells before a run what data is missing, where to get it and how to prepare it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from common.errors import DataError
from common.wrapped_datasets import innermost_datasets


class Source(NamedTuple):
    """Where a data set comes from, and the command that prepares it."""

    origin: str
    command: str
    mini: str = "configs/seg/bpkd_deeplab_mini.py"


SOURCES = {
    "CityscapesDataset": Source(
        "https://www.cityscapes-dataset.com (free registration): leftImg8bit_trainvaltest.zip, gtFine_trainvaltest.zip",
        "put both files into {root}, then: python data_prep/seg/cityscapes.py {root}",
    ),
    "CamVidDataset": Source(
        "CamVid in SegNet's layout, or the original 32-class download",
        "python data_prep/seg/camvid.py FOLDER_OF_THE_DOWNLOAD --out {root}",
    ),
    "ADE20KDataset": Source(
        "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
        "put the file beside {root}, then: python data_prep/seg/ade20k.py {root}",
    ),
    "PascalContextDataset59": Source(
        "VOCtrainval_03-May-2010.tar of http://host.robots.ox.ac.uk/pascal/VOC/voc2010, and trainval_merged.json of "
        "PASCAL in Detail",
        "extract the first, put the second into {root}, then: python data_prep/seg/pascal_context.py {root}",
    ),
}
_GENERATED = "nothing to download: it is generated"
# A generator's default folder, the file that it leaves in every folder, and its command.
GENERATED = (
    ("synthetic_street", "synthetic.json", Source(_GENERATED, "python data_prep/seg/synthetic.py --out {root}")),
    (
        "synthetic_video",
        "video.json",
        Source(_GENERATED, "python -m data_prep.seg.video {root} --clips 40 --test-clips 12 --size 160 120 --reach 2"),
    ),
)


def check_data(cfg: Config, parts: tuple[str, ...] = ("train", "val")) -> None:
    """Look for the folders that a config's data loaders read.

    Raises:
        DataError: three lines that name what is missing, where to get it and which command prepares it.
    """
    for part in parts:
        loader = cfg.get(f"{part}_dataloader")
        if not loader:
            continue
        for dataset in innermost_datasets(loader["dataset"]):
            root = Path(dataset.get("data_root") or "")
            folder = root / (dataset.get("data_prefix") or {}).get("img_path", "")
            if not folder.is_dir() or not any(folder.iterdir()):
                raise DataError(_three_lines(dataset["type"], root, folder, part))


def _generated(kind: str, root: Path) -> Source | None:
    if kind != "CamVidDataset":
        return None
    return next((made for folder, file, made in GENERATED if root.name == folder or (root / file).is_file()), None)


def _three_lines(kind: str, root: Path, missing: Path, part: str) -> str:
    generated = _generated(kind, root)
    source = generated or SOURCES.get(kind)
    found = "the folder is empty" if missing.is_dir() else "there is no such folder"
    if source is None:
        return f"expected {part} images in {missing} but {found}; set data_root (--data-root)"
    lines = [
        f"expected {kind.removesuffix('Dataset')} {part} images in {missing} but {found} (--data-root names another)",
        f"get it:     {source.origin}",
        f"prepare it: {source.command.format(root=root)}",
    ]
    if generated is None:
        lines[-1] += f"   (or try {source.mini}, which needs no download)"
    return "\n".join(lines)
