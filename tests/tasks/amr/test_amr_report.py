import csv
import json
import math
import re

import numpy as np
import pytest

from common.cost import Latency
from tasks.amr.evaluation import Arm, Cost, Evaluation, Run
from tasks.amr.leakage import check_low_snr
from tasks.amr.report import (
    SnrRange,
    class_table,
    cost_table,
    default_ranges,
    gains_table,
    leakage_table,
    snr_table,
    summary_table,
    write_evaluation,
)
from tasks.amr.scores import Confusion

# Frames of classes A and B at -20, 0 and 10 dB: none, half, and three quarters are right.
COUNTS = np.array([[[0, 4], [4, 0]], [[2, 2], [2, 2]], [[4, 0], [2, 2]]])
SNRS = (-20.0, 0.0, 10.0)


def run(accuracy=50.0, peak_snr=10, counts=COUNTS, **scores):
    """A checkpoint with an overall accuracy, the same below 0 dB, and so on."""
    names = ("peak", "accuracy_below_0dB", "accuracy_from_0dB", "macro_f1", "ece", "nll")
    confusion = Confusion(SNRS, counts)
    told = {"accuracy": accuracy, "peak_snr": peak_snr, **dict.fromkeys(names, accuracy), **scores}
    bins = np.zeros((15, 3))
    bins[9] = 40, 25.0, 20
    return Run({"checkpoint": "a.pth", "seed": 3}, confusion, told, check_low_snr(confusion), 0, (bins,))


def evaluation(**arms):
    cost = Cost(20_459, 680_640, 4 * 20_459, {1: Latency(0.25, 0.5), 256: Latency(15.0, 20.25)})
    return Evaluation({name: Arm(runs, cost) for name, runs in arms.items()}, ("A", "B"), "x.h5", 24, 2)


def test_seeds_are_summed_up_by_mean_and_standard_deviation():
    found = evaluation(teacher=[run(60.0)], ce=[run(50.0), run(53.0, peak_snr=8), run(56.0)])
    teacher, ce = summary_table(found).rows
    assert teacher == ["teacher", "60.00", "60.00", "10", *["60.00"] * 3, 1]
    assert ce == ["ce", "53.00 ± 3.00", "53.00 ± 3.00", "8, 10", *["53.00 ± 3.00"] * 3, 3]


def test_a_gain_is_called_one_only_beyond_the_spread_of_seeds():
    found = evaluation(
        ce=[run(50.0), run(52.0)], kd=[run(53.0), run(53.2)], fit=[run(51.0), run(52.0)], one=[run(60.0)]
    )
    cells = {row[0]: row[1] for row in gains_table(found, "ce").rows}
    assert cells == {"kd": "+2.10 (gain)", "fit": "+0.50 (no gain)", "one": "+9.00 (spread unknown)"}
    assert gains_table(found, "one").rows[0][1] == "-9.00 (spread unknown)"


def test_accuracy_by_snr_stands_beside_chance():
    found = evaluation(kd=[run(), run(counts=COUNTS[:, ::-1])])
    # The second seed's rows are swapped: all, half and a quarter are right.
    assert snr_table(found).rows == [
        ["-20", "50.00 ± 70.71", 50.0],
        ["0", "50.00 ± 0.00", 50.0],
        ["10", "50.00 ± 35.36", 50.0],
    ]


def test_accuracy_by_class_is_over_all_snrs():
    assert class_table(evaluation(kd=[run()])).rows == [["A", "50.00"], ["B", f"{100 * 4 / 12:.2f}"]]


def test_cost_states_threads_and_both_quantiles_of_each_batch():
    table = cost_table(evaluation(kd=[run()]))
    assert "2 threads" in table.title
    assert table.columns[4:] == ["p50, batch 1", "p95, batch 1", "p50, batch 256", "p95, batch 256"]
    assert table.rows == [["kd", 20_459, "0.681", "79.9", "0.25", "0.5", "15", "20.2"]]


def test_leakage_is_told_for_every_checkpoint():
    right = COUNTS.copy()
    right[0] = [[40, 0], [0, 40]]
    rows = leakage_table(evaluation(kd=[run(), run(counts=right)])).rows
    assert rows[0] == ["kd", 1, 8, 0.0, 50.0, "1", "no sign of leakage"]
    assert rows[1][:5] == ["kd", 2, 80, 100.0, 50.0]
    assert rows[1][-1] == "clearly above chance"


def test_without_low_snrs_leakage_is_not_tested():
    kd = run()
    kd.low_snr = None
    assert leakage_table(evaluation(kd=[kd])).rows == [["kd", 1, *[None] * 4, "not tested: no frames at such SNRs"]]


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (SnrRange(-math.inf, -12), "up to -12 dB"),
        (SnrRange(0, 8), "0 to 8 dB"),
        (SnrRange(10, math.inf), "from 10 dB"),
        (SnrRange(-math.inf, math.inf), "all SNRs"),
    ],
)
def test_ranges_of_snr_are_told_in_words(span, text):
    assert str(span) == text


