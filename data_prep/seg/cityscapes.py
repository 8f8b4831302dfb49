"""Bring Cityscapes from its downloads to the layout that the loader reads.

    python data_prep/seg/cityscapes.py data/cityscapes

The folder holds the extracted downloads (``leftImg8bit/`` and ``gtFine/``) or the archives
``leftImg8bit_trainvaltest.zip`` and ``gtFine_trainvaltest.zip``, which are then extracted there. Beside every
``*_gtFine_labelIds.png`` a ``*_gtFine_labelTrainIds.png`` is written (19 classes, 255 = ignored).

    python data_prep/seg/cityscapes.py data/cityscapes --sequences 3

also looks for the frames up to 3 before and after every labelled picture in ``leftImg8bit_sequence/``, and takes those
that are missing, and no others, from ``leftImg8bit_sequence_trainvaltest.zip`` (324 GB) where that lies there.
"""

from __future__ import annotations

import argparse
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from common.errors import DataError, exit_on_user_error
from common.palettes import CITYSCAPES_CLASSES, CITYSCAPES_LABEL_IDS, CITYSCAPES_NUM_LABEL_IDS, IGNORE_INDEX
from data_prep.output import progress_bar, read_image, write_image

WHERE = "https://www.cityscapes-dataset.com"
COUNTS = {"train": 2975, "val": 500, "test": 1525}
ARCHIVES = {"leftImg8bit": "leftImg8bit_trainvaltest.zip", "gtFine": "gtFine_trainvaltest.zip"}
SEQUENCES, SEQUENCE_ARCHIVE = "leftImg8bit_sequence", "leftImg8bit_sequence_trainvaltest.zip"
FRAMES_BEFORE, FRAMES_AFTER = 19, 10  # the labelled picture is number 20 of 30
IMAGE, IDS, TRAIN_IDS = "_leftImg8bit.png", "_gtFine_labelIds.png", "_gtFine_labelTrainIds.png"


def train_id_table() -> np.ndarray:
    """Train id of each label id, 255 where it is ignored; uint8 ``[34]``."""
    table = np.full(CITYSCAPES_NUM_LABEL_IDS, IGNORE_INDEX, np.uint8)
    table[list(CITYSCAPES_LABEL_IDS)] = np.arange(len(CITYSCAPES_CLASSES))
    return table


def to_train_ids(label: np.ndarray, path: Path) -> np.ndarray:
    """Train ids of a label picture.

    Args:
        label: label ids, uint8 ``[H, W]``.
        path: its file, for the message.

    Raises:
        DataError: if a value is no label id.
    """
    if label.ndim != 2 or label.dtype != np.uint8:
        raise DataError(f"expected one 8-bit channel of label ids but found {label.dtype} {label.shape} in {path}")
    if label.max() >= CITYSCAPES_NUM_LABEL_IDS:
        bad = np.unique(label[label >= CITYSCAPES_NUM_LABEL_IDS])[:10].tolist()
        raise DataError(f"expected label ids 0..{CITYSCAPES_NUM_LABEL_IDS - 1} but found {bad} in {path}")
    return train_id_table()[label]


def prepare(root: Path, allow_partial: bool = False) -> dict[str, int]:
    """Extract what is still packed and write the missing labels of the train and the val part.

    Args:
        root: folder of the downloads.
        allow_partial: accept fewer pictures than the full set has.

    Returns:
        Number of pictures found in each part; the test part may be absent.

    Raises:
        DataError: if something is missing or malformed.
    """
    for part in ARCHIVES:
        _extract(root, part)
    counts = _count(root, allow_partial)
    with progress_bar() as progress:
        for split in ("train", "val"):
            images = _images(root, split)
            task = progress.add_task(f"Cityscapes: labels of {split}", total=len(images))
            for image in images:
                ids, train_ids = _label(root, image, IDS), _label(root, image, TRAIN_IDS)
                if not train_ids.is_file():
                    if not ids.is_file():
                        raise DataError(
                            f"expected the label {ids} for {image} but found none; extract it again from gtFine"
                        )
                    write_image(train_ids, to_train_ids(read_image(ids, cv2.IMREAD_UNCHANGED), ids))
                progress.advance(task)
    return counts


