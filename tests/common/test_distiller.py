"""The distiller as a model of the engine."""

import copy
import io

import pytest
import torch
from rich.console import Console
from toy_distillers import CWD, INPUTS, KD, SAMPLES, TAPS, make, step
from toys import ToySegmentor, set_iteration

from common.distiller import Distiller
from common.errors import ConfigError
from common.training import print_terms

pytestmark = pytest.mark.usefixtures("no_run_before")


def test_students_own_losses_stay_beside_the_distillation_losses():
    model = make().eval()
    losses = model(INPUTS, SAMPLES, mode="loss")
    assert losses.keys() == {"loss_ce", "loss_kd", "loss_cwd"}
    torch.testing.assert_close(losses["loss_ce"], model.student(INPUTS, SAMPLES, mode="loss")["loss_ce"])


def test_total_is_the_sum_of_all_losses():
    logged = step(make())
    parts = [value for key, value in logged.items() if key != "loss"]
    torch.testing.assert_close(logged["loss"], sum(parts))


def test_other_modes_are_the_students_alone():
    model = make().eval()
    torch.testing.assert_close(model(INPUTS), model.student(INPUTS))
    assert model.val_step({"inputs": INPUTS}).shape == (2, 3, 8, 8)


def test_student_starts_alike_with_and_without_distillation_for_the_same_seed():
    def started(build):
        torch.manual_seed(5)
        model = build()
        model.init_weights()
        return model, torch.rand(1)

    init = {"init_cfg": {"type": "Kaiming", "layer": "Conv2d"}}
    alone, next_alone = started(lambda: ToySegmentor(**init))
    distilled, next_distilled = started(lambda: make(seed=5, student=init))
    for name, value in alone.state_dict().items():
        assert torch.equal(value, distilled.student.state_dict()[name]), name
    assert next_alone == next_distilled


def test_state_dict_has_the_bare_students_keys_and_distill_beside():
    model = make()
    keys = model.state_dict().keys()
    assert {key for key in keys if not key.startswith("distill.")} == ToySegmentor().state_dict().keys()
    assert {key for key in keys if key.startswith("distill.")} == {
        "distill.terms.cwd.adapter.weight",
        "distill.terms.cwd.adapter.bias",
    }


def test_state_dict_loads_back_strictly():
    model, other = make(seed=0), make(seed=1)
    other.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(other.student.head.weight, model.student.head.weight)
    assert torch.equal(other.terms["cwd"].adapter.weight, model.terms["cwd"].adapter.weight)


def test_state_dict_nests_in_another_module():
    holder = torch.nn.Sequential(make(seed=0))
    other = torch.nn.Sequential(make(seed=1))
    assert "0.head.weight" in holder.state_dict()
    other.load_state_dict(holder.state_dict(), strict=True)
    assert torch.equal(other[0].student.head.weight, holder[0].student.head.weight)


def test_every_trained_part_gets_gradient():
    model = make()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    step(model)
    unchanged = {name for name, p in model.named_parameters() if torch.equal(p, before[name])}
    # A bias before batch norm has no effect, and CWD does not see a constant per channel.
    without_effect = {"student.body.0.bias", "terms.cwd.adapter.bias"}
    assert {"student.never.weight", "student.never.bias"} <= unchanged
    assert unchanged <= {"student.never.weight", "student.never.bias"} | without_effect


def test_teacher_is_bit_identical_after_training_and_its_loss_never_runs():
    model = make()
    teacher = model.teachers["teacher"]
    before = teacher.fingerprint()
    for _ in range(3):
        step(model)
    assert teacher.fingerprint() == before
    assert teacher.model.loss_calls == 0


def test_teacher_runs_only_as_far_as_its_taps_need():
    model = make(losses={"cwd": CWD})
    runs = []
    for name in ("body", "head"):
        module = getattr(model.teachers["teacher"].model, name)
        module.register_forward_pre_hook(lambda *_, name=name: runs.append(name))
    model(INPUTS, SAMPLES, mode="loss")
    assert runs == ["body"]


def test_teacher_stays_in_eval_mode_through_train_and_eval():
    model = make(teacher={"model": {"type": "ToySegmentor", "width": 8, "dropout": 0.5}})
    model.train()
    model.eval()
    model.train()
    assert not any(module.training for module in model.teachers["teacher"].model.modules())


def test_zero_weight_skips_the_loss_and_then_the_teacher():
    model = make(losses={"kd": {**KD, "weight": {"type": "stop_after", "value": 2.0, "steps": 10}}})
    runs = []
    model.teachers["teacher"].model.body.register_forward_hook(lambda *_: runs.append(1))
    assert "loss_kd" in model(INPUTS, SAMPLES, mode="loss")
    assert runs == [1]
    set_iteration(10)
    assert model(INPUTS, SAMPLES, mode="loss").keys() == {"loss_ce"}
    assert runs == [1]


def test_weight_follows_the_runs_iteration():
    weight = {"type": "linear_warmup", "value": 4.0, "steps": 4}
    model = make(losses={"kd": {**KD, "weight": weight}, "full": KD}).eval()
    set_iteration(3)
    losses = model(INPUTS, SAMPLES, mode="loss")
    torch.testing.assert_close(losses["loss_kd"], 3 * losses["loss_full"])


def test_two_teachers_by_name():
    torch.manual_seed(0)
    teacher = {"model": {"type": "ToySegmentor"}, "checkpoint": None}
    model = Distiller(
        {"type": "ToySegmentor"},
        {"tough": teacher, "tolerant": teacher},
        {"logits": "head"},
        {"hard": {**KD, "teacher": "tough.logits"}, "soft": {**KD, "teacher": "tolerant.logits"}},
    )
    losses = model(INPUTS, SAMPLES, mode="loss")
    assert losses["loss_hard"] != losses["loss_soft"]


