"""Views of frames: what they compute, and what decides them."""

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS

from common.errors import ConfigError
from common.sampling import seeded
from tasks.amr.augment import IQAugment, View, apply_view

EVERYTHING = {"phase": True, "shift": 5, "frequency": 0.02, "gain_db": 6.0}


def frames(count=64, length=32, seed=0):
    return torch.randn(count, 2, length, generator=torch.Generator().manual_seed(seed))


def samples(tensor):
    tensor = tensor.double().numpy()
    return tensor[..., 0, :] + 1j * tensor[..., 1, :]


def test_a_view_is_the_formula():
    view = View(
        phase=torch.tensor([0.3, -2.0], dtype=torch.float64),
        frequency=torch.tensor([0.01, -0.2], dtype=torch.float64),
        shift=torch.tensor([3, -1]),
        gain=torch.tensor([0.5, 2.0], dtype=torch.float64),
    )
    given = frames(2)
    found = samples(apply_view(given, view))
    n = np.arange(32)
    for number in range(2):
        phase, frequency, shift, gain = (entry[number].item() for entry in view)
        moved = np.roll(samples(given)[number], shift)
        expected = gain * np.exp(1j * (phase + 2 * np.pi * frequency * n)) * moved
        np.testing.assert_allclose(found[number], expected, rtol=1e-5, atol=1e-5)


def test_by_default_frames_are_turned_by_quarters_each_as_often():
    given = frames(4000)
    with seeded(1):
        turned = samples(IQAugment()(given))
    ratio = (turned / samples(given)).mean(1)
    quarters = np.round(np.angle(ratio) / (np.pi / 2)).astype(int) % 4
    np.testing.assert_allclose(ratio, 1j**quarters, atol=1e-5)
    # 1000 on average, standard deviation 27
    assert np.abs(np.bincount(quarters, minlength=4) - 1000).max() < 120


def test_views_fill_their_ranges_evenly():
    with seeded(0):
        view = IQAugment(**EVERYTHING).draw(20_000)
    for values, low, high in (
        (view.phase, 0, 2 * np.pi),
        (view.frequency, -0.02, 0.02),
        (20 * view.gain.log10(), -6, 6),
    ):
        values = (values.numpy() - low) / (high - low)
        assert values.min() >= 0
        assert values.max() <= 1
        shares = np.histogram(values, 10, (0, 1))[0]
        assert np.abs(shares - 2000).max() < 250  # standard deviation 42
    assert sorted(set(view.shift.tolist())) == list(range(-5, 6))


def test_drawn_numbers_of_a_view_have_nothing_to_do_with_each_other():
    with seeded(0):
        view = IQAugment(**EVERYTHING).draw(20_000)
    correlation = np.corrcoef(np.stack([entry.double().numpy() for entry in view]))
    assert np.abs(correlation - np.eye(4)).max() < 0.04  # standard deviation 0.007


def test_torch_random_state_decides():
    augment, given = IQAugment(**EVERYTHING), frames()
    with seeded(1, 2):
        one = augment(given)
    with seeded(1, 2):
        assert torch.equal(augment(given), one)
    assert not torch.equal(augment(given), one)


def test_teacher_and_student_see_one_view():
    """It is made where the student's batch is put together, in training alone."""
    preprocessor = MODELS.build({"type": "TensorPreprocessor", "augment": {"type": "IQAugment", **EVERYTHING}})
    data = {"inputs": list(frames()), "data_samples": None}
    with seeded(1, 2):
        expected = IQAugment(**EVERYTHING)(frames())
    with seeded(1, 2):
        assert torch.equal(preprocessor(data, True)["inputs"], expected)
    assert torch.equal(preprocessor(data, False)["inputs"], frames())


def test_in_eval_mode_nothing_changes():
    given = frames()
    assert IQAugment(**EVERYTHING).eval()(given) is given


def test_nothing_changes_where_nothing_is_asked_for():
    torch.testing.assert_close(IQAugment(rotate=False)(frames()), frames())


def test_half_precision_keeps_its_form():
    assert IQAugment(**EVERYTHING)(frames().half()).dtype == torch.float16


def test_power_changes_by_the_gain_alone():
    given = frames()
    changed = IQAugment(phase=True, shift=5, frequency=0.02)(given)
    torch.testing.assert_close(changed.square().sum((1, 2)), given.square().sum((1, 2)))


def test_has_nothing_in_the_state_dict():
    assert not IQAugment().state_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": -1}, "range of 0 or more for shift but found -1"),
        ({"gain_db": -3.0}, "for gain_db"),
        ({"frequency": 0.6}, "at most 0.5 cycles per sample but found 0.6"),
    ],
)
def test_ranges_that_can_not_be_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        IQAugment(**options)
