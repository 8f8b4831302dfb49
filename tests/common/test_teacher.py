"""A teacher is asked, never trained, and no part of whoever holds it."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from torch import nn
from toys import ToyClassifier, ToySegmentor

from common.distiller import Distiller
from common.errors import CheckpointError, ConfigError
from common.teacher import FrozenTeacher, state_fingerprint
from common.teacher_config import build_teacher, input_conversion, teacher_model_config, without_pretrained
from common.wrap import distill

IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def distilled(**options):
    torch.manual_seed(0)
    teacher = FrozenTeacher(ToyClassifier(8, dropout=0.5), **options)
    return distill(ToyClassifier(4), teacher, {"output": F.mse_loss, "body": F.mse_loss}, example=IMAGES)


def train(wrapped, steps=3):
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        wrapped(IMAGES).loss.backward()
        optimizer.step()


def test_teacher_is_in_nothing_that_lists_modules_or_weights():
    wrapped = distilled()
    teacher = {id(p) for p in wrapped.teacher.model.parameters()}
    assert not teacher & {id(p) for p in wrapped.parameters()}
    assert not any(isinstance(m, ToyClassifier) for name, m in wrapped.named_modules() if name != "student")
    expected = {f"student.{k}" for k in wrapped.student.state_dict()} | {"_extra_state"}  # the step of the schedules
    assert {k for k in wrapped.state_dict() if not k.startswith("terms.")} == expected


def test_average_of_the_weights_shares_the_teacher():
    wrapped = distilled()
    average = ExponentialMovingAverage(wrapped)
    assert average.module.teacher is wrapped.teacher
    assert average.module.student is not wrapped.student


def test_engines_ema_hook_does_not_copy_the_teacher():
    model = Distiller(
        {"type": "ToySegmentor"}, {"teacher": {"model": {"type": "ToySegmentor", "width": 8}, "checkpoint": None}}
    )
    hook = EMAHook()
    runner = type("Runner", (), {"model": model})()
    hook.before_run(runner)
    twin = hook.ema_model.module
    assert twin.teachers["teacher"] is model.teachers["teacher"]
    sizes = {name: value.numel() for name, value in hook.ema_model.state_dict().items()}
    assert sum(sizes.values()) == sum(p.numel() for p in model.student.state_dict().values()) + 1  # + step counter


@pytest.mark.parametrize("mode", ["eval", "train_bn"])
def test_teacher_is_bit_identical_after_training(mode):
    wrapped = distilled(mode=mode)
    before = wrapped.teacher.fingerprint()
    student = state_fingerprint(wrapped.student.state_dict())
    train(wrapped)
    assert wrapped.teacher.fingerprint() == before
    assert state_fingerprint(wrapped.student.state_dict()) != student


def test_fingerprint_sees_a_changed_bit_name_and_type():
    state = {"a": torch.zeros(2)}
    prints = [
        state_fingerprint(s)
        for s in (state, {"b": torch.zeros(2)}, {"a": torch.tensor([0.0, -0.0])}, {"a": torch.zeros(2).int()})
    ]
    assert len(set(prints)) == 4
    assert state_fingerprint({"a": torch.zeros(2)}) == prints[0]


def test_dropout_and_batch_norm_stay_in_eval_mode_while_the_student_trains():
    wrapped = distilled()
    wrapped.train()
    assert not any(module.training for module in wrapped.teacher.model.modules())
    torch.testing.assert_close(wrapped.teacher(IMAGES), wrapped.teacher(IMAGES), rtol=0, atol=0)


def test_train_bn_normalises_with_the_batch_and_leaves_the_rest_in_eval_mode():
    model = ToyClassifier(8, dropout=0.5)
    norm = model.stem[1]
    norm.running_mean.fill_(7.0)
    teacher = FrozenTeacher(model, mode="train_bn")
    assert not model.dropout.training
    normalised = []
    norm.register_forward_hook(lambda *args: normalised.append(args[2].clone()))  # before the in-place ReLU
    teacher(IMAGES)
    torch.testing.assert_close(normalised[0].mean((0, 2, 3)), norm.bias, atol=1e-5, rtol=0)
    assert (norm.running_mean == 7.0).all()
    assert norm.num_batches_tracked == 0


def test_a_loss_may_save_the_teachers_output_for_backward():
    teacher = FrozenTeacher(ToyClassifier())
    output = teacher(IMAGES)
    assert not output.requires_grad
    assert not output.is_inference()
    scores = torch.zeros(4, 3, requires_grad=True)
    F.mse_loss(scores, output).backward()
    torch.testing.assert_close(scores.grad, -2 * output / 12)


def test_teacher_runs_only_as_far_as_taps_need():
    wrapped = distill(ToyClassifier(), teacher := ToyClassifier(), {"body": F.mse_loss})
    for _ in range(4):
        wrapped(IMAGES)
    assert teacher.calls == {"body": 4, "fc": 1}  # the first pass finds out what fires


def test_half_precision_teacher_takes_the_students_images_and_gives_gradients():
    wrapped = distilled(dtype=torch.bfloat16)
    assert {p.dtype for p in wrapped.teacher.model.parameters()} == {torch.bfloat16}
    output, losses = wrapped(IMAGES)
    assert output.dtype == losses["loss_mse"].dtype == torch.float32
    sum(losses.values()).backward()
    assert wrapped.student.fc.weight.grad.isfinite().all()
    full = distilled()(IMAGES).losses["loss_mse"]
    assert losses["loss_mse"].item() == pytest.approx(full.item(), rel=0.05)


def test_teacher_moves_with_the_student_and_keeps_its_precision():
    wrapped = distilled(dtype=torch.bfloat16).to("meta")
    assert {p.device.type for p in wrapped.teacher.model.parameters()} == {"meta"}
    assert {p.dtype for p in distilled(dtype=torch.bfloat16).float().teacher.model.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in distilled().double().teacher.model.parameters()} == {torch.float64}


def test_distillers_teacher_moves_with_it():
    teacher = {"model": {"type": "ToySegmentor"}, "checkpoint": None}
    model = Distiller({"type": "ToySegmentor"}, {"teacher": teacher}).to("meta")
    assert {p.device.type for p in model.teachers["teacher"].model.parameters()} == {"meta"}


def test_copies_share_the_teacher():
    wrapped = distilled()
    assert copy.deepcopy(wrapped).teacher is wrapped.teacher


def test_unknown_mode_offers_the_nearest():
    with pytest.raises(ConfigError, match=r"found 'train-bn'; did you mean 'train_bn'"):
        FrozenTeacher(nn.Identity(), mode="train-bn")


@pytest.fixture
def teacher_file(tmp_path):
    path = tmp_path / "teacher.pth"
    torch.save({"state_dict": ToySegmentor(8).state_dict(), "meta": {}}, path)
    return str(path)


def toy_teacher(path, width=8, classes=3, **options):
    return {"model": {"type": "ToySegmentor", "width": width, "classes": classes}, "checkpoint": path, **options}


def test_teacher_has_the_weights_of_its_checkpoint(teacher_file):
    teacher = build_teacher("tough", toy_teacher(teacher_file))
    stored = torch.load(teacher_file, weights_only=True)["state_dict"]
    for name, value in teacher.model.state_dict().items():
        assert torch.equal(value, stored[name]), name


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"width": 16}, CheckpointError, "of teacher 'tough' does not fit ToySegmentor: 3 of 11 keys can be loaded"),
        ({"classes": 5}, CheckpointError, r"expected 5 outputs but found 3 \(at head\.weight\); set"),
        ({"chekpoint": "x"}, ConfigError, "teacher 'tough': unknown key 'chekpoint'; did you mean 'checkpoint'"),
        ({"mode": "evil"}, ConfigError, "teacher 'tough': expected mode .* did you mean 'eval'"),
        ({"dtype": "half"}, ConfigError, "expected dtype None, float32, float16, bfloat16 but found 'half'"),
    ],
)
def test_teacher_that_is_not_what_its_file_holds_is_an_error(teacher_file, options, error, message):
    with pytest.raises(error, match=message):
        build_teacher("tough", toy_teacher(teacher_file, **options))


def test_teacher_without_checkpoint_must_say_that_it_stays_random():
    with pytest.raises(ConfigError, match=r"has no checkpoint; name one"):
        build_teacher("teacher", {"model": {"type": "ToySegmentor"}})
    assert build_teacher("teacher", toy_teacher(None)).name == "teacher"


def test_teacher_model_of_a_distillation_config_is_its_student(tmp_path):
    config = tmp_path / "run.py"
    config.write_text("model = dict(type='Distiller', student=dict(type='ToySegmentor', width=6))\n")
    assert teacher_model_config("teacher", {"config": str(config)}).width == 6


@pytest.mark.parametrize(
    ("text", "message"), [(None, "expected a config file at"), ("x = (", "SyntaxError"), ("x = 1", "with a model")]
)
def test_teacher_config_that_cannot_be_used_says_why(tmp_path, text, message):
    config = tmp_path / "teacher.py"
    if text is not None:
        config.write_text(text)
    with pytest.raises(ConfigError, match=message):
        teacher_model_config("teacher", {"config": str(config)})


def test_teacher_needs_config_or_model():
    with pytest.raises(ConfigError, match=r"needs config="):
        build_teacher("teacher", {"checkpoint": None})


def test_model_without_pretrained_fetches_nothing_and_stays_a_config():
    model = ConfigDict(
        pretrained="torchvision://resnet18",
        backbone={"init_cfg": {"type": "Pretrained", "checkpoint": "x"}},
        neck={"init_cfg": [{"type": "Pretrained", "checkpoint": "x"}, {"type": "Kaiming", "layer": "Conv2d"}]},
        test_cfg={"mode": "slide"},
    )
    plain = without_pretrained(model)
    assert plain.pretrained is None
    assert plain.backbone.init_cfg is None
    assert plain.neck.init_cfg == [{"type": "Kaiming", "layer": "Conv2d"}]
    assert plain.test_cfg.mode == "slide"
    assert model.pretrained == "torchvision://resnet18"


def preprocessor(mean, std, flip):
    from mmseg.models import SegDataPreProcessor

    return SegDataPreProcessor(mean=mean, std=std, bgr_to_rgb=flip)


def test_teacher_of_another_normalisation_gets_its_own():
    ours, theirs = preprocessor([10, 20, 30], [2, 4, 5], True), preprocessor([1, 2, 3], [3, 3, 3], False)
    bgr = torch.rand(2, 3, 4, 4) * 255
    rgb = bgr.flip(1)
    student = (rgb - torch.tensor([10.0, 20, 30]).view(3, 1, 1)) / torch.tensor([2.0, 4, 5]).view(3, 1, 1)
    expected = (bgr - torch.tensor([1.0, 2, 3]).view(3, 1, 1)) / 3
    torch.testing.assert_close(input_conversion(ours, theirs)(student), expected, rtol=1e-4, atol=1e-4)


def test_teacher_without_normalisation_gets_raw_values():
    raw = torch.rand(2, 3, 4, 4) * 255
    student = preprocessor([10, 20, 30], [2, 4, 5], True)
    normalised = (raw - torch.tensor([10.0, 20, 30]).view(3, 1, 1)) / torch.tensor([2.0, 4, 5]).view(3, 1, 1)
    convert = input_conversion(student, preprocessor(None, None, True))
    torch.testing.assert_close(convert(normalised), raw, rtol=1e-4, atol=1e-3)


def test_equal_normalisations_need_no_conversion():
    assert input_conversion(preprocessor([1] * 3, [2] * 3, True), preprocessor([1] * 3, [2] * 3, True)) is None