def test_no_teacher_is_self_distillation_or_the_student_alone():
    deep = {"type": "CWDLoss", "student": "features", "teacher": "student.logits"}
    model = Distiller({"type": "ToySegmentor"}, taps=TAPS, losses={"self": deep})
    assert model.terms.table()[0][2] == "conv1x1 4->3"
    assert model(INPUTS, SAMPLES, mode="loss")["loss_self"] > 0
    assert Distiller({"type": "ToySegmentor"})(INPUTS, SAMPLES, mode="loss").keys() == {"loss_ce"}


def test_pyramid_taps_sum_over_levels():
    taps = {"levels": ["body", "head"]}
    model = make(taps=taps, losses={"cwd": {**CWD, "student": "levels", "teacher": "levels"}})
    assert model.terms.table()[0][1:3] == ("2x4x32x32, 2x3x32x32", "conv1x1 4->8, -")
    model(INPUTS, SAMPLES, mode="loss")["loss_cwd"].backward()
    assert model.terms["cwd"].adapter[0].weight.grad.abs().sum() > 0


def test_ground_truth_reaches_the_losses():
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in SAMPLES])
    labels[:, :8] = 255
    for sample, label in zip(samples := copy.deepcopy(SAMPLES), labels, strict=True):
        sample.gt_sem_seg.data = label[None]
    model = make(losses={"kd": {**KD, "target": "gt_sem_seg"}, "all": KD}).eval()
    plain = model(INPUTS, SAMPLES, mode="loss")
    masked = model(INPUTS, samples, mode="loss")
    torch.testing.assert_close(plain["loss_kd"], plain["loss_all"])
    assert masked["loss_kd"] != masked["loss_all"]


def test_start_up_table_shows_taps_shapes_adapters_losses_and_weights():
    console = Console(width=120, record=True, file=io.StringIO())
    print_terms(make(losses={"cwd": {**CWD, "weight": {"type": "cosine", "value": 3.0, "steps": 9}}}), console)
    text = console.export_text()
    for shown in (
        "student.features",
        "2x4x32x32",
        "conv1x1 4->8",
        "CWDLoss",
        "teacher.features",
        "2x8x32x32",
        "steps 0..9",
    ):
        assert shown in text


def test_dry_run_takes_the_tasks_example():
    model = make(example={"type": "toy_example"}, losses={"kd": {**KD, "target": "gt_sem_seg"}})
    assert [row[1] for row in model.terms.table()] == ["2x3x8x8", "2x3x8x8", "2x16x16"]


def test_dry_run_leaves_the_student_as_it_was():
    model = make()
    assert model.student.body[1].num_batches_tracked == 0
    assert all(module.training for module in model.student.modules())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"taps": {"logits": "haed", "features": "body"}},
            "no module at tap path 'haed' in ToySegmentor; did you mean 'head'",
        ),
        (
            {"taps": {"logits": {"student": "never", "teacher": "head"}}, "losses": {"kd": KD}},
            "tap 'logits' at 'never' of the student never fired",
        ),
        (
            {"taps": {"logits": {"student": "head", "teacher": "never"}}, "losses": {"kd": KD}},
            "tap 'logits' at 'never' of the teacher never fired",
        ),
        ({"losses": {"kd": {**KD, "type": "KDLos"}}}, "no loss 'KDLos'; did you mean 'KDLoss'"),
        ({"losses": {"kd": {**KD, "temprature": 1}}}, "unknown key 'temprature'; did you mean 'temperature'"),
        ({"teacher": {"chekpoint": None}}, "teacher 'teacher': unknown key 'chekpoint'"),
        (
            {"taps": {"logits": {"student": "head[9]", "teacher": "head"}}, "losses": {"kd": KD}},
            r"'head\[9\]' of the student: .* element 9",
        ),
        (
            {"losses": {"kd": {**KD, "target": "gt_semseg"}}, "example": {"type": "toy_example"}},
            "no ground truth 'gt_semseg'; they have gt_sem_seg; did you mean 'gt_sem_seg'",
        ),
    ],
)
def test_mistake_in_the_config_is_found_while_building(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_losses_whose_shapes_do_not_match_name_the_sources():
    with pytest.raises(
        ConfigError, match=r"loss 'kd' \(student=student.logits 2x3x32x32, teacher=teacher.logits 2x5x32x32\)"
    ):
        make(teacher={"model": {"type": "ToySegmentor", "classes": 5}}, losses={"kd": KD})


def test_name_that_the_students_own_loss_has_is_an_error():
    with pytest.raises(ConfigError, match=r"loss name 'ce': the student has a loss_ce of its own"):
        make(losses={"ce": KD})(INPUTS, SAMPLES, mode="loss")


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_step_under_bfloat16_autocast_is_finite(dtype):
    model = make(teacher={"dtype": dtype} if dtype else None)
    with torch.autocast("cpu", torch.bfloat16):
        losses = model(INPUTS, SAMPLES, mode="loss")
    assert losses["loss_kd"].dtype == losses["loss_cwd"].dtype == torch.float32
    sum(losses.values()).backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(grads) == 8
    assert all(grad.isfinite().all() for grad in grads)


def test_gradient_accumulation_adds_up_to_the_larger_batch():
    torch.manual_seed(0)
    one, two = make().eval(), make().eval()
    losses = one(INPUTS, SAMPLES, mode="loss")
    (losses["loss_ce"] + losses["loss_kd"]).backward()
    for index in range(2):
        losses = two(INPUTS[index : index + 1], SAMPLES[index : index + 1], mode="loss")
        ((losses["loss_ce"] + losses["loss_kd"]) / 2).backward()
    torch.testing.assert_close(one.student.head.weight.grad, two.student.head.weight.grad)
