import math

import pytest
import torch
import torch.nn.functional as F
from catalogue.base import labels, random
from peak_memory import peak_bytes
from torch import nn

from common.losses import CIRKDMemory, cirkd_minibatch_loss


def value_and_gradient(loss, student, *args, **options):
    student = student.detach().requires_grad_()
    value = loss(student, *args, **options)
    value.backward()
    return value.detach(), student.grad


def minibatch_by_loops(student, teacher, temperature):
    total = 0
    for first in range(len(student)):
        for second in range(len(student)):
            logs = []
            for features in (student, teacher):
                unit = F.normalize(features.flatten(2), dim=1)
                logs.append(F.log_softmax(unit[first].T @ unit[second] / temperature, dim=1))
            total = total + F.kl_div(logs[0], logs[1], reduction="batchmean", log_target=True)
    return total / len(student) ** 2


def test_minibatch_is_the_mean_over_pairs_of_images():
    student, teacher = random(3, 4, 2, 3), random(3, 5, 2, 3, seed=1)
    expected = minibatch_by_loops(student, teacher, 0.3)
    torch.testing.assert_close(cirkd_minibatch_loss(student, teacher, temperature=0.3), expected)


def test_two_pixels_at_a_right_angle_by_hand():
    student = torch.eye(2, dtype=torch.float64).view(1, 2, 1, 2)
    q = torch.tensor([1.0, 0.0]).softmax(0).tolist()
    expected = sum(0.5 * math.log(0.5 / each) for each in q)
    loss = cirkd_minibatch_loss(student, torch.ones(1, 3, 1, 2).double(), temperature=1.0)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_pooling_averages_beforehand():
    student, teacher = random(2, 3, 4, 8), random(2, 3, 4, 8, seed=1)
    pooled = [F.avg_pool2d(each, 2) for each in (student, teacher)]
    torch.testing.assert_close(cirkd_minibatch_loss(student, teacher, pool=2), cirkd_minibatch_loss(*pooled))


def test_a_teacher_of_another_grid_is_resized_bilinearly():
    student, teacher = random(2, 3, 4, 4), random(2, 5, 2, 2, seed=1)
    resized = F.interpolate(teacher, (4, 4), mode="bilinear", align_corners=False)
    assert cirkd_minibatch_loss(student, teacher) == cirkd_minibatch_loss(student, resized)


@pytest.mark.parametrize("chunk_size", [1, 7, 24, 100])
def test_minibatch_in_chunks_equals_the_whole(chunk_size):
    student, teacher = random(2, 3, 3, 4), random(2, 4, 3, 4, seed=1)
    whole = value_and_gradient(cirkd_minibatch_loss, student, teacher)
    chunked = value_and_gradient(cirkd_minibatch_loss, student, teacher, chunk_size=chunk_size)
    torch.testing.assert_close(chunked, whole, rtol=1e-12, atol=1e-14)


def test_minibatch_memory_of_both_passes_is_linear_in_the_chunk():
    student, teacher = random(2, 2, 16, 16), random(2, 2, 16, 16, seed=1)

    def peak(chunk_size):
        return peak_bytes(lambda: value_and_gradient(cirkd_minibatch_loss, student, teacher, chunk_size=chunk_size))

    peak(8)  # allocates what stays
    row = 8 * 2 * 16**2
    small, medium, large, whole = (peak(chunk) for chunk in (24, 48, 96, 2 * 16**2))
    assert large - medium == pytest.approx(2 * (medium - small), rel=0.1)
    assert medium - small < 24 * 7 * row
    assert large < whole / 4


def test_minibatch_in_chunks_compiles():
    torch._dynamo.reset()
    student, teacher = random(2, 3, 3, 4), random(2, 4, 3, 4, seed=1)
    compiled = torch.compile(cirkd_minibatch_loss, backend="aot_eager", fullgraph=True)
    eager = value_and_gradient(cirkd_minibatch_loss, student, teacher, chunk_size=7)
    torch.testing.assert_close(value_and_gradient(compiled, student, teacher, chunk_size=7), eager)


def test_a_pixel_without_any_feature_gets_no_gradient():
    student = random(1, 3, 2, 2)
    student[:, :, 0, 0] = 0
    _, gradient = value_and_gradient(cirkd_minibatch_loss, student, random(1, 3, 2, 2, seed=1))
    assert gradient[:, :, 0, 0].abs().max() == 0
    assert gradient.abs().max() > 0


def test_minibatch_takes_features_of_any_width_and_grid_as_they_are():
    assert cirkd_minibatch_loss.adapter is None
    assert not cirkd_minibatch_loss.resize


SIZES = {"pixel_memory": 6, "region_memory": 4, "pixel_samples": 11, "region_samples": 5, "pixels_per_image": 2}


def memory(student_channels=3, teacher_channels=4, **options):
    torch.manual_seed(0)
    options = {"num_classes": 3, **SIZES, **options}
    return CIRKDMemory(student_channels=student_channels, teacher_channels=teacher_channels, **options).double()