@pytest.mark.parametrize(
    ("snrs", "texts"),
    [
        (range(-20, 20, 2), ["up to -12 dB", "-10 to -2 dB", "0 to 8 dB", "from 10 dB"]),
        (range(-21, 20, 2), ["up to -11 dB", "-9 to -1 dB", "1 to 9 dB", "from 11 dB"]),
        (range(-12, 13), ["up to -11 dB", "-10 to -1 dB", "0 to 9 dB", "from 10 dB"]),
        ((0, 10, 20), ["0 dB", "from 10 dB"]),
        ((-10.5, 9.5), ["up to -10.5 dB", "9.5 dB"]),
    ],
)
def test_every_label_falls_into_one_of_the_ranges(snrs, texts):
    found = default_ranges(snrs)
    assert [str(span) for span in found] == texts
    assert all(sum(span.low <= snr <= span.high for span in found) == 1 for snr in snrs)


def test_pairs_are_told_for_every_label_where_no_ranges_are_given(tmp_path):
    write_evaluation(evaluation(kd=[run()]), tmp_path, {}, "kd")
    rows = read_csv(tmp_path / "confused_pairs.csv")
    assert [row["snr"] for row in rows] == ["all SNRs", "up to -20 dB", "0 dB", "from 10 dB"]


@pytest.fixture
def out(tmp_path):
    """The files of an evaluation of two networks, one of them with two seeds."""
    found = evaluation(ce=[run(50.0), run(52.0)], kd=[run(55.0, temperature=2.0)])
    found.warnings.append("something <odd>")
    write_evaluation(found, tmp_path / "out", {"split": "test"}, "ce", [SnrRange(0, 20), SnrRange(30, 40)])
    return tmp_path / "out"


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_json_has_every_seed_and_their_mean_and_spread(out):
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    ce, kd = record["networks"]["ce"], record["networks"]["kd"]
    assert ce["mean"]["accuracy"] == 51.0
    assert ce["std"]["accuracy"] == pytest.approx(math.sqrt(2))
    assert [each["scores"]["accuracy"] for each in ce["runs"]] == [50.0, 52.0]
    assert (kd["mean"]["temperature"], kd["std"]["accuracy"]) == (2.0, None)
    assert kd["runs"][0]["source"] == {"checkpoint": "a.pth", "seed": 3}
    assert kd["runs"][0]["low_snr"]["frames"] == 8
    assert kd["cost"]["latency_ms"]["256"] == {"p50": 15.0, "p95": 20.25}
    assert (kd["cost"]["threads"], kd["cost"]["macs"]) == (2, 680_640)
    assert (record["snrs"], record["provenance"]) == ([-20, 0, 10], {"split": "test"})


def test_csv_files_have_every_count_and_accuracy(out):
    counted = {
        (row["snr"], row["true"], row["predicted"]): int(row["frames"])
        for row in read_csv(out / "confusion.csv")
        if row["network"] == "kd"
    }
    assert counted[("10.0", "B", "A")] == 2
    assert sum(counted.values()) == COUNTS.sum()
    by_snr = [(row["network"], row["run"], row["accuracy"]) for row in read_csv(out / "accuracy_by_snr.csv")]
    assert by_snr[2] == ("ce", "1", "75.0")
    assert len(by_snr) == 9
    by_class = read_csv(out / "accuracy_by_class.csv")[-1]
    assert by_class == {"network": "kd", "run": "1", "class": "B", "snr": "10.0", "frames": "4", "accuracy": "50.0"}
    scores = read_csv(out / "scores.csv")
    assert [(row["network"], row["accuracy"], row["temperature"]) for row in scores] == [
        ("ce", "50.0", ""),
        ("ce", "52.0", ""),
        ("kd", "55.0", "2.0"),
    ]


def test_pairs_are_told_overall_and_for_the_ranges_that_have_frames(out):
    rows = [row for row in read_csv(out / "confused_pairs.csv") if row["network"] == "kd"]
    assert [row["snr"] for row in rows] == ["all SNRs", "0 to 20 dB"]
    assert (rows[1]["first_as_second"], rows[1]["second_as_first"]) == ("25.0", "50.0")


def test_page_shows_warnings_first_and_needs_nothing_beside_it(out):
    page = (out / "index.html").read_text(encoding="utf-8")
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings[0] == "Warnings"
    assert headings[1:] == [
        *("Scores", "Accuracy against SNR", "Confusion", "Classes", "Cost", "Calibration", "Leakage", "Origin")
    ]
    assert "something &lt;odd&gt;" in page
    # SNR curve, two confusion pictures and one of classes for each network, one of reliability: none was scaled.
    assert len(re.findall("<img ", page)) == 1 + 2 * 3 + 1
    assert not re.search(r"(src|href)=\"(?!data:)|https?://", page)


def test_page_without_warnings_has_no_heading_for_them(tmp_path):
    write_evaluation(evaluation(kd=[run()]), tmp_path, {}, "kd")
    assert "<h2>Warnings" not in (tmp_path / "index.html").read_text(encoding="utf-8")
