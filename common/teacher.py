"""Frozen teachers."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable

import torch
from torch import nn

from common.errors import ConfigError, did_you_mean

MODES = ("eval", "train_bn")


class FrozenTeacher:
    """A network that is only asked, never trained.

    It is deliberately not an ``nn.Module``: held as an attribute of one, it stays out of the state dict, the
    optimiser, DistributedDataParallel's parameters and the copies that EMA makes.

    Args:
        model: the trained network; it is put in eval mode (dropout and batch norm both) and its parameters
            stop requiring gradients.
        name: what messages call it.
        mode: ``'eval'``, or ``'train_bn'`` to normalise with batch statistics (without moving the running
            ones), which overhaul feature distillation (ICCV 2019) does on purpose.
        dtype: ``torch.float16`` or ``torch.bfloat16`` to run the teacher in half precision; None keeps float32.
    """

    def __init__(self, model: nn.Module, name: str = "teacher", mode: str = "eval", dtype: torch.dtype | None = None):
        if mode not in MODES:
            raise ConfigError(f"teacher {name!r}: expected mode {MODES} but found {mode!r}{did_you_mean(mode, MODES)}")
        self.name = name
        self.dtype = dtype
        self.model = model.requires_grad_(False).eval()
        if mode == "train_bn":
            for module in model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train()
                    module.track_running_stats = False
        if dtype is not None:
            model.to(dtype)

    def __call__(self, *args, **kwargs):
        """Run the teacher without recording a graph.

        `torch.no_grad`, not `torch.inference_mode`: a loss may save the teacher's output for backward.
        """
        with torch.no_grad():
            if self.dtype is not None:
                args = tuple(self._cast(arg) for arg in args)
                kwargs = {name: self._cast(value) for name, value in kwargs.items()}
            return self.model(*args, **kwargs)

    def _cast(self, value):
        return value.to(self.dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    def _apply(self, fn: Callable) -> None:
        """Follow the student to another device; a half-precision teacher stays one."""
        self.model._apply(fn)
        if self.dtype is not None:
            self.model.to(self.dtype)

    def __deepcopy__(self, memo: dict) -> FrozenTeacher:
        return self

    def fingerprint(self) -> str:
        """SHA-256 of names, types, shapes and bytes of all parameters and buffers."""
        return state_fingerprint(self.model.state_dict())


class EMATeacher(FrozenTeacher):
    """The running mean of a student's weights as its teacher [0].

    Args:
        student: the network to follow; it is copied.
        momentum: share of the old mean that an update keeps; in the first updates it is
            ``1 - 1 / (updates + 1)`` where that is less, so that the first copies the student.
        name: what messages call it.

    [0] Tarvainen and Valpola, Mean teachers are better role models, NeurIPS 2017.
    """

    def __init__(self, student: nn.Module, momentum: float = 0.999, name: str = "teacher"):
        if not 0 <= momentum < 1:
            raise ConfigError(f"teacher {name!r}: expected an ema momentum of 0 to below 1 but found {momentum}")
        super().__init__(copy.deepcopy(student), name)
        self.momentum = momentum
        self.updates = 0
        self._versions: list[int] = []

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        """Move the mean towards the student's weights; buffers (batch norm's statistics) are copied.

        It does nothing while gradients are accumulated, so that the momentum is that of a step of the optimiser: where
        the student has gradients, and no weight was changed since the last update.
        """
        parameters = list(student.parameters())
        versions = [parameter._version for parameter in parameters]
        if versions == self._versions and any(parameter.grad is not None for parameter in parameters):
            return
        self._versions = versions
        keep = min(self.momentum, 1 - 1 / (self.updates + 1))
        means = dict(self.model.named_parameters())
        for name, parameter in student.named_parameters():
            means[name].lerp_(parameter.to(means[name].dtype), 1 - keep)
        buffers = dict(self.model.named_buffers())
        for name, buffer in student.named_buffers():
            buffers[name].copy_(buffer)
        self.updates += 1

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The mean, and under ``updates`` how many updates it has seen."""
        return {**self.model.state_dict(), "updates": torch.tensor(self.updates)}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from a stored mean."""
        self.updates = int(state["updates"])
        self.model.load_state_dict({name: value for name, value in state.items() if name != "updates"})


def state_fingerprint(state_dict: dict[str, torch.Tensor]) -> str:
    """SHA-256 over a state dict, independent of the device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state_dict.items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
