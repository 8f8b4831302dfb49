"""The distiller as a model of the engine."""

import copy
import io
import itertools

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement, InstanceData
from rich.console import Console
from toys import ToySegmentor, labelled_batch, set_iteration

from common.distiller import Distiller
from common.errors import ConfigError
from common.losses import ReceptiveTokens, feature_distance_weights, ofd_loss, ofd_margin, pixel_dkd_loss
from common.registry import EXAMPLES
from common.training import print_terms

INPUTS, SAMPLES = labelled_batch()
TAPS = {"logits": "head", "features": "body"}
KD = {"type": "KDLoss", "student": "logits", "teacher": "logits"}
CWD = {"type": "CWDLoss", "student": "features", "teacher": "features"}


@pytest.fixture(autouse=True)
def _no_run_before():
    """A fresh message hub: the engine's current one may come from another test's run."""
    MessageHub.get_instance(f"test_distiller_{id(object())}")
    set_iteration(0)


@EXAMPLES.register_module(force=True)
def toy_example(model):
    inputs, data_samples = labelled_batch(seed=1)
    return {"inputs": inputs, "data_samples": data_samples}


def make(seed=0, teacher_width=8, taps=None, losses=None, student=None, teacher=None, **options):
    torch.manual_seed(seed)
    return Distiller(
        student={"type": "ToySegmentor", **(student or {})},
        teachers={
            "teacher": {
                "model": {"type": "ToySegmentor", "width": teacher_width},
                "checkpoint": None,
                **(teacher or {}),
            }
        },
        taps=TAPS if taps is None else taps,
        losses={"kd": KD, "cwd": CWD} if losses is None else losses,
        **options,
    )


def step(model, lr=0.1):
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=lr))
    return model.train_step({"inputs": INPUTS, "data_samples": SAMPLES}, optimizer)


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


class ToldLoss(torch.nn.Module):
    """A distance that says a share too."""

    adapter = None

    def forward(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        self.logged = {"above": (student > teacher).float().mean()}
        return F.mse_loss(student, teacher)


def test_what_a_loss_says_beside_its_value_is_logged_unscaled_and_not_summed():
    told = {"type": ToldLoss, "student": "logits", "teacher": "logits"}
    logs = [step(make(losses={"mse": {**told, "weight": weight}})) for weight in (1.0, 5.0)]
    assert logs[0].keys() == {"loss", "loss_ce", "loss_mse", "mse_above"}
    torch.testing.assert_close(logs[1]["loss_mse"], 5 * logs[0]["loss_mse"])
    assert 0 < logs[0]["mse_above"] < 1
    assert logs[1]["mse_above"] == logs[0]["mse_above"]
    for log in logs:
        torch.testing.assert_close(log["loss"], log["loss_ce"] + log["loss_mse"])


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


def test_scores_are_compared_as_they_are():
    model = make().eval()
    losses = model(INPUTS, SAMPLES, mode="loss")
    p = F.softmax(model.teachers["teacher"](INPUTS) / 4, 1)
    log_q = F.log_softmax(model.student(INPUTS) / 4, 1)
    torch.testing.assert_close(losses["loss_kd"], 16 * (p * (p.log() - log_q)).sum(1).mean())


def mutual(**options):
    """Two networks that learn from each other; the peer is the wider."""
    return make(
        losses={
            "to_student": {"type": "kd_loss", "student": "logits", "teacher": "peer.logits", "temperature": 1.0},
            "to_peer": {"type": "kd_loss", "student": "peer.logits", "teacher": "student.logits", "temperature": 1.0},
        },
        peers={"peer": {"model": {"type": "ToySegmentor", "width": 6}}},
        **options,
    )


def test_a_peer_learns_from_its_own_loss_and_from_the_student():
    model = mutual().train()
    losses = model(INPUTS, SAMPLES, mode="loss")
    assert losses.keys() == {"loss_ce", "peer.loss_ce", "loss_to_student", "loss_to_peer"}
    losses["loss_to_peer"].backward()
    assert model.peers["peer"].head.weight.grad.abs().sum() > 0
    assert model.student.head.weight.grad is None


def test_a_student_learns_from_a_peer_that_this_does_not_move():
    model = mutual().train()
    model(INPUTS, SAMPLES, mode="loss")["loss_to_student"].backward()
    assert model.student.head.weight.grad.abs().sum() > 0
    assert model.peers["peer"].head.weight.grad is None


def test_peers_are_trained_and_kept_beside_the_student():
    model = mutual()
    before = copy.deepcopy(model.peers["peer"].state_dict())
    step(model)
    assert not torch.equal(model.peers["peer"].head.weight, before["head.weight"])
    beside = {key for key in model.state_dict() if not key.startswith("distill.")}
    assert beside == set(model.student.state_dict())
    other = mutual(seed=1)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.peers["peer"].head.weight, model.peers["peer"].head.weight)


def test_a_student_starts_alike_with_and_without_a_peer():
    assert torch.equal(mutual().student.head.weight, make().student.head.weight)


