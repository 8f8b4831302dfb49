"""Every config of modulation recognition: what it names is there and fits together."""

import shutil

import pytest
import torch
from conftest import ROOT
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS
from toys import set_iteration

import tasks.amr.entry  # noqa: F401
from common import modulations
from common.config import check_keys, read_config
from common.sample_batch import SampleBatch

FOLDER = ROOT / "configs" / "amr"
ALL = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
DISTILLING = [name for name, path in ALL.items() if read_config(path).model.type == "Distiller"]
ALONE = [name for name in ALL if name not in DISTILLING]
# Set -> classes, samples in a frame, training frames: 60 % of each modulation at each SNR.
SETS = {
    "generated": (11, 128, 11 * 20 * 600),
    "generated_small": (11, 128, 11 * 20 * 180),
    "wide": (14, 256, 14 * 14 * 180),
    "gnuradio": (11, 128, 11 * 20 * 180),
    "from_gnuradio": (11, 128, 11 * 20 * 60),
    "rml2016a": (11, 128, 11 * 20 * 600),
    "rml2016b": (10, 128, 10 * 20 * 3600),
    "rml22": (10, 128, 10 * 21 * 1200),
    "rml2018a": (24, 1024, 24 * 26 * 2458),
    "own": (5, 128, None),
}
NETWORKS = ("clst_xs", "clst_s", "clst_b", "mcldnn", "resnet", "inception_resnet")
NETWORKS += ("kdcnn", "kdmobilenet", "cnn3", "mini_inception_resnet", "petcgdnn", "vtcnn2", "rml22cnn")


def set_of(name):
    """The set at the end of a config's name."""
    return max((part for part in SETS if name.endswith(f"_{part}")), key=len, default="no set")


def test_every_network_has_a_config_for_every_set():
    for part in ("generated", "rml2016a", "rml2016b", "rml2018a"):
        methods = [f"{name}_kdcnn" for name in ("skd", "skd_feature", "skd_attention", "skd_snr", "dkd", "dist")]
        assert {f"{name}_{part}" for name in (*NETWORKS, *methods, "skd_kdmobilenet")} <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_data_and_schedule_are_those_of_the_set(name):
    cfg = read_config(ALL[name])
    check_keys(cfg, strict=True)
    classes, length, frames = SETS[set_of(name)]
    assert cfg.task == "amr"
    network = cfg.model.get("student", cfg.model).network
    assert (network.num_classes, network.length) == (classes, length)
    kind = DATASETS.get(cfg.train_dataloader.dataset.type)
    known = cfg.train_dataloader.dataset.get("mods") or getattr(kind, "expected_classes", None)
    assert known is None or len(known) == classes
    parts = [cfg[f"{part}_dataloader"].dataset.part for part in ("train", "val", "test")]
    assert parts == {"gnuradio": ["train", "val", "all"], "from_gnuradio": ["all", "val", "test"]}.get(
        set_of(name), ["train", "val", "test"]
    )
    for part in ("train", "val", "test"):
        dataset = cfg[f"{part}_dataloader"].dataset
        assert dataset.part == "all" or dataset.split == {"name": "60/20/20", "seed": 2016}
    warm_up, cosine = cfg.param_scheduler
    assert "T_max" not in cosine  # to the end, whatever max_iters is
    # These count iterations, and are changed at will.
    if set_of(name) not in ("generated_small", "wide", "gnuradio", "from_gnuradio", "own"):
        epochs = cfg.train_cfg.max_iters * cfg.train_dataloader.batch_size / frames
        assert epochs == pytest.approx(round(epochs), abs=0.01)
        assert warm_up.end == cfg.train_cfg.max_iters // 20
    assert cfg.train_cfg.max_iters % cfg.train_cfg.val_interval == 0
    assert cfg.optim_wrapper.optimizer.type == ("AdamW" if name.startswith("clst") else "Adam")


@pytest.mark.parametrize("name", ["generated", "wide"])
def test_classes_are_those_of_radioml_and_more(name):
    found = read_config(ALL[f"kdcnn_{name}"]).train_dataloader.dataset.mods
    assert tuple(found[:11]) == modulations.RML2016A
    assert len(set(found)) == len(found)


