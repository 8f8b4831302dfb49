import doctest
import math
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from catalogue.base import mismatches, random
from golden_files import golden_cases

from tasks.seg.temporal import occlusion_weight, warp

MODULES = ("warping", "losses", "multi_frame", "consistency")


def moving(right: float, down: float, height: int, width: int, batch: int = 1) -> torch.Tensor:
    """The same flow everywhere."""
    return torch.tensor([right, down], dtype=torch.float32).view(1, 2, 1, 1).repeat(batch, 1, height, width)


@pytest.mark.parametrize("module", MODULES)
def test_docstrings_compute_what_they_say(module):
    assert doctest.testmod(sys.modules[f"tasks.seg.temporal.{module}"]).failed == 0


@pytest.mark.parametrize("case", golden_cases("warp"), ids=lambda case: case.name)
def test_warping_agrees_with_the_reference(case):
    warped = warp(case["image"], case["flow"])
    np.testing.assert_allclose(warped.detach().numpy(), case["out.warped"].numpy(), rtol=1e-9, atol=1e-12)
    assert mismatches((warped * case["cotangent"]).sum(), case) == []


@pytest.mark.parametrize("case", golden_cases("warp"), ids=lambda case: case.name)
def test_nearest_warping_agrees_with_the_reference(case):
    assert torch.equal(warp(case["image"], case["flow"], mode="nearest"), case["out.warped_nearest"])


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_no_flow_changes_nothing(mode, dtype):
    x = random(2, 3, 37, 53).to(dtype)
    assert torch.equal(warp(x, torch.zeros(2, 2, 37, 53), mode), x)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_flow_of_whole_pixels_shifts_and_repeats_the_border(mode):
    x = random(1, 2, 6, 9).float()
    shifted = F.pad(x, (3, 3, 3, 3), mode="replicate")[:, :, 3 - 1 : 9 - 1, 3 + 2 : 12 + 2]
    assert torch.equal(warp(x, moving(2, -1, 6, 9), mode), shifted)


def test_warping_is_torchs_sampling_up_to_the_rounding_of_its_coordinates():
    x, flow = random(2, 3, 17, 23), 6 * random(2, 2, 17, 23, seed=1)
    column, row = torch.arange(23) + flow[:, 0], torch.arange(17)[:, None] + flow[:, 1]
    grid = torch.stack([2 * column / 22 - 1, 2 * row / 16 - 1], dim=-1)
    expected = F.grid_sample(x, grid, align_corners=True, padding_mode="border")
    torch.testing.assert_close(warp(x, flow), expected, rtol=1e-9, atol=1e-9)