def by_class(target, channels=4):
    """Teacher features that say which class a pixel has: the class's axis, at a length that differs by pixel."""
    lengths = torch.rand(target.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    return F.one_hot(target, channels).double().movedim(-1, 1) * lengths[:, None]


def axis(number, channels=4):
    return torch.eye(channels, dtype=torch.float64)[number]


def test_a_classes_queue_gets_pixels_of_that_class_alone():
    loss = memory()
    target = labels(2, 4, 5, classes=3)
    loss(random(2, 3, 4, 5), by_class(target), target)
    for number in range(3):
        filled = loss.pixel_queue[number, : loss.pixel_next[number]]
        torch.testing.assert_close(filled, axis(number).expand_as(filled))
    assert loss.pixel_next.tolist() == [4, 4, 4]  # two of each class of two images


def test_few_pixels_of_a_class_all_enter_its_queue():
    loss = memory(pixels_per_image=5)
    target = torch.tensor([[[0, 0, 1]], [[1, 255, 255]]])
    teacher = random(2, 4, 1, 3)
    loss(random(2, 3, 1, 3), teacher, target)
    assert loss.pixel_next.tolist() == [2, 2, 0]
    unit = F.normalize(teacher, dim=1)[:, :, 0]
    likeness = loss.pixel_queue[0, :2] @ unit[0, :, :2]
    assert sorted(likeness.argmax(dim=1).tolist()) == [0, 1]
    assert likeness.amax(dim=1).tolist() == pytest.approx([1, 1])
    torch.testing.assert_close(loss.pixel_queue[1, :2], torch.stack([unit[0, :, 2], unit[1, :, 0]]))


def test_a_region_is_the_unit_mean_of_unit_pixels():
    loss = memory()
    target = torch.tensor([[[2, 2, 255, 1]]])
    teacher = random(1, 4, 1, 4)
    loss(random(1, 3, 1, 4), teacher, target)
    unit = F.normalize(teacher, dim=1)[0, :, 0]
    torch.testing.assert_close(loss.region_queue[2, 0], F.normalize(unit[:, :2].mean(dim=1), dim=0))
    torch.testing.assert_close(loss.region_queue[1, 0], unit[:, 3])
    assert loss.region_next.tolist() == [0, 1, 1]


def test_a_queue_goes_round_and_replaces_its_oldest():
    loss = memory(region_memory=3)
    target = torch.zeros(1, 1, 2, dtype=torch.long)
    for step in range(4):
        before = loss.region_queue.clone()
        loss(random(1, 3, 1, 2), axis(step).view(1, 4, 1, 1).expand(1, 4, 1, 2), target)
        changed = (loss.region_queue != before).any(dim=2).nonzero().tolist()
        assert changed == [[0, step % 3]]
    torch.testing.assert_close(loss.region_queue[0], torch.stack([axis(3), axis(1), axis(2)]))


def test_more_pixels_than_a_queue_holds_fill_it_once():
    loss = memory(pixel_memory=3, pixels_per_image=2)
    target = torch.zeros(4, 1, 2, dtype=torch.long)
    teacher = random(4, 4, 1, 2)
    loss(random(4, 3, 1, 2), teacher, target)
    likeness = loss.pixel_queue[0] @ F.normalize(teacher, dim=1).movedim(1, 0).flatten(1)
    assert sorted(likeness.argmax(dim=1).tolist())[:2] == [0, 1]
    assert likeness.amax(dim=1).tolist() == pytest.approx([1, 1, 1])


def test_the_drawn_pixels_vary_over_the_pixels_of_a_class():
    loss = memory(pixels_per_image=1, pixel_memory=64)
    target = torch.zeros(1, 1, 4, dtype=torch.long)
    teacher = torch.eye(4, dtype=torch.float64).view(1, 4, 1, 4)
    for _ in range(64):
        loss(random(1, 3, 1, 4), teacher, target)
    counts = loss.pixel_queue[0].sum(dim=0)
    assert counts.sum().item() == pytest.approx(64)
    assert counts.min() >= 4  # 16 expected; fewer than 4 of 64 have a chance below 1e-4


def test_equal_seeds_give_equal_calls():
    target = labels(2, 4, 5, classes=3)
    results = []
    for _ in range(2):
        loss = memory()
        torch.manual_seed(7)
        results.append([loss(random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1), target) for _ in range(3)])
    assert results[0] == results[1]


def test_evaluation_changes_nothing():
    loss = memory().eval()
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    inputs = random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1), labels(2, 4, 5, classes=3)
    state = torch.random.get_rng_state()
    assert loss(*inputs) == loss(*inputs)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())


def test_the_losses_are_divergences_from_what_the_queues_say():
    loss = memory(pixel_samples=12, region_samples=9, temperature=0.3, kd_temperature=2.0).eval()
    student, teacher = random(1, 3, 2, 3), random(1, 4, 2, 3, seed=1)
    target = torch.tensor([[[0, 1, 255], [2, 0, 1]]])
    losses = loss(student, teacher, target)
    known = (target != 255).flatten()
    for name, draws in (("pixel", 5), ("region", 4)):
        keys = getattr(loss, f"{name}_queue")[:, :draws].flatten(0, 1)
        units = [F.normalize(each, dim=1)[0].flatten(1).T[known] for each in (loss.project(student), teacher)]
        logs = [F.log_softmax(unit @ keys.T / 0.3 / 2, dim=1) for unit in units]
        expected = 0.1 * 4 * F.kl_div(logs[0], logs[1], reduction="batchmean", log_target=True)
        torch.testing.assert_close(losses[f"loss_{name}"], expected)


