"""Networks in use: what they tell about themselves, and damaged ones."""

import numpy as np
import pytest
import torch
from iq_networks import DIRECTIONS, compass

from common.errors import CheckpointError, ConfigError
from tasks.amr.recogniser import SignalInfo, check_temperature, load_checkpoint, load_onnx

CONFIG = """
task = "amr"
model = dict(type="Classifier", network=dict(type={network!r}, num_classes=3, length=32, {more}))
test_dataloader = dict(dataset=dict(type="SignalDataset", data_root="no/such/folder", ann_file="a.h5"))
"""


@pytest.fixture
def make_checkpoint(tmp_path):
    """Writes a config and the checkpoint of a network with random weights."""

    def make(meta, network="KDCNN", more="normalize='l2'"):
        from common.classification.model import Classifier
        from tasks.amr.models import KDCNN

        torch.manual_seed(0)
        model = Classifier(KDCNN(3, 32, "l2"))
        (tmp_path / "net.py").write_text(CONFIG.format(network=network, more=more))
        torch.save({"state_dict": model.state_dict(), "meta": meta}, tmp_path / "net.pth")
        return str(tmp_path / "net.py"), str(tmp_path / "net.pth"), model.eval()

    return make


def test_metadata_come_back_as_they_were():
    info = SignalInfo(("a", "b"), 128, 200e3, (4.0, 16.0), "l1", 1.7)
    metadata = info.as_metadata()
    assert all(isinstance(value, str) for value in metadata.values())
    assert SignalInfo.of_metadata(metadata, "x.onnx") == info


def test_one_number_of_samples_per_symbol_is_a_range_and_none_is_none():
    assert SignalInfo.of_dict({"classes": ["a"], "length": 8, "samples_per_symbol": 8}).samples_per_symbol == (8, 8)
    assert SignalInfo.of_dict({"classes": ["a"], "length": 8}).samples_per_symbol is None


def test_onnx_file_is_loaded_with_what_it_tells(tmp_path):
    network = load_onnx(compass(tmp_path / "a.onnx", temperature=2.0), threads=1)
    assert (network.name, network.info.classes, network.info.length) == ("a.onnx", DIRECTIONS, 16)
    frames = np.zeros((3, 2, 16), np.float32)
    frames[:, 1] = [[0.1], [0.2], [0.0]]
    # Logits of the second class and the fourth are +-20 times the mean; the temperature halves them.
    expected = np.array([[0, 1, 0, -1]]) * np.array([[1], [2], [0]])
    expected = expected - np.log(np.exp(expected).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(network.log_probabilities(frames), expected, atol=1e-6)


def test_certain_networks_have_finite_log_probabilities(tmp_path):
    network = load_onnx(compass(tmp_path / "a.onnx", scale=1e4))
    assert np.isfinite(network.log_probabilities(np.ones((1, 2, 16), np.float32))).all()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "found no metadata classes, length, temperature"),
        ({"classes": '["a"]', "length": "16", "temperature": "one"}, "metadata in JSON"),
        (SignalInfo(DIRECTIONS, 32).as_metadata(), r"\[batch, 2, 32\] to 4 classes"),
        (SignalInfo(("a", "b"), 16).as_metadata(), r"\[batch, 2, 16\] to 2 classes"),
    ],
)
def test_onnx_file_of_something_else_is_named(tmp_path, metadata, message):
    path = compass(tmp_path / "a.onnx", metadata)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_onnx(path)
    assert "a.onnx" in str(caught.value)


def test_missing_and_damaged_onnx_files_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no\.onnx but found none"):
        load_onnx(tmp_path / "no.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(CheckpointError, match=r"bad\.onnx cannot be loaded") as caught:
        load_onnx(tmp_path / "bad.onnx")
    assert "\n" not in str(caught.value)


def test_checkpoint_tells_its_training_data(make_checkpoint):
    meta = {"dataset_meta": {"classes": ("a", "b", "c"), "sample_rate": 1e6, "samples_per_symbol": 8.0, "snrs": [0]}}
    config, checkpoint, model = make_checkpoint(meta)
    network = load_checkpoint(config, checkpoint)
    assert network.info == SignalInfo(("a", "b", "c"), 32, 1e6, (8.0, 8.0), "l2", 1.0)
    frames = torch.randn(5, 2, 32)
    with torch.no_grad():
        expected = model(frames).log_softmax(1).numpy()
    np.testing.assert_allclose(network.log_probabilities(frames.numpy()), expected, atol=1e-6)


def test_exported_checkpoint_tells_its_temperature(make_checkpoint):
    info = SignalInfo(("a", "b", "c"), 32, None, None, "l2", 1.5)
    config, checkpoint, _ = make_checkpoint({"signal": info.as_dict()})
    assert load_checkpoint(config, checkpoint).info == info


def test_checkpoint_without_classes_is_named(make_checkpoint):
    config, checkpoint, _ = make_checkpoint({})
    with pytest.raises(CheckpointError, match=r"names of 3 classes in .*net\.pth.*net\.py.* but found 0"):
        load_checkpoint(config, checkpoint)


def test_network_for_something_else_is_named(make_checkpoint, tmp_path):
    config, _, _ = make_checkpoint({}, "Classifier", "")
    (tmp_path / "net.py").write_text(
        "task = 'amr'\nmodel = dict(type='Classifier', network=dict(type='mmengine.model.BaseModule'))\n"
    )
    torch.save({"state_dict": {}, "meta": {}}, tmp_path / "empty.pth")
    with pytest.raises(ConfigError, match=r"network for IQ frames in .* but found BaseModule"):
        load_checkpoint(config, tmp_path / "empty.pth")


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperature_must_divide(temperature):
    with pytest.raises(ConfigError, match="positive temperature"):
        check_temperature(temperature)
