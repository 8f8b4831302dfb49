import re

import numpy as np
import pytest
import torch
from catalogue.base import random
from golden_files import golden_cases

from common.losses import FGDLoss, fgd_masks
from common.losses.focal import fgd_attention

BOXES = [torch.tensor([[2.0, 0.0, 5.0, 3.0]])]  # in cells of two pixels columns 1..3 and rows 0..2


@pytest.mark.parametrize("case", golden_cases("fgd"), ids=lambda case: case.name)
def test_masks_and_attentions_agree_with_the_reference(case):
    boxes = list(case["boxes"].split(case["boxes_per_image"].tolist()))
    masks = fgd_masks(boxes, tuple(case["image_shape"].tolist()), case["teacher"].shape[2:])
    spatial, channel = fgd_attention(case["teacher"], case.hp("temp"))
    for name, found in (
        ("mask_foreground", masks[0]),
        ("mask_background", masks[1]),
        ("spatial_attention_teacher", spatial),
        ("channel_attention_teacher", channel),
    ):
        torch.testing.assert_close(found, torch.tensor(case.arrays[f"out.{name}"]), rtol=1e-9, atol=1e-12)


def test_a_box_holds_one_over_its_area_from_the_first_cell_to_the_one_after_the_last():
    foreground, _ = fgd_masks(BOXES, (8, 8), (4, 4))
    expected = torch.zeros(4, 4)
    expected[:3, 1:] = 1 / 9
    torch.testing.assert_close(foreground[0], expected)


def test_a_smaller_box_shows_through_a_larger():
    small = torch.tensor([[0.5, 0.5, 0.6, 0.6]])  # of 2 x 2 cells
    boxes = torch.cat([torch.tensor([[0.0, 0.0, 3.0, 3.0]]), small])
    foreground, _ = fgd_masks([boxes], (4, 4), (4, 4))
    assert foreground[0, :2, :2].unique().tolist() == [1 / 4]
    assert foreground[0, 2:].unique().tolist() == [1 / 16]


def test_the_area_counts_cells_beyond_the_border():
    foreground, background = fgd_masks([torch.tensor([[0.0, 0.0, 4.0, 4.0]])], (4, 4), (4, 4))
    assert foreground.unique().tolist() == pytest.approx([1 / 25])
    assert background.abs().max() == 0


def test_an_image_without_objects_is_all_background():
    foreground, background = fgd_masks([torch.zeros(0, 4)], (8, 8), (4, 4))
    assert foreground.abs().max() == 0
    assert background.unique().tolist() == [1 / 16]


def test_integer_boxes_are_boxes_too():
    expected = fgd_masks(BOXES, (8, 8), (4, 4))
    torch.testing.assert_close(fgd_masks([BOXES[0].long()], (8, 8), (4, 4)), expected)


def test_attentions_have_the_mean_1_and_follow_the_mean_magnitude():
    features = torch.tensor([[[[-1.0, 0.0]], [[1.0, 0.0]]]], dtype=torch.float64)
    spatial, channel = fgd_attention(features, temperature=0.5)
    torch.testing.assert_close(spatial[0, 0], 2 * torch.tensor([2.0, 0.0]).double().softmax(0))
    assert channel[0].tolist() == [1, 1]


def test_at_the_start_relations_are_the_squared_difference_of_the_maps():
    loss = FGDLoss(4, lambda_fgd=1.0).double()
    student, teacher = random(2, 4, 4, 4), random(2, 4, 4, 4, seed=1)
    relation = loss(student, teacher, BOXES * 2, (8, 8))["loss_relation"]
    torch.testing.assert_close(relation, (student - teacher).square().sum() / 2)


def test_a_change_under_a_box_counts_as_foreground_alone():
    loss = FGDLoss(4).double()
    teacher = random(1, 4, 4, 4)
    student = teacher.clone()
    student[:, :, 0, 1] += 1
    losses = loss(student, teacher, BOXES, (8, 8))
    assert losses["loss_foreground"] > 0
    assert losses["loss_background"] == 0


def test_the_teachers_context_learns():
    loss = FGDLoss(4)
    sum(loss(random(1, 4, 4, 4).float(), random(1, 4, 4, 4, seed=1).float(), BOXES, (8, 8)).values()).backward()
    assert loss.teacher_context.transform[-1].weight.grad.abs().max() > 0


def test_weights_scale_their_terms():
    inputs = random(2, 4, 4, 4), random(2, 4, 4, 4, seed=1), BOXES * 2, (8, 8)
    names = ("foreground", "background", "attention", "relation")
    default, other = FGDLoss(4).double()(*inputs), FGDLoss(4, 0.5, 1.0, 2.0, 3.0, 4.0).double()(*inputs)
    factors = [(other[f"loss_{name}"] / default[f"loss_{name}"]).item() for name in names]
    assert factors == pytest.approx([1 / 1e-3, 2 / 5e-4, 3 / 5e-4, 4 / 5e-6])


def test_widths_come_from_the_teachers_shape():
    loss = FGDLoss()
    with pytest.raises(RuntimeError, match="give channels="):
        loss(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), BOXES, (8, 8))
    loss.build(student=torch.Size([1, 2, 4, 4]), teacher=torch.Size([1, 6, 4, 4]))
    assert loss.student_context.channels == loss.teacher_context.channels == 6
    assert loss.adapter == "auto"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"channels": 3}, "at least 4 channels but found 3"), ({"temperature": 0}, "temperature above 0 but found 0")],
)
def test_fgd_refuses_what_does_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        FGDLoss(**options)


@pytest.mark.parametrize(
    "size",
    [
        [8, 8],
        (8.0, 8.0),
        (np.int64(8), np.float32(8)),
        np.array([8, 8]),
        torch.tensor([8, 8]),
        torch.Size([8, 8]),
        [(8, 8)],
        [torch.tensor([8, 8])],
        np.array([[8, 8]]),
        torch.tensor([[8.0, 8.0]]),
    ],
    ids=repr,
)
def test_sizes_may_be_numbers_of_any_kind(size):
    torch.testing.assert_close(fgd_masks(BOXES, size, (4, 4)), fgd_masks(BOXES, (8, 8), (4, 4)))


@pytest.mark.parametrize("size", [(8, 8, 3), [(8, 8, 3)], (8, 0), (8,), [8]], ids=repr)
def test_sizes_that_are_no_height_and_width_are_refused(size):
    with pytest.raises(ValueError, match="expected an image_size of a height and a width above 0 but found"):
        fgd_masks(BOXES, size, (4, 4))


@pytest.mark.parametrize("box", [[16.0, 1.0, 5.0, 9.0], [5.0, 9.0, 16.0, 1.0], [5.0, 1.0, float("nan"), 9.0]])
def test_a_box_that_ends_before_it_begins_is_refused_by_its_corners(box):
    boxes = torch.tensor([[2.0, 0.0, 5.0, 3.0], box])
    with pytest.raises(ValueError, match=re.escape(f"with x1 <= x2 and y1 <= y2 but found {box}")):
        fgd_masks([boxes], (24, 40), (4, 5))


def test_such_a_box_is_nowhere_where_nobody_may_look(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    turned = torch.tensor([[16.0, 1.0, 5.0, 9.0], [20.0, 20.0, 10.0, 10.0]])
    foreground, _ = fgd_masks([torch.cat([BOXES[0], turned])], (24, 40), (4, 5))
    torch.testing.assert_close(foreground, fgd_masks(BOXES, (24, 40), (4, 5))[0])
