"""A student and its critic, each with an optimiser of its own."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from toy_distillers import INPUTS, KD, SAMPLES, make

import common.engine  # noqa: F401
from common import critics
from common.critics import CriticOptimWrapperConstructor
from common.errors import ConfigError
from common.training import use_mixed_precision

GAN = {"type": "FeatureGANLoss", "student": "features", "teacher": "features", "width": 4, "downsamplings": 1}
OPTIMIZERS = {
    "student": {"type": "OptimWrapper", "optimizer": {"type": "SGD", "lr": 0.1}},
    "critic": {"type": "OptimWrapper", "optimizer": {"type": "Adam", "lr": 5e-3, "betas": (0.5, 0.999)}},
}
BATCH = {"inputs": INPUTS, "data_samples": SAMPLES}


def adversarial(**gan):
    model = make(losses={"kd": KD, "gan": {**GAN, **gan}})
    kind = OPTIM_WRAPPER_CONSTRUCTORS.get("CriticOptimWrapperConstructor")
    return model, kind(OPTIMIZERS)(model)


def ids(parameters):
    return {id(parameter) for parameter in parameters}


def test_every_parameter_has_one_optimiser():
    model, wrappers = adversarial()
    critic = model.terms["gan"].adversaries()[0].critic
    found = {
        name: ids(p for group in wrappers[name].optimizer.param_groups for p in group["params"])
        for name in ("student", "critic")
    }
    assert found["critic"] == ids(critic.parameters())
    assert found["student"] == ids(model.parameters()) - found["critic"]


def test_a_step_moves_student_adapter_and_critic():
    model, wrappers = adversarial()
    before = {name: value.clone() for name, value in model.named_parameters()}
    teacher = model.teachers["teacher"].fingerprint()
    logged = model.train_step(BATCH, wrappers)
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert {"student.body.0.weight", "terms.gan.adapter.weight"} <= moved
    assert any(name.startswith("terms.gan.loss") and name.endswith("score.weight") for name in moved)
    assert model.teachers["teacher"].fingerprint() == teacher
    assert {"loss", "loss_gan", "loss_kd", "critic_gan"} <= logged.keys()
    assert logged["loss"].item() == pytest.approx(sum(v.item() for k, v in logged.items() if "loss_" in k), rel=1e-5)


def test_the_students_term_is_of_the_critic_after_its_step():
    model, wrappers = adversarial()
    seen = []
    loss = model.terms["gan"].adversaries()[0]
    real = loss.after_critic_step
    loss.after_critic_step = lambda: (real(), seen.append([p.clone() for p in loss.critic.parameters()]))
    value = model.train_step(BATCH, wrappers)["loss_gan"]
    assert all(map(torch.equal, seen[0], loss.critic.parameters()))  # the student's step leaves it
    fresh, _ = adversarial()
    fresh.terms.load_state_dict(
        model.terms.state_dict()
        | {f"gan.adapter.{name}": each for name, each in fresh.terms["gan"].adapter.state_dict().items()}
    )
    torch.testing.assert_close(fresh(**BATCH, mode="loss")["loss_gan"], value, rtol=1e-5, atol=1e-7)


def test_weights_stay_within_the_limit():
    model, wrappers = adversarial()
    for _ in range(3):
        model.train_step(BATCH, wrappers)
    critic = model.terms["gan"].adversaries()[0].critic
    assert max(p.abs().max() for p in critic.parameters()) <= 0.03


def test_without_weight_the_critic_rests():
    model, wrappers = adversarial(weight=0.0)
    critic = model.terms["gan"].adversaries()[0].critic
    before = [p.clone() for p in critic.parameters()]
    logged = model.train_step(BATCH, wrappers)
    assert "critic_gan" not in logged
    assert "loss_gan" not in logged
    assert all(map(torch.equal, before, critic.parameters()))


def test_a_critic_without_an_optimiser_is_refused():
    model, _ = adversarial()
    with pytest.raises(ConfigError, match=r"optimiser for the critic of an .*constructor='CriticOptim"):
        model.train_step(BATCH, OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"student": {}}, "expected student= and critic= but found student"),
        ({**OPTIMIZERS, "teacher": {}}, "but found student, critic, teacher"),
    ],
)
def test_other_keys_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        CriticOptimWrapperConstructor(settings)


def test_a_model_without_critics_is_refused():
    with pytest.raises(ConfigError, match="expected a loss with a critic, such as FeatureGANLoss, but found none"):
        CriticOptimWrapperConstructor(OPTIMIZERS)(make(losses={"kd": KD}))


def test_mixed_precision_is_for_both_optimisers(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cfg = Config({"optim_wrapper": {"constructor": "CriticOptimWrapperConstructor", **OPTIMIZERS}})
    use_mixed_precision(cfg)
    assert [cfg.optim_wrapper[name].type for name in ("student", "critic")] == ["AmpOptimWrapper"] * 2


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setattr(critics, "is_model_wrapper", lambda model: True)
    with pytest.raises(ConfigError, match="expected one process for a loss with a critic"):
        adversarial()
