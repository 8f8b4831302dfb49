import io
import logging

import pytest

from common.engine_log import concise, is_news


def record(message):
    return logging.LogRecord("mmengine", logging.INFO, "", 0, message, (), None)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Iter(train) [50/100] loss: 0.5", True),
        ("Checkpoints will be saved to work_dirs/kd.", True),
        ("line\nline\nline", True),
        ("page\n\n\n", False),
        ("The prefix is not set in metric class LandmarkScores.", False),
        ('"FileClient" will be deprecated in future. Please use io functions', False),
        ('"HardDiskBackend" is the alias of "LocalBackend"', False),
        ("Distributed training is not used, all SyncBatchNorm (SyncBN) layers in the model will be", False),
    ],
)
def test_pages_and_words_about_the_engine_itself_are_no_news(message, shown):
    assert is_news(record(message)) is shown


def test_the_terminal_is_concise_and_the_log_file_whole(tmp_path):
    logger, terminal = logging.Logger("run"), io.StringIO()
    file = logging.FileHandler(tmp_path / "run.log")
    for handler in (logging.StreamHandler(terminal), file):
        logger.addHandler(handler)
    concise(logger)
    concise(logger)
    for message in ("The prefix is not set in metric class X", "saved"):
        logger.info(message)
    file.close()
    assert terminal.getvalue() == "saved\n"
    assert (tmp_path / "run.log").read_text().count("\n") == 2
