"""Bring CamVid from its downloads' layouts to the one that the loader reads.

    python data_prep/seg/camvid.py DOWNLOAD --out data/camvid

DOWNLOAD is either the original set (pictures ``NAME.png`` and colour labels ``NAME_L.png``, in whatever folders) or
SegNet's (``train/``, ``trainannot/``, ..., labels 0..11). Written are ``{train,val,test}/``,
``{train,val,test}annot/`` (0..10, 11 = void) and the lists ``{train,val,test}.txt``.

With ``--check`` the folder is one in the written layout, and nothing is changed.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

import cv2
import numpy as np

from common.errors import DataError, exit_on_user_error
from common.palettes import CAMVID_CLASSES, CAMVID_COLOURS_32, CAMVID_MERGES, CAMVID_VOID
from data_prep.output import is_filled, progress_bar, read_image, whole_folder, write_image

SPLITS = ("train", "val", "test")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
VAL_FRAMES = range(7959, 8160)  # of sequence 0016E5
LAST_TRAIN_FRAME = 8520  # of sequence 0001TP
WHERE = "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/"

# name, picture, label
Sample = tuple[str, Path, Path]


def convert(
    source: Path,
    out: Path,
    merge: str = "segnet",
    lists: Path | None = None,
    size: tuple[int, int] | None = None,
    force: bool = False,
) -> dict[str, int]:
    """Write ``out`` from a download.

    Args:
        source: folder of the download.
        out: folder to write; appears only when all of it is there.
        merge: which of `CAMVID_MERGES` joins the 32 classes to 11 (original labels only).
        lists: folder with ``train.txt``, ``val.txt``, ``test.txt`` that say which picture belongs where; by default the
            split of the 11-class papers, by sequence.
        size: ``(width, height)`` to bring everything to.
        force: replace what stands at ``out``.

    Returns:
        Number of pictures in each split.

    Raises:
        DataError: if something is missing or malformed; names the file.
    """
    if is_filled(out) and not (force and all((out / f"{split}annot").is_dir() for split in SPLITS)):
        raise DataError(
            f"expected a new or empty folder but found files in {out}; name another one, "
            "or replace an earlier conversion with --force"
        )
    is_segnet = (source / "trainannot").is_dir()
    samples = _segnet_samples(source) if is_segnet else _original_samples(source)
    splits = _split_by_lists(samples, lists) if lists else _split_by_sequence(samples)
    table = None if is_segnet else colour_table(merge)
    with whole_folder(out) as folder, progress_bar() as progress:
        task = progress.add_task("CamVid: pictures", total=sum(map(len, splits.values())))
        for split, members in splits.items():
            for part in (split, f"{split}annot"):
                (folder / part).mkdir()
            lines = []
            for sample in members:
                image = _write_sample(sample, folder, split, table, size)
                lines.append(f"{split}/{image} {split}annot/{sample[0]}.png\n")
                progress.advance(task)
            (folder / f"{split}.txt").write_text("".join(lines))
    return {split: len(members) for split, members in splits.items()}


def colour_table(merge: str) -> np.ndarray:
    """From a colour, packed as ``R * 65536 + G * 256 + B``, to 0..10, 11 for void, 255 for no colour of CamVid's."""
    table = np.full(1 << 24, 255, np.uint8)
    classes = {old: value for value, new in enumerate(CAMVID_CLASSES) for old in CAMVID_MERGES[merge][new]}
    for name, (red, green, blue) in CAMVID_COLOURS_32.items():
        table[red << 16 | green << 8 | blue] = classes.get(name, CAMVID_VOID)
    return table


def label_from_colours(colours: np.ndarray, table: np.ndarray, path: Path) -> np.ndarray:
    """Class of every pixel.

    Args:
        colours: RGB ``uint8 [H, W, 3]``.
        table: what `colour_table` gives.
        path: the label's file, for the message.

    Raises:
        DataError: on a colour that is not CamVid's.
    """
    packed = (colours.astype(np.int32) << np.array([16, 8, 0])).sum(axis=2)
    label = table[packed]
    unknown = packed[label == 255]
    if unknown.size:
        values, counts = np.unique(unknown, return_counts=True)
        value = int(values[counts.argmax()])
        raise DataError(
            f"expected the 32 colours of CamVid's labels but found {len(values)} other(s) in {path}, most often RGB "
            f"({value >> 16}, {value >> 8 & 255}, {value & 255}) in {counts.max()} pixels; take the published PNG "
            "files, neither resized nor saved as JPEG"
        )
    return label


def split_of(name: str) -> str:
    """Part of the 11-class papers' split that a picture belongs to, from its name.

    Raises:
        DataError: if the name is of no known sequence.
    """
    match = re.fullmatch(r"(0001TP|0006R0|0016E5|Seq05VD)_f?(\d+)", name)
    if not match:
        raise DataError(
            f"expected names such as 0016E5_07959 but found {name!r}; give the split with --lists FOLDER "
            "(train.txt, val.txt, test.txt)"
        )
    sequence, frame = match[1], int(match[2])
    if sequence == "0016E5" and frame in VAL_FRAMES:
        return "val"
    if sequence == "Seq05VD" or (sequence == "0001TP" and frame > LAST_TRAIN_FRAME):
        return "test"
    return "train"


