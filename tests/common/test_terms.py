"""Losses at work: adapters, weights, levels, what they log, and what does not fit."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.binding import read_term
from common.errors import ConfigError
from common.losses import BPKDLoss, FGDLoss, VIDLoss, kd_loss
from common.schedules import build_weight
from common.terms import (
    DistillationTerms,
    LossTerm,
    Source,
    TermSpec,
)

GRIDS = (("student", 4), ("teacher", 2))


def spec(loss=F.mse_loss, arguments=("input", "target"), tap="map", name="mse", **options):
    sources = {arguments[0]: Source("student", tap), arguments[1]: Source("teacher", tap)}
    return TermSpec(name, loss, sources, **options)


def values(student, teacher, **truth):
    return {"student": {"map": student}, "teacher": {"map": teacher}, "gt": truth}


def built(student, teacher, **options):
    term = LossTerm(spec(**options))
    term.build(values(student, teacher))
    return term


def test_adapter_is_built_from_the_shapes_and_gets_gradient():
    term = built(torch.zeros(2, 4, 5, 5), torch.zeros(2, 8, 9, 9))
    student, teacher = torch.randn(2, 4, 5, 5), torch.randn(2, 8, 9, 9)
    loss = term(values(student, teacher), step=0)["loss_mse"]
    resized = F.interpolate(teacher, size=(5, 5), mode="bilinear")
    torch.testing.assert_close(loss, F.mse_loss(term.adapter(student), resized))
    loss.backward()
    assert term.adapter.weight.grad.abs().sum() > 0


def test_every_level_of_a_pyramid_has_its_adapter_with_gradient():
    student = [torch.randn(2, 4, size, size) for size in (8, 4, 2)]
    teacher = [
        torch.randn(2, width, 2 * s.shape[2], 2 * s.shape[3]) for s, width in zip(student, (8, 4, 16), strict=True)
    ]
    term = built(student, teacher)
    assert term.rows[0][2] == "conv1x1 4->8, -, conv1x1 4->16"
    loss = term(values(student, teacher), step=0)["loss_mse"]
    expected = sum(
        F.mse_loss(adapter(s), F.interpolate(t, size=s.shape[2:], mode="bilinear"))
        for adapter, s, t in zip(term.adapter, student, teacher, strict=True)
    )
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in term.parameters())


def test_a_list_of_ground_truth_is_by_image_and_not_by_level():
    def counted(student, teacher, boxes):
        return (student - teacher).square().mean() + sum(map(len, boxes))

    loss = spec(counted, ("student", "teacher"))
    loss.sources["boxes"] = Source("gt", "boxes")
    levels = [torch.ones(3, 2, size, size) for size in (4, 2)]
    boxes = [torch.zeros(count, 4) for count in (1, 0, 4)]
    assert LossTerm(loss)(values(levels, levels, boxes=boxes), step=0)["loss_mse"] == 2 * 5


def test_teacher_features_are_brought_to_the_grid_of_the_student_s_features():
    def shapes(student, teacher, student_features, teacher_features):
        assert teacher.shape == student.shape
        assert teacher_features.shape == student_features.shape
        return student.mean()

    tapped = [("student", "map"), ("teacher", "map"), ("student", "features"), ("teacher", "features")]
    names = ("student", "teacher", "student_features", "teacher_features")
    sources = {name: Source(*source) for name, source in zip(names, tapped, strict=True)}
    term = LossTerm(TermSpec("shapes", shapes, sources, adapter=None))
    maps = {owner: {"map": torch.ones(1, 3, s, s), "features": torch.ones(1, 4, 2 * s, s)} for owner, s in GRIDS}
    term.build(maps)
    assert term(maps, step=0)["loss_shapes"] == 1


class FromTheTeacher(nn.Module):
    """Scaled by a weight of the teacher's."""

    teacher_paths = ("0.-1",)

    def read_teacher(self, modules):
        self.scale = modules[0].weight.detach().sum()

    def forward(self, student, teacher):
        return self.scale * (student - teacher).square().mean()


def test_a_loss_is_shown_the_modules_of_its_teacher_that_it_names():
    models = {"student": nn.Identity(), "teacher": nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))}
    term = LossTerm(spec(FromTheTeacher(), ("student", "teacher")))
    term.build(values(torch.ones(1, 2), torch.ones(1, 2)), models)
    assert term.loss.scale == models["teacher"][0][1].weight.sum()
    models["teacher"] = nn.Sequential()
    with pytest.raises(ConfigError, match=r"no module at tap path '0\.-1'"):
        LossTerm(spec(FromTheTeacher(), ("student", "teacher"))).build(
            values(torch.ones(1, 2), torch.ones(1, 2)), models
        )


def test_what_a_loss_refuses_while_it_is_built_names_it():
    term = LossTerm(spec(FGDLoss(), ("student", "teacher"), name="fgd"))
    with pytest.raises(ConfigError, match=r"loss 'fgd' \(student=.*3x4x4, .*\): .* at least 4 channels but found 3"):
        term.build(values(torch.ones(1, 3, 4, 4), torch.ones(1, 3, 4, 4)))


