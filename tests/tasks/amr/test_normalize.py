"""The scale of frames, as a layer of the network."""

import numpy as np
import pytest
import torch

from common.errors import ConfigError
from tasks.amr.normalize import IQNormalize


def frames(scale=1.0):
    return scale * torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(0))


def samples(tensor):
    return tensor[:, 0].numpy() + 1j * tensor[:, 1].numpy()


@pytest.mark.parametrize(
    ("mode", "size"),
    [
        ("rms", lambda x: np.sqrt(np.mean(abs(x) ** 2))),
        ("l2", np.linalg.norm),
        ("l1", lambda x: abs(x).sum()),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e4])
def test_each_frame_has_size_one_and_keeps_its_shape(mode, size, scale):
    given = frames(scale) * torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    found = samples(IQNormalize(mode)(given))
    for before, after in zip(samples(given), found, strict=True):
        np.testing.assert_allclose(after, before / size(before), rtol=1e-5)


def test_none_changes_nothing():
    given = frames()
    assert torch.equal(IQNormalize("none")(given), given)


def test_rms_is_the_default():
    assert IQNormalize().mode == "rms"
    assert repr(IQNormalize()) == "IQNormalize(mode='rms')"


@pytest.mark.parametrize("mode", ["rms", "l2", "l1"])
def test_a_silent_frame_stays_silent_and_has_finite_gradients(mode):
    silent = torch.zeros(2, 2, 8, requires_grad=True)
    found = IQNormalize(mode)(silent)
    found.sum().backward()
    assert torch.equal(found, torch.zeros(2, 2, 8))
    assert torch.isfinite(silent.grad).all()


@pytest.mark.parametrize("mode", ["rms", "l2", "l1"])
def test_gradients_are_those_of_the_formula(mode):
    assert torch.autograd.gradcheck(IQNormalize(mode), frames().double()[:2, :, :4].requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_amplitudes_of_the_radioml_files_survive_half_precision(dtype):
    given = frames(6e-4).to(dtype)
    found = IQNormalize()(given)
    assert found.dtype == torch.float32
    np.testing.assert_allclose((abs(samples(found)) ** 2).mean(1), 1.0, rtol=1e-5)


def test_another_mode_is_refused():
    with pytest.raises(ConfigError, match=r"'rms', 'l2', 'l1', 'none' but found 'max'"):
        IQNormalize("max")
