"""Detectors of one stage as networks that take images of 0 to 255 and give boxes, for ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.transforms import Resize
from mmdet.datasets.transforms import PackDetInputs
from mmdet.models.dense_heads import GFLHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import SingleStageDetector
from mmdet.registry import TRANSFORMS
from mmengine import Config
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import ConfigError
from common.export import ExportError
from common.export_input import NormalisedInput
from common.prediction_pipeline import prediction_steps
from tasks.det.detector import DetectorInfo

INSTEAD = "use the plain checkpoint with mmdet"


class DetectorExport(nn.Module):
    """A detector of one stage with preprocessing and decoding inside: RGB image in, all boxes and their scores out.

    Nothing is left out: neither boxes of low scores nor those that overlap. Boxes end at the image's edge. Padding that
    the network's preprocessor adds is added here too.

    Args:
        model: of mmdet, such as RetinaNet, SSD, FCOS, ATSS or GFL: any whose head predicts as mmdet's `BaseDenseHead`
            or `GFLHead` do.
        size: height and width of the images.

    Attributes:
        levels: numbers of boxes of the head's maps.
        padding: RGB colour that the network sees as padding.

    Raises:
        ExportError: for another network.
    """

    def __init__(self, model: nn.Module, size: Sequence[int]):
        super().__init__()
        check_exportable(model)
        preprocessor = model.data_preprocessor
        self.model, self.head = model, model.bbox_head
        self.normalised = NormalisedInput(preprocessor)
        self.divisor, self.pad_value = preprocessor.pad_size_divisor, float(preprocessor.pad_value)
        self.padding = self.normalised.colour_of(self.pad_value)
        height, width = size
        with torch.no_grad():
            maps = model(self._padded(torch.zeros(1, 3, height, width)), mode="tensor")[0]
        priors = self.head.prior_generator.grid_priors([level.shape[2:] for level in maps], device="cpu")
        self.levels = tuple(map(len, priors))
        self.register_buffer("priors", torch.cat(priors))
        self.register_buffer("edge", torch.tensor([width, height] * 2, dtype=torch.float32))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Find boxes.

        Args:
            image: RGB ``[B, 3, H, W]``, float, 0 to 255.

        Returns:
            Boxes ``[B, n, 4]``, x1 y1 x2 y2 in pixels of the image, and scores ``[B, n, C]``: probabilities of the
            classes, times that of the box (centerness) where the head has one.
        """
        scores, boxes, *factors = self.model(self._padded(self.normalised(image)), mode="tensor")
        scores = torch.cat([_rows(level, self.head.cls_out_channels) for level in scores], 1)
        scores = scores.sigmoid() if self.head.use_sigmoid_cls else scores.softmax(-1)[..., :-1]
        for factor in factors:
            scores = scores * torch.cat([_rows(level, 1) for level in factor], 1).sigmoid()
        boxes = self._decoded(boxes, image.shape[0])
        return torch.minimum(boxes.clamp(min=0), self.edge), scores

    def _padded(self, image: Tensor) -> Tensor:
        below, right = (-side % self.divisor for side in image.shape[2:])
        return F.pad(image, (0, right, 0, below), value=self.pad_value)

    def _decoded(self, maps: Sequence[Tensor], batch: int) -> Tensor:
        """Boxes ``[B, n, 4]`` from the regression maps of all levels."""
        priors = self.priors
        if isinstance(self.head, GFLHead):
            priors = self.head.anchor_center(priors)
            values = torch.cat([self._distances(level, place) for place, level in enumerate(maps)], 1)
        else:
            values = torch.cat([_rows(level, self.head.bbox_coder.encode_size) for level in maps], 1)
        priors = priors.expand(batch, -1, -1)
        return self.head.bbox_coder.decode(priors.flatten(0, 1), values.flatten(0, 1)).unflatten(0, priors.shape[:2])

    def _distances(self, level: Tensor, place: int) -> Tensor:
        """Expected distances ``[B, n, 4]`` to a box's sides, of which GFL's head gives distributions."""
        shares = _rows(level, 4 * (self.head.reg_max + 1)).unflatten(-1, (4, -1)).softmax(-1)
        # A sum, not a matrix product, which 8-bit integers would take over.
        return (shares * self.head.integral.project).sum(-1) * self.head.prior_generator.strides[place][0]


