import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.losses import (
    adversarial_examples,
    amkd_loss,
    boundary_examples,
    pair_distillation_loss,
    triplet_distillation_loss,
)

LABELS = torch.tensor([0, 1, 1, 2, 0])


def embeddings(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squared(one, other):
    return (one - other).square().sum().item()


def euclidean(one, other):
    return math.sqrt(squared(one, other))


def cosine(one, other):
    return 1 - F.cosine_similarity(one, other, dim=0).item()


DISTANCES = {"sqeuclidean": squared, "euclidean": euclidean, "cosine": cosine}


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("mining", ["hard", "all"])
def test_triplets_agree_with_a_loop_over_them(distance, mining):
    student, teacher, of = embeddings(5, 3), embeddings(5, 3, seed=1), DISTANCES[distance]
    hinges = []
    for i in range(5):
        own = of(student[i], teacher[i])
        others = [of(student[i], teacher[j]) for j in range(5) if LABELS[j] != LABELS[i]]
        others = [min(others)] if mining == "hard" else others
        hinges += [max(0.0, own - other + 0.5) for other in others]
    found = triplet_distillation_loss(student, teacher, LABELS, margin=0.5, mining=mining, distance=distance)
    assert found.item() == pytest.approx(sum(hinges) / len(hinges), rel=1e-12)


@pytest.mark.parametrize("margin", [5.0, 0.2])
def test_triplets_with_the_teacher_as_anchor_agree_with_torch(margin):
    student, teacher = embeddings(5, 3), embeddings(5, 3, seed=1)
    pairs = [(i, j) for i, j in itertools.product(range(5), repeat=2) if LABELS[i] != LABELS[j]]
    anchors, negatives = (list(each) for each in zip(*pairs, strict=True))
    expected = F.triplet_margin_loss(teacher[anchors], student[anchors], student[negatives], margin=margin, eps=0.0)
    found = triplet_distillation_loss(
        student, teacher, LABELS, margin=margin, mining="all", distance="euclidean", negatives="student"
    )
    torch.testing.assert_close(found, expected)


def test_a_negative_student_is_pushed_away_only_where_it_is_the_negative():
    student = torch.tensor([[0.0], [1.0]], dtype=torch.float64, requires_grad=True)
    teacher, labels = torch.tensor([[0.0], [1.0]], dtype=torch.float64), torch.tensor([0, 1])
    triplet_distillation_loss(student, teacher, labels, margin=2.0, negatives="student").backward()
    # Each student is at its teacher, so only the other's anchor acts: -d(t_i, s_j)/2 pushes by t_i - s_j.
    torch.testing.assert_close(student.grad, torch.tensor([[1.0], [-1.0]], dtype=torch.float64))


@pytest.mark.parametrize("mining", ["hard", "all"])
@pytest.mark.parametrize("loss", [triplet_distillation_loss, amkd_loss])
def test_a_batch_without_negatives_gives_zero_with_a_zero_gradient(loss, mining):
    student, teacher = embeddings(3, 2).requires_grad_(), embeddings(3, 2, seed=1)
    labels = torch.tensor([4, 4, 4])
    more = {"negatives": teacher, "negative_labels": labels} if loss is amkd_loss else {}
    value = loss(student, teacher, labels, mining=mining, **more)
    value.backward()
    assert value.item() == 0
    assert not student.grad.any()


def test_pairs_by_hand():
    student, teacher = torch.tensor([[0.0], [4.0], [1.0]]), torch.tensor([[1.0], [2.0], [6.0]])
    labels = torch.tensor([0, 0, 1])
    # Different classes: (0, 2) 6 apart, (1, 2) 2, (2, 0) 0, (2, 1) 1; within a margin of 3 by 0, 1, 3 and 2.
    apart = (0 + 1 + 9 + 4) / 4
    own = (1 + 4 + 25) / 3
    assert pair_distillation_loss(student, teacher, labels, margin=3.0).item() == pytest.approx((own + apart) / 2)
    in_class = (1 + 4 + 4 + 9 + 25) / 5  # also (0, 1) 2 apart and (1, 0) 3
    found = pair_distillation_loss(student, teacher, labels, margin=3.0, positives="class")
    assert found.item() == pytest.approx((in_class + apart) / 2)


def test_cosine_distances_do_not_change_with_the_length_of_an_embedding():
    student, teacher = embeddings(5, 3), embeddings(5, 3, seed=1)
    longer = student * torch.arange(1, 6, dtype=torch.float64)[:, None]
    for loss in (triplet_distillation_loss, pair_distillation_loss):
        torch.testing.assert_close(
            loss(longer, 3 * teacher, LABELS, distance="cosine"), loss(student, teacher, LABELS, distance="cosine")
        )


@pytest.mark.parametrize("loss", [triplet_distillation_loss, pair_distillation_loss])
def test_an_embedding_of_zeros_has_no_cosine_and_no_gradient(loss):
    student = embeddings(5, 3)
    student[0] = 0
    student.requires_grad_()
    loss(student, embeddings(5, 3, seed=1), LABELS, distance="cosine").backward()
    assert not student.grad[0].any()
    assert 0 < student.grad.abs().max() < 1


def test_small_distances_far_from_the_origin_are_kept_in_float32():
    teacher = torch.tensor([[1000.0, 1000.0], [1001.0, 1000.0]])
    student = teacher + torch.tensor([[0.0, 0.0625], [0.0, 0.0]])
    value = pair_distillation_loss(student, teacher, torch.tensor([0, 1]), margin=0.0)
    assert value.item() == pytest.approx(0.0625**2 / 4, rel=1e-5)


def test_amkd_takes_negatives_of_neither_side_of_the_boundary():
    student, teacher = torch.tensor([[0.0]]), torch.tensor([[1.0]])
    negatives, classes = torch.tensor([[0.0], [2.0], [3.0]]), torch.tensor([0, 1, 2])
    given = (student, teacher, torch.tensor([0]), negatives, classes)
    assert amkd_loss(*given, margin=10.0).item() == pytest.approx(1 - 4 + 10)
    assert amkd_loss(*given, boundary_labels=torch.tensor([1]), margin=10.0).item() == pytest.approx(1 - 9 + 10)
    assert amkd_loss(*given, margin=10.0, mining="all").item() == pytest.approx(1 - (4 + 9) / 2 + 10)


def test_amkd_against_the_batch_itself_is_the_triplet_loss():
    student, teacher = embeddings(5, 3), embeddings(5, 3, seed=1)
    torch.testing.assert_close(
        amkd_loss(student, teacher, LABELS, teacher, LABELS), triplet_distillation_loss(student, teacher, LABELS)
    )


@pytest.mark.parametrize("loss", [triplet_distillation_loss, pair_distillation_loss])
def test_a_student_learns_to_be_nearest_to_teachers_of_its_class(loss):
    torch.manual_seed(0)
    inputs, labels = embeddings(12, 6), torch.arange(12) % 4
    teacher = 5 * torch.eye(4, dtype=torch.float64)[labels] + 0.1 * embeddings(12, 4, seed=1)
    student = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4)).double()
    optimiser = torch.optim.Adam(student.parameters(), lr=0.05)

    def right():
        nearest = torch.cdist(student(inputs), teacher).argmin(dim=1)
        return (labels[nearest] == labels).double().mean().item()

    assert right() < 0.6
    for _ in range(100):
        optimiser.zero_grad()
        loss(student(inputs), teacher, labels, margin=2.0).backward()
        optimiser.step()
    assert right() == 1.0


