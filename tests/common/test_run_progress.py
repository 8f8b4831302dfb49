"""Progress read from the logs of runs."""

import pytest

from common.run_progress import RunProgress, last_step

LINES = """
11/21 10:42:52 - INFO - Iter(train) [ 50/400]  lr: 1.48e-03  eta: 0:02:03  time: 0.39  loss: 1.7166  decode: 1
11/21 10:43:52 - INFO - Iter(train) [100/400]  lr: 1.48e-03  eta: 0:01:03  time: 0.39  loss: 1.5000  decode: 1
11/21 10:43:53 - mmengine - INFO - Iter(val) [ 50/101]    eta: 0:00:04
"""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "train.log"


def test_the_last_training_line_counts(log):
    log.write_text(LINES)
    assert last_step(log) == (100, 400, "1.5000")


def test_there_is_no_step_before_the_first_line(log):
    assert last_step(log) is None
    log.write_text("starting\n")
    assert last_step(log) is None


def test_a_run_has_a_bar_with_its_iterations_and_loss_until_it_ends(log):
    log.write_text(LINES)
    progress = RunProgress("rows", total=2)
    with progress.run("BPKD", log):
        progress.look()
        assert progress.shown()[1] == ("  BPKD", 100, 400, "loss 1.5000")
    assert progress.shown() == [("rows", 1, 2, "runs")]


def test_after_the_last_iteration_it_evaluates(log):
    log.write_text(LINES.replace("[100/400]", "[400/400]"))
    progress = RunProgress("rows", total=2)
    with progress.run("BPKD", log):
        progress.look()
        assert progress.shown()[1][3] == "evaluating"


def test_a_run_that_fails_is_not_counted(log):
    progress = RunProgress("rows", total=2)
    with pytest.raises(RuntimeError), progress.run("BPKD", log):
        raise RuntimeError
    assert progress.shown() == [("rows", 0, 2, "runs")]
