import json
import math

import numpy as np
import pytest
from cell_scenes import CELL, CLASSES, CROWD, DUST, PALETTE, Knows, Scenes

from common.errors import ConfigError, DataError
from tasks.det.error_types import KINDS
from tasks.det.evaluation import Evaluation, check_classes, evaluate
from tasks.det.report import (
    cost_table,
    error_count_table,
    error_gain_table,
    per_class_table,
    size_table,
    summary_table,
    write_evaluation,
)

BOTH = ((CELL, 0.9, 0), (DUST, 0.8, 1))


@pytest.fixture
def data(tmp_path):
    return Scenes(tmp_path)


@pytest.fixture
def pair(data):
    """A network that misses the dust in images 0 and 1, and one that finds all but the cell of image 1."""
    networks = {
        "plain": (Knows(*BOTH, of_image={0: BOTH[:1], 1: BOTH[:1]}), data),
        "acam": (Knows(*BOTH, of_image={1: BOTH[1:]}), data),
    }
    return {name: evaluate(model, data, "cpu", name=name) for name, (model, data) in networks.items()}


def test_scores_are_those_of_the_boxes_counted_by_hand(data):
    # The cell is found exactly, of the dust the upper 14 of 20 rows: IoU 0.7, which 5 of 10 thresholds let pass.
    found = evaluate(Knows((CELL, 0.9, 0), ([40, 10, 60, 24], 0.8, 1)), data, "cpu")
    assert found.scores["AP_per_class"] == pytest.approx([100, 50])
    assert [found.scores[name] for name in ("AP", "AP50", "AP75")] == pytest.approx([75, 100, 50])
    assert [found.scores[name] for name in ("mAP_11", "mAP_area")] == pytest.approx([100, 100])
    assert found.scores["AP_small"] == pytest.approx(75)
    assert math.isnan(found.scores["AP_large"])
    assert (found.parameters, len(found.images)) == (7, 4)
    assert found.images_per_second > 0


def test_true_boxes_are_the_data_sets_own_whatever_the_pipeline_does_to_them(data):
    found = evaluate(Knows(*BOTH), data, "cpu")
    assert found.images[0].objects.boxes.tolist() == [CELL, DUST, CROWD]
    assert found.scores["AP"] == pytest.approx(100)


def test_ignored_objects_neither_help_nor_hurt(data):
    with_ignored = evaluate(Knows(*BOTH, (CROWD, 0.95, 0)), data, "cpu")
    assert with_ignored.scores["AP"] == pytest.approx(100)
    assert set(with_ignored.errors.counts.values()) == {0}


def test_errors_are_counted_from_the_shown_score_on_and_their_gains_from_any(data):
    found = evaluate(Knows((CELL, 0.9, 0), ([30, 35, 40, 45], 0.2, 0)), data, "cpu")
    assert found.errors.counts["background"] == 4
    assert found.confident_errors.counts == dict(zip(KINDS, (0, 0, 0, 0, 0, 4), strict=True))
    assert found.errors.gains["missed"] == pytest.approx(50)


def test_a_limit_takes_evenly_spread_images(data):
    found = evaluate(Knows(*BOTH), data, "cpu", limit=2)
    assert data.asked == [0, 2]
    assert [image.name for image in found.images] == ["scène 0.png", "scène 2.png"]