def test_gradients_of_maps_and_flow_by_finite_differences():
    x = random(2, 2, 4, 5).requires_grad_()
    # Away from whole pixels, where the derivative jumps, and in part beyond the frame.
    flow = (
        torch.randint(-3, 4, (2, 2, 4, 5), generator=torch.Generator().manual_seed(1))
        + 0.2
        + 0.6 * torch.rand(2, 2, 4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    )
    assert torch.autograd.gradcheck(warp, (x, flow.requires_grad_()))
    assert torch.autograd.gradcheck(lambda maps: warp(maps, flow.detach(), "nearest"), (x,))


def test_labels_of_any_type_are_warped_to_the_nearest_pixel():
    labels = torch.tensor([[[[0, 255, 3]]]], dtype=torch.uint8)
    flow = torch.tensor([[[[0.49, -0.5, -0.51]], [[0.0, 0.0, 0.0]]]])
    assert warp(labels, flow, "nearest").tolist() == [[[[0, 255, 255]]]]
    assert warp(labels.long(), flow, "nearest").tolist() == [[[[0, 255, 255]]]]


@pytest.mark.parametrize("length", [1e3, 1e9, 3e38])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_a_flow_of_any_length_leads_to_the_border(length, mode):
    x = random(1, 1, 4, 5).float().requires_grad_()
    warped = warp(x, moving(length, -length, 4, 5), mode)
    assert torch.equal(warped, x[:, :, :1, -1:].expand_as(x))
    warped.sum().backward()
    assert x.grad[0, 0, 0, 4] == 20


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_flow_that_is_not_finite_is_refused(mode, value):
    flow = torch.zeros(2, 2, 3, 4)
    flow[1, 0, 0, 2] = flow[1, 1, 0, 2] = flow[0, 1, 2, 3] = value
    with pytest.raises(ValueError, match=r"expected finite flow but found NaN or infinity at 2 of 24 pixels"):
        warp(torch.zeros(2, 1, 3, 4), flow, mode)


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_where_nobody_looks_a_flow_that_is_not_finite_gives_nan_there_alone(value, channel, monkeypatch):
    monkeypatch.setattr("tasks.seg.temporal.warping.check_finite_flow", lambda *_, **__: None)
    flow = torch.zeros(1, 2, 3, 4)
    flow[0, channel, 1, 2] = value
    warped = warp(torch.ones(1, 1, 3, 4), flow)
    assert torch.isnan(warped).nonzero().tolist() == [[0, 0, 1, 2]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    x, flow = random(1, 3, 8, 300).to(dtype), 5 * random(1, 2, 8, 300, seed=1).float()
    assert torch.equal(warp(x, flow), warp(x.float(), flow).to(dtype))


def test_warping_compiles_in_one_graph():
    torch._dynamo.reset()
    x, flow = random(1, 2, 5, 6), random(1, 2, 5, 6, seed=1)
    compiled = torch.compile(warp, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, flow), warp(x, flow))


@pytest.mark.parametrize(
    ("x", "flow", "mode", "message"),
    [
        (
            torch.zeros(1, 2, 3, 4),
            torch.zeros(1, 2, 4, 3),
            "bilinear",
            r"flow of shape \(B, 2, H, W\) = \(1, 2, 3, 4\)",
        ),
        (torch.zeros(1, 2, 3, 4), torch.zeros(1, 3, 3, 4), "bilinear", r"= \(1, 2, 3, 4\) but found \(1, 3, 3, 4\)"),
        (torch.zeros(2, 2, 3, 4), torch.zeros(1, 2, 3, 4), "nearest", r"= \(2, 2, 3, 4\) but found \(1, 2, 3, 4\)"),
        (
            torch.zeros(2, 3, 4),
            torch.zeros(1, 2, 3, 4),
            "nearest",
            r"maps of shape \(B, C, H, W\) .* found \(2, 3, 4\)",
        ),
        (torch.zeros(1, 0, 3, 4), torch.zeros(1, 2, 3, 4), "nearest", r"no empty axis but found \(1, 0, 3, 4\)"),
        (
            torch.zeros(1, 1, 3, 4),
            torch.zeros(1, 2, 3, 4).long(),
            "nearest",
            "floating-point flow but found torch.int64",
        ),
        (torch.zeros(1, 1, 3, 4).long(), torch.zeros(1, 2, 3, 4), "bilinear", "labels are warped with mode='nearest'"),
        (torch.zeros(1, 1, 3, 4), torch.zeros(1, 2, 3, 4), "cubic", r"\('bilinear', 'nearest'\) but found 'cubic'"),
    ],
)
def test_warping_refuses_what_does_not_fit(x, flow, mode, message):
    with pytest.raises(ValueError, match=message):
        warp(x, flow, mode)


@pytest.mark.parametrize("case", golden_cases("etc_tl"), ids=lambda case: case.name)
def test_occlusion_weight_agrees_with_the_reference(case):
    found = occlusion_weight(case["image"], warp(case["image_frame"], case["flow"]))
    np.testing.assert_allclose(found.numpy(), case["out.visibility"].numpy(), rtol=1e-9, atol=1e-12)


def test_what_looks_the_same_is_wholly_visible():
    image = random(2, 3, 4, 5)
    for form in ("signed", "absolute"):
        assert torch.equal(occlusion_weight(image, image, form), torch.ones(2, 1, 4, 5, dtype=torch.float64))


def test_channels_cancel_in_the_signed_sum_alone():
    image = torch.tensor([0.5, -0.25, 0.0]).view(1, 3, 1, 1)
    nothing = torch.zeros_like(image)
    assert occlusion_weight(image, nothing).item() == pytest.approx(math.exp(-0.25))
    assert occlusion_weight(nothing, image).item() == pytest.approx(math.exp(-0.25))
    assert occlusion_weight(image, nothing, form="absolute").item() == pytest.approx(math.exp(-0.75))


def test_occlusion_weight_refuses_what_does_not_fit():
    image = torch.zeros(1, 3, 4, 5)
    with pytest.raises(ValueError, match=r"expected warped image of shape .* but found \(1, 3, 5, 4\)"):
        occlusion_weight(image, torch.zeros(1, 3, 5, 4))
    with pytest.raises(ValueError, match=r"expected form to be one of \('signed', 'absolute'\) but found 'l2'"):
        occlusion_weight(image, image, form="l2")
