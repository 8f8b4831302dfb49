"""ACAM-KD's configs of segmentation: data and networks of the protocol, and a step at a fraction of the size."""

import copy
import functools

import pytest
import torch
from conftest import ROOT
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from small_segmentors import SIZE, small
from toys import set_iteration

import tasks.seg  # noqa: F401
from common.config import check_keys, read_config

FOLDER = ROOT / "configs" / "seg"
CITYSCAPES = ("acam_deeplabv3_r18", "acam_deeplabv3_mv2", "acam_pspnet_r18")
CAMVID = ("acam_deeplab_camvid", "acam_deeplab_camvid_small", "acam_deeplab_mini")


@functools.cache
def config(name):
    return read_config(FOLDER / f"{name}.py")


@pytest.mark.parametrize("name", [*CITYSCAPES, "teacher_deeplabv3_r101"])
def test_cityscapes_protocol_is_the_papers(name):
    cfg = config(name)
    check_keys(cfg, strict=True)
    optimizer = cfg.optim_wrapper.optimizer
    decay = 2e-4 if "mv2" in name else 5e-4
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("SGD", 0.02, 0.9, decay)
    assert (cfg.train_cfg.max_iters, cfg.train_dataloader.batch_size) == (40000, 16)
    assert cfg.param_scheduler[0].power == 0.9
    crop = next(each for each in cfg.train_dataloader.dataset.pipeline if each.type == "RandomCrop")
    assert tuple(crop.crop_size) == (512, 1024)


@pytest.mark.parametrize("name", [*CITYSCAPES, *CAMVID])
def test_there_is_a_mask_for_each_class(name):
    model = config(name).model
    assert model.losses.acam.num_masks == model.student.decode_head.num_classes == (19 if name in CITYSCAPES else 11)


@pytest.mark.parametrize("name", CAMVID)
def test_arms_differ_from_bpkds_in_their_losses_alone(name):
    acam, bpkd = (copy.deepcopy(config(each)._cfg_dict) for each in (name, name.replace("acam", "bpkd")))
    acam.model.pop("losses"), bpkd.model.pop("losses")
    assert acam == bpkd


def labelled_images(classes):
    generator = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(2):
        labels = torch.randint(classes, (1, SIZE, SIZE), generator=generator)
        shape = {"img_shape": (SIZE, SIZE), "ori_shape": (SIZE, SIZE)}
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels), metainfo=shape))
    images = torch.randint(256, (2, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return {"inputs": list(images), "data_samples": samples}


@pytest.mark.parametrize("name", [*CITYSCAPES, *CAMVID])
def test_a_step_moves_the_student_and_nothing_of_the_teacher(name):
    cfg = copy.deepcopy(config(name))
    model = cfg.model
    model.student = small(model.student)
    teacher = model.teachers.teacher
    teacher.update(model=small(read_config(teacher.pop("config")).model), checkpoint=None)
    model.example.size = (SIZE, SIZE)
    torch.manual_seed(0)
    set_iteration(0)
    with DefaultScope.overwrite_default_scope("mmseg"):
        built = MODELS.build(model)
        fingerprint = built.teachers["teacher"].fingerprint()
        before = [parameter.detach().clone() for parameter in built.student.parameters()]
        classes = model.student.decode_head.num_classes
        logged = built.train_step(labelled_images(classes), build_optim_wrapper(built, cfg.optim_wrapper))
    assert {"loss_acam_spatial", "loss_acam_channel", "loss_acam_diversity"} <= logged.keys()
    assert all(torch.isfinite(value).all() for value in logged.values())
    moved = [not torch.equal(old, new) for old, new in zip(before, built.student.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)
    assert built.teachers["teacher"].fingerprint() == fingerprint