def test_pyramids_of_different_depth_do_not_fit():
    with pytest.raises(ConfigError, match=r"as many student as teacher levels but found 2 and 3"):
        built([torch.zeros(1, 2, 4, 4)] * 2, [torch.zeros(1, 2, 4, 4)] * 3)


def test_loss_that_declares_no_adapter_gets_none():
    term = built(torch.zeros(2, 3), torch.zeros(2, 3), loss=kd_loss, arguments=("student", "teacher"), name="kd")
    assert isinstance(term.adapter, nn.Identity)
    with pytest.raises(ConfigError, match=r"loss 'kd' \(student=student.map 2x3, teacher=teacher.map 2x5\): expected"):
        term(values(torch.zeros(2, 3), torch.zeros(2, 5)), step=0)


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        ({"type": "kd_loss", "temperature": "4"}, "not supported between"),
        ({"type": "kd_loss", "parts": {"edge": 1.0}}, "no part 'edge'; it has none, but one value"),
        ({"type": "at_loss"}, "expected student"),
    ],
)
def test_a_mistake_shows_when_the_term_is_built_whatever_its_weight(cfg, message):
    paths = {"student": {"map": ["x"]}, "teacher": {"map": ["x"]}}
    weight = {"type": "linear_warmup", "value": 1.0, "begin": 100, "steps": 10}
    read = read_term("late", {"student": "map", "teacher": "map", "weight": weight, **cfg}, paths, ["teacher"])
    with pytest.raises(ConfigError, match=f"'late'.*{message}"):
        DistillationTerms([read]).build(values(torch.zeros(2, 3), torch.zeros(2, 3)))


def test_building_a_term_moves_neither_its_state_nor_the_random_numbers():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros((), dtype=torch.long))

        def forward(self, student: Tensor, teacher: Tensor):
            self.calls += 1
            return (student - teacher + torch.randn(())).square().mean()

    torch.manual_seed(0)
    before = torch.get_rng_state()
    term = built(torch.zeros(2, 3), torch.zeros(2, 3), loss=Counting(), arguments=("student", "teacher"))
    assert term.loss.calls == 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_a_loss_with_layers_has_a_copy_for_each_level(levels):
    term = LossTerm(spec(VIDLoss(), ("student", "teacher")))
    maps = {owner: [torch.randn(2, 3 + level, 4, 4) for level in range(levels)] for owner in ("student", "teacher")}
    offered = {owner: {"map": each} for owner, each in maps.items()}
    term.build(offered)
    assert len(term.loss) == levels
    assert len(term(offered, step=0)) == 1


def test_adapter_can_be_forced_on_a_loss_that_declares_none():
    term = built(torch.zeros(2, 3), torch.zeros(2, 5), loss=kd_loss, arguments=("student", "teacher"), adapter="auto")
    assert isinstance(term.adapter, nn.Linear)


def test_loss_module_with_parameters_is_trained_too():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, student: Tensor, teacher: Tensor):
            return (self.scale * (student - teacher)).square().mean()

    terms = DistillationTerms([spec(Scaled(), ("student", "teacher"), name="scaled")])
    assert [name for name, _ in terms.named_parameters()] == ["scaled.loss.scale"]


def test_parts_of_a_loss_are_weighted_and_named_each():
    def parts(s, t):
        return {"loss_body": (s - t).sum(), "edge": (s + t).sum()}

    term = LossTerm(spec(parts, ("s", "t"), name="bpkd", weight=build_weight(2)))
    losses = term(values(torch.full((1,), 3.0), torch.ones(1)), step=0)
    assert {key: value.item() for key, value in losses.items()} == {"loss_bpkd_body": 4.0, "loss_bpkd_edge": 8.0}


def test_weight_follows_the_step():
    schedule = build_weight({"type": "linear_warmup", "value": 4.0, "steps": 4})
    term = LossTerm(spec(weight=schedule))
    assert [term(values(torch.ones(1), torch.zeros(1)), step)["loss_mse"].item() for step in range(5)] == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_term_of_weight_zero_is_not_computed_and_asks_no_model():
    def broken(student, teacher):
        raise AssertionError

    stop = build_weight({"type": "stop_after", "value": 1.0, "steps": 2})
    terms = DistillationTerms([spec(broken, ("student", "teacher"), weight=stop)])
    assert terms.runs(1) == {"student", "teacher"}
    assert terms.runs(2) == set()
    assert terms({}, step=2) == {}


def test_ground_truth_that_is_not_there_lists_what_is():
    term = LossTerm(
        TermSpec("ce", F.cross_entropy, {"input": Source("student", "map"), "target": Source("gt", "gt_sem_segs")})
    )
    with pytest.raises(ConfigError, match=r"'ce': target='gt.gt_sem_segs' is not there; gt offers gt_sem_seg; did you"):
        term(values(torch.zeros(1, 2), None, gt_sem_seg=torch.zeros(1)), step=0)


