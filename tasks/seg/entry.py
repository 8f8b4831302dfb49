"""What the command lines ask of the segmentation task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config

from common.errors import ConfigError, DataError
from common.image_files import IMAGE_SUFFIXES, find_files
from common.stock_transforms import import_also, stock_transforms
from common.video import VIDEO_SUFFIXES
from tasks.seg.data_check import check_data
from tasks.seg.evaluation import evaluate
from tasks.seg.export import export_segmentor as export
from tasks.seg.flow_fill import fill_flow
from tasks.seg.inference import load_networks, predict_images
from tasks.seg.methods import METHODS, distilled_config, last_head
from tasks.seg.metrics import mean_dice
from tasks.seg.models import build_dataset, load_segmentor
from tasks.seg.video import Clip, Settings, find_clips, predict_video

__all__ = ["METHODS", "check_data", "distilled_config", "export", "fill_flow", "predict", "prepare", "score"]

DEFAULT_METHOD = "bpkd"
# What `export` writes beside the files that it is asked for.
EXPORTED_BESIDE = {"out": (".py",)}
CHECKED = {"LoadImageFromFile": "CheckedImage", "LoadAnnotations": "CheckedAnnotations"}


def prepare(cfg: Config) -> None:
    """Make a training config's data loaders name the file that is unreadable or does not fit, in place.

    In every pipeline of the data loaders, nested ones included, mmcv's and mmseg's ``LoadImageFromFile`` and
    ``LoadAnnotations`` become `common.checked_image.CheckedImage` and `tasks.seg.datasets.CheckedAnnotations` with the
    same arguments. Labels are held against the classes of the network's (a distillation's student's) last decode head,
    after ``reduce_zero_label`` and mmseg's label mapping, which is how the loss sees them.
    """
    limits = _label_limits(cfg.get("model") or {})
    stock = list(stock_transforms(cfg, CHECKED, "mmseg"))
    for transform, name in stock:
        transform["type"] = CHECKED[name]
        if name == "LoadAnnotations":
            transform.update(limits)
    if stock:
        import_also(cfg, "tasks.seg")


def _label_limits(model: Mapping) -> dict[str, int]:
    """What a network's head says about label values, as arguments of `CheckedAnnotations`."""
    model = model.get("student", model)
    if not model.get("decode_head"):
        return {}
    head = last_head(model)
    limits = {key: head[key] for key in ("num_classes", "ignore_index") if head.get(key) is not None}
    if limits.get("num_classes") == 1:
        limits["num_classes"] = 2  # one score per pixel tells two label values apart
    return limits


