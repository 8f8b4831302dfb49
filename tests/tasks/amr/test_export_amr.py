"""Exported networks: checkpoint, ONNX and 8-bit integers, of a small network that tells three tones apart."""

import json
import runpy
from pathlib import Path

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import ROOT

from common.classification.model import Classifier
from common.errors import CheckpointError, ConfigError, DataError
from common.export import ExportError
from common.onnx_files import quantise
from tasks.amr.export import export
from tasks.amr.models import KDCNN
from tasks.amr.quantize import compare
from tasks.amr.recogniser import load_checkpoint, load_onnx
from tasks.amr.scores import fit_temperature

main = runpy.run_path(str(ROOT / "tools" / "export.py"))["main"]

CLASSES = ("down", "middle", "up")
NETWORK = "type='KDCNN', num_classes=3, length=32, widths=(8, 8), kernels=(5, 3)"
CONFIG = """
task = "amr"
_data = dict(type="SignalDataset", data_root={root!r}, ann_file="tones.h5")
train_dataloader = dict(dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = {model}
"""
PLAIN = "dict(type='Classifier', network=dict(" + NETWORK + "))"
DISTILLED = "dict(type='Distiller', student=" + PLAIN + ", losses=dict())"


def tones(count, seed):
    """Tones at -1/4, 0 and 1/4 of the sample rate in noise, of amplitudes 1/100 to 100; ``[n, 2, 32]`` and classes."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), count)
    phases = random.uniform(0, 1, (len(labels), 1)) + (labels[:, None] - 1) / 4 * np.arange(32)
    noise = random.standard_normal((2, len(labels), 32)) * 0.9
    signal = np.exp(2j * np.pi * phases) + noise[0] + 1j * noise[1]
    signal *= 10 ** random.uniform(-2, 2, (len(labels), 1))
    return np.stack([signal.real, signal.imag], axis=1).astype(np.float32), labels


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder with data, configs ``net.py`` and ``distilled.py``, and the checkpoint of a trained network."""
    folder = tmp_path_factory.mktemp("tones")
    frames, labels = tones(200, seed=0)
    with h5py.File(folder / "tones.h5", "w") as file:
        file["X"], file["mod"] = frames, labels.astype(np.int16)
        file["snr"] = np.zeros(len(labels), np.int16)
        file.attrs.update(classes=list(CLASSES), sample_rate=1e6, samples_per_symbol=8.0)
    torch.manual_seed(0)
    model = Classifier(KDCNN(3, 32, widths=(8, 8), kernels=(5, 3)))
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    inputs, targets = (torch.from_numpy(part) for part in tones(200, seed=1))
    for _ in range(40):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        optimiser.step()
    meta = {"dataset_meta": {"classes": CLASSES, "sample_rate": 1e6, "samples_per_symbol": 8.0}, "iter": 40}
    stored = {"state_dict": model.state_dict(), "meta": meta, "optimizer": {"state": {}}}
    torch.save(stored, folder / "net.pth")
    for name, text in (("net", PLAIN), ("distilled", DISTILLED)):
        (folder / f"{name}.py").write_text(CONFIG.format(root=str(folder), model=text))
    return folder


@pytest.fixture(scope="module")
def exported(trained):
    """What the command line leaves of the trained network."""
    names = [str(trained / name) for name in ("distilled.py", "net.pth")]
    out = trained / "out"
    options = ["--onnx", str(out / "net.onnx"), "--temperature", "fit", "--int8", "--calibration-frames", "100"]
    assert main([*names, "--out", str(out / "net.pth"), *options]) == 0
    return out


def original(trained):
    model = Classifier(KDCNN(3, 32, widths=(8, 8), kernels=(5, 3)))
    model.load_state_dict(torch.load(trained / "net.pth")["state_dict"])
    return model.eval()


def torch_logits(trained, frames):
    with torch.no_grad():
        return original(trained)(torch.from_numpy(frames)).numpy()


def test_command_writes_four_files_and_nothing_else(exported):
    assert sorted(path.name for path in exported.iterdir()) == ["net.int8.onnx", "net.json", "net.onnx", "net.pth"]


