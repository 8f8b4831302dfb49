"""`distill`: any two modules in one's own loop."""

import copy

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from toys import ToyClassifier

from common import distill
from common.errors import ConfigError
from common.losses import KDLoss, cwd_loss, kd_loss

IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 1])


def pair(student_width=4, teacher_width=8):
    torch.manual_seed(0)
    return ToyClassifier(student_width), ToyClassifier(teacher_width)


def test_readme_use_on_a_torchvision_classifier():
    student, teacher = torchvision.models.resnet18(num_classes=5), torchvision.models.resnet34(num_classes=5)
    teacher.layer4 = nn.Sequential(teacher.layer4, nn.Conv2d(512, 96, 1))
    teacher.fc = nn.Linear(96, 5)
    plain_keys = student.state_dict().keys()
    wrapped = distill(
        student,
        teacher,
        losses={("layer3", "layer4"): {"loss": cwd_loss, "weight": 0.5}, "output": kd_loss},
        example=torch.zeros(2, 3, 64, 64),
    )
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.01)
    before = {name: p.detach().clone() for name, p in wrapped.named_parameters()}
    for _ in range(2):
        output, losses = wrapped(torch.randn(2, 3, 64, 64))
        loss = F.cross_entropy(output, torch.tensor([1, 3])) + sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses.keys() == {"loss_cwd", "loss_kd"}
    unchanged = {name for name, p in wrapped.named_parameters() if torch.equal(p, before[name])}
    assert unchanged <= {"terms.cwd.adapter.bias"}  # CWD does not see a constant per channel
    assert wrapped.terms["cwd"].adapter.weight.shape == (96, 256, 1, 1)
    assert wrapped.student is student
    assert student.state_dict().keys() == plain_keys


def test_losses_are_the_functions_of_both_networks_outputs():
    student, teacher = pair()
    wrapped = distill(student, teacher, {"output": {"loss": kd_loss, "weight": 0.25}})
    output, losses = wrapped(IMAGES)
    expected = 0.25 * kd_loss(output, teacher(IMAGES))
    torch.testing.assert_close(losses["loss_kd"], expected)
    torch.testing.assert_close(wrapped(IMAGES).loss, expected)


def test_a_path_means_the_same_module_in_both():
    student, teacher = pair(4, 4)
    seen = {}
    student.body.register_forward_hook(lambda *args: seen.update(student=args[2]))
    teacher.body.register_forward_hook(lambda *args: seen.update(teacher=args[2]))
    losses = distill(student, teacher, {"body": F.mse_loss})(IMAGES).losses
    torch.testing.assert_close(losses["loss_mse"], F.mse_loss(seen["student"], seen["teacher"]))


def test_pair_of_paths_joins_different_modules_and_sizes():
    student, teacher = pair(8, 4)
    losses = distill(student, teacher, {("stem", "body"): F.mse_loss})(IMAGES).losses  # 8 channels, 8x8 against 4x4
    assert losses["loss_mse"] > 0


def test_several_losses_on_one_path_get_names_of_their_own():
    wrapped = distill(
        *pair(4, 4), {"body": [F.mse_loss, {"loss": F.mse_loss, "weight": 3, "name": "more"}], "stem": F.mse_loss}
    )
    losses = wrapped(IMAGES).losses
    assert losses.keys() == {"loss_mse", "loss_more", "loss_mse_2"}
    torch.testing.assert_close(losses["loss_more"], 3 * losses["loss_mse"])


def test_lambda_and_module_are_losses_too():
    wrapped = distill(*pair(), {"output": [nn.MSELoss(), lambda s, t: (s - t).square().mean()]})
    losses = wrapped(IMAGES).losses
    assert losses.keys() == {"loss_MSELoss", "loss_custom"}
    torch.testing.assert_close(losses["loss_MSELoss"], losses["loss_custom"])


def truth_loss(student, teacher, target):
    return F.cross_entropy(student, target) + 0 * teacher.sum()


def two_truths(student, teacher, target, extra):
    return truth_loss(student, teacher, target) + extra


