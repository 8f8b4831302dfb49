import runpy

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.apis import inference_model
from mmseg.registry import MODELS
from PIL import Image

from common.errors import DataError
from common.image_files import find_files, read_image
from common.palettes import CAMVID_PALETTE
from common.report import write_png
from tasks.seg.inference import predict_labels, prediction_pipeline
from tasks.seg.models import load_segmentor

predict = runpy.run_path(str(ROOT / "tools" / "predict.py"))["main"]

NETWORK = """
default_scope = {scope!r}
net = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3, bgr_to_rgb=True),
    backbone=dict(
        type='ResNetV1c', depth=18, base_channels=4, num_stages=2, out_indices=(1, ), strides=(1, 2), dilations=(1, 1),
        init_cfg=dict(type='Pretrained', checkpoint='no/such/weights.pth')),
    decode_head=dict(
        type='FCNHead', in_channels=8, in_index=0, channels=4, num_convs=1, concat_input=False,
        num_classes={classes}, norm_cfg=dict(type='BN')),
    test_cfg=dict(mode='whole'))
model = {model}
test_dataloader = dict(dataset=dict(type='CamVidDataset', data_root='no/such/data', split='test', pipeline=[
    dict(type='CheckedImage'),
    dict(type='Resize', scale=(32, 24), keep_ratio=True),
    dict(type='CheckedAnnotations'),
    dict(type='PackSegInputs')]))
"""


@pytest.fixture
def make_network(tmp_path):
    """Writes a config and a checkpoint whose network sees one class everywhere."""

    def make(label, name="net", model="net", classes=11, scope="mmseg"):
        config, checkpoint = tmp_path / f"{name}.py", tmp_path / f"{name}.pth"
        config.write_text(NETWORK.format(model=model, classes=classes, scope=scope))
        init_default_scope("mmseg")
        network = Config.fromfile(config).net
        network.backbone.pop("init_cfg")
        built = MODELS.build(ConfigDict(network))
        torch.nn.init.zeros_(built.decode_head.conv_seg.weight)
        built.decode_head.conv_seg.bias.data = torch.eye(classes)[label]
        torch.save({"state_dict": built.state_dict(), "meta": {}}, checkpoint)
        return str(config), str(checkpoint)

    return make


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    for index, name in enumerate(("a.png", "deeper/été 路.jpg")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (20 * index, 100, 200)).save(folder / name)
    return folder


def read(path):
    return np.asarray(Image.open(path))


def test_folder_becomes_overlays_and_labels_at_the_images_own_size(make_network, images, tmp_path, capsys):
    out = tmp_path / "out"
    status = predict(
        [*make_network(8), str(images), "--out", str(out), "--opacity", "1", "--labels", "--device", "cpu"]
    )
    assert status == 0
    for name in ("a.png", "deeper/été 路.png"):
        assert read(out / "labels" / name).dtype == np.uint8
        np.testing.assert_array_equal(read(out / "labels" / name), np.full((48, 64), 8))
        np.testing.assert_array_equal(read(out / "overlay" / name), np.broadcast_to(CAMVID_PALETTE[8], (48, 64, 3)))
    assert "2 images at" in capsys.readouterr().out


def test_opacity_mixes_image_and_colour_and_no_labels_are_written_unasked(make_network, images, tmp_path):
    out = tmp_path / "out"
    assert predict([*make_network(3), str(images / "a.png"), "--out", str(out), "--device", "cpu"]) == 0
    expected = (np.array([0, 100, 200]) + CAMVID_PALETTE[3]) / 2
    np.testing.assert_array_equal(read(out / "overlay" / "a.png")[5, 5], np.rint(expected))
    assert not (out / "labels").exists()


def test_distillation_config_predicts_with_its_student(make_network, images, tmp_path):
    net = make_network(5, model="dict(type='Distiller', student=net, losses=dict())")
    out = tmp_path / "out"
    assert predict([*net, str(images / "a.png"), "--out", str(out), "--labels", "--device", "cpu"]) == 0
    assert set(np.unique(read(out / "labels" / "a.png"))) == {5}


