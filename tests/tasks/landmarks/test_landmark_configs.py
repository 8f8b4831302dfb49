"""Every config of the landmarks task: what it names is there and fits together."""

import pytest
import torch
from conftest import ROOT
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS
from toys import set_iteration

import tasks.landmarks  # noqa: F401
from common.config import check_keys, read_config
from common.landmark_files import load_scheme
from common.sample_batch import SampleBatch

FOLDER = ROOT / "configs" / "landmarks"
ALL = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
DISTILLING = [name for name, path in ALL.items() if read_config(path).model.type == "Distiller"]
# Set -> class of data set, scheme, size of the crop.
SETS = {
    "w300": ("W300", "68", 224),
    "cofw": ("COFW", "29", 224),
    "wflw": ("WFLW", "98", 224),
    "faces68": ("PTSFaces", "68", 224),
    "faces68_small": ("PTSFaces", "68", 64),
    "synthetic": ("PTSFaces", "68", 64),
    "own": ("PTSFaces", None, 112),
    "w300_paper": ("W300", "68", 224),
    "cofw_paper": ("COFW", "29", 224),
}
ARMS = ("student", "tough", "tolerant", "kd_tough", "kd_tolerant", "kd", "kd_warm", "output_kd")
FEW_ARMS = ("student", "tough", "tolerant", "kd")
LARGE_ARMS = (*ARMS, "feature_kd", "heatmap_student", "heatmap_teacher", "mobilefan")
ARMS_OF = {
    **dict.fromkeys(("w300", "cofw", "wflw", "faces68"), LARGE_ARMS),
    **dict.fromkeys(("faces68_small", "synthetic"), ARMS),
    **dict.fromkeys(("own", "w300_paper", "cofw_paper"), FEW_ARMS),
}
# How the authors of KD-Loss cut faces out.
PAPER_CROPS = {"w300_paper": {"stretch": 10}, "cofw_paper": {"box": "union", "stretch": 0}}


def set_of(name):
    """The set at the end of a config's name."""
    return max((part for part in SETS if name.endswith(f"_{part}")), key=len)


def test_every_arm_has_a_config_for_every_set():
    assert {f"{arm}_{part}" for part in SETS for arm in ARMS_OF[part]} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_data_and_network_are_those_of_the_set(name):
    cfg = read_config(ALL[name])
    check_keys(cfg, strict=True)
    kind, scheme, size = SETS[set_of(name)]
    model = cfg.model.get("student", cfg.model)
    assert cfg.task == "landmarks"
    assert model.network.num_points == (5 if scheme is None else load_scheme(scheme).num_points)
    for part in ("train", "val", "test"):
        dataset = cfg[f"{part}_dataloader"].dataset
        assert (dataset.type, dataset.part, dataset.size) == (kind, part, size)
        assert DATASETS.get(dataset.type) is not None
        assert ("augment" in dataset) == (part == "train")
    assert cfg.train_cfg.max_iters % cfg.train_cfg.val_interval == 0


@pytest.mark.parametrize("name", [name for name in ALL if name.endswith("_paper")])
def test_a_config_of_the_papers_crops_differs_from_its_sets_own_in_them_and_its_teachers_alone(name):
    paper, plain = (read_config(ALL[each]).to_dict() for each in (name, name.removesuffix("_paper")))
    for part in ("train", "val", "test"):
        own = plain[f"{part}_dataloader"]["dataset"]
        assert paper[f"{part}_dataloader"].pop("dataset") == {**own, **PAPER_CROPS[set_of(name)]}
        del plain[f"{part}_dataloader"]["dataset"]
    for model in (paper["model"], plain["model"]):
        model.pop("teachers", None)
    del paper["_authors"]
    assert paper == plain


@pytest.mark.parametrize("name", DISTILLING)
def test_teachers_are_of_the_same_set_at_their_last_checkpoint(name):
    for role, teacher in read_config(ALL[name]).model.teachers.items():
        (taught_by,) = (other for other, path in ALL.items() if str(path) == teacher.config)
        assert set_of(taught_by) == set_of(name)
        assert taught_by.startswith("heatmap_teacher" if role == "teacher" else role)
        last = read_config(teacher.config).train_cfg.max_iters
        assert teacher.checkpoint == f"work_dirs/{taught_by}/iter_{last}.pth"


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("kd_warm_")])
def test_warm_start_is_the_last_checkpoint_of_the_student_alone(name):
    student = name.replace("kd_warm_", "student_")
    cfg = read_config(ALL[name])
    assert cfg.model.start == f"work_dirs/{student}/iter_{read_config(ALL[student]).train_cfg.max_iters}.pth"
    assert cfg.model.student.network == read_config(ALL[student]).model.network


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("tolerant_")])
def test_tolerant_teacher_differs_from_the_tough_one_in_its_labels_alone(name):
    tolerant, tough = read_config(ALL[name]), read_config(ALL[name.replace("tolerant_", "tough_")])
    assert tolerant.model.network == tough.model.network
    assert tolerant.model.target == "gt_soft"
    assert tolerant.train_dataloader.dataset.soft == {"variance": 0.95}


def small(network):
    """The same network, narrow."""
    if network.type == "HeatmapNetwork":
        return {**network, "backbone": "mobilenetv2_035", "channels": 8}
    return {**network, "backbone": "mobilenet_v2", "weights": None, "dropout": 0.0, "options": {"width_mult": 0.1}}


def faces(points, count=4, size=64):
    generator = torch.Generator().manual_seed(1)
    labels = 0.2 * torch.randn(count, 2 * points, generator=generator)
    samples = SampleBatch(gt_points=labels, gt_soft=0.9 * labels, gt_index=torch.arange(count))
    images = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    return {"inputs": images, "data_samples": samples}


@pytest.mark.parametrize("name", [name for name in DISTILLING if set_of(name) in ("w300", "faces68_small")])
def test_method_moves_the_student(name):
    cfg = read_config(ALL[name])
    cfg.model.student.network = small(cfg.model.student.network)
    cfg.model.pop("start", None)
    for teacher in cfg.model.teachers.values():
        model = read_config(teacher.pop("config")).model
        model.network = small(model.network)
        teacher.update(model=model, checkpoint=None, cache=None)
    torch.manual_seed(0)
    set_iteration(0)
    model = MODELS.build(cfg.model)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = [parameter.detach().clone() for parameter in model.student.parameters()]
    logged = model.train_step(faces(cfg.model.student.network["num_points"]), optimizer)
    assert {f"loss_{term}" for term in cfg.model.losses} <= logged.keys()
    assert all(torch.isfinite(value).all() for value in logged.values())
    moved = [not torch.equal(old, new) for old, new in zip(before, model.student.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)
