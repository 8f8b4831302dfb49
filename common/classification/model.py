"""A classifier as a model of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor, BaseModel, BaseModule
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from common.errors import ConfigError
from common.ground_truth import ground_truth


@MODELS.register_module()
class TensorPreprocessor(BaseDataPreprocessor):
    """Stacks samples of equal shape, of any number of dimensions, and moves them to the model's device.

    Args:
        augment: config of a module, or the module, that is called with a batch ``(B, *)`` in training and gives a
            random view of it, the same for student and teachers; it draws from torch's random state.
        non_blocking: let copies to the device run on while the CPU goes on.
    """

    def __init__(self, augment: dict | nn.Module | None = None, non_blocking: bool = False):
        super().__init__(non_blocking)
        self.augment = MODELS.build(augment) if isinstance(augment, dict) else augment

    # As the engine's image preprocessors say it, see `common.teacher_config.input_conversion`.
    _enable_normalize = _channel_conversion = False

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """``inputs`` ``(B, *)`` in float32, of B tensors or one; everything else as it is."""
        data = self.cast_data(data)
        inputs = data["inputs"]
        if not isinstance(inputs, Tensor):
            inputs = torch.stack(list(inputs))
        inputs = inputs.float()
        if training and self.augment is not None:
            inputs = self.augment(inputs)
        return {**data, "inputs": inputs}


@MODELS.register_module()
class Classifier(BaseModel):
    """Any network that gives class scores, with the cross-entropy as its loss.

    Args:
        network: config of a registered network, or the network; called with a batch, it gives logits ``(B, C)``.
        loss_weight: of the cross-entropy; below 1 where distillation is to take its share.
        label_smoothing: share of the target that is spread over all classes.
        data_preprocessor: by default `TensorPreprocessor`.
    """

    def __init__(
        self,
        network: dict | nn.Module,
        loss_weight: float = 1.0,
        label_smoothing: float = 0.0,
        data_preprocessor: dict | nn.Module | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(data_preprocessor or {"type": "TensorPreprocessor"}, init_cfg)
        self.network = network if isinstance(network, nn.Module) else MODELS.build(network)
        if not isinstance(self.network, BaseModule):
            self.network.is_init = True  # or the engine calls timm's init_weights, which forgets published weights
        self.loss_weight = loss_weight
        self.label_smoothing = label_smoothing

    def forward(self, inputs: Tensor, data_samples: Sequence[BaseDataElement] | None = None, mode: str = "tensor"):
        """Logits ``(B, C)``; in mode ``'loss'`` ``loss_ce``; in mode ``'predict'`` the samples with predictions.

        A sample has its class under ``gt_label``, an integer tensor without axes. Predictions are ``pred_scores``
        ``(C,)``, probabilities, and ``pred_label``.
        """
        logits = self.network(inputs)
        if mode == "tensor":
            return logits
        if mode == "loss":
            target = ground_truth(data_samples, "gt_label")
            try:
                loss = F.cross_entropy(logits, target, label_smoothing=self.label_smoothing)
            except IndexError:
                check_labels(target, logits.shape[1])
                raise
            return {"loss_ce": self.loss_weight * loss}
        samples = list(data_samples or (BaseDataElement() for _ in range(len(logits))))
        for sample, scores in zip(samples, logits.softmax(dim=1), strict=True):
            sample.pred_scores = scores
            sample.pred_label = scores.argmax()
        return samples


def check_labels(labels: Tensor, classes: int) -> None:
    """See that labels ``(N,)`` are among a network's classes.

    Raises:
        ConfigError: naming one that is not.
    """
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ConfigError(
            f"expected labels 0 to {classes - 1}, as the network has {classes} classes, but found {int(wrong[0])}; set "
            "num_classes of the network to the number of the data's"
        )


def class_sample(label: int, index: int) -> BaseDataElement:
    """What a sample carries beside its input: ``gt_label``, and ``gt_index``, its place in the data set."""
    return BaseDataElement(gt_label=torch.tensor(label), gt_index=torch.tensor(index))