@pytest.mark.parametrize(
    ("network", "count", "error", "message"),
    [
        (["cell"], 4, ConfigError, "dataset's 2 classes but found one with 1; evaluate it"),
        (["dust", "cell"], 4, ConfigError, "expected 'cell' as class 0 of the network, .* but found 'dust'"),
        (CLASSES, 0, DataError, "found none in nowhere"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, network, count, error, message):
    with pytest.raises(error, match=message):
        evaluate(Knows(classes=network), Scenes(tmp_path, count), "cpu")


def test_a_network_without_names_of_its_classes_only_has_to_have_as_many():
    check_classes(("0", "1"), CLASSES)


def test_tables_give_differences_to_the_first_network(pair):
    assert list(per_class_table(pair).columns) == ["class", "plain", "acam", "acam - plain"]
    # The dust is found in 2 of 4 images, the cell in 3: recalls 0 to 0.5 and to 0.75, 51 and 76 of 101.
    dust, cell = 5100 / 101, 7600 / 101
    rows = {row[0]: row[1:] for row in per_class_table(pair).rows}
    assert rows["dust"] == pytest.approx([dust, 100, 100 - dust])
    assert rows["cell"] == pytest.approx([100, cell, cell - 100])
    assert rows["mean"] == pytest.approx([(100 + dust) / 2, (cell + 100) / 2, (cell - dust) / 2])
    gains = {row[0]: row[1:] for row in error_gain_table(pair).rows}
    assert gains["missed"] == pytest.approx([(100 - dust) / 2, (100 - cell) / 2, (dust - cell) / 2])
    assert error_count_table(pair).rows[-1] == ["missed", 2, 1]
    sizes = size_table(pair).rows
    assert [row[0] for row in sizes] == ["small, below 32x32 (n = 8)", "medium (n = 0)", "large, above 96x96 (n = 0)"]
    assert sizes[0][3] == pytest.approx((cell - dust) / 2)
    assert summary_table(pair).title == "Scores over 4 images with 8 objects (percent)"


def test_costs_that_were_not_measured_are_dashes(pair):
    table = cost_table(pair)
    assert [table.text(cell) for cell in table.rows[0][1:6]] == ["0.00", "-", "-", "-", "-"]


def test_report_holds_all_files_and_no_folder_of_the_machine(pair, tmp_path):
    page = write_evaluation(pair, tmp_path / "out", {"date": "today"}, pictures=2)
    names = sorted(path.relative_to(page.parent).as_posix() for path in page.parent.rglob("*.*"))
    assert names == [
        "ap_by_iou.png",
        "errors.csv",
        "evaluation.json",
        "index.html",
        "per_class.csv",
        "pictures/00_scène 0.png",
        "pictures/01_scène 3.png",
        "pictures/only_first.png",
        "pictures/only_last.png",
        "precision_recall_50.png",
        "precision_recall_75.png",
    ]
    text = (page.parent / "evaluation.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert str(tmp_path) not in page.read_text(encoding="utf-8")
    record = json.loads(text)
    assert record["provenance"] == {"date": "today"}
    assert record["networks"]["acam"]["scores"]["AP"] == pytest.approx((100 + 7600 / 101) / 2)
    assert record["networks"]["acam"]["images"][1] == {"name": "scène 1.png", "objects": 2, "found": 1, "false": 0}
    assert page.read_text(encoding="utf-8").count("data:image/png;base64,") == 7
    assert "2 objects are found by acam and missed by plain" in page.read_text(encoding="utf-8")


def test_one_network_has_no_sheets_of_differences(pair, tmp_path):
    page = write_evaluation({"plain": pair["plain"]}, tmp_path / "out", {}, pictures=1)
    assert [path.name for path in (page.parent / "pictures").iterdir()] == ["00_scène 0.png"]


def test_without_pictures_there_are_none(pair, tmp_path):
    page = write_evaluation(pair, tmp_path / "out", {}, pictures=0)
    assert not (page.parent / "pictures").exists()


def test_an_evaluation_without_time_has_no_throughput():
    assert math.isnan(Evaluation({}, CLASSES, PALETTE).images_per_second)


def test_a_network_that_finds_nothing_scores_0(data):
    found = evaluate(Knows(), data, "cpu")
    assert found.scores["AP"] == 0
    assert np.isnan(found.scores["AP_large"])
    assert found.confident_errors.counts["missed"] == 8
    assert np.isnan(found.errors.gains["missed"])  # without the missed objects there is none
