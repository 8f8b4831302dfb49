"""Tells before a run what data is missing, where to get it and how to prepare it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from common.errors import DataError


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
}
GENERATED = Source("nothing to download: it is generated", "python data_prep/seg/synthetic.py --out {root}")


def check_data(cfg: Config, parts: tuple[str, ...] = ("train", "val")) -> None:
    """Look for the folders that a config's data loaders read.

    Raises:
        DataError: three lines that name what is missing, where to get it and which command prepares it.
    """
    for part in parts:
        loader = cfg.get(f"{part}_dataloader")
        if not loader:
            continue
        dataset = loader["dataset"]
        root = Path(dataset.get("data_root") or "")
        prefix = dataset.get("data_prefix") or {}
        wanted = [root / prefix["img_path"]] if prefix.get("img_path") else [root]
        missing = [folder for folder in wanted if not folder.is_dir()]
        if missing:
            raise DataError(_three_lines(dataset["type"], root, missing[0], part))


def _three_lines(kind: str, root: Path, missing: Path, part: str) -> str:
    source = GENERATED if "street" in root.name else SOURCES.get(kind)
    if source is None:
        return f"expected {part} images in {missing} but there is no such folder; set data_root (--data-root)"
    lines = [
        f"expected {kind.removesuffix('Dataset')} {part} images in {missing} but there is no such folder "
        f"(--data-root names another)",
        f"get it:     {source.origin}",
        f"prepare it: {source.command.format(root=root)}",
    ]
    if source is not GENERATED:
        lines[-1] += f"   (or try {source.mini}, which needs no download)"
    return "\n".join(lines)
