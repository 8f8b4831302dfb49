"""The loader that names a picture that is not as its labels say."""

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS
from PIL import Image

from common.checked_image import CheckedImage
from common.errors import DataError


@pytest.fixture
def path(tmp_path):
    Image.fromarray(np.full((4, 6, 3), 50, np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_registered_for_every_package():
    assert TRANSFORMS.get("CheckedImage") is CheckedImage


@pytest.mark.parametrize("told", [{}, {"width": 6, "height": 4}])
def test_picture_is_loaded(path, told):
    assert CheckedImage()({"img_path": str(path), **told})["img"].shape == (4, 6, 3)


@pytest.mark.parametrize(("width", "height"), [(8, 4), (6, 5)])
def test_picture_of_another_size_than_its_label_says_is_named(path, width, height):
    with pytest.raises(DataError, match=rf"picture of {width}x{height} .* but found 6x4 in .*a\.png; restore"):
        CheckedImage()({"img_path": str(path), "width": width, "height": height})


def test_picture_on_its_side_points_to_exif_and_loads_as_it_is_stored(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "a.jpg"
    Image.new("RGB", (6, 4)).save(path, exif=exif)
    told = {"img_path": str(path), "width": 6, "height": 4}
    with pytest.raises(DataError, match=r"found 4x6 in .*EXIF.*color_type='color_ignore_orientation'"):
        CheckedImage()(dict(told))
    assert CheckedImage(color_type="color_ignore_orientation")(dict(told))["img"].shape == (4, 6, 3)


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_unreadable_picture_is_named(path, content):
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DataError, match=rf"unreadable file {path}"):
        CheckedImage()({"img_path": str(path), "width": 6, "height": 4})
