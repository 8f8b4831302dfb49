"""The first step of mmseg's and mmdet's pipelines, which names the picture that is not as it should be."""

from __future__ import annotations

import cv2
from mmcv.transforms import LoadImageFromFile
from mmengine.registry import TRANSFORMS

from common.errors import DataError


@TRANSFORMS.register_module()
class CheckedImage(LoadImageFromFile):
    """`LoadImageFromFile` that names the file it cannot read, or that has another size than its labels say.

    Where the data set tells ``height`` and ``width`` of a picture, as those with boxes do, the picture must have them.

    Raises:
        DataError: if the picture is missing, unreadable or of another size.
    """

    def transform(self, results: dict) -> dict | None:
        path = results["img_path"]
        try:
            loaded = super().transform(results)
        except (OSError, ValueError, AssertionError, AttributeError, cv2.error) as error:
            raise DataError(f"expected a picture but found an unreadable file {path} ({reason(error)})") from error
        if loaded is not None and {"height", "width"} <= loaded.keys():
            _check_size(loaded)
        return loaded


def _check_size(results: dict) -> None:
    expected, found = (results["width"], results["height"]), results["img"].shape[1::-1]
    if found == expected:
        return
    hint = "restore the picture or correct its label"
    if found == expected[::-1]:
        hint = (
            "if the file asks viewers to turn it (EXIF), and the labels are of the picture as stored, load it with "
            "color_type='color_ignore_orientation'; else correct the size that its label tells"
        )
    raise DataError(
        f"expected a picture of {expected[0]}x{expected[1]} (width x height), as its label says, but found "
        f"{found[0]}x{found[1]} in {results['img_path']}; {hint}"
    )


def reason(error: Exception) -> str:
    """The last line of an error's text, or its kind where it has none."""
    return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
