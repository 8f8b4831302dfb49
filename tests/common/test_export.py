"""Plain checkpoints and ONNX files, with networks of a few layers."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from common.errors import CheckpointError
from common.export import ExportError, export_onnx, export_student


def network() -> nn.Module:
    torch.manual_seed(0)
    # 3 does not divide 8x10: the case that the older exporter refuses.
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(3))


class Noise(nn.Module):
    def forward(self, image):
        return image + torch.rand_like(image)


class Argmax(nn.Module):
    def forward(self, image):
        return image.argmax(1)


@pytest.fixture
def training_checkpoint(tmp_path):
    model = network()
    path = tmp_path / "iter_10.pth"
    torch.save(
        {
            "state_dict": model.state_dict(),
            "optimizer": {"state": {}, "param_groups": []},
            "message_hub": {"log": 1.0},
            "distill_state": {"adapters.weight": torch.zeros(3)},
            "meta": {
                "iter": 10,
                "cfg": "data_root = 'a folder of the training machine'",
                "dataset_meta": {"classes": ("sky", "road"), "palette": [[0, 0, 0], [1, 1, 1]]},
            },
            "distill": {"method": "bpkd", "seed": 3},
        },
        path,
    )
    return path


def test_a_plain_checkpoint_holds_weights_meta_and_provenance_and_nothing_else(training_checkpoint, tmp_path):
    out = tmp_path / "folder" / "student.pth"
    export_student(training_checkpoint, out, network())
    written = torch.load(out, weights_only=True)
    assert set(written) == {"state_dict", "meta", "distill"}
    assert set(written["state_dict"]) == set(network().state_dict())
    assert written["meta"]["iter"] == 10
    assert written["meta"]["dataset_meta"]["classes"] == ("sky", "road")
    assert "cfg" not in written["meta"]
    assert written["distill"]["method"] == "bpkd"
    assert written["distill"]["seed"] == 3
    assert len(written["distill"]["exported_from_sha256"]) == 64
    assert [path.name for path in out.parent.iterdir()] == ["student.pth"]


def test_exported_weights_are_those_of_the_run(training_checkpoint, tmp_path):
    export_student(training_checkpoint, tmp_path / "student.pth")
    written = torch.load(tmp_path / "student.pth", weights_only=True)["state_dict"]
    expected = torch.load(training_checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(written[name], tensor) for name, tensor in expected.items())


def test_given_meta_is_written_in_plain_types(training_checkpoint, tmp_path):
    meta = {"dataset_meta": {"classes": ["a"], "palette": np.array([[1, 2, 3]])}, "path": tmp_path, "n": np.float32(2)}
    export_student(training_checkpoint, tmp_path / "student.pth", meta=meta)
    written = torch.load(tmp_path / "student.pth", weights_only=True)["meta"]
    assert written["dataset_meta"] == {"classes": ["a"], "palette": [[1, 2, 3]]}
    assert written["path"] == str(tmp_path)
    assert written["n"] == 2.0


def test_a_view_of_a_large_tensor_is_written_at_its_own_size(tmp_path):
    torch.save({"state_dict": {"weight": torch.zeros(1_000_000)[:10]}}, tmp_path / "run.pth")
    export_student(tmp_path / "run.pth", tmp_path / "student.pth")
    assert (tmp_path / "student.pth").stat().st_size < 100_000


def test_weights_of_another_network_are_refused_and_nothing_is_written(training_checkpoint, tmp_path):
    other = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    with pytest.raises(CheckpointError):
        export_student(training_checkpoint, tmp_path / "student.pth", other)
    assert not (tmp_path / "student.pth").exists()


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    model = network()
    report = export_onnx(
        model, path, torch.rand(1, 3, 10, 12), ["image"], ["pooled"], timing_runs=5, metadata={"classes": "sky"}
    )
    return path, model, report


@pytest.mark.parametrize("batch", [1, 3])
def test_an_onnx_file_computes_what_torch_does_at_any_batch_size(onnx_file, batch):
    path, model, _ = onnx_file
    image = torch.rand(batch, 3, 10, 12)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(["pooled"], {"image": image.numpy()})
    with torch.no_grad():
        expected = model.eval()(image)
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-5, atol=1e-6)


def test_an_onnx_file_carries_its_metadata_and_no_source_paths(onnx_file):
    path, _, _ = onnx_file
    stored = onnx.load(path)
    assert {entry.key: entry.value for entry in stored.metadata_props} == {"classes": "sky"}
    assert b".py" not in path.read_bytes()


def test_an_onnx_report_gives_difference_size_and_latency(onnx_file):
    path, _, report = onnx_file
    assert report["path"] == str(path)
    assert 0 <= report["max_abs_difference"] < 1e-5
    assert report["input_shape"] == ["batch", 3, 10, 12]
    assert report["megabytes"] == path.stat().st_size / 1e6
    low, high = report["latency_ms_quartiles"]
    assert 0 < low <= report["latency_ms"] <= high


def test_export_leaves_the_network_in_its_mode(tmp_path):
    model = network().train()
    model[1].eval()
    export_onnx(model, tmp_path / "a.onnx", torch.rand(2, 3, 10, 12), ["image"], ["out"], dynamic_batch=False)
    assert [module.training for module in model] == [True, False, True, True]


def test_a_network_that_onnxruntime_computes_otherwise_is_refused_and_not_written(tmp_path):
    with pytest.raises(ExportError, match=r"agree with torch.*noise\.onnx was not written"):
        export_onnx(Noise(), tmp_path / "noise.onnx", torch.rand(1, 3, 4, 4), ["image"], ["noise"])
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_can_not_be_traced_is_refused_with_the_reason(tmp_path):
    class Branching(nn.Module):
        def forward(self, image):
            return image if image.sum() > 0 else -image

    with pytest.raises(ExportError, match=r"Branching.*data-dependent"):
        export_onnx(Branching(), tmp_path / "a.onnx", torch.rand(1, 3, 4, 4), ["image"], ["out"])
    assert list(tmp_path.iterdir()) == []


def test_labels_are_compared_by_the_share_that_differs(tmp_path):
    report = export_onnx(Argmax(), tmp_path / "a.onnx", torch.rand(1, 5, 8, 8), ["logits"], ["labels"])
    assert report["max_abs_difference"] == 0