def _rows(level: Tensor, width: int) -> Tensor:
    """A head's map ``[B, A * width, H, W]`` as rows ``[B, H * W * A, width]``, in the order of the priors."""
    return level.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, width))


def check_exportable(model: nn.Module) -> None:
    """See that a detector predicts in the way that `DetectorExport` knows.

    Raises:
        ExportError: naming the part that does not.
    """
    kinds = "a detector of one stage such as RetinaNet, SSD, FCOS, ATSS or GFL for ONNX"
    if not isinstance(model, SingleStageDetector) or type(model).predict is not SingleStageDetector.predict:
        raise ExportError(f"expected {kinds} but found {type(model).__name__}; {INSTEAD}")
    head = model.bbox_head
    own = not isinstance(head, BaseDenseHead) or getattr(head.loss_cls, "custom_cls_channels", False)
    for name in ("predict_by_feat", "_predict_by_feat_single", "_bbox_post_process"):
        known = [getattr(kind, name) for kind in (BaseDenseHead, GFLHead)]
        own = own or getattr(type(head), name) not in known
    if own:
        raise ExportError(f"expected {kinds} but found {type(head).__name__}, which predicts in its own way; {INSTEAD}")
    suppression = head.test_cfg.get("nms", {})
    if suppression.get("type", "nms") != "nms" or suppression.get("class_agnostic", False):
        raise ExportError(
            f"expected test_cfg.nms of type 'nms', by class, for ONNX but found {dict(suppression)}; {INSTEAD}, or "
            "change it"
        )


def detector_info(model: nn.Module, cfg: Config, network: DetectorExport, size: Sequence[int]) -> DetectorInfo:
    """What has to be known beside the network to use it.

    Args:
        model: with ``dataset_meta`` = {'classes', 'palette'}.
        cfg: its config, for how images are resized.
        network: as it is exported.
        size: height and width of its images.

    Raises:
        ExportError: if the config's test transforms do something else than resizing.
    """
    settings = model.bbox_head.test_cfg
    return DetectorInfo(
        classes=tuple(model.dataset_meta["classes"]),
        palette=tuple(tuple(map(int, colour)) for colour in model.dataset_meta["palette"]),
        size=tuple(size),
        resize=_resize(cfg)[1],
        padding=network.padding,
        levels=network.levels,
        score_threshold=settings.get("score_thr", 0.0),
        candidates=_limit(settings.get("nms_pre", -1), sum(network.levels) * len(model.dataset_meta["classes"])),
        least_side=max(0.0, settings.get("min_bbox_size", 0.0)),
        nms_iou=settings["nms"]["iou_threshold"],
        max_detections=_limit(settings.get("max_per_img", -1), sum(network.levels)),
    )


def _limit(value: int, most: int) -> int:
    return value if value > 0 else most


def image_size(cfg: Config, size: Sequence[int] | None = None) -> tuple[int, int]:
    """Height and width of an ONNX file's images: those given, else those that the config's test transforms resize to.

    Where these keep an image's shape, the config's scale is taken as it stands, width first; upright images become
    smaller in a file for lying ones than in mmdet, which turns the scale with the image.

    Raises:
        ConfigError: if there are none.
        ExportError: if the test transforms do something else than resizing.
    """
    size = size or _resize(cfg)[0]
    if size is None:
        raise ConfigError(
            f"expected an image size for the ONNX file but found no Resize(scale=...) in the test pipeline of "
            f"{cfg.filename}; give --size HEIGHTxWIDTH"
        )
    return size[0], size[1]


def _resize(cfg: Config) -> tuple[tuple[int, int] | None, str]:
    """Height and width of a config's test transforms, if they tell, and how they get there."""
    size, how = None, "fit"
    for step, kind in prediction_steps(cfg, TRANSFORMS):
        if issubclass(kind, Resize):
            built: Any = TRANSFORMS.build(step)
            how = "fit" if built.keep_ratio else "stretch"
            size = built.scale and tuple(built.scale)[::-1]
        elif not issubclass(kind, PackDetInputs):
            raise ExportError(
                f"expected a test pipeline that loads, resizes and packs images for ONNX but found {step['type']!r} in "
                f"{cfg.filename}; leave it out, or {INSTEAD}"
            )
    return size, how