def test_target_reaches_the_losses_that_ask_for_it():
    wrapped = distill(*pair(), {"output": truth_loss})
    output, losses = wrapped(IMAGES, target=LABELS)
    torch.testing.assert_close(losses["loss_truth"], F.cross_entropy(output, LABELS))


def test_further_ground_truth_is_given_by_argument_name():
    wrapped = distill(*pair(), {"output": two_truths})
    output, losses = wrapped(IMAGES, target=LABELS, targets={"extra": 5.0})
    torch.testing.assert_close(losses["loss_two_truths"], F.cross_entropy(output, LABELS) + 5)


def test_an_optional_target_reaches_the_loss_where_there_is_one():
    torch.manual_seed(0)
    student, teacher, images = nn.Conv2d(3, 5, 1), nn.Conv2d(3, 5, 1), torch.randn(2, 3, 4, 4)
    target = torch.full((2, 4, 4), 255)
    target[:, :1] = 1
    for loss in (kd_loss, KDLoss()):
        wrapped = distill(student, teacher, {"output": loss}, example=images)
        scores = student(images), teacher(images)
        assert wrapped(images, target=target).loss == loss(*scores, target=target)
        assert wrapped(images).loss == loss(*scores)
        assert wrapped(images).loss != wrapped(images, target=target).loss
        assert [row[0] for row in wrapped.terms.table()] == ["student = student.output", "teacher = teacher.output"]


def test_missing_target_is_an_error_that_names_it():
    wrapped = distill(*pair(), {"output": truth_loss}, example=IMAGES)
    with pytest.raises(ConfigError, match=r"loss 'truth' needs target; give it to the call: \(x, target=y\)"):
        wrapped(IMAGES)


def test_the_step_of_the_schedules_is_in_the_state_dict():
    weight = {"type": "linear_warmup", "value": 1.0, "steps": 10}
    losses = {"body": {"loss": F.mse_loss, "weight": weight}}
    wrapped, resumed = (distill(*pair(), losses, example=IMAGES) for _ in "ab")
    for _ in range(5):
        wrapped(IMAGES)
    resumed.load_state_dict(wrapped.state_dict())
    assert resumed.step == 5


def test_example_builds_adapters_that_are_trained():
    wrapped = distill(*pair(), {"body": F.mse_loss}, example=IMAGES)
    assert wrapped.terms["mse"].adapter.weight.shape == (16, 8, 1, 1)
    wrapped(IMAGES).loss.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in wrapped.terms.parameters())
    assert {id(p) for p in wrapped.parameters()} == {
        id(p) for module in (wrapped.student, wrapped.terms) for p in module.parameters()
    }


def test_without_example_different_widths_are_an_error_that_names_both():
    wrapped = distill(*pair(), {"body": F.mse_loss})
    with pytest.raises(ConfigError, match=r"'mse': .*\(4, 8, 4, 4\) of the student and \(4, 16, 4, 4\) .*example=x"):
        wrapped(IMAGES)


def test_example_may_be_several_arguments():
    class Summing(ToyClassifier):
        def forward(self, first, second):
            return super().forward(first + second)

    wrapped = distill(Summing(4), Summing(8), {"body": F.mse_loss}, example=(IMAGES, IMAGES))
    assert wrapped(IMAGES, second=IMAGES).loss > 0