@pytest.mark.parametrize("batch", [1, 5])
def test_onnx_file_gives_torchs_logits_for_raw_frames_of_any_amplitude(trained, exported, batch):
    session = onnxruntime.InferenceSession(exported / "net.onnx")
    frames = tones(2, seed=2)[0][:batch] * 1e3
    (found,) = session.run(["logits"], {"iq": frames})
    np.testing.assert_allclose(found, torch_logits(trained, frames), atol=1e-4)


def test_files_tell_classes_rates_length_and_normalisation(exported):
    metadata = {prop.key: prop.value for prop in onnx.load(exported / "net.onnx").metadata_props}
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert (metadata["length"], metadata["sample_rate"]) == ("32", "1000000.0")
    assert (metadata["samples_per_symbol"], metadata["normalize"]) == ("[8.0, 8.0]", '"rms"')
    assert "[batch, 2, length]" in metadata["input"]
    infos = [load_onnx(exported / name).info for name in ("net.onnx", "net.int8.onnx")]
    assert infos[0] == infos[1]


def test_temperature_is_fitted_to_validation_frames(trained, exported):
    from tasks.amr.datasets import SignalDataset

    validation = SignalDataset(str(trained), "tones.h5", part="val")
    logits = torch.from_numpy(torch_logits(trained, validation.frames()))
    expected = fit_temperature(logits, torch.from_numpy(validation.labels))
    info = load_onnx(exported / "net.onnx").info
    assert info.temperature == pytest.approx(expected, rel=1e-3)
    assert info.temperature != pytest.approx(1.0, rel=1e-2)


def test_plain_checkpoint_goes_on_telling_what_it_knows(trained, exported):
    stored = torch.load(exported / "net.pth", weights_only=True)
    assert set(stored) == {"state_dict", "meta", "distill"}
    info = load_checkpoint(trained / "net.py", exported / "net.pth").info
    assert info == load_onnx(exported / "net.onnx").info


def test_integers_answer_nearly_as_floating_point_does(trained, exported):
    report = json.loads((exported / "net.json").read_text())["int8"]
    frames, labels = tones(300, seed=3)
    answers = {
        name: load_onnx(exported / f"{name}.onnx").log_probabilities(frames).argmax(1) for name in ("net", "net.int8")
    }
    # The task is hard enough to be got wrong at times, so that agreement means something.
    assert 60 < 100 * (answers["net"] == labels).mean() < 99.9
    assert (answers["net"] == answers["net.int8"]).mean() > 0.97
    assert report["frames"] == 120
    assert (report["part"], report["calibration_frames"]) == ("test", 100)
    assert report["accuracy"]["int8"] == pytest.approx(report["accuracy"]["fp32"], abs=3)


def test_accuracy_is_that_of_the_test_part(trained, exported):
    from tasks.amr.datasets import SignalDataset

    tested = SignalDataset(str(trained), "tones.h5", part="test")
    right = torch_logits(trained, tested.frames()).argmax(1) == tested.labels
    report = json.loads((exported / "net.json").read_text())["int8"]
    assert report["accuracy"]["fp32"] == pytest.approx(100 * right.mean())


def test_weights_are_stored_in_eight_bits_and_the_normalisation_is_not(exported):
    graph = onnx.load(exported / "net.int8.onnx").graph
    integers = [each for each in graph.initializer if each.data_type == onnx.TensorProto.INT8 and len(each.dims) > 1]
    assert sorted(list(each.dims) for each in integers) == [[3, 8], [8, 2, 5], [8, 8, 3]]
    first = next(place for place, node in enumerate(graph.node) if node.op_type == "QuantizeLinear")
    assert {"Div", "Sqrt"} <= {node.op_type for node in graph.node[:first]}


