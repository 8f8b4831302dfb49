import pytest
import torch
import torch.nn.functional as F
from catalogue.base import mismatches, random
from golden_files import golden_cases

from common.binding import read_term
from common.terms import LossTerm
from tasks.seg.temporal import MultiFrameLoss

CASE = next(case for case in golden_cases("etc_pairs") if case.name == "case4")
FRAMES = ("student_f", "student", "student_b", "teacher_f", "teacher", "teacher_b")


def loss_in_double(seed=0, **options):
    torch.manual_seed(seed)
    return MultiFrameLoss(**options).double()


def frames(*shape, channels=(3, 5)):
    """Three maps of the student and three of the teacher."""
    return [random(shape[0], channels[place // 3], *shape[1:], seed=place) for place in range(6)]


def test_multi_frame_loss_agrees_with_the_reference():
    weights = {"gates.weight": CASE["w.convlstm.Gates.weight"], "gates.bias": CASE["w.convlstm.Gates.bias"]}
    loss = loss_in_double(anchor=0.0)
    found = torch.func.functional_call(loss, weights, tuple(CASE[name] for name in FRAMES))
    assert mismatches(found, CASE) == []


def test_frames_count_in_the_order_of_time():
    loss = loss_in_double(pool=2)
    before, now, after, *teacher = frames(1, 4, 6)
    assert loss(before, now, after, *teacher) != loss(after, now, before, *teacher)
    before, now, after, *teacher = frames(1, 4, 6)
    weight = loss.gates.weight.detach()
    states = []
    for maps in ((before, now, after), teacher):
        hidden = cell = torch.zeros(1, 4, 6, 6, dtype=torch.float64)
        for each in maps:
            pooled = F.avg_pool2d(each, 2).flatten(2)
            cosines = F.cosine_similarity(pooled[:, :, :, None], pooled[:, :, None, :], dim=1)[:, None]
            gates = F.conv2d(torch.cat([cosines, hidden], 1), weight, loss.gates.bias, padding=1)
            i, f, o, g = gates[:, :4], gates[:, 4:8], gates[:, 8:12], gates[:, 12:]
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * cell.tanh()
        states.append((hidden, cell))
    (hidden_s, cell_s), (hidden_t, cell_t) = states
    expected = F.mse_loss(hidden_s, hidden_t) + F.mse_loss(cell_s, cell_t)
    torch.testing.assert_close(loss(before, now, after, *teacher), expected)


def test_equal_student_and_teacher_cost_nothing():
    student = [each.requires_grad_() for each in frames(2, 4, 4)[:3]]
    loss = loss_in_double(pool=2)(*student, *(each.detach() for each in student))
    loss.backward()
    assert loss == 0
    assert all((each.grad == 0).all() for each in student)


def test_gradient_of_all_frames_by_finite_differences_and_none_for_the_teacher():
    loss = loss_in_double(pool=2)
    *student, t_before, t_now, t_after = (each.requires_grad_() for each in frames(1, 4, 4))
    constant = [each.detach() for each in (t_before, t_now, t_after)]
    assert torch.autograd.gradcheck(lambda *maps: loss(*maps, *constant), tuple(student))
    loss(*student, t_before, t_now, t_after).backward()
    assert t_before.grad is t_now.grad is t_after.grad is None


def test_the_network_of_all_frames_is_not_trained_by_default():
    assert all(not each.requires_grad for each in MultiFrameLoss().parameters())
    assert all(each.requires_grad for each in MultiFrameLoss(anchor=0.1).parameters())


def test_training_that_network_alone_would_make_the_loss_vanish():
    loss = loss_in_double(pool=2, anchor=0.0)
    maps = frames(2, 4, 6)
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.1)
    start = loss(*maps).item()
    for _ in range(30):
        optimiser.zero_grad()
        value = loss(*maps)
        value.backward()
        optimiser.step()
    assert value.item() < 0.1 * start


def test_the_anchor_keeps_the_teachers_state_large():
    maps = frames(1, 4, 6)
    bare, anchored = loss_in_double(pool=2, anchor=0.0), loss_in_double(pool=2, anchor=0.5)
    with torch.no_grad():  # gates that are open and new values of 1: the cell grows by about 1 with each frame
        for loss in (bare, anchored):
            loss.gates.weight.zero_()
            loss.gates.bias.fill_(20.0)
    assert bare(*maps).item() == 0
    assert anchored(*maps).item() == pytest.approx(0.5 * (1 - 3), rel=1e-6)


def test_maps_are_pooled_to_cells_and_small_maps_to_one():
    maps = frames(1, 4, 6)
    pooled = [F.avg_pool2d(each, 2) for each in maps]
    torch.testing.assert_close(loss_in_double(pool=2)(*maps), loss_in_double(pool=1)(*pooled))
    assert loss_in_double(pool=16)(*maps).item() == pytest.approx(0, abs=1e-12)  # one cell: its cosine with itself is 1


def test_multi_frame_loss_of_a_config_takes_three_frames_of_each():
    cfg = {"type": "MultiFrameLoss", "pool": 2, "student": "logits", "teacher": "logits"}
    for model in ("student", "teacher"):
        cfg |= {f"{model}_{view}": f"logits@{view}" for view in ("previous", "next")}
    paths = {"student": {"logits": ["head"]}, "teacher": {"logits": ["head"]}}
    term = LossTerm(read_term("mf", cfg, paths, ["teacher"]))
    maps = dict(
        zip(("@previous", "", "@next"), zip(*(frames(1, 4, 6)[i : i + 3] for i in (0, 3)), strict=True), strict=True)
    )
    values = {}
    for view, (student, teacher) in maps.items():
        values |= {f"student{view}": {"logits": student.float()}, f"teacher{view}": {"logits": teacher.float()}}
    term.build(values)
    order = [
        values[f"{model}{view}"]["logits"] for model in ("student", "teacher") for view in ("@previous", "", "@next")
    ]
    torch.testing.assert_close(term(values, 0), {"loss_mf": term.loss(*order)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool": 0}, "expected pool of at least 1 but found 0"),
        ({"hidden": 0}, "expected hidden of at least 1 but found 0"),
        ({"kernel": 2}, "expected an odd kernel but found 2"),
        ({"anchor": -1.0}, "expected an anchor of at least 0 or None but found -1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MultiFrameLoss(**options)


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (
            0,
            (1, 3, 4, 5),
            r"expected student_previous of shape \(B, C, H, W\) = \(1, 3, 4, 6\) but found \(1, 3, 4, 5\)",
        ),
        (2, (2, 3, 4, 6), r"expected student_next of shape .* but found \(2, 3, 4, 6\)"),
        (4, (1, 5, 2, 3), r"expected teacher of shape \(B, C', H, W\) = \(1, 5, 4, 6\) but found \(1, 5, 2, 3\)"),
        (5, (1, 4, 4, 6), r"expected teacher_next of shape .* = \(1, 5, 4, 6\) but found \(1, 4, 4, 6\)"),
    ],
)
def test_maps_that_do_not_fit_are_refused(place, shape, message):
    maps = frames(1, 4, 6)
    maps[place] = random(*shape)
    with pytest.raises(ValueError, match=message):
        loss_in_double(pool=2)(*maps)
