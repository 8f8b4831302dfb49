"""KD-Loss of face points: the authors' numbers, its formulas one coordinate at a time, and what does not fit."""

import doctest
import functools
import math

import pytest
import torch
from golden_files import golden_cases
from tolerances import assert_near

import tasks.landmarks.loss_parts
import tasks.landmarks.losses
from common.registry import find_loss
from tasks.landmarks.losses import (
    PRESETS,
    KDConstants,
    KDLandmarkLoss,
    assistive_loss,
    assistive_regions,
    kd_landmark_loss,
    main_landmark_loss,
    wing_loss,
)

CASES = golden_cases("landmark_kd")


def golden_loss(case):
    """The module with the constants that the case stores."""
    stored = {key: case.hp(key) for key in ("rho", "main_slope", "lambda_main", "lambda_tough", "lambda_tolerant")}
    return KDLandmarkLoss(
        preset=case.hp("preset"),
        **{f"{name}_positive": case.hp(f"w_pos_{name}") for name in ("tough", "tolerant")},
        **{f"{name}_negative": case.hp(f"w_neg_{name}") for name in ("tough", "tolerant")},
        ratio=stored["rho"],
        slope=stored["main_slope"],
        threshold=case.hp("main_threshold") if "hp.main_threshold" in case else "teacher",
        main_weight=stored["lambda_main"],
        tough_weight=stored["lambda_tough"],
        tolerant_weight=stored["lambda_tolerant"],
    )


def arguments(case):
    return [case[key] for key in ("student", "teacher_tough", "teacher_tolerant", "target")]


def on_a_kink(case):
    """Whether a coordinate has the error of a teacher, or the share ``rho`` of it, where two slopes meet."""
    student, target = case["student"].detach(), case["target"]
    error = (student - target).abs()
    near = torch.zeros_like(error, dtype=torch.bool)
    for name in ("teacher_tough", "teacher_tolerant"):
        radius = (case[name] - target).abs()
        near |= ((error - radius).abs() < 1e-7) | ((error - case.hp("rho") * radius).abs() < 1e-7)
    return bool(near.any())