def check(root: Path, allow_partial: bool = False) -> dict[str, int]:
    """Look at every picture and label of the train and the val part; nothing is changed.

    Raises:
        DataError: at the first label that is missing, of another size than its picture, or with values that are no
            train ids; or if pictures are missing.
    """
    counts = _count(root, allow_partial)
    with progress_bar() as progress:
        for split in ("train", "val"):
            images = _images(root, split)
            task = progress.add_task(f"check {split}", total=len(images))
            for image in images:
                _check_pair(image, _label(root, image, TRAIN_IDS))
                progress.advance(task)
    return counts


def prepare_sequences(root: Path, reach: int, only_look: bool = False) -> int:
    """Find the frames around the labelled pictures of the train and the val part, extracting what is still packed.

    Args:
        root: folder of the downloads.
        reach: frames before and after; a sequence has no more than 19 before and 10 after.
        only_look: change nothing.

    Returns:
        Number of frames found.

    Raises:
        DataError: that names frames which are missing, or if the archive is damaged.
    """
    if not 1 <= reach <= FRAMES_BEFORE:
        raise DataError(f"expected 1..{FRAMES_BEFORE} frames before and after a picture but found {reach}")
    wanted = [frame for split in ("train", "val") for image in _images(root, split) for frame in _around(image, reach)]
    missing = [root / SEQUENCES / frame for frame in wanted if not (root / SEQUENCES / frame).is_file()]
    archive = root / SEQUENCE_ARCHIVE
    if missing and archive.is_file() and not only_look:
        _extract_members(archive, [path.relative_to(root).as_posix() for path in missing], root)
        missing = [path for path in missing if not path.is_file()]
    if missing:
        named = ", ".join(str(path.relative_to(root)) for path in missing[:5])
        packed = only_look and archive.is_file()
        raise DataError(
            f"expected {len(wanted)} frames up to {reach} before and after the labelled pictures but {len(missing)} of "
            f"them are missing in {root}: {named}{', …' if len(missing) > 5 else ''}; "
            + ("run without --check" if packed else f"get {SEQUENCE_ARCHIVE} from {WHERE} and run this command again")
        )
    return len(wanted)


def _around(image: Path, reach: int) -> list[PurePosixPath]:
    """Frames before and after a labelled picture ``SPLIT/CITY/CITY_SEQ_FRAME_leftImg8bit.png``, as relative paths."""
    split, city = image.parts[-3:-1]
    clip, _, number = image.name.removesuffix(IMAGE).rpartition("_")
    if not number.isdecimal():
        raise DataError(f"expected CITY_SEQ_FRAME{IMAGE} but found {image}")
    steps = [step for step in range(-reach, min(reach, FRAMES_AFTER) + 1) if step]
    numbers = [int(number) + step for step in steps]
    return [PurePosixPath(split, city, f"{clip}_{each:0{len(number)}d}{IMAGE}") for each in numbers if each >= 0]


def _check_pair(image_path: Path, label_path: Path) -> None:
    if not label_path.is_file():
        raise DataError(
            f"expected the label {label_path} for {image_path} but found none; "
            "run data_prep/seg/cityscapes.py without --check"
        )
    image, label = read_image(image_path), read_image(label_path, cv2.IMREAD_UNCHANGED)
    if image.shape[:2] != label.shape[:2]:
        wanted, found = (f"{array.shape[1]}x{array.shape[0]}" for array in (image, label))
        raise DataError(f"expected a label of {wanted}, as {image_path}, but found {found} in {label_path}")
    allowed = {*range(len(CITYSCAPES_CLASSES)), IGNORE_INDEX}
    bad = sorted(set(np.unique(label).tolist()) - allowed)
    if bad:
        raise DataError(
            f"expected train ids 0..{len(CITYSCAPES_CLASSES) - 1} or 255 but found {bad[:10]} in {label_path}"
        )