def test_a_student_that_projects_to_the_teacher_has_no_loss():
    loss = memory(student_channels=4)
    loss.project = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False)).double()
    loss.project[0].weight.data = torch.eye(4, dtype=torch.float64)[:, :, None, None]
    student = random(2, 4, 4, 5).requires_grad_()
    losses = loss(student, student.detach(), labels(2, 4, 5, classes=3))
    sum(losses.values()).backward()
    assert [value.item() for value in losses.values()] == pytest.approx([0, 0], abs=1e-12)
    assert student.grad.abs().max() < 1e-12


def test_an_all_void_target_gives_zero_and_leaves_the_queues():
    loss = memory()
    before = loss.pixel_queue.clone()
    student = random(1, 3, 2, 2).requires_grad_()
    losses = loss(student, random(1, 4, 2, 2, seed=1), torch.full((1, 2, 2), 255))
    sum(losses.values()).backward()
    assert [value.item() for value in losses.values()] == [0, 0]
    assert student.grad.abs().max() == 0
    assert torch.equal(loss.pixel_queue, before)


def test_a_later_call_leaves_the_gradient_of_an_earlier_one():
    inputs = random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1), labels(2, 4, 5, classes=3)
    gradients = []
    for calls in (1, 2):
        loss = memory()
        torch.manual_seed(3)
        student = inputs[0].clone().requires_grad_()
        results = [loss(student, *inputs[1:]) for _ in range(calls)]
        sum(results[0].values()).backward()
        gradients.append(student.grad)
    assert torch.equal(*gradients)


def test_chunks_give_the_same_losses():
    inputs = random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1), labels(2, 4, 5, classes=3)
    whole, chunked = (memory(chunk_size=size).eval()(*inputs) for size in (None, 3))
    torch.testing.assert_close(chunked, whole, rtol=1e-12, atol=0)


def test_the_queues_are_resumed_from_a_checkpoint():
    inputs = random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1), labels(2, 4, 5, classes=3)
    trained, fresh = memory(), memory()
    trained(*inputs)
    fresh.load_state_dict(trained.state_dict())
    assert fresh.eval()(*inputs) == trained.eval()(*inputs)


def test_the_queues_take_what_every_rank_saw(monkeypatch):
    def gather_from_two(parts, tensor):
        for part in parts:
            part.copy_(tensor)

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_gather", gather_from_two)
    loss = memory()
    target = torch.tensor([[[0, 0, 0, 1]]])
    loss(random(1, 3, 1, 4), by_class(target), target)
    assert loss.pixel_next.tolist() == [4, 2, 0]
    assert loss.region_next.tolist() == [2, 2, 0]


def test_widths_come_from_the_shapes():
    loss = CIRKDMemory(3, **SIZES)
    with pytest.raises(RuntimeError, match="give student_channels=, teacher_channels="):
        loss(torch.zeros(1, 3, 2, 2), torch.zeros(1, 5, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))
    loss.build(student=torch.Size([1, 3, 2, 2]), teacher=torch.Size([1, 5, 2, 2]), target=torch.Size([1, 2, 2]))
    assert loss.pixel_queue.shape == (3, 6, 5)
    assert loss.region_queue.shape == (3, 4, 5)
    assert loss.project[0].weight.shape == (5, 3, 1, 1)
    assert loss.adapter is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixel_memory": 0}, "expected pixel_memory of at least 1 but found 0"),
        ({"num_classes": 0}, "expected num_classes of at least 1 but found 0"),
        ({"temperature": 0}, "temperature above 0 but found 0"),
        ({"kd_temperature": -1}, "temperature above 0 but found -1"),
    ],
)
def test_memory_refuses_sizes_and_temperatures(options, message):
    with pytest.raises(ValueError, match=message):
        memory(**options)


def test_evaluation_takes_the_first_slots_wherever_the_next_entry_is_written():
    loss = memory(pixel_samples=2, region_samples=2).eval()
    inputs = random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1), labels(2, 4, 5, classes=3)
    expected = loss(*inputs)
    loss.pixel_next.fill_(1)
    loss.region_next.fill_(1)
    assert loss(*inputs) == expected
    loss.pixel_queue[:, 0] *= -1
    assert loss(*inputs)["loss_pixel"] != expected["loss_pixel"]


def test_a_single_position_is_refused_in_training_and_taken_in_evaluation():
    sample = random(1, 3, 1, 1), random(1, 4, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long)
    loss = memory()
    before = loss.pixel_queue.clone()
    with pytest.raises(ValueError, match="at least 2 samples of the student map, which is a single position"):
        loss(*sample)
    assert torch.equal(loss.pixel_queue, before)
    assert loss.eval()(*sample)["loss_pixel"].isfinite()
