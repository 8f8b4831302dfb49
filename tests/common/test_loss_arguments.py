"""Which arguments of a loss are tensors to bind."""

import functools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.errors import ConfigError
from common.loss_arguments import required_arguments, tensor_arguments
from common.losses import BPKDLoss, KDLoss, kd_loss
from common.registry import LOSSES


@pytest.mark.parametrize(
    ("loss", "tensors", "required"),
    [
        (F.mse_loss, ["input", "target", "weight"], ["input", "target"]),
        (nn.MSELoss(), ["input", "target"], ["input", "target"]),
        (kd_loss, ["student", "teacher", "target"], ["student", "teacher"]),
        (KDLoss(), ["student", "teacher", "target"], ["student", "teacher"]),
        (functools.partial(kd_loss, temperature=2.0), ["student", "teacher", "target"], ["student", "teacher"]),
        (BPKDLoss(), ["student", "teacher", "target"], ["student", "teacher", "target"]),
        (lambda s, t: s - t, ["s", "t"], ["s", "t"]),
    ],
)
def test_tensor_arguments_are_read_from_the_signature(loss, tensors, required):
    assert tensor_arguments(loss) == tensors
    assert required_arguments(loss) == required


def test_function_without_a_python_signature_is_refused_with_advice():
    with pytest.raises(ConfigError, match=r"arguments of dist, .*wrap it in a function\(student, teacher\)"):
        tensor_arguments(torch.dist)


def test_every_registered_loss_has_tensors_to_bind():
    assert {"KDLoss", "CWDLoss", "BPKDLoss", "kd_loss", "cwd_loss", "bpkd_loss"} <= set(LOSSES.module_dict)
    assert {name: loss for name, loss in LOSSES.module_dict.items() if not tensor_arguments(loss)} == {}