def _images(root: Path, split: str) -> list[Path]:
    return sorted((root / "leftImg8bit" / split).glob(f"*/*{IMAGE}"))


def _label(root: Path, image: Path, suffix: str) -> Path:
    split, city = image.parts[-3:-1]
    return root / "gtFine" / split / city / image.name.replace(IMAGE, suffix)


def _count(root: Path, allow_partial: bool) -> dict[str, int]:
    counts = {split: len(_images(root, split)) for split in COUNTS}
    for split in ("train", "val"):
        if counts[split] == 0 or (counts[split] != COUNTS[split] and not allow_partial):
            folder = root / "leftImg8bit" / split
            raise DataError(
                f"expected {COUNTS[split]} pictures CITY/*{IMAGE} but found {counts[split]} in {folder}; "
                f"extract {ARCHIVES['leftImg8bit']} from {WHERE} again"
                + ("" if counts[split] == 0 else ", or accept a part of the set with --allow-partial")
            )
    return counts


def _extract(root: Path, part: str) -> None:
    """Extract what is in the archive and not yet in the folder, so that a broken run can go on."""
    archive = root / ARCHIVES[part]
    if not archive.is_file():
        if (root / part / "train").is_dir():
            return
        raise DataError(
            f"expected the folder {root / part}/train or the archive {archive} but found neither; "
            f"download {ARCHIVES[part]} from {WHERE} (free for research, after registration) into {root}"
        )
    wanted = IMAGE if part == "leftImg8bit" else IDS
    with _opened(archive) as packed:
        names = [name for name in packed.namelist() if name.startswith(f"{part}/") and name.endswith(wanted)]
    _extract_members(archive, names, root)


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as packed:
            yield packed
    except zipfile.BadZipFile as error:
        raise DataError(f"expected a whole archive but found {archive} damaged ({error}); download it again") from None


def _extract_members(archive: Path, names: Sequence[str], root: Path) -> None:
    """Extract those of the files that the archive has and the folder has not."""
    with _opened(archive) as packed, progress_bar() as progress:
        held = set(packed.namelist())
        for name in progress.track([name for name in names if name in held], description=f"extract {archive.name}"):
            if ".." in PurePosixPath(name).parts:
                raise DataError(f"expected plain names but found {name!r} in {archive}; download it again")
            if not (root / name).is_file():
                _extract_member(packed, name, root / name)


def _extract_member(packed: zipfile.ZipFile, name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}")
    temporary.write_bytes(packed.read(name))
    os.replace(temporary, target)


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Prepare (or check) Cityscapes for training.")
    parser.add_argument("root", type=Path, nargs="?", default=Path("data/cityscapes"), help="default %(default)s")
    parser.add_argument("--check", action="store_true", help="only look")
    parser.add_argument("--allow-partial", action="store_true", help="accept a part of the set")
    parser.add_argument("--sequences", type=int, metavar="N", help="also the frames up to N before and after a label")
    options = parser.parse_args(arguments)
    if not options.root.is_dir():
        raise DataError(
            f"expected a folder but found none at {options.root}; download {' and '.join(ARCHIVES.values())} "
            f"from {WHERE} into it"
        )
    counts = (check if options.check else prepare)(options.root, options.allow_partial)
    print(f"{options.root}: " + ", ".join(f"{split} {count}" for split, count in counts.items()))
    if options.sequences is not None:
        found = prepare_sequences(options.root, options.sequences, only_look=options.check)
        print(f"{options.root / SEQUENCES}: {found} frames around the labelled pictures")
    if counts["test"] != COUNTS["test"]:
        print(f"note: {counts['test']} of {COUNTS['test']} test pictures; training and validation do not need them")


if __name__ == "__main__":
    raise SystemExit(main())
