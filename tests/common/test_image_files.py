from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import DataError
from common.image_files import find_files, read_image, stored_size, upright_size

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def save(path, exif=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PICTURE).save(path, **({} if exif is None else {"exif": exif}))
    return path


@pytest.mark.parametrize("name", ["a.png", "été 路.bmp"])
def test_images_are_read_in_rgb(tmp_path, name):
    np.testing.assert_array_equal(read_image(save(tmp_path / name)), PICTURE)


def test_an_image_stands_upright_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[274] = 3  # upside down
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", exif)), PICTURE[::-1, ::-1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_size_is_that_of_the_image_as_it_is_read(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = save(tmp_path / "a.jpg", exif)
    assert stored_size(path) == (6, 4)
    assert upright_size(path) == read_image(path).shape[1::-1]


@pytest.mark.parametrize("size", [stored_size, upright_size])
def test_file_without_a_size_is_named(tmp_path, size):
    (tmp_path / "a.png").write_bytes(b"no image")
    for name in ("a.png", "none.png"):
        with pytest.raises(DataError, match=f"an image at .*{name}"):
            size(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_what_is_no_image_is_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"found {len(content)} bytes of something else in .*a\.png"):
        read_image(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"No such file.*none\.png"):
        read_image(tmp_path / "none.png")


def test_files_and_folders_are_found_and_results_get_names_of_their_own(tmp_path):
    for name in ("one/a.png", "one/deep/A.JPG", "one/a.jpg", "one/out/a.png", "two/b.png", "two/b.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_files([tmp_path / "one", tmp_path / "two", tmp_path / "two" / "b.png"], tmp_path / "one" / "out")
    names = {str(path.relative_to(tmp_path)): [] for path, _ in found}
    for path, name in found:
        names[str(path.relative_to(tmp_path))].append(str(name))
    assert names == {
        "one/a.jpg": ["a_jpg"],
        "one/a.png": ["a_png"],
        "one/deep/A.JPG": [str(Path("deep/A"))],
        "two/b.png": ["b_png", "b_png_2"],
    }


def test_other_endings_can_be_looked_for(tmp_path):
    for name in ("a.png", "b.mp4"):
        (tmp_path / name).touch()
    assert [name for _, name in find_files([tmp_path], suffixes=(".mp4",))] == [Path("b")]


def test_nothing_found_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"expected videos \(mp4\) but found none in "):
        find_files([tmp_path], suffixes=(".mp4",), what="videos")
    with pytest.raises(DataError, match="expected images or a folder but found nothing at no/where"):
        find_files(["no/where"])
