import math

import pytest
import torch
import torch.nn.functional as F
from catalogue.base import mismatches, random
from golden_files import golden_cases
from mmengine.structures import PixelData
from tolerances import assert_near
from toy_distillers import make
from toys import labelled_batch

from common.binding import read_term
from common.errors import ConfigError
from common.losses import kd_loss, skd_pairwise_loss
from common.registry import LOSSES, make_loss
from common.terms import LossTerm
from tasks.seg.temporal import (
    PairwiseFrameLoss,
    TemporalLoss,
    occlusion_weight,
    pairwise_frame_loss,
    temporal_loss,
    warp,
)

PAIRS = {case.name: case for case in golden_cases("etc_pairs")}


def clip(batch=2, classes=4, size=(5, 7), image=(9, 13)):
    """Scores of two frames, flow and images, in float64."""
    return (
        random(batch, classes, *size),
        random(batch, classes, *size, seed=1),
        3 * random(batch, 2, *image, seed=2),
        random(batch, 3, *image, seed=3),
        random(batch, 3, *image, seed=4),
    )


def affinities(query, key):
    """Cosines between all positions of two maps, ``(B, N, N)``."""
    return F.cosine_similarity(query.flatten(2)[:, :, :, None], key.flatten(2)[:, :, None, :], dim=1)


@pytest.mark.parametrize("case", golden_cases("etc_tl"), ids=lambda case: case.name)
def test_temporal_loss_agrees_with_the_reference(case):
    names = ("student", "student_frame", "flow", "image", "image_frame")
    loss = temporal_loss(*(case[name] for name in names))
    assert mismatches(case.hp("st_weight") * loss, case) == []


def test_temporal_loss_is_the_mean_square_of_what_is_visible():
    z, z_k, flow, image, image_k = clip(size=(6, 8), image=(6, 8))
    visible = occlusion_weight(image, warp(image_k, flow))
    expected = F.mse_loss(visible * z, visible * warp(z_k, flow))
    torch.testing.assert_close(temporal_loss(z, z_k, flow, image, image_k), expected)


def test_occlusion_can_be_measured_otherwise_or_left_out():
    z, z_k, flow, image, image_k = clip(size=(6, 8), image=(6, 8))
    difference = z - warp(z_k, flow)
    visible = occlusion_weight(image, warp(image_k, flow), form="absolute")
    found = temporal_loss(z, z_k, flow, image, image_k, occlusion="absolute")
    torch.testing.assert_close(found, (visible * difference).square().mean())
    found = temporal_loss(z, z_k, flow, image, image_k, occlusion="none")
    torch.testing.assert_close(found, difference.square().mean())


def test_pixels_that_are_not_valid_count_nothing():
    z, z_k, flow, image, image_k = clip(size=(6, 8), image=(6, 8))
    valid = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    difference = valid[:, None] * (z - warp(z_k, flow))
    for mask in (valid, valid[:, None], valid.byte()):
        found = temporal_loss(z, z_k, flow, image, image_k, occlusion="none", valid=mask)
        torch.testing.assert_close(found, difference.square().mean())
    weighted = temporal_loss(z, z_k, flow, image, image_k, valid=valid)
    assert 0 < weighted < temporal_loss(z, z_k, flow, image, image_k)
    assert temporal_loss(z, z_k, flow, image, image_k, valid=torch.zeros_like(valid)) == 0


def test_probabilities_are_those_of_the_resized_scores():
    z, z_k, flow, image, image_k = clip()
    p, p_k = (F.interpolate(each, (9, 13), mode="bilinear", align_corners=True).softmax(1) for each in (z, z_k))
    found = temporal_loss(z, z_k, flow, image, image_k, space="probabilities")
    torch.testing.assert_close(found, temporal_loss(p, p_k, flow, image, image_k))


def test_a_constant_on_the_scores_of_a_frame_changes_logits_and_not_probabilities():
    z, z_k, flow, image, image_k = clip()
    shifted = (z + 3, z_k, flow, image, image_k)
    assert temporal_loss(*shifted) > temporal_loss(z, z_k, flow, image, image_k)
    found = temporal_loss(*shifted, space="probabilities")
    torch.testing.assert_close(found, temporal_loss(z, z_k, flow, image, image_k, space="probabilities"))


@pytest.mark.parametrize("space", ["logits", "probabilities"])
def test_a_frame_that_is_its_own_neighbour_costs_nothing(space):
    z, _, flow, image, _ = clip()
    z = z.float().requires_grad_()
    loss = temporal_loss(z, z, torch.zeros_like(flow), image, image, space)
    loss.backward()
    assert loss == 0
    assert (z.grad == 0).all()


