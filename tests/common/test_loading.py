"""Networks and data sets as every command line gets them."""

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import pytest
import torch
from box_sets import write_coco_set
from mmdet.models import RetinaNet
from mmengine.config import Config
from mmengine.registry import init_default_scope
from small_detectors import META, write_network

from common.errors import CheckpointError, ConfigError, DataError
from common.loading import build_dataset, class_names, load_network
from common.palettes import distinct_colours

DISTILLED = """
model = dict(type='Distiller', student=network, teachers=dict(), losses=dict())
"""


@pytest.fixture
def network(tmp_path):
    return write_network(tmp_path)


def test_a_network_has_the_weights_of_its_checkpoint_and_is_in_eval_mode(network):
    model, cfg, meta = load_network(*network, "cpu")
    assert isinstance(model, RetinaNet)
    assert not model.training
    stored = torch.load(network[1], weights_only=True)["state_dict"]
    assert all(torch.equal(value, stored[key]) for key, value in model.state_dict().items())
    assert cfg.filename == network[0]
    assert meta["dataset_meta"] == META


def test_of_a_distillation_the_student_is_taken(tmp_path):
    model, _, _ = load_network(*write_network(tmp_path, more=DISTILLED), "cpu")
    assert isinstance(model, RetinaNet)


def test_options_override_the_config(network):
    model, cfg, _ = load_network(*network, "cpu", {"model.test_cfg.score_thr": 0.7})
    assert model.test_cfg.score_thr == cfg.model.test_cfg.score_thr == 0.7


def test_bare_weights_tell_nothing_beside_themselves(network):
    torch.save(torch.load(network[1], weights_only=True)["state_dict"], network[1])
    assert load_network(*network, "cpu")[2] == {}


def test_a_config_without_a_scope_gets_the_one_that_is_given(tmp_path):
    config, checkpoint = write_network(tmp_path, more="del default_scope\n")
    with pytest.raises(ConfigError, match="RetinaNet is not in the mmengine"):
        load_network(config, checkpoint, "cpu")
    assert isinstance(load_network(config, checkpoint, "cpu", scope="mmdet")[0], RetinaNet)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({0: "nowhere.py"}, ConfigError, r"expected a config file at nowhere\.py but found none"),
        ({1: "nowhere.pth"}, CheckpointError, r"nowhere\.pth"),
        ({2: "cpuu"}, ConfigError, "expected a device such as cpu or cuda but found 'cpuu'"),
        ({3: {"model.bbox_head.num_classes": 2}}, CheckpointError, r"net\.pth \(for .*net\.py\)"),
        ({3: {"model.neck.type": "FPM"}}, ConfigError, r"can be built but .*net\.py fails with: .*FPM"),
    ],
)
def test_what_does_not_fit_is_named(network, change, error, message):
    arguments = [*network, "cpu", None]
    for place, value in change.items():
        arguments[place] = value
    with pytest.raises(error, match=message):
        load_network(*arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_before_weights_are_read(network):
    with pytest.raises(ConfigError, match="expected a GPU for device 'cuda' but found none; use --device cpu"):
        load_network(network[0], "nowhere.pth", "cuda")


LOADER = """
default_scope = "mmdet"
{part}_dataloader = dict(dataset=dict(type={kind!r}, data_root={root!r}, ann_file="labels.json", test_mode=True))
"""


@pytest.fixture
def data_config(tmp_path):
    """Writes a config whose data lie in a folder."""

    def write(root, part="test", kind="CocoBoxes"):
        (tmp_path / "data.py").write_text(LOADER.format(part=part, kind=kind, root=str(root)))
        return Config.fromfile(tmp_path / "data.py")

    return write


@pytest.mark.parametrize("part", ["val", "test"])
def test_the_data_of_a_part_are_built(tmp_path, data_config, part):
    write_coco_set(tmp_path)
    assert len(build_dataset(data_config(tmp_path, part), part)) == 3


def test_data_are_looked_for_in_the_folder_that_is_given(tmp_path, data_config):
    write_coco_set(tmp_path / "mine")
    cfg = data_config(tmp_path / "nowhere")
    assert len(build_dataset(cfg, "test", str(tmp_path / "mine"))) == 3


def test_a_part_that_a_config_lacks_is_named(tmp_path, data_config):
    with pytest.raises(ConfigError, match=r"expected val_dataloader\.dataset but found none in .*data\.py; add it"):
        build_dataset(data_config(tmp_path), "val")


def test_data_that_are_not_there_are_named(tmp_path, data_config):
    cfg = data_config(tmp_path, kind="CocoDataset")
    with pytest.raises(DataError, match=r"the data of .*data\.py but found .*labels\.json.*; set its data_root"):
        build_dataset(cfg, "test")


BLUE_AND_RED = [[0, 0, 255], [255, 0, 0]]


def named(classes, palette=None, part="test", kind=None):
    """A config whose data set has names of classes."""
    metainfo = {"classes": classes} | ({"palette": palette} if palette else {})
    dataset = {"metainfo": metainfo} | ({"type": kind} if kind else {})
    return Config({f"{part}_dataloader": {"dataset": dataset}})


def test_classes_are_first_those_of_the_checkpoint():
    meta = {"dataset_meta": {"classes": ["a", "b"], "palette": [(0, 0, 255), (255, 0, 0)]}}
    assert class_names(meta, named(("c", "d")), 2) == {"classes": ("a", "b"), "palette": BLUE_AND_RED}


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_classes_are_then_those_of_the_configs_data(part):
    found = class_names({}, named(("c", "d"), BLUE_AND_RED, part), 2)
    assert found == {"classes": ("c", "d"), "palette": BLUE_AND_RED}


def test_classes_may_be_those_that_a_data_set_always_has():
    init_default_scope("mmdet")
    found = class_names({}, Config({"val_dataloader": {"dataset": {"type": "VOCDataset"}}}), 20)
    assert found["classes"][:2] == ("aeroplane", "bicycle")
    assert len(found["palette"]) == 20


def test_names_of_another_number_are_passed_over():
    meta = {"dataset_meta": {"classes": ["a", "b", "c"]}}
    assert class_names(meta, named(("c", "d")), 2)["classes"] == ("c", "d")


def test_without_names_there_are_numbers():
    assert class_names({}, Config({}), 3) == {"classes": ("0", "1", "2"), "palette": distinct_colours(3)}


def test_names_without_colours_get_some():
    found = class_names({"dataset_meta": {"classes": ["a", "b"]}}, Config({}), 2)
    assert found["palette"] == [list(colour) for colour in distinct_colours(2)]