def random_points(batch=5, coordinates=12, seed=0):
    """Student, tough, tolerant, target with errors of all sizes, in float64."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(batch, coordinates, generator=generator, dtype=torch.float64) - 0.5
    student, tough, tolerant = torch.randn(3, batch, coordinates, generator=generator, dtype=torch.float64)
    student = 0.08 * student * torch.rand(batch, coordinates, generator=generator, dtype=torch.float64) ** 2
    return [target + student, target + 0.05 * tough, target + 0.1 * tolerant, target]


def by_hand(student, tough, tolerant, target, constants):
    """The loss and its gradient, coordinate by coordinate, from the formulas of the paper in plain numbers."""

    def sign(value):
        return (value > 0) - (value < 0)

    def assistance(s, t, g, positive, negative):
        d, radius, side = abs(s - g), abs(t - g), sign(s - g)
        if d > radius:
            return positive * (d - radius), positive * side
        if d >= constants.ratio * radius:
            return -negative * (radius - d), negative * side
        if constants.low_region == "zero":
            return 0.0, 0.0
        low = constants.ratio * radius
        return -negative * d * (radius - d) / low, -negative * (radius - 2 * d) / low * side

    total, gradient = 0.0, []
    rows = [points.flatten().tolist() for points in (student, tough, tolerant, target)]
    for s, a, b, g in zip(*rows, strict=True):
        d = abs(s - g)
        tau = abs(b - g) if constants.threshold == "teacher" else constants.threshold
        main = constants.slope * d if d <= tau else d**2 + constants.slope * tau - tau**2
        main_slope = (constants.slope if d <= tau else 2 * d) * sign(s - g)
        hard, hard_slope = assistance(s, a, g, constants.tough_positive, constants.tough_negative)
        soft, soft_slope = assistance(s, b, g, constants.tolerant_positive, constants.tolerant_negative)
        weights = constants.main_weight, constants.tough_weight, constants.tolerant_weight
        total += sum(w * v for w, v in zip(weights, (main, hard, soft), strict=True))
        gradient.append(sum(w * v for w, v in zip(weights, (main_slope, hard_slope, soft_slope), strict=True)))
    return total / len(gradient), torch.tensor(gradient, dtype=torch.float64).view_as(student) / len(gradient)


def value_and_gradient(loss, student, *others):
    student = student.detach().clone().requires_grad_()
    value = loss(student, *others)
    value.backward()
    return value.detach(), student.grad


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_value_and_parts_are_the_authors(case):
    loss = golden_loss(case)
    assert loss(*arguments(case)).item() == pytest.approx(case.value(), rel=1e-9, abs=1e-12)
    for part in ("main", "tough", "tolerant"):
        assert loss.logged[part].item() == pytest.approx(case.value(f"term_{part}"), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if not on_a_kink(case)], ids=lambda case: case.name)
def test_gradients_of_value_and_parts_are_the_authors(case):
    constants = golden_loss(case).constants
    _, found = value_and_gradient(functools.partial(kd_landmark_loss, preset=constants), *arguments(case))
    assert_near(found, torch.tensor(case.gradients()["student"]), torch.float64)
    student, tough, tolerant, target = arguments(case)
    tau = (tolerant - target).abs() if constants.threshold == "teacher" else constants.threshold
    _, found = value_and_gradient(lambda *given: main_landmark_loss(*given, tau, constants.slope), student, target)
    assert_near(
        constants.main_weight * found, torch.tensor(case.gradients("term_main")["student"]), torch.float64, "main"
    )
    for name, teacher in {"tough": tough, "tolerant": tolerant}.items():
        options = {sign: getattr(constants, f"{name}_{sign}") for sign in ("positive", "negative")}
        loss = functools.partial(assistive_loss, **options, ratio=constants.ratio, low_region=constants.low_region)
        _, found = value_and_gradient(loss, student, teacher, target)
        expected = torch.tensor(case.gradients(f"term_{name}")["student"])
        assert_near(getattr(constants, f"{name}_weight") * found, expected, torch.float64, name)


def test_few_golden_cases_lie_on_a_kink():
    assert [case.name for case in CASES if on_a_kink(case)] == ["case10", "case12"]


@pytest.mark.parametrize("preset", ["code", "figure"])
def test_constants_are_those_of_the_golden_files(preset):
    # The second case has the lambdas of the authors' earlier runs.
    for case in CASES:
        if case.hp("preset") == preset and case.name != "case1":
            assert golden_loss(case).constants == PRESETS[preset]


@pytest.mark.parametrize(
    ("student", "tough", "tolerant", "main", "hard", "soft"),
    [
        (0.01, 0.1, 0.2, 0.06, 0.0, 0.0),
        (0.05, 0.1, 0.2, 0.30, -0.0225, -0.06),
        (0.15, 0.1, 0.2, 0.90, 0.095, -0.02),
        (0.30, 0.1, 0.2, 1.3, 0.38, 0.18),
        (-0.15, 0.1, -0.2, 0.90, 0.095, -0.02),
        (0.03, -0.02, 0.02, 0.121, 0.019, 0.018),
        (0.0, 0.1, 0.2, 0.0, 0.0, 0.0),
    ],
)
def test_parts_of_a_coordinate_with_the_published_constants(student, tough, tolerant, main, hard, soft):
    loss = KDLandmarkLoss()
    points = [torch.tensor([[each]], dtype=torch.float64) for each in (student, tough, tolerant, 0.0)]
    assert loss(*points).item() == pytest.approx(main + hard + soft, abs=1e-12)
    found = [loss.logged[part].item() for part in ("main", "tough", "tolerant")]
    assert found == pytest.approx([main, hard, soft], abs=1e-12)


@pytest.mark.parametrize(
    ("student", "tough", "tolerant", "total"),
    [(0.16, 0.4, 0.49, 0.171), (0.35, 0.4, 0.49, 0.79), (0.2, 0.1, 0.2, 0.59)],
)
def test_curves_of_the_papers_figure_are_met(student, tough, tolerant, total):
    points = [torch.tensor([[each]], dtype=torch.float64) for each in (student, tough, tolerant, 0.0)]
    assert kd_landmark_loss(*points, preset="figure").item() == pytest.approx(total, abs=5e-3)


OTHER = KDConstants(0.7, 0.3, 1.1, 0.2, 0.6, "linear", 2.0, "teacher", 1.5, 0.5, 0.8)


@pytest.mark.parametrize("constants", [*PRESETS.values(), OTHER], ids=[*PRESETS, "other"])
@pytest.mark.parametrize("seed", range(5))
def test_value_and_gradient_are_those_of_the_formulas_coordinate_by_coordinate(constants, seed):
    points = random_points(seed=seed)
    regions = assistive_regions(points[0], points[1], points[3], constants.ratio)
    assert all(region.any() for region in regions)
    expected, slopes = by_hand(*points, constants)
    value, gradient = value_and_gradient(functools.partial(kd_landmark_loss, preset=constants), *points)
    assert value.item() == pytest.approx(expected, rel=1e-12)
    assert_near(gradient, slopes, torch.float64)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_student_mirrored_at_the_truth_has_the_same_loss(preset):
    student, tough, tolerant, target = random_points()
    expected = kd_landmark_loss(student, tough, tolerant, target, preset)
    torch.testing.assert_close(kd_landmark_loss(2 * target - student, tough, tolerant, target, preset), expected)
    torch.testing.assert_close(kd_landmark_loss(student, 2 * target - tough, tolerant, target, preset), expected)
    torch.testing.assert_close(kd_landmark_loss(student, tough, 2 * target - tolerant, target, preset), expected)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_gradient_points_away_from_the_truth_in_every_coordinate(preset):
    student, tough, tolerant, target = random_points(batch=40)
    _, gradient = value_and_gradient(lambda *p: kd_landmark_loss(*p, preset), student, tough, tolerant, target)
    assert (gradient.sign() == (student - target).sign()).all()


def test_the_teacher_alone_pulls_to_the_truth_on_either_side_of_its_own_error():
    student = torch.tensor([[0.3, -0.3, 0.05, -0.05, 0.01, 0.0]], dtype=torch.float64)
    teacher, target = torch.full_like(student, 0.1), torch.zeros_like(student)
    _, gradient = value_and_gradient(lambda *p: assistive_loss(*p, 1.9, 0.45, 0.15), student, teacher, target)
    expected = torch.tensor([[1.9, -1.9, 0.45, -0.45, 0.0, 0.0]], dtype=torch.float64) / 6
    torch.testing.assert_close(gradient, expected)


def test_the_middle_region_has_both_its_ends():
    error = torch.tensor([[0.25, 0.125, 0.5, 0.0, 0.75]])
    teacher, target = torch.tensor([[0.5, 0.5, 0.5, 0.5, 0.5]]), torch.zeros(1, 5)
    positive, negative, low = assistive_regions(error, teacher, target, ratio=0.25)
    assert negative.tolist() == [[True, True, True, False, False]]
    assert positive.tolist() == [[False, False, False, False, True]]
    assert low.tolist() == [[False, False, False, True, False]]


@pytest.mark.parametrize("low_region", ["zero", "linear"])
def test_points_that_are_right_give_zero_with_a_finite_gradient(low_region):
    points = torch.rand(2, 6, dtype=torch.float64)
    for teacher, ratio in ((points, 0.15), (points + 0.1, 0.15), (points + 0.1, 0.0), (points, 0.0)):
        loss = functools.partial(assistive_loss, positive=1.0, negative=1.0, ratio=ratio, low_region=low_region)
        value, gradient = value_and_gradient(loss, points, teacher, points)
        assert value == 0
        assert gradient.isfinite().all()
    value, gradient = value_and_gradient(lambda s: kd_landmark_loss(s, points, points, points), points)
    assert value == 0
    assert gradient.tolist() == torch.zeros(2, 6).tolist()


@pytest.mark.parametrize("preset", PRESETS)
def test_gradient_by_finite_differences_within_the_regions(preset):
    student, tough, tolerant, target = random_points(batch=2, coordinates=6)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: kd_landmark_loss(s, tough, tolerant, target, preset), student)


def test_no_gradient_reaches_the_teachers_or_the_threshold():
    points = [each.requires_grad_() for each in random_points()]
    kd_landmark_loss(*points, preset=OTHER).backward()
    assert points[1].grad is None
    assert points[2].grad is None
    assistive_loss(points[0], points[1], points[3], 1.0, 1.0, 0.5, "linear").backward()
    assert points[1].grad is None
    threshold = torch.full_like(points[0], 0.01, requires_grad=True)
    main_landmark_loss(points[0], points[3], threshold, 3.0).backward()
    assert threshold.grad is None


def test_main_loss_takes_a_threshold_for_each_coordinate_and_has_no_jump():
    error = torch.tensor([[0.1, 0.1, 0.5]], dtype=torch.float64)
    threshold = torch.tensor([[0.2, 0.05, 0.0]], dtype=torch.float64)
    found = main_landmark_loss(error, torch.zeros_like(error), threshold, slope=3.0)
    assert found.item() == pytest.approx((0.3 + (0.01 + 0.15 - 0.0025) + 0.25) / 3)
    _, at_it = value_and_gradient(main_landmark_loss, torch.tensor([[0.25]]), torch.zeros(1, 1), 0.25, 3.0)
    assert at_it.item() == 3
    at, above = (main_landmark_loss(torch.tensor([[d]]), torch.zeros(1, 1), 0.3, 3.0) for d in (0.3, 0.3001))
    assert abs(above - at) < 1e-3


def test_arms_without_a_teacher():
    student, tough, tolerant, target = random_points()
    both, tau = PRESETS["code"], (tolerant - target).abs()
    main = 2 * main_landmark_loss(student, target, tau, 3.0)
    hard = assistive_loss(student, tough, target, both.tough_positive, both.tough_negative, both.ratio)
    soft = assistive_loss(student, tolerant, target, both.tolerant_positive, both.tolerant_negative, both.ratio)
    torch.testing.assert_close(KDLandmarkLoss()(student, tough, tolerant, target), main + hard + soft)
    torch.testing.assert_close(KDLandmarkLoss()(student, None, tolerant, target), main + soft)
    torch.testing.assert_close(KDLandmarkLoss(tough_weight=0)(student, tough, tolerant, target), main + soft)
    # Given with weight 0, the tolerant teacher still says where the main loss bends; left out, the tough one does.
    torch.testing.assert_close(KDLandmarkLoss(tolerant_weight=0)(student, tough, tolerant, target), main + hard)
    bent_by_tough = 2 * main_landmark_loss(student, target, (tough - target).abs(), 3.0)
    torch.testing.assert_close(KDLandmarkLoss()(student, tough, None, target), bent_by_tough + hard)
    constant = 2 * main_landmark_loss(student, target, 0.1, 3.0)
    torch.testing.assert_close(KDLandmarkLoss(threshold=0.1)(student, tough, None, target), constant + hard)
    torch.testing.assert_close(KDLandmarkLoss(threshold=0.1)(student, target=target), constant)


def test_shares_of_the_regions_and_the_weighted_parts_are_kept():
    student = torch.tensor([[0.3, 0.2, 0.05, 0.01], [0.3, 0.06, 0.002, 0.001]])
    tough, tolerant, target = torch.full((2, 4), 0.1), torch.full((2, 4), -0.25), torch.zeros(2, 4)
    loss = KDLandmarkLoss(tolerant_weight=0.5)
    value = loss(student.requires_grad_(), tough, tolerant, target)
    shares = [
        [loss.logged[f"{name}_{region}"].item() for region in ("positive", "negative", "low")]
        for name in ("tough", "tolerant")
    ]
    assert shares == [[3 / 8, 2 / 8, 3 / 8], [2 / 8, 3 / 8, 3 / 8]]
    parts = [loss.logged[part] for part in ("main", "tough", "tolerant")]
    assert not any(each.requires_grad for each in loss.logged.values())
    torch.testing.assert_close(sum(parts), value.detach())
    loss(student, tough, None, target)
    assert set(loss.logged) == {"main", "tough", "tough_positive", "tough_negative", "tough_low"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_points_under_autocast_are_computed_in_float32(dtype):
    points = [each.to(dtype) for each in random_points()]
    with torch.autocast("cpu", dtype):
        value, gradient = value_and_gradient(KDLandmarkLoss(), *points)
    expected, slopes = value_and_gradient(KDLandmarkLoss(), *(each.float() for each in points))
    assert value.dtype == torch.float32
    assert_near(value, expected, torch.float32)
    assert_near(gradient / slopes.abs().max(), slopes / slopes.abs().max(), dtype)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-20, 1.0, 120.0, 1e9])
def test_value_and_gradient_stay_finite_at_any_distance(preset, scale):
    points = [scale * each.float() for each in random_points()]
    value, gradient = value_and_gradient(lambda *p: kd_landmark_loss(*p, preset), *points)
    assert value.isfinite()
    assert gradient.isfinite().all()


def test_compiled_equals_eager():
    torch._dynamo.reset()
    loss, points = KDLandmarkLoss("figure"), random_points()
    eager, gradient = value_and_gradient(loss, *points)
    kept = dict(loss.logged)
    value, found = value_and_gradient(torch.compile(loss, backend="aot_eager", fullgraph=True), *points)
    assert_near(value, eager, torch.float64)
    assert_near(found, gradient, torch.float64)
    assert loss.logged.keys() == kept.keys()


def test_wing_is_logarithmic_near_and_linear_far_without_a_jump():
    # In a crop of 100 pixels: 3 px near, 10 px at the width, 40 px far.
    errors = torch.tensor([[0.03, -0.1, 0.4]], dtype=torch.float64)
    expected = [10 * math.log(1 + 3 / 2), 10 * math.log(1 + 10 / 2), 30 + 10 * math.log(1 + 10 / 2)]
    found = wing_loss(errors, torch.zeros_like(errors), pixels=100)
    assert found.item() == pytest.approx(sum(expected) / 3, rel=1e-12)
    value, gradient = value_and_gradient(lambda s: wing_loss(s, errors, pixels=100), errors)
    assert value == 0
    assert gradient.abs().sum() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda p: kd_landmark_loss(p[0][:, :4], *p[1:]),
            r"tough points of shape \(B, 2n\) = \(5, 4\) but found \(5, 12\)",
        ),
        (lambda p: kd_landmark_loss(p[0], p[1], p[2][:2], p[3]), r"tolerant points of .*found \(2, 12\)"),
        (lambda p: KDLandmarkLoss()(*p[:3], p[3][:, :2]), r"target points of .*\(5, 12\) but found \(5, 2\)"),
        (
            lambda p: kd_landmark_loss(p[0].view(5, 6, 2), *p[1:]),
            r"student points of shape \(B, 2n\) but found \(5, 6, 2\)",
        ),
        (
            lambda p: assistive_loss(p[0].long(), p[1], p[3], 1, 1, 0.5),
            "floating-point student points but found torch.int64",
        ),
        (lambda p: KDLandmarkLoss()(*p[:3]), r"expected target points of shape \(B, 2n\) but found None"),
        (
            lambda p: kd_landmark_loss(p[0], None, None, p[3]),
            "expected a tough or tolerant teacher, or a number as thr",
        ),
        (lambda p: kd_landmark_loss(*p, preset="paper"), r"preset to be one of \('code', 'figure'\) but found 'paper'"),
        (lambda p: KDLandmarkLoss(preset="figur"), "did you mean 'figure'"),
        (lambda p: KDLandmarkLoss(ratio=1.5), "expected ratio to be within 0..1 but found 1.5"),
        (lambda p: KDLandmarkLoss(tough_negative=-0.45), "tough_negative to be a number of at least 0 but found -0.45"),
        (lambda p: KDLandmarkLoss(threshold="tough"), "threshold to be a number or 'teacher' but found 'tough'"),
        (lambda p: KDLandmarkLoss(threshold=-1), "expected threshold to be a number of at least 0 but found -1"),
        (lambda p: KDLandmarkLoss(low_region="none"), r"one of \('zero', 'linear'\) but found 'none'"),
        (
            lambda p: assistive_loss(*p[1:], 1.0, -1.0, 0.5),
            "expected negative to be a number of at least 0 but found -1",
        ),
        (lambda p: main_landmark_loss(p[0], p[3], p[1][:2], 3.0), r"threshold of shape .*found \(2, 12\)"),
        (lambda p: main_landmark_loss(p[0], p[3], -0.5, 3.0), "expected threshold to be a number of at least 0"),
        (lambda p: wing_loss(p[0], p[3], curvature=0), "expected curvature to be above 0 but found 0"),
        (lambda p: wing_loss(p[0], p[3][:, :2]), r"target points of shape .*found \(5, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_points())


def test_configs_know_the_losses_by_name():
    for loss in (assistive_loss, main_landmark_loss, kd_landmark_loss, KDLandmarkLoss, wing_loss):
        assert find_loss(loss.__name__) is loss
        assert loss.adapter is None  # coordinates mean the same on both sides
        assert not loss.resize


@pytest.mark.parametrize("module", [tasks.landmarks.losses, tasks.landmarks.loss_parts], ids=lambda m: m.__name__)
def test_examples_of_the_docstrings_print_what_they_say(module):
    assert doctest.testmod(module).failed == 0