def test_what_moves_with_the_flow_costs_nothing():
    z, _, _, image, _ = clip(size=(9, 13))
    flow = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).repeat(2, 1, 9, 13)
    before, image_before = warp(z, flow), warp(image, flow)
    assert temporal_loss(before, z, flow, image_before, image) == 0


@pytest.mark.parametrize("space", ["logits", "probabilities"])
def test_temporal_gradient_by_finite_differences_in_both_frames_and_nowhere_else(space):
    z, z_k, flow, image, image_k = (each.requires_grad_() for each in clip(1, 3, (3, 4), (5, 6)))
    assert torch.autograd.gradcheck(
        lambda *frames: temporal_loss(*frames, flow.detach(), image.detach(), image_k.detach(), space), (z, z_k)
    )
    temporal_loss(z, z_k, flow, image, image_k, space).backward()
    assert z.grad.abs().max() > 0
    assert z_k.grad.abs().max() > 0
    assert flow.grad is image.grad is image_k.grad is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_temporal_loss_of_half_precision_is_computed_in_single(dtype):
    z, z_k, flow, image, image_k = clip()
    found = temporal_loss(z.to(dtype), z_k.to(dtype), flow.float(), image.float(), image_k.float())
    assert found.dtype == torch.float32
    assert_near(found, temporal_loss(z, z_k, flow, image, image_k), dtype)


def test_temporal_loss_is_finite_for_scores_far_apart():
    z, _, flow, image, image_k = (each.float() for each in clip())
    z = (60 * z.sign()).requires_grad_()
    for space in ("logits", "probabilities"):
        loss = temporal_loss(z, -z.detach(), flow, image, image_k, space)
        loss.backward()
        assert loss.isfinite()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({1: torch.zeros(2, 5, 5, 7)}, {}, r"expected logits_k of shape \(B, C, h, w\) = \(2, 4, 5, 7\)"),
        (
            {2: torch.zeros(1, 2, 9, 13)},
            {},
            r"expected flow of shape \(B, 2, H, W\) = \(2, 2, 9, 13\) but found \(1, 2",
        ),
        ({3: torch.zeros(2, 3, 5, 7)}, {}, r"expected image_t of shape .* = \(2, 3, 9, 13\) but found \(2, 3, 5, 7\)"),
        (
            {4: torch.zeros(2, 1, 9, 13)},
            {},
            r"expected image_k of shape .* = \(2, 3, 9, 13\) but found \(2, 1, 9, 13\)",
        ),
        ({3: torch.zeros(2, 3, 9, 13).byte()}, {}, "expected floating-point image_t but found torch.uint8"),
        ({2: torch.full((2, 2, 9, 13), math.nan)}, {}, "expected finite flow but found NaN or infinity at 234 of 234"),
        (
            {},
            {"valid": torch.ones(2, 5, 7).bool()},
            r"valid of shape \(2, 1, 9, 13\) but found torch.bool of \(2, 5, 7",
        ),
        ({}, {"valid": torch.ones(2, 9, 13)}, "boolean or integer valid .* but found torch.float32"),
        ({}, {"space": "labels"}, r"space to be one of \('logits', 'probabilities'\) but found 'labels'"),
        ({}, {"occlusion": "l1"}, r"occlusion to be one of \('signed', 'absolute', 'none'\) but found 'l1'"),
    ],
)
def test_temporal_loss_refuses_what_does_not_fit(changed, options, message):
    inputs = [changed.get(place, each) for place, each in enumerate(clip())]
    with pytest.raises(ValueError, match=message):
        temporal_loss(*inputs, **options)


def test_probabilities_need_two_classes():
    with pytest.raises(ValueError, match="expected at least 2 classes to compare probabilities but found 1"):
        temporal_loss(*clip(classes=1), space="probabilities")


@pytest.mark.parametrize("name", ["case0", "case1"])
@pytest.mark.parametrize("chunk_size", [None, 7])
def test_pairwise_frame_loss_agrees_with_the_mended_reference(name, chunk_size):
    case = PAIRS[name]
    frames = (case[key] for key in ("student", "student_frame", "teacher", "teacher_frame"))
    assert mismatches(pairwise_frame_loss(*frames, chunk_size=chunk_size), case) == []


@pytest.mark.parametrize("name", ["case0", "case1"])
def test_the_published_value_divides_by_the_transposed_norms(name):
    case = PAIRS[name]

    def transposed(query, key):
        query, key = query.flatten(2), key.flatten(2)
        return query.mT @ key / (key.norm(dim=1)[:, :, None] * query.norm(dim=1)[:, None, :])

    ours, theirs = (transposed(case[each], case[f"{each}_frame"]) for each in ("student", "teacher"))
    assert mismatches(F.mse_loss(ours, theirs), case, "variant.published_code_transposed_norm_g") == []


