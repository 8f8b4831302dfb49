"""The export command: what it writes, names, and leaves alone."""

import runpy
from pathlib import Path

import pytest
import torch
from conftest import ROOT

from tasks import ENTRIES, entry_of
from tasks.amr.models import KDCNN

export = runpy.run_path(str(ROOT / "tools" / "export.py"))
main = export["main"]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    """A folder with a config and, in ``run``, its checkpoint."""
    from common.classification.model import Classifier

    monkeypatch.chdir(tmp_path)
    network = "type='KDCNN', num_classes=3, length=32, widths=(8, 8), kernels=(5, 3)"
    Path("net.py").write_text(f"task = 'amr'\nmodel = dict(type='Classifier', network=dict({network}))\n")
    Path("run").mkdir()
    model = Classifier(KDCNN(3, 32, widths=(8, 8), kernels=(5, 3)))
    meta = {"dataset_meta": {"classes": ("a", "b", "c")}}
    torch.save({"state_dict": model.state_dict(), "meta": meta}, "run/iter_9.pth")


def files():
    return {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}


def test_checkpoint_without_a_name_stands_beside_the_one_it_was_made_from(capsys):
    Path("student.pth").write_text("mine")
    before = files()
    assert main(["net.py", "run/iter_9.pth"]) == 0
    assert "run/net_student.pth: 331 parameters, plain checkpoint" in capsys.readouterr().out
    assert set(files()) - set(before) == {"run/net_student.pth"}
    assert {name: files()[name] for name in before} == before


def test_every_file_that_is_written_is_named(capsys):
    before = set(files())
    assert main(["net.py", "run/iter_9.pth", "--out", "out/a.pth", "--onnx", "out/b.onnx"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.partition(": ")[0] for line in lines} == set(files()) - before
    assert set(files()) - before == {"out/a.pth", "out/b.onnx", "out/b.json"}


@pytest.mark.parametrize("there", ["run/net_student.pth", "b.onnx", "b.json", "b.int8.onnx"])
def test_file_that_is_there_stays(there, capsys):
    Path(there).write_text("mine")
    before = files()
    assert main(["net.py", "run/iter_9.pth", "--onnx", "b.onnx", "--int8"]) == 2
    error = capsys.readouterr().err
    assert f"expected new files but found {there}; name others, or replace them with --force" in error
    assert files() == before


def test_file_that_is_there_is_replaced_by_force():
    Path("a.pth").write_text("mine")
    assert main(["net.py", "run/iter_9.pth", "--out", "a.pth", "--force"]) == 0
    assert set(torch.load("a.pth")) == {"state_dict", "meta", "distill"}


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_checkpoint_that_is_exported_is_never_replaced(force, capsys):
    before = files()
    assert main(["net.py", "run/iter_9.pth", "--out", "run/iter_9.pth", *force]) == 2
    assert "found run/iter_9.pth, the checkpoint itself" in capsys.readouterr().err
    assert files() == before


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("amr", ["a.pth", "b.onnx", "b.json", "b.int8.onnx"]),
        ("det", ["a.pth", "a.py", "b.onnx", "b.json", "b.int8.onnx"]),
        ("landmarks", ["a.pth", "b.onnx", "b.json", "b.int8.onnx"]),
        ("seg", ["a.pth", "a.py", "b.onnx"]),
    ],
)
def test_files_beside_the_named_ones_are_known(task, names):
    found = export["exported_files"]("a.pth", "b.onnx", task != "seg", entry_of(task).EXPORTED_BESIDE)
    assert [str(file) for file in found] == names


def test_every_task_that_exports_tells_what_it_writes():
    entries = [entry_of(task) for task in ENTRIES]
    assert all(hasattr(entry, "EXPORTED_BESIDE") for entry in entries if hasattr(entry, "export"))
