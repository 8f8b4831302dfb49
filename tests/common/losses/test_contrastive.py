"""Contrast against memories of the training set."""

import math

import numpy as np
import pytest
import torch
from catalogue.contrastive import crd_loss
from golden_files import golden_cases
from ranks import CRD, crd_steps, on_two_ranks
from torch.func import functional_call

from common.losses import CRDLoss

CASES = pytest.mark.parametrize("case", golden_cases("crd"), ids=lambda case: case.name)


def loss_of(samples=12, **options):
    """A loss on features of widths 3 and 5, alike at every call."""
    torch.manual_seed(0)
    return CRDLoss(samples, 3, 5, **{"feat_dim": 4, "num_negatives": 7, **options}).double()


def batch(size=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(size, 3, generator=generator, dtype=torch.float64)
    return student, torch.randn(size, 5, generator=generator, dtype=torch.float64), torch.tensor([4, 0, 11])[:size]


def contrasts(index, negatives=7, samples=12):
    drawn = torch.randint(samples, (len(index), negatives), generator=torch.Generator().manual_seed(1))
    return torch.cat((index[:, None], drawn), dim=1)


def state(loss):
    return {name: value.clone() for name, value in loss.state_dict().items()}


def unchanged(loss, before):
    return all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())


@CASES
def test_two_calls_and_what_they_leave_behind_are_those_of_the_reference(case):
    loss = crd_loss(case)
    first = loss(case["student"], case["teacher"], case["index"], case["contrast_index"])
    assert first.item() == pytest.approx(case.value(), rel=1e-9)
    assert loss.log_z.exp().tolist() == pytest.approx([case.value("out.Z_v1"), case.value("out.Z_v2")], rel=1e-9)
    np.testing.assert_allclose(loss.student_memory, case.arrays["out.memory_v1_after"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(loss.teacher_memory, case.arrays["out.memory_v2_after"], rtol=1e-9, atol=1e-12)
    second = loss(case["student2"], case["teacher2"], case["index"], case["contrast_index"])
    assert second.item() == pytest.approx(case.value("out.loss_second_call"), rel=1e-9)


@CASES
def test_gradients_of_student_and_embeddings_are_those_of_the_reference(case):
    names = [
        (f"embed_{model}.{part}", f"w.embed_{model[0]}.linear.{part}")
        for model in ("student", "teacher")
        for part in ("weight", "bias")
    ]
    weights = {ours: case[theirs] for ours, theirs in names}
    functional_call(
        crd_loss(case), weights, (case["student"], case["teacher"], case["index"], case["contrast_index"])
    ).backward()
    for name in ("student", *(theirs for _, theirs in names)):
        gradient = case.arrays[f"grad_{name}"]
        np.testing.assert_allclose(case[name].grad, gradient, rtol=1e-7, atol=1e-9 * np.abs(gradient).max())
    assert case["teacher"].grad is None


def test_the_loss_of_one_sample_by_hand():
    loss = CRDLoss(3, 2, 2, feat_dim=2, num_negatives=2, temperature=0.5).double()
    for name in ("embed_student", "embed_teacher"):
        getattr(loss, name).weight.data = torch.eye(2, dtype=torch.float64)
        getattr(loss, name).bias.data.zero_()
    loss.student_memory.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    loss.teacher_memory.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]]))
    student, teacher = torch.tensor([[3.0, 0.0]]).double(), torch.tensor([[0.0, 2.0]]).double()
    found = loss(student, teacher, torch.tensor([0]), torch.tensor([[0, 1, 2]])).item()
    # Cosines with the other's memory 0 (itself), 1, -1 in both directions; Z = 3 * mean.
    exponentials = [math.exp(0), math.exp(2), math.exp(-2)]
    p = [value / sum(exponentials) for value in exponentials]
    one_side = -math.log(p[0] / (p[0] + 2 / 3 + 1e-7)) - sum(math.log(2 / 3 / (q + 2 / 3 + 1e-7)) for q in p[1:])
    assert found == pytest.approx(2 * one_side, rel=1e-12)


def test_memory_entries_move_by_the_momentum_and_keep_their_length():
    loss = loss_of(momentum=0.25)
    before = loss.student_memory.clone()
    student, teacher, index = batch()
    loss(student, teacher, index)
    embedding = loss.embed_student(student)
    expected = 0.25 * before[index] + 0.75 * embedding / embedding.norm(dim=1, keepdim=True)
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(loss.student_memory[index], expected.detach())
    others = [i for i in range(12) if i not in index]
    assert torch.equal(loss.student_memory[others], before[others])


def test_of_a_sample_that_comes_twice_the_last_moves_the_memory():
    loss, once = loss_of(), loss_of()
    student, teacher, _ = batch()
    loss(student, teacher, torch.tensor([4, 4]))
    once(student[1:], teacher[1:], torch.tensor([4]))
    torch.testing.assert_close(loss.student_memory, once.student_memory)


def test_two_processes_share_memories_and_constants_as_one_has_them(tmp_path):
    def whole_batch(seed):
        student, teacher, index = (torch.cat(pair) for pair in zip(batch(seed=seed), batch(seed=seed + 1), strict=True))
        index = (index + torch.tensor([0, 0, seed, seed])) % 12
        return student, teacher, index, contrasts(index)

    batches = [whole_batch(1), whole_batch(3)]
    torch.manual_seed(0)  # that of the first process
    loss = CRDLoss(**CRD).double()
    expected = [loss(*each).item() for each in batches]
    (first, first_values), (second, second_values) = on_two_ranks(crd_steps, tmp_path, batches)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, loss.state_dict())
    assert [sum(pair) / 2 for pair in zip(first_values, second_values, strict=True)] == pytest.approx(expected)