def test_pairwise_frame_loss_is_the_mean_squared_difference_of_cosines():
    frames = random(2, 3, 3, 4), random(2, 3, 3, 4, seed=1), random(2, 5, 3, 4, seed=2), random(2, 5, 3, 4, seed=3)
    expected = F.mse_loss(affinities(*frames[:2]), affinities(*frames[2:]))
    torch.testing.assert_close(pairwise_frame_loss(*frames), expected)


def test_pooled_features_are_means_of_cells_without_the_rest():
    frames = random(1, 3, 5, 6), random(1, 3, 5, 6, seed=1), random(1, 2, 5, 6, seed=2), random(1, 2, 5, 6, seed=3)
    pooled = [each[:, :, :4].unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)) for each in frames]
    torch.testing.assert_close(pairwise_frame_loss(*frames, pool=2), pairwise_frame_loss(*pooled))


def test_a_map_smaller_than_a_cell_is_one_cell():
    frames = [random(1, 3, 2, 6, seed=seed) for seed in range(4)]
    pooled = [each.unfold(3, 3, 3).mean((2, 4))[:, :, None] for each in frames]
    torch.testing.assert_close(pairwise_frame_loss(*frames, pool=3), pairwise_frame_loss(*pooled))


def test_equal_frames_of_student_and_teacher_cost_nothing():
    z, z_k = random(2, 3, 4, 5).requires_grad_(), random(2, 3, 4, 5, seed=1)
    loss = pairwise_frame_loss(z, z_k, z.detach(), z_k)
    loss.backward()
    assert loss == 0
    assert (z.grad == 0).all()


def test_pairwise_frame_gradient_by_finite_differences_and_none_for_the_teacher():
    frames = [random(1, channels, 2, 4, seed=seed).requires_grad_() for seed, channels in enumerate((3, 3, 2, 2))]
    constant = [each.detach() for each in frames[2:]]
    for chunk_size in (None, 3):
        assert torch.autograd.gradcheck(
            lambda q, k, chunk=chunk_size: pairwise_frame_loss(q, k, *constant, chunk_size=chunk), tuple(frames[:2])
        )
    pairwise_frame_loss(*frames).backward()
    assert frames[2].grad is frames[3].grad is None


def test_the_order_of_frames_does_not_matter_to_pairwise_frames():
    frames = [random(2, 3, 3, 4, seed=seed) for seed in range(4)]
    swapped = (frames[1], frames[0], frames[3], frames[2])
    torch.testing.assert_close(pairwise_frame_loss(*frames), pairwise_frame_loss(*swapped))


def test_dead_positions_get_no_huge_gradient():
    z = random(1, 3, 2, 2)
    z[:, :, 0, 0] = 0
    z.requires_grad_()
    pairwise_frame_loss(
        z, random(1, 3, 2, 2, seed=1), random(1, 3, 2, 2, seed=2), random(1, 3, 2, 2, seed=3)
    ).backward()
    assert 0 < z.grad.abs().max() < 1


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        (
            {1: (2, 3, 4, 5)},
            {},
            r"expected student_k of shape \(B, C, H, W\) = \(2, 3, 4, 4\) but found \(2, 3, 4, 5\)",
        ),
        (
            {2: (2, 5, 2, 2)},
            {},
            r"expected teacher_t of shape \(B, C', H, W\) = \(2, 5, 4, 4\) but found \(2, 5, 2, 2\)",
        ),
        ({3: (2, 6, 4, 4)}, {}, r"expected teacher_k of shape .* = \(2, 5, 4, 4\) but found \(2, 6, 4, 4\)"),
        ({}, {"pool": 0}, "expected pool of at least 1 but found 0"),
        ({}, {"chunk_size": 0}, "expected a chunk_size of at least 1 but found 0"),
    ],
)
def test_pairwise_frame_loss_refuses_what_does_not_fit(changed, options, message):
    shapes = {0: (2, 3, 4, 4), 1: (2, 3, 4, 4), 2: (2, 5, 4, 4), 3: (2, 5, 4, 4), **changed}
    with pytest.raises(ValueError, match=message):
        pairwise_frame_loss(*(random(*shapes[place]) for place in range(4)), **options)


THREE = (("student_f", "teacher_f"), ("student", "teacher"), ("student_b", "teacher_b"))