def test_frames_of_ones_own_take_three_lines(tmp_path):
    folder = tmp_path / "configs"
    shutil.copytree(ROOT / "configs", folder)
    base = folder / "_base_" / "amr" / "own.py"
    text = base.read_text()
    for line, mine in (
        ('_file = "data/own/frames.h5"', '_file = "mine.h5"'),
        ("_num_classes = 5", "_num_classes = 3"),
        ("_length = 128", "_length = 64"),
    ):
        assert text.count(f"\n{line}") == 1
        text = text.replace(line, mine)
    base.write_text(text)
    for name in ("kdcnn_own", "kdcnn_x3_own", "skd_kdcnn_own"):
        cfg = read_config(folder / "amr" / f"{name}.py")
        assert {cfg[f"{part}_dataloader"].dataset.data_root for part in ("train", "val", "test")} == {"mine.h5"}
        network = cfg.model.get("student", cfg.model).network
        assert (network.num_classes, network.length) == (3, 64)
    taught_by = read_config(cfg.model.teachers.teacher.config).model.network
    assert (taught_by.num_classes, taught_by.length) == (3, 64)


@pytest.mark.parametrize("name", ALONE)
def test_network_is_built_for_the_set(name):
    with torch.device("meta"):
        network = MODELS.build(read_config(ALL[name]).model).network
    assert (network.classifier.out_features, network.length) == SETS[set_of(name)][:2]


def distiller(name):
    cfg = read_config(ALL[name])
    cfg.model.teachers.teacher.update(checkpoint=None, cache=None)
    torch.manual_seed(0)
    set_iteration(0)
    return cfg, MODELS.build(cfg.model)


def frames(cfg, count=8):
    classes, length = (cfg.model.student.network[key] for key in ("num_classes", "length"))
    generator = torch.Generator().manual_seed(1)
    samples = SampleBatch(
        gt_label=torch.arange(count) % classes, gt_index=torch.arange(count), gt_snr=torch.linspace(-20, 18, count)
    )
    return {"inputs": torch.randn(count, 2, length, generator=generator), "data_samples": samples}


@pytest.mark.parametrize("name", [name for name in DISTILLING if name.endswith("_generated")])
def test_method_moves_the_student(name):
    cfg, model = distiller(name)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = [parameter.detach().clone() for parameter in model.student.parameters()]
    logged = model.train_step(frames(cfg), optimizer)
    assert {"loss_ce", *(f"loss_{term}" for term in cfg.model.losses)} <= logged.keys()
    assert all(torch.isfinite(value).all() for value in logged.values())
    moved = [not torch.equal(old, new) for old, new in zip(before, model.student.parameters(), strict=True)]
    assert all(moved)


def generated(name):
    """The same config on the generated set."""
    return f"{name.removesuffix(set_of(name))}generated"


@pytest.mark.parametrize("name", [name for name in DISTILLING if generated(name) in set(DISTILLING) - {name}])
def test_method_is_the_same_on_every_set(name):
    cfg, ours = read_config(ALL[name]), read_config(ALL[generated(name)])
    if set_of(name) == "rml2018a" and "skd_snr" in name:  # its labels are another scale
        assert (cfg.model.losses.kd.pop("low"), cfg.model.losses.kd.pop("full")) == (-10, 10)
        assert (ours.model.losses.kd.pop("low"), ours.model.losses.kd.pop("full")) == (-14, 0)
    assert cfg.model.losses == ours.model.losses
    assert cfg.model.student.loss_weight == ours.model.student.loss_weight
    augments = (cfg.model.student.get("data_preprocessor") or {}).get("augment")
    stored = None if augments else ours.model.teachers.teacher.cache  # scores of turned frames cannot be
    assert cfg.model.teachers.teacher.get("cache") == stored
    if set_of(name) == "rml2018a":  # frames of another length
        _, model = distiller(name)
        assert len(model.terms) == len(cfg.model.losses)


@pytest.mark.parametrize("name", DISTILLING)
def test_teacher_is_one_of_the_same_set_at_its_last_checkpoint(name):
    teacher = read_config(ALL[name]).model.teachers.teacher
    (taught_by,) = (other for other, path in ALL.items() if str(path) == teacher.config)
    assert set_of(taught_by) == set_of(name)
    last = read_config(teacher.config).train_cfg.max_iters
    assert teacher.checkpoint == f"work_dirs/{taught_by}/iter_{last}.pth"


def test_skd_is_the_convex_sum_of_hard_and_soft_labels():
    r"""(1 - alpha) CE + alpha T^2 KL, with alpha 0.7 and T 4."""
    cfg, model = distiller("skd_kdcnn_generated")
    model.eval()
    data = frames(cfg)
    student = model.student(data["inputs"]).detach().double()
    teacher = model.teachers["teacher"](data["inputs"]).double()
    hard = -student.log_softmax(1)[torch.arange(8), data["data_samples"].gt_label].mean()
    p, q = (teacher / 4).softmax(1), (student / 4).softmax(1)
    soft = 16 * (p * (p / q).log()).sum(1).mean()
    total = sum(model(**data, mode="loss").values())
    assert total.item() == pytest.approx(0.3 * hard.item() + 0.7 * soft.item(), rel=1e-4)
