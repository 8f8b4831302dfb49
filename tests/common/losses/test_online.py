import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.losses import DMLLoss, FFLLoss, SelfReflectionLoss, cwd_loss, dml_loss, kd_loss

TARGET = torch.tensor([0, 3, 1])


def scores(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def kl(label, prediction, temperature=1.0):
    """Torch's divergence, times T squared."""
    target = F.log_softmax(label / temperature, dim=1)
    found = F.log_softmax(prediction / temperature, dim=1)
    return F.kl_div(found, target, reduction="batchmean", log_target=True) * temperature**2


def ffl(**options) -> FFLLoss:
    torch.manual_seed(0)
    return FFLLoss(**{"student_channels": 3, "peer_channels": 2, "num_classes": 5, **options}).double()


def ffl_inputs():
    return {
        "student": scores(3, 5),
        "peer": scores(3, 5, seed=1),
        "student_features": scores(3, 3, 4, 4, seed=2),
        "peer_features": scores(3, 2, 4, 4, seed=3),
        "target": TARGET,
    }


def reflection(**options) -> SelfReflectionLoss:
    torch.manual_seed(0)
    given = {"student_channels": [2, 3], "teacher_channels": [4, 3], "num_classes": 5, **options}
    return SelfReflectionLoss(**given).double()


def reflection_inputs():
    return {
        "student": scores(3, 5),
        "teacher": scores(3, 5, seed=1),
        "student_stages": [scores(3, 2, 4, 4, seed=2), scores(3, 3, 2, 2, seed=3)],
        "teacher_stages": [scores(3, 4, 4, 4, seed=4), scores(3, 3, 4, 4, seed=5)],
        "target": TARGET,
    }


def test_mutual_learning_from_one_peer_is_kd_at_temperature_1():
    student, peer = scores(4, 5), scores(4, 5, seed=1)
    torch.testing.assert_close(dml_loss(student, peer), kl(peer, student))
    assert dml_loss(student, peer) == kd_loss(student, peer, temperature=1.0)


def test_mutual_learning_sums_over_the_peers():
    student, peers = scores(4, 5), [scores(4, 5, seed=seed) for seed in (1, 2, 3)]
    expected = sum(kl(peer, student, 2.0) for peer in peers)
    torch.testing.assert_close(dml_loss(student, peers, temperature=2.0), expected)
    torch.testing.assert_close(DMLLoss(temperature=2.0)(student, tuple(peers)), expected)


def test_mutual_learning_takes_dense_scores():
    student, peer = scores(2, 5, 3, 4), scores(2, 5, 3, 4, seed=1)
    flat, other = (x.permute(0, 2, 3, 1).reshape(-1, 5) for x in (student, peer))
    torch.testing.assert_close(dml_loss(student, peer), dml_loss(flat, other))


def test_a_peer_of_another_shape_is_refused_wherever_it_stands():
    with pytest.raises(ValueError, match=r"= \(4, 5\) but found \(4, 6\)"):
        dml_loss(scores(4, 5), [scores(4, 5), scores(4, 6)])


def test_mutual_learning_pulls_two_networks_together():
    torch.manual_seed(0)
    inputs = scores(16, 4)
    one, other = nn.Linear(4, 3).double(), nn.Linear(4, 3).double()
    optimiser = torch.optim.SGD([*one.parameters(), *other.parameters()], lr=0.5)

    def apart():
        return (one(inputs).softmax(dim=1) - other(inputs).softmax(dim=1)).abs().mean().item()

    before = apart()
    for _ in range(50):
        first, second = one(inputs), other(inputs)
        optimiser.zero_grad()
        (dml_loss(first, second) + dml_loss(second, first)).backward()
        optimiser.step()
    assert apart() < 0.1 * before


def test_ffl_parts_agree_with_torch():
    loss, inputs = ffl(), ffl_inputs()
    fused = loss.fused_logits(inputs["student_features"], inputs["peer_features"])
    student, peer = inputs["student"], inputs["peer"]
    expected = {
        "loss_fused_ce": F.cross_entropy(fused, TARGET),
        "loss_to_student": kl(fused, student, 3.0),
        "loss_to_peer": kl(fused, peer, 3.0),
        "loss_to_fused": kl((student + peer) / 2, fused, 3.0),
    }
    torch.testing.assert_close(loss(**inputs), expected)


def test_the_fusion_is_a_depthwise_and_a_pointwise_convolution_and_a_classifier():
    loss, inputs = ffl(), ffl_inputs()
    depthwise, first, _, pointwise, second, _, _, _, linear = loss.fusion
    assert depthwise.weight.shape == (5, 1, 3, 3)
    assert pointwise.weight.shape == (3, 5, 1, 1)
    assert linear.weight.shape == (5, 3)

    def normalised(x):  # batch normalisation as it starts: no affine change
        mean, var = x.mean(dim=(0, 2, 3), keepdim=True), x.var(dim=(0, 2, 3), keepdim=True, correction=0)
        return (x - mean) / (var + 1e-5).sqrt()

    both = F.pad(torch.cat([inputs["student_features"], inputs["peer_features"]], dim=1), (1, 1, 1, 1))
    x = sum(
        both[:, :, i : i + 4, j : j + 4] * depthwise.weight[:, 0, i, j].view(1, 5, 1, 1)
        for i in range(3)
        for j in range(3)
    )
    x = normalised(x).relu()
    x = normalised(torch.einsum("nchw,dc->ndhw", x, pointwise.weight[:, :, 0, 0])).relu()
    expected = x.mean(dim=(2, 3)) @ linear.weight.T + linear.bias
    torch.testing.assert_close(loss.fused_logits(inputs["student_features"], inputs["peer_features"]), expected)
    assert first.weight.eq(1).all()
    assert second.bias.eq(0).all()


@pytest.mark.parametrize(("own", "others"), [((4, 4), (2, 2)), ((2, 2), (4, 4))])
def test_ffl_brings_coarse_features_to_the_finer_grid(own, others):
    loss = ffl()
    student, peer = scores(3, 3, *own), scores(3, 2, *others, seed=1)
    fine = [x if x.shape[2] == 4 else F.interpolate(x, size=(4, 4), mode="bilinear") for x in (student, peer)]
    torch.testing.assert_close(loss.fused_logits(student, peer), loss.fused_logits(*fine))


@pytest.mark.parametrize(
    ("part", "reached"),
    [
        ("loss_fused_ce", {"student_features", "peer_features"}),
        ("loss_to_student", {"student"}),
        ("loss_to_peer", {"peer"}),
        ("loss_to_fused", {"student_features", "peer_features"}),
    ],
)
def test_ffl_teaches_with_what_it_holds_constant(part, reached):
    inputs = {k: v.requires_grad_() if v.is_floating_point() else v for k, v in ffl_inputs().items()}
    ffl()(**inputs)[part].backward()
    assert {name for name, value in inputs.items() if value.grad is not None and value.grad.any()} == reached


def test_ffl_fuses_two_networks_that_learn():
    torch.manual_seed(0)
    images, loss = scores(20, 1, 6, 6), ffl(num_classes=2)
    target = (images.mean(dim=(1, 2, 3)) > 0).long()
    trunks = [nn.Conv2d(1, channels, 3).double() for channels in (3, 2)]
    heads = [nn.Linear(channels, 2).double() for channels in (3, 2)]
    parameters = [p for module in (*trunks, *heads, loss) for p in module.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(150):
        features = [trunk(images).relu() for trunk in trunks]
        logits = [head(x.mean(dim=(2, 3))) for head, x in zip(heads, features, strict=True)]
        parts = loss(*logits, *features, target)
        optimiser.zero_grad()
        sum(parts.values()).backward()  # no labels for the two networks' own scores: they learn from the fusion
        optimiser.step()
    assert (loss.fused_logits(*features).argmax(dim=1) == target).double().mean() > 0.9
    assert all((z.argmax(dim=1) == target).double().mean() > 0.8 for z in logits)


def test_ffl_is_built_from_shapes():
    loss = FFLLoss()
    with pytest.raises(RuntimeError, match="give student_channels=, peer_channels=, num_classes= or call build"):
        loss(**ffl_inputs())
    loss.build(**{name: value.shape for name, value in ffl_inputs().items()})
    assert {k: v.shape for k, v in loss.state_dict().items()} == {k: v.shape for k, v in ffl().state_dict().items()}


def test_ffl_refuses_a_single_position_in_training_and_takes_it_in_evaluation():
    loss, maps = ffl(), (scores(1, 3, 1, 1), scores(1, 2, 1, 1))
    with pytest.raises(ValueError, match="at least 2 samples of the fused map, which is a single position"):
        loss.fused_logits(*maps)
    assert loss.eval().fused_logits(*maps).isfinite().all()


@pytest.mark.parametrize("make", [ffl, reflection])
def test_a_temperature_of_0_is_refused(make):
    with pytest.raises(ValueError, match="temperature above 0 but found 0"):
        make(temperature=0)


def test_reflection_parts_agree_with_torch():
    loss, inputs = reflection(temperature=2.0, channel_temperature=3.0), reflection_inputs()
    student, teacher = inputs["student"], inputs["teacher"]
    first, second = inputs["student_stages"]
    heads = [head(x.flatten(2).mean(dim=2)) for head, x in zip(loss.classifiers, inputs["student_stages"], strict=True)]
    wider, same = inputs["teacher_stages"]
    channels = [
        cwd_loss(F.conv2d(first, loss.projections[0].weight, loss.projections[0].bias), wider, temperature=3.0),
        cwd_loss(second, F.interpolate(same, size=(2, 2), mode="bilinear"), temperature=3.0),
    ]
    expected = {
        "loss_channel": sum(channels) / 2,
        "loss_response": sum(kl(teacher, z, 2.0) for z in (*heads, student)) / 3,
        "loss_review": sum(kl(student, z, 2.0) for z in heads) / 2,
        "loss_label": sum(F.cross_entropy(z, TARGET) for z in heads) / 2,
    }
    torch.testing.assert_close(loss(**inputs), expected)


def test_reflection_may_review_the_stage_after():
    loss, inputs = reflection(temperature=2.0, review="next"), reflection_inputs()
    shallow, deep = (
        head(x.mean(dim=(2, 3))) for head, x in zip(loss.classifiers, inputs["student_stages"], strict=True)
    )
    expected = (kl(deep, shallow, 2.0) + kl(inputs["student"], deep, 2.0)) / 2
    torch.testing.assert_close(loss(**inputs)["loss_review"], expected)


def test_the_review_does_not_teach_what_is_reviewed():
    inputs = reflection_inputs()
    inputs["student"].requires_grad_()
    inputs["student_stages"][0].requires_grad_()
    reflection()(**inputs)["loss_review"].backward()
    assert inputs["student"].grad is None
    assert inputs["student_stages"][0].grad.any()


def test_gradients_of_the_channels_responses_and_labels_by_finite_differences():
    loss, inputs = reflection(review_weight=0), reflection_inputs()
    first, second = (features.requires_grad_() for features in inputs.pop("student_stages"))
    student = inputs.pop("student").requires_grad_()

    def total(student, first, second):
        return sum(loss(student=student, student_stages=[first, second], **inputs).values())

    assert torch.autograd.gradcheck(total, (student, first, second))


@pytest.mark.parametrize("term", ["channel", "response", "review", "label"])
def test_a_weight_multiplies_its_term_and_0_leaves_it_out(term):
    inputs = reflection_inputs()
    plain = reflection()(**inputs)
    loss = reflection(**{f"{term}_weight": 2.5})
    torch.testing.assert_close(loss(**inputs)[f"loss_{term}"], 2.5 * plain[f"loss_{term}"])
    assert reflection(**{f"{term}_weight": 0})(**inputs).keys() == plain.keys() - {f"loss_{term}"}


def test_reflection_without_channels_and_labels_needs_neither():
    loss = SelfReflectionLoss([2, 3], num_classes=5, channel_weight=0, label_weight=0).double()
    inputs = reflection_inputs()
    assert loss(inputs["student"], inputs["teacher"], inputs["student_stages"]).keys() == {
        "loss_response",
        "loss_review",
    }


def test_reflection_is_built_from_shapes():
    shapes = {k: [x.shape for x in v] if isinstance(v, list) else v.shape for k, v in reflection_inputs().items()}
    loss = SelfReflectionLoss()
    with pytest.raises(RuntimeError, match="give student_channels=, num_classes=, teacher_channels= or call build"):
        loss(**reflection_inputs())
    loss.build(**shapes)
    assert {k: v.shape for k, v in loss.state_dict().items()} == {
        k: v.shape for k, v in reflection().state_dict().items()
    }
    assert loss.levels == "all"


def test_a_single_stage_needs_no_list():
    inputs = reflection_inputs()
    listed = {**inputs, "student_stages": inputs["student_stages"][:1], "teacher_stages": inputs["teacher_stages"][:1]}
    alone = {**listed, "student_stages": listed["student_stages"][0], "teacher_stages": listed["teacher_stages"][0]}
    loss = SelfReflectionLoss().double()
    loss.build(**{name: value.shape for name, value in alone.items()})
    assert [head.in_features for head in loss.classifiers] == [2]
    loss = reflection(student_channels=[2], teacher_channels=[4])
    torch.testing.assert_close(loss(**alone), loss(**listed))


def test_reflection_refuses_other_reviews_and_numbers_of_stages():
    with pytest.raises(ValueError, match="one of final, next but found 'last'"):
        reflection(review="last")
    with pytest.raises(ValueError, match="expected 2 stages of the teacher but found 1"):
        reflection(teacher_channels=[4])


def test_a_student_learns_to_answer_as_its_teacher_at_every_stage():
    torch.manual_seed(0)
    loss = SelfReflectionLoss([3, 4], [3, 4], num_classes=2).double()
    images = scores(20, 1, 6, 6)
    target = (images.mean(dim=(1, 2, 3)) > 0).long()
    teacher = 4.0 * F.one_hot(target, 2).double()
    shallow, deep, head = nn.Conv2d(1, 3, 3).double(), nn.Conv2d(3, 4, 3).double(), nn.Linear(4, 2).double()
    guides = [images[:, :, 1:-1, 1:-1].expand(-1, 3, -1, -1), images[:, :, 2:-2, 2:-2].expand(-1, 4, -1, -1)]
    parameters = [p for module in (shallow, deep, head, loss) for p in module.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(80):
        first = shallow(images).relu()
        second = deep(first).relu()
        logits = head(second.mean(dim=(2, 3)))
        parts = loss(logits, teacher, [first, second], guides, target)
        optimiser.zero_grad()
        sum(parts.values()).backward()
        optimiser.step()
    stages = [each(x.mean(dim=(2, 3))) for each, x in zip(loss.classifiers, (first, second), strict=True)]
    assert all((z.argmax(dim=1) == target).double().mean() > 0.85 for z in (*stages, logits))


def test_the_modules_tell_their_hyperparameters():
    assert "temperature=2.0" in str(ffl(temperature=2.0))
    shown = str(reflection(review_weight=0.5, review="next"))
    assert "review_weight=0.5" in shown
    assert "review=next" in shown