def test_without_an_example_different_widths_are_an_error_that_names_both():
    term = LossTerm(spec())
    with pytest.raises(
        ConfigError, match=r"\(2, 4, 5, 5\) of the student and \(2, 8, 5, 5\) of the teacher; .*example"
    ):
        term(values(torch.zeros(2, 4, 5, 5), torch.zeros(2, 8, 5, 5)), step=0)


def test_widths_that_would_broadcast_are_an_error_too():
    with pytest.raises(ConfigError, match=r"\(2, 1\) of the student and \(2, 8\)"):
        LossTerm(spec())(values(torch.zeros(2, 1), torch.zeros(2, 8)), step=0)


def test_loss_on_relations_takes_different_widths_with_adapter_none():
    def gram(student, teacher):
        return (student @ student.T - teacher @ teacher.T).square().mean()

    term = LossTerm(spec(gram, ("student", "teacher"), adapter=None))
    assert term(values(torch.zeros(2, 4), torch.ones(2, 8)), step=0)["loss_mse"] == 64


def test_torchs_own_complaint_about_shapes_names_the_loss():
    term = LossTerm(spec(adapter=None))
    with pytest.raises(ConfigError, match=r"loss 'mse' \(input=student.map 2x4, target=teacher.map 2x8\): .*size"):
        term(values(torch.zeros(2, 4), torch.zeros(2, 8)), step=0)


def test_other_errors_of_a_loss_pass_as_they_are():
    def fails(student, teacher):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        LossTerm(spec(fails, ("student", "teacher")))(values(torch.zeros(1), torch.zeros(1)), step=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_teacher_against_a_full_student_has_a_full_gradient(dtype):
    student = torch.ones(3, requires_grad=True)
    LossTerm(spec())(values(student, torch.zeros(3, dtype=dtype)), step=0)["loss_mse"].backward()
    torch.testing.assert_close(student.grad, torch.full((3,), 2 / 3))


def test_table_has_a_row_per_argument():
    terms = DistillationTerms(
        [
            TermSpec(
                "bpkd",
                BPKDLoss(),
                {
                    "student": Source("student", "map"),
                    "teacher": Source("teacher", "map"),
                    "target": Source("gt", "labels"),
                },
                build_weight({"type": "stop_after", "value": 2, "steps": 9}),
            ),
            spec(name="fit"),
        ]
    )
    labels = torch.zeros(2, 20, 20, dtype=torch.long)
    terms.build(values(torch.zeros(2, 4, 5, 5), torch.zeros(2, 4, 9, 9), labels=labels))
    expected = [
        ("student = student.map", "2x4x5x5", "-", "BPKDLoss", "2 until step 9"),
        ("teacher = teacher.map", "2x4x9x9", "-", "", ""),
        ("target = gt.labels", "2x20x20", "-", "", ""),
        ("input = student.map", "2x4x5x5", "-", "mse_loss", "1"),
        ("target = teacher.map", "2x4x9x9", "-", "", ""),
    ]
    assert terms.table() == expected
    terms.build(values(torch.zeros(2, 4, 5, 5), torch.zeros(2, 4, 9, 9), labels=labels))
    assert terms.table() == expected


class Told(nn.Module):
    """A loss that says the largest error too."""

    adapter = None

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        error = (student - teacher).abs()
        self.logged = {"largest": error.max()}
        return error.mean()


def test_what_a_loss_logs_is_kept_unscaled_and_out_of_the_losses():
    told = spec(Told(), ("student", "teacher"), name="l1", weight=build_weight(7.0))
    terms = DistillationTerms([told])
    student = torch.tensor([[1.0, 3.0]], requires_grad=True)
    losses = terms(values(student, torch.zeros(1, 2)), step=0)
    assert {key: loss.item() for key, loss in losses.items()} == {"loss_l1": 14.0}
    assert {key: value.item() for key, value in terms.logged(0).items()} == {"l1_largest": 3.0}
    assert not terms.logged(0)["l1_largest"].requires_grad


def test_what_a_loss_logs_is_the_mean_over_levels():
    levels = [torch.full((1, 2), value) for value in (1.0, 5.0)]
    term = LossTerm(spec(Told(), ("student", "teacher"), name="l1"))
    assert term(values(levels, [torch.zeros(1, 2)] * 2), step=0)["loss_l1"] == 6
    assert term.logged["l1_largest"] == 3


def test_nothing_is_logged_of_a_loss_that_is_not_active():
    told = spec(
        Told(), ("student", "teacher"), name="l1", weight=build_weight({"type": "stop_after", "value": 1.0, "steps": 1})
    )
    terms = DistillationTerms([told])
    terms(values(torch.ones(1, 2), torch.zeros(1, 2)), step=0)
    assert terms.logged(0)
    assert not terms.logged(1)


def test_a_name_that_the_engine_would_add_to_the_loss_is_refused_where_more_is_logged():
    term = LossTerm(spec(Told(), ("student", "teacher"), name="my_loss"))
    with pytest.raises(ConfigError, match=r"expected a name without 'loss' in it, for Told .*'my_loss_largest'"):
        term(values(torch.ones(1, 2), torch.zeros(1, 2)), step=0)