def test_evaluation_keeps_nothing_and_answers_alike():
    loss = loss_of().eval()
    student, teacher, index = batch()
    before = state(loss)
    first = loss(student, teacher, index, contrasts(index))
    assert loss(student, teacher, index, contrasts(index)) == first
    assert unchanged(loss, before)
    assert not loss.has_z


def test_the_constants_of_the_first_batch_stay_and_are_restored():
    loss = loss_of()
    student, teacher, index = batch()
    loss(student, teacher, index)
    constants = loss.log_z.clone()
    restored = loss_of()
    restored.load_state_dict(loss.state_dict())
    for each in (loss, restored):
        each(5 * student + 1, teacher, index)
        assert torch.equal(each.log_z, constants)


@pytest.mark.parametrize(("samples", "negatives"), [(12, 40), (400, 7)], ids=["whole memory", "drawn rows"])
def test_moving_the_memory_leaves_the_gradient_of_the_call_alone(samples, negatives):
    gradients = []
    for training in (True, False):
        loss = loss_of(samples, num_negatives=negatives).train(training)
        student, teacher, index = batch()
        student.requires_grad_()
        loss(student, teacher, index, contrasts(index, negatives, samples)).backward()
        gradients.append((student.grad, *(weight.grad for weight in loss.parameters())))
    for moved, kept in zip(*gradients, strict=True):
        assert torch.equal(moved, kept)


@pytest.mark.parametrize(("samples", "negatives"), [(12, 40), (400, 7)], ids=["whole memory", "drawn rows"])
def test_both_ways_of_taking_scores_give_the_formula(samples, negatives):
    loss = loss_of(samples, num_negatives=negatives, temperature=0.5).eval()
    student, teacher, index = batch()
    drawn = contrasts(index, negatives, samples)
    share, expected = negatives / samples, 0.0
    for feature, embed, memory in (
        (student, loss.embed_student, loss.teacher_memory),
        (teacher, loss.embed_teacher, loss.student_memory),
    ):
        embedding = embed(feature)
        embedding = embedding / embedding.norm(dim=1, keepdim=True)
        exponentials = torch.stack([(memory[d] @ e / 0.5).exp() for d, e in zip(drawn, embedding, strict=True)])
        p = exponentials / (exponentials.mean() * samples)
        positive = (p[:, 0] / (p[:, 0] + share + 1e-7)).log().sum()
        negative = (share / (p[:, 1:] + share + 1e-7)).log().sum()
        expected -= (positive + negative).item() / 2
    assert loss(student, teacher, index, drawn).item() == pytest.approx(expected, rel=1e-9)


def test_a_low_temperature_stays_finite_in_float32():
    loss = CRDLoss(12, 3, 5, feat_dim=4, num_negatives=7, temperature=0.002)
    student, teacher, index = batch()
    student = student.float().requires_grad_()
    value = loss(student, teacher.float(), index)
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()


def test_negatives_are_drawn_uniformly_over_all_samples():
    torch.manual_seed(0)
    loss = CRDLoss(4, 3, 5, feat_dim=4, num_negatives=10_000)
    drawn = loss._contrast_index(2, torch.tensor([3, 1]), None)
    assert drawn[:, 0].tolist() == [3, 1]
    counts = torch.bincount(drawn[:, 1:].flatten(), minlength=4)
    assert len(counts) == 4
    assert (counts - 5000).abs().max() < 5 * math.sqrt(20_000 * 1 / 4 * 3 / 4)


def test_the_memories_take_the_precision_of_the_module():
    loss = CRDLoss(12, 3, 5, feat_dim=4).double()
    assert {name: value.dtype for name, value in loss.named_buffers()} == {
        "student_memory": torch.float64,
        "teacher_memory": torch.float64,
        "log_z": torch.float64,
        "has_z": torch.bool,
    }


def test_new_memories_are_uniform_with_an_expected_length_of_1():
    torch.manual_seed(0)
    memory = CRDLoss(2000, feat_dim=128).teacher_memory
    assert memory.abs().max() <= math.sqrt(3 / 128)
    assert memory.square().sum(1).mean().item() == pytest.approx(1, rel=0.01)


def test_maps_are_flattened_to_features():
    loss = CRDLoss(12, feat_dim=4, num_negatives=7).eval()
    loss.build(student=torch.Size((2, 3, 1, 1)), teacher=torch.Size((2, 5, 2, 2)))
    assert (loss.embed_student.in_features, loss.embed_teacher.in_features) == (3, 20)
    assert loss(torch.ones(2, 3, 1, 1), torch.ones(2, 5, 2, 2), torch.tensor([0, 1])).isfinite()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_samples": 0}, "num_samples of at least 1 but found 0"),
        ({"num_negatives": 0}, "num_negatives of at least 1 but found 0"),
        ({"temperature": 0}, r"temperature above 0 .* but found 0"),
        ({"momentum": 2}, r"momentum within 0\.\.1 but found 0.07 and 2"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CRDLoss(**{"num_samples": 12, **options})


def test_without_layers_the_loss_says_what_to_give():
    with pytest.raises(RuntimeError, match="give student_features=, teacher_features="):
        CRDLoss(12)(*batch())
