"""The benchmark's command line."""

import json
import runpy

import pytest
import torch
from conftest import ROOT

main = runpy.run_path(str(ROOT / "tools" / "benchmark.py"))["main"]


@pytest.fixture
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
def test_classifier_figures_are_shown_and_written(tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["classifier", "--mini", "--size", "32x48", "--batch", "2", "--rounds", "2", "--warmup", "0"]
    assert main([*arguments, "--threads", "1", "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "kd step" in shown
    assert "classifier, 32x48, batch 2, cpu" in shown
    stored = json.loads(file.read_text())
    assert stored["options"]["size"] == [32, 48]
    assert stored["threads"] == 1
    assert stored["steps"] == ["kd step", "by hand step", "timm step"]
    assert set(stored["provenance"]) >= {"commit", "versions", "hardware", "command", "date"}


@pytest.mark.usefixtures("_threads")
def test_stored_scores_are_held_against_a_plain_step(capsys):
    arguments = ["amr", "--methods", "skd", "--batch", "4", "--rounds", "1", "--warmup", "0", "--threads", "1"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "amr, 2x128, batch 4, cpu" in shown
    assert "skd, stored scores, step: " in shown
    assert " of a plain step (" in shown


@pytest.mark.usefixtures("_threads")
def test_two_teachers_of_landmarks_are_timed_and_stored(capsys):
    arguments = ["landmarks", "--size", "32x32", "--batch", "2", "--rounds", "1", "--warmup", "0", "--threads", "1"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "landmarks, 32x32, batch 2, cpu" in shown
    assert "kd, stored points, step: " in shown
    assert " of a plain step (" in shown


@pytest.mark.usefixtures("_threads")
def test_a_form_of_a_method_is_timed_for_a_detector(tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["det", "--methods", "acam_pooled", "--size", "64x96", "--batch", "1", "--rounds", "1"]
    assert main([*arguments, "--warmup", "0", "--threads", "1", "--json", str(file)]) == 0
    assert "det, 64x96, batch 1, cpu" in capsys.readouterr().out
    stored = json.loads(file.read_text())
    assert stored["steps"] == ["acam_pooled step"]
    assert stored["facts"]["student"] == "configs/det/student_retinanet_bccd_small.py"


@pytest.mark.usefixtures("_threads")
def test_the_floor_of_a_step_on_two_frames_is_told(tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["seg", "--methods", "temporal", "--size", "32x48", "--batch", "2", "--rounds", "1", "--warmup", "0"]
    assert main([*arguments, "--threads", "1", "--json", str(file)]) == 0
    assert "floor of temporal step: student step + student, next frame" in capsys.readouterr().out
    stored = json.loads(file.read_text())
    assert stored["steps"] == ["temporal step"]
    assert {"warping", "flow by DIS", "flow kept"} < stored["phases"].keys()


def test_a_stream_is_timed_with_the_suites_own_network(tmp_path, capsys):
    file = tmp_path / "figures.json"
    assert main(["stream", "--samples", "1.1e6", "--rounds", "1", "--warmup", "0", "--json", str(file)]) == 0
    assert "kdcnn_generated.onnx" in capsys.readouterr().out
    stored = json.loads(file.read_text())
    assert stored["samples"] == 1_100_000
    assert "provenance" in stored


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seg", "--samples", "1e6"], "--samples is for stream but found seg"),
        (["seg", "student.onnx"], "--onnx is for stream and video but found seg"),
        (["classifier", "--methods", "cwd"], "expected method kd"),
        (["classifier", "--mini", "--rounds", "0", "--size", "32x32"], "at least 1 round"),
        (["seg", "--student-config", "no/such.py"], "no/such.py"),
        (["det", "--teacher-config", "no/such.py"], "no/such.py"),
        (["det", "--methods", "acm"], "no method 'acm'"),
        (["det", "--config", "x.py"], "--config is for landmarks but found det"),
        (["det", "--mini"], "--mini is for classifier and losses but found det"),
        (["losses", "--mini", "--amp"], "--amp is for amr, classifier, det, landmarks and seg but found losses"),
        (["losses", "--mini", "--size", "32x32"], "--size is for amr, classifier, det, landmarks and seg"),
        (["losses", "--mini", "--batch", "2"], "--batch is for amr, classifier, det, landmarks and seg"),
        (["losses", "--mini", "--compile"], "--compile is for amr, classifier, det, landmarks and seg"),
        (["losses", "--mini", "--warmup", "2"], "--warmup is for amr, classifier, det, landmarks, seg and stream"),
        (["losses", "--mini", "--paper"], "--paper is for det, landmarks and seg but"),
        (["landmarks", "--methods", "kd"], "--methods is for amr, classifier, det and seg but found landmarks"),
        (["seg", "--config", "x.py"], "--config is for landmarks but found seg"),
        (["landmarks", "--config", "x.py"], "x.py"),
        (["losses", "--mini", "--methods", "kd"], "--methods is for amr, classifier, det and seg"),
        (
            ["losses", "--mini", "--teacher-dtype", "float16"],
            "--teacher-dtype is for amr, classifier, det, landmarks and seg",
        ),
        (["seg", "--losses", "kd_loss"], "--losses is for losses but found seg"),
        (["seg", "--mini"], "--mini is for classifier and losses but found seg"),
        (["classifier", "--student-config", "x.py"], "--student-config is for amr, det and seg but found classifier"),
    ],
)
def test_mistakes_are_one_message_and_exit_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_size_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["seg", "--size", "512"])
    assert "expected HEIGHTxWIDTH" in capsys.readouterr().err