def score(
    config: str | Path,
    checkpoint: str | Path,
    split: str,
    data_root: str | None,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> dict[str, float]:
    """Scores of a checkpoint on a split, in percent, and ``parameters``.

    Keys: ``mIoU``, ``mDice``, ``mAcc``, ``aAcc``, ``boundary_IoU``, ``boundary_F`` (mean over tolerances),
    ``boundary_F_<tolerance>``, ``trimap_IoU_<width>`` and ``IoU_<class>``.
    """
    model, cfg = load_segmentor(config, checkpoint, device, cfg_options, trust)
    found = evaluate(model, build_dataset(cfg, split, data_root), device, name=Path(checkpoint).parent.name)
    scores = {key: float(found.scores[key]) for key in ("mIoU", "mAcc", "aAcc", "boundary_IoU")}
    scores["mDice"] = mean_dice(found.scores["Dice_per_class"], found.classes)
    scores["boundary_F"] = float(np.mean(list(found.scores["boundary_F"].values())))
    scores |= {f"boundary_F_{near:g}": float(f) for near, f in found.scores["boundary_F"].items()}
    scores |= {f"trimap_IoU_{width}": float(iou) for width, iou in found.scores["trimap_IoU"].items()}
    scores |= {
        f"IoU_{name}": float(iou) for name, iou in zip(found.classes, found.scores["IoU_per_class"], strict=True)
    }
    return scores | {"parameters": found.parameters}


def predict(
    networks: dict[str, tuple[str, str]],
    inputs: list[str],
    out: str | Path,
    device: str,
    opacity: float = 0.5,
    labels: bool = False,
    trust: bool = False,
    beside: Sequence[Sequence[str]] = (),
    name: str | None = None,
    clip: float | None = None,
    frames: int | None = None,
    no_consistency: bool = False,
) -> tuple[str, list[str]]:
    """Write coloured overlays of images and videos, the networks side by side, and how steady labels of videos are.

    See `tasks.seg.inference.predict_images` and `tasks.seg.video.predict_video` for the files.

    Args:
        networks: name -> (config, checkpoint).
        inputs: image files, videos, or folders of them.
        out: folder for the results.
        device: ``'cpu'`` or ``'cuda'``.
        opacity: of the colours.
        labels: also write label maps.
        trust: unpickle any object in the checkpoints.
        beside: (name, config, checkpoint) of each further network; they stand before the last one.
        name: of the last network, in place of its own.
        clip: images in folders are frames of clips of so many frames per second.
        frames: most of them of a video or clip.
        no_consistency: leave out how steady labels are, and the optical flow that it takes.

    Returns:
        Lines about what was done, how fast and how steady, and why files were skipped, one line each.

    Raises:
        ConfigError: for an ONNX file, options that do not fit, or networks of different classes or the same name.
        CheckpointError: as `tasks.seg.models.load_segmentor`.
    """
    named = _named_networks(networks, beside, name)
    settings = Settings(opacity, labels, frames, not no_consistency)
    images, videos = _images_and_videos(inputs, Path(out), clip)
    loaded = load_networks(named, device, trust)
    lines, skipped = [], []
    if images:
        run = predict_images(loaded, images, out, opacity, labels)
        skipped += run.skipped.values()
        if run.images:
            lines.append(
                f"{run.images} images at {run.images / run.seconds:.1f} images/s "
                f"({1e3 * run.network_seconds / run.images:.0f} ms per image in the networks)"
            )
    for source, result in videos:
        try:
            lines.append(predict_video(loaded, source, out, result, settings))
        except DataError as error:
            skipped.append(str(error))
    return "\n".join([*lines, f"results in {out}"]) if lines else "nothing could be read", skipped


def _images_and_videos(
    inputs: Sequence[str], out: Path, rate: float | None
) -> tuple[list[tuple[Path, Path]], list[tuple[Path | Clip, Path]]]:
    """Images, and videos and clips, each with the name that its results get."""
    clips, others = [], list(inputs)
    if rate is not None:
        others = [entry for entry in inputs if Path(entry).suffix.lower() in VIDEO_SUFFIXES]
        clips = find_clips([entry for entry in inputs if entry not in others], rate, out)
    found = find_files(others, out, (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES), "images or videos")
    videos = [pair for pair in found if pair[0].suffix.lower() in VIDEO_SUFFIXES]
    return [pair for pair in found if pair not in videos], [*clips, *videos]


def _named_networks(
    networks: Mapping[str, Sequence[str]], beside: Sequence[Sequence[str]], name: str | None
) -> dict[str, Sequence[str]]:
    """All networks by the names that pictures show, the last one last."""
    for files in networks.values():
        if len(files) != 2:
            raise ConfigError(
                f"expected CONFIG CHECKPOINT for segmentation but found {', '.join(files)}; ONNX files of it are for "
                "onnxruntime (RGB images of their own size in, logits or labels out)"
            )
    *first, (last, files) = networks.items()
    pairs = [*first, *((own, tuple(paths)) for own, *paths in beside), (name or last, files)]
    if len(dict(pairs)) < len(pairs):
        told = ", ".join(each for each, _ in pairs)
        raise ConfigError(f"expected networks of different names (--beside, --name) but found {told}")
    return dict(pairs)