def check(root: Path) -> dict[str, int]:
    """Look at every picture and label of a folder in the written layout.

    Returns:
        Number of pictures in each split.

    Raises:
        DataError: at the first picture without label, unequal size, or label value out of 0..11.
    """
    counts = {}
    with progress_bar() as progress:
        for split in SPLITS:
            images = _images(root / split)
            if not images:
                raise DataError(f"expected pictures but found none in {root / split}; run data_prep/seg/camvid.py")
            task = progress.add_task(f"check {split}", total=len(images))
            for image in images:
                label = root / f"{split}annot" / f"{image.stem}.png"
                values = _read_pair(image, label, cv2.IMREAD_UNCHANGED)[1]
                _check_values(values, label)
                progress.advance(task)
            counts[split] = len(images)
    return counts


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _read_pair(image_path: Path, label_path: Path, label_flag: int) -> tuple[np.ndarray, np.ndarray]:
    if not label_path.is_file():
        raise DataError(
            f"expected a label {label_path} for {image_path} but found none; restore it or drop the picture"
        )
    image, label = read_image(image_path), read_image(label_path, label_flag)
    if image.shape[:2] != label.shape[:2]:
        wanted, found = (f"{array.shape[1]}x{array.shape[0]}" for array in (image, label))
        raise DataError(f"expected a label of {wanted}, as {image_path}, but found {found} in {label_path}")
    return image, label


def _check_values(label: np.ndarray, path: Path) -> None:
    if label.ndim != 2:
        raise DataError(f"expected one channel with values 0..{CAMVID_VOID} but found a colour picture in {path}")
    bad = sorted(set(np.unique(label).tolist()) - set(range(CAMVID_VOID + 1)))
    if bad:
        raise DataError(f"expected label values 0..{CAMVID_VOID} but found {bad[:10]} in {path}")


def _original_samples(source: Path) -> dict[str, Sample]:
    labels = {path.stem[:-2]: path for path in sorted(source.rglob("*_L.png"))}
    if not labels:
        raise DataError(
            f"expected colour labels NAME_L.png, or SegNet's folders train and trainannot, but found neither; "
            f"looked in {source}. CamVid is at {WHERE} (pictures 701_StillsRaw_full, labels LabeledApproved_full)"
        )
    suffixes = {suffix: order for order, suffix in enumerate(IMAGE_SUFFIXES)}
    pictures: dict[str, Path] = {}
    for path in sorted(source.rglob("*"), key=lambda path: suffixes.get(path.suffix.lower(), 9), reverse=True):
        if path.suffix.lower() in suffixes:
            pictures[path.stem] = path
    missing = sorted(labels.keys() - pictures.keys())
    if missing:
        raise DataError(
            f"expected a picture {missing[0]}.png for {labels[missing[0]]} but found none below {source} "
            f"({len(missing)} of {len(labels)} missing)"
        )
    return {name: (name, pictures[name], label) for name, label in labels.items()}


def _segnet_samples(source: Path) -> dict[str, Sample]:
    samples = {}
    for split in SPLITS:
        for image in _images(source / split):
            samples[image.stem] = (image.stem, image, source / f"{split}annot" / f"{image.stem}.png")
    if not samples:
        raise DataError(f"expected pictures in {source}/train, val and test but found none")
    return samples


def _split_by_sequence(samples: dict[str, Sample]) -> dict[str, list[Sample]]:
    splits: dict[str, list[Sample]] = {split: [] for split in SPLITS}
    for name, sample in samples.items():
        splits[split_of(name)].append(sample)
    return splits


def _split_by_lists(samples: dict[str, Sample], folder: Path) -> dict[str, list[Sample]]:
    splits = {}
    for split in SPLITS:
        path = folder / f"{split}.txt"
        if not path.is_file():
            raise DataError(f"expected the list {path} but found no such file")
        names = [Path(line.split()[0]).stem for line in path.read_text().splitlines() if line.strip()]
        missing = [name for name in names if name not in samples]
        if missing:
            raise DataError(f"expected every picture of {path} in the download but did not find {missing[0]!r}")
        splits[split] = [samples[name] for name in names]
    return splits


def _write_sample(
    sample: Sample, folder: Path, split: str, table: np.ndarray | None, size: tuple[int, int] | None
) -> str:
    """Write picture and label of one sample; returns the picture's file name."""
    name, image_path, label_path = sample
    image, label = _read_pair(image_path, label_path, cv2.IMREAD_UNCHANGED if table is None else cv2.IMREAD_COLOR_RGB)
    if table is not None:
        label = label_from_colours(label, table, label_path)
    _check_values(label, label_path)
    if size is not None:
        label = cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)
    write_image(folder / f"{split}annot" / f"{name}.png", label)
    if size is None:
        shutil.copyfile(image_path, folder / split / image_path.name)
        return image_path.name
    write_image(folder / split / f"{name}.png", cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return f"{name}.png"


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Bring CamVid to the layout that the loader reads, or check it.")
    parser.add_argument("source", type=Path, help="folder of the download; with --check the prepared folder")
    parser.add_argument("--out", type=Path, default=Path("data/camvid"), help="folder to write (default %(default)s)")
    parser.add_argument("--merge", choices=sorted(CAMVID_MERGES), default="segnet", help="how 32 classes become 11")
    parser.add_argument("--lists", type=Path, help="folder with train.txt, val.txt and test.txt")
    parser.add_argument("--size", nargs=2, type=int, metavar=("W", "H"), help="resize, such as 480 360")
    parser.add_argument("--check", action="store_true", help="only look at a prepared folder")
    parser.add_argument("--force", action="store_true", help="replace an earlier conversion")
    options = parser.parse_args(arguments)
    if not options.source.is_dir():
        raise DataError(f"expected a folder but found none at {options.source}; CamVid is at {WHERE}")
    if options.check:
        counts, folder = check(options.source), options.source
    else:
        size = tuple(options.size) if options.size else None
        counts = convert(options.source, options.out, options.merge, options.lists, size, options.force)
        folder = options.out
    print(f"{folder}: " + ", ".join(f"{split} {count}" for split, count in counts.items()))


if __name__ == "__main__":
    raise SystemExit(main())