def test_comparison_counts_frames_right_and_alike(trained, exported):
    class Pairs(torch.utils.data.Dataset):
        """Frames labelled with the answer of the network, but for the first two."""

        frames = tones(3, seed=4)[0]
        labels = load_onnx(exported / "net.onnx").log_probabilities(frames).argmax(1)

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, place):
            from mmengine.structures import BaseDataElement

            label = (self.labels[place] + (place < 2)) % 3
            return {
                "inputs": torch.from_numpy(self.frames[place]),
                "data_samples": BaseDataElement(gt_label=torch.tensor(label)),
            }

    found = compare({"a": exported / "net.onnx", "b": exported / "net.onnx"}, Pairs())
    assert (found["frames"], found["agreement"]) == (9, 100.0)
    assert found["accuracy"] == {"a": pytest.approx(700 / 9), "b": pytest.approx(700 / 9)}


def test_report_says_what_was_written(trained, capsys):
    names = [str(trained / name) for name in ("net.py", "net.pth")]
    assert main([*names, "--out", str(trained / "again.pth"), "--temperature", "2.5"]) == 0
    assert "again.pth: 331 parameters, plain checkpoint" in capsys.readouterr().out
    assert load_checkpoint(trained / "net.py", trained / "again.pth").info.temperature == 2.5


def test_samples_per_symbol_can_be_given(trained, tmp_path):
    report = export(trained / "net.py", trained / "net.pth", tmp_path / "a.pth", samples_per_symbol=(16.0, 4.0))
    assert report["signal"]["samples_per_symbol"] == [4.0, 16.0]
    assert report["onnx"] is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"out": "net.pth"}, ConfigError, "the checkpoint itself"),
        ({"onnx": "net.pt"}, ConfigError, r"named \*\.onnx"),
        ({"int8": True}, ConfigError, "expected --onnx FILE"),
        ({"onnx": "a.onnx", "int8": True, "calibration_frames": 0}, ConfigError, "at least one frame"),
        ({"part": "train"}, ConfigError, "part 'val' or 'test' but found 'train'"),
        ({"temperature": "-1"}, ConfigError, "positive temperature but found -1"),
        ({"temperature": "warm"}, ConfigError, "a number or 'fit' but found 'warm'"),
        ({"temperature": "fit", "data_root": "nowhere"}, DataError, "nowhere"),
        ({"onnx": "a.onnx", "int8": True, "data_root": "nowhere"}, DataError, "nowhere"),
    ],
)
def test_wrong_option_is_named_and_nothing_is_written(trained, tmp_path, monkeypatch, options, error, message):
    monkeypatch.chdir(tmp_path)
    for name in ("net.py", "net.pth"):
        Path(name).write_bytes((trained / name).read_bytes())
    with pytest.raises(error, match=message):
        export("net.py", "net.pth", **{"out": "a.pth", **options})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pth", "net.py"]


def test_checkpoint_of_other_classes_is_refused(trained, tmp_path):
    stored = torch.load(trained / "net.pth")
    stored["meta"]["dataset_meta"]["classes"] = ("a", "b")
    torch.save(stored, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"names of 3 classes .* found 2"):
        export(trained / "net.py", tmp_path / "other.pth", tmp_path / "out.pth")


@pytest.mark.parametrize("options", [{"temperature": "fit"}, {"onnx": "a.onnx", "int8": True}])
def test_data_whose_classes_are_numbered_otherwise_are_not_judged_by(trained, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    Path("tones.h5").write_bytes((trained / "tones.h5").read_bytes())
    with h5py.File("tones.h5", "r+") as file:
        file.attrs["classes"] = list(CLASSES[::-1])
    with pytest.raises(DataError, match=r"classes that .* was trained on"):
        export(trained / "net.py", trained / "net.pth", "a.pth", data_root=".", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["tones.h5"]


def test_quantisation_needs_frames_and_a_network(exported, tmp_path):
    with pytest.raises(DataError, match="frames to calibrate"):
        quantise(exported / "net.onnx", tmp_path / "a.onnx", np.zeros((0, 2, 32), np.float32))
    with pytest.raises(ExportError, match=r"net\.onnx fails with"):
        quantise(exported / "net.onnx", tmp_path / "a.onnx", np.zeros((4, 2, 31), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_options_for_images_are_refused(trained, capsys):
    names = [str(trained / name) for name in ("net.py", "net.pth")]
    assert main([*names, "--labels"]) == 2
    assert "--labels does not belong to" in capsys.readouterr().err
