"""Other networks than a frozen teacher: peers that learn too, and a running mean of the student."""

import copy
import io

import pytest
import torch
from mmengine.optim import OptimWrapper
from toy_distillers import INPUTS, SAMPLES, TAPS, make, step

from common.distiller import Distiller
from common.errors import ConfigError

pytestmark = pytest.mark.usefixtures("no_run_before")


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