def test_teacher_stands_left_of_the_student_and_the_labels_are_the_students(make_network, images, tmp_path):
    out = tmp_path / "out"
    student, teacher = make_network(8, "student"), make_network(3, "teacher")
    arguments = [*student, str(images / "a.png"), "--out", str(out), "--teacher", *teacher]
    assert predict([*arguments, "--opacity", "1", "--labels", "--device", "cpu"]) == 0
    picture = read(out / "overlay" / "a.png")
    middles = picture[picture.shape[0] * 2 // 3, [picture.shape[1] * third // 6 for third in (1, 3, 5)]]
    np.testing.assert_array_equal(middles, [[0, 100, 200], CAMVID_PALETTE[3], CAMVID_PALETTE[8]])
    assert set(np.unique(read(out / "labels" / "a.png"))) == {8}


def test_labels_agree_with_mmsegs_own_inference(make_network, tmp_path):
    torch.manual_seed(1)
    config, checkpoint = make_network(0)
    model, cfg = load_segmentor(config, checkpoint, "cpu")
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    torch.nn.init.zeros_(model.decode_head.conv_seg.bias)
    picture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    write_png(tmp_path / "a.png", (picture // (1, 2, 4)).astype(np.uint8))
    ours = predict_labels(model, prediction_pipeline(cfg), read_image(tmp_path / "a.png"))
    cfg.test_pipeline = [step for step in cfg.test_dataloader.dataset.pipeline if "Annotations" not in step.type]
    model.cfg = cfg
    theirs = inference_model(model, str(tmp_path / "a.png")).pred_sem_seg.data[0].numpy()
    np.testing.assert_array_equal(ours, theirs)
    assert len(np.unique(ours)) > 1


def test_unreadable_files_are_listed_at_the_end_and_the_others_predicted(make_network, images, tmp_path, capsys):
    (images / "broken.png").write_bytes(b"not an image")
    (images / "empty.jpg").write_bytes(b"")
    out = tmp_path / "out"
    assert predict([*make_network(8), str(images), "--out", str(out), "--device", "cpu"]) == 1
    message = capsys.readouterr().err
    assert "2 files were skipped" in message
    assert "broken.png" in message
    assert "empty.jpg" in message
    assert sorted(path.name for path in out.rglob("*.*")) == ["a.png", "été 路.png"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scope": "mmpose"}, "or default_scope 'mmdet', 'mmseg'"),
        ({"model": "dict(type='EncoderDekoder')"}, "EncoderDekoder"),
    ],
)
def test_wrong_config_is_one_message(make_network, images, tmp_path, capsys, change, message):
    assert predict([*make_network(0, **change), str(images), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "net.py" in error
    assert not (tmp_path / "out").exists()


def test_checkpoint_of_another_class_count_is_named(make_network, images, tmp_path, capsys):
    config, _ = make_network(0)
    _, other = make_network(0, "cityscapes", classes=19)
    assert predict([config, other, str(images), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert "expected 11 outputs but found 19" in error
    assert "cityscapes.pth" in error


def test_checkpoint_of_another_network_names_the_keys(make_network, images, tmp_path, capsys):
    config, checkpoint = make_network(0)
    stored = torch.load(checkpoint)
    stored["state_dict"]["decode_head.conv_segg.weight"] = stored["state_dict"].pop("decode_head.conv_seg.weight")
    torch.save(stored, checkpoint)
    assert predict([config, checkpoint, str(images), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert (
        "missing 'decode_head.conv_seg.weight'; did you mean 'decode_head.conv_segg.weight'" in capsys.readouterr().err
    )


def test_teacher_with_other_classes_is_refused(make_network, images, tmp_path, capsys):
    teacher = make_network(0, "teacher", classes=19)
    arguments = [*make_network(0), str(images), "--out", str(tmp_path / "out"), "--teacher", *teacher]
    assert predict([*arguments, "--device", "cpu"]) == 2
    assert "teacher has 19, student has 11" in capsys.readouterr().err


@pytest.mark.parametrize(("missing", "position"), [("no.py", 0), ("no.pth", 1), ("no_images", 2)])
def test_missing_input_is_named(make_network, images, tmp_path, capsys, missing, position):
    arguments = [*make_network(0), str(images)]
    arguments[position] = str(tmp_path / missing)
    assert predict([*arguments, "--device", "cpu"]) == 2
    assert missing in capsys.readouterr().err


def test_folder_without_images_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"expected images \(png, .*found none in"):
        find_files([tmp_path])


def test_results_have_different_names_and_earlier_results_are_no_images(tmp_path):
    for name in ("x/a.png", "x/a.jpg", "y/b.png", "x/out/overlay/c.png", "x/b.bmp"):
        write_png(tmp_path / name, np.zeros((2, 2, 3), np.uint8))
    found = find_files([tmp_path / "x", tmp_path / "y", tmp_path / "y" / "b.png"], skip=tmp_path / "x" / "out")
    assert [name.as_posix() for _, name in found] == ["a_jpg", "a_png", "b_bmp", "b_png", "b_png_2"]
