import pytest
import torch
from mmengine.model import ImgDataPreprocessor

from common.export_input import NormalisedInput, smooth_image

NUMBERS = {"mean": [10.0, 20.0, 30.0], "std": [1.0, 2.0, 4.0]}
PREPROCESSORS = {
    "turned": ImgDataPreprocessor(**NUMBERS, bgr_to_rgb=True),
    "kept": ImgDataPreprocessor(**NUMBERS),
    "unnormalised": ImgDataPreprocessor(bgr_to_rgb=True),
}


@pytest.mark.parametrize("order", ["bgr", "rgb"])
@pytest.mark.parametrize("preprocessor", PREPROCESSORS.values(), ids=PREPROCESSORS)
def test_images_become_what_the_preprocessor_makes_of_them(preprocessor, order):
    image = torch.randint(256, (3, 4, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    loaded = image.flip(0) if order == "bgr" else image
    expected = preprocessor({"inputs": [loaded]})["inputs"]
    expected = expected if isinstance(expected, torch.Tensor) else expected[0][None]
    found = NormalisedInput(preprocessor, order)(image[None].float())
    torch.testing.assert_close(found, expected.float())


def test_the_colour_of_a_value_is_in_rgb():
    # Where BGR is kept, the first mean is blue's.
    assert NormalisedInput(PREPROCESSORS["turned"]).colour_of(1.0) == (11, 22, 34)
    assert NormalisedInput(PREPROCESSORS["kept"]).colour_of(1.0) == (34, 22, 11)
    assert NormalisedInput(PREPROCESSORS["unnormalised"]).colour_of(114.0) == (114, 114, 114)


def test_another_order_is_refused():
    with pytest.raises(ValueError, match="expected pipeline_order 'rgb' or 'bgr' but found 'gbr'"):
        NormalisedInput(PREPROCESSORS["kept"], "gbr")


def test_a_smooth_image_is_the_same_every_time_and_in_range():
    image = smooth_image(20, 30)
    assert image.shape == (1, 3, 20, 30)
    assert torch.equal(image, smooth_image(20, 30))
    assert (image.min() >= 0, image.max() <= 255, bool(image.std() > 20)) == (True, True, True)
