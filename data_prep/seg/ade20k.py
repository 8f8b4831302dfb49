"""See that ADE20K, as its challenge's archive has it, is whole; its layout is the one that mmseg reads.

    python data_prep/seg/ade20k.py data/ade/ADEChallengeData2016

The folder holds ``images/{training,validation}/*.jpg`` and ``annotations/{training,validation}/*.png``, or it or the
folder above it holds ``ADEChallengeData2016.zip``, which is then extracted there. Labels are 0..150: 0 is without a
class and 1..150 are the classes, which mmseg's ``ADE20KDataset`` lowers by one (``reduce_zero_label``).
"""

from __future__ import annotations

import argparse
import os
import zipfile
from pathlib import Path, PurePosixPath

from common.errors import DataError, exit_on_user_error
from data_prep.output import progress_bar
from data_prep.seg.pairs import check_pair

INSIDE = "ADEChallengeData2016"
ARCHIVE = f"{INSIDE}.zip"
WHERE = f"http://data.csail.mit.edu/places/ADEchallenge/{ARCHIVE}"
COUNTS = {"training": 20210, "validation": 2000}
CLASSES = 150


def prepare(root: Path, allow_partial: bool = False) -> dict[str, int]:
    """Extract what is still packed, and see that every picture has a label.

    Args:
        root: the folder of the set, which is made where only the archive is there.
        allow_partial: accept fewer pictures than the full set has.

    Returns:
        Number of pictures in each part.

    Raises:
        DataError: if something is missing.
    """
    _extract(root)
    counts = _count(root, allow_partial)
    for split in COUNTS:
        for image in _images(root, split):
            if not _label(root, image).is_file():
                raise DataError(
                    f"expected the label {_label(root, image)} for {image} but found none; extract {ARCHIVE} again"
                )
    return counts


def check(root: Path, allow_partial: bool = False) -> dict[str, int]:
    """Look at every picture and label; nothing is changed.

    Returns:
        Number of pictures in each part.

    Raises:
        DataError: at the first label that is missing, of another size than its picture, or with values that are not
            ADE20K's; or if pictures are missing.
    """
    counts = _count(root, allow_partial)
    with progress_bar() as progress:
        for split in COUNTS:
            for image in progress.track(_images(root, split), description=f"check {split}"):
                check_pair(image, _label(root, image), CLASSES)
    return counts


def _images(root: Path, split: str) -> list[Path]:
    return sorted((root / "images" / split).glob("*.jpg"))


def _label(root: Path, image: Path) -> Path:
    return root / "annotations" / image.parent.name / f"{image.stem}.png"


def _count(root: Path, allow_partial: bool) -> dict[str, int]:
    counts = {split: len(_images(root, split)) for split in COUNTS}
    for split, wanted in COUNTS.items():
        if counts[split] == 0 or (counts[split] != wanted and not allow_partial):
            raise DataError(
                f"expected {wanted} pictures *.jpg but found {counts[split]} in {root / 'images' / split}; extract "
                f"{ARCHIVE} ({WHERE}) again"
                + ("" if counts[split] == 0 else ", or accept a part of the set with --allow-partial")
            )
    return counts


def _extract(root: Path) -> None:
    """Extract what is in the archive and not yet in the folder, so that a broken run can go on."""
    archive = next((path for path in (root / ARCHIVE, root.parent / ARCHIVE) if path.is_file()), None)
    if archive is None:
        if (root / "images" / "training").is_dir():
            return
        raise DataError(
            f"expected the folder {root / 'images' / 'training'} or the archive {root.parent / ARCHIVE} but found "
            f"neither; download {WHERE} (the scene parsing challenge's, not the full ADE20K) into {root.parent}"
        )
    try:
        with zipfile.ZipFile(archive) as packed, progress_bar() as progress:
            members = [name for name in packed.namelist() if PurePosixPath(name).suffix in (".jpg", ".png")]
            for name in progress.track(members, description=f"extract {archive.name}"):
                first, *inner = PurePosixPath(name).parts
                if ".." in inner or not inner or first != INSIDE:
                    raise DataError(f"expected names below {INSIDE}/ but found {name!r} in {archive}")
                if not root.joinpath(*inner).is_file():
                    _extract_member(packed, name, root.joinpath(*inner))
    except zipfile.BadZipFile as error:
        raise DataError(f"expected a whole archive but found {archive} damaged ({error}); download it again") from None


def _extract_member(packed: zipfile.ZipFile, name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}")
    temporary.write_bytes(packed.read(name))
    os.replace(temporary, target)


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Extract (or check) ADE20K for training.")
    parser.add_argument(
        "root", type=Path, nargs="?", default=Path("data/ade/ADEChallengeData2016"), help="default %(default)s"
    )
    parser.add_argument("--check", action="store_true", help="only look, at every picture and label")
    parser.add_argument("--allow-partial", action="store_true", help="accept a part of the set")
    options = parser.parse_args(arguments)
    counts = (check if options.check else prepare)(options.root, options.allow_partial)
    print(f"{options.root}: " + ", ".join(f"{split} {count}" for split, count in counts.items()))


if __name__ == "__main__":
    raise SystemExit(main())
