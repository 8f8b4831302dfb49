import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden_files import double, load_golden

from common.losses import BPKDLoss, bpkd_edge_masks, bpkd_loss, cwd_loss

CASES = ["case0", "case1", "case2"]


def logits(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(**options)


def blocks(*shape: int, classes: int, seed: int = 0, void: bool = False) -> torch.Tensor:
    """Labels in blocks of 5 x 5, with ignored ones among them if asked."""
    grid = (shape[0], -(-shape[1] // 5), -(-shape[2] // 5))
    labels = torch.randint(0, classes + void, grid, generator=torch.Generator().manual_seed(seed))
    labels = labels.masked_fill(labels == classes, 255).repeat_interleave(5, 1).repeat_interleave(5, 2)
    return labels[:, : shape[1], : shape[2]]


def edges_by_pooling(labels: torch.Tensor, classes: int, width: int, void_edges: bool) -> torch.Tensor:
    """Dilation minus erosion of one-hot maps by max pooling, at full size."""
    valid = (labels != 255)[:, None]
    one_hot = F.one_hot(labels.masked_fill(labels == 255, classes), classes + 1)[..., :-1].movedim(-1, 1)
    others = (1 - one_hot) if void_edges else (1 - one_hot) * valid
    near_class, near_others = (F.max_pool2d(x.double(), width, stride=1, padding=width // 2) for x in (one_hot, others))
    return near_class * near_others * valid


@pytest.mark.parametrize("case", CASES)
def test_masks_agree_with_the_reference(case):
    golden = load_golden("bpkd")[case]
    size = golden["student"].shape
    edge, valid = bpkd_edge_masks(
        double(golden["target"]).long(), size[1], size[2:], width=int(golden["hp.edge_width"]), void_edges=True
    )
    np.testing.assert_allclose(edge, golden["out.edge_mask"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(valid, golden["out.valid_mask"], rtol=0, atol=1e-6)


def test_the_total_agrees_with_the_reference_at_the_papers_weights():
    golden = load_golden("bpkd")["case0"]
    inputs = double(golden["student"]), double(golden["teacher"]), double(golden["target"]).long()
    losses = bpkd_loss(*inputs, void_edges=True)
    assert sum(losses.values()).item() == pytest.approx(float(golden["loss"]), rel=1e-6)


def test_one_pixel_gives_nine_edge_pixels_to_both_classes():
    target = torch.zeros(1, 5, 5, dtype=torch.long)
    target[0, 2, 2] = 1
    edge, valid = bpkd_edge_masks(target, num_classes=2, size=(5, 5), width=3)
    assert edge.sum(dim=(0, 2, 3)).tolist() == [9, 9]
    assert (valid == 1).all()


def test_a_straight_border_gives_half_the_width_on_either_side():
    target = torch.zeros(1, 20, 20, dtype=torch.long)
    target[:, :, 10:] = 1
    edge, _ = bpkd_edge_masks(target, num_classes=3, size=(20, 20), width=7)
    assert edge[0, 0].any(dim=0).nonzero().flatten().tolist() == [7, 8, 9, 10, 11, 12]
    assert torch.equal(edge[0, 0], edge[0, 1])
    assert edge[0, 2].sum() == 0


def test_a_uniform_target_has_no_edge_not_even_at_the_frame():
    edge, _ = bpkd_edge_masks(torch.ones(1, 16, 16, dtype=torch.long), num_classes=2, size=(4, 4))
    assert edge.abs().max() == 0


def test_a_cell_holds_its_share_of_edge_pixels():
    target = torch.zeros(1, 16, 16, dtype=torch.long)
    target[:, :, 8:] = 1
    edge, _ = bpkd_edge_masks(target, num_classes=2, size=(2, 2), width=7)  # 3 of 8 columns in each cell
    assert edge.unique().tolist() == [3 / 8]


@pytest.mark.parametrize("void_edges", [False, True])
@pytest.mark.parametrize("classes", [4, 31, 40])
@pytest.mark.parametrize("width", [1, 3, 5, 7, 11])
def test_edges_are_dilation_minus_erosion(classes, width, void_edges):
    target = blocks(2, 33, 41, classes=classes, void=True)
    edge, _ = bpkd_edge_masks(target, classes, target.shape[1:], width, void_edges=void_edges)
    expected = edges_by_pooling(target, classes, width, void_edges)
    assert torch.equal(edge.double(), expected)


@pytest.mark.parametrize("size", [(4, 6), (7, 9), (40, 50), (5, 10)])
def test_any_label_size_is_pooled_to_any_logit_size(size):
    target = blocks(2, 25, 30, classes=3)
    edge, valid = bpkd_edge_masks(target, 3, size, width=3)
    expected = F.adaptive_avg_pool2d(edges_by_pooling(target, 3, 3, void_edges=False), size)
    torch.testing.assert_close(edge.double(), expected, rtol=0, atol=1e-6)
    assert valid.shape == (2, 1, *size)


def test_void_makes_an_edge_only_when_asked():
    target = torch.zeros(1, 9, 9, dtype=torch.long)
    target[:, :, 4:] = 255
    edge, valid = bpkd_edge_masks(target, 2, (9, 9), width=3)
    assert edge.sum() == 0
    assert valid[0, 0].sum() == 36
    edge, _ = bpkd_edge_masks(target, 2, (9, 9), width=3, void_edges=True)
    assert edge[0, 0].any(dim=0).nonzero().flatten().tolist() == [3]


def test_a_partly_void_cell_is_scaled_by_its_labelled_share():
    target = torch.tensor([[[0, 1], [255, 255]]])
    edge, valid = bpkd_edge_masks(target, 2, (1, 1), width=3)
    assert valid.item() == 0.5
    assert edge.flatten().tolist() == [0.25, 0.25]


def edge_loss_by_loops(student, teacher, edge, alpha, per_class=True):
    """The edge loss without its pre-mask, position by position."""
    total = 0.0
    counts = (edge > 0).sum(dim=(2, 3))
    for b in range(len(student)):
        for c in range(student.shape[1]):
            count = counts[b, c] if per_class else counts[b].sum()
            for position in (edge[b, c] > 0).nonzero().tolist():
                at = (b, slice(None), *position)
                p, q = F.softmax(teacher[at], 0), F.softmax(student[at], 0)
                total += alpha[c] / count * edge[b, c][tuple(position)] * (p * (p / q).log()).sum()
    return total / len(student)


@pytest.mark.parametrize("normalize", ["per_class", "global"])
def test_edge_loss_without_pre_mask_is_the_weighted_divergence_at_edges(normalize):
    student, teacher, target = logits(2, 3, 4, 5), logits(2, 3, 4, 5, seed=1), blocks(2, 16, 20, classes=3)
    alpha = [1.0, 2.0, 5.0]
    edge, _ = bpkd_edge_masks(target, 3, (4, 5))
    expected = edge_loss_by_loops(student, teacher, edge.double(), alpha, normalize == "per_class")
    losses = bpkd_loss(student, teacher, target, edge_weight=3, alpha=alpha, pre_mask=False, normalize=normalize)
    assert losses["loss_edge"].item() == pytest.approx(3 * expected.item(), rel=1e-6)


def test_pre_mask_scales_the_logits_before_the_softmax():
    student, teacher, target = logits(1, 2, 3, 4), logits(1, 2, 3, 4, seed=1), blocks(1, 12, 16, classes=2)
    edge = bpkd_edge_masks(target, 2, (3, 4))[0].double()
    expected = edge_loss_by_loops(student * edge, teacher * edge, edge, alpha=[2.0, 2.0])
    losses = bpkd_loss(student, teacher, target, edge_weight=1)
    assert losses["loss_edge"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_without_either_mask_the_edge_loss_is_alpha_times_the_mean_divergence():
    student, teacher = logits(2, 3, 4, 4), logits(2, 3, 4, 4, seed=1)
    target = blocks(2, 16, 16, classes=3)
    p, q = F.log_softmax(teacher, 1), F.log_softmax(student, 1)
    mean = (p.exp() * (p - q)).sum(1).mean()
    losses = bpkd_loss(student, teacher, target, edge_weight=1, alpha=2, pre_mask=False, post_mask=False)
    torch.testing.assert_close(losses["loss_edge"], 2 * 3 * mean)


def test_without_edges_the_body_loss_is_cwd_and_the_edge_loss_zero():
    student, teacher = logits(2, 4, 5, 6).requires_grad_(), logits(2, 4, 5, 6, seed=1)
    losses = bpkd_loss(student, teacher, torch.ones(2, 40, 48, dtype=torch.long), body_weight=20)
    torch.testing.assert_close(losses["loss_body"], 20 * cwd_loss(student, teacher))
    assert losses["loss_edge"].item() == 0
    losses["loss_edge"].backward()
    assert student.grad.abs().max() == 0


def test_edge_cells_can_be_taken_out_of_the_body_softmax():
    student, teacher = logits(1, 2, 1, 6), logits(1, 2, 1, 6, seed=1)
    target = torch.tensor([[[0, 0, 0, 0, 1, 1]]])  # with width 3, cells 3 and 4 are edge in both channels
    losses = bpkd_loss(student, teacher, target, body_weight=1, width=3, exclude_edge_from_body=True)
    kept = [0, 1, 2, 5]
    torch.testing.assert_close(losses["loss_body"], cwd_loss(student[..., kept], teacher[..., kept]))


def test_a_class_whose_every_cell_is_excluded_adds_nothing():
    student, teacher = logits(1, 2, 2, 2).requires_grad_(), logits(1, 2, 2, 2, seed=1)
    target = torch.tensor([[[0, 1], [1, 0]]])
    loss = bpkd_loss(student, teacher, target, width=3, exclude_edge_from_body=True)["loss_body"]
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max() == 0


@pytest.mark.parametrize("exclude", [False, True])
def test_an_all_void_target_gives_zero_and_finite_gradient(exclude):
    student, teacher = logits(1, 3, 4, 4).requires_grad_(), logits(1, 3, 4, 4, seed=1)
    losses = bpkd_loss(student, teacher, torch.full((1, 16, 16), 255), exclude_edge_from_body=exclude)
    sum(losses.values()).backward()
    assert [loss.item() for loss in losses.values()] == [0, 0]
    assert student.grad.abs().max() == 0


def test_logits_under_void_do_not_matter():
    student, teacher, target = logits(1, 3, 4, 4), logits(1, 3, 4, 4, seed=1), blocks(1, 16, 16, classes=3)
    target[:, 8:] = 255
    changed = student.clone()
    changed[:, :, 2:] += 3
    before, after = (bpkd_loss(s, teacher, target) for s in (student, changed))
    assert before == after


def test_a_class_without_pixels_changes_no_other_classs_edge_weight():
    student, teacher, target = logits(1, 3, 4, 4), logits(1, 3, 4, 4, seed=1), blocks(1, 16, 16, classes=2)
    by_alpha = [
        bpkd_loss(student, teacher, target, alpha=[2.0, 2.0, last])["loss_edge"].item() for last in (0.0, 100.0)
    ]
    assert by_alpha[0] == by_alpha[1] > 0


def test_alpha_may_be_a_number_a_list_or_a_tensor():
    inputs = logits(1, 3, 4, 4), logits(1, 3, 4, 4, seed=1), blocks(1, 16, 16, classes=3)
    alphas = (2.0, [2.0] * 3, torch.full((3,), 2.0), torch.tensor(2.0))
    losses = [bpkd_loss(*inputs, alpha=alpha)["loss_edge"].item() for alpha in alphas]
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-12)


def test_a_teacher_of_another_grid_is_resized_bilinearly():
    student, teacher, target = logits(1, 3, 8, 8), logits(1, 3, 4, 4, seed=1), blocks(1, 16, 16, classes=3)
    resized = F.interpolate(teacher, (8, 8), mode="bilinear", align_corners=False)
    assert bpkd_loss(student, teacher, target) == bpkd_loss(student, resized, target)


def test_labels_may_keep_their_channel_axis():
    student, teacher, target = logits(1, 3, 4, 4), logits(1, 3, 4, 4, seed=1), blocks(1, 16, 16, classes=3)
    assert bpkd_loss(student, teacher, target[:, None]) == bpkd_loss(student, teacher, target)


@pytest.mark.parametrize(
    "options",
    [{"temperature": 4.0, "normalize": "global"}, {"post_mask": False}, {"exclude_edge_from_body": True}],
)
def test_gradient_by_finite_differences(options):
    student, teacher = logits(2, 3, 3, 4).requires_grad_(), logits(2, 3, 3, 4, seed=1)
    target = blocks(2, 13, 17, classes=3, void=True)

    def total(s):
        return sum(bpkd_loss(s, teacher, target, width=3, **options).values())

    assert torch.autograd.gradcheck(total, (student,))


ZEROS = torch.zeros(2, 8, 8, dtype=torch.long)


@pytest.mark.parametrize(
    ("teacher", "target", "options", "message"),
    [
        ((2, 4, 4, 4), ZEROS, {}, r"expected teacher logits .* = \(2, 3, 4, 4\) but found \(2, 4, 4, 4\)"),
        ((1, 3, 4, 4), ZEROS, {}, r"but found \(1, 3, 4, 4\)"),
        ((2, 3), ZEROS, {}, r"expected teacher logits of shape \(B, C, H, W\) but found \(2, 3\)"),
        ((2, 3, 4, 4), ZEROS[:1], {}, r"expected a target for a batch of 2 but found \(1, 8, 8\)"),
        ((2, 3, 4, 4), ZEROS[:, 0], {}, r"2 spatial axes but found \(2, 8\)"),
        ((2, 3, 4, 4), ZEROS.float(), {}, "expected integer labels as target but found torch.float32"),
        ((2, 3, 4, 4), ZEROS + 3, {}, r"expected labels 0\.\.2 or 255 .* but found \[3\]"),
        ((2, 3, 4, 4), ZEROS - 1, {}, r"but found \[-1\]"),
        ((2, 3, 4, 4), ZEROS, {"width": 4}, "expected an odd edge width of at least 1 but found 4"),
        ((2, 3, 4, 4), ZEROS, {"alpha": [1, 2]}, "expected one alpha or 3, one per class, but found 2"),
        ((2, 3, 4, 4), ZEROS, {"normalize": "mean"}, "expected normalize to be one of .* but found 'mean'"),
        ((2, 3, 4, 4), ZEROS, {"temperature": 0}, "expected a temperature above 0 but found 0"),
    ],
)
def test_bpkd_refuses_what_does_not_fit(teacher, target, options, message):
    with pytest.raises(ValueError, match=message):
        bpkd_loss(torch.zeros(2, 3, 4, 4), torch.zeros(teacher), target, **options)


def test_the_module_passes_every_option_on():
    student, teacher, target = logits(1, 3, 4, 4), logits(1, 3, 4, 4, seed=1), blocks(1, 16, 16, classes=3)
    options = {
        "body_weight": 3.0,
        "edge_weight": 4.0,
        "alpha": [1.0, 2.0, 3.0],
        "temperature": 2.0,
        "width": 3,
        "pre_mask": False,
        "post_mask": False,
        "normalize": "global",
        "exclude_edge_from_body": True,
        "ignore_index": 2,
        "void_edges": True,
    }
    assert BPKDLoss(**options)(student, teacher, target) == bpkd_loss(student, teacher, target, **options)
    assert BPKDLoss()(student, teacher, target) == bpkd_loss(student, teacher, target)


def test_class_scores_are_never_adapted():
    assert bpkd_loss.adapter is None
    assert BPKDLoss.adapter is None