def test_a_peer_says_what_it_is_made_of():
    with pytest.raises(ConfigError, match="peer 'peer': expected model= alone but found config"):
        make(peers={"peer": {"config": "x.py"}})


def two_parts(student, teacher):
    return {"loss_near": (student - teacher).square().mean(), "loss_far": (student + teacher).square().mean()}


def test_single_parts_of_a_loss_have_weights_of_their_own():
    term = {"type": two_parts, "student": "logits", "teacher": "logits", "weight": 3.0}
    parts = {"far": {"type": "linear_warmup", "value": 2.0, "steps": 4}}
    plain = make(losses={"two": term}).eval()(INPUTS, SAMPLES, mode="loss")
    set_iteration(2)
    losses = make(losses={"two": {**term, "parts": parts}}).eval()(INPUTS, SAMPLES, mode="loss")
    torch.testing.assert_close(losses["loss_two_near"], plain["loss_two_near"])
    torch.testing.assert_close(losses["loss_two_far"], 1.0 * plain["loss_two_far"])
    set_iteration(4)
    losses = make(losses={"two": {**term, "parts": parts}}).eval()(INPUTS, SAMPLES, mode="loss")
    torch.testing.assert_close(losses["loss_two_far"], 2.0 * plain["loss_two_far"])


def test_a_part_that_a_loss_does_not_have_is_named():
    term = {"type": two_parts, "student": "logits", "teacher": "logits", "parts": {"fat": 1.0}}
    with pytest.raises(ConfigError, match="loss 'two' has no part 'fat'; it has near, far"):
        make(losses={"two": term}).eval()(INPUTS, SAMPLES, mode="loss")


def mean_teacher(seed=0):
    torch.manual_seed(seed)
    return Distiller(
        student={"type": "ToySegmentor"},
        teachers={"mean": {"ema": 0.75}},
        taps=TAPS,
        losses={"kd": {"type": "kd_loss", "student": "logits", "teacher": "mean.logits"}},
    )


def test_a_mean_teacher_follows_the_student():
    model = mean_teacher()
    weights = []
    for _ in range(5):
        weights.append(model.student.head.weight.detach().clone())
        step(model)
    # Shares of 1, 1/2, 1/3, 1/4 and then 1 - 0.75 of the newest weights.
    mean = weights[0]
    for number, weight in enumerate(weights[1:], start=2):
        mean = mean + (weight - mean) * max(1 / number, 0.25)
    torch.testing.assert_close(model.teachers["mean"].model.head.weight, mean)


def test_the_mean_is_neither_trained_nor_the_students():
    model = mean_teacher()
    step(model)
    trained = {id(parameter) for parameter in model.parameters()}
    assert not trained & {id(parameter) for parameter in model.teachers["mean"].model.parameters()}
    beside = {key for key in model.state_dict() if not key.startswith("distill.")}
    assert beside == set(model.student.state_dict())


def test_a_resumed_run_goes_on_from_the_stored_mean():
    model = mean_teacher()
    for _ in range(3):
        step(model)
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)
    stored.seek(0)
    other = mean_teacher(seed=1)
    other.load_state_dict(torch.load(stored))
    assert other.teachers["mean"].updates == 3
    for resumed in (model, other):
        step(resumed)
    torch.testing.assert_close(other.teachers["mean"].model.state_dict(), model.teachers["mean"].model.state_dict())


def test_a_mean_teacher_takes_nothing_but_its_momentum():
    with pytest.raises(ConfigError, match="teacher 'teacher': expected ema= alone but found"):
        make(teacher={"ema": 0.9})
    with pytest.raises(ConfigError, match=r"expected an ema momentum of 0 to below 1 but found 1\.5"):
        Distiller(student={"type": "ToySegmentor"}, teachers={"mean": {"ema": 1.5}})


def test_the_mean_moves_once_for_a_step_of_the_optimiser_where_gradients_are_accumulated():
    model = mean_teacher()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=3)
    updates = []
    for _ in range(7):
        model.train_step({"inputs": INPUTS, "data_samples": SAMPLES}, optimizer)
        updates.append(model.teachers["mean"].updates)
    assert updates == [1, 1, 1, 2, 2, 2, 3]


def test_the_mean_moves_where_gradients_are_cleared_late_or_weights_changed_unseen():
    model = mean_teacher()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        losses = model(INPUTS, SAMPLES, mode="loss")  # with the last step's gradients still there
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert model.teachers["mean"].updates == 3
    optimizer.zero_grad()
    model.student.head.weight.data.mul_(2)  # as optimisers do that torch's version counters do not see
    model(INPUTS, SAMPLES, mode="loss")
    assert model.teachers["mean"].updates == 4


@MODELS.register_module(force=True)
class ToyDetector(BaseModel):
    """Two stages, the batch norm of each before its ReLU, whose samples hold boxes."""

    def __init__(self, width=4):
        super().__init__()
        widths = (3, width, 2 * width)
        for level, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            layers = torch.nn.Conv2d(inputs, outputs, 3, 2, 1), torch.nn.BatchNorm2d(outputs), torch.nn.ReLU()
            self.add_module(f"stage{level}", torch.nn.Sequential(*layers))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        maps = self.stage1(self.stage0(inputs))
        return {"loss_box": maps.mean()} if mode == "loss" else maps


