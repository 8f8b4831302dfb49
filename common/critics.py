"""Optimisers of a student and of the critics that it learns against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper, OptimWrapperDict
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from common.distiller import CRITIC, STUDENT, Distiller
from common.errors import ConfigError


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CriticOptimWrapperConstructor:
    """Builds an optimiser for everything but the critics of a `common.distiller.Distiller`, and one for them.

    .. code-block:: python

        optim_wrapper = dict(
            constructor="CriticOptimWrapperConstructor",
            student=dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01)),
            critic=dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=5e-4, betas=(0.5, 0.999))),
        )

    A list of ``param_scheduler`` is for both; a dict with ``student`` and ``critic`` gives each its own.

    Args:
        optim_wrapper_cfg: ``student`` and ``critic``, each what the engine takes as ``optim_wrapper``.
        paramwise_cfg: of neither; each may have one in its own.

    Raises:
        ConfigError: for other keys, a model without critics, or training in several processes.
    """

    def __init__(self, optim_wrapper_cfg: Mapping[str, Any], paramwise_cfg: Mapping[str, Any] | None = None):
        given = {key: value for key, value in optim_wrapper_cfg.items() if key != "type"}
        if set(given) != {STUDENT, CRITIC} or paramwise_cfg:
            found = ", ".join([*given, *(["paramwise_cfg"] if paramwise_cfg else [])]) or "nothing"
            raise ConfigError(f"optim_wrapper: expected {STUDENT}= and {CRITIC}= but found {found}")
        self._settings = given

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """The two, as ``student`` and ``critic``."""
        if is_model_wrapper(model):
            raise ConfigError("expected one process for a loss with a critic but found several; leave --launcher out")
        critics = (
            nn.ModuleList(loss.critic for loss in model.terms.adversaries()) if isinstance(model, Distiller) else []
        )
        if not critics:
            raise ConfigError("optim_wrapper: expected a loss with a critic, such as FeatureGANLoss, but found none")
        student, critic = (
            self._build(each, self._settings[key]) for each, key in ((model, STUDENT), (critics, CRITIC))
        )
        theirs = {id(parameter) for parameter in critics.parameters()}
        for group in student.optimizer.param_groups:
            group["params"] = [parameter for parameter in group["params"] if id(parameter) not in theirs]
        student.optimizer.param_groups = [group for group in student.optimizer.param_groups if group["params"]]
        return OptimWrapperDict(**{STUDENT: student, CRITIC: critic})

    @staticmethod
    def _build(module: nn.Module, settings: Mapping[str, Any]) -> OptimWrapper:
        settings = dict(settings)
        paramwise = settings.pop("paramwise_cfg", None)
        return DefaultOptimWrapperConstructor(settings, paramwise)(module)