def test_building_leaves_weights_statistics_modes_and_random_numbers_alone():
    student, teacher = pair()
    student.dropout.eval()  # a part that its owner froze
    before = copy.deepcopy(student.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    wrapped = distill(student, teacher, {"body": F.mse_loss}, example=IMAGES)
    assert torch.rand(1) == expected
    assert all(torch.equal(before[key], value) for key, value in student.state_dict().items())
    assert wrapped.student.training
    assert student.stem.training
    assert not student.dropout.training


def test_eval_mode_is_the_student_alone():
    student, teacher = pair()
    wrapped = distill(student, teacher, {"output": kd_loss}).eval()
    output, losses = wrapped(IMAGES)
    assert losses == {}
    assert wrapped(IMAGES).loss == 0.0
    assert teacher.calls["fc"] == 0
    torch.testing.assert_close(output, student(IMAGES))


def test_schedule_counts_training_steps_and_spares_the_teacher_after_its_end():
    student, teacher = pair()
    weight = {"type": "stop_after", "value": 1.0, "steps": 2}
    wrapped = distill(student, teacher, {"output": {"loss": kd_loss, "weight": weight}})
    assert [len(wrapped(IMAGES).losses) for _ in range(4)] == [1, 1, 0, 0]
    assert teacher.calls["fc"] == 2


def test_adapter_is_built_for_a_loss_that_starts_at_zero():
    weight = {"type": "linear_warmup", "value": 1.0, "steps": 2}
    wrapped = distill(*pair(), {"body": {"loss": F.mse_loss, "weight": weight}}, example=IMAGES)
    assert [len(wrapped(IMAGES).losses) for _ in range(2)] == [0, 1]


def test_adapter_can_be_chosen_or_declined():
    losses = {"body": {"loss": F.mse_loss, "adapter": "conv1x1"}, "output": {"loss": F.mse_loss, "adapter": "linear"}}
    wrapped = distill(*pair(4, 4), losses, example=IMAGES)
    assert isinstance(wrapped.terms["mse"].adapter, nn.Conv2d)
    assert isinstance(wrapped.terms["mse_2"].adapter, nn.Linear)
    assert isinstance(distill(*pair(), {"output": F.mse_loss}, example=IMAGES).terms["mse"].adapter, nn.Identity)


def test_deep_copy_trains_apart_and_shares_the_teacher():
    wrapped = distill(*pair(), {"body": F.mse_loss}, example=IMAGES)
    twin = copy.deepcopy(wrapped)
    torch.testing.assert_close(twin(IMAGES).loss, wrapped(IMAGES).loss)
    twin(IMAGES).loss.backward()
    assert all(p.grad is None for p in wrapped.parameters())
    assert twin.teacher is wrapped.teacher


def test_checkpoint_of_the_wrapper_holds_student_and_adapters():
    wrapped = distill(*pair(), {"body": F.mse_loss}, example=IMAGES)
    other = distill(*(pair()[0], ToyClassifier(8)), {"body": F.mse_loss}, example=IMAGES)
    other.load_state_dict(wrapped.state_dict())
    assert torch.equal(other.terms["mse"].adapter.weight, wrapped.terms["mse"].adapter.weight)


def test_compiled_wrapper_computes_the_same():
    wrapped = distill(*pair(), {"body": F.mse_loss, "output": kd_loss}, example=IMAGES)
    wrapped(IMAGES)
    expected = copy.deepcopy(wrapped)(IMAGES)
    found = torch.compile(wrapped, backend="eager")(IMAGES)
    torch.testing.assert_close(found.output, expected.output)
    torch.testing.assert_close(found.losses, expected.losses)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"bdy": F.mse_loss}, "no module at tap path 'bdy' in ToyClassifier; did you mean 'body'"),
        ({("body", "stem.7"): F.mse_loss}, "no module at tap path 'stem.7'"),
        ({"body": {"loss": F.mse_loss, "wieght": 1}}, r"losses\['body'\]: unknown key 'wieght'; did you mean 'weight'"),
        ({"body": {"weight": 1}}, "expected a function or a module .* as loss but found None"),
        ({"body": "mse"}, "expected a function or a module .* as loss but found 'mse'"),
        ({"body": lambda s: s}, r"expected loss\(student, teacher\) but it takes \(s\)"),
        ({("a", "b", "c"): F.mse_loss}, "expected a path or a pair of paths"),
        ({"body": {"loss": F.mse_loss, "weight": "much"}}, "expected weight to be a number"),
        ({"output": torch.dist}, "not written in Python"),
    ],
)
def test_what_cannot_be_read_names_the_entry(losses, message):
    with pytest.raises(ConfigError, match=message):
        distill(*pair(), losses)


def test_tap_that_never_fires_is_named():
    student, teacher = pair()
    student.spare = teacher.spare = nn.Identity()
    for key, owner in {("spare", "body"): "student", ("body", "spare"): "teacher"}.items():
        with pytest.raises(ConfigError, match=f"tap 'spare' at 'spare' of the {owner} never fired"):
            distill(student, teacher, {key: F.mse_loss}, example=IMAGES)