def detector(losses, taps, teacher_width=8):
    torch.manual_seed(0)
    teacher = {"model": {"type": "ToyDetector", "width": teacher_width}, "checkpoint": None}
    return Distiller({"type": "ToyDetector"}, {"teacher": teacher}, taps, losses).eval()


def boxes(*counts):
    corners = torch.tensor([[1.0, 1, 9, 9], [4, 2, 15, 8], [0, 0, 5, 15]])
    return [
        BaseDataElement(metainfo={"img_shape": (16, 16)}, gt_instances=InstanceData(bboxes=corners[:count]))
        for count in counts
    ]


def test_fgd_takes_boxes_and_sizes_from_detection_samples():
    term = {"type": "FGDLoss", "student": "maps", "teacher": "maps", "boxes": "gt_instances.bboxes"}
    model = detector({"fgd": {**term, "image_size": "gt.img_shape"}}, {"maps": ["stage0", "stage1"]})
    samples = boxes(3, 0)
    found = model(INPUTS, samples, mode="loss")
    term = model.terms["fgd"]
    expected = dict.fromkeys(("foreground", "background", "attention", "relation"), 0)
    for level in (0, 1):
        maps = [INPUTS, INPUTS]
        for stage in range(level + 1):
            networks = model.student, model.teachers["teacher"].model
            maps = [getattr(network, f"stage{stage}")(each) for network, each in zip(networks, maps, strict=True)]
        corners = [sample.gt_instances.bboxes for sample in samples]
        losses = term.loss[level](term.adapter[level](maps[0]), maps[1], corners, (16, 16))
        expected = {name: value + losses[f"loss_{name}"] for name, value in expected.items()}
    for name, value in expected.items():
        torch.testing.assert_close(found[f"loss_fgd_{name}"], value)


def test_ofd_reads_the_margins_of_a_pyramid_off_its_teacher():
    taps = {"before_relu": ["stage0.1", "stage1.1"]}
    term = {"type": "OFDLoss", "student": "before_relu", "teacher": "before_relu"}
    model = detector({"ofd": {**term, "batch_norm": ["stage0.1", "stage1.1"]}}, taps)
    teacher, margins = model.teachers["teacher"].model, model.terms["ofd"].loss.margins
    for stage, margin in zip((teacher.stage0, teacher.stage1), margins, strict=True):
        torch.testing.assert_close(margin, ofd_margin(stage[1].weight, stage[1].bias))
    loss = model(INPUTS, boxes(1, 1), mode="loss")["loss_ofd"]
    levels = []
    student, inputs = INPUTS, INPUTS
    for level in (0, 1):
        norms = []
        for network, each in ((model.student, student), (teacher, inputs)):
            stage = getattr(network, f"stage{level}")
            norms.append(stage[1](stage[0](each)))
        levels.append(ofd_loss(model.terms["ofd"].adapter[level](norms[0]), norms[1], margins[level]))
        student, inputs = (each.relu() for each in norms)
    torch.testing.assert_close(loss, levels[0] / 2 + levels[1])
    assert "distill.terms.ofd.loss.margin1" in model.state_dict()


def test_ofd_names_what_is_no_batch_norm():
    term = {"type": "OFDLoss", "student": "maps", "teacher": "maps", "batch_norm": "stage1.0"}
    with pytest.raises(ConfigError, match=r"loss 'ofd' .*batch norm with weights at stage1.0 of the teacher"):
        detector({"ofd": term}, {"maps": "stage1"})


def test_maskd_takes_tokens_from_a_file(tmp_path):
    tokens = torch.nn.ModuleList([ReceptiveTokens(8, 2), ReceptiveTokens(16, 2)])
    torch.save(tokens.state_dict(), tmp_path / "tokens.pth")
    term = {"type": "MasKDLoss", "student": "maps", "teacher": "maps", "tokens": str(tmp_path / "tokens.pth")}
    model = detector({"maskd": term}, {"maps": ["stage0", "stage1"]})
    torch.testing.assert_close(model.terms["maskd"].loss.tokens.state_dict(), tokens.state_dict())
    assert model(INPUTS, boxes(1, 1), mode="loss")["loss_maskd"] > 0


def test_fdwa_dkd_weighs_by_tapped_features():
    features = {"student_features": "student.features", "teacher_features": "teacher.features"}
    cfg = {"type": "FDWADKDLoss", "student": "logits", "teacher": "logits", "target": "gt_sem_seg", **features}
    model = make(teacher_width=4, losses={"fdwa": cfg, "kd": KD}).eval()
    found = model(INPUTS, SAMPLES, mode="loss")["loss_fdwa"]
    networks = model.student, model.teachers["teacher"].model
    maps = [network.body(INPUTS) for network in networks]
    target = torch.stack([sample.gt_sem_seg.data[0] for sample in SAMPLES])
    scores = [network.head(each) for network, each in zip(networks, maps, strict=True)]
    torch.testing.assert_close(found, pixel_dkd_loss(*scores, target, feature_distance_weights(*maps)))