def over_three_frames(case, loss):
    """ETC's sum over a triple: the current frame, and 0.4 of those around it."""
    before, current, after = (loss(case[student], case[teacher]) for student, teacher in THREE)
    return current + 0.4 * (before + after)


def test_the_single_frame_term_on_features_is_the_same_frame_twice():
    case = PAIRS["case2"]
    pool = case.hp("pool")
    found = over_three_frames(case, lambda s, t: pairwise_frame_loss(s, s, t, t, pool=pool))
    assert mismatches(found, case) == []


def test_the_single_frame_term_on_features_is_skds_of_means_of_cells():
    case = PAIRS["case2"]

    def of_means(*maps):
        return skd_pairwise_loss(*(F.avg_pool2d(each, 2) for each in maps), kernel=1, detach_norm=False)

    # 1e-8 is added to each norm there.
    assert mismatches(over_three_frames(case, of_means), case, tolerance=1e-7) == []


def test_the_single_frame_term_on_logits_is_kd_over_all_elements():
    case = PAIRS["case3"]
    found = over_three_frames(case, lambda s, t: kd_loss(s, t, temperature=1.0) / s.shape[1])
    assert mismatches(found, case) == []


TEMPORAL = {
    "type": "TemporalLoss",
    "student": "logits",
    "student_other": "logits@next",
    "flow": "flow_next",
    "image": "image",
    "image_other": "image@next",
}


def test_the_modules_are_the_functions():
    inputs = clip()
    for options in ({}, {"space": "probabilities", "occlusion": "absolute"}):
        assert torch.equal(TemporalLoss(**options)(*inputs), temporal_loss(*inputs, **options))
    frames = [random(1, 3, 4, 4, seed=seed) for seed in range(4)]
    for options in ({}, {"pool": 2, "chunk_size": 1}):
        assert torch.equal(PairwiseFrameLoss(**options)(*frames), pairwise_frame_loss(*frames, **options))
    with pytest.raises(ValueError, match="expected a chunk_size of at least 1 but found 0"):
        PairwiseFrameLoss(chunk_size=0)(*frames)


@pytest.mark.parametrize("masked", [False, True])
def test_temporal_loss_of_a_config_takes_both_frames_of_the_student(masked):
    model = make(losses={"tl": {**TEMPORAL, **({"valid": "gt.valid_next"} if masked else {}), "weight": 0.5}}).eval()
    inputs, samples = labelled_batch()
    flow, valid = random(2, 2, *inputs.shape[2:]).float(), random(2, 1, *inputs.shape[2:], seed=1) > 0
    for place, sample in enumerate(samples):
        sample.frame_next = PixelData(data=inputs[place].flip(2))
        sample.flow_next, sample.valid_next = PixelData(data=flow[place]), PixelData(data=valid[place].byte())
    frames = inputs, inputs.flip(3)
    scores = (model.student(each) for each in frames)
    expected = temporal_loss(*scores, flow, *frames, valid=valid if masked else None)
    torch.testing.assert_close(model(inputs, samples, mode="loss")["loss_tl"], 0.5 * expected)


def test_pairwise_frames_of_a_config_bring_both_maps_of_the_teacher_to_the_students_grid():
    cfg = {"type": "PairwiseFrameLoss", "student": "logits", "student_other": "logits@next"}
    cfg |= {"teacher": "logits", "teacher_other": "logits@next"}
    paths = {"student": {"logits": ["head"]}, "teacher": {"logits": ["head"]}}
    term = LossTerm(read_term("pf", cfg, paths, ["teacher"]))
    student, student_k = random(1, 3, 4, 4), random(1, 3, 4, 4, seed=1)
    teacher, teacher_k = random(1, 5, 8, 8, seed=2), random(1, 5, 8, 8, seed=3)
    values = {"student": student, "student@next": student_k, "teacher": teacher, "teacher@next": teacher_k}
    values = {name: {"logits": each} for name, each in values.items()}
    term.build(values)
    resized = (F.interpolate(each, (4, 4), mode="bilinear", align_corners=False) for each in (teacher, teacher_k))
    torch.testing.assert_close(term(values, 0), {"loss_pf": pairwise_frame_loss(student, student_k, *resized)})


def test_an_option_that_does_not_fit_is_refused_with_the_config():
    with pytest.raises(ConfigError, match=r"loss 'tl' \(TemporalLoss\): expected space to be one of .* found 'labels'"):
        make_loss(LOSSES.get("TemporalLoss"), {"space": "labels"}, "tl")
    with pytest.raises(ConfigError, match="unknown key 'spaces'; did you mean 'space'"):
        make_loss(LOSSES.get("TemporalLoss"), {"spaces": "logits"}, "tl")
