"""Networks of mmseg's configs at a fraction of their width, and data sets of a few pictures in their layouts."""

import copy
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS
from toys import set_iteration

SIZE = 64  # side of the crops
PICTURE = (96, 72)  # width, height
HRNET_WIDTHS = (4, 8, 16, 32)


def small(part, channels=16):
    """The same network with a narrow backbone of few layers, narrow heads and no batch norm across processes.

    Args:
        part: model config of an ``EncoderDecoder``.
        channels: of the heads; those of the auxiliary head are the same.
    """
    part = ConfigDict(part)
    part.update(pretrained=None, data_preprocessor={**part.data_preprocessor, "size": (SIZE, SIZE)})
    outs = narrow_backbone(part.backbone)
    for head in (part.decode_head, part.get("auxiliary_head")):
        if head is not None:
            head.channels = channels
            several = isinstance(head.in_index, (list, tuple))
            head.in_channels = [outs[index] for index in head.in_index] if several else outs[head.in_index]
            head.update({"c1_in_channels": outs[0]} if "c1_in_channels" in head else {})
            head.update({"isa_channels": channels} if "isa_channels" in head else {})
    without_sync(part)
    return part


def narrow_backbone(backbone):
    """Make a backbone narrow, in place; the channels of its maps."""
    backbone.update(init_cfg=None)
    if backbone.type == "MobileNetV2":
        backbone.widen_factor = 0.25
        return [8, 8, 24, 80]
    if backbone.type == "EfficientNetLite0":
        return [16, 24, 40, 112, 320][-len(backbone.out_indices) :]
    if backbone.type == "MixVisionTransformer":
        backbone.update(embed_dims=4, num_layers=[1, 1, 1, 1])
        return [4 * heads for heads in backbone.num_heads]
    if backbone.type == "HRNet":
        for number, stage in enumerate(backbone.extra.values(), start=1):
            branches = stage.num_branches
            widths = HRNET_WIDTHS[:branches] if number > 1 else (4,)
            stage.update(num_modules=1, num_blocks=(1,) * branches, num_channels=widths)
        return list(HRNET_WIDTHS)
    backbone.update(depth=18, base_channels=8, stem_channels=8)
    return [8, 16, 32, 64]


def without_sync(part):
    """Make synchronised batch norms plain ones, in place, as the runner does for one process."""
    if part.get("type") == "SyncBN":
        part["type"] = "BN"
    for value in part.values():
        if isinstance(value, dict):
            without_sync(value)


def small_batch(dataset, root, side=SIZE):
    """Two samples of a training data set's config, read from ``root``, with crops of ``side`` pixels."""
    dataset = copy.deepcopy(dataset)
    dataset.data_root = str(root)
    for transform in dataset.pipeline:
        if transform.type == "RandomResize":
            transform.scale = tuple(length * side // SIZE for length in PICTURE)
        if transform.type == "RandomCrop":
            transform.crop_size = (side, side)
    with DefaultScope.overwrite_default_scope("mmseg"):
        built = DATASETS.build(dataset)
    return pseudo_collate([built[0], built[1]])


def small_distiller(cfg, teacher):
    """The `Distiller` of a config with narrow networks, critics and memories.

    Args:
        cfg: config of a distillation with one teacher.
        teacher: the teacher's config.
    """
    model = copy.deepcopy(cfg.model)
    model.student = small(model.student)
    model.teachers.teacher.pop("config")
    model.teachers.teacher.update(model=small(copy.deepcopy(teacher.model), channels=24), checkpoint=None)
    for loss in model.losses.values():
        if loss.type == "LogitGANLoss":
            loss.update(widths=(4,), attention=(1,))
        if loss.type == "CIRKDMemory":
            loss.update(pixel_memory=8, region_memory=4, pixel_samples=300, region_samples=200)
    model.example.update(size=(SIZE, SIZE))
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmseg"):
        return MODELS.build(model)


def check_steps(built, cfg, batch, steps=2):
    """Train a distiller on a batch, see that losses are finite and the student learns, and nothing of its teacher.

    Returns:
        Whether each parameter of its critics moved.
    """
    optimizers = build_optim_wrapper(built, cfg.optim_wrapper)
    teacher = built.teachers["teacher"]
    fingerprint = teacher.fingerprint()
    before = {name: value.detach().clone() for name, value in built.named_parameters()}
    for step in range(steps):
        set_iteration(step)
        logged = built.train_step(copy.deepcopy(batch), optimizers)
        assert all(torch.isfinite(value).all() for value in logged.values()), logged
        assert all(any(key.startswith(f"loss_{term}") for key in logged) for term in cfg.model.losses), logged
    assert teacher.fingerprint() == fingerprint
    moved = {name: not torch.equal(before[name], value) for name, value in built.named_parameters()}
    of_student = [each for name, each in moved.items() if name.startswith("student.")]
    assert sum(of_student) > 0.9 * len(of_student)
    return [each for name, each in moved.items() if ".critic." in name]


def _scene(rng, labels):
    """A noisy RGB picture of four quarters, and their label values."""
    label = np.zeros(PICTURE[::-1], np.uint8)
    for index, value in enumerate(rng.permutation(labels)[:4]):
        rows, columns = divmod(index, 2)
        label[rows * 36 : rows * 36 + 36, columns * 48 : columns * 48 + 48] = value
    picture = (label[..., None].astype(int) + rng.integers(0, 60, (*label.shape, 3))).astype(np.uint8)
    return picture, label


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def write_cityscapes(root: Path, count: int = 2) -> Path:
    """Cityscapes as `data_prep.seg.cityscapes` leaves it, with train ids."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(count):
            picture, label = _scene(rng, [*range(19), 255])
            stem = f"aachen/aachen_{number:06d}_000019"
            _write(root / "leftImg8bit" / split / f"{stem}_leftImg8bit.png", picture)
            _write(root / "gtFine" / split / f"{stem}_gtFine_labelTrainIds.png", label)
    return root


def write_ade20k(root: Path, count: int = 2) -> Path:
    """ADE20K as its archive has it: ``ADEChallengeData2016``, labels 0..150."""
    rng = np.random.default_rng(1)
    for split, name in (("training", "train"), ("validation", "val")):
        for number in range(1, count + 1):
            picture, label = _scene(rng, range(151))
            _write(root / "images" / split / f"ADE_{name}_{number:08d}.jpg", picture)
            _write(root / "annotations" / split / f"ADE_{name}_{number:08d}.png", label)
    return root


def write_pascal_context(root: Path, count: int = 2) -> Path:
    """Pascal Context as `data_prep.seg.pascal_context` leaves it in ``VOC2010``, labels 0..59."""
    rng = np.random.default_rng(2)
    for first, split in ((0, "train"), (count, "val")):
        names = [f"2008_{number:06d}" for number in range(first, first + count)]
        for name in names:
            picture, label = _scene(rng, range(60))
            _write(root / "JPEGImages" / f"{name}.jpg", picture)
            _write(root / "SegmentationClassContext" / f"{name}.png", label)
        lists = root / "ImageSets" / "SegmentationContext"
        lists.mkdir(parents=True, exist_ok=True)
        (lists / f"{split}.txt").write_text("\n".join(names) + "\n")
    return root