def test_a_margin_wider_than_the_teachers_own_drives_a_student_past_its_teacher():
    teacher, labels = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
    student = teacher.clone().requires_grad_()
    triplet_distillation_loss(student, teacher, labels, margin=2.0).backward()
    # s_0: d((s - 0)² - (s - 1)²)/ds = 2 for every s, so a step goes away from the other teacher, below 0.
    torch.testing.assert_close(student.grad, torch.tensor([[1.0], [-1.0]]))


class Watched(nn.Module):
    """A linear network whose batch normalisation is in another mode than the rest."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3).eval()
        self.drop = nn.Dropout(0.5)
        self.linear = nn.Linear(3, 2, bias=False)
        self.linear.weight.data = torch.tensor([[1.0, -2.0, 0.5], [-1.0, 0.0, 3.0]])

    def forward(self, x):
        return self.linear(self.drop(self.norm(x)))


ATTACKS = {
    "fgsm": lambda model, x: adversarial_examples(model, x, lambda y: y[:, 0].sum(), epsilon=0.1),
    "pgd": lambda model, x: adversarial_examples(model, x, lambda y: y[:, 0].sum(), 0.1, steps=3, random_start=True),
    "boundary": lambda model, x: boundary_examples(model, x, torch.zeros(len(x), dtype=torch.long)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_leaves_modes_statistics_and_gradients_as_they_were(attack):
    model = Watched()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.linear.weight.grad = torch.full((2, 3), 7.0)
    images = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    given = images.clone()
    with torch.no_grad():
        moved = ATTACKS[attack](model, images)
    assert model.training
    assert model.drop.training
    assert not model.norm.training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert (model.linear.weight.grad == 7.0).all()
    assert torch.equal(images, given)
    assert not moved.requires_grad


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_that_fails_leaves_the_modes_as_they_were(attack):
    model = Watched()
    with pytest.raises(RuntimeError):
        ATTACKS[attack](model, torch.rand(4, 5))
    assert model.training
    assert not model.norm.training


def test_fgsm_of_a_linear_model_moves_by_the_sign_of_its_weights():
    images = torch.tensor([[0.5, 0.5, 0.5], [0.95, 0.05, 0.5]])
    moved = adversarial_examples(Watched(), images, lambda y: y[:, 0].sum(), epsilon=0.1)
    torch.testing.assert_close(moved, torch.tensor([[0.6, 0.4, 0.6], [1.0, 0.0, 0.6]]))
    free = adversarial_examples(Watched(), images, lambda y: y[:, 0].sum(), epsilon=0.1, bounds=None)
    torch.testing.assert_close(free, images + 0.1 * torch.tensor([1.0, -1.0, 1.0]))


def test_pgd_stays_in_the_box_and_goes_to_its_corner():
    images = torch.full((2, 3), 0.5)
    moved = adversarial_examples(Watched(), images, lambda y: y[:, 0].sum(), epsilon=0.1, steps=5, random_start=True)
    torch.testing.assert_close(moved, images + 0.1 * torch.tensor([1.0, -1.0, 1.0]))


def test_bounds_may_be_given_per_channel():
    images = torch.zeros(1, 3)
    high = torch.tensor([0.05, 1.0, 1.0])
    moved = adversarial_examples(Watched(), images, lambda y: y[:, 0].sum(), epsilon=0.1, bounds=(-1.0, high))
    torch.testing.assert_close(moved, torch.tensor([[0.05, -0.1, 0.1]]))


def test_pgd_against_a_metric_loss_raises_it():
    torch.manual_seed(0)
    model, images = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double(), embeddings(5, 6)
    teacher = embeddings(5, 3, seed=1)

    def metric(y):
        return triplet_distillation_loss(y, teacher, LABELS, margin=5.0)

    moved = adversarial_examples(model, images, metric, epsilon=0.2, steps=4, bounds=None)
    assert (moved - images).abs().max() <= 0.2 + 1e-12
    at_random = [metric(model(images + 0.2 * embeddings(5, 6, seed=seed).sign())) for seed in range(20)]
    assert metric(model(moved)) > max(at_random) > metric(model(images))


@pytest.mark.parametrize(("epsilon", "steps"), [(-0.1, 1), (0.1, 0)])
def test_an_attack_without_room_or_steps_is_refused(epsilon, steps):
    with pytest.raises(ValueError, match=f"but found {epsilon} and {steps}"):
        adversarial_examples(Watched(), torch.rand(1, 3), torch.sum, epsilon, steps)


def test_the_first_step_to_the_boundary_by_hand():
    scores = nn.Linear(2, 2, bias=False)
    scores.weight.data = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    # Scores 3 and 0; the gradient of z_1 - z_0 is (-3, 4), of length 5.
    moved = boundary_examples(scores, torch.tensor([[1.0, 0.0]]), torch.tensor([1]), steps=1)
    torch.testing.assert_close(moved, torch.tensor([[1.0, 0.0]]) + 0.3 * 3.0001 * torch.tensor([[-0.6, 0.8]]))


def test_boundary_examples_end_just_over_the_boundary():
    torch.manual_seed(0)
    model, images = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)).double(), embeddings(20, 4)
    first = model(images).argmax(dim=1)
    towards = (first + 1) % 3
    moved = boundary_examples(model, images, towards, steps=200, bounds=None)
    scores = model(moved)
    assert (scores.argmax(dim=1) != first).all()
    before = model(images).gather(1, first[:, None]) - model(images).gather(1, towards[:, None])
    gap = scores.max(dim=1).values - scores.gather(1, first[:, None]).squeeze(1)
    assert gap.max() < 0.2 * before.max()


def test_a_sample_over_the_boundary_moves_no_further():
    torch.manual_seed(0)
    scores, image = nn.Linear(2, 2), torch.tensor([[0.3, 0.2]])
    towards = 1 - scores(image).argmax(dim=1)
    over = boundary_examples(scores, image, towards, steps=1, step_size=5.0, bounds=None)
    assert scores(over).argmax(dim=1) == towards
    torch.testing.assert_close(boundary_examples(scores, image, towards, steps=4, step_size=5.0, bounds=None), over)


def test_a_sample_of_the_wanted_class_stays_nearly_where_it_is():
    scores, images = nn.Linear(2, 2), torch.tensor([[0.3, 0.2]])
    moved = boundary_examples(scores, images, scores(images).argmax(dim=1))
    torch.testing.assert_close(moved, images)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32], ids=str)
def test_wanted_classes_of_few_bits_are_read_as_numbers(dtype):
    model, images, towards = nn.Linear(4, 3), embeddings(5, 4).float(), torch.tensor([0, 1, 2, 1, 0])
    torch.testing.assert_close(
        boundary_examples(model, images, towards.to(dtype)), boundary_examples(model, images, towards)
    )


def test_classes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"labels 0\.\.1 in the target but found \[2\]"):
        boundary_examples(nn.Linear(3, 2), torch.rand(1, 3), torch.tensor([2]))
    with pytest.raises(ValueError, match="expected 2 towards but found 1"):
        boundary_examples(nn.Linear(3, 2), torch.rand(2, 3), torch.tensor([1]))


def test_amkd_keeps_boundary_examples_nearer_to_their_teacher_than_to_other_classes():
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    teacher[2].weight.data *= 10  # its classes farther apart than the margin
    student = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    images = embeddings(16, 4)
    anchors = teacher(images).detach()
    labels, towards = anchors.argmax(dim=1), anchors.argsort(dim=1)[:, 1]
    moved = boundary_examples(teacher, images, towards)
    wanted = teacher(moved).detach()
    optimiser = torch.optim.Adam(student.parameters(), lr=0.02)

    def kept():
        own = (student(moved) - wanted).norm(dim=1)
        others = torch.cdist(student(moved), anchors).masked_fill(labels[:, None] == labels[None], torch.inf)
        return (own < others.amin(dim=1)).double().mean().item()

    assert kept() < 0.5
    for _ in range(100):
        optimiser.zero_grad()
        amkd_loss(student(moved), wanted, labels, anchors, labels).backward()
        optimiser.step()
    assert kept() > 0.9
